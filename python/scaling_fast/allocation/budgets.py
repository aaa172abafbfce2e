"""Runs sorted into compute budgets: what approaches 1 and 2 start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, ParameterError, quote, suggestion
from scaling_fast.findings import Finding
from scaling_fast.frames import read, require
from scaling_fast.frames.values import rows_of
from scaling_fast.validation import number_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEWEST_SIZES", "FLOPS_PER_TOKEN", "Runs", "read_runs"]

FLOPS_PER_TOKEN = 6.0
"""Training FLOP a parameter and token: forward 2, backward 4 (Kaplan et al. 2020)."""

FEWEST_SIZES = 3
"""Different sizes that fix a parabola."""

SAME_SIZE = 2
"""Decimals of ln N up to which two sizes are one: digitised figures scatter by less."""

WIDEST = 10.0
"""Decades: a width above it is FLOP, not decades."""

CONVENTION_TOLERANCE = 0.05
"""How far ln(C / 6ND) may lie from 0 before another way of counting is meant."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs as logarithms, each in one budget.

    Attributes
    ----------
    ln_n, ln_d, ln_c, loss
        ln parameters, ln tokens, ln FLOP and the loss itself, shape (rows,).
    budget
        The budget of each run, 0 to budgets - 1 in ascending order of FLOP.
    ln_budget
        The mean of ln C over the runs of each budget, shape (budgets,).
    size
        Which size a run is: ln N to two decimals, as whole numbers.
    order
        The caller's row of each run.
    frame
        The caller's frame.
    findings
        What is worth knowing about how compute was counted.
    """

    ln_n: NDArray[np.float64]
    ln_d: NDArray[np.float64]
    ln_c: NDArray[np.float64]
    loss: NDArray[np.float64]
    budget: NDArray[np.int64]
    ln_budget: NDArray[np.float64]
    size: NDArray[np.int64]
    order: NDArray[np.int64]
    frame: pl.DataFrame
    findings: tuple[Finding, ...]

    @property
    def rows(self) -> int:
        """The number of runs."""
        return self.loss.size

    @property
    def budgets(self) -> int:
        """The number of budgets, usable or not."""
        return self.ln_budget.size

    @property
    def ln_rate(self) -> NDArray[np.float64]:
        """ln(C / (N D)) of each run: ln 6 where compute was counted as 6 N D."""
        return self.ln_c - self.ln_n - self.ln_d


def read_runs(
    frame: Any,
    *,
    columns: Mapping[str, str | pl.Expr] | None,
    target: str,
    flops: str | pl.Expr | None,
    budget: str | None,
    width: float,
) -> Runs:
    """Return the runs of a frame, sorted into budgets.

    Parameters
    ----------
    frame
        Any frame: a row a run.
    columns
        {"N": parameters, "D": tokens}, columns of the frame or polars expressions.
    target
        The loss.
    flops
        Column or expression of the training FLOP; 6 N D without.
    budget
        Column whose equal values make a budget. Without, runs whose log10 FLOP round to the same
        multiple of `width` do.
    width
        Decades.

    Raises
    ------
    DataError, ParameterError
        For columns that are missing or hold what has no logarithm, or a width that is not positive.
    """
    width = number_between(width, "width", below=WIDEST)
    if columns is not None and not isinstance(columns, Mapping):
        raise ParameterError(
            f'columns must be a mapping such as {{"N": "params"}}, got {quote(columns)}',
            code="columns",
            param="columns",
        )
    for one in columns or {}:
        if one not in ("N", "D", target):
            raise ParameterError(
                f"columns names {quote(one)}; an approach knows `N` (parameters) and `D` (tokens), "
                "and takes the compute as flops=",
                code="unknown_name",
                param="columns",
            )
    mapped = dict(columns or {})
    names = ["N", "D"]
    if flops is not None:
        names.append("C")
        mapped["C"] = flops
    extra = [] if budget is None else [budget]
    table = read(frame, names=names, target=target, columns=mapped, extra=extra)
    reason = "an approach takes its logarithm"
    require(table, [(one, "positive", reason) for one in names], "log")
    ln_n, ln_d = np.log(table.arrays["N"]), np.log(table.arrays["D"])
    ln_c = ln_n + ln_d + np.log(FLOPS_PER_TOKEN)
    if flops is not None:
        ln_c = np.log(table.arrays["C"])
    if budget is None:
        key = pl.Series(np.round(ln_c / np.log(10.0) / width).astype(np.int64))
    else:
        key = table.extra[budget].alias("key")
    places = key.rank("dense").to_numpy().astype(np.int64) - 1
    counts = np.bincount(places)
    means = np.bincount(places, ln_c) / counts
    ascending = np.argsort(means, kind="stable")
    rank = np.empty_like(ascending)
    rank[ascending] = np.arange(len(ascending))
    return Runs(
        ln_n=ln_n,
        ln_d=ln_d,
        ln_c=ln_c,
        loss=np.array(table.target),
        budget=rank[places],
        ln_budget=means[ascending],
        size=np.round(ln_n * 10**SAME_SIZE).astype(np.int64),
        order=np.array(table.order),
        frame=table.frame,
        findings=table.findings + _convention(ln_c - ln_n - ln_d),
    )


def _convention(ln_rate: NDArray[np.float64]) -> tuple[Finding, ...]:
    away = np.abs(ln_rate - np.log(FLOPS_PER_TOKEN))
    count = int((away > CONVENTION_TOLERANCE).sum())
    if count == 0:
        return ()
    rate = float(np.exp(np.median(ln_rate)))
    return (
        Finding(
            "flops_not_6nd",
            "budgets",
            "amber",
            f"{count} of {len(away)} runs have FLOP more than 5 % away from 6 N D (median C/(N D) is "
            f"{rate:.3g}), so the exponents of N and D need not add up to 1",
            statistic=float(away.max()),
            threshold=CONVENTION_TOLERANCE,
            evidence={"runs": count, "median_rate": rate},
            advice="Say which parameters and which operations were counted; exponents of one "
            "convention do not compare with those of another.",
        ),
    )


def cluster_places(
    frame: pl.DataFrame, order: NDArray[np.int64], by: tuple[str, ...]
) -> NDArray[np.int64]:
    """Return the cluster of each run, numbered from 0 in the order of its key."""
    for one in by:
        if one not in frame.columns:
            raise DataError(
                f"column {quote(one)} not found{suggestion(one, frame.columns, kind='columns')}",
                code="missing_column",
                column=one,
            )
    keys = [rows_of(frame[one], order).alias(f"k{j}") for j, one in enumerate(by)]
    for name, values in zip(by, keys, strict=True):
        if values.null_count():
            raise DataError(
                f"column {quote(name)} holds a null, which belongs to no cluster",
                code="null",
                column=name,
            )
    key = pl.struct(one.name for one in keys).rank("dense")
    ranks = pl.DataFrame(keys).select(key).to_series().to_numpy()
    return ranks.astype(np.int64) - 1
