"""Where a law has a value, as a fit meets it: signs of columns, NaN, powers of 0, functions at their limits."""

from __future__ import annotations

import numpy as np
import pytest

import scaling_fast as sf

PLAIN = {"loss": sf.Squared(), "residual": "raw"}
X = np.r_[np.linspace(-3, -0.2, 15), np.linspace(0.2, 3, 15)]
T = np.linspace(0.0, 1.0, 21)
ROWS = np.random.default_rng(0).standard_normal(21)


@pytest.mark.parametrize(
    "power", ["(x**2)**0.7", "(x*x)**0.7", "abs(x)**1.4", "exp(0.7*log(x**2))"]
)
def test_a_threshold_on_an_even_power_is_met_on_both_sides_of_zero(power):
    y = np.where((X**2) ** 0.7 < 1, 1.0, 2.0) + 0.01 * np.sin(7 * X)
    fit = sf.fit({"x": X, "loss": y}, f"where({power} < 1.0, a, b)", **PLAIN)
    inside = np.abs(X) < 1
    assert fit.params["a"] == pytest.approx(y[inside].mean(), abs=1e-12)
    assert fit.params["b"] == pytest.approx(y[~inside].mean(), abs=1e-12)


def test_a_fit_never_ends_where_a_comparison_has_no_answer():
    with pytest.raises(sf.errors.ConvergenceError, match="no finite objective"):
        sf.fit(
            {"x": X, "loss": np.where(X < 0, 2.0, 1.0)}, "where(log(x + 1) < 1.0, a, b)", **PLAIN
        )


@pytest.mark.parametrize(
    ("law", "truth"),
    [
        ("E + A*(x**2)**0.7", {"E": 2.0, "A": 0.5}),
        ("E + A*(x*x)**b", {"E": 2.0, "A": 0.5, "b": 0.7}),
        ("E + A*sqrt(x**2)**b", {"E": 2.0, "A": 0.5, "b": 1.4}),
        ("E + A*(x*y)**b", {"E": 2.0, "A": 0.5, "b": 0.7}),
    ],
)
def test_powers_of_even_products_are_fitted_on_negative_columns(law, truth):
    y = 2 + 0.5 * (X**2) ** 0.7
    fit = sf.fit({"x": X, "y": X, "loss": y}, law, **PLAIN)
    assert fit.converged
    assert dict(fit.params) == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize(
    "law", ["E + A*log(x**2)", "E + A*log(x*x)", "E + A*log(x*y)", "E + 2*A*log(abs(x))"]
)
def test_logarithms_of_even_products_are_fitted_on_negative_columns(law):
    fit = sf.fit({"x": X, "y": X, "loss": 2 + 0.5 * np.log(X**2)}, law, **PLAIN)
    assert dict(fit.params) == pytest.approx({"E": 2.0, "A": 0.5}, rel=1e-9)


@pytest.mark.parametrize("law", ["log(x)", "log(x**3)", "E + A*(2*x)**b"])
def test_what_needs_a_positive_column_still_names_the_row(law):
    with pytest.raises(sf.errors.DataError, match=r"`x` must be positive .*; row 0 holds"):
        sf.fit({"x": X, "loss": np.ones(X.size)}, f"c + {law}", **PLAIN)


@pytest.mark.parametrize(
    "law", ["E + A*(1 - t)**b", "E + A*where(t < 1, (1 - t)**b, 0)", "E + A*exp(b*log(1 - t))"]
)
def test_the_power_of_a_rest_is_zero_where_nothing_is_left(law):
    y = 1.5 + 0.8 * (1 - T) ** 0.6 + 0.003 * ROWS
    fit = sf.fit({"t": T, "loss": y}, law, **PLAIN)
    assert fit.converged
    assert fit.objective == pytest.approx(5.72794672515936e-05, rel=1e-9)
    assert fit.cov().select("E", "A", "b").to_numpy().diagonal().min() > 0


def test_the_rectified_law_takes_rows_without_data():
    """B/(Dl + D**beta) has a value at D = 0: rectified fine-tuning laws begin there (Lin et al. 2024)."""
    d = np.r_[0.0, np.geomspace(200.0, 1.6e6, 13)]
    truth = {"E": 1.2, "B": 700.0, "Dl": 400.0, "beta": 0.57}
    y = truth["E"] + truth["B"] / (truth["Dl"] + d ** truth["beta"])
    # With -beta the law is the same, E and B changed.
    rising = {"beta": sf.Param(lower=0)}
    fit = sf.fit({"D": d, "loss": y}, "E + B/(Dl + D**beta)", params=rising, **PLAIN)
    assert fit.converged
    assert dict(fit.params) == pytest.approx(truth, rel=1e-6)
    assert fit.predict({"D": [0.0]})["prediction"][0] == pytest.approx(y[0], rel=1e-9)
    with pytest.raises(sf.errors.DataError, match="`D` must be positive because the law uses D"):
        sf.fit({"D": d, "loss": y}, "E + B*D**beta", **PLAIN)
    with pytest.raises(sf.errors.DataError, match=r"`D` must be non-negative .*; row 0 holds `-1`"):
        sf.fit({"D": np.r_[-1.0, d[1:]], "loss": y}, "E + B/(Dl + D**beta)", **PLAIN)


def test_a_logistic_far_out_has_a_value_and_derivatives():
    x = np.r_[np.linspace(-6.0, 6.0, 25), 2e3, -2e3]
    y = 0.3 + 2.0 / (1 + np.exp(np.minimum(1.5 * (x - 0.5), 700.0)))
    fit = sf.fit({"x": x, "loss": y}, "E + B/(1 + exp(k*(x - d)))", **PLAIN)
    assert fit.converged
    assert dict(fit.params) == pytest.approx({"E": 0.3, "B": 2.0, "k": 1.5, "d": 0.5}, rel=1e-6)
