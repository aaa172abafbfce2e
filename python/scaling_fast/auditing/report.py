"""The report of an audit as JSON holds it."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast._core import __version__
from scaling_fast.auditing.checks import NOT_ASSESSED
from scaling_fast.auditing.figure_data import figure_data
from scaling_fast.auditing.result import COLUMNS, SCHEMA
from scaling_fast.auditing.verdict import scopes, verdict
from scaling_fast.findings import PRECEDENCE, json_ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scaling_fast.auditing.checks.check import Cell, Check, Outcome
    from scaling_fast.auditing.evidence.case import Case

__all__ = ["full_report"]


def full_report(case: Case, checks: Sequence[Check[Any]], outcome: Outcome) -> dict[str, Any]:
    """Return the report: what came out of the checks, and all that page and letter need to say it."""
    findings = outcome.findings
    weights = {code: weight for check in checks for code, weight in check.weights_in(case).items()}
    counted = [finding.severity for finding in findings if weights[finding.check] != "advisory"]
    report = {
        "schema": SCHEMA,
        "name": case.paper.name,
        "verdict": verdict(findings, checks, weights, is_extrapolated=case.is_extrapolated),
        "basis": "table" if case.is_table_only else "rows",
        "counts": {severity: counted.count(severity) for severity in PRECEDENCE},
        "checks": {check.code: _check(check, case) for check in checks},
        **_claim(case),
        "scopes": scopes(findings, checks, weights, is_table_only=case.is_table_only),
        "findings": [finding.as_dict() for finding in findings],
        "table": _table(case, outcome.cells),
        "figures": figure_data(case),
        "not_assessed": NOT_ASSESSED,
        "data": _data(case),
        "settings": {"n": case.replicates, "seed": case.seed},
        "versions": _versions(),
        "claim_file": {"name": case.paper.name, "sha256": case.paper.sha256},
    }
    ready: dict[str, Any] = json_ready(report)
    return ready


def _check(check: Check[Any], case: Case) -> dict[str, Any]:
    """Return what page and letter say of a check in this case."""
    return {
        "title": check.title,
        "scope": check.scope,
        "weight": check.weight_in(case),
        "questions": check.questions_in(case),
    }


def _claim(case: Case) -> dict[str, Any]:
    """Return the paper, its law and what it claims."""
    paper, law = case.paper, case.law
    return {
        "paper": {
            key: getattr(paper.identity, key)
            for key in ("id", "title", "version", "authors", "year")
        },
        "law": {
            "name": law.name,
            "formula": law.formula,
            "columns": law.columns,
            "params": law.params,
        },
        "objective": case.objective,
        "quantity": case.quantity,
        "views": [view.label for view in case.views],
        "intervals": [
            {key: getattr(interval, key) for key in ("of", "level", "lower", "upper", "method")}
            for interval in paper.reported.intervals
        ],
        "claims": [
            {key: getattr(claim, key) for key in ("id", "kind", "value", "expr")}
            for claim in paper.claims
        ],
        "disclosure": paper.disclosure,
    }


def _data(case: Case) -> dict[str, Any]:
    """Return which rows were used, or why there are none."""
    view = case.headline
    return {
        "label": case.data_label,
        "absent": case.absent,
        "unavailable": case.unavailable,
        "source": case.paper.data.source,
        "rows_read": case.rows_read,
        "rows_used": None if view is None else view.n,
        "rule": None if view is None else view.rule,
        "sha256": case.data_sha256,
    }


def _table(case: Case, cells: Iterable[tuple[str, Cell]]) -> list[dict[str, Any]]:
    """Return the cells as rows, with what others published beside those of the first view."""
    cited = {
        (reference.check, reference.quantity): reference for reference in case.paper.references
    }
    first = {case.headline.label, ""} if case.headline is not None else {""}
    rows = []
    for check, cell in cells:
        reference = cited.pop((check, cell.quantity), None) if cell.view in first else None
        rows.append(
            {
                "check": check,
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

    return {
        "scaling_fast": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "polars": pl.__version__,
        "scipy": scipy.__version__,
    }
