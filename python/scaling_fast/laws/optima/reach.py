"""How far around its rows the optimum of a law is sought."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scaling_fast.errors import ParameterError, quote

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DECADES_ABOVE", "DECADES_BELOW", "DECADES_OF_RATIO", "Reach"]

Floats: TypeAlias = "NDArray[np.float64]"

DECADES_BELOW, DECADES_ABOVE = 4.0, 8.0
"""How far below the smallest and above the largest row of each column an optimum is sought."""

DECADES_OF_RATIO = 4.0
"""How far from the ratios of the rows. Beyond, laws say strange things: Farseer's law, fitted to runs of 1 to
1,000 tokens per parameter, has its least loss where a parameter sees a millionth of a token."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The sizes, amounts of data and ratios among which optima are sought, as natural logarithms.

    Attributes
    ----------
    size, data
        Lowest and highest value of each.
    ratio
        Lowest and highest size over data.
    """

    size: tuple[float, float]
    data: tuple[float, float]
    ratio: tuple[float, float]

    @classmethod
    def around(cls, size: Floats, data: Floats) -> Reach:
        """Return the reach around rows.

        Parameters
        ----------
        size, data
            The values of the rows, above zero, shape (rows,).

        Raises
        ------
        ParameterError
            For values that are not positive, which have no logarithm.

        Examples
        --------
        >>> reach = Reach.around(np.array([1e8, 1e9]), np.array([1e10, 1e10]))
        >>> [f"{math.exp(end):.0e}" for end in reach.size + reach.ratio]
        ['1e+04', '1e+17', '1e-06', '1e+03']
        """
        for values in (size, data):
            bad = ~((values > 0.0) & np.isfinite(values))
            if bad.any():
                held = quote(f"{values[bad][0]:g}")
                raise ParameterError(
                    f"an optimum needs sizes and data above zero, and the rows hold {held}; fit rows of "
                    "positive values",
                    code="not_positive",
                    param="fit",
                )
        u, v = np.log(size), np.log(data)
        return cls(
            _around(u, DECADES_BELOW, DECADES_ABOVE),
            _around(v, DECADES_BELOW, DECADES_ABOVE),
            _around(u - v, DECADES_OF_RATIO, DECADES_OF_RATIO),
        )

    def holds(self, ln_size: Floats, ln_data: Floats) -> NDArray[np.bool_]:
        """Return which runs are in reach; NaN is not."""
        inside = np.ones(np.shape(ln_size), dtype=bool)
        with np.errstate(invalid="ignore"):  # a size and data that are both infinite have no ratio
            ratio = ln_size - ln_data
        for values, (low, high) in (
            (ln_size, self.size),
            (ln_data, self.data),
            (ratio, self.ratio),
        ):
            inside &= (low <= values) & (values <= high)
        return inside


def _around(values: Floats, below: float, above: float) -> tuple[float, float]:
    ten = math.log(10.0)
    return float(values.min()) - below * ten, float(values.max()) + above * ten
