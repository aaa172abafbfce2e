"""A bootstrap that keeps no draws: memory does not grow with their number, and quantiles stay exact."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError, quote
from scaling_fast.findings import SummaryRepr, format_findings
from scaling_fast.fitting.interval_table import interval_table
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.status import status_code, status_column
from scaling_fast.fitting.table import column_name, square_frame, with_keys
from scaling_fast.laws.quantities import named_formulas
from scaling_fast.resampling.diagnostics import failure_findings, narrow_findings, scheme_findings
from scaling_fast.resampling.draws import require_usable
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.execution.shards import ExecutionPlan
from scaling_fast.resampling.intervals.each_group import each_group
from scaling_fast.resampling.intervals.methods import MOST_FAILURES
from scaling_fast.resampling.intervals.no_width import require_clusters, require_noise
from scaling_fast.resampling.plan import cluster_columns, cluster_counts, plan_for
from scaling_fast.resampling.schemes.entries import scheme_from_entry, scheme_to_entry
from scaling_fast.resampling.streaming.ends import normal_ends, quantile_ends
from scaling_fast.resampling.streaming.moments import (
    FIRST_SHIFT,
    StreamingMoments,
    edge,
    from_frames,
    to_frames,
)
from scaling_fast.resampling.streaming.order_statistics import Rerun
from scaling_fast.runtime import archive
from scaling_fast.runtime.memory import methods_ask_first
from scaling_fast.runtime.progress import watched
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.validation import checked_failures, checked_level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["BootstrapSummary"]

METHODS = ("normal", "percentile", "basic")
"""Methods that a summary supports; a jackknife has the first alone."""


@methods_ask_first("counts", "failures", "table", "bins", "interval", "cov", "summary", "save")
@dataclass(frozen=True, eq=False, repr=False)
class BootstrapSummary(SummaryRepr):
    """What `bootstrap(..., keep="summary")` keeps of the replicates.

    Attributes
    ----------
    fit
        The fit that was resampled.
    scheme
        The resampling scheme.
    seed
        Seed of the draws, from 0 to 2**64 - 1.
    requested
        Number of replicates per group that were asked for.
    finished
        Number of replicates per group in the summary; fewer than `requested` only after Ctrl-C.
    job
        The question and the plan, from which the replicates can be computed again.
    moments
        Counts, means, covariances and bins of each group.
    methods
        The methods of `interval`: "normal" from the moments; "percentile" and "basic", whose ends are
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
            pl.Series(
                column_name("count", taken), [number for _, _, number in rows], dtype=pl.Int64
            ),
        ]
        groups = np.array([group for group, _, _ in rows], dtype=np.int64)
        return with_keys(self.fit.request.table.keys, groups, columns)

    @property
    def failures(self) -> pl.DataFrame:
        """Unusable replicates: group keys, status, count. Empty when there are none."""
        status = column_name("status", self.fit.request.table.keys.columns)
        return self.counts.filter(self.counts[status] != "converged")

    @cached_property
    def table(self) -> pl.DataFrame:
        """Count, mean, sd, least and greatest of every quantity, one row per group and quantity."""
        taken = self.fit.request.table.keys.columns
        wanted: dict[str, list[Any]] = {
            label: [] for label in ("name", "count", "mean", "sd", "least", "greatest")
        }
        for moments in self.moments:
            wanted["name"] += moments.names
            wanted["count"] += [moments.count] * len(moments.names)
            wanted["mean"] += moments.mean.tolist()
            with np.errstate(all="ignore"):
                wanted["sd"] += np.sqrt(np.diag(moments.covariance())).tolist()
            wanted["least"] += moments.least.tolist()
            wanted["greatest"] += moments.greatest.tolist()
        sizes = [len(moments.names) for moments in self.moments]
        groups = np.repeat(np.arange(len(self.moments)), sizes)
        columns = [pl.Series(column_name(label, taken), values) for label, values in wanted.items()]
        return with_keys(self.fit.request.table.keys, groups, columns)

    def bins(self, name: str, group: int = 0) -> pl.DataFrame:
        """Return the distribution of a parameter or derived quantity: lower, upper, count.

        Every count is exact; a bin holds lower <= value < upper and is 1/4096 of a power of two
        wide.

        Parameters
        ----------
        name
            Parameter or derived quantity.
        group
            Number of the group, from 0, in the order of the keys.

        Raises
        ------
        ParameterError
            For an unknown quantity, or a group that does not exist.
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
        bins = sorted(moments.bins[moments.names.index(name)].items())
        return pl.DataFrame(
            {
                "lower": [edge(key << FIRST_SHIFT) for key, _ in bins],
                "upper": [edge((key + 1) << FIRST_SHIFT) for key, _ in bins],
                "count": [number for _, number in bins],
            },
            schema={"lower": pl.Float64, "upper": pl.Float64, "count": pl.Int64},
        )

    def cov(self, *, max_failures: float = MOST_FAILURES) -> pl.DataFrame:
        """Return the covariance (ddof 1) of the parameters as a square frame, in the law's order.

        Parameters
        ----------
        max_failures
            Largest share of unusable replicates that is accepted, from 0 to 1.
        """
        if self.fit.groups != 1:
            raise ParameterError(
                "cov() works for a single fit, not for groups; bootstrap `fit.select(...)`, the fit of "
                "one group",
                code="grouped",
                param="cov",
            )
        self._usable(0, checked_failures(max_failures))
        names = self.fit.request.names
        matrix = self._covariance(self.moments[0])
        return square_frame(names, matrix[: len(names), : len(names)])

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
        """Return intervals: group keys, name, estimate, lower, upper, and of groups a status.

        "percentile" and "basic" refit the replicates once more (each is a pure function of its
        number), this time keeping the few that lie in the bins of the ends: the quantiles are
        those of all draws, bit for bit. "normal" refits nothing.

        Parameters
        ----------
        level, method, of, max_failures
            As in `Bootstrap.interval`; "normal" only for parameters and derived quantities.
        threads, executor, shards, progress
            As in `bootstrap`, for the second pass.

        Raises
        ------
        ConvergenceError
            When a larger share of the replicates is unusable.
        ParameterError
            For a method that needs the draws.
        """
        level = checked_level(level)
        if method not in self.methods:
            raise ParameterError(
                f"a summary of {self.scheme!r} supports the methods {quote(list(self.methods), 200)}, "
                f"got {quote(method)}; "
                'keep="draws" keeps what other methods need',
                code="method",
                param="method",
            )
        max_failures = checked_failures(max_failures)
        kept, status = each_group(self.fit, partial(self._usable, max_failures=max_failures))
        groups = [group for group, count in enumerate(kept) if count is not None]
        formulas = named_formulas(
            self.fit.law, self.fit.request.names, of, self.fit.request.minimum
        )
        if method == "normal":
            matrices = {group: self._covariance(self.moments[group]) for group in groups}
            ends = normal_ends(
                self.job.estimates, self.scheme, self.moments, matrices, formulas, level
            )
        else:
            here = checked_threads(threads)
            task = here if executor is None or threads is not None else 1
            execution = ExecutionPlan.checked(executor, shards, task, here)
            with watched(progress, "refitting") as watch:
                rerun = Rerun(self.job, self.finished, formulas, execution, watch)
                mirrored = method == "basic"
                ends = quantile_ends(
                    rerun, self.scheme, self.moments, level, groups=groups, mirrored=mirrored
                )
        return interval_table(self.job.estimates, formulas, ends, status)

    def _covariance(self, moments: StreamingMoments) -> NDArray[np.float64]:
        """Return the covariance of the estimates: that of the draws, or a jackknife's inflated one."""
        matrix = moments.covariance()
        if self.scheme.name == "jackknife":
            matrix = matrix * (moments.count - 1) ** 2 / moments.count
        return matrix

    def _usable(self, group: int, max_failures: float) -> int:
        """Return the number of usable replicates of a group; too few for an interval are refused."""
        if (by := cluster_columns(self.scheme)) is not None:
            require_clusters(int(cluster_counts(self.fit.request.table, by)[group]))
        require_noise(self.job.estimates, self.scheme, group)
        statuses = self.moments[group].statuses
        usable = statuses.get(status_code("converged"), 0)
        require_usable(usable, sum(statuses.values()), max_failures)
        return usable

    @cached_property
    def digest(self) -> str:
        """sha256 of counts, moments and bins: equal for every number of threads and shards, every executor."""
        hasher = hashlib.sha256()
        for moments in self.moments:
            hasher.update(moments.to_bytes())
        return hasher.hexdigest()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is worth knowing before an interval is used: of the fit, and of the replicates."""
        keys = self.fit.request.table.keys
        return (
            *self.fit.findings,
            *failure_findings(self.failures, keys, self.finished * self.fit.groups),
            *narrow_findings(self.job.estimates, self.scheme),
            *scheme_findings(self.job.estimates, self.scheme),
        )

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
        return "\n".join([*lines, *format_findings(self.findings)])

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the summary with its fit and question to one file that `scaling_fast.load` reads.

        Raises
        ------
        CheckpointError
            For an existing file without `force`, and for a path that cannot be written.
        """
        archive.write(path, self.kind, *self.archive_entry(), force=force)

    def archive_entry(self) -> tuple[archive.Entry, archive.Frames]:
        """Return the summary as an entry for JSON and tables for Arrow."""
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
        job = Job(fit.estimates, plan_for(fit.estimates, scheme), seed, entry["starts"])
        moments = from_frames(frames, fit.groups)
        return cls(fit, scheme, seed, entry["n"], entry["finished"], job, moments)
