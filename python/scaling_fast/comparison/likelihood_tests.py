"""Which of two laws the rows speak against: likelihood ratios on data sets drawn from either (Cox 1961)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from scaling_fast.comparison.headline_band import best_curve
from scaling_fast.errors import ConvergenceError
from scaling_fast.fitting.binding import with_params

if TYPE_CHECKING:
    from scaling_fast.comparison.replicates import Replicates
    from scaling_fast.comparison.robust_refit import RobustRefit
    from scaling_fast.laws import Param

__all__ = ["SIZE", "NoConstant", "Pair", "cox_test", "most_draws", "no_constant"]

SIZE = 0.05
"""Size of the tests: how often a true law is rejected by one of them."""

CLOSE, FEW = 0.02, 100
"""A p up to the first is counted again over 1,999 data sets, or 999 where fewer than the second were asked for."""


TIED = 1e-6
"""ln L within which two ratios are one: where a law contains the other, many are 0 but for rounding."""


class Pair(NamedTuple):
    """Two laws and the rows.

    Attributes
    ----------
    first, second
        Numbers of the laws.
    ratio
        ln L of the first less ln L of the second.
    p_first, p_second
        The share of data sets of each law whose ratio speaks as much against it.
    draws_first, draws_second
        Over how many data sets each was counted; 0 where it was computed.
    """

    first: int
    second: int
    ratio: float
    p_first: float
    p_second: float
    draws_first: int
    draws_second: int


class NoConstant(NamedTuple):
    """The test of a law without its constant.

    Attributes
    ----------
    name
        The parameter that is the constant, such as "E".
    estimate
        What it is in the law.
    ratio
        Sum of squares without it over that with it.
    p
        .5 P(F_{1, n - k} > (n - k)(ratio - 1)).
    """

    name: str
    estimate: float
    ratio: float
    p: float


def most_draws(n: int) -> int:
    """Return over how many data sets a small p is counted."""
    return max(n, 999 if n < FEW else 1999)


def cox_test(replicates: Replicates, first: int, second: int, n: int, p: float | None) -> Pair:
    """Return how much the rows speak against each of two laws.

    Parameters
    ----------
    replicates
        The laws, and the data sets drawn from them.
    first, second
        Numbers of the laws.
    n
        Number of data sets.
    p
        That of the second law, where it is computed without data sets; else None.

    References
    ----------
    Cox, Tests of separate families of hypotheses, Proceedings of the Fourth Berkeley Symposium 1, 1961.
    Williams, Discrimination between regression models, Biometrics 26, 1970.
    """
    laws = replicates.laws
    ratio = laws[first].log_likelihood - laws[second].log_likelihood
    p_first, draws_first = _share(replicates, first, second, ratio, n)
    if p is not None:
        return Pair(first, second, ratio, p_first, p, draws_first, 0)
    p_second, draws_second = _share(replicates, second, first, -ratio, n)
    return Pair(first, second, ratio, p_first, p_second, draws_first, draws_second)


def _share(
    replicates: Replicates, truth: int, other: int, ratio: float, n: int
) -> tuple[float, int]:
    """Return the share of data sets of a law with a likelihood ratio as low, and of how many."""
    p = math.nan
    for count in (n, most_draws(n)):
        own = replicates.log_likelihoods(truth, truth, count)
        its = replicates.log_likelihoods(truth, other, count)
        # A data set without a fit speaks for nothing.
        p = float((1 + (~(own - its > ratio + TIED)).sum()) / (count + 1))
        if p > CLOSE or count == most_draws(n):
            return p, count
    return p, n


def no_constant(refit: RobustRefit) -> NoConstant | None:
    """Return the test of a law with its constant at 0, by least squares of ln y on the clipped rows.

    Half of the F distribution, because the constant is never negative.

    Parameters
    ----------
    refit
        The law, refitted robustly.

    Returns
    -------
    NoConstant or None
        None for a law without a constant, or whose constant is fixed or must be positive.
    """
    from scipy.stats import f as fisher

    name = refit.constant
    if name is None or not _may_be_zero(refit.request.law.params[name]):
        return None
    whole = best_curve(refit, refit.columns, relative=False)
    left = refit.rows - refit.parameters
    bare = replace(refit.request, law=with_params(refit.request.law, {name: 0.0}))
    try:
        without = best_curve(replace(refit, request=bare), refit.columns, relative=False)
    except ConvergenceError:
        return None
    ratio = max(without.squares / max(whole.squares, 1e-300), 1.0)
    p = 0.5 * float(fisher.sf(left * (ratio - 1.0), 1, left)) if ratio > 1.0 else 0.5
    return NoConstant(name, float(whole.fit.params[name]), ratio, p)


def _may_be_zero(param: Param) -> bool:
    return param.fixed is None and param.lower <= 0.0 <= param.upper
