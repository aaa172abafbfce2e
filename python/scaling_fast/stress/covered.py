"""How often intervals of many data sets contain the truth, and how wide they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REFUSED", "covered"]

REFUSED = 0.05
"""Share of data sets without an interval above which no coverage is shown; below it they count as not covered."""


def covered(lower: NDArray[np.float64], upper: NDArray[np.float64], truth: float) -> dict[str, Any]:
    """Return how often the intervals of one method and quantity contain the truth, and how wide they are.

    Parameters
    ----------
    lower, upper
        Ends of the interval of each data set, NaN where it has none; shape (data sets,).
    truth
        The true value.

    Returns
    -------
    dict
        coverage, coverage_error, below, above (NaN where too many data sets have no interval), width,
        width_error and refused.
    """
    total = len(lower)
    # An infinite end is an interval; a NaN is none.
    given = ~(np.isnan(lower) | np.isnan(upper))
    refused = int((~given).sum())
    lower, upper = lower[given], upper[given]
    shown = refused <= REFUSED * total
    counts = (
        np.sum((lower <= truth) & (truth <= upper)),
        np.sum(upper < truth),
        np.sum(lower > truth),
    )
    share, below, above = (float(number / total) if shown else math.nan for number in counts)
    width, error = _median(upper - lower)
    return {
        "coverage": share,
        "coverage_error": _share_error(share, total) if shown else math.nan,
        "below": below,
        "above": above,
        "width": width,
        "width_error": error,
        "refused": refused,
    }


def _share_error(share: float, count: int) -> float:
    """Return the standard error of a share, as if four more data sets had been seen, two of them covered.

    Otherwise a share would count as certain when a few data sets agree (Agresti and Coull 1998).
    """
    middle = (share * count + 2.0) / (count + 4.0)
    return math.sqrt(middle * (1.0 - middle) / (count + 4.0))


def _median(widths: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median and its standard error, half the distance of the quantiles one error to each side."""
    count = len(widths)
    if count < 2:
        return (float(widths[0]), math.nan) if count else (math.nan, math.nan)
    # The rank of the median has standard deviation sqrt(n)/2, a step of 0.5/sqrt(n) in level.
    step = 0.5 / math.sqrt(count)
    low, middle, high = np.quantile(widths, [max(0.5 - step, 0.0), 0.5, min(0.5 + step, 1.0)])
    return float(middle), float(high - low) / 2
