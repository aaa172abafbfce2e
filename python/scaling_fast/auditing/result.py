"""An audited claim: the report, and everything that is read from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.findings import PRECEDENCE, Finding, Severity, float_from_json
from scaling_fast.reporting import letter as letters
from scaling_fast.reporting import page
from scaling_fast.reporting.files import is_json, is_page
from scaling_fast.reporting.words import basis
from scaling_fast.runtime.files import as_path, read_regular, write_text
from scaling_fast.runtime.memory import ask_first

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["COLUMNS", "MOST_BYTES", "SCHEMA", "Audit"]


SCHEMA = "scaling-audit/2"

MOST_BYTES = 2**30
"""Size above which a file is not read as a report."""

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


@dataclass(frozen=True, slots=True, repr=False)
class Audit:
    """An audited claim.

    Attributes
    ----------
    report
        The whole report as JSON holds it; everything else is read from it.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> audited = sf.audit("cerebras2023", n=50)
    >>> {finding.check for finding in audited.findings} >= {"R1", "R2", "R4"}
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
        return tuple(
            Finding(
                **{
                    **entry,
                    "statistic": float_from_json(entry["statistic"]),
                    "threshold": float_from_json(entry["threshold"]),
                }
            )
            for entry in self.report["findings"]
        )

    @property
    @ask_first
    def table(self) -> pl.DataFrame:
        """Every number of the report, one per row.

        Columns: `check`, `quantity`, `view` (which rows), `computed` (estimated from the
        observations), `counted` (counts and figures of the inputs alone), `reported` (arithmetic
        on what the paper prints), `cited` (somebody else's figure), `unit`, `source`, `citation`.
        """
        cells = self.report["table"]
        columns = {
            name: [
                float_from_json(cell[name]) if dtype == pl.Float64 else cell[name] for cell in cells
            ]
            for name, dtype in COLUMNS.items()
        }
        return pl.DataFrame(columns, schema=COLUMNS)

    @ask_first
    def write_html(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the report as one self-contained page and return its path.

        An earlier page of this package is replaced; any other file needs `force`.

        Raises
        ------
        DataError
            If another file stands there and `force` is false, or the path cannot be written.
        ParameterError
            If `path` is neither text nor a path.
        """
        return write_text(path, page.render(self.report), force=force or is_page(path))

    @ask_first
    def write_json(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the report as JSON (RFC 8259; numbers round-trip) and return its path.

        An earlier report of this package is replaced; any other file needs `force`.

        Raises
        ------
        DataError
            If another file stands there and `force` is false, or the path cannot be written.
        ParameterError
            If `path` is neither text nor a path.
        """
        return write_text(path, self.to_json(), force=force or is_json(path))

    save = write_json

    @ask_first
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
        schema = report.get("schema") if isinstance(report, dict) else None
        if schema != SCHEMA:
            found = f"its schema is {quote(schema)}" if schema else "it names no schema"
            raise DataError(
                f"not a report of schema `{SCHEMA}`: {found}; a report of another version is made "
                "again by sf.audit"
            )
        return cls(report)

    @classmethod
    def load(cls, path: str | Path) -> Audit:
        """Return the audit saved at `path`.

        Raises
        ------
        DataError
            If the file cannot be read or is not a report.
        ParameterError
            If `path` is neither text nor a path.
        """
        try:
            text = read_regular(as_path(path), MOST_BYTES).decode("utf-8")
        except ParameterError:
            raise
        except (OSError, ValueError) as error:
            raise DataError(f"report {quote(path, 200)} cannot be read: {error}") from error
        return cls.from_json(text)

    @ask_first
    def letter(self) -> str:
        """Return a letter to the authors, in Markdown, with numbered questions."""
        return letters.render(self.report)

    @ask_first
    def summary(self) -> str:
        """Return the verdict and the findings in a few lines of text."""
        return letters.summary(self.report)

    def _repr_html_(self) -> str:
        return page.fragment(self.report)

    def __repr__(self) -> str:
        counts = self.report["counts"]
        shares = ", ".join(f"{counts[severity]} {severity}" for severity in PRECEDENCE)
        said = ", ".join([f"verdict={self.verdict!r}", *basis(self.report)])
        return f"Audit({self.report['name']!r}, {said}, findings: {shares})"
