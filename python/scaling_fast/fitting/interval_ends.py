"""The ends of symmetric intervals: on the logarithm of what is positive, within the range that bounds allow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scaling_fast.laws.quantities import exp

if TYPE_CHECKING:
    from scaling_fast.laws.ranges import Range

__all__ = [
    "TINY",
    "exact_sentence",
    "has_width",
    "is_positive",
    "on_logarithm",
    "symmetric_ends",
    "t_quantile",
    "within",
]


TINY = 5e-324
"""The smallest positive double: what is positive is not 0, not even where an exponential underflows."""

REACH = 1.0
"""Half-width over the estimate up to which what may be zero has the interval of its logarithm: one that is as
uncertain as it is large has no upper end there to speak of, and zero may be its value."""

ROUNDING = 1e-14
"""Width beside its ends at which an interval is made of rounding errors."""


def exact_sentence() -> str:
    """Return why a curve that meets every row has no interval."""
    return (
        "the curve passes through every row, so nothing shows how far the estimates may be off and an interval "
        "would have no width; add rows, or fix parameters"
    )


def t_quantile(level: float, freedom: float) -> float:
    """Return the two-sided quantile of Student's t, or of the normal for infinite degrees of freedom."""
    from scipy.special import ndtri, stdtrit

    if math.isinf(freedom):
        return float(ndtri(0.5 + level / 2))
    return float(stdtrit(freedom, 0.5 + level / 2))


def is_positive(estimate: float, inside: Range) -> bool:
    """Return whether a quantity cannot be negative, and is not zero, so that its logarithm has an interval."""
    return inside[0] >= 0.0 and 0.0 < estimate < math.inf


def on_logarithm(step: float, inside: Range) -> bool:
    """Return whether an interval is that of the logarithm, which it would move by `step` either way.

    What cannot be zero always has that interval, and what may be zero where it is known well enough.
    """
    return inside[0] > 0.0 or step <= REACH


def within(ends: tuple[float, float], inside: Range) -> tuple[float, float]:
    """Return the ends of an interval, moved into a range; NaN stays NaN."""
    lower, upper = (end if math.isnan(end) else min(max(end, inside[0]), inside[1]) for end in ends)
    return lower, upper


def has_width(ends: tuple[float, float]) -> bool:
    """Return whether an interval has a width beyond the rounding of its ends; not where one is NaN."""
    lower, upper = ends
    size = max(abs(lower), abs(upper))
    return lower < upper and (math.isinf(size) or upper - lower > ROUNDING * size)


def symmetric_ends(estimate: float, half: float, inside: Range) -> tuple[float, float]:
    """Return estimate -+ half; of its logarithm, which moves by half/estimate, where that is positive and known.

    Parameters
    ----------
    estimate, half
        The estimate and the half-width, 0 or more, in its units.
    inside
        The range of the quantity.

    Examples
    --------
    >>> [round(end, 3) for end in symmetric_ends(2.0, 2.0, (0.0, math.inf))]
    [0.736, 5.437]
    >>> symmetric_ends(2.0, 3.0, (-math.inf, 4.0))
    (-1.0, 4.0)
    >>> symmetric_ends(2.0, 3.0, (0.0, math.inf))
    (0.0, 5.0)
    """
    step = half / estimate if is_positive(estimate, inside) else math.inf
    if not is_positive(estimate, inside) or not on_logarithm(step, inside):
        return within((estimate - half, estimate + half), inside)
    lower, upper = estimate * exp(-step), estimate * exp(step)
    return within((lower if math.isnan(lower) else max(lower, TINY), upper), inside)
