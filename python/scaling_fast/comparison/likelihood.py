"""The likelihood that a fit stands for: of a loss at its own optimum, as a density of the target itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ParameterError
from scaling_fast.fitting.near_absolute import STRAIGHT
from scaling_fast.losses.registry import WITH_SCALE
from scaling_fast.losses.residual import LogExcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request
    from scaling_fast.losses.registry import Loss

    Floats = NDArray[np.float64]

__all__ = ["EXACT", "deviance", "deviances", "require_density"]

EXACT = 1e-9
"""Least mean size of residuals of a logarithm that is told apart from rounding."""

LEAST_LOG, MOST_LOG, STEPS = -14.0, 40.0, 70
"""Range of the logarithm of the precision in which its best value is looked for, and how often it is narrowed."""

STEP = 1e-5
"""Relative step of the derivative of a transform."""


def require_density(loss: Loss) -> None:
    """Refuse a loss that no density has.

    Raises
    ------
    ParameterError
        For `Tukey`, which is the same for all residuals far away.
    """
    if loss.name == "tukey":
        raise ParameterError(
            "the loss Tukey has no likelihood: it counts every row far away alike, so no density has it; fit "
            "with Huber(1e-3), StudentT(4) or Squared()",
            code="loss",
            param="loss",
        )


def deviance(loss: Loss, residual: Floats, *, straight: bool) -> Floats:
    """Return -2 ln L of residuals under the density that a loss stands for, at the scale that fits best.

    `Squared` is the normal density, and a loss that is straight for most rows Laplace's; any other loss rho the
    density exp(-rho(r)/s^2)/Z(s), whose optimum for a given s is that of the loss.

    Parameters
    ----------
    loss
        A loss that is a plain sum over the rows.
    residual
        Residuals at the optimum of the loss, shape (data sets, rows).
    straight
        Whether the loss is straight for most rows.

    Examples
    --------
    >>> from scaling_fast.losses.sums import Squared
    >>> float(deviance(Squared(), np.array([[1.0, -1.0]]), straight=False)[0].round(6))
    5.675754
    """
    rows = residual.shape[-1]
    if loss.name == "pinball":
        tau = float(loss.tau)  # type: ignore[union-attr]
        size = np.maximum(-tau * residual, (1.0 - tau) * residual).mean(axis=-1)
        return np.asarray(2.0 * rows * (np.log(np.maximum(size, EXACT) / (tau * (1.0 - tau))) + 1))
    if loss.name == "absolute" or (straight and loss.name in STRAIGHT):
        size = np.maximum(np.abs(residual).mean(axis=-1), EXACT)
        return np.asarray(2.0 * rows * (np.log(2.0 * size) + 1.0))
    if loss.name == "squared":
        variance = np.maximum((residual**2).mean(axis=-1), EXACT**2)
        return np.asarray(rows * (np.log(2.0 * math.pi * variance) + 1.0))
    width = float(loss.scale if loss.name == "log_cosh" else loss.delta)  # type: ignore[union-attr,arg-type]
    ratio = np.maximum(np.abs(residual) / width, EXACT / width)
    mean = SHAPES[loss.name](ratio).mean(axis=-1)
    return np.asarray(2.0 * rows * (_least(mean, NORMALISERS[loss.name]) + math.log(width)))


def deviances(request: Request, params: Floats, objective: Floats, *, straight: bool) -> Floats:
    """Return -2 ln L of the targets of each group at its optimum, shape (groups,).

    Parameters
    ----------
    request
        A question whose groups have equally many rows.
    params, objective
        The optima, shape (groups, parameters), and the objectives there; all finite.
    straight
        Whether the loss is straight for most rows.
    """
    target = request.table.target.reshape(len(params), -1)
    floor, excess = request.residual, np.zeros(len(params))
    if isinstance(floor, LogExcess):
        at = params[:, request.names.index(floor.param), None]
        excess = 2.0 * np.log(np.maximum(target - at, 1e-300)).sum(axis=1)
    term = _jacobian_term(request, target)
    if request.loss.name in WITH_SCALE:
        inside = isinstance(floor, LogExcess) and floor.jacobian
        return np.asarray(2.0 * objective + term + (0.0 if inside else excess))
    rows = request.question.rows
    residual = np.array([rows(group, point)[0] for group, point in enumerate(params.tolist())])
    return deviance(request.loss, residual, straight=straight) + excess + term


def _jacobian_term(request: Request, target: Floats) -> Floats:
    """Return -2 times the sum over the rows of ln |dg/dy|, g what the residual is the difference of.

    Added to -2 ln L of the residuals it is that of the target, whatever the scale of the residuals. The floor of a
    `LogExcess` has its own.
    """
    program = request.program
    if program.transform is not None:
        flat = np.ascontiguousarray(target.reshape(-1))
        step = STEP * np.maximum(np.abs(flat), 1e-300)
        above, below = (np.asarray(program.transform_target(flat + way)) for way in (step, -step))
        slopes = np.log(np.abs(above - below) / (2.0 * step)).reshape(target.shape)
        return np.asarray(-2.0 * slopes.sum(axis=1))
    if request.residual == "log":
        return np.asarray(2.0 * np.log(target).sum(axis=1))
    if request.residual == "logit":
        return np.asarray(2.0 * np.log(target * (1.0 - target)).sum(axis=1))
    return np.zeros(len(target))


def _least(mean: Floats, normaliser: Callable[[Floats], Floats]) -> Floats:
    """Return min over a of a mean + ln Z(a), a convex function of the precision a, by golden section in ln a."""
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    low, high = np.full(mean.shape, LEAST_LOG), np.full(mean.shape, MOST_LOG)

    def value(log_precision: Floats) -> Floats:
        precision = np.exp(log_precision)
        with np.errstate(all="ignore"):
            found = precision * mean + normaliser(precision)
        return np.where(np.isnan(found), np.inf, found)

    for _ in range(STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        nearer = value(left) <= value(right)
        low, high = np.where(nearer, low, left), np.where(nearer, right, high)
    return value((low + high) / 2.0)


def _huber_shape(ratio: Floats) -> Floats:
    return np.where(ratio <= 1.0, 0.5 * ratio**2, ratio - 0.5)


def _log_cosh_shape(ratio: Floats) -> Floats:
    return np.logaddexp(ratio, -ratio) - math.log(2.0)


def _huber_normaliser(precision: Floats) -> Floats:
    from scipy.special import ndtr

    corner = np.sqrt(precision)
    middle = 0.5 * np.log(2.0 * math.pi / precision) + np.log(2.0 * ndtr(corner) - 1.0)
    tails = math.log(2.0) - np.log(precision) - 0.5 * precision
    return np.asarray(np.logaddexp(middle, tails))


def _soft_l1_normaliser(precision: Floats) -> Floats:
    from scipy.special import k1e

    return np.asarray(math.log(2.0) + np.log(k1e(precision)))


def _log_cosh_normaliser(precision: Floats) -> Floats:
    from scipy.special import gammaln

    return np.asarray(
        0.5 * math.log(math.pi) + gammaln(precision / 2.0) - gammaln((precision + 1.0) / 2.0)
    )


def _cauchy_normaliser(precision: Floats) -> Floats:
    """Student's family with any power above 1."""
    from scipy.special import gammaln

    found = 0.5 * math.log(math.pi) + gammaln((precision - 1.0) / 2.0) - gammaln(precision / 2.0)
    return np.asarray(np.where(precision > 1.0, found, np.inf))


SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "huber": _huber_shape,
    "soft_l1": lambda ratio: np.sqrt(1.0 + ratio**2) - 1.0,
    "log_cosh": _log_cosh_shape,
    "cauchy": lambda ratio: 0.5 * np.log1p(ratio**2),
}
"""Loss over the square of its width, as a function of |r|/width."""

NORMALISERS: dict[str, Callable[[Floats], Floats]] = {
    "huber": _huber_normaliser,
    "soft_l1": _soft_l1_normaliser,
    "log_cosh": _log_cosh_normaliser,
    "cauchy": _cauchy_normaliser,
}
"""ln of the integral of exp(-a shape(u)) over u."""
