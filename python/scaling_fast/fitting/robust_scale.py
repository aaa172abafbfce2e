"""The scale of a Huber loss that follows the residuals, iterated with the fit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ConvergenceError, DataError, ParameterError
from scaling_fast.fitting.estimates import Estimates
from scaling_fast.fitting.status import status_sentence
from scaling_fast.losses.sums import Huber

if TYPE_CHECKING:
    from scaling_fast.fitting.request import Request

__all__ = ["MAD_TO_SIGMA", "mad_scale"]


MAD_TO_SIGMA = 1.4826
"""1 / (the normal quantile of 3/4): the factor from the median absolute deviation of normal noise to its sd."""


MOST_ROUNDS, SCALE_TOLERANCE = 100, 1e-12
"""Most rounds of `scale="mad"`, and the relative change of the scale that ends them."""


def mad_scale(request: Request, delta: float, threads: int) -> float:
    """Return 1.4826 x median |r| of the Huber fit whose delta is `delta` times that same scale."""
    if request.table.groups != 1:
        raise ParameterError(
            'scale="mad" works for a single fit, not for groups; leave out by=, or leave out scale=',
            code="scale",
            param="loss",
        )
    scale = _scale(request, threads)
    # Fit and scale alternate, as in nlrob of R's robustbase, which converges.
    for _ in range(MOST_ROUNDS):
        last, scale = scale, _scale(replace(request, loss=Huber(delta * scale)), threads)
        if abs(scale - last) <= SCALE_TOLERANCE * scale:
            break
    return scale


def _scale(request: Request, threads: int) -> float:
    columns, _ = request.fit(None, threads=threads)
    point = Estimates(request, columns.params).point(0)
    if not all(math.isfinite(value) for value in point.values()):
        raise ConvergenceError(status_sentence("not_finite"), code="not_finite")
    scale = MAD_TO_SIGMA * float(np.median(np.abs(request.rows(0, point)[0])))
    if scale <= 0.0:
        raise DataError(
            'the residuals have no scale, so scale="mad" cannot be used', code="no_scale"
        )
    return scale
