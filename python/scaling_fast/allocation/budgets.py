"""Runs sorted into compute budgets, the input of approaches 1 and 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError, quote
from scaling_fast.findings import Finding
from scaling_fast.frames import read, require
from scaling_fast.frames.reading import checked_columns
from scaling_fast.validation import number_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CONVENTION_TOLERANCE", "FEWEST_SIZES", "FLOPS_PER_TOKEN", "Runs", "read_runs"]

FLOPS_PER_TOKEN = 6.0
"""Training FLOP per parameter and token: forward 2, backward 4 (Kaplan et al. 2020)."""

FEWEST_SIZES = 3
"""Different sizes that determine a parabola."""

SAME_SIZE = 2
"""Decimals of ln N to which sizes are rounded before they are compared: digitised figures scatter by less."""

WIDEST = 10.0
"""Decades: a larger width was meant in FLOP."""

CONVENTION_TOLERANCE = 0.05
"""Largest |ln(C / 6ND)| at which compute still counts as 6 N D."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs as logarithms, each in one budget.

    Attributes
    ----------
    ln_n, ln_d, ln_c, loss
        Logarithms of parameters, tokens and FLOP, and the loss itself, shape (rows,).
    budget
        The budget of each run, 0 to budgets - 1 in ascending order of FLOP.
    ln_budget
        The mean of ln C over the runs of each budget, shape (budgets,).
    size
        ln N of each run to two decimals, as a whole number.
    order
        The row of each run in the caller's frame.
    frame
        The caller's frame.
    columns
        Where N and D are in it: names or expressions.
    findings
        Warnings about how compute was counted.
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
    columns: Mapping[str, str | pl.Expr]
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
        Any frame, one row per run.
    columns
        {"N": parameters, "D": tokens}, columns of the frame or polars expressions. With `flops` one of
        the two may be missing: it is C/6 over the other.
    target
        The loss.
    flops
        Column or expression of the training FLOP; 6 N D if None.
    budget
        Column whose equal values make a budget; if None, runs whose log10 FLOP round to the same
        multiple of `width` make one.
    width
        Width of a budget in decades, above 0 and below 10.

    Raises
    ------
    DataError, ParameterError
        For columns that are missing or hold values without a logarithm, or a width out of range.
    """
    width = number_between(width, "width", below=WIDEST)
    for name in checked_columns(columns):
        if name not in ("N", "D", target):
            raise ParameterError(
                f"columns names {quote(name)}; the only names are `N` (parameters) and `D` "
                "(tokens); give the compute as flops=",
                code="unknown_name",
                param="columns",
            )
    extra = [] if budget is None else [budget]
    sources, assumed = _with_missing(frame, dict(columns or {}), flops)
    mapped = sources | ({} if flops is None else {"C": flops})
    names = ["N", "D"] if flops is None else ["N", "D", "C"]
    table = read(frame, names=names, target=target, columns=mapped, extra=extra)
    reason = "an approach takes its logarithm"
    require(table, [(name, "positive", reason) for name in names], "log")
    ln_n, ln_d = np.log(table.arrays["N"]), np.log(table.arrays["D"])
    ln_c = np.log(table.arrays["C"]) if flops is not None else ln_n + ln_d + np.log(FLOPS_PER_TOKEN)
    if budget is None:
        key = pl.Series(np.round(ln_c / np.log(10.0) / width).astype(np.int64))
    else:
        key = table.extra[budget].alias("key")
    place, ln_budget = _ascending(key, ln_c)
    return Runs(
        ln_n=ln_n,
        ln_d=ln_d,
        ln_c=ln_c,
        loss=np.array(table.target),
        budget=place,
        ln_budget=ln_budget,
        size=np.round(ln_n * 10**SAME_SIZE).astype(np.int64),
        order=np.array(table.order),
        frame=table.frame,
        columns={name: source for name, source in sources.items() if name in ("N", "D")},
        findings=table.findings + assumed + _convention(ln_c - ln_n - ln_d),
    )


def _with_missing(
    frame: Any, columns: dict[str, str | pl.Expr], flops: str | pl.Expr | None
) -> tuple[dict[str, str | pl.Expr], tuple[Finding, ...]]:
    """Return where N and D are, C/6 over the other for the one that the frame does not have."""
    known = {name for name in _column_names(frame) if name in ("N", "D")} | columns.keys()
    missing = {"N", "D"} - known
    if flops is None or len(missing) != 1:
        return columns, ()
    (name,) = missing
    other = "D" if name == "N" else "N"
    quotient = _expression(flops) / (FLOPS_PER_TOKEN * _expression(columns.get(other, other)))
    what = {"N": "parameters", "D": "tokens"}
    finding = Finding(
        "from_flops",
        "budgets",
        "amber",
        f"the frame has no column `{name}`, so the {what[name]} were taken as C/(6 {other})",
        advice=f"Give `{name}` where it is known: 6 N D counts neither attention nor embeddings.",
    )
    return columns | {name: quotient}, (finding,)


def _column_names(frame: Any) -> list[Any]:
    """Return the names of the columns of any frame; none of what is not a frame, which `read` refuses."""
    if isinstance(frame, Mapping):
        return list(frame)
    if isinstance(frame, pl.LazyFrame):
        return frame.collect_schema().names()
    names = getattr(frame, "column_names", None)  # pyarrow's
    try:
        return list(getattr(frame, "columns", ()) if names is None else names)
    except TypeError:
        return []


def _expression(source: str | pl.Expr) -> pl.Expr:
    return pl.col(source) if isinstance(source, str) else source


def _ascending(
    key: pl.Series, ln_c: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the budget of each run, numbered by its mean ln C, and those means."""
    places = key.rank("dense").to_numpy().astype(np.int64) - 1
    means = np.bincount(places, ln_c) / np.bincount(places)
    ascending = np.argsort(means, kind="stable")
    rank = np.empty_like(ascending)
    rank[ascending] = np.arange(len(ascending))
    return rank[places], means[ascending]


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
            advice="Say which parameters and which operations were counted; exponents under one "
            "convention cannot be compared with those under another.",
        ),
    )
