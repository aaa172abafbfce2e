"""The range of a formula holds every value that it takes, and says so where a quantity is positive or bounded."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scaling_fast as sf
from scaling_fast.laws.quantities import evaluate
from scaling_fast.laws.ranges import ANYWHERE, law_bounds, value_range

INF = math.inf
BOUNDS = {
    "a": (0.0, INF),
    "b": (0.0, INF),
    "u": (0.2, 3.0),
    "v": (-2.0, 1.5),
    "w": (-INF, INF),
}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("a", (0.0, INF)),
        ("a + b", (0.0, INF)),
        ("b/(a + b)", (0.0, 1.0)),
        ("a/(u + a + b)", (0.0, 1.0)),
        ("2**(-a)", (0.0, 1.0)),
        ("a*7**(-b) + 1.5", (1.5, INF)),
        ("exp(w)", (0.0, INF)),
        ("tanh(w)", (-1.0, 1.0)),
        ("-u", (-3.0, -0.2)),
        ("v**2", (0.0, INF)),
        ("a/(v + 5)", (0.0, INF)),
        ("max(u, v)", (0.2, 3.0)),
        ("a - b", ANYWHERE),
        ("1/v", ANYWHERE),
        ("w", ANYWHERE),
        ("lgamma(u)", ANYWHERE),
        ("not a formula (", ANYWHERE),
    ],
)
def test_what_the_bounds_of_parameters_prove(formula, expected):
    assert value_range(formula, BOUNDS) == pytest.approx(expected)


@pytest.mark.parametrize(
    "formula",
    [
        "a + u*v - b/u",
        "(a + u)**v",
        "u**w",
        "abs(v)*sqrt(a) - log(u + b)",
        "sigmoid(w)*max(v, u)/(1 + a)",
        "min(v, b) + softplus(v) + log1p(a) - expm1(v)",
        "exp(-a)*cos(w) + erf(v) + arctan(w)",
        "a/(a + b) - u/(b + u)",
        "log10(u)*log2(u) - v*(v - 2)",
    ],
)
def test_no_value_lies_outside_the_range(formula):
    rng = np.random.default_rng(0)
    drawn = {}
    for name, (low, high) in BOUNDS.items():
        low, high = max(low, -30.0), min(high, 30.0)
        inside = low + (high - low) * rng.random(5_000)
        inside[:2] = low, high
        drawn[name] = rng.permutation(inside)
    values = evaluate(formula, drawn)
    low, high = value_range(formula, BOUNDS)
    seen = values[np.isfinite(values)]
    slack = 1e-12 * np.abs(seen).max()
    assert low - slack <= seen.min()
    assert seen.max() <= high + slack


def test_a_parameter_that_a_formula_needs_positive_is_bounded_by_zero():
    law = sf.Law("a - b*log(x/peak)**2", columns=("x",), params={"b": sf.Param(fixed=2.0)})
    assert law_bounds(law) == {"a": ANYWHERE, "b": (2.0, 2.0), "peak": (5e-324, INF)}
