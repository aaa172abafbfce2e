"""Power laws by weighted least squares on logarithms: one line, or the lines of all replicates at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import DataError, quote
from scaling_fast.frames import read, require
from scaling_fast.laws.quantities import exp
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import number_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEWEST_POINTS", "PowerLine", "fit_lines", "fitted_line", "power_line"]

FEWEST_POINTS = 2
"""Points that determine a line."""


@dataclass(frozen=True, slots=True)
class PowerLine:
    """The power law y = exp(ln_scale) x^exponent through points.

    Attributes
    ----------
    exponent, ln_scale
        Slope and intercept of ln y on ln x.
    exponent_error, ln_scale_error
        Their standard errors, with the scatter estimated on n - 2 degrees of freedom; NaN for two
        points.
    points
        The number of points.
    r2
        The share of the weighted variance of ln y that the line explains.
    """

    exponent: float
    ln_scale: float
    exponent_error: float
    ln_scale_error: float
    points: int
    r2: float

    def at(self, x: float) -> float:
        """Return y at one positive x."""
        return exp(self.ln_scale + self.exponent * math.log(number_between(x, "x")))


@ask_first
def power_line(frame: Any, *, x: str, y: str, weights: Any = None) -> PowerLine:
    """Return the power law through points, by least squares on logarithms.

    Parameters
    ----------
    frame
        Any frame with the two columns, both positive.
    x, y
        Its columns: y is explained by x.
    weights
        Column or array of the weight of each point, not negative, such as 1/sd(ln y)^2.

    Raises
    ------
    DataError
        For values without a logarithm, or fewer than two different x.

    Examples
    --------
    >>> line = power_line({"c": [1e18, 1e19, 1e20], "n": [1e8, 3e8, 1e9]}, x="c", y="n")
    >>> round(line.exponent, 6), round(line.r2, 3)
    (0.5, 0.999)
    """
    table = read(frame, names=[x], target=y, columns={}, weights=weights)
    require(table, [(x, "positive", f"ln({x})"), (y, "positive", f"ln({y})")])
    ln_x, ln_y = np.log(table.arrays[x]), np.log(table.target)
    weight = np.ones(table.rows) if table.weights is None else np.array(table.weights)
    if np.ptp(ln_x) == 0.0:
        raise DataError(
            f"a line needs two different values of {quote(x)}, got {table.rows} rows of one",
            code="constant",
            column=x,
        )
    return fitted_line(ln_x, ln_y, weight)


def fitted_line(
    ln_x: NDArray[np.float64], ln_y: NDArray[np.float64], weight: NDArray[np.float64]
) -> PowerLine:
    """Return the line through points that are already logarithms; two different x are assumed."""
    slope, level = (float(values[0]) for values in fit_lines(ln_x[None], ln_y[None], weight[None]))
    total = weight.sum()
    centre = float(weight @ ln_x / total)
    spread = float(weight @ (ln_x - centre) ** 2)
    left = float(weight @ (ln_y - level - slope * ln_x) ** 2)
    whole = float(weight @ (ln_y - weight @ ln_y / total) ** 2)
    freedom = len(ln_x) - FEWEST_POINTS
    variance = left / freedom if freedom else math.nan
    return PowerLine(
        exponent=slope,
        ln_scale=level,
        exponent_error=math.sqrt(variance / spread),
        ln_scale_error=math.sqrt(variance * (1.0 / total + centre**2 / spread)),
        points=len(ln_x),
        r2=1.0 - left / whole if whole > 0.0 else math.nan,
    )


def fit_lines(
    x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return slopes and intercepts of weighted lines, one per row of the arrays.

    Entries of weight 0 may hold anything, even NaN. Rows without two different x give NaN.

    Parameters
    ----------
    x, y, weight
        Shape (lines, points).
    """
    x, y = np.where(weight > 0, x, 0.0), np.where(weight > 0, y, 0.0)
    with np.errstate(all="ignore"):
        total = weight.sum(axis=1)
        # Centred sums: logarithms of budgets are large, and vary by little.
        mean_x = (weight * x).sum(axis=1) / total
        mean_y = (weight * y).sum(axis=1) / total
        away = x - mean_x[:, None]
        slope = (weight * away * (y - mean_y[:, None])).sum(axis=1) / (weight * away**2).sum(axis=1)
        slope = np.where(((weight > 0) & (np.abs(away) > 0)).any(axis=1), slope, np.nan)
        return slope, mean_y - slope * mean_x
