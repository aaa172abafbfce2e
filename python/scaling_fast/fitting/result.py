"""What a fit is: a table of one row a group, and everything that can be asked of it afterwards."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError, quote, suggestion
from scaling_fast.findings import format_findings
from scaling_fast.fitting.delta_method import parameter_covariance
from scaling_fast.fitting.prediction import predicted
from scaling_fast.fitting.status import status_sentence
from scaling_fast.fitting.table import column_name
from scaling_fast.frames.clusters import cluster_columns, cluster_numbers
from scaling_fast.laws.quantities import formula_gradient, named_formulas
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.validation import checked_level, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.request import Request
    from scaling_fast.laws import Law
    from scaling_fast.losses.registry import Loss

__all__ = ["Certificate", "Fit"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The proof that a point is an optimum.

    Attributes
    ----------
    gradient
        Largest |J_j' psi| / (||J_j|| ||psi||) over free parameters; must be at most 1e-8.
    decrease
        Predicted decrease of the next step relative to the objective; at most 1e-14.
    multiplier
        Largest multiplier of a row on the kink of the loss relative to its legal interval; at most 1.
    """

    gradient: float
    decrease: float
    multiplier: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fit:
    """A law fitted to a frame.

    Attributes
    ----------
    request
        The question: law, rows, loss, residual.
    table
        One row a group: keys, parameters, derived quantities, objective, status, n, n_starts,
        agreement, gradient, condition, at_bound; and scale, where it is estimated with the law. A
        diagnostic whose name the law uses itself is
        called `fit_...`.
    findings
        What is worth knowing before the numbers are used.
    seed
        The seed of the starts.
    """

    request: Request
    table: pl.DataFrame
    findings: tuple[Finding, ...]
    _scale: float | None
    seed: int
    _certificates: NDArray[np.float64]
    _global: NDArray[np.bool_]

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

    # -- the answer of a single fit -------------------------------------------------------------

    def _single(self, wanted: str) -> dict[str, Any]:
        if self.table.height != 1 or self.request.table.keys.width:
            raise ParameterError(
                f"`{wanted}` belongs to one fit and this one has {self.table.height} groups; "
                "look at `.table`, one row a group; `scaling_fast.bootstrap` gives intervals of every group",
                code="grouped",
                param=wanted,
            )
        return self.table.row(0, named=True)

    def _diagnostic(self, name: str) -> Any:
        return self._single(name)[column_name(name, self._taken())]

    def _taken(self) -> list[str]:
        return [*self.request.table.keys.columns, *self.law.params, *self.law.derived]

    @property
    def params(self) -> Mapping[str, float]:
        """Parameter -> estimate, natural units, in the law's order."""
        row = self._single("params")
        return MappingProxyType({one: float(row[one]) for one in self.request.names})

    @property
    def derived(self) -> Mapping[str, float]:
        """Derived quantity -> its value."""
        row = self._single("derived")
        return MappingProxyType({one: float(row[one]) for one in self.law.derived})

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
            self._single("scale")
        return self._scale

    @property
    def status(self) -> str:
        """How the fit ended, in a word."""
        return str(self._diagnostic("status"))

    @property
    def converged(self) -> bool:
        """Whether the certificate holds."""
        return self.status == "converged"

    @property
    def is_global(self) -> bool:
        """Whether the certificate holds and enough starts agree: three, and a quarter of those tried."""
        self._single("is_global")
        return bool(self._global[0])

    @property
    def certificate(self) -> Certificate:
        """The numbers behind `converged`."""
        self._single("certificate")
        return Certificate(*(float(one) for one in self._certificates[0]))

    # -- questions ------------------------------------------------------------------------------

    def objective_at(self, params: Mapping[str, float]) -> float:
        """Return the objective at any point of natural parameters."""
        self._single("objective_at")
        return self.request.objective(0, self._complete(params))

    def residuals(self, params: Mapping[str, float] | None = None) -> NDArray[np.float64]:
        """Return fitted minus observed, in the caller's row order, shape (n,).

        Rows left out (weight 0, dropped nulls) are absent. Not divided by `sigma`.

        Parameters
        ----------
        params
            Another point than the fit's own; not for grouped fits.
        """
        table = self.request.table
        if params is not None:
            self._single("residuals")
        out = np.empty(table.rows)
        for group, point in enumerate(self._points(params)):
            rows = slice(int(table.offsets[group]), int(table.offsets[group + 1]))
            out[rows] = self.request.rows(group, point)[0]
        if table.sigma is not None:
            with np.errstate(all="ignore"):
                out *= table.sigma
        return out[np.argsort(table.order, kind="stable")]

    def jacobian(self, params: Mapping[str, float] | None = None) -> NDArray[np.float64]:
        """Return d residual / d natural parameter, shape (n, p), in the caller's row order."""
        self._single("jacobian")
        table = self.request.table
        _, _, _, jacobian = self.request.rows(0, self._complete(params or self.params))
        if table.sigma is not None:
            jacobian = jacobian * table.sigma[:, None]
        return jacobian[np.argsort(table.order, kind="stable")]

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
            of law and scale, and the "sandwich" is that of their joint scores. Near a kink (Absolute, Pinball, a
            Huber delta far inside the noise) neither is to be trusted: resample instead.
        cluster
            Column, or columns, whose equal values form a cluster; sandwich only.
        noise
            "estimated", or "given" when `sigma` is the noise itself (hessian only).

        Raises
        ------
        ParameterError
            For a loss with a kink, which has no curvature to invert, or an unknown kind.
        DataError
            When no degree of freedom is left.
        """
        require_usable_process()
        with np.errstate(all="ignore"):  # what overflows is shown as it is
            matrix = self._covariance(kind, cluster, noise)
        return pl.DataFrame(
            {"parameter": self.request.names}
            | {one: matrix[:, j] for j, one in enumerate(self.request.names)}
        )

    def _covariance(
        self, kind: str | None, cluster: str | Sequence[str] | None, noise: str
    ) -> NDArray[np.float64]:
        self._single("cov")
        free = [j for j, one in enumerate(self.request.names) if self._moves(one)]
        return parameter_covariance(
            self.request,
            self.params,
            free=free,
            scale=self.scale,
            kind=kind,
            clusters=None if cluster is None else self._clusters(cluster),
            noise=noise,
        )

    def _moves(self, name: str) -> bool:
        bound = self._single("at_bound")[column_name("at_bound", self._taken())]
        return self.law.params[name].fixed is None and name not in bound

    def _clusters(self, by: str | Sequence[str]) -> NDArray[np.uint32]:
        return cluster_numbers(self.request.table, cluster_columns(by, "cluster"))

    def interval(
        self,
        level: float = 0.95,
        of: str | Sequence[str] | None = None,
        *,
        kind: str | None = None,
        cluster: str | Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return delta-method intervals: columns name, estimate, lower, upper.

        The half-width is a t quantile with n - p degrees of freedom (G - 1 with clusters) times
        the standard error of `cov(kind)`. Under a loss that is nearly absolute (Huber with a delta
        far inside the noise, as 1e-3 is for published losses) that error is off by tens of per
        cent: use `scaling_fast.bootstrap(fit).interval()`. A parameter that ended on a bound has no
        such interval (its ends are NaN), and those of the others hold it there.

        Parameters
        ----------
        level
            Between 0 and 1: 0.95, not 95.
        of
            Formulas of parameters, such as "beta/(alpha+beta)"; the default is every parameter and
            every derived quantity.
        kind, cluster
            As in `cov`.
        """
        require_usable_process()
        from scipy.special import stdtrit

        self._single("interval")
        level = checked_level(level)
        with np.errstate(all="ignore"):
            matrix = self._covariance(kind, cluster, "estimated")
        freedom = float(self._weight_sum() - sum(self._moves(one) for one in self.request.names))
        if cluster is not None:
            freedom = float(self._clusters(cluster).max())
        factor = float(stdtrit(freedom, 0.5 + level / 2))
        names = self.request.names
        bound = [self.law.params[one].fixed is None and not self._moves(one) for one in names]
        rows = []
        for name, formula in named_formulas(self.law, self.request.names, of).items():
            value, slope = formula_gradient(formula, self.params)
            half = factor * math.sqrt(max(float(slope @ matrix @ slope), 0.0))
            if half == 0.0 and slope[bound].any():
                half = math.nan  # on a bound nothing is normal; a width of zero would be a claim
            rows.append((name, value, value - half, value + half))
        return pl.DataFrame(rows, schema=["name", "estimate", "lower", "upper"], orient="row")

    def _weight_sum(self) -> float:
        weights = self.request.table.weights
        return float(self.n if weights is None else weights.sum())

    def predict(self, frame: Any = None) -> pl.DataFrame:
        """Return the law's columns with `prediction`, in the target's units, and `decades_beyond`.

        `decades_beyond` is the largest distance outside the fitted range of any column, in log10
        units; 0 inside. Grouped fits want the key columns too and give them back.

        Parameters
        ----------
        frame
            Any frame with the law's columns under the names of the fit; the fitted frame by
            default.
        """
        require_usable_process()
        return predicted(self.request, self._point, frame)

    def _point(self, group: int) -> dict[str, float]:
        row = self.table.row(group, named=True)
        return {one: float(row[one]) for one in self.request.names}

    def _points(self, params: Mapping[str, float] | None) -> list[Mapping[str, float]]:
        if params is not None:
            return [self._complete(params)]
        return [self._point(group) for group in range(self.table.height)]

    def _complete(self, params: Mapping[str, float]) -> Mapping[str, float]:
        if not isinstance(params, Mapping):
            raise ParameterError(
                f"params must be a mapping of name to value, got {quote(params)}", code="params"
            )
        for one in params:
            if one not in self.law.params:
                raise ParameterError(
                    f"{quote(one)} is no parameter{suggestion(one, self.law.params, kind='parameters')}",
                    code="unknown_name",
                    param=one,
                )
        missing = [one for one in self.request.names if one not in params]
        if missing:
            raise ParameterError(
                f"parameter {quote(missing[0])} has no value; give all of {quote(self.request.names, 200)}",
                code="missing_parameter",
                param=missing[0],
            )
        return {
            one: number(params[one], one, f"parameter {quote(one)}") for one in self.request.names
        }

    # -- showing --------------------------------------------------------------------------------

    def summary(self) -> str:
        """Return the fit as text: the split of the formula, estimates, status and findings."""
        law, table = self.law, self.request.table
        lines = [
            f"law        {law.name or 'formula'}: {law.formula}",
            f"columns    {', '.join(law.columns or ())}",
            f"parameters {', '.join(law.params)}",
            f"target     {table.target_name}, {self._residual_words()}, {self.loss!r}",
        ]
        if self.table.height == 1 and not table.keys.width:
            verdict = (
                "global" if self.is_global else ("converged" if self.converged else self.status)
            )
            lines.append(f"rows       {self.n}   objective {self.objective:.12g}   {verdict}")
            if self.scale is not None:
                lines.append(f"scale      {self.scale:.8g}")
            lines += [f"  {one:<12} {value:.8g}" for one, value in self.params.items()]
            lines += [f"  {one:<12} {value:.8g}   (derived)" for one, value in self.derived.items()]
            if not self.converged:
                lines.append(f"status     {status_sentence(self.status)}")
        else:
            lines.append(f"groups     {self.table.height}   rows {self.n}")
            counts = self.table[column_name("status", self._taken())].value_counts(sort=True)
            lines += [f"  {word:<16} {count}" for word, count in counts.iter_rows()]
        lines += format_findings(self.findings)
        return "\n".join(lines)

    def _residual_words(self) -> str:
        residual = self.request.residual
        return f"{residual} residuals" if isinstance(residual, str) else f"{residual!r} residuals"

    def __repr__(self) -> str:
        return f"<Fit>\n{self.summary()}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the fit, its question and its rows to one file that `scaling_fast.load` reads back."""
        from scaling_fast.loading import save

        save(self, path, force=force)
