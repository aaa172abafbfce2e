"""The report of an audit as JSON holds it."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.auditing.checks.thresholds import ADVISORY
from scaling_fast.auditing.figure_data import pictures
from scaling_fast.auditing.result import COLUMNS, SCHEMA
from scaling_fast.auditing.verdict import scopes, verdict

if TYPE_CHECKING:
    from scaling_fast.auditing.checks.check import Cell, Outcome
    from scaling_fast.auditing.evidence.case import Case

__all__ = ["NOT_ASSESSED"]


NOT_ASSESSED = (
    "R3 early stopping and scale of the loss",
    "R5 residual diagnostics",
    "R8 agreement of the three approaches",
    "digitisation error of the rows",
    "certified horizon of the extrapolation",
)


def full_report(case: Case, outcome: Outcome) -> dict[str, Any]:
    findings = outcome.findings
    paper = case.paper
    severities = [finding.severity for finding in findings if finding.check not in ADVISORY]
    view = case.headline
    return {
        "schema": SCHEMA,
        "name": paper.name,
        "verdict": verdict(findings),
        "counts": {s: severities.count(s) for s in ("red", "grey", "amber", "green")},
        "advisory": sorted(ADVISORY),  # checks whose findings are advice and not counted
        "paper": {
            "id": paper.identity.id,
            "title": paper.identity.title,
            "version": paper.identity.version,
            "authors": paper.identity.authors,
            "year": paper.identity.year,
        },
        "law": {
            "name": case.law.name,
            "formula": case.law.formula,
            "columns": list(case.law.columns),
            "params": list(case.law.params),
        },
        "objective": case.objective,
        "quantity": case.quantity,
        "views": [one.label for one in case.views],
        "intervals": [
            {"of": i.of, "level": i.level, "lower": i.lower, "upper": i.upper, "method": i.method}
            for i in paper.reported.intervals
        ],
        "scopes": scopes(findings),
        "findings": [finding.as_dict() for finding in findings],
        "table": _table(case, outcome.cells),
        "figures": pictures(case),
        "claims": [
            {"id": c.id, "kind": c.kind, "value": c.value, "expr": c.expr} for c in paper.claims
        ],
        "disclosure": paper.disclosure,
        "not_assessed": list(NOT_ASSESSED),
        "data": {
            "words": case.data_words,
            "absent": case.absent,
            "unavailable": case.unavailable,
            "source": paper.data.source,
            "rows_read": case.rows_read,
            "rows_used": None if view is None else view.n,
            "rule": None if view is None else view.rule,
            "sha256": case.data_sha256,
        },
        "settings": {"n": case.replicates, "seed": case.seed},
        "versions": _versions(),
        "claim_file": {"name": paper.name, "sha256": paper.sha256},
    }


def _table(case: Case, cells: tuple[Cell, ...]) -> list[dict[str, Any]]:
    """Return the cells as rows, with what others published beside those of the first view."""
    cited = {(r.check, r.quantity): r for r in case.paper.references}
    first = {case.headline.label, ""} if case.headline is not None else {""}
    rows = []
    for cell in cells:
        reference = cited.pop((cell.check, cell.quantity), None) if cell.view in first else None
        rows.append(
            {
                "check": cell.check,
                "quantity": cell.quantity,
                "view": cell.view,
                "computed": cell.computed,
                "counted": cell.counted,
                "reported": cell.reported,
                "cited": None if reference is None else reference.value,
                "unit": cell.unit,
                "source": cell.source,
                "citation": "" if reference is None else reference.source,
            }
        )
    rows += [
        {
            **dict.fromkeys(COLUMNS),
            "check": check,
            "quantity": quantity,
            "view": "",
            "unit": "",
            "cited": reference.value,
            "source": "not computed here",
            "citation": reference.source,
        }
        for (check, quantity), reference in cited.items()
    ]
    return rows


def _versions() -> dict[str, str]:
    import scipy.version

    import scaling_fast

    return {
        "scaling_fast": str(getattr(scaling_fast, "__version__", "unknown")),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "polars": pl.__version__,
        "scipy": scipy.__version__,
    }
