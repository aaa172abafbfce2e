"""Least squares of a family at many shapes at once, and how far its forecast may move within a sum of squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.comparison.families import Family, Points, Reference

__all__ = ["Ends", "Problem"]

TINY = 1e-300
"""Least forecast whose logarithm is taken: a curve that may reach zero has no lower end."""

ROUNDING = 1e-12
"""Relative rounding of a sum of squares."""

BLOCK = 16_384
"""Numbers of one column that are worked on at once, 128 KB."""

DEPENDENT = 1e-9
"""Share of a column beside its part in the others below which its coefficient is not determined."""


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """ln of the least and the greatest forecast of each shape; NaN-free: inf and -inf where it has none.

    Attributes
    ----------
    lower, upper
        Shape (shapes, targets).
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A family, rows and targets: y = sum of columns x coefficients, residuals relative to y.

    Attributes
    ----------
    family
        The family.
    rows, targets
        Inputs of the rows and of the points to forecast.
    log_target
        ln y of the rows, shape (rows,).
    reference
        What inputs are counted from.
    """

    family: Family
    rows: Points
    targets: Points
    log_target: NDArray[np.float64]
    reference: Reference

    @property
    def parts(self) -> tuple[str, ...]:
        """The curves of the family: "free", with a constant of any sign, and "face", without one."""
        return ("free", "face") if self.family.offset else ("face",)

    def squares(self, shapes: list[NDArray[np.float64]], part: str = "both") -> NDArray[np.float64]:
        """Return the least sum of squares at each shape, shape (shapes,); inf where a coefficient is negative.

        Parameters
        ----------
        shapes
            Each shape, shape (shapes,).
        part
            One of `parts`; or "both", whose constant is 0 where it would be negative.
        """
        return np.concatenate([self._squares(block, part) for block in self._blocks(shapes)])

    def _blocks(self, shapes: list[NDArray[np.float64]]) -> list[list[NDArray[np.float64]]]:
        """Return the shapes in parts whose columns stay in the cache of a core."""
        size = max(BLOCK // max(len(self.log_target), 1), 1)
        return [
            [shape[first : first + size] for shape in shapes]
            for first in range(0, max(len(shapes[0]), 1), size)
        ]

    def _squares(self, shapes: list[NDArray[np.float64]], part: str) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            columns = self._columns(shapes)
            if part == "face" or not self.family.offset:
                squares = _Solution.of(columns, constant=False).squares
            else:
                free = _Solution.of([self._constant(columns), *columns], constant=True)
                squares = free.squares
                # The face E = 0 counts only where the constant would be negative.
                beneath = np.flatnonzero(~(free.level >= 0.0))
                if part == "both" and len(beneath):
                    face = _Solution.of([column[beneath] for column in columns], constant=False)
                    squares[beneath] = face.squares
            power = self._power(shapes)
            squares = squares if power is None else squares / power[:, 0] ** 2
        return np.where(np.isnan(squares), np.inf, squares)

    def ends(self, shapes: list[NDArray[np.float64]], cut: float, part: str = "both") -> Ends:
        """Return the range of the forecast at each shape among curves whose sum of squares is at most `cut`.

        An end counts only where the constant E is not negative there; the face E = 0 adds its own.

        Parameters
        ----------
        shapes, part
            As in `squares`.
        cut
            The largest sum of squares.
        """
        parts = [self._ends(block, cut, part) for block in self._blocks(shapes)]
        return Ends(
            np.concatenate([each.lower for each in parts]),
            np.concatenate([each.upper for each in parts]),
        )

    def _ends(self, shapes: list[NDArray[np.float64]], cut: float, part: str) -> Ends:
        with np.errstate(all="ignore"):
            columns = self._columns(shapes)
            each = [shape[:, None] for shape in shapes]
            at_targets = self.family.basis(each, self.targets, self.reference)
            power = self._power(shapes)
            limit = np.full(len(shapes[0]), cut) if power is None else cut * power[:, 0] ** 2
            lower, upper = (
                np.full(at_targets[0].shape, np.inf),
                np.full(at_targets[0].shape, -np.inf),
            )
            if part != "free":
                face = _Solution.of(columns, constant=False)
                lower, upper = face.range(at_targets, limit, floor=False)
            if part != "face" and self.family.offset:
                free = _Solution.of([self._constant(columns), *columns], constant=True)
                constant = np.ones_like(at_targets[0])
                other = free.range([constant, *at_targets], limit, floor=True)
                lower, upper = np.fmin(lower, other[0]), np.fmax(upper, other[1])
            # In logarithms, y^q taken back to y. A forecast that may vanish has the least logarithm.
            floor = np.where(np.isfinite(lower), np.log(np.maximum(lower, TINY)), np.inf)
            ceiling = np.where(np.isfinite(upper), np.log(np.maximum(upper, TINY)), -np.inf)
            if power is not None:
                floor, ceiling = floor / power, ceiling / power
            return Ends(floor + self.reference.target, ceiling + self.reference.target)

    def log_squares(self, shapes: list[NDArray[np.float64]]) -> float:
        """Return the sum of squares of ln f - ln y of the best curve of one shape."""
        rows = Problem(self.family, self.rows, self.rows, self.log_target, self.reference)
        return float(((rows.forecast(shapes)[0] - self.log_target) ** 2).sum())

    def forecast(self, shapes: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return ln f at the targets of the best curve of each shape, shape (shapes, targets)."""
        ends = self.ends(shapes, float(self.squares(shapes).min()) * (1.0 + ROUNDING))
        with np.errstate(invalid="ignore"):  # a forecast of no number
            return np.asarray((ends.lower + ends.upper) / 2.0)

    def _power(self, shapes: list[NDArray[np.float64]]) -> NDArray[np.float64] | None:
        return (
            None if self.family.power is None else self.family.power([s[:, None] for s in shapes])
        )

    def _columns(self, shapes: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """Return the columns of the family at the rows, divided by y^q."""
        each = [shape[:, None] for shape in shapes]
        away = self.log_target - self.reference.target
        inverse = np.exp(-away if self.family.power is None else -self.family.power(each) * away)
        return [column * inverse for column in self.family.basis(each, self.rows, self.reference)]

    def _constant(self, columns: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the column of the constant E at the rows, divided by y."""
        constant = np.exp(self.reference.target - self.log_target)
        return np.broadcast_to(constant, columns[0].shape)


@dataclass(frozen=True, slots=True, eq=False)
class _Solution:
    """Least squares by Gram-Schmidt: the columns are Q R, and c = Q'1.

    Attributes
    ----------
    triangle
        R, entries (i, j) of shape (shapes,), i <= j.
    share
        c, entries of shape (shapes,).
    squares
        Sum of squares of each shape; inf where a coefficient that must be positive is not.
    level
        The constant, shape (shapes,); 0 without one.
    """

    triangle: dict[tuple[int, int], NDArray[np.float64]]
    share: list[NDArray[np.float64]]
    squares: NDArray[np.float64]
    level: NDArray[np.float64]

    @classmethod
    def of(cls, columns: list[NDArray[np.float64]], *, constant: bool) -> _Solution:
        triangle: dict[tuple[int, int], NDArray[np.float64]] = {}
        share: list[NDArray[np.float64]] = []
        directions: list[NDArray[np.float64]] = []
        left = np.ones_like(columns[0])
        dependent = np.zeros(len(left), dtype=bool)
        for place, column in enumerate(columns):
            rest, size = column, np.sqrt(np.einsum("sr,sr->s", column, column))
            for before, direction in enumerate(directions):
                part = np.einsum("sr,sr->s", direction, rest)
                triangle[before, place] = part
                rest = rest - part[:, None] * direction
            norm = np.sqrt(np.einsum("sr,sr->s", rest, rest))
            dependent |= ~(norm > DEPENDENT * size)
            direction = rest / norm[:, None]
            part = np.einsum("sr,sr->s", direction, left)
            left = left - part[:, None] * direction
            triangle[place, place] = norm
            directions.append(direction)
            share.append(part)
        squares = np.einsum("sr,sr->s", left, left)
        coefficients = _back(triangle, share)
        positive = np.all([value > 0.0 for value in coefficients[constant:]], axis=0)
        level = coefficients[0] if constant else np.zeros(len(squares))
        return cls(triangle, share, np.where(positive & ~dependent, squares, np.inf), level)

    def range(
        self, at: list[NDArray[np.float64]], limit: NDArray[np.float64], *, floor: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and greatest value at the targets, shape (shapes, targets); inf and -inf where none."""
        size = len(at)
        # R'z = x at each target: the value is z'c, and its variance z'z.
        solved: list[NDArray[np.float64]] = []
        for place in range(size):
            rest = at[place]
            for before in range(place):
                rest = rest - self.triangle[before, place][:, None] * solved[before]
            solved.append(rest / self.triangle[place, place][:, None])
        middle = sum(self.share[place][:, None] * solved[place] for place in range(size))
        variance = sum(value * value for value in solved)
        reach = np.sqrt(np.maximum(limit - self.squares, 0.0)[:, None] * variance)
        inside = (self.squares <= limit)[:, None]
        lower, upper = middle - reach, middle + reach
        if floor:
            # How the constant moves when the forecast moves by one.
            moved = _back({key: value[:, None] for key, value in self.triangle.items()}, solved)[0]
            step = np.where(variance > 0.0, reach / variance, 0.0) * moved
            lower = np.where(self.level[:, None] - step >= 0.0, lower, np.inf)
            upper = np.where(self.level[:, None] + step >= 0.0, upper, -np.inf)
        return np.where(inside, lower, np.inf), np.where(inside, upper, -np.inf)


def _back(
    triangle: dict[tuple[int, int], NDArray[np.float64]], right: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Return the solution of R b = right."""
    size = len(right)
    solution: list[NDArray[np.float64]] = [right[0]] * size
    for place in range(size - 1, -1, -1):
        rest = right[place]
        for later in range(place + 1, size):
            rest = rest - triangle[place, later] * solution[later]
        solution[place] = rest / triangle[place, place]
    return solution
