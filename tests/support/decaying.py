"""Twelve rows of a decaying curve with one per cent of noise, and the fit of whatever a test makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from power_runs import LAW

import scaling_fast as sf

X = np.geomspace(1.0, 1e4, 12)
CLEAN = 1.5 + 3.0 * X**-0.4
Y = CLEAN * np.exp(0.01 * np.random.default_rng(1).normal(size=12))


def fit(y=Y, x=X, law=LAW, **options):
    """Return the fit of the law to these rows."""
    return sf.fit({"x": x, "loss": y}, law, **options)


def put(values, row, value):
    """Return the values as an array of doubles, one of them replaced."""
    out = np.array(values, dtype=float)
    out[row] = value
    return out


def listed(values, row, value):
    """Return the values as a list, one of them replaced by anything."""
    out = [float(number) for number in values]
    out[row] = value
    return out


def assert_same(got, want, tolerance=1e-9, **scales):
    """Hold the parameters of a converged fit to those of another, each times its scale."""
    assert got.converged
    for name, value in want.params.items():
        assert got.params[name] == pytest.approx(value * scales.get(name, 1.0), rel=tolerance), name


def attempt(call):
    """Return (the typed error, None) or (None, the result)."""
    try:
        return None, call()
    except (sf.errors.DataError, sf.errors.ConvergenceError, sf.errors.ParameterError) as error:
        return error, None
