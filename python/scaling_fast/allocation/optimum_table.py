"""The table of `sf.optimum`: one row per number of a best run, and what to know before it is used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError
from scaling_fast.findings import Finding
from scaling_fast.fitting.status import status_column
from scaling_fast.fitting.table import column_name, with_keys
from scaling_fast.laws.optima.formula import Asked, OptimumFormula, solved
from scaling_fast.laws.optima.valleys import INTERIOR
from scaling_fast.laws.quantities import exp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit
    from scaling_fast.laws.optima.minimum import Best, ConstrainedMinimum

__all__ = [
    "COLUMNS",
    "QUANTITIES",
    "Ends",
    "OptimumTable",
    "Target",
    "group_words",
    "optimum_findings",
    "refuse_unreachable",
]

QUANTITIES = ("N_opt", "D_opt", "D_per_N", "loss", "flops")
"""The rows of a budget or a loss."""

COLUMNS = ("flops", "quantity", "estimate", "lower", "upper", "decades_beyond", "status")
"""The columns beside the keys of groups."""

PARTS = {"N_opt": "size", "D_opt": "data", "D_per_N": "ratio", "loss": "loss", "flops": "flops"}
"""Quantity -> the part of the best run that it is."""

DIGITS = 12
"""Decimals of a distance in decades; the next are the rounding of logarithms."""

UNREACHABLE = "unreachable"
"""Status of a group, and code of the error of a single fit, whose law no budget in reach brings to the loss."""

FAR = 3.0
"""Decades beyond the largest compute from which on a finding says so: hardly a design spans more."""

Floats: TypeAlias = "NDArray[np.float64]"

Ends: TypeAlias = dict[tuple[int, str], tuple[float, float]]
"""(Number of the group, formula) -> the ends of its interval."""


TRIED = 200
"""Budgets at which a law is tried that seems never to reach a loss."""

SAME_BUDGET = 0.1 * math.log(10.0)
"""Ln of compute within which runs lie at one budget: a tenth of a decade."""


class Target(NamedTuple):
    """A budget in FLOP, or a loss; the other is None."""

    flops: float | None
    loss: float | None

    @property
    def given(self) -> str:
        """The quantity that is given, which has no interval of its own."""
        return "loss" if self.flops is None else "flops"

    @property
    def label(self) -> str:
        """The target in the text of a formula."""
        return f"loss={self.loss!r}" if self.flops is None else repr(self.flops)

    def formula(self, quantity: str, minimum: ConstrainedMinimum) -> OptimumFormula:
        """Return one quantity of the best run as a formula of the parameters of its law."""
        asked = {"optimum_part": Asked(PARTS[quantity], self.flops, self.loss)}
        return OptimumFormula(f"{quantity}({self.label})", "optimum_part", asked, minimum)


@dataclass(frozen=True, eq=False)
class OptimumTable:
    """The best run of each group and target.

    Attributes
    ----------
    fit
        The fit.
    minimum
        Its law with the cost.
    targets
        The budgets or losses.
    """

    fit: Fit
    minimum: ConstrainedMinimum
    targets: Sequence[Target]

    @cached_property
    def best(self) -> list[Best]:
        """The best runs of each target, one per group."""
        params = self.fit.estimates.columns
        return [
            solved(self.minimum, Asked("size", target.flops, target.loss), params)
            for target in self.targets
        ]

    def _compute(self, ln_size: Floats, ln_data: Floats) -> Floats:
        """Return the compute in which distance is counted, as logarithms.

        It is the cost, or N D where the cost counts more than training, as the rows were trained and no more:
        inference that a small run might serve does not bring the optimum nearer to it.
        """
        cost = self.minimum.cost
        if cost.power is None:
            return ln_size + ln_data
        return cost.of(ln_size, ln_data)

    @cached_property
    def budgets(self) -> Floats:
        """Ln of the smallest and the largest compute among the rows of each group, shape (groups, 2)."""
        table, cost = self.fit.request.table, self.minimum.cost
        ln_c = self._compute(np.log(table.arrays[cost.size]), np.log(table.arrays[cost.data]))
        pairs = zip(table.offsets[:-1].tolist(), table.offsets[1:].tolist(), strict=True)
        rows = [ln_c[first:end] for first, end in pairs]
        return np.array([(c.min(), c.max()) if c.size else (np.nan, np.nan) for c in rows])

    @property
    def largest(self) -> Floats:
        """Ln of the largest compute among the rows of each group."""
        return np.asarray(self.budgets[:, 1])

    def _is_from_one_budget(self, best: Best, group: int) -> bool:
        """Whether the rows lie at one budget and the optimum at another, of which they say nothing."""
        smallest, largest = self.budgets[group]
        apart = abs(self._compute(best.ln_size, best.ln_data)[group] - largest)
        return bool(largest - smallest < SAME_BUDGET and apart > SAME_BUDGET)

    def frame(self, ends: Ends, words: Sequence[str]) -> pl.DataFrame:
        """Return the table.

        Parameters
        ----------
        ends
            The intervals; those that are missing or NaN are null.
        words
            "converged" of each group, or why it has no interval.
        """
        rows = [
            (
                *self._row(group, target, best, quantity, ends),
                self._status(best, group, words[group]),
            )
            for group in range(self.fit.groups)
            for target, best in zip(self.targets, self.best, strict=True)
            for quantity in QUANTITIES
        ]
        keys = self.fit.request.table.keys
        columns = []
        for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True):
            is_text = name in ("quantity", "status")
            kind = pl.String if is_text else pl.Float64
            column = pl.Series(values, dtype=kind) if is_text else pl.Series(
                np.array(values, dtype=np.float64), nan_to_null=True)  # fmt: skip
            columns.append(column.alias(column_name(name, keys.columns)))
        each = len(self.targets) * len(QUANTITIES)
        return with_keys(keys, np.repeat(np.arange(self.fit.groups), each), columns)

    def _row(
        self, group: int, target: Target, best: Best, quantity: str, ends: Ends
    ) -> tuple[float, str, float, float, float, float]:
        flops = exp(float(best.ln_flops[group])) if target.flops is None else target.flops
        estimate = _estimate(best, group, quantity)
        lower = upper = math.nan
        if quantity == target.given:
            estimate = lower = upper = getattr(target, target.given)
        elif not math.isfinite(best.ln_flops[group]):
            estimate = math.nan
        elif best.state[group] == INTERIOR and not self._is_from_one_budget(best, group):
            lower, upper = ends.get((group, f"{quantity}({target.label})"), (math.nan, math.nan))
        ln_c = best.ln_flops[group]
        if self.minimum.cost.power is None:
            ln_c = best.ln_size[group] + best.ln_data[group]
        beyond = float(ln_c - self.largest[group]) / math.log(10.0)
        beyond = max(0.0, round(beyond, DIGITS))
        if not math.isfinite(best.ln_flops[group]):
            flops = beyond = math.nan
        return flops, quantity, estimate, lower, upper, beyond

    def _status(self, best: Best, group: int, word: str) -> str:
        if word != "converged":
            return word
        if not math.isfinite(best.ln_flops[group]):
            return UNREACHABLE
        if best.state[group] != INTERIOR:
            return "edge"
        return "one_budget" if self._is_from_one_budget(best, group) else "interior"


def _estimate(best: Best, group: int, quantity: str) -> float:
    size, data = float(best.ln_size[group]), float(best.ln_data[group])
    match quantity:
        case "N_opt":
            return exp(size)
        case "D_opt":
            return exp(data)
        case "D_per_N":
            return exp(data - size)
        case "loss":
            return float(best.loss[group])
    return exp(float(best.ln_flops[group]))


def refuse_unreachable(
    minimum: ConstrainedMinimum,
    targets: Sequence[Target],
    best: Sequence[Best],
    params: Mapping[str, NDArray[np.float64]],
) -> None:
    """Refuse what a single fit cannot answer: a loss that it never reaches, or reaches with any budget.

    Raises
    ------
    ParameterError
        Naming the floor of the law, or the budgets in reach.
    """
    least, largest = minimum.cost.budgets
    for target, found in zip(targets, best, strict=True):
        if target.loss is None:
            if math.isnan(found.loss[0]):
                raise ParameterError(
                    f"the law has no finite value on any run of {target.flops:.4g} FLOP in reach of its rows",
                    code="not_finite",
                    param="flops",
                )
            continue
        if math.isinf(found.ln_flops[0]):
            _refuse_rising(minimum, target, params)
            floor = float(minimum.lowest_loss(params)[0])
            below = (
                f"it does not fall below its floor {floor:.6g}"
                if target.loss <= floor and minimum.power_sum is not None
                else f"with {exp(largest):.3g} FLOP, the largest budget in reach, it is still {floor:.6g}"
            )
            raise ParameterError(
                f"no budget in reach brings the law to a loss of {target.loss:g}: {below}; ask for a higher loss",
                code=UNREACHABLE,
                param="loss",
            )
        if math.isnan(found.ln_flops[0]):
            raise ParameterError(
                f"a loss of {target.loss:g} is reached by less compute than any budget in reach, from "
                f"{exp(least):.3g} FLOP on; ask for a lower loss",
                code=UNREACHABLE,
                param="loss",
            )


def _refuse_rising(
    minimum: ConstrainedMinimum, target: Target, params: Mapping[str, NDArray[np.float64]]
) -> None:
    """Refuse a law whose best loss falls and rises again with compute: no least budget can be looked for."""
    budgets = np.linspace(*minimum.cost.budgets, TRIED)
    every = {name: np.repeat(values[:1], TRIED) for name, values in params.items()}
    loss = minimum.at(budgets, every).loss
    reached = np.flatnonzero(loss <= float(target.loss or 0.0))
    if reached.size:
        raise ParameterError(
            "the best loss of this law does not fall with compute: near "
            f"{exp(float(budgets[reached[0]])):.3g} FLOP it is below {target.loss:g}, and above it with larger "
            "budgets; ask for budgets by flops=",
            code="not_decreasing",
            param="loss",
        )


def group_words(fit: Fit) -> list[str]:
    """Return how the fit of each group ended."""
    return [str(word) for word in status_column(fit.answer.status).to_list()]


def optimum_findings(table: pl.DataFrame) -> tuple[Finding, ...]:
    """Return what to know before an optimum is used: it is at an edge, far beyond the rows, or open upwards.

    Parameters
    ----------
    table
        What `scaling_fast.optimum` returned.
    """
    # By place: the columns have other names where a key of the groups is called so.
    flops, quantity, _, _, upper, beyond, status = (
        table[name].to_list() for name in table.columns[-len(COLUMNS) :]
    )
    found = []
    at_edge = sorted(
        {c for c, word in zip(flops, status, strict=True) if word == "edge" and c is not None}
    )
    if at_edge:
        found.append(
            Finding(
                "edge",
                "optimum",
                "amber",
                f"the optimum at {_listed(at_edge)} FLOP is at an edge: the law has no least loss between the "
                "smallest and the largest size in reach, so no split of the budget is the best one",
                evidence={"flops": at_edge},
                advice="look at the exponents, one of which may be 0 or on a bound; add runs on both sides of the "
                "optimum",
            )
        )
    if "one_budget" in status:
        found.append(
            Finding(
                "one_budget",
                "optimum",
                "amber",
                "the runs lie at one budget, and say nothing of the best split of another",
                advice="add runs at budgets at least a factor of ten apart",
            )
        )
    far = sorted(
        {
            c
            for c, d in zip(flops, beyond, strict=True)
            if c is not None and d is not None and d > FAR
        }
    )
    if far:
        decades = max(d for d in beyond if d is not None)
        found.append(
            Finding(
                "far_beyond",
                "optimum",
                "amber",
                f"{_listed(far)} FLOP lie up to {decades:.1f} decades beyond the largest run: the interval "
                "holds only if the law does",
                statistic=decades,
                threshold=FAR,
                evidence={"flops": far},
                advice="check the units of flops and of the columns, or ask for a budget nearer to the runs",
            )
        )
    never = [
        q for q, end in zip(quantity, upper, strict=True) if end is not None and math.isinf(end)
    ]
    if never:
        found.append(
            Finding(
                "open_end",
                "optimum",
                "amber",
                f"the upper ends of {', '.join(dict.fromkeys(never))} are infinite: the floor of the law may lie "
                "above the loss that was asked for",
                advice="ask for a higher loss, or add larger runs, which tell the floor",
            )
        )
    return tuple(found)


def _listed(values: Sequence[float]) -> str:
    shown = ", ".join(f"{value:.4g}" for value in values[:5])
    return shown if len(values) <= 5 else f"{shown} and {len(values) - 5} more budgets of"
