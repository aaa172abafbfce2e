"""A fit: a table of one row per group, and what can be computed from it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scaling_fast.errors import ParameterError
from scaling_fast.findings import SummaryRepr, format_findings
from scaling_fast.fitting.archived import ArchivedFit
from scaling_fast.fitting.certificate import Certificate
from scaling_fast.fitting.delta_method import Optimum, delta_ends, parameter_covariance
from scaling_fast.fitting.estimates import Estimates
from scaling_fast.fitting.interval_table import interval_table
from scaling_fast.fitting.prediction import predicted
from scaling_fast.fitting.prediction_band import with_band
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

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.proof import Proof
    from scaling_fast.fitting.request import Request
    from scaling_fast.laws import Law
    from scaling_fast.losses.registry import Loss

__all__ = ["Fit"]


@methods_ask_first(
    "objective_at", "residuals", "jacobian", "cov", "interval", "predict", "summary", "save"
)
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fit(SummaryRepr):
    """A law fitted to a frame.

    Attributes
    ----------
    request
        The question: law, rows, loss and residual.
    table
        One row per group: keys, parameters, derived quantities, objective, status, n, n_starts,
        agreement, gradient, condition, at_bound; and scale, where it is estimated with the law. A
        diagnostic whose name the law uses itself is called `fit_...`.
    findings
        What is worth knowing before the numbers are used.
    measured_scale
        The scale of the residuals where it was estimated or measured, else None.
    seed
        The seed given to `fit`.
    certificates
        Gradient, decrease and multiplier of each group's certificate, shape (groups, 3).
    global_groups, proof
        Whether the optimum of each group is called global, (groups,), and which of them are proven.
    """

    request: Request
    table: pl.DataFrame
    findings: tuple[Finding, ...]
    measured_scale: float | None
    seed: int
    certificates: NDArray[np.float64]
    global_groups: NDArray[np.bool_]
    proof: Proof

    kind: ClassVar[str] = "fit"

    # -- the question ---------------------------------------------------------------------------

    @property
    def law(self) -> Law:
        """The law with its columns bound."""
        return self.request.law

    @property
    def loss(self) -> Loss:
        """The loss with the constants it was fitted with."""
        return self.request.loss

    @property
    def n(self) -> int:
        """The number of rows that count."""
        return self.request.table.rows

    @property
    def groups(self) -> int:
        """The number of groups."""
        return self.table.height

    @property
    def estimates(self) -> Estimates:
        """The question and the parameters of every group, from which refits begin."""
        columns = [self.table[name].to_numpy() for name in self.request.names]
        return Estimates(
            self.request, np.ascontiguousarray(np.column_stack(columns), dtype=np.float64)
        )

    # -- the answer of a single fit -------------------------------------------------------------

    def require_single(self, wanted: str) -> dict[str, Any]:
        """Return the row of a single fit.

        Raises
        ------
        ParameterError
            For a grouped fit; the message names `wanted`.
        """
        if self.table.height != 1 or self.request.table.keys.width:
            raise ParameterError(
                f"`{wanted}` works for a single fit, not for groups (here {self.table.height}); "
                "look at `.table`, one row per group; `scaling_fast.bootstrap` gives intervals of every group",
                code="grouped",
                param=wanted,
            )
        return self.table.row(0, named=True)

    def _diagnostic(self, name: str) -> Any:
        return self.require_single(name)[column_name(name, self._taken())]

    def _taken(self) -> list[str]:
        return [*self.request.table.keys.columns, *self.law.params, *self.law.derived]

    @property
    def params(self) -> Mapping[str, float]:
        """Parameter -> estimate, natural units, in the law's order."""
        row = self.require_single("params")
        return MappingProxyType({name: float(row[name]) for name in self.request.names})

    @property
    def derived(self) -> Mapping[str, float]:
        """Derived quantity -> its value."""
        row = self.require_single("derived")
        return MappingProxyType({name: float(row[name]) for name in self.law.derived})

    @property
    def objective(self) -> float:
        """The sum over rows of weight x rho(residual / sigma), or the negative log-likelihood.

        Under `ScaledHuber` and `StudentT` it is the sum of w (-ln p(r/(sigma s)) + ln s), constants
        included; under `LogExcess(jacobian=True)` the sum of w ln(y - E) is added, and with
        `Squared` the rest is n/2 ln(RSS) without constants.
        """
        return float(self._diagnostic("objective"))

    @property
    def scale(self) -> float | None:
        """The scale of the residuals where it was estimated (or measured, by `scale="mad"`), else None."""
        if self.request.is_likelihood:
            self.require_single("scale")
        return self.measured_scale

    @property
    def status(self) -> str:
        """How the fit ended, in one word."""
        return str(self._diagnostic("status"))

    @property
    def converged(self) -> bool:
        """Whether the certificate holds."""
        return self.status == "converged"

    @property
    def is_global(self) -> bool:
        """Whether the optimum is proven to be the best, agreed on by enough starts, or every valley was seen."""
        self.require_single("is_global")
        return bool(self.global_groups[0])

    @property
    def certificate(self) -> Certificate:
        """What stands behind `converged` and `is_global`."""
        self.require_single("certificate")
        return Certificate.of(self.certificates[0], self.global_groups[0], self.proof.groups[0])

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
        row, scale = self.table.row(group, named=True), self.measured_scale
        if self.request.is_likelihood:
            scale = float(row[column_name("scale", self._taken())])
        bound = row[column_name("at_bound", self._taken())]
        at_bound = [name in bound for name in self.request.names]
        return Optimum.of(self.request, group, self.point(group), at_bound, scale)

    def is_free(self, name: str) -> bool:
        """Return whether a parameter of a single fit moved: it is not fixed and did not end on a bound."""
        self.require_single("is_free")
        return self.request.names.index(name) in self.optimum().free

    @property
    def free_parameters(self) -> int:
        """The number of parameters of a single fit that moved."""
        return len(self.optimum().free)

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
        formulas = named_formulas(self.law, self.request.names, of)
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
        status = self.table[column_name("status", self._taken())]
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
            lines += group_lines(self.table[column_name("status", self._taken())], self.n)
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
        return ArchivedFit(*(getattr(self, field.name) for field in fields(self))).archive_entry()

    @classmethod
    def from_archive_entry(
        cls, entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> Fit:
        """Return the fit that `archive_entry` wrote."""
        return cls(*ArchivedFit.from_archive_entry(entry, frames))
