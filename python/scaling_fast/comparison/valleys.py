"""Valleys of the sum of squares of a family with two shapes: followed along the first, crossed along the second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.comparison.linear_given_shapes import Problem

__all__ = ["ALONG", "LINE", "Extremes", "Valley", "bottom_of", "extremes_of", "valley_of"]

ALONG = 49
"""Points along a grid of the shapes that are left."""

LINE, ROUNDS, SHRUNK = 5, 4, 0.55
"""Points and rounds of a search along a line, and the share of the line that a round leaves."""

ACROSS = 15
"""Points between the two sides of a valley, about a quarter of a standard error apart at 90 %."""

BOTTOMS = 5
"""Lowest places of a valley from which its minimum is refined."""

HOPELESS = 2.0
"""Times the lowest sum of squares above which no minimum is refined."""

MINIMA = 2
"""Local minima along a line that are followed."""

WIDENED, HALVED = 8, 5
"""Steps outwards, each three times the last, and halvings, that find where a valley ends on one side."""


@dataclass(frozen=True, slots=True, eq=False)
class Valley:
    """For each value of the first shape the best values of the second; several entries may share a first shape.

    Attributes
    ----------
    slow, fast, squares
        The two shapes and the sum of squares there, shape (entries,).
    width
        How far from there the second shape was looked for last, shape (entries,).
    """

    slow: NDArray[np.float64]
    fast: NDArray[np.float64]
    squares: NDArray[np.float64]
    width: NDArray[np.float64]

    def lowest(self) -> tuple[tuple[float, float], float]:
        """Return the lowest entry, and its sum of squares."""
        place = int(np.argmin(self.squares))
        return (float(self.slow[place]), float(self.fast[place])), float(self.squares[place])


@dataclass(frozen=True, slots=True, eq=False)
class Extremes:
    """The extremes of the forecast over one part of a family, shape (targets,), and its lowest shapes."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    best: tuple[float, float]


def valley_of(
    problem: Problem, part: str, slow: NDArray[np.float64], fast: NDArray[np.float64]
) -> Valley:
    """Return the valleys of the sum of squares along the first shape: the lowest minima of each line."""
    pairs = [axis.ravel() for axis in np.meshgrid(slow, fast, indexing="ij")]
    squares = problem.squares(pairs, part).reshape(len(slow), len(fast))
    padded = np.pad(squares, ((0, 0), (1, 1)), constant_values=np.inf)
    is_minimum = (squares <= padded[:, :-2]) & (squares <= padded[:, 2:]) & np.isfinite(squares)
    order = np.argsort(np.where(is_minimum, squares, np.inf), axis=1)[:, :MINIMA]
    rows = np.repeat(np.arange(len(slow)), order.shape[1])
    places = order.ravel()
    good = is_minimum[rows, places]
    rows, places = rows[good], places[good]
    width = np.full(len(rows), fast[1] - fast[0])
    return _line(problem, part, slow[rows], fast[places], squares[rows, places], width)


def _line(
    problem: Problem,
    part: str,
    slow: NDArray[np.float64],
    centre: NDArray[np.float64],
    least: NDArray[np.float64],
    width: NDArray[np.float64],
) -> Valley:
    """Return the best second shapes within a width of some centres, and within the axis."""
    low, high, _ = problem.family.axes[1]
    rows, steps = np.arange(len(slow)), np.linspace(-1.0, 1.0, LINE)
    for _ in range(ROUNDS):
        tries = np.clip(centre[:, None] + width[:, None] * steps, low, high)
        seen = problem.squares([np.repeat(slow, LINE), tries.ravel()], part)
        seen = seen.reshape(len(slow), LINE)
        pick = np.argmin(seen, axis=1) if len(slow) else rows
        better = seen[rows, pick] < least
        centre = np.where(better, tries[rows, pick], centre)
        least = np.where(better, seen[rows, pick], least)
        width = width * SHRUNK
    # A parabola through three points, as wide as the last round was.
    side = width / SHRUNK / 2.0
    ends = np.stack([centre - side, centre + side], axis=1)
    beside = problem.squares([np.repeat(slow, 2), ends.ravel()], part).reshape(len(slow), 2)
    with np.errstate(all="ignore"):
        bend = (beside[:, 0] - 2.0 * least + beside[:, 1]) / (2.0 * side**2)
        tilt = (beside[:, 1] - beside[:, 0]) / (2.0 * side)
        shift = np.clip(-tilt / (2.0 * bend), -side, side)
    shift = np.where(np.isfinite(shift) & (bend > 0.0), shift, 0.0)
    moved = np.clip(centre + shift, low, high)
    there = problem.squares([slow, moved], part)
    better = there < least
    return Valley(slow, np.where(better, moved, centre), np.where(better, there, least), side)


def bottom_of(
    problem: Problem, part: str, valley: Valley
) -> tuple[tuple[float, float], float] | None:
    """Return the lowest shapes of a part of a family, refined from the lowest places of its valley."""
    if not len(valley.slow) or not np.isfinite(valley.squares).any():
        return None
    low, high, points = problem.family.axes[0]
    step = (high - low) / (points - 1)
    aside = (problem.family.axes[1][1] - problem.family.axes[1][0]) / (
        problem.family.axes[1][2] - 1
    )
    lowest, least = valley.lowest()
    # The lowest places that are not neighbours of each other.
    starts: list[tuple[float, float]] = []
    for place in np.argsort(valley.squares):
        slow, fast = float(valley.slow[place]), float(valley.fast[place])
        if all(abs(slow - x) > 1.5 * step or abs(fast - z) > 1.5 * aside for x, z in starts):
            starts.append((slow, fast))
        if len(starts) == BOTTOMS or valley.squares[place] > HOPELESS * least:
            break
    for start in starts:
        best, width = start, step
        found = np.inf
        for _ in range(6):
            along = np.clip(best[0] + width * np.linspace(-1.0, 1.0, 7), low, high)
            beside = _beside(problem, part, along, np.full(7, best[1]))
            there, squares = beside.lowest()
            if squares < found:
                best, found = there, squares
            width /= 3.0
        if found < least:
            lowest, least = best, float(found)
    return lowest, least


def _beside(
    problem: Problem, part: str, slow: NDArray[np.float64], centre: NDArray[np.float64]
) -> Valley:
    """Return the valley at other first shapes, begun from where it is known."""
    low, high, points = problem.family.axes[1]
    # The bend of the valley between two known points moves it by less than their difference.
    width = np.full(len(slow), (high - low) / (points - 1) / 2.0)
    least = problem.squares([slow, centre], part)
    return _line(problem, part, slow, centre, least, width)


def extremes_of(
    problem: Problem,
    part: str,
    slow: NDArray[np.float64],
    fast: NDArray[np.float64],
    cut: float,
) -> Extremes | None:
    """Return the extremes of one part of a family within a sum of squares; None where no curve is within it."""
    valley = valley_of(problem, part, slow, fast)
    if not len(valley.slow):
        return None
    bottom: tuple[tuple[float, float], float] | None = valley.lowest()
    if bottom is None or bottom[1] > cut:
        bottom = bottom_of(problem, part, valley)
    if bottom is None or bottom[1] > cut:
        return None
    best = bottom[0]
    for _ in range(3):
        kept = valley.squares <= cut
        along = np.append(valley.slow[kept], best[0])
        step = slow[1] - slow[0]
        slow = np.linspace(
            max(slow[0], along.min() - step), min(slow[-1], along.max() + step), ALONG
        )
        near = np.append(valley.fast[kept], best[1])
        aside = fast[1] - fast[0]
        nearest = max(near.min() - aside, problem.family.axes[1][0])
        farthest = min(near.max() + aside, problem.family.axes[1][1])
        fast = np.linspace(nearest, farthest, problem.family.axes[1][2] // 2 + 1)
        valley = valley_of(problem, part, slow, fast)
        if len(np.unique(valley.slow[valley.squares <= cut])) >= ALONG // 3:
            break
    whole = Valley(
        *(
            np.append(own, last)
            for own, last in zip(
                (valley.slow, valley.fast, valley.squares, valley.width),
                (best[0], best[1], bottom[1], float(valley.width.min(initial=aside))),
                strict=True,
            )
        )
    )
    found, lower, upper = _across(problem, part, whole, cut)
    lower, upper = _refined(problem, part, found, slow[1] - slow[0], cut, lower, upper)
    return Extremes(lower, upper, best if bottom[1] <= whole.lowest()[1] else whole.lowest()[0])


def _across(
    problem: Problem, part: str, valley: Valley, cut: float
) -> tuple[Valley, NDArray[np.float64], NDArray[np.float64]]:
    """Return the entries inside the cut, and the extremes of the forecast across the valley there."""
    inside = np.flatnonzero(valley.squares <= cut)
    kept = Valley(
        *(own[inside] for own in (valley.slow, valley.fast, valley.squares, valley.width))
    )
    below, above = (_side(problem, part, kept, cut, sign) for sign in (-1.0, 1.0))
    tries = below[:, None] + (above - below)[:, None] * np.linspace(0.0, 1.0, ACROSS)
    ends = problem.ends([np.repeat(kept.slow, ACROSS), tries.ravel()], cut, part)
    lower = ends.lower.reshape(len(kept.slow), ACROSS, -1)
    upper = ends.upper.reshape(len(kept.slow), ACROSS, -1)
    return kept, -_peak(-lower), _peak(upper)


def _side(
    problem: Problem, part: str, valley: Valley, cut: float, sign: float
) -> NDArray[np.float64]:
    """Return how far the second shape can go to one side, within the cut and the axis, shape (entries,)."""
    low, high, _ = problem.family.axes[1]
    inside, step = valley.fast.copy(), np.maximum(valley.width, 1e-9)
    outside = np.full(len(inside), np.nan)
    going = np.ones(len(inside), dtype=bool)
    for _ in range(WIDENED):
        tries = np.clip(inside + sign * step, low, high)
        within = problem.squares([valley.slow, tries], part) <= cut
        at_end = (tries <= low) | (tries >= high)
        outside = np.where(going & ~within, tries, outside)
        inside = np.where(going & within, tries, inside)
        going &= within & ~at_end
        step = step * 3.0
        if not going.any():
            break
    # What is still going ends where it is; the others are halved to where the cut is reached.
    outside = np.where(np.isnan(outside), inside, outside)
    for _ in range(HALVED):
        middle = 0.5 * (inside + outside)
        within = problem.squares([valley.slow, middle], part) <= cut
        inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
    return inside


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
    part: str,
    valley: Valley,
    width: float,
    cut: float,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the extremes over the valley, refined along it about the greatest and the least of each target."""
    least, greatest = lower.min(axis=0), upper.max(axis=0)
    low, high, _ = problem.family.axes[0]
    for _ in range(2):
        # Targets side by side have their extremes at the same shapes.
        places = np.unique(np.concatenate([np.argmin(lower, axis=0), np.argmax(upper, axis=0)]))
        slow = valley.slow[places][:, None] + width * np.linspace(-0.75, 0.75, 7)
        slow = np.clip(slow.ravel(), low, high)
        beside = _beside(problem, part, slow, np.repeat(valley.fast[places], 7))
        valley, lower, upper = _across(problem, part, beside, cut)
        if not len(lower):
            break
        least, greatest = (
            np.minimum(least, lower.min(axis=0)),
            np.maximum(greatest, upper.max(axis=0)),
        )
        width /= 4.0
    return least, greatest
