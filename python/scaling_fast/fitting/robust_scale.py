"""One robust scale of residuals: what `scale="mad"` measures, and the noise of all that simulates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import robust_scales
from scaling_fast.errors import ConvergenceError, DataError, ParameterError
from scaling_fast.fitting.near_absolute import is_nearly_absolute
from scaling_fast.fitting.status import status_sentence
from scaling_fast.frames.table import read_only
from scaling_fast.losses.sums import Absolute, Huber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

__all__ = ["MAD_TO_SIGMA", "drawn_in", "mad_scale", "noise_scale", "scaled_by_mad"]


MAD_TO_SIGMA = 1.4826
"""1 / (the normal quantile of 3/4): the factor from the median absolute deviation of normal noise to its sd."""

WINSOR = 3.0
"""Scales beyond which a residual that is drawn is pulled in, as in the core."""

MOST_ROUNDS, SCALE_TOLERANCE = 100, 1e-12
"""Most rounds of `scale="mad"`, and the relative change of the scale that ends them."""

SIMULATED_TOLERANCE = 1e-6
"""The same of simulated data sets: far inside the error of the scale itself."""


def noise_scale(
    request: Request, group: int, params: Mapping[str, float], free: int, own: float | None
) -> float:
    """Return the standard deviation of the noise around one group's fit, over sigma where that is given.

    It is the scale that the loss estimated or measured, where there is one. Else it is sqrt(RSS/(n - p)) of
    the residuals winsorised at 3 robust scales, each 1.4826 x median |r| x sqrt(n/(n - p)): one diverged run
    counts as three scales, and normal noise keeps its efficiency. Under a loss that is nearly absolute the p
    rows that the curve passes through are left out of the median.

    Parameters
    ----------
    request, group, params
        The question, the number of the group, from 0, and its parameter -> estimate.
    free
        Number of parameters that moved.
    own
        The scale of the loss, or None.
    """
    return _both(request, group, params, free)[1] if own is None else own


def drawn_in(request: Request, params: Mapping[str, float], free: int) -> NDArray[np.float64]:
    """Return the residuals of a single fit, those beyond 3 robust scales pulled in to 3; the table's order.

    Parameters
    ----------
    request, params, free
        As in `noise_scale`.
    """
    residual, scale = request.rows(0, params).residual, _both(request, 0, params, free)[0]
    return np.clip(residual, -WINSOR * scale, WINSOR * scale) if scale > 0.0 else residual


def _both(
    request: Request, group: int, params: Mapping[str, float], free: int
) -> tuple[float, float]:
    """Return the robust scale, and the standard deviation of the winsorised residuals."""
    passed = free if is_nearly_absolute(request, params, group) else 0
    return robust_scales(request.rows(group, params).residual, request.counts(group), free, passed)


def mad_scale(request: Request, delta: float, threads: int) -> float:
    """Return the robust scale of the Huber fit whose delta is `delta` times that same scale."""
    if request.table.groups != 1:
        raise ParameterError(
            'scale="mad" works for a single fit, not for groups; leave out by=, or leave out scale=',
            code="scale",
            param="loss",
        )
    scale = float(_iterated(request, delta, threads, SCALE_TOLERANCE)[0])
    if np.isnan(scale):
        raise ConvergenceError(status_sentence("not_finite"), code="not_finite")
    if scale <= 0.0:
        raise DataError(
            'the residuals have no scale, so scale="mad" cannot be used', code="no_scale"
        )
    return scale


def scaled_by_mad(request: Request, delta: float, threads: int) -> Request:
    """Return the question in which each group has the robust scale of its own Huber fit.

    The scales go into sigma, and the loss becomes Huber(delta): the optima are those of Huber(delta x scale),
    group by group. A group whose residuals have no scale keeps its sigma.

    Parameters
    ----------
    request
        Groups under any loss.
    delta
        Where the loss turns straight, in scales.
    threads
        Number of threads, 1 or more.
    """
    scale = _iterated(request, delta, threads, SIMULATED_TOLERANCE)
    return _scaled(request, delta, np.where(scale > 0.0, scale, 1.0))


def _iterated(
    request: Request, delta: float, threads: int, tolerance: float
) -> NDArray[np.float64]:
    """Return the scale of each group, shape (groups,); 0 where there is none, NaN where the fit is not finite."""
    scale = _scales(replace(request, loss=Absolute()), np.ones(request.table.groups), threads)
    # Fit and scale alternate, as in nlrob of R's robustbase, which converges.
    for _ in range(MOST_ROUNDS):
        good = scale > 0.0
        last = np.where(good, scale, 1.0)
        scale = np.where(good, _scales(_scaled(request, delta, last), last, threads), scale)
        if not (np.abs(scale - last) > tolerance * last)[good].any():
            break
    return scale


def _scaled(request: Request, delta: float, scale: NDArray[np.float64]) -> Request:
    table = request.table
    each = np.repeat(scale, np.diff(table.offsets))
    sigma = each if table.sigma is None else table.sigma * each
    return replace(request, table=replace(table, sigma=read_only(sigma)), loss=Huber(delta))


def _scales(request: Request, unit: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
    """Return 1.4826 x median |r| x sqrt(n/(n - p)) of each group's fit, in the units of the residual.

    Parameters
    ----------
    request
        The question that is fitted.
    unit
        What the residuals of each group are divided by in it, beside sigma.
    threads
        Number of threads, 1 or more.
    """
    columns, interrupted = request.fit(None, threads=threads)
    if interrupted:
        raise KeyboardInterrupt
    free, scale = len(request.free), np.full(request.table.groups, np.nan)
    for group, params in enumerate(columns.params):
        if np.isfinite(params).all():
            point = dict(zip(request.names, params.tolist(), strict=True))
            residual = request.rows(group, point).residual
            scale[group] = robust_scales(residual, request.counts(group), free, 0)[0] * unit[group]
    return scale
