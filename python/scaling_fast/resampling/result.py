"""A bootstrap: a table of one row per replicate, and the intervals, bands and covariances from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError
from scaling_fast.findings import SummaryRepr, format_findings
from scaling_fast.fitting.prediction_band import checked_band
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.status import with_status_type
from scaling_fast.fitting.table import column_name, square_frame
from scaling_fast.laws.quantities import evaluate, named_formulas
from scaling_fast.resampling.diagnostics import failure_findings, narrow_findings, scheme_findings
from scaling_fast.resampling.draws import Draws
from scaling_fast.resampling.intervals.bands import band, bands_of_groups, refuse_jackknife
from scaling_fast.resampling.intervals.covariances import covariance_of_draws
from scaling_fast.resampling.intervals.methods import (
    METHODS,
    MOST_FAILURES,
    Replicates,
    check_method,
    intervals,
)
from scaling_fast.resampling.intervals.no_width import (
    require_clusters,
    require_noise,
    require_noisy_replicates,
)
from scaling_fast.resampling.intervals.shown import interval_lines
from scaling_fast.resampling.intervals.small_sample import shrinkage, widening_of
from scaling_fast.resampling.intervals.studentized import studentized_errors
from scaling_fast.resampling.jackknife import left_out_usable
from scaling_fast.resampling.multistart import multistart_check
from scaling_fast.resampling.plan import cluster_columns, cluster_counts
from scaling_fast.resampling.schemes.entries import scheme_from_entry, scheme_to_entry
from scaling_fast.runtime import archive
from scaling_fast.runtime.memory import methods_ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.validation import checked_failures, checked_level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.multistart import MultistartCheck
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["METHODS", "MOST_FAILURES", "Bootstrap"]


@methods_ask_first(
    "failures",
    "disagreement",
    "findings",
    "digest",
    "interval",
    "cov",
    "predict",
    "summary",
    "save",
)
@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(SummaryRepr):
    """A fit refitted many times.

    Attributes
    ----------
    fit
        The fit that was resampled.
    scheme
        The resampling scheme.
    seed
        Seed of the draws, from 0 to 2**64 - 1; where None was given, the one that was drawn.
    draws
        One row per replicate: group keys, replicate, status, objective, parameters, derived
        quantities. Unusable replicates keep their row.
    requested
        Number of replicates per group that were asked for; `.draws` has fewer only after Ctrl-C.
    starts
        Number of starts searched in each replicate beside the warm one, 0 or more.
    """

    fit: Fit
    scheme: Scheme
    seed: int
    draws: pl.DataFrame
    requested: int
    starts: int = 0

    kind: ClassVar[str] = "bootstrap"

    @cached_property
    def replicates(self) -> Draws:
        """The draws as an object that splits them by group, selects the usable ones and digests them."""
        return Draws(self.fit.request, self.draws, self.requested)

    @cached_property
    def estimates(self) -> Estimates:
        """The question and the parameters of every group, around which it was resampled."""
        return self.fit.estimates

    @property
    def n(self) -> int:
        """The number of replicates per group."""
        return self.requested

    @cached_property
    def failures(self) -> pl.DataFrame:
        """Unusable replicates: group keys, status, count. Empty when there are none."""
        require_usable_process()
        keys = self.fit.request.table.keys.columns
        return (
            self.draws.filter(pl.col(self.replicates.column("status")) != "converged")
            .group_by([*keys, self.replicates.column("status")], maintain_order=True)
            .len(name=column_name("count", keys))
        )

    def _unusable(self) -> int:
        """Return the number of unusable replicates over all groups."""
        # By place: the count has another name where a key of the groups is called so.
        return int(self.failures[self.failures.columns[-1]].sum())

    @cached_property
    def disagreement(self) -> MultistartCheck | None:
        """What a sample of replicates gains from more starts; None where every replicate had them.

        Up to 64 replicates, chosen by the seed, are solved again from the warm start and from nine
        searched ones. It is computed when it is first needed (`.findings` and the summary need it)
        and changes no draw.
        """
        require_usable_process()
        if self.starts:
            return None
        return multistart_check(self.estimates, self.scheme, self.seed, self.requested)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is worth knowing before an interval is used: of the fit, and of the replicates."""
        lower = self.disagreement and self.disagreement.finding()
        return (
            *self.fit.findings,
            *failure_findings(self.failures, self.fit.request.table.keys, self.draws.height),
            *([lower] if lower else []),
            *narrow_findings(self.estimates, self.scheme),
            *scheme_findings(self.estimates, self.scheme),
        )

    @cached_property
    def digest(self) -> str:
        """sha256 of the draws, equal for equal draws whatever computed them; see `Draws.digest`."""
        return self.replicates.digest()

    # -- summaries ------------------------------------------------------------------------------

    def interval(
        self,
        level: float = 0.95,
        method: str = "percentile",
        of: str | Sequence[str] | None = None,
        *,
        small_sample: bool = False,
        max_failures: float = MOST_FAILURES,
    ) -> pl.DataFrame:
        """Return intervals: group keys, name, estimate, lower, upper, and of groups a status.

        A group without an interval has null for ends; its status is how its fit ended, or the code of the
        refusal: "failures", "no_dof", "exact", "one_cluster".

        Parameters
        ----------
        level
            Confidence level, between 0 and 1: 0.95, not 95.
        method
            "percentile", "basic", "normal", "bc", "bca" or "studentized". Quantiles are of type 7, as
            numpy's. "bca" refits without each row (each cluster, under `Clusters`) for its
            acceleration. "studentized" divides each draw by its own standard error: s² (J'WJ)⁻¹ under
            `Squared` with `Residuals` and `Parametric`, the sandwich elsewhere; do not use it under
            losses that are nearly absolute. "normal" intervals of what is positive are those of its logarithm;
            no end leaves the bounds; equal draws have NaN for ends.
        of
            Formulas of parameters, such as "beta/(alpha+beta)"; the default is every parameter and
            derived quantity.
        small_sample
            Whether "normal", "percentile" and "basic" are widened for few rows or clusters: by t
            quantiles with n - p degrees of freedom and a factor sqrt(n/(n - p)) on the standard error;
            with G clusters, G - 1 and sqrt(G/(G - 1)). Percentiles move out to the level that makes
            them as wide (Hesterberg 2015). The factor is 1 for schemes that replace targets, which
            correct their residuals. Below 20 rows draws of `Pairs` spread too widely already, so that a
            nominal 90 % covers 95 % or more.
        max_failures
            Largest share of unusable replicates that is accepted, from 0 to 1, in each group.

        Raises
        ------
        ConvergenceError
            When a larger share of the replicates is unusable, of groups in all.
        DataError
            Where the curve passes through every row, as with n = p, or every replicate through its own.
        ParameterError
            For an illegal level or method, or quantiles of a jackknife.
        """
        level, max_failures = checked_level(level), checked_failures(max_failures)
        check_method(method, self.scheme, small_sample=small_sample)
        formulas = named_formulas(
            self.fit.law, self.fit.request.names, of, self.fit.request.minimum
        )
        for formula in formulas.values():  # an unknown name is refused before anything is refitted
            evaluate(formula, {name: np.ones(1) for name in self.fit.request.names})
        without = None
        if method == "bca":
            without = left_out_usable(self.estimates, cluster_columns(self.scheme), max_failures)
        errors = self._errors(formulas) if method == "studentized" else None
        widen = widening_of(self.estimates, self.scheme) if small_sample else None
        shrink = shrinkage(self.estimates, self.scheme)

        def replicates(group: int) -> Replicates:
            wider = None if widen is None else widen(group)
            return Replicates(
                self._usable(group, max_failures),
                None if without is None else without(group),
                None if errors is None else errors(group),
                shrink[group],
                wider,
            )

        return intervals(
            self.fit,
            formulas,
            method=method,
            level=level,
            replicates=replicates,
            left_out_only=self.scheme.name == "jackknife",
            max_failures=max_failures,
        )

    def _usable(self, group: int, max_failures: float) -> dict[str, NDArray[np.float64]]:
        """Return parameter -> values over the usable replicates of a group that show noise."""
        if self._clusters is not None:
            require_clusters(int(self._clusters[group]))
        require_noise(self.estimates, self.scheme, group)
        usable = self.replicates.usable(group, max_failures)
        require_noisy_replicates(self.estimates, group, self.replicates.objectives(group))
        return usable

    @cached_property
    def _clusters(self) -> NDArray[np.int64] | None:
        """The number of clusters in each group, for a scheme that draws, weights or signs them."""
        by = cluster_columns(self.scheme)
        return None if by is None else cluster_counts(self.fit.request.table, by)

    def _errors(
        self, formulas: Mapping[str, str]
    ) -> Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return group -> standard errors of the estimates and of the usable draws."""
        draws = self.replicates
        return studentized_errors(
            self.estimates,
            self.scheme,
            self.seed,
            self.requested,
            formulas,
            draws=self.draws.select(self.fit.request.names).to_numpy(),
            group=draws.groups_of_rows(),
            replicate=self.draws[draws.column("replicate")].to_numpy().astype(np.int64),
            good=(self.draws[draws.column("status")] == "converged").to_numpy(),
        )

    def cov(self, *, log: bool = False, max_failures: float = MOST_FAILURES) -> pl.DataFrame:
        """Return the covariance (ddof 1) of the draws as a square frame, in the law's order.

        Parameters
        ----------
        log
            Whether to return the covariance of the logarithms, for parameters that are positive in
            every draw.
        max_failures
            Largest share of unusable replicates that is accepted, from 0 to 1.
        """
        if self.fit.groups != 1:
            raise ParameterError(
                "cov() works for a single fit, not for groups; filter `.draws` by group, or bootstrap "
                "`fit.select(...)`, the fit of one group",
                code="grouped",
                param="cov",
            )
        draws = self._usable(0, max_failures)
        only = self.scheme.name == "jackknife"
        matrix = covariance_of_draws(draws, log=log, left_out_only=only)
        shrink = shrinkage(self.estimates, self.scheme)[0]
        return square_frame(list(draws), matrix * shrink**2)

    def predict(
        self,
        frame: Any = None,
        *,
        interval: str = "confidence",
        level: float = 0.95,
        small_sample: bool = False,
        max_failures: float = MOST_FAILURES,
    ) -> pl.DataFrame:
        """Return the law's columns with prediction, lower, upper and decades_beyond.

        Parameters
        ----------
        frame
            Any frame with the law's columns; the fitted one by default. Of groups also with the key columns;
            a group without an interval has NaN.
        interval
            "confidence": percentile interval of the curve. "prediction": that of a new run, from draws of the
            curve plus residuals drawn at random, times sqrt(n/(n - p)) and at most three robust scales.
        level
            Confidence level, between 0 and 1.
        small_sample, max_failures
            As in `interval`: the first widens the band for few rows or clusters.
        """
        require_usable_process()
        level, max_failures = checked_level(level), checked_failures(max_failures)
        interval = checked_band(interval)
        refuse_jackknife(self.scheme)
        noise = self.seed if interval == "prediction" else None
        shrink = shrinkage(self.estimates, self.scheme)
        widen = widening_of(self.estimates, self.scheme) if small_sample else None
        if self.fit.request.table.keys.width:
            usable = partial(self._usable, max_failures=max_failures)
            return bands_of_groups(
                self.fit, usable, frame, level=level, noise=noise, shrink=shrink, widen=widen
            )
        return band(
            self.fit,
            self._usable(0, max_failures),
            frame,
            level=level,
            noise=noise,
            shrink=shrink[0],
            widen=None if widen is None else widen(0),
        )

    # -- showing --------------------------------------------------------------------------------

    def summary(self) -> str:
        """Return the scheme, the counts and percentile (or jackknife) intervals as text."""
        failed = self._unusable()
        checked = f"{self.starts} searched starts in each replicate"
        lines = [
            f"scheme     {self.scheme!r}   seed {self.seed}",
            f"replicates {self.draws.height:,} of {self.requested * self.fit.groups:,}   unusable {failed:,}",
            f"starts     {self.disagreement or checked}",
        ]
        if not self.fit.request.table.keys.width:
            lines += interval_lines(self.interval, self.scheme)
        lines += format_findings(self.findings)
        return "\n".join(lines)

    # -- saving ---------------------------------------------------------------------------------

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the draws with their fit and question to one file that `scaling_fast.load` reads.

        Raises
        ------
        CheckpointError
            For an existing file without `force`, and for a path that cannot be written.
        """
        archive.write(path, self.kind, *self.archive_entry(), force=force)

    def archive_entry(self) -> tuple[archive.Entry, archive.Frames]:
        """Return the bootstrap as an entry for JSON and tables for Arrow."""
        entry, frames = self.fit.archive_entry()
        scheme, tables = scheme_to_entry(self.scheme)
        own = {"boot_seed": self.seed, "n": self.requested, "starts": self.starts}
        return entry | scheme | own, frames | tables | {"draws": self.draws}

    @classmethod
    def from_archive_entry(
        cls, entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> Bootstrap:
        """Return the bootstrap that `archive_entry` wrote."""
        fit = Fit.from_archive_entry(entry, frames)
        taken = [*fit.law.params, *fit.law.derived, *fit.request.table.keys.columns]
        return cls(
            fit,
            scheme_from_entry(entry, frames),
            entry["boot_seed"],
            with_status_type(frames["draws"], taken),
            entry["n"],
            entry["starts"],
        )
