"""Whether a law of two inputs bends along compute inside the runs, which no profile of its parameters shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Bend", "bend_of"]

TAIL = 0.008
"""Chance of F(1, n - k - 1) below which a bend is taken for real: of sixty rows a likelihood ratio of 7.

Under the law the 95 % point of that ratio, the best of three places, is 5.0 to 7.6.
"""

PLACES = (0.25, 0.5, 0.75)
"""Where the bend may begin, in shares of the range of ln C."""


class Bend(NamedTuple):
    """The test of a bend.

    Attributes
    ----------
    statistic
        F = (n - k - 1)(RSS_0/RSS_1 - 1), the largest of three places; NaN without a degree of freedom.
    p
        Probability of an F(1, n - k - 1) as large.
    """

    statistic: float
    p: float

    @property
    def is_real(self) -> bool:
        """Whether chance does not make a bend like it."""
        return self.p <= TAIL


def bend_of(
    jacobian: NDArray[np.float64],
    residual: NDArray[np.float64],
    reducible: NDArray[np.float64],
    log_compute: NDArray[np.float64],
) -> Bend:
    """Return the test of c = 0 in f = E + R exp(-c max(ln C - d, 0)), linear about the fit.

    Parameters
    ----------
    jacobian
        d ln f / d parameter at the rows, shape (rows, parameters).
    residual
        ln y - ln f, clipped, shape (rows,).
    reducible
        R/f, the share of the loss that compute reduces, shape (rows,).
    log_compute
        ln C, shape (rows,).
    """
    size = np.linalg.norm(jacobian, axis=0)
    scaled = jacobian / np.where(size > 0.0, size, 1.0)
    without = _left(scaled, residual)
    low, span = log_compute.min(), np.ptp(log_compute)
    best = without
    for place in PLACES:
        column = reducible * np.maximum(log_compute - low - place * span, 0.0)
        norm = np.linalg.norm(column)
        if norm > 0.0:
            best = min(best, _left(np.column_stack([scaled, column / norm]), residual))
    left = len(residual) - jacobian.shape[1] - 1
    if left < 1:
        return Bend(math.nan, math.nan)
    from scipy.special import fdtrc

    statistic = left * (without / max(best, 1e-300) - 1.0)
    return Bend(float(statistic), float(fdtrc(1, left, statistic)))


def _left(matrix: NDArray[np.float64], residual: NDArray[np.float64]) -> float:
    rest = residual - matrix @ np.linalg.lstsq(matrix, residual, rcond=1e-10)[0]
    return float(rest @ rest)
