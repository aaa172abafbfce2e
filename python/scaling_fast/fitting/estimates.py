"""A question and its estimates: all that refits, standard errors and simulations need of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

__all__ = ["Estimates"]


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """The parameters of every group of a question.

    Attributes
    ----------
    request
        The question.
    params
        Natural parameters in the law's order, contiguous float64, shape (groups, parameters).
    """

    request: Request
    params: NDArray[np.float64]

    @property
    def groups(self) -> int:
        """The number of groups."""
        return len(self.params)

    @property
    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Parameter -> its estimates, shape (groups,)."""
        return {
            name: np.ascontiguousarray(self.params[:, place])
            for place, name in enumerate(self.request.names)
        }

    def point(self, group: int) -> dict[str, float]:
        """Return parameter -> estimate of one group, by its number."""
        return dict(zip(self.request.names, self.params[group].tolist(), strict=True))

    def of_group(self, group: int) -> Estimates:
        """Return the question and the estimates of one group, by its number, as those of a single fit."""
        return Estimates(self.request.of_group(group), self.params[group : group + 1])
