"""The profile band of a family: the extremes of its forecast over all curves within a sum of squares.

Of one shape a grid over the shapes that are left, no coarser than a quarter of a standard error, is
refined about its extremes. Of two shapes such a grid loses valleys that are long and thin, as those of a
stretched exponential are: for each value of the first shape the best value of the second is looked for
along a line, and the extremes are looked for across the valley that these draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scaling_fast.comparison.linear_given_shapes import Problem

__all__ = ["ProfileBand", "profile_band"]

ALONG = 65
"""Points along a grid of the shapes that are left."""

MOST_POINTS = 1500
"""Most points of a grid of one shape."""

LINE, ROUNDS = 7, 4
"""Points and rounds of a search along a line; each round leaves a third of the line."""

ACROSS = 13
"""Points across a valley, 0.28 of a standard error apart at 90 %."""


@dataclass(frozen=True, slots=True, eq=False)
class ProfileBand:
    """Where the forecast of a family may lie.

    Attributes
    ----------
    squares, log_squares
        The least sum of squares of (f - y)/y, and that of ln f - ln y of the same curve.
    forecast, lower, upper
        ln f at the targets: of the best curve, and the extremes; shape (targets,).
    """

    squares: float
    log_squares: float
    forecast: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def profile_band(problem: Problem, factor: float) -> ProfileBand | None:
    """Return the band of a family where the sum of squares is at most `factor` times its least.

    Parameters
    ----------
    problem
        The family, rows and targets.
    factor
        Above 1: 1 + F/(n - k), F the quantile of Fisher's F with 1 and n - k degrees of freedom.

    Returns
    -------
    ProfileBand or None
        None where no shape gives positive coefficients.
    """
    if len(problem.family.axes) == 1:
        return _one_shape(problem, factor)
    return _two_shapes(problem, factor)


def _one_shape(problem: Problem, factor: float) -> ProfileBand | None:
    axis = np.linspace(*problem.family.axes[0])
    squares = problem.squares([axis])
    best, least = _lowest(lambda shape: problem.squares([shape]), axis, squares)
    if not np.isfinite(least):
        return None
    cut = least * factor
    points = ALONG
    for _ in range(4):
        # The box of what is left, one step wider, until the grid resolves it.
        kept = np.append(axis[squares <= cut], best)
        step = axis[1] - axis[0]
        low, high = max(axis[0], kept.min() - step), min(axis[-1], kept.max() + step)
        axis = np.linspace(low, high, points)
        squares = problem.squares([axis])
        inside = int((squares <= cut).sum())
        if inside >= ALONG // 2:
            break
        points = min(2 * points, MOST_POINTS)
    ends = problem.ends([axis], cut)
    # The extremes are refined: smooth functions of the shape between two points of the grid.
    lower, upper = ends.lower.min(axis=0), ends.upper.max(axis=0)
    places = [axis[np.argmin(ends.lower, axis=0)], axis[np.argmax(ends.upper, axis=0)]]
    width = axis[1] - axis[0]
    for _ in range(3):
        # Targets side by side have their extremes at the same shapes.
        centres = np.unique(np.concatenate(places))
        tries = (centres[:, None] + width * np.linspace(-1.0, 1.0, 9)).ravel()
        tries = np.unique(np.clip(tries, axis[0], axis[-1]))
        ends = problem.ends([tries], cut)
        lower, upper = (
            np.minimum(lower, ends.lower.min(axis=0)),
            np.maximum(upper, ends.upper.max(axis=0)),
        )
        places = [tries[np.argmin(ends.lower, axis=0)], tries[np.argmax(ends.upper, axis=0)]]
        width /= 4.0
    return _band(problem, [np.array([best])], least, lower, upper)


def _lowest(
    value: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    axis: NDArray[np.float64],
    values: NDArray[np.float64],
) -> tuple[float, float]:
    """Return the lowest point of a function of one variable near the lowest point of a grid."""
    place = int(np.argmin(values))
    best, least, width = float(axis[place]), float(values[place]), float(axis[1] - axis[0])
    for _ in range(12):
        tries = np.clip(best + width * np.linspace(-1.0, 1.0, LINE), axis[0], axis[-1])
        seen = value(tries)
        pick = int(np.argmin(seen))
        if seen[pick] < least:
            best, least = float(tries[pick]), float(seen[pick])
        width /= 2.5
    return best, least


def _two_shapes(problem: Problem, factor: float) -> ProfileBand | None:
    slow, fast = (np.linspace(*axis) for axis in problem.family.axes)
    valley = _valley(problem, slow, fast)
    if not np.isfinite(valley.squares).any():
        return None
    # The lowest point along the valley, by three grids each about the lowest of the last.
    best, least = _bottom(problem, valley, fast)
    cut = least * factor
    for _ in range(3):
        kept = np.append(valley.slow[valley.squares <= cut], best[0])
        step = valley.slow[1] - valley.slow[0]
        low = max(valley.slow[0], kept.min() - step)
        high = min(valley.slow[-1], kept.max() + step)
        near = np.append(valley.fast[valley.squares <= cut], best[1])
        aside = fast[1] - fast[0]
        nearest = max(near.min() - aside, problem.family.axes[1][0])
        farthest = min(near.max() + aside, problem.family.axes[1][1])
        across = np.linspace(nearest, farthest, len(fast) // 2 + 1)
        valley = _valley(problem, np.linspace(low, high, ALONG), across)
        place = int(np.argmin(valley.squares))
        if valley.squares[place] < least:
            best, least = (
                (float(valley.slow[place]), float(valley.fast[place])),
                float(valley.squares[place]),
            )
            cut = least * factor
        if int((valley.squares <= cut).sum()) >= ALONG // 3:
            break
    shapes, lower, upper = _across(problem, valley, cut)
    if not len(lower):
        return None
    lower, upper = _refined(problem, valley, fast, cut, shapes, lower, upper)
    return _band(problem, [np.array([best[0]]), np.array([best[1]])], least, lower, upper)


def _band(
    problem: Problem,
    best: list[NDArray[np.float64]],
    least: float,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> ProfileBand:
    """Return the band of a family from its best shapes and the ends."""
    squares = problem.log_squares(best)
    return ProfileBand(float(least), squares, problem.forecast(best)[0], lower, upper)


@dataclass(frozen=True, slots=True, eq=False)
class _Valley:
    """For each value of the first shape the best value of the second.

    Attributes
    ----------
    slow, fast, squares
        The two shapes and the sum of squares there, shape (points,).
    curvature
        Half the second derivative of the sum of squares across the valley, shape (points,).
    """

    slow: NDArray[np.float64]
    fast: NDArray[np.float64]
    squares: NDArray[np.float64]
    curvature: NDArray[np.float64]


def _valley(problem: Problem, slow: NDArray[np.float64], fast: NDArray[np.float64]) -> _Valley:
    """Return the valley of the sum of squares along the first shape."""
    pairs = [axis.ravel() for axis in np.meshgrid(slow, fast, indexing="ij")]
    squares = problem.squares(pairs).reshape(len(slow), len(fast))
    place = np.argmin(squares, axis=1)
    rows = np.arange(len(slow))
    centre, least = fast[place], squares[rows, place]
    width = np.full(len(slow), fast[1] - fast[0])
    return _line(problem, slow, centre, least, width)


def _line(
    problem: Problem,
    slow: NDArray[np.float64],
    centre: NDArray[np.float64],
    least: NDArray[np.float64],
    width: NDArray[np.float64],
) -> _Valley:
    """Return the best second shapes within a width of some centres, and within the axis."""
    low, high, _ = problem.family.axes[1]
    rows, steps = np.arange(len(slow)), np.linspace(-1.0, 1.0, LINE)
    for _ in range(ROUNDS):
        tries = np.clip(centre[:, None] + width[:, None] * steps, low, high)
        seen = problem.squares([np.repeat(slow, LINE), tries.ravel()]).reshape(len(slow), LINE)
        pick = np.argmin(seen, axis=1)
        better = seen[rows, pick] < least
        centre = np.where(better, tries[rows, pick], centre)
        least = np.where(better, seen[rows, pick], least)
        width = width * 0.34
    # A parabola through three points, as wide as the last round was.
    side = width / 0.34 / 3.0
    ends = np.stack([centre - side, centre + side], axis=1)
    beside = problem.squares([np.repeat(slow, 2), ends.ravel()]).reshape(len(slow), 2)
    with np.errstate(all="ignore"):
        bend = (beside[:, 0] - 2.0 * least + beside[:, 1]) / (2.0 * side**2)
        tilt = (beside[:, 1] - beside[:, 0]) / (2.0 * side)
        shift = np.clip(-tilt / (2.0 * bend), -side, side)
    good = np.isfinite(shift) & (bend > 0.0)
    moved = np.clip(centre + np.where(good, shift, 0.0), low, high)
    there = problem.squares([slow, moved])
    better = there < least
    return _Valley(
        slow,
        np.where(better, moved, centre),
        np.where(better, there, least),
        np.where(good, bend, np.nan),
    )


def _bottom(
    problem: Problem, valley: _Valley, fast: NDArray[np.float64]
) -> tuple[tuple[float, float], float]:
    """Return the lowest point of a valley, and its sum of squares."""
    width = valley.slow[1] - valley.slow[0]
    place = int(np.argmin(valley.squares))
    best = (float(valley.slow[place]), float(valley.fast[place]))
    least = float(valley.squares[place])
    for _ in range(7):
        finer = np.clip(
            best[0] + width * np.linspace(-1.0, 1.0, 9), valley.slow[0], valley.slow[-1]
        )
        found = _beside(problem, valley, finer, fast)
        place = int(np.argmin(found.squares))
        if found.squares[place] < least:
            best = (float(found.slow[place]), float(found.fast[place]))
            least = float(found.squares[place])
        width /= 4.0
    return best, least


def _beside(
    problem: Problem, valley: _Valley, slow: NDArray[np.float64], fast: NDArray[np.float64]
) -> _Valley:
    """Return the valley at other first shapes, begun from where it is known."""
    good = np.isfinite(valley.squares)
    centre = np.interp(slow, valley.slow[good], valley.fast[good])
    # The bend of the valley between two known points moves it by less than their difference.
    width = np.full(len(slow), (fast[1] - fast[0]) / 2.0)
    least = problem.squares([slow, centre])
    return _line(problem, slow, centre, least, width)


def _across(
    problem: Problem, valley: _Valley, cut: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the first shapes inside the cut, and the extremes of the forecast across the valley there."""
    inside = np.flatnonzero(valley.squares <= cut)
    slow, fast = valley.slow[inside], valley.fast[inside]
    with np.errstate(all="ignore"):
        reach = np.sqrt((cut - valley.squares[inside]) / valley.curvature[inside])
    reach = np.where(np.isfinite(reach), reach, 0.0)
    axis_low, axis_high, _ = problem.family.axes[1]
    tries = fast[:, None] + 1.1 * reach[:, None] * np.linspace(-1.0, 1.0, ACROSS)
    tries = np.clip(tries, axis_low, axis_high)
    ends = problem.ends([np.repeat(slow, ACROSS), tries.ravel()], cut)
    targets = ends.lower.shape[1]
    lower = ends.lower.reshape(len(slow), ACROSS, targets)
    upper = ends.upper.reshape(len(slow), ACROSS, targets)
    return slow, -_peak(-lower), _peak(upper)


def _peak(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the greatest value along the second axis, by a parabola through the three about it."""
    place = np.argmax(values, axis=1)
    inner = np.clip(place, 1, values.shape[1] - 2)
    left, top, right = (
        np.take_along_axis(values, (inner + step)[:, None], axis=1)[:, 0] for step in (-1, 0, 1)
    )
    greatest = np.take_along_axis(values, place[:, None], axis=1)[:, 0]
    with np.errstate(all="ignore"):
        bend = left - 2.0 * top + right
        peak = top - (right - left) ** 2 / (8.0 * bend)
    good = np.isfinite(peak) & (bend < 0.0) & (place == inner)
    return np.where(good, np.maximum(peak, greatest), greatest)


def _refined(
    problem: Problem,
    valley: _Valley,
    fast: NDArray[np.float64],
    cut: float,
    slow: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the extremes over the valley, refined along it about the greatest and the least of each target."""
    width = valley.slow[1] - valley.slow[0]
    least, greatest = lower.min(axis=0), upper.max(axis=0)
    at = np.concatenate([slow[np.argmin(lower, axis=0)], slow[np.argmax(upper, axis=0)]])
    for _ in range(2):
        # Targets side by side have their extremes at the same shapes.
        tries = np.unique(at)[:, None] + width * np.linspace(-0.75, 0.75, 7)
        tries = np.unique(np.clip(tries.ravel(), valley.slow[0], valley.slow[-1]))
        found, low, high = _across(problem, _beside(problem, valley, tries, fast), cut)
        if not len(found):
            break
        least, greatest = np.minimum(least, low.min(axis=0)), np.maximum(greatest, high.max(axis=0))
        at = np.concatenate([found[np.argmin(low, axis=0)], found[np.argmax(high, axis=0)]])
        width /= 4.0
    return least, greatest
