"""Intervals of quantities of parameters from their replicates: one row per quantity and group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import interval as core_interval
from scaling_fast.errors import ConvergenceError, ParameterError, quote
from scaling_fast.fitting.interval_ends import (
    TINY,
    has_width,
    is_positive,
    on_logarithm,
    symmetric_ends,
    t_quantile,
    within,
)
from scaling_fast.fitting.interval_table import estimates_of, interval_table
from scaling_fast.laws.optima.formula import OptimumFormula
from scaling_fast.laws.quantities import evaluate, exp
from scaling_fast.laws.ranges import ANYWHERE, law_bounds, value_range
from scaling_fast.resampling.intervals.each_group import each_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl
    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit
    from scaling_fast.laws.ranges import Range
    from scaling_fast.resampling.schemes import Scheme

__all__ = [
    "EXPANDED",
    "METHODS",
    "MOST_FAILURES",
    "Replicates",
    "check_method",
    "ends_of",
    "intervals",
    "widened_level",
    "with_optimum",
]

METHODS = ("percentile", "basic", "normal", "bc", "bca", "studentized")
"""The methods of `Bootstrap.interval`."""

MOST_FAILURES = 0.05
"""Share of unusable replicates above which an interval would no longer describe the population of the data."""


EXPANDED = ("percentile", "basic", "normal")
"""Methods that a small-sample correction widens; "studentized" corrects itself, "bc" and "bca" have none."""


def check_method(method: str, scheme: Scheme, *, small_sample: bool) -> None:
    """Refuse an unknown method, and one that the replicates of a scheme do not allow.

    Raises
    ------
    ParameterError
        With the methods that are allowed.
    """
    if method not in METHODS:
        raise ParameterError(
            f"method must be one of {quote(list(METHODS), 200)}, got {quote(method)}",
            code="method",
            param="method",
        )
    if scheme.name == "jackknife" and method != "normal":
        raise ParameterError(
            'jackknife replicates are not draws of an estimate: only method="normal" is defined',
            code="method",
            param="method",
        )
    if small_sample and method not in EXPANDED:
        raise ParameterError(
            f"small_sample=True widens {quote(list(EXPANDED), 200)}, and {quote(method)} has no such correction",
            code="small_sample",
            param="small_sample",
        )


@dataclass(frozen=True, slots=True)
class Replicates:
    """The replicates of one group and what belongs to them: all that its intervals need.

    Attributes
    ----------
    values
        Parameter -> its values over the usable replicates, natural units.
    left_out
        The same over the refits of a jackknife, for "bca"; else None.
    errors
        Standard errors of the estimates, shape (formulas,), and of the draws, (replicates, formulas),
        for "studentized"; else None.
    shrink
        Factor on the distance of a draw from the estimate, above 0: not 1 for subsamples.
    widen
        Factor on a standard error, 1 or more, and degrees of freedom of its t quantile; None for
        normal quantiles.
    """

    values: Mapping[str, NDArray[np.float64]]
    left_out: Mapping[str, NDArray[np.float64]] | None = None
    errors: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    shrink: float = 1.0
    widen: tuple[float, float] | None = None


def intervals(
    fit: Fit,
    formulas: Mapping[str, str],
    *,
    method: str,
    level: float,
    replicates: Callable[[int], Replicates],
    left_out_only: bool,
    max_failures: float = MOST_FAILURES,
) -> pl.DataFrame:
    """Return intervals: group keys, name, estimate, lower, upper; of groups each with a status.

    Parameters
    ----------
    fit
        The fit that was resampled.
    formulas
        Name of the quantity -> formula of parameters.
    method, level, max_failures
        As in `Bootstrap.interval`, already checked.
    replicates
        Function from the number of a group, from 0, to its replicates.
    left_out_only
        Whether the replicates are those of a jackknife.
    """
    estimates = fit.estimates
    middle = estimates_of(estimates, formulas)
    bounds = law_bounds(estimates.request.law)
    ranges = [value_range(formula, bounds) for formula in formulas.values()]

    def of_group(group: int) -> list[tuple[float, float]]:
        given = replicates(group)
        ends = []
        for place, formula in enumerate(formulas.values()):
            if math.isnan(middle[group, place]):  # an optimum at an edge has no interval
                ends.append((math.nan, math.nan))
                continue
            values = with_optimum(formula, evaluate(formula, given.values), max_failures)
            jackknife = None if given.left_out is None else evaluate(formula, given.left_out)
            errors = None
            if given.errors is not None:
                own, each = given.errors[0][place], given.errors[1][:, place]
                values, each = _with_errors(values, each, max_failures)
                errors = (float(own), np.ascontiguousarray(each))
            ends.append(
                ends_of(
                    "jackknife" if left_out_only else method,
                    level,
                    float(middle[group, place]),
                    values,
                    left_out=jackknife,
                    errors=errors,
                    widen=given.widen,
                    shrink=given.shrink,
                    inside=ranges[place],
                )
            )
        return ends

    found, status = each_group(fit, of_group)
    ends = np.full((*middle.shape, 2), math.nan)
    for group, each in enumerate(found):
        if each is not None:
            ends[group] = each
    return interval_table(estimates, formulas, ends, status)


def ends_of(
    method: str,
    level: float,
    estimate: float,
    values: NDArray[np.float64],
    *,
    left_out: NDArray[np.float64] | None = None,
    errors: tuple[float, NDArray[np.float64]] | None = None,
    widen: tuple[float, float] | None = None,
    shrink: float = 1.0,
    inside: Range = ANYWHERE,
) -> tuple[float, float]:
    """Return the ends of one interval; the method may also be "jackknife", with its refits as `values`.

    Symmetric intervals are those of the logarithm where the quantity cannot be negative. No end leaves
    the range. Draws that are all the same give no interval: the ends are NaN.

    Parameters
    ----------
    method
        One of `METHODS`, or "jackknife".
    level
        Confidence level, between 0 and 1.
    estimate
        Value of the quantity at the fit.
    values
        Value of the quantity in each usable replicate, shape (replicates,).
    left_out, errors, widen, shrink
        As in `Replicates`, of one quantity.
    inside
        The range of the quantity within the bounds of its parameters.
    """
    if method in ("normal", "jackknife"):
        ends = _symmetric(method, level, estimate, values, widen, shrink, inside)
    else:
        if shrink != 1.0:
            values = estimate + shrink * (values - estimate)
        wider = widened_level(level, widen) if method in ("percentile", "basic") else level
        ends = within(core_interval(method, wider, estimate, values, left_out, errors), inside)
        if method == "basic" and not has_width(ends):
            # Mirrored at an estimate on its bound, every draw lies outside: the draws themselves do not.
            ends = within(core_interval("percentile", wider, estimate, values), inside)
    is_constant = inside[0] == inside[1]
    return ends if is_constant or has_width(ends) else (math.nan, math.nan)


def _symmetric(
    method: str,
    level: float,
    estimate: float,
    values: NDArray[np.float64],
    widen: tuple[float, float] | None,
    shrink: float,
    inside: Range,
) -> tuple[float, float]:
    """Return the ends of a symmetric interval, of the logarithm of a quantity that is positive."""

    def ends_of(middle: float, drawn: NDArray[np.float64]) -> tuple[float, float]:
        if shrink != 1.0:
            drawn = middle + shrink * (drawn - middle)
        if method == "jackknife" or widen is not None:
            return _symmetric_ends(level, middle, drawn, widen, left_out_only=method == "jackknife")
        return core_interval("normal", level, middle, drawn, None, None)

    if is_positive(estimate, inside) and bool((values > 0.0).all()):
        ends = ends_of(math.log(estimate), np.log(values))
        if on_logarithm(0.5 * (ends[1] - ends[0]), inside):
            return within((max(exp(ends[0]), TINY), exp(ends[1])), inside)
        ends = ends_of(estimate, values)
        return within(
            (estimate - 0.5 * (ends[1] - ends[0]), estimate + 0.5 * (ends[1] - ends[0])), inside
        )
    ends = ends_of(estimate, values)
    # Draws on a bound of zero have no logarithm: the spread beside the estimate stands for that of the logarithm.
    return symmetric_ends(estimate, 0.5 * (ends[1] - ends[0]), inside)


def with_optimum(
    formula: str, values: NDArray[np.float64], max_failures: float
) -> NDArray[np.float64]:
    """Return the draws of a formula that have a value; those whose optimum is at an edge count as unusable.

    Raises
    ------
    ConvergenceError
        When a larger share than `max_failures` has none.
    """
    if not isinstance(formula, OptimumFormula):
        return values
    good = ~np.isnan(values)
    lost = int(good.size - good.sum())
    if lost > max_failures * good.size or good.sum() < 2:
        raise ConvergenceError(
            f"{lost} of {good.size} replicates have no optimum within reach of the rows for {quote(formula, 80)}, "
            f"more than max_failures={max_failures:g} allows: the rows do not say where it lies; add runs on "
            "both sides of it, or fix a parameter",
            code="failures",
        )
    return np.ascontiguousarray(values[good])


def _with_errors(
    values: NDArray[np.float64], errors: NDArray[np.float64], max_failures: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the draws that have a standard error, and the errors; the others count as unusable."""
    good = np.isfinite(errors) & (errors > 0.0)
    lost = int(good.size - good.sum())
    if lost > max_failures * good.size or good.sum() < 2:
        raise ConvergenceError(
            f"{lost} of {good.size} replicates have no standard error, more than max_failures={max_failures:g} "
            'allows: too few rows lie where the loss is curved, or the fit is exact; use method="percentile"',
            code="failures",
        )
    return values[good], errors[good]


def widened_level(level: float, widen: tuple[float, float] | None) -> float:
    """Return the level of quantiles as wide as a t interval would be (Hesterberg 2015)."""
    if widen is None:
        return level
    from scipy.special import ndtr

    factor, freedom = widen
    return float(1.0 - 2.0 * ndtr(-factor * t_quantile(level, freedom)))


def _symmetric_ends(
    level: float,
    estimate: float,
    values: NDArray[np.float64],
    widen: tuple[float, float] | None,
    *,
    left_out_only: bool,
) -> tuple[float, float]:
    """Return estimate -+ quantile x standard error, from draws or from a jackknife."""
    count = len(values)
    # The spread of a jackknife is 1/(n - 1) of what draws would have, so its sum is weighted up.
    share = (count - 1) / count if left_out_only else 1 / (count - 1)
    with np.errstate(all="ignore"):
        error = math.sqrt(share * float(np.sum((values - values.mean()) ** 2)))
    factor, freedom = (1.0, math.inf) if widen is None else widen
    half = factor * t_quantile(level, freedom) * error
    return estimate - half, estimate + half
