"""Which optima are proven to be the best there are: looked for when asked, as a proof costs more than a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
        self._open: _Open | None = None

    @classmethod
    def of(
        cls,
        request: Request,
        columns: FitColumns,
        is_global: NDArray[np.bool_],
        threads: int | None = None,
    ) -> Proof:
        """Return what the core proved while it fitted; of many groups the rest is proven when asked for.

        Parameters
        ----------
        request, columns
            The question, and what the core answered.
        is_global
            Whether the optimum of each group is called global, shape (groups,): only these are proven.
        threads
            Number of threads that prove later, from 1 to 1024; None for those of this process.
        """
        proof = cls(columns.proven & is_global)
        if columns.proven.size > 1:
            proof._open = _Open(request, columns, is_global, threads)
        return proof

    @property
    def groups(self) -> NDArray[np.bool_]:
        """Whether the optimum of each group is proven to be the best one, shape (groups,)."""
        if self._open is not None:
            request, columns, is_global, threads = self._open
            objective = np.where(is_global & ~self._groups, columns.objective, np.nan)
            found = request.question.prove(
                columns.params, objective, threads=checked_threads(threads)
            )
            self._groups, self._open = self._groups | found, None
        return self._groups

    def of_group(self, group: int, request: Request, columns: FitColumns) -> Proof:
        """Return what is proven of one group; what is not yet looked for is looked for of it alone.

        Parameters
        ----------
        group
            Number of the group, from 0.
        request, columns
            The question of this group, and what the core answered.
        """
        place = slice(group, group + 1)
        proof = Proof(self._groups[place])
        if self._open is not None:
            proof._open = _Open(request, columns, self._open.is_global[place], self._open.threads)
        return proof


class _Open(NamedTuple):
    """What is needed to look for proofs that nobody has asked for yet."""

    request: Request
    columns: FitColumns
    is_global: NDArray[np.bool_]
    threads: int | None
