"""Estimates of several approaches and the differences between them, from common draws."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.findings import Finding
from scaling_fast.laws.quantities import exp
from scaling_fast.resampling.result import MOST_FAILURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "LINE_COLUMNS",
    "Estimate",
    "Spread",
    "agreement_findings",
    "differences",
    "estimates",
    "line_quantity",
]

LINE_COLUMNS = ("a", "ln_n0", "b", "ln_d0")
"""The columns of the draws: N* = exp(ln_n0) C^a and D* = exp(ln_d0) C^b."""

DISAGREEMENT = 1.96
"""|z| above which two approaches disagree: the two-sided normal quantile of 5 %."""


NO_SPREAD = 1e-9
"""Standard error of an exponent or a logarithm below which draws differ by rounding alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """One approach: its lines, and those of its replicates.

    Attributes
    ----------
    point
        LINE_COLUMNS on the runs themselves, shape (4,).
    centre
        What the draws lie around, shape (4,): `point`, or the lines through noise-free losses where
        replicates have losses made up around a surface.
    values
        LINE_COLUMNS of each replicate, shape (replicates, 4).
    good
        Which replicates are usable.
    """

    point: NDArray[np.float64]
    centre: NDArray[np.float64]
    values: NDArray[np.float64]
    good: NDArray[np.bool_]

    def deviations(self, quantity: str, flops: float | None) -> NDArray[np.float64]:
        """Return how far each draw of a quantity is from what the draws lie around."""
        around = line_quantity(self.centre, quantity, flops)
        return np.asarray(line_quantity(self.values, quantity, flops) - around)


@dataclass(frozen=True, slots=True)
class Spread:
    """How deviations of draws become errors and intervals.

    Attributes
    ----------
    level
        Confidence level of the intervals, between 0 and 1.
    shrink
        Factor on every deviation.
    leaves_out
        Whether replicates leave out one unit each: the jackknife, whose intervals are normal.
    """

    level: float
    shrink: float = 1.0
    leaves_out: bool = False

    def of(
        self, deviations: NDArray[np.float64], good: NDArray[np.bool_]
    ) -> tuple[float, float, float]:
        """Return standard error and the ends of the interval as distances from the estimate.

        NaN where too many replicates are unusable, or none differs from the others.
        """
        if good.sum() < 2 or (~good).sum() > MOST_FAILURES * good.size:
            return math.nan, math.nan, math.nan
        kept = self.shrink * deviations[good]
        error = float(kept.std(ddof=1))
        if error <= NO_SPREAD:
            return math.nan, math.nan, math.nan
        tail = (1.0 - self.level) / 2.0
        if self.leaves_out:
            from scipy.special import ndtri

            error *= self._jackknife(kept.size)
            half = error * float(ndtri(1.0 - tail))
            return error, -half, half
        low, high = np.quantile(kept, [tail, 1.0 - tail])
        return error, float(low), float(high)

    def covariance(
        self,
        first: NDArray[np.float64],
        second: NDArray[np.float64],
    ) -> float:
        """Return the covariance of two estimates from the deviations of their common draws."""
        factor = self._jackknife(first.size) if self.leaves_out else self.shrink
        return float(np.cov(first, second)[0, 1]) * factor**2

    @staticmethod
    def _jackknife(count: int) -> float:
        """Return the standard error of an estimate over the deviation of estimates without one unit."""
        return (count - 1) / math.sqrt(count)


def agreement_findings(
    approaches: Sequence[Estimate], disagreement: pl.DataFrame, spread: Spread, resolution: float
) -> tuple[Finding, ...]:
    """Return findings about replicates that failed or do not differ, and approaches that disagree.

    Parameters
    ----------
    approaches, spread
        As in `estimates`.
    disagreement
        What `differences` returned.
    resolution
        How far the grid of sizes alone may move the exponent of approach 1.
    """
    return (
        *_failed([approach.good for approach in approaches]),
        *_without_spread(approaches, spread),
        *_disagreements(disagreement, resolution),
    )


def _quantities(wanted: Sequence[float]) -> list[tuple[str, float | None]]:
    stars: list[tuple[str, float | None]] = [
        (name, flops) for flops in wanted for name in ("n_star", "d_star")
    ]
    return [("a", None), ("b", None), *stars]


def line_quantity(lines: NDArray[np.float64], quantity: str, flops: float | None) -> Any:
    """Return an exponent of lines (a, ln_n0, b, ln_d0), or the logarithm of N* or D* at a budget."""
    place = LINE_COLUMNS.index({"a": "a", "b": "b", "n_star": "a", "d_star": "b"}[quantity])
    if flops is None:
        return lines[..., place]
    return lines[..., place + 1] + lines[..., place] * math.log(flops)


def estimates(
    approaches: Sequence[Estimate], wanted: Sequence[float], spread: Spread
) -> pl.DataFrame:
    """Return approach, quantity, flops, estimate, error, lower, upper.

    Parameters
    ----------
    approaches
        The approaches, from 1.
    wanted
        Budgets in FLOP at which N* and D* are wanted.
    spread
        How draws become errors and intervals.
    """
    rows = []
    for place, approach in enumerate(approaches, 1):
        for quantity, flops in _quantities(wanted):
            error, low, high = spread.of(approach.deviations(quantity, flops), approach.good)
            estimate = float(line_quantity(approach.point, quantity, flops))
            ends = (estimate, estimate + low, estimate + high)
            values = ends if flops is None else tuple(exp(end) for end in ends)
            rows.append((place, quantity, flops, values[0], error, values[1], values[2]))
    schema = {
        "approach": pl.Int64,
        "quantity": pl.String,
        "flops": pl.Float64,
        **dict.fromkeys(("estimate", "error", "lower", "upper"), pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def differences(
    approaches: Sequence[Estimate], wanted: Sequence[float], spread: Spread
) -> pl.DataFrame:
    """Return quantity, flops, first, second, difference, error, covariance, lower, upper, z.

    Only replicates that are usable in both approaches count. The parameters are those of `estimates`.
    """
    rows = []
    for quantity, flops in _quantities(wanted):
        for i, j in itertools.combinations(range(len(approaches)), 2):
            pair = (approaches[i], approaches[j])
            first, second = (approach.deviations(quantity, flops) for approach in pair)
            ours, theirs = (float(line_quantity(each.point, quantity, flops)) for each in pair)
            difference = ours - theirs
            both = pair[0].good & pair[1].good
            error, low, high = spread.of(first - second, both)
            # An approach without an error of its own has no error in a difference either.
            has_error = all(spread.of(each, both)[0] > 0.0 for each in (first, second))
            if not has_error:
                error = low = high = math.nan
            covariance = spread.covariance(first[both], second[both]) if has_error else math.nan
            z = difference / error if error > 0.0 else math.nan
            ends = (difference + low, difference + high)
            rows.append((quantity, flops, i + 1, j + 1, difference, error, covariance, *ends, z))
    schema = {
        "quantity": pl.String,
        "flops": pl.Float64,
        "first": pl.Int64,
        "second": pl.Int64,
        **dict.fromkeys(("difference", "error", "covariance", "lower", "upper", "z"), pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _without_spread(approaches: Sequence[Estimate], spread: Spread) -> tuple[Finding, ...]:
    found = []
    for place, approach in enumerate(approaches, 1):
        kept = approach.deviations("a", None)[approach.good]
        if kept.size >= 2 and spread.shrink * kept.std(ddof=1) <= NO_SPREAD:
            found.append(
                Finding(
                    "no_spread",
                    f"approach {place}",
                    "amber",
                    f"approach {place}: every replicate has the same exponent `a`, so it has no "
                    "interval",
                    advice="Weights of runs do not change which run is best, and losses without noise "
                    "have nothing to draw: use Residuals() or Parametric(sd=...).",
                )
            )
    return tuple(found)


def _failed(good: Sequence[NDArray[np.bool_]]) -> tuple[Finding, ...]:
    found = []
    for place, usable in enumerate(good):
        failed = int((~usable).sum())
        if failed:
            share = failed / usable.size
            found.append(
                Finding(
                    "failures",
                    f"approach {place + 1}",
                    "red" if share > MOST_FAILURES else "amber",
                    f"approach {place + 1}: {failed} of {usable.size} replicates are unusable"
                    + (", so it has no interval" if share > MOST_FAILURES else ""),
                    statistic=share,
                    threshold=MOST_FAILURES,
                    advice="See `.failures`; keep every run with scheme=Residuals(), train more models "
                    "at each budget, or take fewer, wider budgets.",
                )
            )
    return tuple(found)


def _disagreements(table: pl.DataFrame, resolution: float) -> tuple[Finding, ...]:
    exponents = table.filter(pl.col("quantity") == "a")
    # Draws do not know the sizes that were not trained.
    grid = {1: resolution}
    return tuple(
        Finding(
            "approaches_disagree",
            "approaches",
            "amber",
            f"approaches {row['first']} and {row['second']} disagree about the exponent `a` "
            f"by {row['difference']:+.3g}, "
            f"{abs(row['z']):.1f} standard errors of the difference",
            statistic=row["z"],
            threshold=DISAGREEMENT,
            evidence={"difference": row["difference"], "error": row["error"]},
            advice="Look first at the known biases among these findings; the other explanation is a "
            "surface of another form.",
        )
        for row in exponents.iter_rows(named=True)
        if abs(row["z"]) > DISAGREEMENT and abs(row["difference"]) > grid.get(row["first"], 0.0)
    )
