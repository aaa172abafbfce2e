"""Where the constant of a Huber loss lies far outside or far inside the residuals of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import Program
from scaling_fast.losses.residual import residual_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

__all__ = ["zones"]

WIDE, NARROW = 10.0, 1 / 100
"""Multiples of the median residual above which a delta acts as squares, and below which as absolute values."""

BLOCK = 2**17
"""Rows whose residuals are computed at a time: they stay in the cache, and memory does not grow with all rows."""

NOTHING = 1e-12
"""Median residual below which a curve passes through its rows, and every delta is as good."""


def zones(
    request: Request, params: NDArray[np.float64], delta: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the groups in which a delta is over 10 median residuals, and those in which it is under 1/100.

    Parameters
    ----------
    request
        The question.
    params
        Parameters of each group, natural units, shape (groups, parameters).
    delta
        The constant of the loss, in residuals over sigma, above 0.
    """
    offsets = request.table.offsets
    wide = np.zeros(len(params), dtype=bool)
    narrow = np.zeros(len(params), dtype=bool)
    first = 0
    while first < len(params):
        last = int(np.searchsorted(offsets, offsets[first] + BLOCK, side="right")) - 1
        part = slice(first, max(last, first + 1))
        ends = offsets[part.start : part.stop + 1]
        size = _sizes(request, params[part], ends)
        ends = ends - ends[0]
        # A group with a NaN has no median.
        known = ~np.isnan(np.add.reduceat(size, ends[:-1])) & ~_median_below(size, ends, NOTHING)
        wide[part] = known & _median_below(size, ends, delta / WIDE)
        narrow[part] = known & ~_median_below(size, ends, delta / NARROW)
        first = part.stop
    return wide, narrow


def _sizes(
    request: Request, params: NDArray[np.float64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return |residual / sigma| of every row of some groups, all in one call; shape (rows,)."""
    table, law = request.table, request.program
    rows = slice(int(ends[0]), int(ends[-1]))
    counts = np.diff(ends)
    values = {name: np.repeat(params[:, j], counts) for j, name in enumerate(request.names)}
    values |= {name: table.arrays[name][rows] for name in law.columns}
    # The formula with its parameters as columns: one value of each for every row.
    swapped = Program(request.law.formula, list(values))
    fitted = np.asarray(swapped.evaluate([values[name] for name in swapped.columns], []))
    observed = table.target[rows]
    if law.target is not None:
        observed = np.asarray(law.transform_target(observed))
    with np.errstate(all="ignore"):
        word = residual_word(request.residual)
        if word == "log":
            size = np.abs(np.log(fitted / observed))
        elif word == "logit":
            size = np.abs(np.log(fitted / (1.0 - fitted)) - np.log(observed / (1.0 - observed)))
        else:
            size = np.abs(fitted - observed)
        return np.asarray(size if table.sigma is None else size / table.sigma[rows])


def _median_below(
    size: NDArray[np.float64], offsets: NDArray[np.int64], limit: float
) -> NDArray[np.bool_]:
    """Return for each group whether the median of its sizes is below a limit, without sorting any."""
    counts = np.diff(offsets)
    below = np.add.reduceat((size < limit).astype(np.int64), offsets[:-1])
    found = 2 * below > counts
    # With an even number of rows the limit may lie between the two in the middle.
    for group in np.flatnonzero(2 * below == counts).tolist():
        found[group] = np.median(size[offsets[group] : offsets[group + 1]]) < limit
    return found
