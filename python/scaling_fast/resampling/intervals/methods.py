"""Intervals of quantities of parameters from their replicates: one row per quantity and group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast._core import interval as core_interval
from scaling_fast.errors import ConvergenceError, ParameterError, quote
from scaling_fast.fitting.table import column_name
from scaling_fast.frames.values import rows_of
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = [
    "EXPANDED",
    "METHODS",
    "MOST_FAILURES",
    "Replicates",
    "check_method",
    "ends_of",
    "intervals",
]

METHODS = ("percentile", "basic", "normal", "bc", "bca", "studentized")

MOST_FAILURES = 0.05
"""Share of unusable replicates above which an interval would describe another population than the data's."""


EXPANDED = ("percentile", "basic", "normal")
"""Methods that a small-sample correction widens; "studentized" corrects itself, "bc" and "bca" have none."""


def check_method(method: str, scheme: Scheme, *, small_sample: bool) -> None:
    """Refuse an unknown method, and one that the replicates of a scheme do not allow.

    Raises
    ------
    ParameterError
        With what is allowed.
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
            f"small_sample=True widens {quote(list(EXPANDED), 200)}, and {quote(method)} has no such form",
            code="small_sample",
            param="small_sample",
        )


@dataclass(frozen=True, slots=True)
class Replicates:
    """What the intervals of one group are made of.

    Attributes
    ----------
    values
        Parameter -> its values over the usable replicates.
    left_out
        The same of a jackknife, for "bca".
    errors
        Standard errors of the estimates, shape (formulas,), and of the draws, (replicates, formulas),
        for "studentized".
    shrink
        What the distance of a draw from the estimate is multiplied by: not 1 for subsamples.
    widen
        Factor on a standard error and degrees of freedom of its t quantile; None for normal ones.
    """

    values: Mapping[str, NDArray[np.float64]]
    left_out: Mapping[str, NDArray[np.float64]] | None = None
    errors: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    shrink: float = 1.0
    widen: tuple[float, float] | None = None


def intervals(
    estimates: Estimates,
    formulas: Mapping[str, str],
    *,
    method: str,
    level: float,
    replicates: Callable[[int], Replicates],
    left_out_only: bool,
    max_failures: float = MOST_FAILURES,
) -> pl.DataFrame:
    """Return intervals: group keys, name, estimate, lower, upper.

    Parameters
    ----------
    estimates
        The question that was resampled, and the parameters it began from.
    formulas
        Name -> formula of parameters.
    method, level, max_failures
        As in `Bootstrap.interval`, already checked.
    replicates
        Group -> its replicates.
    left_out_only
        Whether the draws are those of a jackknife themselves.
    """
    rows = []
    for group in range(estimates.groups):
        given = replicates(group)
        point = {name: np.array([value]) for name, value in estimates.point(group).items()}
        for place, (name, formula) in enumerate(formulas.items()):
            estimate = float(evaluate(formula, point)[0])
            values = evaluate(formula, given.values)
            jackknife = None if given.left_out is None else evaluate(formula, given.left_out)
            errors = None
            if given.errors is not None:
                own, each = given.errors[0][place], given.errors[1][:, place]
                values, each = _with_errors(values, each, max_failures)
                errors = (float(own), np.ascontiguousarray(each))
            if given.shrink != 1.0:
                values = estimate + given.shrink * (values - estimate)
            ends = ends_of(
                "jackknife" if left_out_only else method,
                level,
                estimate,
                values,
                left_out=jackknife,
                errors=errors,
                widen=given.widen,
            )
            rows.append((name, estimate, *ends))
    keys = estimates.request.table.keys
    labels = [column_name(name, keys.columns) for name in ("name", "estimate", "lower", "upper")]
    frame = pl.DataFrame(rows, schema=labels, orient="row")
    # Column by column: a forked child has no threads of polars to gather or join frames with.
    places = np.repeat(np.arange(keys.height), len(formulas))
    return pl.DataFrame(
        [*(rows_of(key, places) for key in keys.get_columns()), *frame.get_columns()]
    )


def ends_of(
    method: str,
    level: float,
    estimate: float,
    values: NDArray[np.float64],
    *,
    left_out: NDArray[np.float64] | None = None,
    errors: tuple[float, NDArray[np.float64]] | None = None,
    widen: tuple[float, float] | None = None,
) -> tuple[float, float]:
    """Return the ends of one interval; its method may also be "jackknife", whose draws `values` are.

    Parameters
    ----------
    left_out, errors, widen
        As in `Replicates`, of one quantity.
    """
    if method == "jackknife" or (method == "normal" and widen is not None):
        return _symmetric_ends(level, estimate, values, widen, left_out_only=method == "jackknife")
    asked = _widened(level, widen) if method in ("percentile", "basic") else level
    ends: tuple[float, float] = core_interval(method, asked, estimate, values, left_out, errors)
    return ends


def _with_errors(
    values: NDArray[np.float64], errors: NDArray[np.float64], max_failures: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the draws that have a standard error; the others count as unusable."""
    good = np.isfinite(errors) & (errors > 0.0)
    lost = int(good.size - good.sum())
    if lost > max_failures * good.size or good.sum() < 2:
        raise ConvergenceError(
            f"{lost} of {good.size} replicates have no standard error, more than max_failures={max_failures:g} "
            'allows: too few of their rows curve the loss, or they fit exactly; use method="percentile"',
            code="failures",
        )
    return values[good], errors[good]


def _widened(level: float, widen: tuple[float, float] | None) -> float:
    """Return the level of quantiles as wide as a t interval would be (Hesterberg 2015)."""
    if widen is None:
        return level
    from scipy.special import ndtr, stdtrit

    factor, freedom = widen
    return float(1.0 - 2.0 * ndtr(-factor * stdtrit(freedom, 0.5 + level / 2)))


def _symmetric_ends(
    level: float,
    estimate: float,
    values: NDArray[np.float64],
    widen: tuple[float, float] | None,
    *,
    left_out_only: bool,
) -> tuple[float, float]:
    """Return estimate -+ quantile times standard error, of draws or of a jackknife."""
    from scipy.special import ndtri, stdtrit

    count = len(values)
    share = (count - 1) / count if left_out_only else 1 / (count - 1)
    with np.errstate(all="ignore"):
        error = math.sqrt(share * float(np.sum((values - values.mean()) ** 2)))
    if widen is None:
        half = float(ndtri(0.5 + level / 2)) * error
    else:
        half = widen[0] * float(stdtrit(widen[1], 0.5 + level / 2)) * error
    return estimate - half, estimate + half
