"""Fits with nlsq, curve_fit on jax, as its documentation has them: one length, so that it compiles once."""

from __future__ import annotations

import logging
import warnings

import jax.numpy as jnp
import nlsq
import numpy as np

logging.disable(logging.ERROR)  # a line of log for each step, whatever its own loggers are told

ROWS = 30
FITTER = nlsq.CurveFit(flength=ROWS)
TIGHT = {"ftol": 1e-12, "xtol": 1e-12, "gtol": 1e-12}


def raw_power(x, floor, scale, c):
    return floor + scale * x**-c


def log_offset(line, floor, log_scale, alpha):
    return jnp.log(floor + jnp.exp(log_scale - alpha * line))


def solved(*given, **options):
    """Return the point, NaN where nlsq gives up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            point, _covariance = FITTER.curve_fit(*given, **options)
            return np.array(point, dtype=float)
        except (RuntimeError, ValueError):
            return np.full(3, np.nan)


def fit_t3(x, y):
    """E, A, c from the start that curve_fit is given."""
    return solved(raw_power, x, y, p0=[float(y.min()), float(np.ptp(y)), 0.5], **TIGHT)


def fit_t6(lines, logs, start, options):
    """E, ln A, alpha of log residuals, E and alpha held at nought or above."""
    box = ([0.0, -np.inf, 0.0], [np.inf] * 3)
    return solved(log_offset, lines, logs, p0=start, bounds=box, **TIGHT, **options)
