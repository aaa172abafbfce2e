"""What the core answers to a question: columns with one entry per group."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.fitting.status import status_code
from scaling_fast.fitting.table import AGREEMENT_NEEDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["FitColumns"]


@dataclass(frozen=True, slots=True, eq=False)
class FitColumns:
    """The columns of the table of fits, as the core gives them.

    Attributes
    ----------
    status
        Code of each group's status, uint8, shape (groups,).
    objective, scale
        The objective, and the scale of the residuals where it is estimated; shape (groups,).
    gradient, decrease, multiplier
        Scaled gradient, predicted decrease and multiplier of the certificate, shape (groups,).
    condition
        Condition number of the scaled J'J, 1 or more, shape (groups,).
    n, n_starts, agreement, evaluations
        Numbers of rows, starts, starts that agree with the best one, and evaluations of the law;
        int64, shape (groups,).
    doubtful, exhaustive, proven
        Whether agreement of starts proves nothing, whether every valley was searched, and whether no
        better optimum exists; shape (groups,).
    params
        Natural parameters, shape (groups, parameters).
    at_bound, unidentified, level
        For each parameter whether it ended on a bound, is not determined by the rows, or moves
        along a direction in which the loss stays the same; shape (groups, parameters).
    runs_off
        For each parameter where it runs off to when the optimum lies at infinity: 0 nowhere, 1 to
        infinity, 2 to minus infinity, 3 to zero; uint8, shape (groups, parameters).
    level_lower, level_upper
        Least and largest value of each parameter among the best points, where they are many: its
        value where it does not move, infinite where it has no end, NaN where there is one best
        point; shape (groups, parameters).
    """

    status: NDArray[np.uint8]
    objective: NDArray[np.float64]
    scale: NDArray[np.float64]
    gradient: NDArray[np.float64]
    decrease: NDArray[np.float64]
    multiplier: NDArray[np.float64]
    condition: NDArray[np.float64]
    n: NDArray[np.int64]
    n_starts: NDArray[np.int64]
    agreement: NDArray[np.int64]
    doubtful: NDArray[np.bool_]
    exhaustive: NDArray[np.bool_]
    proven: NDArray[np.bool_]
    evaluations: NDArray[np.int64]
    params: NDArray[np.float64]
    at_bound: NDArray[np.bool_]
    unidentified: NDArray[np.bool_]
    level: NDArray[np.bool_]
    runs_off: NDArray[np.uint8]
    level_lower: NDArray[np.float64]
    level_upper: NDArray[np.float64]

    @property
    def groups(self) -> int:
        """The number of groups."""
        return len(self.status)

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Whether the certificate of each group holds, shape (groups,)."""
        return np.asarray(self.status == status_code("converged"))

    @property
    def certificates(self) -> NDArray[np.float64]:
        """Gradient, decrease and multiplier side by side, shape (groups, 3)."""
        return np.column_stack([self.gradient, self.decrease, self.multiplier])

    def is_global(self, *, searched: bool) -> NDArray[np.bool_]:
        """Return for each group whether its optimum may be called global.

        It is proven, or enough starts agree, or every valley was searched; and the certificate holds.

        Parameters
        ----------
        searched
            Whether more than one start was tried.
        """
        agreed = (self.agreement >= AGREEMENT_NEEDED) & searched & ~self.doubtful
        return (self.proven | agreed | self.exhaustive) & self.converged

    def of_group(self, group: int) -> FitColumns:
        """Return the columns of one group, by its number, as those of a single fit."""
        place = slice(group, group + 1)
        return FitColumns(*(np.ascontiguousarray(values[place]) for values in self._arrays()))

    def to_frame(self) -> pl.DataFrame:
        """Return the columns as a table for Arrow, one row per group; a matrix is one column per parameter."""
        table = {}
        for field, values in zip(fields(self), self._arrays(), strict=True):
            if values.ndim == 1:
                table[field.name] = values
            else:
                table |= {f"{field.name}:{j}": values[:, j] for j in range(values.shape[1])}
        return pl.DataFrame(table)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> FitColumns:
        """Return the columns that `to_frame` wrote."""
        arrays = []
        for field in fields(cls):
            parts = [name for name in frame.columns if name.startswith(f"{field.name}:")]
            if parts:
                arrays.append(np.column_stack([frame[name].to_numpy() for name in parts]))
            else:
                arrays.append(frame[field.name].to_numpy())
        return cls(*arrays)

    def _arrays(self) -> list[NDArray[np.generic]]:
        return [getattr(self, field.name) for field in fields(self)]

    def flagged(self, flags: NDArray[np.bool_], names: Sequence[str]) -> list[str]:
        """Return the names of the first group's parameters that carry a flag."""
        return [name for name, on in zip(names, flags[0], strict=True) if on]
