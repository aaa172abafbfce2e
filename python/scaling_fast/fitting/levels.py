"""How many levels a quantity has in a design: values that are worth telling apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

__all__ = ["APART", "levels"]

APART = 0.1
"""Decades within which values are one level: six sizes over .08 decades say no more than one."""

THINNED, ENOUGH = 4096, 40
"""Rows of a thinned column, and how many levels among them make counting the other rows unnecessary."""


def levels(of: Floats, within: Floats | None, group: Places, groups: int) -> Floats:
    """Return the number of levels in each group, or its median over the levels of `within`.

    A level begins at the smallest value that is more than `APART` decades above the begin of the
    level below it, so that neither a cloud of values nor a chain of close steps counts each.

    Parameters
    ----------
    of, within
        Values of the rows, sorted by group, shape (rows,).
    group
        Number of the group of each row, ascending.
    groups
        Number of groups.

    Returns
    -------
    ndarray
        Shape (groups,).
    """
    if within is None:
        step = max(1, of.size // THINNED) if groups == 1 else 1
        if step > 1:
            # Needs ask for a few levels; a thinned column that shows many settles the question.
            seen = _begins(of[::step], group[::step])[0].size
            if seen >= ENOUGH:
                return np.array([float(seen)])
        _, cells = _begins(of, group)
        return np.bincount(cells, minlength=groups).astype(np.float64)
    # A cell is one level of `within` in one group; the result is the median of cell sizes per group.
    order = np.lexsort((within, group))
    begins, owner = _begins(within, group, order)
    cell = np.zeros(of.size, dtype=np.int64)
    cell[begins[1:]] = 1
    cell = np.cumsum(cell)
    _, cells = _begins(of[order], cell)
    sizes = np.bincount(cells, minlength=begins.size).astype(np.float64)
    by_size = np.lexsort((sizes, owner))
    counts = np.bincount(owner, minlength=groups)
    begin = np.cumsum(counts) - counts
    low, high = sizes[by_size][begin + (counts - 1) // 2], sizes[by_size][begin + counts // 2]
    middle: Floats = (low + high) / 2
    return middle


def _begins(values: Floats, cell: Places, order: Any = None) -> tuple[Places, Places]:
    """Return the places, in sorted order, where levels begin, ascending, and the cell of each."""
    order = np.lexsort((values, cell)) if order is None else order
    value, cell = values[order], cell[order]
    with np.errstate(all="ignore"):
        decade = np.log10(np.abs(value))
    sign = np.sign(value)
    # Runs of one cell and one sign; decades fall along a run of negative values.
    new = np.ones(value.size, dtype=bool)
    new[1:] = (cell[1:] != cell[:-1]) | (sign[1:] != sign[:-1])
    ahead = np.where(sign < 0, -decade, decade)
    ahead[~np.isfinite(ahead)] = 0.0
    start = np.flatnonzero(new)
    end = np.append(start[1:], value.size)
    found = []
    # One step over all runs at once: from the begin of a level to the first value beyond it.
    while start.size:
        found.append(start)
        start = _first_beyond(ahead, ahead[start] + APART, start, end)
        still = start < end
        start, end = start[still], end[still]
    begins = np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
    return begins, cell[begins]


def _first_beyond(ahead: Floats, limit: Floats, start: Places, end: Places) -> Places:
    """Return the first place from `start` on whose value is beyond the limit, `end` if none is.

    Bisection in all runs at once: values ascend within each.
    """
    # Rounding must not make two levels of 1 and 10**.1.
    limit = limit + 1e-9
    low, high = start.copy(), end.copy()
    while (low < high).any():
        middle = (low + high) // 2
        below = (low < high) & (ahead[np.minimum(middle, ahead.size - 1)] <= limit)
        low, high = (
            np.where(below, middle + 1, low),
            np.where(below, high, np.where(low < high, middle, high)),
        )
    return low
