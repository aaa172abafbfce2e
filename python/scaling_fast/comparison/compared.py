"""From tests and criteria to the tables of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.comparison.comparison_findings import range_findings, verdict_finding
from scaling_fast.comparison.criteria import without_constant
from scaling_fast.comparison.likelihood_tests import cox_test
from scaling_fast.comparison.ranges import forecasts, range_table
from scaling_fast.comparison.result import Comparison
from scaling_fast.comparison.verdicts import pair_verdict, rejections, verdicts
from scaling_fast.fitting.table import column_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.candidates import Candidate
    from scaling_fast.comparison.criteria import Criteria
    from scaling_fast.comparison.likelihood_tests import NoConstant, Pair
    from scaling_fast.comparison.ranges import Forecast, Targets
    from scaling_fast.comparison.replicates import Replicates
    from scaling_fast.comparison.robust_refit import RobustRefit
    from scaling_fast.findings import Finding

__all__ = ["Compared", "pairs_of", "tested"]


def pairs_of(criteria: Criteria, pairs: str) -> list[tuple[int, int]]:
    """Return the numbers of the laws of each pair that is tested.

    Parameters
    ----------
    criteria
        The criteria of the laws, the headline first.
    pairs
        "headline" for the headline with each law that is kept, "all" for every two of these.
    """
    if np.isnan(criteria.aicc[0]) and pairs == "headline":
        return []
    headline = [] if np.isnan(criteria.aicc[0]) else [0]
    laws = headline + [int(law) for law in np.flatnonzero(criteria.kept) if law]
    chosen = list(combinations(laws, 2))
    return chosen if pairs == "all" else [pair for pair in chosen if pair[0] == 0]


def tested(
    replicates: Replicates,
    chosen: Sequence[tuple[int, int]],
    n: int,
    constant: NoConstant | None,
) -> list[Pair]:
    """Return the tests of pairs; that of the headline without its constant is an F ratio.

    Parameters
    ----------
    replicates
        Laws and data sets.
    chosen
        The pairs.
    n
        Number of data sets.
    constant
        The test of the headline's constant, if there is one.
    """
    laws = replicates.laws
    shares: dict[tuple[int, int], float] = {}
    for first, second in chosen:
        bare = constant is not None and not first
        if bare and constant and without_constant(laws[0], laws[second], constant.name):
            shares[first, second] = constant.p
    drawn = [(first, law) for first, second in chosen for law in (first, second)]
    drawn += [
        (second, law)
        for first, second in chosen
        for law in (second, first)
        if (first, second) not in shares
    ]
    replicates.prepare(drawn, n)
    return [cox_test(replicates, *pair, n, shares.get(pair)) for pair in chosen]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Laws with their criteria and tests.

    Attributes
    ----------
    laws, criteria, pairs
        What was compared, the headline first.
    refit
        The headline, refitted robustly; None where that is impossible.
    targets
        Where forecasts are wanted, or None.
    level
        Confidence level of the bands.
    counted
        How many rows tell as much as one independent row.
    independent
        Number of runs, where their rows share an error; else None.
    """

    laws: tuple[Candidate, ...]
    criteria: Criteria
    pairs: list[Pair]
    refit: RobustRefit | None
    targets: Targets | None
    level: float
    counted: float
    independent: int | None

    def answer(self, findings: Sequence[Finding], settings: dict[str, Any]) -> Comparison:
        """Return the result, with findings of the fits before those of the verdict."""
        kept = self.criteria.kept
        rejected = rejections(kept, self.pairs)
        words = verdicts(self.laws, rejected, self.criteria.aicc)
        said: list[Forecast | None] = [None] * len(self.laws)
        if self.targets is not None and self.refit is not None:
            said = forecasts(
                self.refit,
                self.laws,
                self.targets,
                level=self.level,
                counted=self.counted,
                independent=self.independent,
            )
        table = self._table(words, said)
        without = [
            law.label
            for law, forecast, stays in zip(self.laws, said, kept, strict=True)
            if stays and forecast is None
        ]
        reach = frame = None
        if self.targets is not None and len(without) < int(kept.sum()):
            reach = range_table(self.laws, said, kept, self.targets)
            frame = self._forecasts(said)
        own = range_findings(reach, self.targets, int(kept.sum()), without)
        verdict = verdict_finding(self.laws, words, self.criteria)
        return Comparison(table, self._pairs(), reach, frame, (verdict, *own, *findings), settings)

    def _table(self, words: list[str], said: Sequence[Forecast | None]) -> pl.DataFrame:
        first = [None if forecast is None else forecast.first for forecast in said]
        ends = [(None, None, None) if ends is None else ends for ends in first]
        aicc = pl.Series(self.criteria.aicc, dtype=pl.Float64).fill_nan(None)
        return pl.DataFrame(
            {
                "law": [law.label for law in self.laws],
                "k": [law.parameters for law in self.laws],
                "aicc": aicc,
                "delta": (aicc - self.criteria.mark).fill_nan(None),
                "kept": self.criteria.kept,
                "forecast": pl.Series([middle for middle, _, _ in ends], dtype=pl.Float64),
                "lower": pl.Series([low for _, low, _ in ends], dtype=pl.Float64),
                "upper": pl.Series([high for _, _, high in ends], dtype=pl.Float64),
                "verdict": words,
                "status": [law.status for law in self.laws],
            }
        )

    def _pairs(self) -> pl.DataFrame:
        schema = {
            "A": pl.String, "B": pl.String, "lr": pl.Float64, "p_a": pl.Float64, "p_b": pl.Float64,
            "verdict": pl.String, "draws_a": pl.Int64, "draws_b": pl.Int64,
        }  # fmt: skip
        rows = [
            (
                self.laws[pair.first].label, self.laws[pair.second].label, pair.ratio,
                pair.p_first, pair.p_second, pair_verdict(pair, self.laws),
                pair.draws_first, pair.draws_second,
            )
            for pair in self.pairs
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _forecasts(self, said: Sequence[Forecast | None]) -> pl.DataFrame:
        """Return one row per law and target."""
        parts = []
        for law, forecast in zip(self.laws, said, strict=True):
            if forecast is None or self.targets is None:
                continue
            points: dict[str, NDArray[np.float64]] = dict(self.targets.columns)
            values = {
                "forecast": forecast.forecast,
                "lower": forecast.lower,
                "upper": forecast.upper,
            }
            # A column of the law keeps its name, whatever it is.
            label = {column_name("law", list(points)): [law.label] * self.targets.count}
            own = {column_name(name, list(points)): column for name, column in values.items()}
            parts.append(pl.DataFrame(label | points | own))
        return pl.concat(parts)
