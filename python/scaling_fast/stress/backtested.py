"""The result of a back-test: its pairs, its p and how the error grows with distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from scaling_fast.findings import format_findings, json_ready
from scaling_fast.runtime.memory import ask_first
from scaling_fast.stress.result import WIDE, Stress

__all__ = ["Backtest", "by_distance"]

EDGES = (0.3, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf)
"""Decades at which a row of `by_distance` ends and the next begins."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Backtest(Stress):
    """How far forecasts from earlier origins were off, and how often a true law is off as far.

    Attributes
    ----------
    statistic, p
        T = sqrt(mean z^2), and the share of data sets of a true law with a T as large; NaN where there are too
        few pairs.
    pairs, origins
        Number of pairs of an origin and a size, or budget, held out, and of origins.
    draws
        Over how many data sets p was counted.
    skill
        Naive forecast -> 1 - the root mean square error of the law over its own:
        1 is perfect, 0 no better than the naive forecast. Described, not judged.
    by_distance
        One row per range of distances: pairs, the median and the largest error, the share inside the prediction
        interval, the median errors of the naive forecasts.
    """

    statistic: float = math.nan
    p: float = math.nan
    pairs: int = 0
    origins: int = 0
    draws: int = 0
    skill: Any = None
    by_distance: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.test, self.table, self.findings, dict(self.settings))
        own = (self.statistic, self.p, self.pairs, self.origins, self.draws)
        return (Backtest, (*values, *own, self.skill, self.by_distance))

    @ask_first
    def summary(self) -> str:
        """Return the settings, the error against distance, and the findings as text."""
        along, unit = self.settings["along"], self.settings["unit"]
        lines = [f"backtest along {along}   {self.origins} origins, {self.pairs} pairs"]
        if self.by_distance.height:
            lines += [f"error against distance in {unit}", _text(self.by_distance)]
        return "\n".join([*lines, *self.figures(), *format_findings(self.findings)])

    def figures(self) -> list[str]:
        """Return the skill and the test, a line each where there is one."""
        lines = []
        if self.skill:
            skills = (f"{value:.2f} against the {name}" for name, value in self.skill.items())
            lines.append(f"skill {', '.join(skills)}")
        if not math.isnan(self.p):
            test = f"T {self.statistic:.3g}, p {self.p:.3g} over {self.draws:,} data sets"
            lines.append(f"{test} of a true law")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """Return test, settings, figures, both tables and findings as JSON can hold them."""
        # The short form of super() finds no class in a dataclass with slots.
        answer = Stress.as_dict(self)
        findings = answer.pop("findings")
        for name in ("statistic", "p", "pairs", "origins", "draws", "skill", "by_distance"):
            answer[name] = json_ready(getattr(self, name))
        answer["findings"] = findings
        return answer


def by_distance(pairs: pl.DataFrame, unit_per_decade: float) -> pl.DataFrame:
    """Return the errors of pairs by their distance.

    Parameters
    ----------
    pairs
        Columns position (in decades), error, naive_last and naive_line (sizes of errors), and inside.
    unit_per_decade
        What a decade is in the unit of the distances.
    """
    rows = []
    for low, high in pairwise(EDGES):
        part = pairs.filter((pl.col("position") >= low - 1e-6) & (pl.col("position") < high - 1e-6))
        if part.height:
            rows.append(
                {
                    "from": low * unit_per_decade,
                    "to": min(high, float(part["position"].max())) * unit_per_decade,  # type: ignore[arg-type]
                    "forecasts": part.height,
                    "median_error": part["error"].median(),
                    "largest_error": part["error"].max(),
                    "inside": part["inside"].mean(),
                    "median_naive_last": part["naive_last"].median(),
                    "median_naive_line": part["naive_line"].median(),
                }
            )
    schema = {
        "from": pl.Float64, "to": pl.Float64, "forecasts": pl.Int64, "median_error": pl.Float64,
        "largest_error": pl.Float64, "inside": pl.Float64, "median_naive_last": pl.Float64,
        "median_naive_line": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def _text(table: pl.DataFrame) -> str:
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=WIDE,
        float_precision=4,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        return str(table)
