"""The constant of a law as an axis of a forecast: with E at the ends of its interval, and with E free."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scaling_fast.comparison.headline_band import best_curve
from scaling_fast.errors import ScalingError
from scaling_fast.laws import Param

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit

__all__ = ["ConstantAxis", "constant_axis"]


class ConstantAxis(NamedTuple):
    """Forecasts at some values of the constant.

    Attributes
    ----------
    name
        The parameter.
    values
        The ends of its interval by the delta method, and its estimate.
    log_forecasts
        ln f with the constant kept at each of `values`, all else refitted; shape (3, targets).
    """

    name: str
    values: tuple[float, float, float]
    log_forecasts: NDArray[np.float64]


def constant_axis(
    refit: RobustRefit, targets: Mapping[str, NDArray[np.float64]], level: float
) -> ConstantAxis | None:
    """Return the forecasts along the constant of a law.

    None without a free constant, and where its interval is wider than itself.

    Parameters
    ----------
    refit
        The law, refitted robustly.
    targets
        Column of the law -> its values, shape (targets,).
    level
        Confidence level of the interval, between 0 and 1.
    """
    name = refit.constant
    if name is None or refit.request.law.params[name].fixed is not None:
        return None
    place = list(refit.params).index(name)
    if place not in refit.free:
        return None
    best = best_curve(refit, targets, relative=False)
    spread = np.linalg.pinv(refit.jacobian.T @ refit.jacobian)[refit.free.index(place)]
    left = refit.rows - len(refit.free)
    error = math.sqrt(max(float(spread[refit.free.index(place)]), 0.0)) * refit.scale
    from scipy.special import stdtrit

    reach, value = float(stdtrit(left, (1.0 + level) / 2.0)) * error, refit.params[name]
    lower = max(value - reach, refit.request.law.params[name].lower)
    if not 0.0 < reach < value:
        # So wide that E says nothing: its ends are no values to print.
        return None
    try:
        ends = [_kept_at(refit, name, end, targets) for end in (lower, value + reach)]
    except ScalingError:
        return None
    return ConstantAxis(name, (lower, value + reach, value), np.array([*ends, best.forecast]))


def _kept_at(
    refit: RobustRefit, name: str, value: float, targets: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return ln f with the constant kept at a value and all else refitted, shape (targets,)."""
    law = refit.request.law
    params = dict(law.params) | {name: Param(fixed=value)}
    kept = replace(refit.request, law=replace(law, params=params))
    return best_curve(replace(refit, request=kept), targets, relative=False).forecast
