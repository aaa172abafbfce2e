"""Errors with a covariance: objective, covariance, intervals and predictions are those of scipy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import optimize, stats

import scaling_fast as sf

ROWS = 14
X = np.geomspace(10.0, 1e4, ROWS)
PLACE = np.arange(ROWS)
SIGMA = np.outer(S := 0.02 * (1 + PLACE / ROWS), S) * 0.7 ** np.abs(np.subtract.outer(PLACE, PLACE))
ERRORS = np.linalg.cholesky(SIGMA) @ np.random.default_rng(7).standard_normal(ROWS)

LINE = ("a + b*log(x)", lambda x, a, b: a + b * np.log(x), (3.0, -0.2))
POWER = ("E + A*x**(-alpha)", lambda x, e, a, alpha: e + a * x**-alpha, (1.5, 4.0, 0.5))
CASES = [("line", LINE, "raw"), ("power", POWER, "raw"), ("power", POWER, "log")]


def gradients(law, x, values):
    """Return d law / d parameter, shape (rows, parameters), exact."""
    if len(values) == 2:
        return np.column_stack([np.ones_like(x), np.log(x)])
    _, a, alpha = values
    power = x**-alpha
    return np.column_stack([np.ones_like(x), power, -a * power * np.log(x)])


def measured(case, residual):
    """Return the fit, and scipy's estimates and both of its covariances, from exact derivatives."""
    formula, law, truth = case
    curve = law(X, *truth)
    y = curve * np.exp(ERRORS) if residual == "log" else curve + ERRORS
    fit = sf.fit({"x": X, "y": y}, formula, target="y", columns={"x": "x"}, residual=residual,
                 sigma=SIGMA, loss=sf.Squared())  # fmt: skip
    target = np.log(y) if residual == "log" else y

    def shown(x, *values):
        return np.log(law(x, *values)) if residual == "log" else law(x, *values)

    def slopes(x, *values):
        by = gradients(law, x, values)
        return by / law(x, *values)[:, None] if residual == "log" else by

    options = {"p0": truth, "jac": slopes, "xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    point, given = optimize.curve_fit(shown, X, target, sigma=SIGMA, absolute_sigma=True, **options)
    _, scaled = optimize.curve_fit(shown, X, target, sigma=SIGMA, **options)
    gap = shown(X, *point) - target
    return fit, point, given, scaled, gap


@pytest.mark.parametrize(("name", "case", "residual"), CASES)
def test_a_fit_with_correlated_errors_is_scipys(name, case, residual):
    fit, point, given, scaled, gap = measured(case, residual)
    assert fit.converged
    assert fit.is_global
    assert list(fit.params.values()) == pytest.approx(point, rel=1e-8)
    assert fit.objective == pytest.approx(0.5 * gap @ np.linalg.solve(SIGMA, gap), rel=1e-8)
    assert fit.residuals() == pytest.approx(gap, abs=1e-8)
    for noise, matrix in (("given", given), ("estimated", scaled)):
        ours = fit.cov(noise=noise).drop("parameter").to_numpy()
        assert ours == pytest.approx(matrix, rel=1e-8)
    quantile = stats.norm.ppf(0.95)
    table = fit.interval(0.9, noise="given")
    half = (table["upper"] - table["lower"]).to_numpy() / 2
    assert half == pytest.approx(quantile * np.sqrt(np.diag(given)), rel=1e-8)
    assert fit.predict({"x": [77.0]})["prediction"].item() == pytest.approx(
        case[1](77.0, *point), rel=1e-8
    )


@pytest.mark.parametrize(("name", "case", "residual"), CASES)
def test_a_confidence_band_is_that_of_the_covariance(name, case, residual):
    fit, point, _, scaled, _ = measured(case, residual)
    new = np.array([5.0, 300.0, 1e5])
    slope = gradients(case[1], new, point)
    middle = case[1](new, *point)
    error = np.sqrt(np.einsum("ij,jk,ik->i", slope, scaled, slope))
    half = stats.t.ppf(0.95, ROWS - len(point)) * error
    band = fit.predict({"x": new}, interval="confidence", level=0.9)
    lower, upper = (
        (middle * np.exp(-half / middle), middle * np.exp(half / middle))
        if residual == "log"
        else (middle - half, middle + half)
    )
    assert band["lower"].to_numpy() == pytest.approx(lower, rel=1e-8)
    assert band["upper"].to_numpy() == pytest.approx(upper, rel=1e-8)
    with pytest.raises(sf.errors.ParameterError, match="how precise a new run"):
        fit.predict(interval="prediction")


def test_a_diagonal_covariance_is_a_column_of_standard_deviations():
    y = POWER[1](X, *POWER[2]) + ERRORS
    options = {"target": "y", "columns": {"x": "x"}, "residual": "raw", "loss": sf.Squared()}
    column = sf.fit({"x": X, "y": y, "s": S}, POWER[0], sigma="s", **options)
    square = sf.fit({"x": X, "y": y}, POWER[0], sigma=np.diag(S**2), **options)
    assert square.objective == pytest.approx(column.objective, rel=1e-9)
    assert square.params == pytest.approx(dict(column.params), rel=1e-7)
    assert sf.profile(square, "alpha").upper == pytest.approx(
        sf.profile(column, "alpha").upper, rel=1e-5
    )


def test_rows_in_another_order_and_rows_left_out_keep_their_covariance():
    y = POWER[1](X, *POWER[2]) * np.exp(ERRORS)
    options = {"columns": {"x": "x"}, "loss": sf.Squared()}
    fit = sf.fit({"x": X, "loss": y}, POWER[0], sigma=SIGMA, **options)
    order = np.random.default_rng(0).permutation(ROWS)
    other = sf.fit({"x": X[order], "loss": y[order]}, POWER[0],
                   sigma=SIGMA[np.ix_(order, order)], **options)  # fmt: skip
    assert other.params == pytest.approx(dict(fit.params), rel=1e-8)
    assert other.residuals() == pytest.approx(fit.residuals()[order], rel=1e-6)
    kept = np.arange(ROWS) != 5
    short = sf.fit({"x": X[kept], "loss": y[kept]}, POWER[0],
                   sigma=SIGMA[np.ix_(kept, kept)], **options)  # fmt: skip
    lost = pl.DataFrame({"x": X, "loss": np.where(kept, y, np.nan)})
    dropped = sf.fit(lost, POWER[0], sigma=SIGMA, nulls="drop", **options)
    assert dropped.params == pytest.approx(dict(short.params), rel=1e-9)


def test_two_inputs_and_a_transformed_target_are_fitted_too():
    rng = np.random.default_rng(3)
    n, d = 10 ** rng.uniform(7, 10, 24), 10 ** rng.uniform(9, 12, 24)
    truth = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    sigma = 0.003**2 * (0.5 * np.eye(24) + 0.5)
    noise = np.linalg.cholesky(sigma) @ rng.standard_normal(24)
    loss = (1.8 + 480 * n**-0.35 + 2100 * d**-0.37) * np.exp(noise)
    frame = {"N": n, "D": d, "loss": loss}
    fit = sf.fit(frame, "chinchilla", sigma=sigma, loss=sf.Squared())
    assert fit.is_global
    for name, value in truth.items():
        assert fit.params[name] == pytest.approx(value, rel=0.35)
    same = sf.fit(frame, "log(loss) ~ log(E + A*N**(-alpha) + B*D**(-beta))", sigma=sigma,
                  columns={"N": "N", "D": "D"}, params=fit.law.params, loss=sf.Squared())  # fmt: skip
    assert same.objective == pytest.approx(fit.objective, rel=1e-9)


def test_only_parametric_draws_keep_the_covariance():
    fit = measured(POWER, "raw")[0]
    boot = sf.bootstrap(fit, sf.Parametric(sd=1.0), n=3_000)
    errors = np.sqrt(np.diag(fit.cov(noise="given").drop("parameter").to_numpy()))
    spread = [boot.draws[name].std() for name in fit.law.params]
    assert spread == pytest.approx(errors, rel=0.12)
    for scheme in (sf.Pairs(), sf.Residuals(), sf.Wild(), sf.Bayesian(), sf.Jackknife()):
        with pytest.raises(sf.errors.ParameterError, match=r"Parametric\(\)"):
            sf.bootstrap(fit, scheme)
    for method in ("percentile", "basic", "normal", "bc", "studentized"):
        assert boot.interval(method=method)["lower"].is_finite().all()
    with pytest.raises(sf.errors.ParameterError, match=r"Parametric\(\)"):
        boot.interval(method="bca")


def test_a_fit_with_a_covariance_is_saved(tmp_path):
    fit = measured(POWER, "log")[0]
    fit.save(tmp_path / "fit.scaling")
    again = sf.load(tmp_path / "fit.scaling")
    assert again.objective_at(again.params) == fit.objective
    assert again.cov().equals(fit.cov())
    assert "correlated log residuals" in again.summary()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loss": sf.Huber(1e-3)}, r"use loss=Squared\(\)"),
        ({"by": "g"}, "one group at a time"),
        ({"weights": "w"}, "leave them out"),
        ({"residual": sf.LogExcess("E")}, "log residuals"),
        ({"sigma": SIGMA[:3, :3]}, "14 x 14"),
        ({"sigma": SIGMA + np.triu(SIGMA, 1)}, "equal to its transpose"),
        ({"sigma": np.ones((ROWS, ROWS))}, "not positive definite"),
        ({"sigma": np.full((ROWS, ROWS), np.nan)}, "must be finite"),
        ({"sigma": np.full((ROWS, ROWS), "a")}, "square array of numbers"),
    ],
)
def test_what_a_covariance_excludes_is_said(options, said):
    y = POWER[1](X, *POWER[2]) * np.exp(ERRORS)
    frame = {"x": X, "loss": y, "g": PLACE % 2, "w": np.ones(ROWS)}
    defaults = {"sigma": SIGMA, "loss": sf.Squared(), "columns": {"x": "x"}}
    with pytest.raises(sf.ScalingError, match=said):
        sf.fit(frame, POWER[0], **(defaults | options))


def test_a_sandwich_and_a_simulation_of_independent_errors_are_refused():
    fit = measured(POWER, "raw")[0]
    for ask in (lambda: fit.cov("sandwich"), lambda: sf.stress.coverage(fit, sf.Parametric())):
        with pytest.raises(sf.errors.ParameterError, match="covariance"):
            ask()
