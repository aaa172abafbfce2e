"""Rows for each parameter of the law: advice that never moves the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Cell, Check, Measured, Measurement, Threshold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.findings import Severity

__all__ = ["ROWS_PER_PARAMETER"]

# Advice cannot fail a claim, so it is a doubt at worst.
RATIO = Threshold("n / k", green=5.0, worse="smaller")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsPerParameter(Measured):
    """How many rows there are for each parameter."""

    ratio: float
    rows: int
    params: int
    clusters: int  # 0 without a rule for clusters


def measure(case: Case) -> Iterator[Measurement]:
    """Return rows, and clusters, over parameters."""
    view = case.headline
    if view is None:
        return
    n, k, label = view.n, len(case.law.params), view.label
    cells = [
        Cell("rows fitted", counted=float(n), source=view.rule, view=label),
        Cell("parameters", counted=float(k), source=case.law.formula),
        Cell("rows per parameter", counted=n / k, view=label),
    ]
    if view.groups:
        why = "rows of one cluster are not independent"
        cells.append(Cell("clusters", counted=float(view.groups), source=why, view=label))
    yield RowsPerParameter(
        name="per_parameter",
        statistic=n / k,
        threshold=RATIO,
        cells=tuple(cells),
        evidence={"rows": n, "parameters": k, "clusters": view.groups},
        ratio=n / k,
        rows=n,
        params=k,
        clusters=view.groups,
    )


def judge(measured: RowsPerParameter) -> Severity:
    """Return green from five rows per parameter, else amber."""
    return RATIO.severity(measured.ratio)


def say(measured: RowsPerParameter, _: Severity) -> str:
    """Return the rows, the clusters and the parameters."""
    clusters = f" in {measured.clusters} clusters" if measured.clusters else ""
    return (
        f"{measured.rows} rows{clusters} for {measured.params} parameters: {measured.ratio:.1f} "
        "rows per parameter."
    )


ROWS_PER_PARAMETER = Check(
    code="rows",
    title="Rows per parameter",
    scope="fit",
    about="Are there enough rows for the parameters?",
    question=None,
    source="ours",
    thresholds=(RATIO,),
    weight="advisory",
    needs_rows=True,
    measure=measure,
    judge=judge,
    say=say,
    advice="Add runs, or fit fewer parameters.",
)
