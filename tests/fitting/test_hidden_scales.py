"""Scales hidden in constants: the search finds how large a parameter is from the law and its columns."""

from __future__ import annotations

import numpy as np
import pytest

import scaling_fast as sf

DEPTH = [0.0, 0.131, 0.261, 0.377, 0.503, 0.653, 0.784, 0.88]
COUNTS = [7349.91, 6889.77, 6354.54, 5952.89, 5709.72, 5599.58, 5618.98, 5405.07]

X = np.linspace(0.2, 8, 60)

LAWS = [
    ("o + a*exp(-x*k{})", {"o": 1.0, "a": 3.0, "k": 0.5}),
    ("o + a*exp(-x/(k{}))", {"o": 1.0, "a": 3.0, "k": 2.0}),
    ("a*exp(-x*k{})", {"a": 3.0, "k": 0.5}),
    ("a/(1 + exp(-(x*k{} - b)))", {"a": 5.0, "k": 1.2, "b": 4.0}),
    ("o + a/(1 + (x/(k{}))**b)", {"o": 0.3, "a": 5.0, "k": 3.0, "b": 2.0}),
    ("o + a*log(1 + k{}*x)", {"o": 1.0, "a": 2.0, "k": 1.5}),
    ("log(1 + k{}*x)", {"k": 1.5}),
    ("o + a*k{0}*x/(1 + k{0}*x)", {"o": 1.0, "a": 2.0, "k": 0.5}),
    ("a*exp(-((x - m)/(k{}))**2)", {"a": 2.0, "m": 4.0, "k": 1.5}),
    ("o + a*tanh(k{}*x - b)", {"o": 1.0, "a": 2.0, "k": 0.7, "b": 2.0}),
    ("o + a*max(k{}*x, 1)", {"o": 1.0, "a": 2.0, "k": 0.3}),
    ("o + a*where(x < k{0}, x, k{0})", {"o": 1.0, "a": 2.0, "k": 4.0}),
    ("o + a*x**(-k{})", {"o": 1.0, "a": 2.0, "k": 0.5}),
]


def fitted(formula, columns, truth):
    """Return the fit of a law to its values and a little noise, and the objective of the truth there."""
    law = sf.Law(formula, columns=list(columns))
    exact = law.evaluate(columns, truth)
    rng = np.random.default_rng(3)
    target = exact + 1e-3 * np.std(exact) * rng.standard_normal(exact.size)
    fit = sf.fit({**columns, "y": target}, law, target="y", loss=sf.Squared(), residual="raw")
    return fit, fit.request.objective(0, truth)


@pytest.mark.parametrize("constant", [1e-200, 1e-30, 1.6e-16, 1e-5, 1e5, 3e12, 1e30, 1e200])
@pytest.mark.parametrize(("formula", "truth"), LAWS)
def test_a_constant_does_not_hide_a_parameter(formula, truth, constant):
    text = formula.format(f"*{constant!r}")
    there = truth | {"k": truth["k"] / constant}
    fit, of_truth = fitted(text, {"x": X}, there)
    assert fit.objective <= of_truth
    assert fit.converged
    found = abs(fit.params["k"])
    assert found == pytest.approx(there["k"], rel=0.1)


@pytest.mark.parametrize("size", [1e-290, 1e-100, 1e-9, 1e12, 1e150])
def test_a_column_of_any_size_does_not_hide_a_parameter(size):
    for formula, truth in (
        ("o + a*exp(-x*k*1e-9)", {"o": 1.0, "a": 3.0, "k": 0.5e9 / size}),
        ("o + a*log(1 + 1e9*k*x)", {"o": 1.0, "a": 2.0, "k": 1.5e-9 / size}),
    ):
        fit, of_truth = fitted(formula, {"x": X * size}, truth)
        assert fit.converged
        assert fit.objective <= of_truth


def test_two_parameters_of_one_sum_have_each_its_own_size():
    columns = {"x": X, "z": np.tile([0.0, 1.0, 2.0], 20)}
    for outer in ("o + a*exp(-({}))", "o + a*tanh({})"):
        formula = outer.format("k1*x*1e-9 + k2*z*1e9")
        truth = {"o": 1.0, "a": 3.0, "k1": 0.2e9, "k2": 0.3e-9}
        fit, of_truth = fitted(formula, columns, truth)
        assert fit.converged
        assert fit.objective <= of_truth


def test_a_frequency_is_found_whatever_its_unit():
    rng = np.random.default_rng(6)
    t = np.sort(rng.uniform(0, 8, 60))
    for unit in (1e-9, 1e-6, 1.0, 1e9):
        truth = {"o": 1.0, "a": 2.0, "f": 0.33 / 1e6 / unit}
        fit, of_truth = fitted("o + a*cos(2*pi*f*1e6*t)", {"t": t * unit}, truth)
        assert fit.objective <= of_truth
        assert abs(fit.params["f"]) == pytest.approx(truth["f"], rel=0.01)


def test_a_cross_section_is_found():
    """Counts behind an absorber, of a public question (lmfit-py issue 724)."""
    frame = {"x": DEPTH, "y": COUNTS}
    fit = sf.fit(frame, "y ~ offset + amp*exp(-x*sigma/1.6e-16)", loss=sf.Squared(), residual="raw")
    assert fit.is_global
    assert fit.findings == ()
    assert fit.objective == pytest.approx(24664.66406518865, rel=1e-10)
    assert fit.params["sigma"] == pytest.approx(4.22498e-16, rel=1e-5)


def test_each_group_finds_its_own():
    sigma = {"slow": 1e-17, "fast": 5e-16}
    frame = {"x": np.tile(X, 2), "g": np.repeat(list(sigma), X.size)}
    frame["y"] = np.concatenate([1 + 3 * np.exp(-X * s / 1.6e-16) for s in sigma.values()])
    fit = sf.fit(frame, "y ~ o + a*exp(-x*s/1.6e-16)", by="g", loss=sf.Squared(), residual="raw")
    found = dict(zip(fit.table["g"], fit.table["s"], strict=True))
    assert found == pytest.approx(sigma, rel=1e-8)
