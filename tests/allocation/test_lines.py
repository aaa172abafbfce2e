"""Power lines are scipy's regressions of logarithms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import scaling_fast as sf


def test_a_power_line_is_scipys_regression():
    rng = np.random.default_rng(6)
    x = np.geomspace(1, 1e4, 12)
    y = 3 * x**0.4 * np.exp(0.1 * rng.standard_normal(12))
    line = sf.allocation.power_line({"x": x, "y": y}, x="x", y="y")
    said = stats.linregress(np.log(x), np.log(y))
    assert line.exponent == pytest.approx(said.slope, rel=1e-12)
    assert line.exponent_error == pytest.approx(said.stderr, rel=1e-10)
    assert line.ln_scale == pytest.approx(said.intercept, rel=1e-10)
    assert line.ln_scale_error == pytest.approx(said.intercept_stderr, rel=1e-10)
    assert line.r2 == pytest.approx(said.rvalue**2, rel=1e-10)


def test_whole_weights_of_a_power_line_are_repeated_rows():
    x, y, times = [1.0, 2.0, 5.0, 9.0], [2.0, 3.0, 9.0, 11.0], [1, 3, 2, 1]
    weighted = sf.allocation.power_line({"x": x, "y": y}, x="x", y="y", weights=times)
    repeated = sf.allocation.power_line(
        {"x": np.repeat(x, times), "y": np.repeat(y, times)}, x="x", y="y"
    )
    assert weighted.exponent == pytest.approx(repeated.exponent, rel=1e-12)
    with pytest.raises(sf.errors.DataError, match="two different values of `x`"):
        sf.allocation.power_line({"x": [2.0, 2.0], "y": [1.0, 3.0]}, x="x", y="y")
