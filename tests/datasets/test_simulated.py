"""Simulated runs: noise that no double can hold is refused."""

from __future__ import annotations

import pytest

import scaling_fast as sf

P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


@pytest.mark.parametrize("noise", [1e300, 1e4, 10**400])
def test_noise_that_leaves_doubles_is_refused(noise):
    truth = {"E": 1.8, "A": 400.0, "alpha": 0.34}
    with pytest.raises(P, match="noise"):
        sf.datasets.simulate("power_offset", truth, {"x": [1e7, 1e8, 1e9]}, noise=noise)
