"""The reference problem: Huber(1e-3) of log residuals on the 240 runs of Besiroglu et al. (2024).

The figures were polished in 50-digit arithmetic, and are those of
chinchilla_reference.json; each test says which it cites and within what.
"""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

OBJECTIVE = 1.018274017800603736e-3
"""Polished in 50-digit arithmetic."""

LOGS = {"A": 6.16924637372317949, "B": 7.67015673309542644, "E": 0.597306814687365498}
EXPONENTS = {"alpha": 0.347310498881754934, "beta": 0.367172432627762663}
OPTIMUM = {name: math.exp(value) for name, value in LOGS.items()} | EXPONENTS

QUADRATIC_ROWS = 39
"""Rows within delta of the curve at the optimum ."""

FORMULA = "E + A/N**alpha + B/D**beta"
COLUMNS = {"N": "params", "D": "tokens"}


@pytest.fixture(scope="module")
def every_run(reference):
    return pl.read_csv(reference("chinchilla_epoch.csv"))


@pytest.fixture(scope="module")
def runs(every_run):
    return every_run.filter(pl.col("keep_240") == 1)


@pytest.fixture(scope="module")
def published(reference):
    return json.loads(reference("chinchilla_reference.json").read_text())


@pytest.fixture(scope="module")
def best(runs):
    return sf.fit(runs, "chinchilla", columns=COLUMNS)


def fitted(runs, law="chinchilla", **options):
    return sf.fit(runs, law, columns=COLUMNS, **options)


def assert_params(fit, expected, relative):
    for name, value in expected.items():
        assert fit.params[name] == pytest.approx(value, rel=relative, abs=0), name


def test_the_objective_is_that_of_fifty_digit_arithmetic(runs, best):
    """1.018274017800603736e-3 to 1e-12 relative."""
    assert best.n == runs.height == 240
    assert best.objective == pytest.approx(OBJECTIVE, rel=1e-12, abs=0)
    assert best.objective_at(OPTIMUM) == pytest.approx(OBJECTIVE, rel=1e-12, abs=0)


def test_the_parameters_are_those_of_fifty_digit_arithmetic(best):
    """A, b, e, alpha, beta to 1e-7."""
    for name, value in LOGS.items():
        assert math.log(best.params[name]) == pytest.approx(value, abs=1e-7), name
    assert_params(best, EXPONENTS, 1e-7)
    a = EXPONENTS["beta"] / (EXPONENTS["alpha"] + EXPONENTS["beta"])
    assert best.derived["a"] == pytest.approx(a, rel=1e-7)


def test_39_of_240_rows_lie_in_the_quadratic_zone(best):
    assert int((np.abs(best.residuals()) <= 1e-3).sum()) == QUADRATIC_ROWS


def test_the_optimum_is_certified_and_global(best):
    """Gradient 1e-8, decrease 1e-14, multipliers 1, 3 starts."""
    assert best.converged
    assert best.is_global
    assert 0 <= best.certificate.gradient <= 1e-8
    assert 0 <= best.certificate.decrease <= 1e-14
    assert 0 <= best.certificate.multiplier <= 1
    assert best.table["agreement"].item() >= 3
    assert best.table["at_bound"].to_list() == [[]]


def test_the_certificates_gradient_is_the_one_of_the_definition(best):
    """|J_j' psi| / (||J_j|| ||psi||), recomputed here from the rows."""
    jacobian, residual = best.jacobian(), best.residuals()
    psi = np.clip(residual, -1e-3, 1e-3)
    size = np.linalg.norm(jacobian, axis=0) * np.linalg.norm(psi)
    assert (np.abs(jacobian.T @ psi) / size).max() <= 1e-8


@pytest.mark.parametrize("factor", [1e6, 1 / 240, 1e-6])
def test_the_scale_of_the_objective_changes_nothing(runs, best, factor):
    """Sum, mean or times 1e6; parameters to 1e-9, objective to 1e-12."""
    scaled = fitted(runs, weights=np.full(240, factor))
    assert scaled.converged
    assert scaled.is_global
    assert scaled.objective == pytest.approx(factor * OBJECTIVE, rel=1e-12, abs=0)
    assert_params(scaled, best.params, 1e-9)


@pytest.mark.parametrize("place", range(8))
def test_other_deltas_and_all_245_rows(every_run, published, place):
    """chinchilla_reference.json `converged`: the digits that are printed."""
    row = published["converged"][place]
    runs = every_run.filter(pl.col("keep_240") == 1) if row["n"] == 240 else every_run
    fit = fitted(runs, loss=sf.Huber(row["delta"]))
    assert fit.n == row["n"]
    assert fit.converged
    assert fit.is_global
    # The table prints 13 to 14 digits of the sum and parameters to about 1e-9.
    assert fit.objective == pytest.approx(row["sum"], rel=2e-12, abs=0)
    assert fit.objective / fit.n == pytest.approx(row["mean"], rel=1e-12, abs=0)
    expected = {name: row[name] for name in OPTIMUM}
    assert_params(fit, expected, 1e-7)


def test_a_huber_that_never_acts_is_least_squares(every_run, published):
    """chinchilla_reference.json: delta 1000 is the pure log-MSE."""
    row = published["converged"][-1]
    fit = fitted(every_run, loss=sf.Squared())
    assert fit.objective == pytest.approx(row["sum"], rel=2e-12, abs=0)
    assert_params(fit, {name: row[name] for name in OPTIMUM}, 1e-7)


@pytest.fixture(scope="module")
def lad(runs):
    return fitted(runs, loss=sf.Absolute())


def test_the_least_absolute_optimum(published, lad):
    """chinchilla_reference.json `lad_240`: sum |r| 1.129494653622 to 1e-9."""
    row = published["lad_240"]
    assert lad.converged
    assert lad.objective == pytest.approx(row["sum_abs"], rel=1e-9, abs=0)
    # Nine to ten printed digits; a vertex is fixed by its rows, so its parameters are as sharp.
    assert_params(lad, {name: row[name] for name in OPTIMUM}, 1e-7)


def test_the_least_absolute_optimum_passes_through_its_rows(published, lad):
    """chinchilla_reference.json: five residuals are zero, as many as parameters, and which.

    Its row numbers are those of the file, whose first five rows are the ones dropped.
    """
    size = np.abs(lad.residuals())
    rows = (np.sort(np.argsort(size)[:5]) + 5).tolist()
    assert rows == published["lad_240"]["zero_residual_rows"]
    assert np.sort(size)[4] <= 1e-10 < 1e-6 < np.sort(size)[5]


def test_the_least_absolute_optimum_is_certified_by_its_multipliers(lad):
    """Kinks are certified by multipliers within [-1, 1]."""
    assert lad.is_global
    assert lad.certificate.multiplier <= 1
    # Independently: the other rows' pull is a combination of the five rows of the vertex.
    jacobian, residual = lad.jacobian(), lad.residuals()
    vertex = np.argsort(np.abs(residual))[:5]
    others = np.setdiff1d(np.arange(240), vertex)
    pull = np.sign(residual[others]) @ jacobian[others]
    multipliers = np.linalg.solve(jacobian[vertex].T, -pull)
    assert np.abs(multipliers).max() <= 1


def test_the_published_besiroglu_point_is_the_least_absolute_one(best, lad, published):
    """The published point is the LAD optimum, not the Huber(1e-3) one."""
    point = {name: published["published"]["besiroglu2024"][name] for name in OPTIMUM}
    assert lad.params["A"] == pytest.approx(point["A"], abs=0.01)
    assert abs(best.params["A"] - point["A"]) > 4
    assert best.objective < best.objective_at(point)


@pytest.mark.parametrize(
    ("formula", "logged"),
    [
        (FORMULA, ()),
        ("E + A*N**(-alpha) + B*D**(-beta)", ()),
        ("E + exp(a - alpha*log(N)) + exp(b - beta*log(D))", ("A", "B")),
        ("exp(e) + exp(a)/N**alpha + exp(b)*D**(-beta)", ("A", "B", "E")),
        ("E + A*exp(-alpha*log(N)) + B*exp(-beta*log(D))", ()),
        ("exp(logaddexp(e, logaddexp(a - alpha*log(N), b - beta*log(D))))", ("A", "B", "E")),
    ],
)
def test_a_users_formula_gives_the_same_numbers(runs, best, formula, logged):
    """Rewritten forms have the same optimum, its objective to 1e-12."""
    fit = sf.fit(runs, formula, columns=COLUMNS)
    assert fit.converged
    assert fit.objective == pytest.approx(OBJECTIVE, rel=1e-12, abs=0)
    for name, value in OPTIMUM.items():
        got = math.exp(fit.params[name.lower()]) if name in logged else fit.params[name]
        assert got == pytest.approx(value, rel=1e-7), name
    prediction = fit.predict(runs.select(N="params", D="tokens"))["prediction"].to_numpy()
    assert prediction == pytest.approx(best.predict()["prediction"].to_numpy(), rel=1e-9)


@pytest.mark.parametrize("rows", [240, 245])
def test_the_objective_at_published_points(every_run, published, rows):
    """chinchilla_reference.json `at_fixed_params_delta_1e_3`: 12 significant digits are printed."""
    runs = every_run.filter(pl.col("keep_240") == 1) if rows == 240 else every_run
    fit = fitted(runs, starts=OPTIMUM)
    said = published["published"]
    unrounded = said["hoffmann2022_log_unrounded"]
    points = {
        "hoffmann_rounded": {name: said["hoffmann2022_rounded"][name] for name in OPTIMUM},
        "hoffmann_tex": {name: math.exp(unrounded[name.lower()]) for name in LOGS}
        | {name: unrounded[name] for name in EXPONENTS},
    }
    for name, point in points.items():
        expected = published["at_fixed_params_delta_1e_3"][f"{name}_{rows}"]
        # half a unit of the last printed digit: 1e-14 absolute or better
        assert fit.objective_at(point) == pytest.approx(expected, rel=2e-12, abs=5e-15), name


@pytest.mark.parametrize("rows", [240, 245])
def test_the_objective_at_the_published_besiroglu_point(every_run, published, rows):
    """`epoch_published`: the point is known to the digits that were printed.

    The tolerance is what half a unit of each last digit moves the objective by.
    """
    runs = every_run.filter(pl.col("keep_240") == 1) if rows == 240 else every_run
    fit = fitted(runs, starts=OPTIMUM)
    point = {"A": 482.006, "B": 2085.436, "E": 1.816864, "alpha": 0.347813, "beta": 0.365854}
    units = {"A": 1e-3, "B": 1e-3, "E": 1e-6, "alpha": 1e-6, "beta": 1e-6}
    slope = np.clip(fit.residuals(point), -1e-3, 1e-3) @ fit.jacobian(point)
    known_to = sum(abs(s) * units[name] / 2 for s, name in zip(slope, fit.params, strict=True))
    expected = published["at_fixed_params_delta_1e_3"][f"epoch_published_{rows}"]
    assert known_to < 1e-4 * expected
    assert fit.objective_at(point) == pytest.approx(expected, abs=known_to, rel=0)


def test_one_given_start_is_local_and_never_global(runs):
    """One given start is a local fit; `is_global` needs a search."""
    fit = fitted(runs, starts=OPTIMUM)
    assert fit.converged
    assert not fit.is_global
    assert fit.table["n_starts"].item() == 1
    assert fit.objective == pytest.approx(OBJECTIVE, rel=1e-12, abs=0)


def test_early_stopping_at_the_published_values_is_not_repeated(runs):
    """Scipy's L-BFGS-B stops 14 % above from here and says success."""
    start = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
    fit = fitted(runs, starts=start)
    assert fit.converged
    assert fit.objective == pytest.approx(OBJECTIVE, rel=1e-9, abs=0)


def test_no_start_of_the_published_grid_is_converged_where_it_is_not_stationary(runs, best):
    """No `converged` where the gradient does not vanish."""
    rng = np.random.default_rng(2022)
    grid = [
        np.arange(0, 26, 5),
        np.arange(0, 26, 5),
        np.arange(-1, 1.1, 0.5),
        np.arange(0, 2.1, 0.5),
    ]
    reached = 0
    for _ in range(60):
        a, b, e, alpha = (float(rng.choice(axis)) for axis in grid)
        beta = float(rng.choice(grid[3]))
        start = {"A": math.exp(a), "B": math.exp(b), "E": math.exp(e), "alpha": alpha, "beta": beta}
        fit = fitted(runs, starts=start)
        assert fit.objective >= OBJECTIVE * (1 - 1e-12)
        if not fit.converged:
            continue
        bound = fit.table["at_bound"].item()
        jacobian, psi = fit.jacobian(), np.clip(fit.residuals(), -1e-3, 1e-3)
        free = [j for j, name in enumerate(fit.params) if name not in bound]
        size = np.linalg.norm(jacobian[:, free], axis=0) * np.linalg.norm(psi)
        assert (np.abs(jacobian[:, free].T @ psi) <= 1e-7 * size).all(), start
        reached += fit.objective <= OBJECTIVE * (1 + 1e-9)
    assert reached > 0


def test_the_objective_is_the_loss_of_the_residuals(best):
    """The sum of rho of ln f - ln y, r^2/2 inside and delta(|r| - delta/2) outside."""
    size = np.abs(best.residuals())
    rho = np.where(size <= 1e-3, size**2 / 2, 1e-3 * (size - 5e-4))
    assert best.objective == pytest.approx(math.fsum(rho), rel=1e-12, abs=0)
