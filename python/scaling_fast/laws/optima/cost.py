"""Runs of equal compute: where a budget lies in the plane of size and data, for any cost formula."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scaling_fast._core import Program
from scaling_fast.errors import FormulaError, ParameterError, quote, suggestion
from scaling_fast.laws.optima.reach import DECADES_ABOVE, DECADES_BELOW
from scaling_fast.laws.optima.roots import increasing_root, nearby_root

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.laws.optima.reach import Reach

__all__ = ["DEFAULT_COST", "Cost", "require_text"]

Floats: TypeAlias = "NDArray[np.float64]"

DEFAULT_COST = "6*N*D"
"""FLOP of training: 2 for the forward and 4 for the backward pass, per parameter and token (Kaplan et al. 2020)."""

PROBES = 49
"""Places along each axis at which a cost must increase."""

PLACES = 65
"""Places along each axis of the table from which iterations start."""

POWER = 1e-12
"""Relative error below which a cost is k N^p D^q."""


@dataclass(frozen=True, eq=False)
class Cost:
    """What a run costs: a formula of its size and its data, which increases in both.

    Along runs of equal cost everything is a function of w = ln(N/D): as w grows, N grows and D falls, and
    both stay smooth where one of them would end, as N does at C/(2*1e13) under "6*N*D + 2*N*1e13".

    Attributes
    ----------
    formula
        The text. The names N and D stand for size and data, whatever the law calls them.
    size, data
        The columns of the law.
    reach
        The sizes and amounts of data that are considered.

    Raises
    ------
    FormulaError, ParameterError
        For a formula that cannot be read, has other names, or does not increase with both.
    """

    formula: str
    size: str
    data: str
    reach: Reach
    _program: Program = field(init=False, repr=False)
    _is_size: tuple[bool, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_text(self.formula)
        roles = {"N": True, "D": False} | {self.size: True, self.data: False}
        program = Program(self.formula, list(roles))
        if program.target is not None:
            raise FormulaError(
                f"the cost {quote(self.formula, 80)} names a target; write the FLOP alone, such as "
                '"6*N*D"',
                code="target",
                position=self.formula.index("~"),
            )
        if program.params:
            raise ParameterError(
                f"the cost {quote(self.formula, 80)} uses {quote(program.params[0])}, which is not a column of "
                f"the law{suggestion(program.params[0], (self.size, self.data), kind='columns')}; constants "
                "are written as numbers",
                code="unknown_name",
                param="cost",
            )
        for name, is_size in ((self.size, True), (self.data, False)):
            if not any(roles[column] == is_size for column in program.columns):
                raise self._not_increasing(name)
        object.__setattr__(self, "_program", program)
        object.__setattr__(self, "_is_size", tuple(roles[name] for name in program.columns))
        self._require_increasing()

    def of(self, ln_size: Floats, ln_data: Floats) -> Floats:
        """Return the logarithm of the cost; shapes broadcast."""
        u, v = np.broadcast_arrays(ln_size, ln_data)
        with np.errstate(all="ignore"):
            n, d = np.exp(u).ravel(), np.exp(v).ravel()
            columns = [n if is_size else d for is_size in self._is_size]
            flops = np.asarray(self._program.evaluate(columns, []), dtype=np.float64)
            return np.log(flops).reshape(u.shape)

    @cached_property
    def power(self) -> tuple[float, float, float] | None:
        """Ln k, p and q where the cost is k N^p D^q, else None."""
        u = np.linspace(*self.reach.size, 7)[:, None]
        v = np.linspace(*self.reach.data, 7)[None, :]
        values = self.of(u, v)
        p = float(values[-1, 0] - values[0, 0]) / float(u[-1, 0] - u[0, 0])
        q = float(values[0, -1] - values[0, 0]) / float(v[0, -1] - v[0, 0])
        # Powers as people write them: 1, 2, 0.5 rather than their rounding.
        p, q = (
            round(power, 9) if abs(round(power, 9) - power) < 1e-12 else power for power in (p, q)
        )
        ln_k = float(np.mean(values - p * u - q * v))
        off = np.abs(values - (ln_k + p * u + q * v)).max()
        return (ln_k, p, q) if off <= POWER * max(1.0, float(np.abs(values).max())) else None

    @cached_property
    def budgets(self) -> tuple[float, float]:
        """Logarithms of the least and largest cost in reach."""
        low, high = zip(self.reach.size, self.reach.data, strict=True)
        least, largest = self.of(np.array([low[0], high[0]]), np.array([low[1], high[1]])).tolist()
        return least, largest

    def ln_size(self, w: Floats, ln_flops: Floats) -> Floats:
        """Return ln N of the run of a cost at w = ln(N/D); shapes broadcast. ln D is ln N - w."""
        if self.power is not None:
            ln_k, p, q = self.power
            return np.asarray((ln_flops - ln_k + q * w) / (p + q))
        w, goal = np.broadcast_arrays(w, ln_flops)
        flat_w, flat_goal = w.ravel(), goal.ravel()

        def over(u: Floats, at: NDArray[np.int64]) -> Floats:
            return np.asarray(self.of(u, u - flat_w[at]) - flat_goal[at])

        root = nearby_root(over, self._looked_up(flat_w, flat_goal))
        others = np.flatnonzero(np.isnan(root) & np.isfinite(flat_w) & np.isfinite(flat_goal))
        if others.size:
            root[others] = self._bracketed(flat_w[others], flat_goal[others])
        return root.reshape(w.shape)

    def _bracketed(self, w: Floats, goal: Floats) -> Floats:
        """Return ln N of the run of each cost at each w, sought between the ends of the reach."""
        # At these ends both inputs lie at or beyond the ends of the reach, so the cost brackets the goal.
        low = np.minimum(self.reach.size[0], self.reach.data[0] + w)
        high = np.maximum(self.reach.size[1], self.reach.data[1] + w)
        return increasing_root(lambda u, at: self.of(u, u - w[at]) - goal[at], low, high)

    @cached_property
    def _table(self) -> tuple[Floats, Floats, Floats]:
        """A grid of w, one of ln C, and ln N there, shape (w, ln C): where iterations start."""
        w, goal = np.linspace(*self.reach.ratio, PLACES), np.linspace(*self.budgets, PLACES)
        every_w, every_goal = (grid.ravel() for grid in np.meshgrid(w, goal, indexing="ij"))
        return w, goal, self._bracketed(every_w, every_goal).reshape(PLACES, PLACES)

    def _looked_up(self, w: Floats, goal: Floats) -> Floats:
        """Return about what ln N is, by bilinear interpolation."""
        known_w, known_goal, table = self._table
        with np.errstate(all="ignore"):
            x = (w - known_w[0]) / (known_w[1] - known_w[0])
            y = (goal - known_goal[0]) / (known_goal[1] - known_goal[0])
        x, y = (np.clip(np.nan_to_num(each), 0.0, PLACES - 1.001) for each in (x, y))
        i, j = x.astype(np.int64), y.astype(np.int64)
        x, y = x - i, y - j
        lower = (1.0 - y) * table[i, j] + y * table[i, j + 1]
        upper = (1.0 - y) * table[i + 1, j] + y * table[i + 1, j + 1]
        return np.asarray((1.0 - x) * lower + x * upper)

    def ends(self, ln_flops: Floats) -> tuple[Floats, Floats]:
        """Return the lowest and highest w of the runs of each cost that are in reach, shape of `ln_flops`.

        The run with the least N in reach, the most D or the least N/D, whichever comes first; and the other way
        round. The lowest lies above the highest where no run is in reach.
        """
        (size_low, size_high), (data_low, data_high) = self.reach.size, self.reach.data
        goal = np.atleast_1d(ln_flops).ravel()

        def size_at(ln_data: float) -> Floats:
            return increasing_root(
                lambda u, at: self.of(u, np.array(ln_data)) - goal[at],
                np.full(goal.size, size_low),
                np.full(goal.size, size_high),
            )

        def data_at(ln_size: float) -> Floats:
            return increasing_root(
                lambda v, at: self.of(np.array(ln_size), v) - goal[at],
                np.full(goal.size, data_low),
                np.full(goal.size, data_high),
            )

        # Where one of the two has no root it stays at its end of the reach, and the other has one.
        least, most = size_at(data_high) - data_at(size_low), size_at(data_low) - data_at(size_high)
        low, high = self.reach.ratio
        shape = np.shape(ln_flops)
        return np.maximum(least, low).reshape(shape), np.minimum(most, high).reshape(shape)

    def require_in_reach(self, ln_flops: float) -> None:
        """Refuse a cost that no run in reach has.

        Raises
        ------
        ParameterError
            With the least and the largest cost in reach.
        """
        least, largest = self.budgets
        if not least < ln_flops < largest:
            raise ParameterError(
                f"no run in reach costs {_exp(ln_flops):.4g} FLOP: sizes and data from {DECADES_BELOW:g} decades "
                f"below to {DECADES_ABOVE:g} decades above those of the rows cost {_exp(least):.3g} to "
                f"{_exp(largest):.3g}; check the units of flops, of the columns and of cost=",
                code="out_of_reach",
                param="flops",
            )

    def _require_increasing(self) -> None:
        u = np.linspace(*self.reach.size, PROBES)[:, None]
        v = np.linspace(*self.reach.data, PROBES)[None, :]
        values = self.of(u, v)
        if not np.isfinite(values).all():
            raise ParameterError(
                f"the cost {quote(self.formula, 80)} is not a positive number for every size and amount of data "
                "within reach; compute is above zero",
                code="cost",
                param="cost",
            )
        slack = 1e-13 * np.abs(values).max()
        for axis, name in ((0, self.size), (1, self.data)):
            steps = np.diff(values, axis=axis)
            if (steps < -slack).any() or (steps <= slack).all():
                raise self._not_increasing(name)

    def _not_increasing(self, name: str) -> ParameterError:
        return ParameterError(
            f"the cost {quote(self.formula, 80)} does not increase with {quote(name)}, so that all of a budget "
            f'could go there; a cost has both inputs, as "6*{self.size}*{self.data}" has',
            code="cost",
            param="cost",
        )


def require_text(cost: object) -> None:
    """Refuse a cost that is not text.

    Raises
    ------
    ParameterError
        With how a cost is written.
    """
    if not isinstance(cost, str):
        raise ParameterError(
            f'cost must be a formula such as "6*N*D", got {quote(cost)}', code="cost", param="cost"
        )


def _exp(logarithm: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.exp(logarithm))
