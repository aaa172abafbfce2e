"""Estimates of several approaches and the differences between them, from common draws."""

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

__all__ = ["LINE_COLUMNS", "agreement_findings", "differences", "estimates", "line_quantity"]

LINE_COLUMNS = ("a", "ln_n0", "b", "ln_d0")
"""The columns of the draws: N* = exp(ln_n0) C^a and D* = exp(ln_d0) C^b."""

DISAGREEMENT = 1.96
"""|z| above which two approaches disagree: the two-sided normal quantile of 5 %."""


def agreement_findings(
    good: Sequence[NDArray[np.bool_]], disagreement: pl.DataFrame
) -> tuple[Finding, ...]:
    """Return findings about replicates that failed and approaches that disagree."""
    return (*_failed(good), *_disagreements(disagreement))


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


def _spread(values: NDArray[np.float64], good: NDArray[np.bool_], level: float) -> list[float]:
    """Return standard error and percentile interval; NaN where too many replicates are unusable."""
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
        LINE_COLUMNS of each approach on the rows themselves, shape (approaches, 4).
    values, good
        For each approach the LINE_COLUMNS of each replicate, shape (replicates, 4), and which
        replicates are usable.
    wanted
        Budgets in FLOP at which N* and D* are wanted.
    level
        Confidence level of the percentile intervals, between 0 and 1.
    """
    rows = []
    for place in range(len(points)):
        for quantity, flops in _quantities(wanted):
            error, lower, upper = _spread(
                line_quantity(values[place], quantity, flops), good[place], level
            )
            estimate = float(line_quantity(points[place], quantity, flops))
            if flops is not None:
                estimate, lower, upper = (exp(end) for end in (estimate, lower, upper))
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

    Only replicates that are usable in both approaches count. The parameters are those of `estimates`.
    """
    rows = []
    for quantity, flops in _quantities(wanted):
        for i, j in itertools.combinations(range(len(points)), 2):
            first, second = (line_quantity(values[k], quantity, flops) for k in (i, j))
            both = good[i] & good[j]
            difference = float(
                line_quantity(points[i], quantity, flops)
                - line_quantity(points[j], quantity, flops)
            )
            error, lower, upper = _spread(first - second, both, level)
            covariance = (
                math.nan if math.isnan(error) else float(np.cov(first[both], second[both])[0, 1])
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
                    advice="See `.failures`; train more models at each budget, or take fewer, wider "
                    "budgets.",
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
        if abs(row["z"]) > DISAGREEMENT
    )
