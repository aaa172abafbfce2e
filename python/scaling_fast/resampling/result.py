"""A bootstrap: a table of one row per replicate, and the intervals, bands and covariances from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError, ScalingError, quote
from scaling_fast.findings import SummaryRepr, format_findings
from scaling_fast.fitting.prediction_band import checked_band
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.status import with_status_type
from scaling_fast.fitting.table import column_name, square_frame
from scaling_fast.laws.quantities import evaluate, named_formulas
from scaling_fast.resampling.diagnostics import failure_findings, scheme_findings
from scaling_fast.resampling.draws import Draws
from scaling_fast.resampling.intervals.bands import band
from scaling_fast.resampling.intervals.methods import (
    METHODS,
    MOST_FAILURES,
    Replicates,
    check_method,
    intervals,
)
from scaling_fast.resampling.intervals.no_width import require_noise, require_noisy_replicates
from scaling_fast.resampling.intervals.small_sample import shrinkage, widening
from scaling_fast.resampling.intervals.studentized import studentized_errors
from scaling_fast.resampling.jackknife import left_out
from scaling_fast.resampling.multistart import multistart_check
from scaling_fast.resampling.plan import cluster_columns
from scaling_fast.resampling.schemes.entries import scheme_from_entry, scheme_to_entry
from scaling_fast.runtime import archive
from scaling_fast.runtime.memory import methods_ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.validation import checked_level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
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

    @property
    def replicates(self) -> Draws:
        """The draws as an object that splits them by group, selects the usable ones and digests them."""
        return Draws(self.fit.request, self.draws, self.requested)

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
        return multistart_check(self.fit.estimates, self.scheme, self.seed, self.requested)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is worth knowing before an interval is used: of the fit, and of the replicates."""
        lower = self.disagreement and self.disagreement.finding()
        return (
            *self.fit.findings,
            *failure_findings(self._unusable(), self.draws.height),
            *([lower] if lower else []),
            *scheme_findings(self.fit.estimates, self.scheme),
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
        """Return intervals: group keys, name, estimate, lower, upper.

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
            Largest share of unusable replicates that is accepted, from 0 to 1.

        Raises
        ------
        ConvergenceError
            When a larger share of the replicates is unusable.
        DataError
            Where the curve passes through every row, as with n = p, or every replicate through its own.
        ParameterError
            For an illegal level or method, or quantiles of a jackknife.
        """
        level = checked_level(level)
        check_method(method, self.scheme, small_sample=small_sample)
        formulas = named_formulas(self.fit.law, self.fit.request.names, of)
        for formula in formulas.values():  # an unknown name is refused before anything is refitted
            evaluate(formula, {name: np.ones(1) for name in self.fit.request.names})
        estimates = self.fit.estimates
        without = None
        if method == "bca":
            without = left_out(estimates, cluster_columns(self.scheme))
        errors = self._errors(formulas) if method == "studentized" else None
        widen = widening(estimates, self.scheme) if small_sample else None
        shrink = shrinkage(estimates, self.scheme)

        def replicates(group: int) -> Replicates:
            return Replicates(
                self._usable(group, max_failures),
                None if without is None else without.usable(group, max_failures),
                None if errors is None else errors(group),
                shrink[group],
                None if widen is None else widen[group],
            )

        return intervals(
            estimates,
            formulas,
            method=method,
            level=level,
            replicates=replicates,
            left_out_only=self.scheme.name == "jackknife",
            max_failures=max_failures,
        )

    def _usable(self, group: int, max_failures: float) -> dict[str, NDArray[np.float64]]:
        """Return parameter -> values over the usable replicates of a group that show noise."""
        require_noise(self.fit.estimates, self.scheme, group)
        usable = self.replicates.usable(group, max_failures)
        require_noisy_replicates(self.fit.estimates, group, self.replicates.objectives(group))
        return usable

    def _errors(
        self, formulas: Mapping[str, str]
    ) -> Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return group -> standard errors of the estimates and of the usable draws."""
        draws = self.replicates
        return studentized_errors(
            self.fit.estimates,
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
                "cov() works for a single fit, not for groups; filter `.draws` by group",
                code="grouped",
                param="cov",
            )
        draws = self._usable(0, max_failures)
        if log:
            for name, values in draws.items():
                if not (values > 0).all():
                    raise ParameterError(
                        f"{quote(name)} is not positive in every draw, so it has no logarithm",
                        code="log",
                        param=name,
                    )
            draws = {name: np.log(values) for name, values in draws.items()}
        with np.errstate(all="ignore"):
            matrix = np.atleast_2d(np.cov(np.array(list(draws.values())), ddof=1))
        if self.scheme.name == "jackknife":
            count = len(next(iter(draws.values())))
            matrix = matrix * (count - 1) ** 2 / count
        matrix = matrix * shrinkage(self.fit.estimates, self.scheme)[0] ** 2
        return square_frame(list(draws), matrix)

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
            Any frame with the law's columns; the fitted one by default.
        interval
            "confidence": percentile interval of the curve. "prediction": that of a new run, from draws of the
            curve plus residuals drawn at random, times sqrt(n/(n - p)) and at most three robust scales.
        level
            Confidence level, between 0 and 1.
        small_sample, max_failures
            As in `interval`: the first widens the band for few rows or clusters.
        """
        require_usable_process()
        level = checked_level(level)
        interval = checked_band(interval)
        if self.fit.groups != 1:
            raise ParameterError(
                "predict() needs a bootstrap of a single fit, and this one has groups; fit and bootstrap "
                "one group",
                code="grouped",
                param="predict",
            )
        if self.scheme.name == "jackknife":
            raise ParameterError(
                "jackknife replicates are not draws of a curve, so they have no quantiles; use Pairs(), "
                'or interval(method="normal") for a parameter',
                code="method",
                param="scheme",
            )
        estimates = self.fit.estimates
        return band(
            self.fit,
            self._usable(0, max_failures),
            frame,
            level=level,
            noise=self.seed if interval == "prediction" else None,
            shrink=shrinkage(estimates, self.scheme)[0],
            widen=widening(estimates, self.scheme)[0] if small_sample else None,
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
        if self.fit.groups == 1:
            method = "normal" if self.scheme.name == "jackknife" else "percentile"
            try:
                table = self.interval(method=method)
            except ScalingError as error:
                # Too few replicates after an interruption, or n = p: the summary shows why.
                lines.append(str(error))
            else:
                lines.append(f"95 % {method} intervals")
                lines += [
                    f"  {name:<12} {estimate:>14.6g}  [{lower:.6g}, {upper:.6g}]"
                    for name, estimate, lower, upper in table.iter_rows()
                ]
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
