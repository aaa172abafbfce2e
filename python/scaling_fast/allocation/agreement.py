"""How far apart several approaches are, from draws they have in common."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.findings import Finding
from scaling_fast.laws.quantities import exp
from scaling_fast.resampling.result import MOST_FAILURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["NUMBERS", "differences", "estimates", "findings_of", "quantity_of"]

NUMBERS = ("a", "ln_n0", "b", "ln_d0")
"""N* = exp(ln_n0) C^a and D* = exp(ln_d0) C^b, columns of the draws."""

DISAGREEMENT = 1.96
"""|z| from which two approaches disagree: the normal quantile of 5 %, two-sided."""


def findings_of(
    good: Sequence[NDArray[np.bool_]], disagreement: pl.DataFrame
) -> tuple[Finding, ...]:
    """Return the replicates that failed and the approaches that disagree as findings."""
    return (*_failed(good), *_disagreements(disagreement))


def _quantities(wanted: Sequence[float]) -> list[tuple[str, float | None]]:
    stars: list[tuple[str, float | None]] = [
        (name, one) for one in wanted for name in ("n_star", "d_star")
    ]
    return [("a", None), ("b", None), *stars]


def quantity_of(numbers: NDArray[np.float64], quantity: str, flops: float | None) -> Any:
    """Return a quantity of a, ln_n0, b, ln_d0: the logarithm of N* and D*."""
    place = NUMBERS.index({"a": "a", "b": "b", "n_star": "a", "d_star": "b"}[quantity])
    if flops is None:
        return numbers[..., place]
    return numbers[..., place + 1] + numbers[..., place] * math.log(flops)


def _spread(values: NDArray[np.float64], good: NDArray[np.bool_], level: float) -> list[float]:
    """Return error and percentile ends; NaN with too many unusable replicates."""
    if good.sum() < 2 or (~good).sum() > MOST_FAILURES * good.size:
        return [math.nan] * 3
    tail = (1.0 - level) / 2.0
    ends = np.quantile(values[good], [tail, 1.0 - tail])
    return [float(values[good].std(ddof=1)), float(ends[0]), float(ends[1])]


def estimates(
    points: NDArray[np.float64],
    values: Sequence[NDArray[np.float64]],
    good: Sequence[NDArray[np.bool_]],
    wanted: Sequence[float],
    level: float,
) -> pl.DataFrame:
    """Return approach, quantity, flops, estimate, error, lower, upper.

    Parameters
    ----------
    points
        NUMBERS of each approach on the rows themselves, shape (approaches, 4).
    values, good
        NUMBERS of each replicate, shape (replicates, 4), and which replicates are usable.
    wanted
        FLOP at which N* and D* are wanted.
    level
        Of the percentile intervals.
    """
    rows = []
    for place in range(len(points)):
        for quantity, flops in _quantities(wanted):
            error, lower, upper = _spread(
                quantity_of(values[place], quantity, flops), good[place], level
            )
            estimate = float(quantity_of(points[place], quantity, flops))
            if flops is not None:
                estimate, lower, upper = (exp(one) for one in (estimate, lower, upper))
            rows.append((place + 1, quantity, flops, estimate, error, lower, upper))
    schema = {
        "approach": pl.Int64,
        "quantity": pl.String,
        "flops": pl.Float64,
        **dict.fromkeys(("estimate", "error", "lower", "upper"), pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def differences(
    points: NDArray[np.float64],
    values: Sequence[NDArray[np.float64]],
    good: Sequence[NDArray[np.bool_]],
    wanted: Sequence[float],
    level: float,
) -> pl.DataFrame:
    """Return quantity, flops, first, second, difference, error, covariance, lower, upper, z.

    Only replicates that are usable for both approaches count. The parameters are those of `estimates`.
    """
    rows = []
    for quantity, flops in _quantities(wanted):
        for i, j in itertools.combinations(range(len(points)), 2):
            one, two = (quantity_of(values[k], quantity, flops) for k in (i, j))
            both = good[i] & good[j]
            difference = float(
                quantity_of(points[i], quantity, flops) - quantity_of(points[j], quantity, flops)
            )
            error, lower, upper = _spread(one - two, both, level)
            covariance = (
                math.nan if math.isnan(error) else float(np.cov(one[both], two[both])[0, 1])
            )
            z = difference / error if error > 0 else math.nan
            rows.append(
                (quantity, flops, i + 1, j + 1, difference, error, covariance, lower, upper, z)
            )
    schema = {
        "quantity": pl.String,
        "flops": pl.Float64,
        "first": pl.Int64,
        "second": pl.Int64,
        **dict.fromkeys(("difference", "error", "covariance", "lower", "upper", "z"), pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _failed(good: Sequence[NDArray[np.bool_]]) -> tuple[Finding, ...]:
    found = []
    for place, one in enumerate(good):
        failed = int((~one).sum())
        if failed:
            share = failed / one.size
            found.append(
                Finding(
                    "failures",
                    f"approach {place + 1}",
                    "red" if share > MOST_FAILURES else "amber",
                    f"approach {place + 1}: {failed} of {one.size} replicates are unusable"
                    + (", so it has no interval" if share > MOST_FAILURES else ""),
                    statistic=share,
                    threshold=MOST_FAILURES,
                    advice="See `.failures`; more runs at each budget, or fewer and wider budgets.",
                )
            )
    return tuple(found)


def _disagreements(table: pl.DataFrame) -> tuple[Finding, ...]:
    exponents = table.filter(pl.col("quantity") == "a")
    return tuple(
        Finding(
            "approaches_disagree",
            "approaches",
            "amber",
            f"approaches {row['first']} and {row['second']} disagree on a by {row['difference']:+.3g}, "
            f"{abs(row['z']):.1f} standard errors of the difference",
            statistic=row["z"],
            threshold=DISAGREEMENT,
            evidence={"difference": row["difference"], "error": row["error"]},
            advice="Look at the known biases above first; a surface of another form is the other "
            "explanation.",
        )
        for row in exponents.iter_rows(named=True)
        if abs(row["z"]) > DISAGREEMENT
    )
