"""The profile band of a family: the extremes of its forecast over all curves within a sum of squares.

Of one shape a grid over the shapes that are left, no coarser than a quarter of a standard error, is
refined about its extremes. Of two shapes such a grid loses valleys that are long and thin, as those of a
stretched exponential are: for each value of the first shape the best values of the second are looked for
along a line, then where the sum of squares reaches its limit on both sides, and the extremes lie between.
Curves with a constant and those without are two valleys, each followed by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.comparison.valleys import ALONG, LINE, bottom_of, extremes_of, valley_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scaling_fast.comparison.linear_given_shapes import Problem

__all__ = ["ProfileBand", "profile_band"]

MOST_POINTS = 1500
"""Most points of a grid of one shape."""

LOWER = 1e-6
"""Relative difference from which a sum of squares is lower."""


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
    found = bottom_of(problem, "both", valley_of(problem, "both", slow, fast))
    if found is None:
        return None
    best, least = found
    for _ in range(2):
        cut = least * factor
        lower, upper = np.full(_targets(problem), np.inf), np.full(_targets(problem), -np.inf)
        lowest = (best, least)
        for part in problem.parts:
            extremes = extremes_of(problem, part, slow, fast, cut)
            if extremes is None:
                continue
            lower, upper = np.minimum(lower, extremes.lower), np.maximum(upper, extremes.upper)
            there = problem.squares([np.array([shape]) for shape in extremes.best])[0]
            if there < lowest[1]:
                lowest = (extremes.best, float(there))
        if lowest[1] >= least * (1.0 - LOWER):
            break
        # A deeper place was met on the way: the limit is counted from there.
        best, least = lowest
    if not np.isfinite(lower).all():
        return None
    return _band(problem, [np.array([shape]) for shape in best], least, lower, upper)


def _targets(problem: Problem) -> int:
    return len(problem.targets.size)


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
