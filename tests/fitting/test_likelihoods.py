"""Losses whose scale is estimated with the law: the joint optimum, its scale, and what is honest without one."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import optimize, stats

import scaling_fast as sf

FORMULA = "E + A*x**(-alpha)"
NAMES = ("E", "A", "alpha")
TRUTH = {"E": 1.7, "A": 40.0, "alpha": 0.35}
LOSSES = [
    sf.ScaledHuber(1e-3),
    sf.ScaledHuber(0.1),
    sf.ScaledHuber(1.345),
    sf.ScaledHuber(100),
    sf.StudentT(1),
    sf.StudentT(4),
    sf.StudentT(1e6),
]


def runs(n=40, seed=5, sd=0.01):
    rng = np.random.default_rng(seed)
    x = np.geomspace(1e2, 1e7, n)
    noise = sd * rng.standard_t(3, n)
    return pl.DataFrame({"x": x, "loss": (1.7 + 40 * x**-0.35) * np.exp(noise)})


def negative_log_density(loss):
    """Return u -> -ln p(u), written out apart from the core."""
    if isinstance(loss, sf.StudentT):
        return lambda u: -stats.t.logpdf(u, loss.nu)
    delta = loss.delta
    norm = math.log(
        math.sqrt(2 * math.pi) * (1 - 2 * stats.norm.sf(delta))
        + 2 * math.exp(-(delta**2) / 2) / delta
    )
    return lambda u: np.where(np.abs(u) <= delta, u**2 / 2, delta * (np.abs(u) - delta / 2)) + norm


def joint(frame, loss, weights=None, sigma=1.0):
    """Return (E, A, alpha, ln s) -> the exact negative log-likelihood."""
    x, y = frame["x"].to_numpy(), frame["loss"].to_numpy()
    cost = negative_log_density(loss)
    w = np.ones(len(x)) if weights is None else weights

    def value(point):
        E, A, alpha, ln_scale = point
        with np.errstate(all="ignore"):
            r = (np.log(E + A * x**-alpha) - np.log(y)) / sigma
            total = float(np.sum(w * (cost(r / math.exp(ln_scale)) + ln_scale)))
        return total if math.isfinite(total) else 1e300

    return value


def point_of(fit):
    return [*(fit.params[name] for name in NAMES), math.log(fit.scale)]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_objective_is_the_negative_log_likelihood_at_the_scale_of_the_fit(loss):
    frame = runs()
    fit = sf.fit(frame, FORMULA, loss=loss)
    assert fit.converged
    assert fit.is_global
    assert fit.objective == pytest.approx(joint(frame, loss)(point_of(fit)), rel=1e-12)
    assert fit.objective_at(fit.params) == pytest.approx(fit.objective, rel=1e-13)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_scipy_finds_no_better_law_and_scale_together(loss):
    frame = runs()
    fit = sf.fit(frame, FORMULA, loss=loss)
    value, best = joint(frame, loss), np.array(point_of(fit))
    at = value(best)
    starts = [best, best * [1.01, 0.9, 1.05, 0.95], [*TRUTH.values(), math.log(0.01)]]
    for start in starts:
        found = optimize.minimize(
            value,
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-12, "fatol": 1e-13, "maxiter": 8000},
        )
        assert found.fun >= at - 1e-9 * abs(at), start


@pytest.mark.parametrize("nu", [1.5, 4.0, 30.0])
def test_student_t_agrees_with_scipy_on_the_exact_likelihood(nu):
    """To 1e-9 of the objective, and the parameters to what that determines."""
    frame = runs(n=60, seed=8)
    fit = sf.fit(frame, FORMULA, loss=sf.StudentT(nu))
    value = joint(frame, sf.StudentT(nu))
    found = optimize.minimize(
        value,
        [*TRUTH.values(), math.log(0.01)],
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 20000, "maxfev": 20000},
    )
    found = optimize.minimize(value, found.x, method="BFGS", options={"gtol": 1e-9})
    assert fit.objective == pytest.approx(found.fun, rel=1e-9)
    for name, theirs in zip(NAMES, found.x, strict=False):
        assert fit.params[name] == pytest.approx(theirs, rel=2e-4)
    assert fit.scale == pytest.approx(math.exp(found.x[3]), rel=1e-4)


def test_besiroglu_is_the_scaled_huber_fit_and_that_is_least_absolute_deviations(reference):
    """Unrounded values of Besiroglu et al. (2024), and their log-likelihoods 879.773 and 837.775."""
    frame = pl.read_csv(reference("chinchilla_epoch.csv")).filter(pl.col("keep_240") == 1)
    columns = {"N": "params", "D": "tokens"}
    fit = sf.fit(frame, "chinchilla", columns=columns, loss=sf.ScaledHuber(1e-3))
    published = {"A": 482.006, "B": 2085.436, "E": 1.816864, "alpha": 0.347813, "beta": 0.365854}
    for name, value in published.items():
        assert fit.params[name] == pytest.approx(value, rel=2e-6), name
    assert fit.is_global
    assert fit.objective == pytest.approx(-879.773, abs=5e-4)
    hoffmann = {
        "A": math.exp(6.0073404),
        "B": math.exp(6.0179186),
        "E": math.exp(0.5267228),
        "alpha": 0.33917084,
        "beta": 0.2849083,
    }
    assert fit.objective_at(hoffmann) == pytest.approx(-837.775, abs=5e-4)
    absolute = sf.fit(frame, "chinchilla", columns=columns, loss=sf.Absolute())
    assert fit.scale == pytest.approx(1e-3 * absolute.objective / 240, rel=1e-7)
    for name, value in absolute.params.items():
        assert fit.params[name] == pytest.approx(value, rel=2e-6), name


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_group_is_fitted_as_if_it_were_alone(loss):
    frames = [runs(seed=seed).with_columns(run=pl.lit(seed)) for seed in (1, 2, 3)]
    grouped = sf.fit(pl.concat(frames), FORMULA, columns={"x": "x"}, by="run", loss=loss)
    assert grouped.table["scale"].is_finite().all()
    with pytest.raises(sf.errors.ParameterError, match=r"`scale`.*\.table"):
        _ = grouped.scale
    for row, frame in zip(grouped.table.iter_rows(named=True), frames, strict=True):
        alone = sf.fit(frame, FORMULA, columns={"x": "x"}, loss=loss)
        assert row["objective"] == alone.objective
        assert row["scale"] == alone.scale


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_whole_weights_are_repeated_rows(loss):
    frame = runs()
    weights = np.array([1, 2, 3, 1] * 10)
    weighted = sf.fit(frame, FORMULA, loss=loss, weights=weights)
    repeated = sf.fit(frame[np.repeat(np.arange(40), weights)], FORMULA, loss=loss)
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-11)
    assert weighted.scale == pytest.approx(repeated.scale, rel=1e-6)
    value = joint(frame, loss, weights=weights)
    assert weighted.objective == pytest.approx(value(point_of(weighted)), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_sigma_divides_residuals_before_the_scale_is_estimated(loss):
    frame, sigma = runs(), np.linspace(0.5, 2.0, 40)
    fit = sf.fit(frame, FORMULA, loss=loss, sigma=sigma)
    assert fit.objective == pytest.approx(joint(frame, loss, sigma=sigma)(point_of(fit)), rel=1e-11)
    larger = sf.fit(frame, FORMULA, loss=loss, sigma=1000 * sigma)
    assert larger.scale == pytest.approx(fit.scale / 1000, rel=1e-9)
    assert larger.objective == pytest.approx(fit.objective - 40 * math.log(1000), rel=1e-11)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_raw_residuals_scale_with_the_target(loss):
    frame = runs()
    fit = sf.fit(frame, FORMULA, loss=loss, residual="raw")
    large = frame.with_columns(pl.col("loss") * 1e6)
    other = sf.fit(large, FORMULA, loss=loss, residual="raw")
    assert other.scale == pytest.approx(1e6 * fit.scale, rel=1e-8)
    assert other.params["A"] == pytest.approx(1e6 * fit.params["A"], rel=1e-5)
    assert other.objective == pytest.approx(fit.objective + 40 * math.log(1e6), rel=1e-11)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_replicate_estimates_its_scale_anew(loss):
    frame = runs()
    fit = sf.fit(frame, FORMULA, loss=loss)
    rows = np.random.default_rng(0).integers(0, 40, (20, 40))
    boot = sf.bootstrap(fit, sf.Indices(rows))
    assert boot.failures.height == 0
    same = 0
    for index, row in zip(rows, boot.draws.iter_rows(named=True), strict=True):
        alone = sf.fit(frame[index], FORMULA, loss=loss)
        point = {name: row[name] for name in fit.params}
        assert row["objective"] == pytest.approx(alone.objective_at(point), rel=1e-8)
        assert alone.objective <= row["objective"] + 1e-8 * abs(row["objective"])
        same += row["objective"] == pytest.approx(alone.objective, rel=1e-8)
    # A warm refit may keep to its basin where Student's tails leave a deeper one to a search.
    assert same >= 19


def test_draws_do_not_depend_on_threads():
    fit = sf.fit(runs(), FORMULA, loss=sf.StudentT(4))
    digests = {sf.bootstrap(fit, n=300, seed=3, threads=k).digest for k in (1, 2)}
    assert len(digests) == 1


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_saved_fit_comes_back_with_its_loss_and_scale(loss, tmp_path):
    fit = sf.fit(runs(), FORMULA, loss=loss)
    fit.save(tmp_path / "fit.scaling")
    again = sf.load(tmp_path / "fit.scaling")
    assert again.loss == loss
    assert again.scale == fit.scale
    assert again.objective_at(again.params) == fit.objective_at(fit.params)
    assert f"scale      {fit.scale:.8g}" in again.summary()


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("residual", ["log", "raw"])
def test_data_without_noise_have_no_scale_and_say_so(loss, residual):
    x = np.geomspace(1.0, 1e4, 12)
    frame = {"x": x, "loss": 1.7 + 40 * x**-0.35}
    fit = sf.fit(frame, FORMULA, loss=loss, residual=residual)
    assert fit.status == "degenerate"
    assert fit.objective == -math.inf
    assert fit.scale == 0.0
    assert [finding.code for finding in fit.findings if finding.severity == "red"] == ["no_scale"]
    for name, value in TRUTH.items():
        assert fit.params[name] == pytest.approx(value, rel=1e-6)
    boot = sf.bootstrap(fit, n=20)
    assert set(boot.failures["status"]) <= {"degenerate", "not_identified", "too_few_rows"}
    with pytest.raises(sf.errors.DataError, match="no scale"):
        fit.cov()


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_curve_through_every_row_is_degenerate(loss):
    frame = {"x": [1.0, 10.0, 100.0], "loss": [3.0, 2.0, 1.6]}
    fit = sf.fit(frame, FORMULA, loss=loss)
    assert fit.status == "degenerate"
    assert fit.scale == 0.0


def test_student_t_has_no_maximum_where_p_rows_outweigh_its_tails():
    """With n < p (nu + 1)/nu a curve through p of the rows makes the likelihood infinite."""
    frame = runs(n=5, sd=0.05)
    assert sf.fit(frame, FORMULA, loss=sf.StudentT(0.5)).status == "degenerate"
    assert sf.fit(frame, FORMULA, loss=sf.ScaledHuber(1.345)).converged


def test_one_wild_row_moves_a_student_t_fit_little():
    frame = runs()
    wild = frame.with_columns(loss=pl.when(pl.int_range(40) == 20).then(1e6).otherwise("loss"))
    clean, dirty = (sf.fit(rows, FORMULA, loss=sf.StudentT(4)) for rows in (frame, wild))
    assert dirty.converged
    assert dirty.params["E"] == pytest.approx(clean.params["E"], rel=0.02)
    assert dirty.scale < 2 * clean.scale


def numeric_hessian(value, point, steps):
    n = len(point)
    out = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            di, dj = np.eye(n)[i] * steps[i], np.eye(n)[j] * steps[j]
            out[i, j] = (
                value(point + di + dj)
                - value(point + di - dj)
                - value(point - di + dj)
                + value(point - di - dj)
            ) / (4 * steps[i] * steps[j])
    return out


def test_the_hessian_covariance_is_the_inverse_information_of_law_and_scale():
    """A law linear on the residual's scale has no second derivatives of its own to leave out."""
    x = np.linspace(0.0, 4.0, 50)
    noise = np.random.default_rng(3).standard_t(4, 50)
    frame = {"x": x, "y": 2.0 + 3.0 * x + 0.3 * noise}
    loss = sf.StudentT(4)
    fit = sf.fit(frame, "a + b*x", target="y", residual="raw", loss=loss)

    def value(point):
        a, b, ln_scale = point
        u = (a + b * x - frame["y"]) / math.exp(ln_scale)
        return float(np.sum(-stats.t.logpdf(u, 4) + ln_scale))

    point = np.array([fit.params["a"], fit.params["b"], math.log(fit.scale)])
    information = numeric_hessian(value, point, np.array([1e-4, 1e-4, 1e-4]))
    expected = np.linalg.inv(information)[:2, :2]
    assert fit.cov("hessian").drop("parameter").to_numpy() == pytest.approx(expected, rel=1e-5)

    # The sandwich of the joint scores, by differences of each row's likelihood.
    scores = np.empty((50, 3))
    for k in range(3):
        step = np.eye(3)[k] * 1e-6
        rows = [
            -stats.t.logpdf((p[0] + p[1] * x - frame["y"]) / math.exp(p[2]), 4) + p[2]
            for p in (point + step, point - step)
        ]
        scores[:, k] = (rows[0] - rows[1]) / 2e-6
    bread = np.linalg.inv(information)
    sandwich = 50 / 48 * (bread @ scores.T @ scores @ bread)[:2, :2]
    assert fit.cov("sandwich").drop("parameter").to_numpy() == pytest.approx(sandwich, rel=1e-5)
    # Every row its own cluster differs by the correction alone.
    alone = sf.fit(
        frame | {"run": np.arange(50)},
        "a + b*x",
        columns={"x": "x"},
        target="y",
        residual="raw",
        loss=loss,
    )
    clustered = alone.cov(cluster="run").drop("parameter").to_numpy()
    assert clustered == pytest.approx(sandwich * (50 / 49) / (50 / 48), rel=1e-5)


def test_a_wide_scaled_huber_has_the_covariance_of_least_squares():
    frame = runs()
    wide = (
        sf.fit(frame, FORMULA, loss=sf.ScaledHuber(1e3)).cov("hessian").drop("parameter").to_numpy()
    )
    squares = sf.fit(frame, FORMULA, loss=sf.Squared()).cov().drop("parameter").to_numpy()
    assert wide * 40 / 37 == pytest.approx(squares, rel=1e-5)


def test_a_covariance_is_refused_where_no_curvature_can_be_read():
    fit = sf.fit(runs(), FORMULA, loss=sf.ScaledHuber(1e-3))
    with pytest.raises(sf.errors.ParameterError, match=r"bootstrap\(fit\)"):
        fit.cov()
    with pytest.raises(sf.errors.ParameterError, match="scale is estimated"):
        sf.fit(runs(), FORMULA, loss=sf.StudentT(4)).cov(noise="given")
