"""The ends of the intervals of a summary: from its moments, or from quantiles found by refitting once more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ParameterError, quote
from scaling_fast.fitting.interval_ends import (
    has_width,
    is_positive,
    on_logarithm,
    symmetric_ends,
    t_quantile,
)
from scaling_fast.fitting.interval_table import estimates_of
from scaling_fast.laws.ranges import law_bounds, value_range
from scaling_fast.resampling.intervals.small_sample import shrinkage
from scaling_fast.resampling.streaming.moments import logarithmic_spread, type_seven
from scaling_fast.resampling.streaming.order_statistics import order_statistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.laws.ranges import Range
    from scaling_fast.resampling.schemes import Scheme
    from scaling_fast.resampling.streaming.moments import StreamingMoments
    from scaling_fast.resampling.streaming.order_statistics import Rerun

__all__ = ["normal_ends", "quantile_ends"]


def normal_ends(
    estimates: Estimates,
    scheme: Scheme,
    moments: Sequence[StreamingMoments],
    matrices: Mapping[int, NDArray[np.float64]],
    formulas: Mapping[str, str],
    level: float,
) -> NDArray[np.float64]:
    """Return estimate -+ quantile x standard deviation, of logarithms where the draws have them.

    Parameters
    ----------
    estimates, scheme
        The question that was resampled, and how.
    moments
        The moments of each group.
    matrices
        Number of a group -> the covariance of its estimates; a group without one has no interval.
    formulas
        Name of the quantity -> formula of parameters; only quantities of the moments.
    level
        Confidence level, between 0 and 1.

    Returns
    -------
    ndarray
        Shape (groups, quantities, 2); NaN where there is no interval.
    """
    z, shrink = t_quantile(level, math.inf), shrinkage(estimates, scheme)
    middle, ranges = estimates_of(estimates, formulas), _ranges(estimates, formulas)
    ends = np.full((*middle.shape, 2), np.nan)
    for group, matrix in matrices.items():
        each = moments[group]
        for column, (name, inside) in enumerate(zip(formulas, ranges, strict=True)):
            if name not in each.names:
                raise ParameterError(
                    f"moments are kept of {quote(each.names, 200)} and not of {quote(name)}; "
                    'method="percentile" works for any formula',
                    code="of",
                    param="of",
                )
            place, estimate = each.names.index(name), float(middle[group, column])
            spread = math.sqrt(max(matrix[place, place], 0.0))
            if each.least[place] > 0.0 and is_positive(estimate, inside):
                # A jackknife's spread is larger than that of its refits, and so is that of the logarithm.
                plain = math.sqrt(max(each.covariance()[place, place], 0.0))
                larger = spread / plain if plain > 0.0 else 0.0
                step = larger * logarithmic_spread(each, place)
                if on_logarithm(z * shrink[group] * step, inside):
                    spread = estimate * step
            ends[group, column] = symmetric_ends(estimate, z * shrink[group] * spread, inside)
    return _checked(ends, ranges)


def quantile_ends(
    rerun: Rerun,
    scheme: Scheme,
    moments: Sequence[StreamingMoments],
    level: float,
    *,
    groups: Sequence[int],
    mirrored: bool,
) -> NDArray[np.float64]:
    """Return the quantiles at both tails, shape (groups, quantities, 2); NaN where there is no interval.

    Parameters
    ----------
    rerun
        How the replicates are computed once more, and the formulas.
    scheme
        How the question was resampled.
    moments
        The moments of each group.
    level
        Confidence level, between 0 and 1.
    groups
        Numbers of the groups that have an interval.
    mirrored
        Whether they are mirrored at the estimate, unless that leaves the range of a quantity.
    """
    estimates, formulas = rerun.job.estimates, rerun.formulas
    tail = (1.0 - level) / 2.0
    levels = (tail, 1.0 - tail)
    # A quantile of type 7 lies between two neighbours in ascending order: those are looked for.
    wanted = {
        (group, name): {
            place for share in levels for place in _neighbours(moments[group].count, share)
        }
        for group in groups
        for name in formulas
    }
    found = order_statistics(rerun, moments, wanted)
    shrink, middle = shrinkage(estimates, scheme), estimates_of(estimates, formulas)
    ends = np.full((*middle.shape, 2), np.nan)
    for group in groups:
        each = moments[group]
        for column, name in enumerate(formulas):
            values, estimate = found[group, name], middle[group, column]
            for side, share in enumerate(levels):
                below, above = (values[place] for place in _neighbours(each.count, share))
                if shrink[group] != 1.0:
                    # Every draw of a subsample is shrunk alike, so their order stays the same.
                    below = estimate + shrink[group] * (below - estimate)
                    above = estimate + shrink[group] * (above - estimate)
                ends[group, column, side] = type_seven(below, above, each.count, share)
    ranges = _ranges(estimates, formulas)
    if mirrored:
        with np.errstate(all="ignore"):  # a group without an interval may have run off
            other = _inside(2.0 * middle[:, :, None] - ends[:, :, ::-1], ranges)
        ends = np.where(_has_width(other)[:, :, None], other, ends)
    return _checked(ends, ranges)


def _ranges(estimates: Estimates, formulas: Mapping[str, str]) -> list[Range]:
    bounds = law_bounds(estimates.request.law)
    return [value_range(formula, bounds) for formula in formulas.values()]


def _inside(ends: NDArray[np.float64], ranges: Sequence[Range]) -> NDArray[np.float64]:
    """Return ends of shape (groups, quantities, 2), moved into the range of each quantity."""
    lowest, highest = np.array(ranges).T
    return np.asarray(np.clip(ends, lowest[None, :, None], highest[None, :, None]))


def _checked(ends: NDArray[np.float64], ranges: Sequence[Range]) -> NDArray[np.float64]:
    """Return ends within their ranges, NaN where draws that are all the same leave no interval."""
    ends = _inside(ends, ranges)
    varies = np.array([lowest < highest for lowest, highest in ranges])
    ends[varies[None, :] & ~_has_width(ends)] = np.nan
    return ends


def _has_width(ends: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which intervals have a width, shape (groups, quantities)."""
    return np.array([[has_width(pair) for pair in group] for group in ends.tolist()], dtype=bool)


def _neighbours(count: int, share: float) -> tuple[int, int]:
    """Return the two places in ascending order, from 0, between which a quantile of `count` values lies."""
    below = math.floor((count - 1) * share)
    return below, min(below + 1, count - 1)
