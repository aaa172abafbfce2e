"""Audit a claim: gather the evidence, run the checks, keep the report as one table of facts."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.auditing.checks import CHECKS
from scaling_fast.auditing.checks.outcome import Cell, Outcome, joined
from scaling_fast.auditing.checks.thresholds import ADVISORY
from scaling_fast.auditing.claims import Paper, load_paper
from scaling_fast.auditing.evidence import Case, gather
from scaling_fast.auditing.pictures import pictures
from scaling_fast.auditing.verdict import scopes, verdict
from scaling_fast.errors import DataError, ParameterError, shown
from scaling_fast.findings import Finding, Severity
from scaling_fast.options import require_usable_process
from scaling_fast.paths import read_regular
from scaling_fast.reporting import letter as letters
from scaling_fast.reporting import page
from scaling_fast.reporting.files import as_path, is_json, is_page, json_ready, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scaling_fast.auditing.refits import Progress

SCHEMA = "scaling-audit/1"
MOST_BYTES = 2**30
"""Size above which a file is no report of ours."""
COLUMNS: dict[str, pl.DataType] = {
    "check": pl.String(),
    "quantity": pl.String(),
    "view": pl.String(),
    "computed": pl.Float64(),
    "counted": pl.Float64(),
    "reported": pl.Float64(),
    "cited": pl.Float64(),
    "unit": pl.String(),
    "source": pl.String(),
    "citation": pl.String(),
}
NOT_ASSESSED = (
    "R3 early stopping and scale of the loss",
    "R5 residual diagnostics",
    "R8 agreement of the three approaches",
    "digitisation error of the rows",
    "certified horizon of the extrapolation",
)
FEWEST, MOST = 20, 10_000_000  # replicates: a p-value needs some, a laptop's memory some fewer


@dataclass(frozen=True, slots=True, repr=False)
class Audit:
    """An audited claim.

    Attributes
    ----------
    report
        The whole report as JSON holds it; everything else is read from it.

    Examples
    --------
    >>> {one.check for one in audit("cerebras2023", n=50).findings} >= {"R1", "R2", "R4"}
    True
    """

    report: Mapping[str, Any]

    @property
    def verdict(self) -> Severity:
        """``"green"``, ``"amber"``, ``"red"`` or ``"grey"``."""
        return self.report["verdict"]  # type: ignore[no-any-return]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What came out of the checks, in the order of the report."""
        return tuple(Finding(**{**f, "evidence": f["evidence"]}) for f in self.report["findings"])

    @property
    def table(self) -> pl.DataFrame:
        """Every number of the report, one a row.

        Columns: `check`, `quantity`, `view` (which rows), `computed` (estimated from the
        observations), `counted` (counts and figures of the inputs alone), `reported` (arithmetic
        on what the paper prints), `cited` (somebody else's figure), `unit`, `source`, `citation`.
        """
        rows = [[cell[name] for name in COLUMNS] for cell in self.report["table"]]
        return pl.DataFrame(rows, schema=COLUMNS, orient="row")

    def write_html(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the report as one self-contained page and return its path.

        An earlier page of this package is replaced; any other file needs `force`.

        Raises
        ------
        DataError
            If another file stands there and `force` is false, or the path cannot be written.
        ParameterError
            If `path` is no path.
        """
        return write_text(path, page.render(self.report), force=force or is_page(path))

    def write_json(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the report as JSON (RFC 8259; numbers round-trip) and return its path.

        An earlier report of this package is replaced; any other file needs `force`.

        Raises
        ------
        DataError
            If another file stands there and `force` is false, or the path cannot be written.
        ParameterError
            If `path` is no path.
        """
        return write_text(path, self.to_json(), force=force or is_json(path))

    save = write_json

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return json.dumps(self.report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Audit:
        """Return the audit that `to_json` wrote.

        Raises
        ------
        DataError
            If the text is not such a report.
        """
        try:
            report = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"not a report: {error}") from error
        if not isinstance(report, dict) or report.get("schema") != SCHEMA:
            raise DataError(f"not a report of schema {SCHEMA}")
        return cls(report)

    @classmethod
    def load(cls, path: str | Path) -> Audit:
        """Return the audit saved at `path`.

        Raises
        ------
        DataError
            If the file cannot be read or is not a report.
        ParameterError
            If `path` is no path.
        """
        try:
            text = read_regular(as_path(path), MOST_BYTES).decode("utf-8")
        except ParameterError:
            raise
        except (OSError, ValueError) as error:
            raise DataError(f"report {shown(path, 200)} cannot be read: {error}") from error
        return cls.from_json(text)

    def letter(self) -> str:
        """Return a letter to the authors, in Markdown, with numbered questions."""
        return letters.render(self.report)

    def summary(self) -> str:
        """Return the verdict and the findings in a few lines of text."""
        return letters.summary(self.report)

    def _repr_html_(self) -> str:
        return page.fragment(self.report)

    def __repr__(self) -> str:
        counts = self.report["counts"]
        shares = ", ".join(f"{counts[s]} {s}" for s in ("red", "grey", "amber", "green"))
        return f"Audit({self.report['name']!r}, verdict={self.verdict!r}, findings: {shares})"


def audit(
    paper: str | Path | Paper,
    *,
    data: Any = None,
    n: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Return the audit of a published claim.

    Parameters
    ----------
    paper
        An embedded claim (`"hoffmann2022"`, `"cerebras2023"`), the path of a claim file, or a
        `Paper`.
    data
        Rows to use instead of those the claim file names: a frame, a mapping of arrays, or the
        path of a CSV, Parquet or Arrow file. Rows that cannot be found make a table-only audit.
    n
        Replicates; None takes the claim file's number.
    seed
        Seed of the resamples. The same seed gives the same report, byte for byte.
    threads
        Threads of the engine; the result does not depend on them.
    progress
        Called with a few words and the share done, for a progress bar.

    Raises
    ------
    DataError
        If the claim file or the data are malformed.
    ParameterError
        If `n` or `seed` are out of range.

    Examples
    --------
    >>> result = audit("cerebras2023", n=50)
    >>> result.verdict in ("green", "amber", "red", "grey")
    True
    >>> result.letter().startswith("#")
    True
    """
    require_usable_process()
    claim = load_paper(paper)
    replicates: Any = claim.settings.n if n is None else n
    number: Any = seed
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer):
        raise ParameterError(f"n must be a whole number, got {shown(replicates)}", param="n")
    if not FEWEST <= replicates <= MOST:
        raise ParameterError(
            f"n must be between {FEWEST} and {MOST:,}, got {shown(replicates)}", param="n"
        )
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or not 0 <= number < 2**63:
        raise ParameterError(
            f"seed must be a whole number from 0 to 2**63 - 1, got {shown(seed)}", param="seed"
        )
    case = gather(
        claim, data=data, n=int(replicates), seed=int(seed), threads=threads, progress=progress
    )
    outcome = joined([check(case) for check in CHECKS])
    return Audit(json_ready(_report(case, outcome)))


def _report(case: Case, outcome: Outcome) -> dict[str, Any]:
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
