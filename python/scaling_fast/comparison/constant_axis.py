"""The constant of a law as an axis of a forecast: with E at the ends of its interval, and with E free."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scaling_fast.comparison.headline_band import best_curve
from scaling_fast.errors import ScalingError
from scaling_fast.laws import Param
from scaling_fast.profiles.run import profile

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
        The ends of its profile interval, 0 for an open lower end, and its estimate.
    log_forecasts
        ln f with the constant kept at each of `values`, all else refitted; shape (3, targets).
    """

    name: str
    values: tuple[float, float, float]
    log_forecasts: NDArray[np.float64]


def constant_axis(
    refit: RobustRefit, targets: Mapping[str, NDArray[np.float64]], level: float
) -> ConstantAxis | None:
    """Return the forecasts along the constant of a law; None without a free one, or where its upper end is open.

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
    best = best_curve(refit, targets, relative=False)
    try:
        interval = profile(best.fit, name, level=level, threads=1)
        lower = interval.lower if math.isfinite(interval.lower) else 0.0
        if not math.isfinite(interval.upper):
            return None
        ends = [_kept_at(refit, name, value, targets) for value in (lower, interval.upper)]
    except ScalingError:
        return None
    forecasts = np.array([*ends, best.forecast])
    return ConstantAxis(name, (lower, interval.upper, best.fit.params[name]), forecasts)


def _kept_at(
    refit: RobustRefit, name: str, value: float, targets: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return ln f with the constant kept at a value and all else refitted, shape (targets,)."""
    law = refit.request.law
    params = dict(law.params) | {name: Param(fixed=value)}
    kept = replace(refit.request, law=replace(law, params=params))
    return best_curve(replace(refit, request=kept), targets, relative=False).forecast
