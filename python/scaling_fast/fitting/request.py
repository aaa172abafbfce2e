"""A frozen question to the core, and the only module that asks it to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from scaling_fast._core import Program, Question
from scaling_fast.errors import ParameterError, quote, suggestion
from scaling_fast.fitting.columns import FitColumns
from scaling_fast.fitting.correlated import whitened
from scaling_fast.frames import Table
from scaling_fast.laws import Law
from scaling_fast.laws.optima.cost import DEFAULT_COST
from scaling_fast.laws.optima.minimum import ConstrainedMinimum
from scaling_fast.losses.registry import loss_from_spec
from scaling_fast.losses.residual import (
    LogExcess,
    is_likelihood,
    residual_entry,
    residual_from_entry,
    residual_word,
)
from scaling_fast.validation import number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from scaling_fast.losses.registry import Loss
    from scaling_fast.runtime.archive import Entry, Frames

__all__ = ["Message", "Request", "RowValues"]

Message: TypeAlias = "tuple[dict[str, Any], dict[str, NDArray[Any]]]"
"""What another process can read: a header that fits into JSON, and arrays by name."""


class RowValues(NamedTuple):
    """Residual, loss derivatives and Jacobian of the rows of one group at a point.

    Attributes
    ----------
    residual, psi, curvature
        Residual over sigma, psi and psi' of the loss there; shape (rows,).
    jacobian
        Derivatives of the residual by the natural parameters, shape (rows, parameters).
    """

    residual: NDArray[np.float64]
    psi: NDArray[np.float64]
    curvature: NDArray[np.float64]
    jacobian: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One question: a bound law, its rows, a loss and the scale of its residuals.

    Attributes
    ----------
    law
        The law with its columns bound and every override of a parameter applied.
    table
        The rows, sorted by group.
    loss
        The loss whose constants are those of the fit (a `scale="mad"` already resolved).
    residual
        "raw", "log", "logit" or a `LogExcess`.
    columns
        Column of the law -> where the caller said it comes from: a name or an expression.
    covariance
        Of the errors of the rows, in the order of the table, shape (rows, rows); None for independent ones.
    """

    law: Law
    table: Table
    loss: Loss
    residual: str | LogExcess
    columns: Mapping[str, Any] = field(default_factory=dict, repr=False)
    covariance: NDArray[np.float64] | None = field(default=None, repr=False)
    program: Program = field(init=False, repr=False)
    question: Question = field(init=False, repr=False)

    def __post_init__(self) -> None:
        program = Program(self.law.formula, list(self.law.columns or ()))
        object.__setattr__(self, "program", program)
        object.__setattr__(self, "question", self.from_message(*self.to_message()))

    def to_message(self) -> Message:
        """Return the question of the core as a header and arrays, which another process can read."""
        program, table = self.program, self.table
        target = table.target
        if program.target is not None:
            target = np.asarray(program.transform_target(target))
        header = {
            "formula": self.law.formula,
            "columns": list(self.law.columns or ()),
            "params": [self._spec(name) for name in program.params],
            "loss": self._criterion(),
            "residual": residual_word(self.residual),
            "offset": self._offset(program.params),
        }
        arrays: dict[str, NDArray[Any]] = {
            f"x:{name}": table.arrays[name] for name in program.columns
        }
        arrays |= {"target": target, "offsets": table.offsets}
        if self.covariance is not None:
            white = whitened(self.law.formula, program, table, self.residual, self.covariance)
            own = {"formula": white.formula, "columns": list(white.columns), "residual": "raw"}
            named = {f"x:{name}": values for name, values in white.columns.items()}
            return header | own, named | {"target": white.target, "offsets": table.offsets}
        optional = {"weights": table.weights, "sigma": table.sigma}
        return header, arrays | {
            name: values for name, values in optional.items() if values is not None
        }

    @staticmethod
    def from_message(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Question:
        """Return the question of the core that `to_message` wrote down."""
        program = Program(header["formula"], header["columns"])
        return Question(
            program,
            [arrays[f"x:{name}"] for name in program.columns],
            arrays["target"],
            weights=arrays.get("weights"),
            sigma=arrays.get("sigma"),
            offsets=arrays["offsets"],
            params=[tuple(spec) for spec in header["params"]],
            loss=tuple(header["loss"]),
            residual=header["residual"],
            offset=None if header["offset"] is None else tuple(header["offset"]),
        )

    def archive_entry(self) -> tuple[Entry, Frames]:
        """Return the question as an entry for JSON and tables for Arrow."""
        entry, frames = self.table.archive_entry()
        own = {
            "law": self.law.to_dict(),
            "loss": list(self.loss.spec()),
            "residual": residual_entry(self.residual),
        }
        if self.covariance is not None:
            labels = [f"c{place}" for place in range(len(self.covariance))]
            frames |= {"covariance": pl.DataFrame(self.covariance, schema=labels)}
        return own | entry, frames

    @classmethod
    def from_archive_entry(
        cls, entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
    ) -> Request:
        """Return the question that `archive_entry` wrote."""
        return cls(
            Law.from_dict(entry["law"]),
            Table.from_archive_entry(entry, frames),
            loss_from_spec(*entry["loss"]),
            residual_from_entry(entry["residual"]),
            covariance=frames["covariance"].to_numpy() if "covariance" in frames else None,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        given = (self.law, self.table, self.loss, self.residual, dict(self.columns))
        return (Request, (*given, self.covariance))

    @property
    def is_likelihood(self) -> bool:
        """Whether the objective is a negative log-likelihood, its scale estimated with the law."""
        return is_likelihood(self.loss.name, self.residual)

    def _criterion(self) -> tuple[str, float]:
        # Least squares of a target that a parameter transforms is a normal likelihood.
        if self.is_likelihood and self.loss.name == "squared":
            return ("normal", 0.0)
        return self.loss.spec()

    def _offset(self, names: Sequence[str]) -> tuple[int, bool] | None:
        if not isinstance(self.residual, LogExcess):
            return None
        return list(names).index(self.residual.param), self.residual.jacobian

    def _spec(self, name: str) -> tuple[float | None, float, float, float | None]:
        param = self.law.params[name]
        return (param.start, param.lower, param.upper, param.fixed)

    @property
    def names(self) -> list[str]:
        """The parameters in the law's order."""
        return list(self.program.params)

    @property
    def free(self) -> list[str]:
        """The parameters that are not fixed, in the law's order."""
        return [name for name in self.names if self.law.params[name].fixed is None]

    def minimum(self, cost: str = DEFAULT_COST) -> ConstrainedMinimum:
        """Return the law with a cost, to ask for the best split of a budget; the rows say how far is searched.

        Raises
        ------
        ParameterError, FormulaError
            For a law without a size and data, or a cost that does not increase with both.
        """
        table = self.table
        return ConstrainedMinimum.of(self.law, table.arrays, sources=table.sources, cost=cost)

    def of_group(self, group: int) -> Request:
        """Return the question that the rows of one group ask, by its number, as that of a single fit."""
        rows = self.table.of_group(group)
        return Request(self.law, rows, self.loss, self.residual, dict(self.columns))

    def fit(
        self,
        starts: int | NDArray[np.float64] | None,
        *,
        threads: int,
        progress: Callable[[int, int], object] | None = None,
    ) -> tuple[FitColumns, bool]:
        """Return the columns of the table of fits, one entry per group, and whether Ctrl-C ended it."""
        columns, interrupted = self.question.fit(starts, threads=threads, progress=progress)
        return FitColumns(**columns), interrupted

    def counts(self, group: int) -> NDArray[np.float64]:
        """Return how often each row of one group counts: its weight, or 1; shape (rows,)."""
        table = self.table
        rows = slice(int(table.offsets[group]), int(table.offsets[group + 1]))
        if table.weights is None:
            return np.ones(rows.stop - rows.start)
        return np.ascontiguousarray(table.weights[rows])

    def rows(self, group: int, params: Mapping[str, float]) -> RowValues:
        """Return residual, psi, psi' and Jacobian of one group at a point."""
        return RowValues(*self.question.rows(group, [float(params[name]) for name in self.names]))

    def residuals(self, points: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
        """Return fitted minus observed in the caller's row order, not divided by sigma, shape (rows,).

        Parameters
        ----------
        points
            Parameter -> value for each group, in order.
        """
        table = self.table
        out = np.concatenate(
            [self.undivided(group, point)[0] for group, point in enumerate(points)]
        )
        return out[np.argsort(table.order, kind="stable")]

    def jacobian(self, params: Mapping[str, float]) -> NDArray[np.float64]:
        """Return d residual / d parameter of a single fit in the caller's row order, not divided by sigma."""
        jacobian = self.undivided(0, params)[1]
        return jacobian[np.argsort(self.table.order, kind="stable")]

    def undivided(
        self, group: int, params: Mapping[str, float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return residuals and their Jacobian of one group, not divided by sigma, in the table's order."""
        table, values = self.table, self.rows(group, params)
        residual, jacobian = values.residual, values.jacobian
        if self.covariance is not None:
            factor = np.linalg.cholesky(self.covariance)
            return np.asarray(factor @ residual), np.asarray(factor @ jacobian)
        if table.sigma is not None:
            sigma = table.sigma[table.offsets[group] : table.offsets[group + 1]]
            with np.errstate(all="ignore"):
                return residual * sigma, jacobian * sigma[:, None]
        return residual, jacobian

    def objective(self, group: int, params: Mapping[str, float]) -> float:
        """Return the objective of one group at a point."""
        return float(self.question.objective(group, [float(params[name]) for name in self.names]))

    def complete(self, params: object) -> dict[str, float]:
        """Return a point given by the caller, every parameter in the law's order.

        Raises
        ------
        ParameterError
            For a name that is not a parameter, a parameter without a value, or a value that is not
            a number.
        """
        if not isinstance(params, Mapping):
            raise ParameterError(
                f"params must be a mapping of name to value, got {quote(params)}", code="params"
            )
        for name in params:
            if name not in self.law.params:
                raise ParameterError(
                    f"{quote(name)} is not a parameter{suggestion(name, self.law.params, kind='parameters')}",
                    code="unknown_name",
                    param=name,
                )
        missing = [name for name in self.names if name not in params]
        if missing:
            raise ParameterError(
                f"parameter {quote(missing[0])} has no value; give all of {quote(self.names, 200)}",
                code="missing_parameter",
                param=missing[0],
            )
        return {name: number(params[name], name, f"parameter {quote(name)}") for name in self.names}
