"""How counting parameters without embeddings turns Chinchilla's exponent into Kaplan's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from scaling_fast.allocation.budgets import FLOPS_PER_TOKEN
from scaling_fast.allocation.lines import fitted_line
from scaling_fast.allocation.surface import number_of_points, surface_exponents, surface_params
from scaling_fast.errors import ParameterError, quote
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import non_negative_number, number_between

__all__ = ["CountingSlope", "counting_slope"]

EMBEDDING = 47491.0
"""N_total = N + EMBEDDING N^(1/3): Pearce and Song 2024, a vocabulary of 32,000."""

KAPLAN_RANGE = (10**12.95, 10**20.7)
"""FLOP without embeddings over which Pearce and Song 2024 compare slopes."""


@dataclass(frozen=True, slots=True, eq=False)
class CountingSlope:
    """The compute-optimal frontier when embeddings are not counted.

    Attributes
    ----------
    slope
        The slope of ln N* on ln C, both without embeddings, by least squares over the range of C.
    asymptote
        The surface's own exponent a, which both ways of counting reach at large C.
    table
        flops and n_star without embeddings, n_total with them.
    """

    slope: float
    asymptote: float
    table: pl.DataFrame


@ask_first
def counting_slope(
    surface: Any,
    *,
    flops: tuple[float, float] = KAPLAN_RANGE,
    embedding: float = EMBEDDING,
    points: int = 100,
) -> CountingSlope:
    """Return the exponent of N*(C) when embeddings count neither in N nor in C.

    Parameters
    ----------
    surface
        A fit of the Chinchilla law in total parameters, or a mapping with A, alpha, B, beta.
    flops
        Lowest and highest C = 6 N D without embeddings, in FLOP.
    embedding
        The factor in N_total = N + embedding N^(1/3), not negative.
    points
        Number of budgets, from 2 to 1,000,000, evenly spaced in ln C.

    Raises
    ------
    ParameterError
        For a surface without the four parameters, or an empty range.
    ResourceError
        For more than a million points.

    Notes
    -----
    Source: Pearce and Song 2024, arXiv:2406.12907: the optimum at a size N has, in closed form,
    D^beta = beta B N_total^(1+alpha)/(alpha A N dN_total/dN).

    Examples
    --------
    >>> import scaling_fast as sf
    >>> epoch = sf.laws.chinchilla().published["besiroglu2024"]["params"]
    >>> found = counting_slope(epoch)
    >>> round(found.slope, 3), round(found.asymptote, 3)
    (0.775, 0.513)
    """
    from scipy.optimize import brentq

    alpha, beta = surface_exponents(surface)
    values = surface_params(surface)
    big_a, big_b = (number_between(values.get(name), name) for name in ("A", "B"))
    embedding = non_negative_number(embedding, "embedding")
    points = number_of_points(points, 2)
    lowest, highest = _checked_range(flops)
    constant = math.log(beta * big_b / (alpha * big_a))

    def total(ln_n: float) -> float:
        return math.exp(ln_n) + embedding * math.exp(ln_n / 3.0)

    def ln_flops(ln_n: float) -> float:
        growth = math.log1p(embedding / 3.0 * math.exp(-2.0 / 3.0 * ln_n))
        ln_d = (constant + (1.0 + alpha) * math.log(total(ln_n)) - growth - ln_n) / beta
        return math.log(FLOPS_PER_TOKEN) + ln_n + ln_d

    ln_c = np.linspace(math.log(lowest), math.log(highest), points)
    bracket = _bracket(ln_flops, float(ln_c[0]), float(ln_c[-1]))
    ln_n = np.array(
        [
            brentq(lambda u, goal=budget: ln_flops(u) - goal, *bracket, xtol=1e-13)
            for budget in ln_c.tolist()
        ]
    )
    table = pl.DataFrame(
        {
            "flops": np.exp(ln_c),
            "n_star": np.exp(ln_n),
            "n_total": [total(size) for size in ln_n.tolist()],
        }
    )
    line = fitted_line(ln_c, ln_n, np.ones(points))
    return CountingSlope(line.exponent, beta / (alpha + beta), table)


def _checked_range(flops: Any) -> tuple[float, float]:
    listed = flops if isinstance(flops, Sequence | np.ndarray) else ()
    ends = [number_between(end, "flops") for end in listed]
    if len(ends) != 2 or ends[0] >= ends[1]:
        raise ParameterError(
            f"flops must be a range from low to high, got {quote(flops)}",
            code="flops",
            param="flops",
        )
    return ends[0], ends[1]


def _bracket(ln_flops: Any, low: float, high: float) -> tuple[float, float]:
    """Return ln N whose budgets enclose a range of ln C; the budget of an optimum grows with its size."""
    first, last = 0.0, 1.0
    while ln_flops(first) > low:
        first -= 5.0
    while ln_flops(last) < high:
        last += 5.0
    return first, last
