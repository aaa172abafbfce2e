"""The inputs of a law by their roles: one input, or a size and an amount of data, whose product is compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.comparison.families import Points
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.laws.optima.roles import size_and_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

__all__ = ["Inputs", "inputs_of"]

FLOP_PER_TOKEN = 6.0
"""FLOP per parameter and token: 2 forward and 4 backward (Kaplan et al. 2020)."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The columns of a law of one or two inputs.

    Attributes
    ----------
    names
        The only column; or the column of sizes and the column of data.
    """

    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """1 or 2."""
        return len(self.names)

    def points(self, columns: Mapping[str, NDArray[np.float64]]) -> Points:
        """Return the logarithms of the inputs.

        Raises
        ------
        DataError
            For inputs that are not positive.
        """
        for name in self.names:
            values = np.asarray(columns[name], dtype=np.float64)
            if not (values > 0.0).all() or not np.isfinite(values).all():
                wrong = float(values[np.flatnonzero(~((values > 0.0) & np.isfinite(values)))[0]])
                raise DataError(
                    f"column {quote(name)} holds {wrong:g}, and distances are counted in decades, which needs "
                    "positive, finite inputs",
                    code="not_positive",
                    column=name,
                )
        logs = [np.log(np.asarray(columns[name], dtype=np.float64)) for name in self.names]
        return Points(logs[0], logs[-1])

    def decades(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return log10 of the scale of some points: the only input, or 6 N D; shape (points,)."""
        at = self.points(columns)
        if self.count == 1:
            return np.asarray(at.size / np.log(10.0))
        return np.asarray((at.size + at.data + np.log(FLOP_PER_TOKEN)) / np.log(10.0))

    def scales(
        self,
        columns: Mapping[str, NDArray[np.float64]],
        targets: Mapping[str, NDArray[np.float64]],
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return log10 of each scale at the rows and at the targets: the only input; or N, D and N D."""
        rows, at = self.points(columns), self.points(targets)
        scales = [(rows.size, at.size)]
        if self.count == 2:
            scales += [(rows.data, at.data), (rows.size + rows.data, at.size + at.data)]
        return [(own / np.log(10.0), there / np.log(10.0)) for own, there in scales]

    def outside(
        self,
        columns: Mapping[str, NDArray[np.float64]],
        targets: Mapping[str, NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Return how far each target lies outside the rows on any scale; inside, below the largest, negative.

        Parameters
        ----------
        columns, targets
            The inputs at the rows and at the targets.
        """
        scales = self.scales(columns, targets)
        outside = np.max(
            [np.maximum(there - own.max(), own.min() - there) for own, there in scales], axis=0
        )
        own, there = scales[-1]
        return np.asarray(np.where(outside > 0.0, outside, np.minimum(there - own.max(), 0.0)))


def inputs_of(request: Request) -> Inputs:
    """Return the inputs of a law.

    Raises
    ------
    ParameterError
        For a law of three inputs or more, and for two inputs that are not a size and an amount of data.
    """
    names = tuple(request.law.columns or ())
    if len(names) == 1:
        return Inputs(names)
    if len(names) > 2:
        raise ParameterError(
            f"the law has the inputs {quote(list(names), 200)}, and forecasts are judged along one input, or along "
            "compute of a size and an amount of data; fit a law of one or two inputs",
            code="inputs",
            param="fit",
        )
    try:
        return Inputs(size_and_data(request.law, request.table.sources))
    except ParameterError as error:
        raise ParameterError(
            f"forecasts are judged along one input, or along compute of a size and an amount of data, and "
            f"{quote(list(names), 200)} are not known to be these; call them N and D in the formula, and give "
            'columns={"N": ..., "D": ...}',
            code="inputs",
            param="fit",
        ) from error
