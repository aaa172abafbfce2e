"""Whether a law of two inputs bends along compute inside the runs, which no profile of its parameters shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_BEND", "bend_ratio"]

MOST_BEND = 7.0
"""Likelihood ratio from which a bend is taken for real; its 95 % point under the law is 5.0 to 7.6, by design."""

PLACES = (0.25, 0.5, 0.75)
"""Where the bend may begin, in shares of the range of ln C."""


def bend_ratio(
    jacobian: NDArray[np.float64],
    residual: NDArray[np.float64],
    reducible: NDArray[np.float64],
    log_compute: NDArray[np.float64],
) -> float:
    """Return the largest likelihood ratio of f = E + R exp(-c max(ln C - d, 0)) and c = 0, linear about the fit.

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
    return float(len(residual) * np.log(without / max(best, 1e-300)))


def _left(matrix: NDArray[np.float64], residual: NDArray[np.float64]) -> float:
    rest = residual - matrix @ np.linalg.lstsq(matrix, residual, rcond=1e-10)[0]
    return float(rest @ rest)
