"""The result of every stress test: a table, findings, and the settings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from scaling_fast.errors import CheckpointError
from scaling_fast.findings import SummaryRepr, format_findings, json_ready
from scaling_fast.runtime.files import write_new
from scaling_fast.runtime.memory import ask_first

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scaling_fast.findings import Finding

__all__ = ["Stress"]

WIDE = 160
"""Most characters of a line of a table."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stress(SummaryRepr):
    """The outcome of a stress test.

    Attributes
    ----------
    test
        Name of the test, such as "coverage".
    table
        Polars frame; the test documents its columns.
    findings
        What is worth knowing, with its severity.
    settings
        Option -> value that was used.
    """

    test: str
    table: pl.DataFrame
    findings: tuple[Finding, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Stress, (self.test, self.table, self.findings, dict(self.settings)))

    @ask_first
    def summary(self) -> str:
        """Return the settings, the table and the findings as text."""
        settings = "   ".join(f"{name} {value}" for name, value in self.settings.items())
        with pl.Config(
            tbl_rows=-1,
            tbl_cols=-1,
            tbl_width_chars=WIDE,
            float_precision=4,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
        ):
            lines = [f"{self.test}   {settings}", str(self.table)]
        lines += format_findings(self.findings)
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return test, settings, rows of the table and findings as JSON can hold them."""
        return {
            "test": self.test,
            "settings": json_ready(self.settings),
            "table": json_ready(self.table.to_dicts()),
            "findings": [finding.as_dict() for finding in self.findings],
        }

    @ask_first
    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write `as_dict()` as JSON; an existing file is kept unless `force`.

        Raises
        ------
        CheckpointError
            For an existing file, one that cannot be written, and anything that is not a regular file,
            with or without `force`.
        """
        text = json.dumps(self.as_dict(), allow_nan=False, indent=1)
        write_new(path, text + "\n", force=force, error=CheckpointError)
