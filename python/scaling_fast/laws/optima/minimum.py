"""The least loss of a law at a cost, and the least cost at which it reaches a loss, for many parameters at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from scaling_fast._core import Program
from scaling_fast.laws.optima.cost import DEFAULT_COST, Cost, require_text
from scaling_fast.laws.optima.power_sums import PowerSum
from scaling_fast.laws.optima.reach import Reach
from scaling_fast.laws.optima.roles import size_and_data
from scaling_fast.laws.optima.roots import sign_change
from scaling_fast.laws.optima.valleys import EDGE, INTERIOR, lowest_points, near_points

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from scaling_fast.laws.law import Law
    from scaling_fast.laws.optima.valleys import Curves, Lowest

__all__ = ["Best", "ConstrainedMinimum"]

Floats: TypeAlias = "NDArray[np.float64]"
Params: TypeAlias = "Mapping[str, Floats]"

REMEMBERED = 8
"""Answers that are kept: N, D and the loss of a few budgets are asked for one after the other."""

MISSED = 1e-10
"""Relative distance below the loss asked for at which a better split of the same cost was missed."""


class Best(NamedTuple):
    """The best run for each set of parameters, shape (sets,) throughout.

    Attributes
    ----------
    ln_size, ln_data, ln_flops
        Logarithms of N, D and the cost. Infinite where no cost reaches the loss that was asked for; N and D
        are NaN where any split is as good.
    loss
        The law there, in the units of the target.
    state
        INTERIOR; EDGE at an end of the reach, or of where the law is defined; FLAT where any split is as good.
    """

    ln_size: Floats
    ln_data: Floats
    ln_flops: Floats
    loss: Floats
    state: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ConstrainedMinimum:
    """The best split of a cost between two inputs of a law.

    In closed form where the law is E + A N^-alpha + B D^-beta and the cost k N^p D^q, else along the runs of
    equal cost; both agree to 1e-6 in N and D.

    Attributes
    ----------
    law
        A law of two inputs, its columns bound.
    cost
        What a run costs.
    """

    law: Law
    cost: Cost
    _memory: dict[object, Best] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls,
        law: Law,
        columns: Mapping[str, Floats],
        *,
        sources: Mapping[str, str] | None = None,
        cost: str = DEFAULT_COST,
    ) -> ConstrainedMinimum:
        """Return the question of a law, a cost and the rows that the law was fitted to.

        Parameters
        ----------
        law
            The law, its columns bound.
        columns
            Column of the law -> its values among the rows.
        sources
            Column of the law -> what the frame calls it.
        cost
            A formula of the columns, or of N and D for size and data.

        Raises
        ------
        ParameterError, FormulaError
            For a law without a size and data, and a cost that does not increase with both.
        """
        names = set(law.columns or ())
        require_text(cost)
        # A cost that names both inputs says what they cost, whatever they are.
        is_named = cost != DEFAULT_COST and names <= set(Program(cost, sorted(names)).columns)
        size, data = size_and_data(law, sources, any_inputs=is_named)
        return cls(law, Cost(cost, size, data, Reach.around(columns[size], columns[data])))

    # -- the law --------------------------------------------------------------------------------

    @property
    def params(self) -> list[str]:
        """The parameters of the law."""
        return list(self.law.params)

    @cached_property
    def right_side(self) -> str:
        """The formula of the law without its target."""
        return self.law.formula.partition("~")[2] or self.law.formula

    @cached_property
    def _bound(self) -> Program:
        return Program(self.law.formula, [self.cost.size, self.cost.data])

    @cached_property
    def _program(self) -> Program:
        return Program(self.right_side, [*self.params, self.cost.size, self.cost.data])

    @cached_property
    def power_sum(self) -> PowerSum | None:
        """The law as a floor and two powers, where the optimum has a closed form at this cost, else None."""
        increasing = self.in_target_units(np.array([0.25, 0.5]))
        if self.cost.power is None or not increasing[0] < increasing[1]:
            return None
        return PowerSum.of(self.law, self.cost.size, self.cost.data)

    def in_target_units(self, values: Floats) -> Floats:
        """Return values of the right side of the formula in the units of the target."""
        return np.asarray(self._bound.invert_target(values), dtype=np.float64)

    def remembered(self, key: object, compute: Callable[[], Best]) -> Best:
        """Return the answer to a question, computed unless it is one of the last that were asked."""
        known = self._memory.get(key)
        if known is None:
            known = compute()
            for old in list(self._memory)[: 1 - REMEMBERED]:
                self._memory.pop(old, None)
            self._memory[key] = known
        return known

    def written_out(self, flops: float) -> dict[str, str] | None:
        """Return "size", "data" and, of a plain target, "loss" at a budget as formulas of parameters.

        None where there is no closed form.
        """
        if self.power_sum is None or self.cost.power is None:
            return None
        texts = self.power_sum.optimum(self.cost.power, math.log(flops))
        named = dict(zip(("size", "data", "loss"), texts, strict=True))
        if self.law.transform is not None:
            del named["loss"]
        return named

    def loss(self, params: Params, ln_size: Floats, ln_data: Floats) -> Floats:
        """Return the law in the units of its target; shapes broadcast."""
        known = {**params, self.cost.size: np.exp(ln_size), self.cost.data: np.exp(ln_data)}
        arrays = np.broadcast_arrays(*(known[name] for name in self._program.columns))
        with np.errstate(all="ignore"):
            flat = [np.ascontiguousarray(array).ravel() for array in arrays]
            value = np.asarray(self._program.evaluate(flat, []), dtype=np.float64)
            return np.asarray(self._bound.invert_target(value)).reshape(arrays[0].shape)

    # -- the best split of a cost ---------------------------------------------------------------

    def at(self, ln_flops: Floats, params: Params) -> Best:
        """Return the run of least loss at each cost.

        Parameters
        ----------
        ln_flops
            Logarithms of the costs, shape (sets,).
        params
            Parameter -> its values, shape (sets,).
        """
        if self.power_sum is None:
            return self._searched(ln_flops, params)
        size, data = self._closed(ln_flops, params)
        loss = self.loss(params, size, data)
        best = Best(size, data, ln_flops.copy(), loss, np.full(size.size, INTERIOR))
        # Beyond the reach, and where a power is zero, the search says at which end the loss is least.
        others = np.flatnonzero(~self.cost.reach.holds(size, data))
        if others.size:
            _put(best, others, self._searched(ln_flops[others], _some(params, others)))
        return best

    def _powers(self, params: Params) -> tuple[Floats, ...]:
        """Return ln A, alpha, ln B, beta and E; NaN where there is no valley, as with an exponent of 0."""
        form = self.power_sum
        if form is None:
            raise ValueError("the law is not a sum of two powers")
        with np.errstate(all="ignore"):
            scale_n, power_n, scale_d, power_d, floor = (
                self._evaluated(text, params)
                for text in (form.scale_n, form.power_n, form.scale_d, form.power_d, form.floor)
            )
            some = (scale_n > 0.0) & (power_n > 0.0) & (scale_d > 0.0) & (power_d > 0.0)
            ln_a, ln_b = (
                np.where(some, np.log(scale_n), np.nan),
                np.where(some, np.log(scale_d), np.nan),
            )
        return ln_a, power_n, ln_b, power_d, floor

    def _evaluated(self, text: str, params: Params) -> Floats:
        program = Program(text, self.params)
        size = next(iter(params.values())).size
        value = np.asarray(program.evaluate([params[name] for name in program.columns], []))
        return value if program.columns else np.full(size, float(value[0]))

    def _closed(self, ln_flops: Floats, params: Params) -> tuple[Floats, Floats]:
        """Return ln N and ln D: alpha A N^-alpha / p = beta B D^-beta / q on k N^p D^q = C."""
        ln_k, p, q = self.cost.power or (math.nan,) * 3
        ln_a, alpha, ln_b, beta, _ = self._powers(params)
        with np.errstate(all="ignore"):
            balance = np.log(alpha * q / (beta * p)) + ln_a - ln_b
            size = (q * balance + beta * (ln_flops - ln_k)) / (alpha * q + beta * p)
            return size, (ln_flops - ln_k - p * size) / q

    def _curves(self, ln_flops: Floats, params: Params) -> Curves:
        """Return the loss of each set of parameters along the runs of its cost, by w = ln(N/D)."""
        is_common = ln_flops.size > 1 and bool(np.ptp(ln_flops) == 0.0)

        def loss(w: Floats, which: NDArray[np.int64]) -> Floats:
            goal = ln_flops[:1] if is_common else ln_flops[which]
            size = self.cost.ln_size(w, goal[:, None])
            return self.loss({k: v[which][:, None] for k, v in params.items()}, size, size - w)

        return loss

    def _searched(self, ln_flops: Floats, params: Params) -> Best:
        """Return the optima along the runs of each cost."""
        if ln_flops.size and np.ptp(ln_flops) == 0.0:
            low, high = (np.repeat(end, ln_flops.size) for end in self.cost.ends(ln_flops[:1]))
        else:
            low, high = self.cost.ends(ln_flops)
        found = lowest_points(self._curves(ln_flops, params), low, high)
        return self._best(found, ln_flops)

    def _best(self, found: Lowest, ln_flops: Floats) -> Best:
        size = self.cost.ln_size(found.at, ln_flops)
        return Best(size, size - found.at, ln_flops.copy(), found.value, found.state)

    # -- the least cost of a loss ---------------------------------------------------------------

    def reaching(self, loss: float, params: Params) -> Best:
        """Return the run of least cost that reaches a loss; infinite where none does.

        A set of parameters that reaches it below every cost in reach has NaN.

        Parameters
        ----------
        loss
            The loss, in the units of the target.
        params
            Parameter -> its values, shape (sets,).
        """
        count = next(iter(params.values())).size
        goal = np.full(count, float(loss))
        if self.power_sum is None:
            return self._reached(goal, params)
        size, data = self._closed_inverse(goal, params)
        ln_flops = self.cost.of(size, data)
        best = Best(size, data, ln_flops, goal.copy(), np.full(count, INTERIOR))
        unreached = np.isposinf(ln_flops)
        best.state[unreached] = EDGE
        others = np.flatnonzero(~self.cost.reach.holds(size, data) & ~unreached)
        if others.size:
            _put(best, others, self._reached(goal[others], _some(params, others)))
        return best

    def _closed_inverse(self, goal: Floats, params: Params) -> tuple[Floats, Floats]:
        """Return ln N and ln D: at the optimum the two terms stand as alpha q to beta p."""
        _, p, q = self.cost.power or (math.nan,) * 3
        ln_a, alpha, ln_b, beta, floor = self._powers(params)
        with np.errstate(all="ignore"):
            above = np.asarray(self._bound.transform_target(goal)) - floor
            size = (ln_a + np.log1p(alpha * q / (beta * p)) - np.log(above)) / alpha
            data = (ln_b + np.log1p(beta * p / (alpha * q)) - np.log(above)) / beta
        unreached = (above <= 0.0) & np.isfinite(ln_a)
        size[unreached] = data[unreached] = np.inf
        return size, data

    def _reached(self, goal: Floats, params: Params) -> Best:
        """Return the least cost by a bracketed search, whose every step is the best split of a cost."""
        least, largest = self.cost.budgets
        margin = 1e-6 * (largest - least)
        low, high = np.full(goal.size, least + margin), np.full(goal.size, largest - margin)
        over_low = self._searched(low, params).loss - goal
        over_high = self._searched(high, params).loss - goal
        ln_flops = np.where(over_high > 0.0, np.inf, np.nan)
        unknown = np.where(over_high > 0.0, np.inf, np.nan)
        best = Best(unknown, unknown.copy(), ln_flops, goal.copy(), np.full(goal.size, EDGE))
        some = np.flatnonzero((over_low > 0.0) & (over_high <= 0.0))
        for is_near in (True, False):
            if not some.size:
                break
            own, wanted = _some(params, some), goal[some]
            ends = low[some], high[some], over_low[some], over_high[some]
            found = self._crossing(wanted, own, ends, is_near=is_near)
            _put(best, some, found._replace(loss=wanted))
            # Following one valley misses a deeper one: what lies below the loss was not the least cost.
            some = some[found.loss < wanted - MISSED * np.abs(wanted)]
        return best

    def _crossing(
        self, goal: Floats, params: Params, ends: tuple[Floats, ...], *, is_near: bool
    ) -> Best:
        """Return the best split of the cost at which each least loss is the goal.

        Parameters
        ----------
        goal, params
            The losses, and the parameters, shape (sets,).
        ends
            Bracket of ln C, and how far the least loss is above the goal at its ends.
        is_near
            Whether each step looks near the optimum of the last one first.
        """
        hint = np.full(goal.size, np.nan)

        def over(ln_flops: Floats, at: NDArray[np.int64]) -> Floats:
            own = _some(params, at)
            found = self._followed(ln_flops, own, hint[at]) if is_near else self.at(ln_flops, own)
            hint[at] = found.ln_size - found.ln_data
            return found.loss - goal[at]

        return self.at(sign_change(over, *ends), params)

    def _followed(self, ln_flops: Floats, params: Params, hint: Floats) -> Best:
        """Return the optimum near a hint of ln(N/D), and the searched one where there is none."""
        best = self._best(near_points(self._curves(ln_flops, params), hint), ln_flops)
        others = np.flatnonzero(~self.cost.reach.holds(best.ln_size, best.ln_data))
        if others.size:
            _put(best, others, self.at(ln_flops[others], _some(params, others)))
        return best

    def lowest_loss(self, params: Params) -> Floats:
        """Return the law's floor where it has one in closed form, else its least value in reach; shape (sets,)."""
        if self.power_sum is not None:
            return self.in_target_units(self._powers(params)[-1])
        least, largest = self.cost.budgets
        count = next(iter(params.values())).size
        return self._searched(np.full(count, largest - 1e-6 * (largest - least)), params).loss


def _some(params: Params, which: NDArray[np.int64]) -> dict[str, Floats]:
    return {name: values[which] for name, values in params.items()}


def _put(whole: Best, places: NDArray[np.int64], part: Best) -> None:
    """Write the optima of some sets of parameters into those of all."""
    for values, new in zip(whole, part, strict=True):
        values[places] = new
