"""The best size of each budget by approach 1 and by approach 2, for all replicates at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.allocation.budgets import FEWEST_SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs
    from scaling_fast.allocation.common_draws import RunDraws

__all__ = [
    "STATUSES",
    "Optima",
    "Window",
    "best_runs",
    "empty_optima",
    "enter_vertices",
    "least_squares_parabolas",
    "parabola_optima",
]

STATUSES = ("used", "few_sizes", "no_minimum", "outside", "edge")
"""Whether a budget is used, or why not.

used: a minimum between the sizes that were run. few_sizes: fewer than three sizes. no_minimum: the
parabola does not open upwards. outside: its vertex lies beyond the sizes. edge: the best run is the
smallest or the largest one.
"""

USED, FEW, FLAT, OUTSIDE, EDGE = range(5)

SAME_RATE = 1e-3
"""Range of ln C/(N D) up to which it is one number, written with few digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Optima:
    """The best size of each budget in each replicate, shape (replicates, budgets) throughout.

    Attributes
    ----------
    status
        Index into STATUSES.
    ln_n, ln_d, ln_c, loss
        The optimum; NaN where there is none. A budget that is not used may have an optimum too.
    curvature
        Second derivative of the loss by ln N at the vertex; NaN for approach 1.
    run
        The row of the best run; -1 for approach 2.
    """

    status: NDArray[np.int64]
    ln_n: NDArray[np.float64]
    ln_d: NDArray[np.float64]
    ln_c: NDArray[np.float64]
    loss: NDArray[np.float64]
    curvature: NDArray[np.float64]
    run: NDArray[np.int64]

    @property
    def used(self) -> NDArray[np.float64]:
        """1.0 for budgets whose optimum enters the lines, else 0.0."""
        return np.asarray(self.status == USED, dtype=np.float64)


def best_runs(runs: Runs, draws: RunDraws) -> Optima:
    """Return the run with the lowest loss of each budget; the first row if several are equal.

    Parameters
    ----------
    runs
        The runs.
    draws
        Which of them are in each replicate, with which losses.
    """
    optima = empty_optima(draws.replicates, runs.budgets)
    for place in range(runs.budgets):
        rows = np.flatnonzero(runs.budget == place)
        present = draws.counts[:, rows] > 0
        few, lowest, highest = _sizes(runs.size[rows], present)
        loss = np.where(present, draws.loss[:, rows], np.inf)
        best = np.argmin(loss, axis=1)
        some = present.any(axis=1)
        run = rows[best]
        size = runs.size[run]
        edge = (size == lowest) | (size == highest)
        optima.status[:, place] = np.where(few, FEW, np.where(edge, EDGE, USED))
        optima.run[:, place] = np.where(some, run, -1)
        for name in ("ln_n", "ln_d", "ln_c"):
            values = getattr(runs, name)[run]
            getattr(optima, name)[:, place] = np.where(some, values, np.nan)
        optima.loss[:, place] = np.where(some, loss.min(axis=1), np.nan)
    return optima


def parabola_optima(runs: Runs, draws: RunDraws) -> Optima:
    """Return the minima of least-squares parabolas of the loss in ln N, one parabola per budget.

    Parameters
    ----------
    runs
        The runs.
    draws
        How often each of them is in each replicate, with which losses.
    """
    optima = empty_optima(draws.replicates, runs.budgets)
    for place in range(runs.budgets):
        rows = np.flatnonzero(runs.budget == place)
        weight = draws.counts[:, rows]
        few, _, _ = _sizes(runs.size[rows], weight > 0)
        optima.status[:, place] = FEW
        good = np.flatnonzero(~few)
        if good.size:
            window = Window.of(runs.ln_n[rows])
            parabolas = least_squares_parabolas(window.u, draws.loss[good][:, rows], weight[good])
            enter_vertices(optima, runs, place, good, weight[good], parabolas)
    return optima


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The sizes of one budget, in units of half their range: the columns of a parabola then have one size.

    Attributes
    ----------
    u
        ln N of each run in these units, from -1 to 1.
    middle, half
        ln N of the middle, and half the range.
    """

    u: NDArray[np.float64]
    middle: float
    half: float

    @classmethod
    def of(cls, ln_n: NDArray[np.float64]) -> Window:
        """Return the window of some sizes."""
        low, high = float(ln_n.min()), float(ln_n.max())
        middle, half = (low + high) / 2.0, max((high - low) / 2.0, np.finfo(float).tiny)
        return cls((ln_n - middle) / half, middle, half)


def enter_vertices(
    optima: Optima,
    runs: Runs,
    place: int,
    good: NDArray[np.int64],
    weight: NDArray[np.float64],
    parabolas: Sequence[NDArray[np.float64]],
) -> None:
    """Enter the vertices of the parabolas of one budget.

    Parameters
    ----------
    optima
        Where they go.
    runs
        The runs.
    place
        The budget.
    good
        The replicates that the parabolas are of.
    weight
        How often each run of the budget is in each of these, shape (replicates, runs).
    parabolas
        level, slope and bend of each, for ln N in units of the budget's `Window`.
    """
    rows = np.flatnonzero(runs.budget == place)
    window = Window.of(runs.ln_n[rows])
    level, slope, bend = parabolas
    with np.errstate(all="ignore"):
        vertex = -slope / (2.0 * bend)
        lowest_loss = level - slope**2 / (4.0 * bend)
        ln_c = weight @ runs.ln_c[rows] / weight.sum(axis=1)
    open_up = bend > 0.0
    # A replicate may have lost the ends of the design: its own sizes bracket its vertex.
    lowest = np.where(weight > 0, window.u, np.inf).min(axis=1)
    highest = np.where(weight > 0, window.u, -np.inf).max(axis=1)
    inside = open_up & (vertex >= lowest) & (vertex <= highest)
    optima.status[good, place] = np.where(inside, USED, np.where(open_up, OUTSIDE, FLAT))
    optima.ln_c[good, place] = ln_c
    optima.curvature[good, place] = 2.0 * bend / window.half**2
    ln_n = np.where(open_up, window.middle + window.half * vertex, np.nan)
    ln_rate = _rate_at(window.u, runs.ln_rate[rows], weight, vertex)
    optima.ln_n[good, place] = ln_n
    optima.ln_d[good, place] = np.where(open_up, ln_c - ln_rate - ln_n, np.nan)
    optima.loss[good, place] = np.where(open_up, lowest_loss, np.nan)


def _rate_at(
    u: NDArray[np.float64],
    ln_rate: NDArray[np.float64],
    weight: NDArray[np.float64],
    vertex: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return ln C/(N D) at each vertex: where the operations of a token are not k N, it changes with N.

    From a parabola in ln N through the runs of the budget; where C is k N D it is level, and the mean.
    """
    if np.ptp(ln_rate) <= SAME_RATE:
        return np.asarray(weight @ ln_rate / weight.sum(axis=1))
    level, slope, bend = least_squares_parabolas(u, ln_rate, weight)
    with np.errstate(all="ignore"):
        return level + vertex * (slope + vertex * bend)


def empty_optima(replicates: int, budgets: int) -> Optima:
    """Return optima of which none is known: every budget has too few sizes."""
    shape = (replicates, budgets)
    ln_n, ln_d, ln_c, loss, curvature = (np.full(shape, np.nan) for _ in range(5))
    return Optima(np.full(shape, FEW), ln_n, ln_d, ln_c, loss, curvature, np.full(shape, -1))


def _sizes(
    size: NDArray[np.int64], present: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Return whether each replicate has too few sizes, and its smallest and largest size."""
    known, place = np.unique(size, return_inverse=True)
    seen = np.zeros((len(present), len(known)), dtype=bool)
    for row, index in enumerate(place.tolist()):
        seen[:, index] |= present[:, row]
    lowest = known[np.argmax(seen, axis=1)]
    highest = known[len(known) - 1 - np.argmax(seen[:, ::-1], axis=1)]
    return seen.sum(axis=1) < FEWEST_SIZES, lowest, highest


def least_squares_parabolas(
    u: NDArray[np.float64], loss: NDArray[np.float64], weight: NDArray[np.float64]
) -> Sequence[NDArray[np.float64]]:
    """Return level, slope and bend of loss = level + slope u + bend u^2, one of each per row of `weight`.

    `loss` has such a row too, or is the same for all of them.
    """
    # Orthogonal polynomials over the replicate's own weights (Forsythe 1957) keep the digits
    # that the normal equations of 1, u, u^2 would lose.
    total = weight.sum(axis=1)
    mean = weight @ u / total
    p1 = u - mean[:, None]
    s1 = (weight * p1**2).sum(axis=1)
    tilt = (weight * u * p1**2).sum(axis=1) / s1
    p2 = (u - tilt[:, None]) * p1 - (s1 / total)[:, None]
    s2 = (weight * p2**2).sum(axis=1)
    flat = (weight * loss).sum(axis=1) / total
    away = loss - flat[:, None]
    c1 = (weight * p1 * away).sum(axis=1) / s1
    c2 = (weight * p2 * away).sum(axis=1) / s2
    level = flat - c1 * mean + c2 * (tilt * mean - s1 / total)
    return level, c1 - c2 * (tilt + mean), c2
