"""A bootstrap whose draws are not kept: memory does not grow with their number, and quantiles stay exact."""

from __future__ import annotations

import hashlib
import html
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from scaling_fast.errors import ConvergenceError, ParameterError, quote
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.status import status_code, status_column
from scaling_fast.fitting.table import column_name
from scaling_fast.frames.values import rows_of
from scaling_fast.laws.quantities import evaluate, named_formulas
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.execution.shards import ExecutionPlan
from scaling_fast.resampling.intervals.methods import MOST_FAILURES
from scaling_fast.resampling.intervals.small_sample import shrinkage
from scaling_fast.resampling.plan import plan_for
from scaling_fast.resampling.schemes.entries import scheme_from_entry, scheme_to_entry
from scaling_fast.resampling.streaming.moments import (
    FIRST_SHIFT,
    StreamingMoments,
    edge,
    from_frames,
    to_frames,
    type_seven,
)
from scaling_fast.resampling.streaming.order_statistics import Rerun, order_statistics
from scaling_fast.runtime import archive
from scaling_fast.runtime.progress import watched
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.validation import checked_failures, checked_level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scaling_fast.resampling.schemes import Scheme

__all__ = ["BootstrapSummary"]

METHODS = ("normal", "percentile", "basic")


@dataclass(frozen=True, eq=False, repr=False)
class BootstrapSummary:
    """What `bootstrap(..., keep="summary")` keeps of the replicates.

    Attributes
    ----------
    fit
        The fit that was resampled.
    scheme
        How the rows were reweighted.
    seed
        The seed.
    requested
        Replicates asked for per group.
    finished
        Replicates 0 to this are in the summary; fewer than `requested` only after Ctrl-C.
    methods
        The intervals there are: "normal" from the moments; "percentile" and "basic", whose ends are
        found by refitting once more, exactly as if every draw had been kept. "bc", "bca" and
        predictions need `keep="draws"`.
    """

    fit: Fit
    scheme: Scheme
    seed: int
    requested: int
    finished: int
    job: Job
    moments: tuple[StreamingMoments, ...]

    kind: ClassVar[str] = "summary"

    @property
    def n(self) -> int:
        """Replicates per group."""
        return self.requested

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of `interval` that a summary can answer."""
        return METHODS[:1] if self.scheme.name == "jackknife" else METHODS

    @cached_property
    def counts(self) -> pl.DataFrame:
        """Replicates by status: group keys, status, count."""
        rows = [
            (group, code, number)
            for group, moments in enumerate(self.moments)
            for code, number in sorted(moments.statuses.items())
        ]
        taken = self.fit.request.table.keys.columns
        codes = np.array([code for _, code, _ in rows], dtype=np.uint8)
        columns = [
            status_column(codes).alias(column_name("status", taken)),
            pl.Series(column_name("count", taken), [one[2] for one in rows], dtype=pl.Int64),
        ]
        return self._with_keys([group for group, _, _ in rows], columns)

    @property
    def failures(self) -> pl.DataFrame:
        """Unusable replicates: group keys, status, count. Empty when there are none."""
        status = column_name("status", self.fit.request.table.keys.columns)
        return self.counts.filter(self.counts[status] != "converged")

    @cached_property
    def table(self) -> pl.DataFrame:
        """Group keys, name, count, mean, sd, least and greatest of every parameter and derived quantity."""
        taken = self.fit.request.table.keys.columns
        wanted: dict[str, list[Any]] = {
            one: [] for one in ("name", "count", "mean", "sd", "least", "greatest")
        }
        for moments in self.moments:
            wanted["name"] += moments.names
            wanted["count"] += [moments.count] * len(moments.names)
            wanted["mean"] += moments.mean.tolist()
            with np.errstate(all="ignore"):
                wanted["sd"] += np.sqrt(np.diag(moments.covariance())).tolist()
            wanted["least"] += moments.least.tolist()
            wanted["greatest"] += moments.greatest.tolist()
        groups = [g for g, moments in enumerate(self.moments) for _ in moments.names]
        columns = [pl.Series(column_name(one, taken), held) for one, held in wanted.items()]
        return self._with_keys(groups, columns)

    def bins(self, name: str, group: int = 0) -> pl.DataFrame:
        """Return the distribution of a parameter or derived quantity: lower, upper, count.

        Every count is exact; a bin holds lower <= value < upper and is 1/4096 of a power of two
        wide. `group` counts groups in the order of their keys.

        Raises
        ------
        ParameterError
            For a quantity or group there is none of.
        """
        if not 0 <= group < len(self.moments):
            raise ParameterError(
                f"group must be from 0 to {len(self.moments) - 1}, got {quote(group)}",
                code="group",
                param="group",
            )
        moments = self.moments[group]
        if name not in moments.names:
            raise ParameterError(
                f"bins are kept of {quote(moments.names, 200)}, got {quote(name)}",
                code="unknown_name",
                param=name,
            )
        held = sorted(moments.bins[moments.names.index(name)].items())
        return pl.DataFrame(
            {
                "lower": [edge(key << FIRST_SHIFT) for key, _ in held],
                "upper": [edge((key + 1) << FIRST_SHIFT) for key, _ in held],
                "count": [number for _, number in held],
            },
            schema={"lower": pl.Float64, "upper": pl.Float64, "count": pl.Int64},
        )

    def cov(self, *, max_failures: float = MOST_FAILURES) -> pl.DataFrame:
        """Return the covariance (ddof 1) of the parameters as a square frame, in the law's order."""
        if self.fit.groups != 1:
            raise ParameterError("cov() belongs to one fit", code="grouped", param="cov")
        self._require(max_failures)
        names = self.fit.request.names
        matrix = self.moments[0].covariance()[: len(names), : len(names)]
        if self.scheme.name == "jackknife":
            count = self.moments[0].count
            matrix = matrix * (count - 1) ** 2 / count
        return pl.DataFrame(
            {"parameter": names} | {one: matrix[:, j] for j, one in enumerate(names)}
        )

    def interval(
        self,
        level: float = 0.95,
        method: str = "percentile",
        of: str | Sequence[str] | None = None,
        *,
        max_failures: float = MOST_FAILURES,
        threads: int | None = None,
        executor: Any = None,
        shards: int | None = None,
        progress: bool | Callable[[int, int], object] | None = None,
    ) -> pl.DataFrame:
        """Return intervals: group keys, name, estimate, lower, upper.

        "percentile" and "basic" refit the replicates once more (each is a pure function of its
        number), this time keeping the few that lie in the bins of the ends: their quantiles are
        those of all draws, bit for bit. "normal" asks nothing twice.

        Parameters
        ----------
        level, method, of, max_failures
            As those of `Bootstrap.interval`; "normal" only of parameters and derived quantities.
        threads, executor, shards, progress
            As those of `bootstrap`, for the second pass.

        Raises
        ------
        ConvergenceError
            When more replicates are unusable.
        ParameterError
            For a method that a summary cannot answer.
        """
        level = checked_level(level)
        if method not in self.methods:
            raise ParameterError(
                f"a summary of {self.scheme!r} answers {quote(list(self.methods), 200)}, got {quote(method)}; "
                'keep="draws" keeps what the others need',
                code="method",
                param="method",
            )
        self._require(max_failures)
        formulas = named_formulas(self.fit.law, self.fit.request.names, of)
        estimates = self._estimates(formulas)
        if method == "normal":
            ends = self._normal(formulas, level, estimates)
        else:
            here = checked_threads(threads)
            task = here if executor is None or threads is not None else 1
            execution = ExecutionPlan.checked(executor, shards, task, here)
            with watched(progress, "refitting") as watch:
                ends = self._quantiles(formulas, level, estimates, execution, watch)
        rows = []
        for (group, name), estimate in estimates.items():
            low, high = ends[group, name]
            if method == "basic":
                low, high = 2.0 * estimate - high, 2.0 * estimate - low
            rows.append((name, estimate, low, high))
        taken = self.fit.request.table.keys.columns
        labels = [column_name(one, taken) for one in ("name", "estimate", "lower", "upper")]
        frame = pl.DataFrame(rows, schema=labels, orient="row")
        groups = [g for g in range(self.fit.groups) for _ in formulas]
        return self._with_keys(groups, frame.get_columns())

    def _estimates(self, formulas: dict[str, str]) -> dict[tuple[int, str], float]:
        """Return the estimate of each quantity: group after group."""
        found = {}
        for group in range(self.fit.groups):
            point = {one: np.array([value]) for one, value in self.fit.point(group).items()}
            for name, formula in formulas.items():
                found[group, name] = float(evaluate(formula, point)[0])
        return found

    def _normal(
        self, formulas: dict[str, str], level: float, estimates: dict[tuple[int, str], float]
    ) -> dict[tuple[int, str], tuple[float, float]]:
        """Return estimate -+ quantile times standard deviation."""
        from scipy.special import ndtri

        z = float(ndtri(0.5 + level / 2))
        shrink = shrinkage(self.fit.estimates, self.scheme)
        ends = {}
        for group, moments in enumerate(self.moments):
            matrix = moments.covariance()
            if self.scheme.name == "jackknife":
                matrix = matrix * (moments.count - 1) ** 2 / moments.count
            for name in formulas:
                if name not in moments.names:
                    raise ParameterError(
                        f"moments are kept of {quote(moments.names, 200)}, and {quote(name)} is none of them; "
                        'method="percentile" answers any formula',
                        code="of",
                        param="of",
                    )
                place = moments.names.index(name)
                half = z * shrink[group] * math.sqrt(max(matrix[place, place], 0.0))
                middle = estimates[group, name]
                ends[group, name] = (middle - half, middle + half)
        return ends

    def _quantiles(
        self,
        formulas: dict[str, str],
        level: float,
        estimates: dict[tuple[int, str], float],
        execution: ExecutionPlan,
        watch: Any,
    ) -> dict[tuple[int, str], tuple[float, float]]:
        tail = (1.0 - level) / 2.0
        levels = (tail, 1.0 - tail)
        wanted = {}
        for group, moments in enumerate(self.moments):
            places = {
                one
                for p in levels
                for at in [math.floor((moments.count - 1) * p)]
                for one in (at, min(at + 1, moments.count - 1))
            }
            for name in formulas:
                wanted[group, name] = places
        rerun = Rerun(self.job, self.finished, formulas, execution, watch)
        found = order_statistics(rerun, self.moments, wanted)

        shrink = shrinkage(self.fit.estimates, self.scheme)

        def end(group: int, name: str, p: float) -> float:
            count, values = self.moments[group].count, found[group, name]
            at = math.floor((count - 1) * p)
            below, above = values[at], values[min(at + 1, count - 1)]
            if shrink[group] != 1.0:  # as every draw of a subsample is, and none overtakes another
                middle = estimates[group, name]
                below = middle + shrink[group] * (below - middle)
                above = middle + shrink[group] * (above - middle)
            return type_seven(below, above, count, p)

        return {(g, name): (end(g, name, levels[0]), end(g, name, levels[1])) for g, name in wanted}

    def _require(self, max_failures: float) -> None:
        max_failures = checked_failures(max_failures)
        converged = status_code("converged")
        for moments in self.moments:
            total = sum(moments.statuses.values())
            failed = total - moments.statuses.get(converged, 0)
            if moments.count < 2 and not failed:
                raise ParameterError(
                    f"an interval needs at least 2 replicates, got {total}; ask for a larger n",
                    code="too_few",
                    param="n",
                )
            if failed > max_failures * total or moments.count < 2:
                raise ConvergenceError(
                    f"{failed} of {total} replicates are unusable (see `.failures`), more than max_failures="
                    f'{max_failures:g} allows; the design may not identify the law: try starts="multi", fix a '
                    "parameter, or pass a larger max_failures and report the count",
                    code="failures",
                )

    def _with_keys(self, groups: Sequence[int], columns: Sequence[pl.Series]) -> pl.DataFrame:
        keys = self.fit.request.table.keys
        if not keys.width:
            return pl.DataFrame(columns)
        places = np.asarray(groups, dtype=np.int64)
        return pl.DataFrame([*(rows_of(one, places) for one in keys.get_columns()), *columns])

    @cached_property
    def digest(self) -> str:
        """sha256 of counts, moments and bins: equal for every number of threads and shards, every executor."""
        hasher = hashlib.sha256()
        for moments in self.moments:
            hasher.update(moments.to_bytes())
        return hasher.hexdigest()

    def summary(self) -> str:
        """Return the scheme, the counts, and mean and standard deviation of every quantity as text."""
        failed = sum(self.failures[self.failures.columns[-1]]) if self.failures.height else 0
        lines = [
            f"scheme     {self.scheme!r}   seed {self.seed}",
            f"replicates {self.finished * self.fit.groups:,} of {self.requested * self.fit.groups:,}"
            f"   unusable {failed:,}   draws not kept",
            f"intervals  {', '.join(self.methods)}",
        ]
        if self.fit.groups == 1:
            lines += [
                f"  {row[0]:<12} mean {row[2]:>14.6g}  sd {row[3]:.6g}"
                for row in self.table.iter_rows()
            ]
        return "\n".join(lines)

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write summary, fit and question to one file that `scaling_fast.load` reads back.

        Raises
        ------
        CheckpointError
            For an existing file without `force`, and for a path that cannot be written.
        """
        archive.write(path, self.kind, *self.archive_entry(), force=force)

    def archive_entry(self) -> tuple[archive.Entry, archive.Frames]:
        """Return the summary as JSON and Arrow hold it."""
        entry, frames = self.fit.archive_entry()
        scheme, tables = scheme_to_entry(self.scheme)
        own = {
            "boot_seed": self.seed,
            "n": self.requested,
            "starts": self.job.starts,
            "finished": self.finished,
        }
        return entry | scheme | own, frames | tables | to_frames(self.moments)

    @classmethod
    def from_archive_entry(
        cls, entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> BootstrapSummary:
        """Return the summary that `archive_entry` wrote."""
        fit = Fit.from_archive_entry(entry, frames)
        scheme, seed = scheme_from_entry(entry, frames), entry["boot_seed"]
        estimates = fit.estimates
        job = Job(estimates, plan_for(estimates, scheme), seed, entry["starts"])
        moments = from_frames(frames, fit.groups)
        return cls(fit, scheme, seed, entry["n"], entry["finished"], job, moments)

    def __repr__(self) -> str:
        return f"<BootstrapSummary>\n{self.summary()}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"
