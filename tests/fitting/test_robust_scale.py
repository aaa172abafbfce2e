"""A scale estimated from the residuals needs residuals, and one group."""

from __future__ import annotations

import pytest
from decaying import X, Y
from power_runs import LAW

import scaling_fast as sf

FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}
P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


def test_mad_scale_needs_residuals_and_one_group():
    level = {"x": X, "loss": 1.5 + 3.0 * X**-0.4}
    with pytest.raises(sf.ScalingError):
        sf.fit(FRAME, LAW, loss=sf.Huber(1.0, scale="mad"), by="run")
    with pytest.raises(P):
        sf.Huber(1.0, scale="std")
    try:
        got = sf.fit(level, LAW, loss=sf.Huber(1.0, scale="mad"))
    except sf.errors.DataError as error:
        code = error.code
    else:
        code = "no_scale" if got.scale > 0 else "zero"
    assert code == "no_scale"
