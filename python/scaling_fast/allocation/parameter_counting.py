"""How counting parameters without embeddings turns Chinchilla's exponent into Kaplan's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from scaling_fast.allocation.budgets import FLOPS_PER_TOKEN
from scaling_fast.allocation.isoflop_error import exponents_of
from scaling_fast.allocation.lines import fitted_line
from scaling_fast.errors import ParameterError, quote
from scaling_fast.fitting.result import Fit
from scaling_fast.validation import number_between, number_of_points

__all__ = ["CountingSlope", "counting_slope"]

EMBEDDING = 47491.0
"""N_total = N + EMBEDDING N^(1/3): Pearce and Song 2024, a vocabulary of 32,000."""

KAPLAN_RANGE = (10**12.95, 10**20.7)
"""FLOP without embeddings over which Pearce and Song 2024 compare slopes."""


@dataclass(frozen=True, slots=True, eq=False)
class CountingSlope:
    """The compute-optimal frontier as one sees it who does not count embeddings.

    Attributes
    ----------
    slope
        Of ln N on ln C, both without embeddings, by least squares over the range of C.
    asymptote
        The surface's own exponent a, which both conventions reach at large C.
    table
        flops and n_star without embeddings, n_total with them.
    """

    slope: float
    asymptote: float
    table: pl.DataFrame


def counting_slope(
    surface: Any,
    *,
    flops: tuple[float, float] = KAPLAN_RANGE,
    embedding: float = EMBEDDING,
    points: int = 100,
) -> CountingSlope:
    """Return the exponent of N*(C) when neither N nor C counts embeddings.

    Parameters
    ----------
    surface
        A fit of the Chinchilla law in total parameters, or a mapping with A, alpha, B, beta.
    flops
        The range of C = 6 N D without embeddings, evenly spaced in its logarithm.
    embedding
        The factor of N_total = N + embedding N^(1/3).
    points
        Budgets within the range.

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

    alpha, beta = exponents_of(surface)
    values: Mapping[str, Any] = surface.params if isinstance(surface, Fit) else surface
    big_a, big_b = (number_between(values.get(one), one) for one in ("A", "B"))
    embedding = number_between(embedding, "embedding", above=-math.ulp(0.0))
    points = number_of_points(points, 2)
    listed: Any = flops
    ends = [
        number_between(one, "flops")
        for one in (listed if isinstance(listed, Sequence | np.ndarray) else ())
    ]
    if len(ends) != 2 or ends[0] >= ends[1]:
        raise ParameterError(
            f"flops must be a range from low to high, got {quote(flops)}",
            code="flops",
            param="flops",
        )
    constant = math.log(beta * big_b / (alpha * big_a))

    def total(ln_n: float) -> float:
        return math.exp(ln_n) + embedding * math.exp(ln_n / 3.0)

    def ln_flops(ln_n: float) -> float:
        growth = math.log1p(embedding / 3.0 * math.exp(-2.0 / 3.0 * ln_n))
        ln_d = (constant + (1.0 + alpha) * math.log(total(ln_n)) - growth - ln_n) / beta
        return math.log(FLOPS_PER_TOKEN) + ln_n + ln_d

    ln_c = np.linspace(math.log(ends[0]), math.log(ends[1]), points)
    enclosing = _bracket(ln_flops, float(ln_c[0]), float(ln_c[-1]))
    ln_n = np.array(
        [brentq(lambda u, c=one: ln_flops(u) - c, *enclosing, xtol=1e-13) for one in ln_c.tolist()]
    )
    table = pl.DataFrame(
        {
            "flops": np.exp(ln_c),
            "n_star": np.exp(ln_n),
            "n_total": [total(one) for one in ln_n.tolist()],
        }
    )
    line = fitted_line(ln_c, ln_n, np.ones(points))
    return CountingSlope(line.exponent, beta / (alpha + beta), table)


def _bracket(ln_flops: Any, low: float, high: float) -> tuple[float, float]:
    """Return sizes whose budgets enclose the range; the optimum's budget grows with its size."""
    first, last = 0.0, 1.0
    while ln_flops(first) > low:
        first -= 5.0
    while ln_flops(last) < high:
        last += 5.0
    return first, last
