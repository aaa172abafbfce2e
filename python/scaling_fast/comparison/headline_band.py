"""The band of the law of a fit, whatever it is: its best curve on the clipped rows, and its profile."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.comparison.robust_refit import PER_LOG, log_curve, residual_of_log
from scaling_fast.errors import ConvergenceError, ScalingError
from scaling_fast.fitting.assembly import assembled
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.status import status_column, status_sentence
from scaling_fast.frames.table import read_only
from scaling_fast.laws import Law
from scaling_fast.laws.quantities import NAME
from scaling_fast.losses.sums import Squared
from scaling_fast.profiles.run import profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit

__all__ = ["BestCurve", "best_curve", "curve_ends", "law_name"]


INVERSE = {"log": "exp({})", "ln": "exp({})", "log10": "10**({})", "log2": "2**({})"}
"""Transform of a target -> the text of its inverse."""


@dataclass(frozen=True, slots=True, eq=False)
class BestCurve:
    """The best curve of a law on the clipped rows, by least squares.

    Attributes
    ----------
    fit
        The fit.
    squares
        Sum of squared residuals.
    forecast
        ln f at the targets, shape (targets,).
    """

    fit: Fit
    squares: float
    forecast: NDArray[np.float64]


def law_name(refit: RobustRefit) -> str:
    """Return the name of the law of a fit, with the parameters that it keeps: "chinchilla, E = 1.6"."""
    law = refit.request.law
    fixed = [
        f"{name} = {param.fixed:g}" for name, param in law.params.items() if param.fixed is not None
    ]
    return ", ".join([law.name or law.formula, *fixed])


def best_curve(
    refit: RobustRefit, targets: Mapping[str, NDArray[np.float64]], *, relative: bool
) -> BestCurve:
    """Return the best curve of the law of a fit on the clipped rows.

    Parameters
    ----------
    refit
        The law, refitted robustly.
    targets
        Column of the law -> its values, shape (targets,).
    relative
        Whether residuals are (f - y)/y, which is linear where the law is, or ln f - ln y.

    Raises
    ------
    ConvergenceError
        When no optimum is found.
    """
    request = refit.request
    table = replace(request.table, target=read_only(refit.clipped))
    if relative:
        table = replace(table, sigma=read_only(refit.clipped))
        asked = Request(_of_target(request.law), table, Squared(), "raw")
    else:
        asked = Request(request.law, table, Squared(), residual_of_log(request.program))
    answer, interrupted = asked.fit(None, threads=1)
    if interrupted:
        raise KeyboardInterrupt
    if not np.isfinite(answer.params[0]).all():
        status = status_column(answer.status)[0]
        raise ConvergenceError(status_sentence(status), code=status)
    fit = Fit(*assembled(asked, answer, scale=None, seed=0, search="auto"))
    unit = 1.0 if relative else PER_LOG[request.program.transform]
    value, _ = log_curve(request, targets, fit.params)
    return BestCurve(fit, 2.0 * fit.objective / unit**2, value)


def _of_target(law: Law) -> Law:
    """Return a law of the target itself: for one of its logarithm, the exponential of its right side."""
    if law.transform is None:
        return law
    right = law.formula.split("~")[1]
    return Law(INVERSE[law.transform].format(right), params=law.params, columns=law.columns)


def curve_ends(
    best: BestCurve, targets: Mapping[str, NDArray[np.float64]], level: float, widened: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the profile band of ln f at each target, infinite where the profile is open.

    Where no parameter can be expressed by the forecast, the ends are those of the delta method, and a curve that
    has neither has no ends. Both lie `widened` times as far from the forecast as for independent rows.
    """
    lower, upper = np.empty_like(best.forecast), np.empty_like(best.forecast)
    for place in range(len(best.forecast)):
        point = {name: float(values[place]) for name, values in targets.items()}
        lower[place], upper[place] = _ends_at(best, point, float(best.forecast[place]), level)
    with np.errstate(invalid="ignore"):  # a forecast of no number has no ends
        return (
            best.forecast + widened * (lower - best.forecast),
            best.forecast + widened * (upper - best.forecast),
        )


def _ends_at(
    best: BestCurve, point: Mapping[str, float], forecast: float, level: float
) -> tuple[float, float]:
    program = best.fit.request.program
    right = best.fit.law.formula.split("~")[-1]
    formula = NAME.sub(
        lambda found: f"({point[found[0]]!r})" if found[0] in point else found[0], right
    )
    lower, upper = _profile_or_delta(best.fit, formula, level)
    if program.transform is not None:
        unit = PER_LOG[program.transform]
        return lower / unit, upper / unit
    return (math.log(lower) if lower > 0.0 else -math.inf), (
        math.log(upper) if upper > 0.0 else forecast
    )


def _profile_or_delta(fit: Fit, formula: str, level: float) -> tuple[float, float]:
    """Return the profile interval of a formula, else that of the delta method, else one without ends."""
    for interval in (_profile, _delta):
        try:
            return interval(fit, formula, level)
        except ScalingError:
            continue
    return -math.inf, math.inf


def _profile(fit: Fit, formula: str, level: float) -> tuple[float, float]:
    found = profile(fit, formula, level=level, threads=1)
    return found.lower, found.upper


def _delta(fit: Fit, formula: str, level: float) -> tuple[float, float]:
    row = fit.interval(level, of=formula)
    return float(row["lower"][0]), float(row["upper"][0])
