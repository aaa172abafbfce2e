"""Questions about allocation that cannot be answered say what is wrong."""

from __future__ import annotations

import pytest
from isoflop import isoflop_runs

import scaling_fast as sf


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sf.allocation.isoflop_bias({"alpha": 0.3}, factor=2), "beta must be a number"),
        (
            lambda: sf.allocation.isoflop_bias({"alpha": 1, "beta": 1}, factor=1),
            "factor must be a number between 1",
        ),
        (
            lambda: sf.allocation.isoflop_bias({"alpha": 1, "beta": 1}, factor=2, points=2),
            "at least 3",
        ),
        (lambda: sf.allocation.isoflop_bias(3, factor=2), "a mapping with alpha and beta"),
        (
            lambda: sf.allocation.misallocation_cost({"alpha": 1, "beta": 1}, factor=-1),
            "factor must be",
        ),
        (
            lambda: sf.allocation.approach2({"N": [1.0], "D": [1.0], "loss": [1.0]}, width=0),
            "width must be",
        ),
        (
            lambda: sf.allocation.approach2(
                {"N": [1.0], "D": [1.0], "loss": [1.0]}, columns={"C": "x"}
            ),
            "flops=",
        ),
        (
            lambda: sf.allocation.approach2({"N": [1.0], "D": [0.0], "loss": [1.0]}),
            "`D` must be positive",
        ),
        (
            lambda: sf.allocation.approach2({"n": [1.0], "D": [1.0], "loss": [1.0]}),
            "did you mean `n`",
        ),
        (
            lambda: sf.allocation.approach2({"N": [1.0], "D": [1.0], "loss": [1.0]}, weights="x"),
            "precision",
        ),
        (lambda: sf.allocation.counting_slope({"alpha": 0.3, "beta": 0.3, "A": 1.0}), "B must be"),
        (
            lambda: sf.allocation.counting_slope(
                {"alpha": 0.3, "beta": 0.3, "A": 1.0, "B": 1.0}, flops=(2.0, 1.0)
            ),
            "from low to high",
        ),
        (
            lambda: sf.allocation.approach2(isoflop_runs(0.3, 0.3, points=3), weights="precision"),
            'use weights="equal"',
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(call, says):
    with pytest.raises(sf.ScalingError, match=says):
        call()


P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


def test_a_curve_of_a_billion_points_is_refused():
    surface = {"A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}
    with pytest.raises(R, match="points must be at most 1,000,000"):
        sf.allocation.isoflop_bias(surface, factor=8, points=10**9)
    with pytest.raises(R, match="points must be at most 1,000,000"):
        sf.allocation.counting_slope(surface, points=10**9)
