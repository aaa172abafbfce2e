"""The result of a comparison of laws: a table of laws, their pairs, and the range of their forecasts."""

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

__all__ = ["Comparison"]

WIDE = 160
"""Most characters of a line of a table."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(SummaryRepr):
    """Laws on the same rows: what `compare` returns.

    Attributes
    ----------
    table
        One row per law, the headline first: law, k (parameters), aicc, delta (above the mark), kept,
        forecast, lower and upper (at the first target, null without), verdict, status.
    pairs
        One row per pair that was tested: A, B, lr (ln L of A less that of B), p_a and p_b (how often data of A, and
        of B, speak as much against it), verdict, draws_a and draws_b (over how many data sets; 0 where the
        p was computed).
    range
        One row per target: its columns, lowest and highest end of the laws that are kept with their names, apart
        (highest/lowest - 1), decades_beyond and sentence; None without a target.
    forecasts
        One row per law and target: law, columns, forecast, lower, upper; None without a target.
    findings
        What is worth knowing, with its severity.
    settings
        Option -> value that was used.
    """

    table: pl.DataFrame
    pairs: pl.DataFrame
    range: pl.DataFrame | None
    forecasts: pl.DataFrame | None
    findings: tuple[Finding, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def __reduce__(self) -> tuple[Any, ...]:
        frames = (self.table, self.pairs, self.range, self.forecasts)
        return (Comparison, (*frames, self.findings, dict(self.settings)))

    @property
    def verdict(self) -> str:
        """The words for the headline: "supported", "not distinguishable from {...}" or "rejected"."""
        return str(self.table["verdict"][0])

    @ask_first
    def summary(self) -> str:
        """Return the laws, the pairs, the range and the findings as text."""
        lines = [f"compare   {self.table['law'][0]}: {self.verdict}", _text(self.table)]
        if self.pairs.height:
            lines += ["pairs", _text(self.pairs)]
        if self.range is not None:
            lines += self.range["sentence"].to_list()
        return "\n".join(lines + format_findings(self.findings))

    def as_dict(self) -> dict[str, Any]:
        """Return settings, verdict, the tables and the findings as JSON can hold them."""
        frames = {
            "table": self.table,
            "pairs": self.pairs,
            "range": self.range,
            "forecasts": self.forecasts,
        }
        return {
            "settings": json_ready(self.settings),
            "verdict": self.verdict,
            **{
                name: None if frame is None else json_ready(frame.to_dicts())
                for name, frame in frames.items()
            },
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

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def _text(frame: pl.DataFrame) -> str:
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=WIDE,
        fmt_str_lengths=WIDE,
        float_precision=4,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        return str(frame)
