"""The lowest point of many curves at once: a grid finds the valleys, Newton's steps their bottoms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["EDGE", "FLAT", "INTERIOR", "Lowest", "lowest_points", "near_points"]

Floats: TypeAlias = "NDArray[np.float64]"
Curves: TypeAlias = "Callable[[Floats, NDArray[np.int64]], Floats]"

INTERIOR, EDGE, FLAT = range(3)
"""Where a curve is lowest: in a valley; at an end of its range or domain; nowhere, as it is level."""

STEP = math.log(10.0) / 5.0
"""Distance of the places of the grid: two valleys that are nearer to each other may count as one."""

FEWEST = 9
"""Fewest places of a grid, on however short a range."""

CHUNK = 200_000
"""Values of a grid that are computed at once, so that memory stays small."""

STENCIL = 0.02
"""Distance of the five points of a derivative: its error, the fourth power over thirty, is below rounding."""

LEVEL = 1e-13
"""Rise beside the value up to which a valley is rounding."""

VALLEYS = 3
"""Most valleys of a curve whose bottoms are compared."""

MOST_STEPS = 80
"""Steps of a bracketed Newton iteration; bisection alone needs about forty."""

SETTLED = 1e-10
"""Length of a step at which an iteration ends."""

KINK = 1e-7
"""Disagreement of a wide and a narrow stencil above which a bottom is sought by values alone."""

NEAR = 1.0
"""How far from a hint a bottom is sought."""

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


class Lowest(NamedTuple):
    """The lowest point of each curve, shape (curves,) throughout.

    Attributes
    ----------
    at, value
        Where it is, and how low; NaN where a curve is nowhere finite, and `at` also where it is level.
    state
        INTERIOR, EDGE or FLAT.
    """

    at: Floats
    value: Floats
    state: NDArray[np.int64]


def lowest_points(function: Curves, low: Floats, high: Floats) -> Lowest:
    """Return the lowest point of each curve between two ends.

    Of several valleys the deepest counts. Kinks are allowed; a bottom that is smooth is found to about 1e-9.

    Parameters
    ----------
    function
        From arguments, shape (curves, points) or (1, points) for all of them, and the numbers of the curves,
        shape (curves,), to values; what is not finite counts as infinitely high.
    low, high
        The ends, shape (curves,).
    """
    count = low.size
    at, value = np.full(count, np.nan), np.full(count, np.nan)
    state = np.full(count, EDGE)
    good = np.flatnonzero(high > low)
    if not good.size:
        return Lowest(at, value, state)
    # The five points of a derivative stay inside the ends.
    inner = np.minimum(2.0 * STENCIL, (high - low) / 8.0)
    points = max(FEWEST, math.ceil(float((high - low)[good].max()) / STEP) + 1)
    share = np.linspace(0.0, 1.0, points)
    is_common = bool(np.ptp(low[good]) == np.ptp(high[good]) == 0.0)
    for first in range(0, good.size, max(1, CHUNK // points)):
        which = good[first : first + max(1, CHUNK // points)]
        start, stop = low[which] + inner[which], high[which] - inner[which]
        grid = start[:, None] + share * (stop - start)[:, None]
        values = _finite(function(grid[:1] if is_common else grid, which))
        at[which], value[which], state[which] = _lowest_of_grid(function, which, grid, values)
    return Lowest(at, value, state)


def near_points(function: Curves, hint: Floats) -> Lowest:
    """Return the bottom of the valley of each curve that is near a hint; NaN where there is none.

    Parameters
    ----------
    function
        As in `lowest_points`.
    hint
        About where the bottom is, shape (curves,).
    """
    which = np.arange(hint.size)
    left, right = hint - NEAR, hint + NEAR
    with np.errstate(all="ignore"):
        at = _level_points(function, which, left, hint, right, STENCIL)
        value = function(at[:, None], which)[:, 0]
        inside = (at - left > STENCIL) & (right - at > STENCIL) & np.isfinite(value)
    return Lowest(
        np.where(inside, at, np.nan),
        np.where(inside, value, np.nan),
        np.where(inside, INTERIOR, EDGE),
    )


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.inf)


def _lowest_of_grid(
    function: Curves, which: NDArray[np.int64], grid: Floats, values: Floats
) -> Lowest:
    """Return the lowest point of some curves, from their values on a grid, shape (curves, points)."""
    rows = np.arange(which.size)
    best = np.argmin(values, axis=1)
    at, value = grid[rows, best], values[rows, best]
    state = np.full(which.size, EDGE)
    middle, left, right = values[:, 1:-1], values[:, :-2], values[:, 2:]
    is_valley = (middle <= left) & (middle <= right) & np.isfinite(left) & np.isfinite(right)
    with np.errstate(all="ignore"):
        rise = np.maximum(left - middle, right - middle)
        is_valley &= rise > LEVEL * np.abs(middle)
        # A valley may be as much deeper than its place on the grid as its neighbours are higher.
        depth = np.where(is_valley, middle - rise, np.inf)
    order = np.argsort(depth, axis=1)[:, :VALLEYS]
    for place in order.T:
        promising = np.flatnonzero(depth[rows, place] < value)
        if not promising.size:
            continue
        cell = place[promising] + 1
        low, high = grid[promising, cell - 1], grid[promising, cell + 1]
        bottom = _bottoms(function, which[promising], low, grid[promising, cell], high)
        found = _finite(function(bottom[:, None], which[promising]))[:, 0]
        # At the place of the grid itself the bottom wins a tie, which rounding may have decided.
        slack = 8.0 * np.finfo(float).eps * np.abs(found)
        deeper = (found < value[promising]) | (
            (found <= value[promising] + slack) & (at[promising] >= low) & (at[promising] <= high)
        )
        taken = promising[deeper]
        at[taken], value[taken], state[taken] = bottom[deeper], found[deeper], INTERIOR
    with np.errstate(all="ignore"):
        spread = np.max(np.where(np.isfinite(values), values, -np.inf), axis=1) - values.min(axis=1)
        is_level = (state == EDGE) & (spread <= _rounding(values))
    state[is_level], at[is_level] = FLAT, np.nan
    lost = ~np.isfinite(value)
    at[lost], value[lost], state[lost] = np.nan, np.nan, EDGE
    return Lowest(at, value, state)


def _rounding(values: Floats) -> Floats:
    """Return the spread of each row of values that rounding alone may make."""
    return np.asarray(100.0 * LEVEL * np.abs(values).min(axis=1))


def _bottoms(
    function: Curves,
    which: NDArray[np.int64],
    low: Floats,
    start: Floats,
    high: Floats,
) -> Floats:
    """Return the bottom of one valley of each curve, which lies between `low` and `high`."""
    bottom = _level_points(function, which, low, start, high, STENCIL)
    # A stencil averages over a kink: where a narrower one disagrees, values decide.
    near = np.minimum(2.0 * STENCIL, np.minimum(bottom - low, high - bottom))
    left, right = bottom - near, bottom + near
    again = _level_points(function, which, left, bottom, right, STENCIL / 8.0, steps=3)
    kinked = np.flatnonzero(np.abs(again - bottom) > KINK)
    if kinked.size:
        bottom[kinked] = _golden(function, which[kinked], left[kinked], right[kinked])
    return bottom


def _level_points(
    function: Curves,
    which: NDArray[np.int64],
    low: Floats,
    start: Floats,
    high: Floats,
    width: float,
    steps: int = MOST_STEPS,
) -> Floats:
    """Return where the slope of each curve is zero, by Newton's steps within a bracket.

    Values alone would tell it to the root of rounding only. Slope and bend are those of five points.
    """
    x, low, high = start.copy(), low.copy(), high.copy()
    active = np.arange(x.size)
    offsets = width * np.arange(-2.0, 3.0)
    for _ in range(steps):
        here = x[active]
        with np.errstate(all="ignore"):
            f = function(here[:, None] + offsets, which[active])
            slope = (f[:, 0] - 8.0 * f[:, 1] + 8.0 * f[:, 3] - f[:, 4]) / (12.0 * width)
            bend = (-f[:, 0] + 16.0 * f[:, 1] - 30.0 * f[:, 2] + 16.0 * f[:, 3] - f[:, 4]) / (
                12.0 * width**2
            )
            new = here - slope / bend
        low[active] = np.where(slope <= 0.0, here, low[active])
        high[active] = np.where(slope >= 0.0, here, high[active])
        inside = (bend > 0.0) & (new >= low[active]) & (new <= high[active])
        new = np.where(inside, new, 0.5 * (low[active] + high[active]))
        x[active] = new
        active = active[np.abs(new - here) > SETTLED]
        if not active.size:
            break
    return x


def _golden(
    function: Curves,
    which: NDArray[np.int64],
    low: Floats,
    high: Floats,
) -> Floats:
    """Return the bottom of each curve between two ends by golden sections of its values (Kiefer 1953)."""
    low, high = low.copy(), high.copy()
    for _ in range(50):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        values = _finite(function(np.column_stack([left, right]), which))
        smaller = values[:, 0] < values[:, 1]
        high, low = np.where(smaller, right, high), np.where(smaller, low, left)
    return 0.5 * (low + high)
