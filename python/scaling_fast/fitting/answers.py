"""The answers of a fit: a table of one row per group, and the numbers of a single one by name."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import ParameterError
from scaling_fast.findings import SummaryRepr
from scaling_fast.fitting.certificate import Certificate
from scaling_fast.fitting.estimates import Estimates
from scaling_fast.fitting.table import column_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.assembly import Search
    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.proof import Proof
    from scaling_fast.fitting.request import Request
    from scaling_fast.laws import Law
    from scaling_fast.losses.registry import Loss

__all__ = ["FitAnswers"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FitAnswers(SummaryRepr):
    """What a fit found.

    Attributes
    ----------
    request
        The question: law, rows, loss and residual.
    table
        One row per group: keys, parameters, derived quantities, objective, status, n, n_starts,
        agreement, gradient, condition, at_bound, is_global after the status, the codes of the findings
        at the end; and scale, where it is estimated with the law. A diagnostic whose name the law uses
        itself is called `fit_...`.
    findings
        What is worth knowing before the numbers are used. Those of groups hold in their evidence the
        keys of the first ten `groups` they concern, and the `count` of all.
    measured_scale
        The scale of the residuals where it was estimated or measured, else None.
    seed
        The seed given to `fit`.
    answer
        What the core answered: columns with one entry per group.
    search
        "auto", "starts" for several starts of the caller, or "local" for a single one.
    global_groups, proof
        Whether the optimum of each group is called global, (groups,), and which of them are proven.
    """

    request: Request
    table: pl.DataFrame
    findings: tuple[Finding, ...]
    measured_scale: float | None
    seed: int
    answer: FitColumns
    search: Search
    global_groups: NDArray[np.bool_]
    proof: Proof

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
                "look at `.table`, one row per group, or at `.select(...)`, the fit of one group; "
                "`scaling_fast.bootstrap` gives intervals of every group",
                code="grouped",
                param=wanted,
            )
        return self.table.row(0, named=True)

    def _diagnostic(self, name: str) -> Any:
        return self.require_single(name)[column_name(name, self.taken_names())]

    def taken_names(self) -> list[str]:
        """Return the names that keys, parameters and derived quantities take in the table."""
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
        return Certificate.of(
            self.answer.certificates[0], self.global_groups[0], self.proof.groups[0]
        )

    def is_free(self, name: str) -> bool:
        """Return whether a parameter of a single fit moved: it is not fixed and did not end on a bound."""
        bound = self.require_single("at_bound")[column_name("at_bound", self.taken_names())]
        return self.law.params[name].fixed is None and name not in bound

    @property
    def free_parameters(self) -> int:
        """The number of parameters of a single fit that moved."""
        return sum(self.is_free(name) for name in self.request.names)
