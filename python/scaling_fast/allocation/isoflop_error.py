"""The systematic error of isoFLOP parabolas: a Chinchilla surface is not a parabola in ln N."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from scaling_fast.allocation.budgets import FEWEST_SIZES
from scaling_fast.allocation.surface import number_of_points, surface_exponents
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import number_between

__all__ = ["WIDEST_FACTOR", "IsoflopBias", "isoflop_bias"]

WIDEST_FACTOR = 1e6
"""Half a window, as a ratio of sizes, above which it is not a window around an optimum."""


@dataclass(frozen=True, slots=True)
class IsoflopBias:
    """The error of approach 2 on noise-free runs of a Chinchilla surface.

    Attributes
    ----------
    ln_n
        The error of ln N*, and with the opposite sign of ln D*. It is the same at every budget, so
        it changes the intercepts of the lines but not the exponents.
    n_star, d_star
        The relative errors of N* and D*.
    """

    ln_n: float

    @property
    def n_star(self) -> float:
        """Relative error of N*."""
        return math.expm1(self.ln_n)

    @property
    def d_star(self) -> float:
        """Relative error of D*."""
        return math.expm1(-self.ln_n)


@ask_first
def isoflop_bias(surface: Any, *, factor: float, points: int | None = None) -> IsoflopBias:
    """Return the error of an isoFLOP parabola through sizes from N*/factor to N* factor.

    Along a budget the loss is E + L0 (beta k^-alpha + alpha k^beta) with k = N/N*; the vertex of its
    least-squares parabola in ln k is not at 0 unless alpha = beta. Only the two exponents and the
    window matter.

    Parameters
    ----------
    surface
        A fit of the Chinchilla law, or a mapping with alpha and beta.
    factor
        Half the window as a ratio of sizes, above 1 and below 1e6.
    points
        Number of sizes, from 3 to 1,000,000, evenly spaced in ln N with both ends; if None, the
        limit of many (the closed form of the projection onto polynomials of degree 2).

    Raises
    ------
    ParameterError
        For exponents that are not positive, a factor not above 1, or fewer than 3 points.
    ResourceError
        For more than a million points.

    Examples
    --------
    >>> round(100 * isoflop_bias({"alpha": 0.34, "beta": 0.28}, factor=8, points=15).d_star, 3)
    -2.903
    """
    alpha, beta = surface_exponents(surface)
    half = math.log(number_between(factor, "factor", above=1.0, below=WIDEST_FACTOR))
    if points is None:
        return IsoflopBias(_limit(alpha, beta, half))
    points = number_of_points(points, FEWEST_SIZES)
    t = np.linspace(-1.0, 1.0, points)
    loss = beta * np.expm1(-alpha * half * t) + alpha * np.expm1(beta * half * t)
    _, slope, bend = np.polynomial.polynomial.polyfit(t, loss, 2)
    return IsoflopBias(float(-half * slope / (2.0 * bend)))


def _limit(alpha: float, beta: float, half: float) -> float:
    """Return the error of ln N* for a continuous window: Legendre projections of degree 1 and 2."""

    def first(s: float) -> float:  # integral of t exp(s t) over the window
        x = s * half
        return 2.0 * half**2 * _odd_moment(x)

    def second(s: float) -> float:  # integral of (t^2 - half^2/3) exp(s t)
        x = s * half
        return 2.0 * half**3 * _even_moment(x)

    slope = 3.0 / (2.0 * half**3) * (beta * first(-alpha) + alpha * first(beta))
    bend = 45.0 / (8.0 * half**5) * (beta * second(-alpha) + alpha * second(beta))
    return -slope / (2.0 * bend)


SERIES_BELOW = 1.0
"""Below it the closed forms lose digits to cancellation, and 12 terms of the series give them all."""


def _odd_moment(x: float) -> float:
    """Return cosh(x)/x - sinh(x)/x^2, the sum of x^(2j+1) / ((2j+3) (2j+1)!)."""
    if abs(x) < SERIES_BELOW:
        return sum(x ** (2 * j + 1) / ((2 * j + 3) * math.factorial(2 * j + 1)) for j in range(12))
    return math.cosh(x) / x - math.sinh(x) / x**2


def _even_moment(x: float) -> float:
    """Return (2/3) sinh(x)/x - 2 cosh(x)/x^2 + 2 sinh(x)/x^3, by its series near 0."""
    if abs(x) < SERIES_BELOW:
        return sum(
            x ** (2 * j) / math.factorial(2 * j) * (1 / (2 * j + 3) - 1 / (3 * (2 * j + 1)))
            for j in range(1, 13)
        )
    return 2 / 3 * math.sinh(x) / x - 2 * math.cosh(x) / x**2 + 2 * math.sinh(x) / x**3
