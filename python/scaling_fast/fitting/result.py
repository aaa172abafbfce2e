"""A fit: a table of one row per group, and what can be computed from it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scaling_fast.findings import format_findings
from scaling_fast.fitting.answers import FitAnswers
from scaling_fast.fitting.archived import entry_of, fields_of
from scaling_fast.fitting.assembly import FitFields, of_one_group
from scaling_fast.fitting.delta_method import Optimum, delta_ends, parameter_covariance
from scaling_fast.fitting.interval_table import interval_table
from scaling_fast.fitting.prediction import predicted
from scaling_fast.fitting.prediction_band import with_band
from scaling_fast.fitting.selection import group_with_keys
from scaling_fast.fitting.status import status_sentence
from scaling_fast.fitting.summary import estimate_lines, group_lines, question_lines
from scaling_fast.fitting.table import column_name, square_frame
from scaling_fast.frames.clusters import optional_clusters
from scaling_fast.laws.quantities import named_formulas
from scaling_fast.runtime import archive
from scaling_fast.runtime.memory import methods_ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.validation import checked_level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray


__all__ = ["Fit"]


@methods_ask_first(
    "select",
    "objective_at",
    "residuals",
    "jacobian",
    "cov",
    "interval",
    "predict",
    "summary",
    "save",
)
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fit(FitAnswers):
    """A law fitted to a frame: what `fit` returns.

    Its attributes are those of `FitAnswers`: the numbers of a single fit by name, `.table` for groups.
    """

    kind: ClassVar[str] = "fit"

    # -- one group of many ----------------------------------------------------------------------

    def select(self, /, **keys: Any) -> Fit:
        """Return the fit of one group as a single fit: `fit.select(curve="c1")`.

        It is the fit that the group has in `.table`, with its status, certificate and findings; nothing
        is fitted again. Its rows are those of the group, so that intervals, profiles, replicates and
        predictions are those of a fit of these rows alone.

        Parameters
        ----------
        keys
            Key column -> its value. Columns may be left out where the others name one group.

        Raises
        ------
        ParameterError
            For a fit without groups, and for keys that name no group or more than one.
        """
        return self.of_group(group_with_keys(self.request.table.keys, keys))

    def of_group(self, group: int) -> Fit:
        """Return the fit of one group, by its number in the order of `.table`, as a single fit."""
        return Fit(*of_one_group(self._fields(), group))

    # -- what a fit implies ---------------------------------------------------------------------

    def objective_at(self, params: Mapping[str, float]) -> float:
        """Return the objective at any point: parameter -> value, natural units, all of them."""
        self.require_single("objective_at")
        return self.request.objective(0, self.request.complete(params))

    def residuals(self, params: Mapping[str, float] | None = None) -> NDArray[np.float64]:
        """Return fitted minus observed, in the caller's row order, shape (n,).

        Rows left out (weight 0, dropped nulls) are absent. Not divided by `sigma`.

        Parameters
        ----------
        params
            Parameter -> value where they are taken; the estimates by default. Not for grouped fits.
        """
        if params is not None:
            self.require_single("residuals")
            return self.request.residuals([self.request.complete(params)])
        return self.request.residuals([self.point(group) for group in range(self.groups)])

    def jacobian(self, params: Mapping[str, float] | None = None) -> NDArray[np.float64]:
        """Return d residual / d natural parameter, shape (n, p), in the caller's row order.

        Parameters
        ----------
        params
            Parameter -> value where they are taken; the estimates by default.
        """
        self.require_single("jacobian")
        return self.request.jacobian(self.request.complete(params or self.params))

    def cov(
        self,
        kind: str | None = None,
        *,
        cluster: str | Sequence[str] | None = None,
        noise: str = "estimated",
    ) -> pl.DataFrame:
        """Return the covariance of the parameters as a square frame, rows and columns in the law's order.

        Parameters
        ----------
        kind
            "hessian": s² (J'WJ)⁻¹, for least squares. "sandwich": A⁻¹ B A⁻¹ with A = Σ w psi' JJ'
            and B = Σ w psi² JJ', times n/(n - p), or G/(G - 1) over clusters. The default is
            "hessian" for `Squared` without `cluster` and "sandwich" otherwise. Where the objective is a
            likelihood with a scale of its own, "hessian" is the inverse of the observed information
            of law and scale, and "sandwich" is that of their joint scores.
        cluster
            Column, or columns, whose equal values form a cluster; sandwich only.
        noise
            "estimated", or "given" where `sigma` is the standard deviation of the noise itself
            (hessian only).

        Raises
        ------
        ParameterError
            Under a loss that is straight for more than half of the rows (`code="kink"`), as `Huber(1e-3)` is
            for published losses: use `scaling_fast.bootstrap`.
        DataError
            When no degree of freedom is left.
        """
        require_usable_process()
        self.require_single("cov")
        clusters = optional_clusters(self.request.table, cluster)
        with np.errstate(all="ignore"):  # an overflow shows as inf or NaN
            matrix = parameter_covariance(self.optimum(), kind=kind, clusters=clusters, noise=noise)
        return square_frame(self.request.names, matrix)

    def optimum(self, group: int = 0) -> Optimum:
        """Return what the delta method needs of one group, by its number in the order of `.table`."""
        bound = self.table[column_name("at_bound", self.taken_names())][group]
        scale = self.measured_scale
        if self.request.is_likelihood:
            scale = float(self.table[column_name("scale", self.taken_names())][group])
        at_bound = [name in bound for name in self.request.names]
        return Optimum.of(self.request, group, self.point(group), at_bound, scale)

    def interval(
        self,
        level: float = 0.95,
        of: str | Sequence[str] | None = None,
        *,
        kind: str | None = None,
        cluster: str | Sequence[str] | None = None,
        noise: str = "estimated",
    ) -> pl.DataFrame:
        """Return delta-method intervals: columns name, estimate, lower, upper.

        The half-width is a t quantile with n - p degrees of freedom (G - 1 with clusters) times the
        standard error of `cov(kind)`. What is positive wherever its parameters lie within their bounds has
        the interval of its logarithm; no end leaves the bounds. A parameter on a bound has NaN for ends,
        and the intervals of the others take it as fixed there.

        Parameters
        ----------
        level
            Confidence level, between 0 and 1: 0.95, not 95.
        of
            Formulas of parameters, such as "beta/(alpha+beta)"; the default is every parameter and
            every derived quantity.
        kind, cluster, noise
            As in `cov`. With noise="given" the quantile is the normal one.

        Raises
        ------
        ParameterError, DataError
            As `cov`; a curve through every row has no interval either.
        """
        require_usable_process()
        self.require_single("interval")
        formulas = named_formulas(self.law, self.request.names, of, self.request.minimum)
        ends = delta_ends(
            self.optimum(),
            formulas,
            level=checked_level(level),
            kind=kind,
            clusters=optional_clusters(self.request.table, cluster),
            noise=noise,
        )
        return interval_table(self.estimates, formulas, ends[None])

    def predict(
        self, frame: Any = None, interval: str | None = None, *, level: float = 0.95
    ) -> pl.DataFrame:
        """Return the law's columns with `prediction`, in the target's units, and `decades_beyond`.

        `decades_beyond` is the largest distance outside the fitted range of any column, in log10
        units; 0 inside. Grouped fits need the key columns too and return them; predictions of a group
        that did not converge, or was not fitted, are NaN.

        Parameters
        ----------
        frame
            Any frame with the columns of the law, under the names that the fit found them by; the
            fitted frame by default.
        interval
            None, or "confidence" (of the curve) or "prediction" (of a new run) for `lower` and `upper` by
            the delta method, on the scale of the residuals, or the logarithm where the law cannot be negative.
        level
            Confidence level, between 0 and 1.

        Raises
        ------
        ConvergenceError, ParameterError, DataError
            For a single fit that did not converge, whose `.interval` is refused, or new runs with `sigma=`.
        """
        require_usable_process()
        status = self.table[column_name("status", self.taken_names())]
        table = predicted(self.request, self.point, status, frame)
        if interval is None:
            return table
        optima, level = [self.optimum(group) for group in range(self.groups)], checked_level(level)
        usable = (status == "converged").to_list()
        return with_band(table, optima, usable, frame, interval=interval, level=level)

    def point(self, group: int) -> dict[str, float]:
        """Return parameter -> estimate of one group, by its number in the order of `.table`."""
        row = self.table.row(group, named=True)
        return {name: float(row[name]) for name in self.request.names}

    # -- showing --------------------------------------------------------------------------------

    def summary(self) -> str:
        """Return the fit as text: the split of the formula, estimates, status and findings."""
        lines = question_lines(self.request)
        if self.table.height == 1 and not self.request.table.keys.width:
            verdict = "global" if self.is_global else self.status
            lines.append(f"rows       {self.n}   objective {self.objective:.12g}   {verdict}")
            lines += estimate_lines(self.optimum(), self.derived)
            if not self.converged:
                lines.append(f"status     {status_sentence(self.status)}")
        else:
            lines += group_lines(self.table[column_name("status", self.taken_names())], self.n)
        return "\n".join([*lines, *format_findings(self.findings)])

    # -- saving ---------------------------------------------------------------------------------

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the fit with its question and its rows to one file that `scaling_fast.load` reads.

        Raises
        ------
        CheckpointError
            For an existing file without `force`, and for a path that cannot be written.
        """
        archive.write(path, self.kind, *self.archive_entry(), force=force)

    def archive_entry(self) -> tuple[archive.Entry, archive.Frames]:
        """Return the fit as an entry for JSON and tables for Arrow."""
        return entry_of(self._fields())

    @classmethod
    def from_archive_entry(
        cls, entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> Fit:
        """Return the fit that `archive_entry` wrote."""
        return cls(*fields_of(entry, frames))

    def _fields(self) -> FitFields:
        return FitFields(*(getattr(self, field.name) for field in fields(self)))
