"""A frozen question to the core, and the only caller of its runner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Program, Question
from scaling_fast.losses.residual import LogExcess, is_likelihood, residual_word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast._core import Resampling
    from scaling_fast.frames import Table
    from scaling_fast.laws import Law
    from scaling_fast.losses.registry import Loss

__all__ = ["Request"]

Progress = "Callable[[int, int], object] | None"


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One question: a bound law, its rows, a loss and the scale of its residuals.

    Attributes
    ----------
    law
        With its columns bound and every override of a parameter applied.
    table
        The rows, sorted by group.
    loss
        The loss whose constants are those of the fit (a `scale="mad"` already resolved).
    residual
        "raw", "log", "logit" or a `LogExcess`.
    columns
        Where the law's columns came from, as the caller said it: names or expressions.
    """

    law: Law
    table: Table
    loss: Loss
    residual: str | LogExcess
    columns: Mapping[str, Any] = field(default_factory=dict, repr=False)
    program: Any = field(init=False, repr=False)
    question: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        program = Program(self.law.formula, list(self.law.columns or ()))
        object.__setattr__(self, "program", program)
        object.__setattr__(self, "question", self.heard(*self.spoken()))

    def spoken(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the question of the core as words and arrays, which another process can hear."""
        program, table = self.program, self.table
        target = table.target
        if program.target is not None:
            target = np.asarray(program.transform_target(target))
        words = {
            "formula": self.law.formula,
            "columns": list(self.law.columns or ()),
            "params": [self._spec(one) for one in program.params],
            "loss": self._criterion(),
            "residual": residual_word(self.residual),
            "offset": self._offset(program.params),
        }
        arrays: dict[str, NDArray[Any]] = {f"x:{one}": table.arrays[one] for one in program.columns}
        arrays |= {"target": target, "offsets": table.offsets}
        rest = {"weights": table.weights, "sigma": table.sigma}
        return words, arrays | {one: held for one, held in rest.items() if held is not None}

    @staticmethod
    def heard(words: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Any:
        """Return the question of the core that `spoken` wrote down."""
        program = Program(words["formula"], words["columns"])
        return Question(
            program,
            [arrays[f"x:{one}"] for one in program.columns],
            arrays["target"],
            weights=arrays.get("weights"),
            sigma=arrays.get("sigma"),
            offsets=arrays["offsets"],
            params=[tuple(one) for one in words["params"]],
            loss=tuple(words["loss"]),
            residual=words["residual"],
            offset=None if words["offset"] is None else tuple(words["offset"]),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (Request, (self.law, self.table, self.loss, self.residual, dict(self.columns)))

    @property
    def is_likelihood(self) -> bool:
        """Whether the objective is a negative log-likelihood, its scale estimated with the law."""
        return is_likelihood(self.loss.name, self.residual)

    def _criterion(self) -> tuple[str, float]:
        # Least squares whose target is transformed by a parameter is a normal likelihood.
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

    def fit(
        self,
        starts: int | NDArray[np.float64] | None,
        *,
        threads: int,
        progress: Any = None,
    ) -> tuple[dict[str, NDArray[Any]], bool]:
        """Return the columns of the table of fits, one row a group, and whether Ctrl-C ended it."""
        table, interrupted = self.question.fit(starts, threads=threads, progress=progress)
        return dict(table), interrupted

    def resample(
        self,
        params: NDArray[np.float64],
        resampling: Resampling,
        *,
        threads: int,
        progress: Any = None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], Sequence[NDArray[np.float64]], bool]:
        """Return status codes, objectives, one array per parameter, and whether Ctrl-C ended it."""
        answer: tuple[
            NDArray[np.uint8], NDArray[np.float64], Sequence[NDArray[np.float64]], bool
        ] = self.question.resample(params, resampling, threads=threads, progress=progress)
        return answer

    def rows(
        self, group: int, params: Mapping[str, float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return residual, psi, psi' and Jacobian (rows x parameters) of one group at a point."""
        answer: tuple[
            NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]
        ] = self.question.rows(group, [float(params[one]) for one in self.names])
        return answer

    def objective(self, group: int, params: Mapping[str, float]) -> float:
        """Return the objective of one group at a point."""
        return float(self.question.objective(group, [float(params[one]) for one in self.names]))
