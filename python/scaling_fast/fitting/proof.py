"""Which optima are proven to be the best there are: looked for when asked, as a proof costs more than a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.runtime.resources import checked_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request

__all__ = ["Proof"]


class Proof:
    """What is proven of the fits of a table.

    Parameters
    ----------
    groups
        Whether the optimum of each group is proven, shape (groups,).
    """

    __slots__ = ("_groups", "_open")

    def __init__(self, groups: NDArray[np.bool_]) -> None:
        self._groups = groups
        self._open: tuple[Request, FitColumns, NDArray[np.bool_]] | None = None

    @classmethod
    def of(cls, request: Request, columns: FitColumns, is_global: NDArray[np.bool_]) -> Proof:
        """Return what the core proved while it fitted; of many groups the rest is proven when asked for."""
        proof = cls(columns.proven & is_global)
        if columns.proven.size > 1:
            proof._open = (request, columns, is_global)
        return proof

    @property
    def groups(self) -> NDArray[np.bool_]:
        """Whether the optimum of each group is proven to be the best one, shape (groups,)."""
        if self._open is not None:
            request, columns, is_global = self._open
            objective = np.where(is_global & ~self._groups, columns.objective, np.nan)
            found = request.question.prove(columns.params, objective, threads=checked_threads(None))
            self._groups, self._open = self._groups | found, None
        return self._groups
