"""Rows for each parameter and decades of scale: what the design can carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.auditing.checks.check import Cell, Outcome, grey, joined, no_rows
from scaling_fast.auditing.checks.thresholds import (
    DECADES_GREEN,
    DECADES_RED,
    ROWS_GREEN,
    falling,
)
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.findings import Severity


def rows_per_parameter(case: Case) -> Outcome:
    """Return rows, and clusters, over parameters; advice that never moves the verdict."""
    view, k = case.headline, len(case.law.params)
    if view is None:
        return no_rows(case, "rows")
    ratio = view.n / k
    # Advice cannot fail a claim, so it is a doubt at worst.
    severity: Severity = "green" if ratio >= ROWS_GREEN else "amber"
    clusters = f" in {view.groups} clusters" if view.groups else ""
    cells = [
        Cell("rows", "rows fitted", counted=float(view.n), source=view.rule, view=view.label),
        Cell("rows", "parameters", counted=float(k), source=case.law.formula),
        Cell("rows", "rows per parameter", counted=ratio, view=view.label),
    ]
    if view.groups:
        cells.append(
            Cell(
                "rows",
                "clusters",
                counted=float(view.groups),
                view=view.label,
                source="rows of one cluster are not independent",
            )
        )
    finding = Finding(
        "rows.per_parameter",
        "rows",
        severity,
        f"{view.n} rows{clusters} for {k} parameters: {ratio:.1f} rows each (advisory).",
        statistic=ratio,
        threshold=ROWS_GREEN,
        evidence={"rows": view.n, "parameters": k, "clusters": view.groups},
        advice="" if severity == "green" else "More runs, or fewer parameters.",
    )
    return Outcome((finding,), tuple(cells))


def decades(case: Case) -> Outcome:
    """Return log10(largest / smallest) of each input."""
    view = case.headline
    if view is None:
        return no_rows(case, "decades")
    return joined([_column(name, values) for name, values in view.x.items()])


def _column(name: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> Outcome:
    low, high = float(np.min(values)), float(np.max(values))
    if not low > 0:
        return grey("decades", "not_positive", f"{name} has values that are not positive.")
    span = float(np.log10(high / low))
    severity = falling(span, DECADES_GREEN, DECADES_RED)
    cell = Cell("decades", f"decades of {name}", counted=span, source=f"{low:.4g} to {high:.4g}")
    finding = Finding(
        f"decades.{name}",
        "decades",
        severity,
        f"{name} spans {span:.1f} decades, {low:.3g} to {high:.3g}.",
        statistic=span,
        threshold=DECADES_GREEN,
        evidence={"smallest": low, "largest": high},
        advice=""
        if severity == "green"
        else f"An exponent of {name} wants runs over more than two decades.",
    )
    return Outcome((finding,), (cell,))
