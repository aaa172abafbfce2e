"""Naive forecasts of a back-test: the last value, and the line through the last three."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.stress.origins import budgets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["naive_forecasts"]

LAST_POINTS = 3
"""Points that the line goes through."""


def naive_forecasts(
    position: Floats, log_target: Floats, ahead: Floats, *, single: bool, falls: bool
) -> tuple[Floats, Floats]:
    """Return ln y by the last value and by the line through the last three, at rows beyond.

    With one input the points are the sizes, each with the mean of its rows; with several they are the budgets,
    each with its best row.

    Parameters
    ----------
    position, log_target
        Positions of the fitted rows in decades and their ln y, shape (rows,).
    ahead
        Positions of the rows that are asked for.
    single
        Whether the law has one input.
    falls
        Whether the target falls with scale: the best of a budget is then the least.
    """
    at, values = (
        _sizes(position, log_target) if single else _envelope(position, log_target, falls=falls)
    )
    last = np.full(ahead.size, values[-1])
    at, values = at[-LAST_POINTS:], values[-LAST_POINTS:]
    apart = at - at.mean()
    spread = float(apart @ apart)
    slope = float(apart @ values) / spread if spread > 0.0 else 0.0
    return last, values.mean() + slope * (ahead - at.mean())


def _sizes(position: Floats, log_target: Floats) -> tuple[Floats, Floats]:
    at, size = np.unique(position, return_inverse=True)
    count = np.bincount(size)
    return at, np.asarray(np.bincount(size, weights=log_target) / count)


def _envelope(position: Floats, log_target: Floats, *, falls: bool) -> tuple[Floats, Floats]:
    label = budgets(position)
    best = []
    for budget in range(int(label.max()), -1, -1):
        rows = np.flatnonzero(label == budget)
        value = log_target[rows]
        best.append(rows[np.argmin(value) if falls else np.argmax(value)])
    return position[best], log_target[best]
