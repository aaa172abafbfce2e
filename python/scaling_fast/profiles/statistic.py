"""What a profile holds against a quantile: the rise of an objective, in units its residuals give it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError, ParameterError
from scaling_fast.findings import Finding
from scaling_fast.fitting.near_absolute import is_nearly_absolute

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit

__all__ = ["density_at_zero", "profile_reference"]

Statistic = "Callable[[float], float]"


def profile_reference(
    fit: Fit, level: float
) -> tuple[str, float, Callable[[float], float], list[Finding]]:
    """Return the statistic in words, its quantile, the function of an objective, and cautions."""
    from scipy.special import stdtrit

    total = fit._weight_sum()
    freedom = total - sum(fit._moves(one) for one in fit.request.names)
    if freedom <= 0:
        counted = f"{fit.n} rows"
        if fit.request.table.weights is not None:
            counted = f"weights that sum to {total:g}, which are frequencies,"
        raise DataError(
            f"{counted} leave no degree of freedom, so the noise cannot be estimated; add rows",
            code="no_dof",
        )
    threshold = float(stdtrit(freedom, 0.5 + level / 2)) ** 2
    if not math.isfinite(threshold):
        raise ParameterError(
            f"level `{level!r}` is so close to 1 that its interval has no end; use one such as 0.999",
            code="level",
            param="level",
        )
    words, statistic, cautions = _statistic(fit, total, freedom)
    return f"{words}, F(1, n - p)", threshold, statistic, cautions


def _statistic(
    fit: Fit, total: float, freedom: float
) -> tuple[str, Callable[[float], float], list[Finding]]:
    name, best = fit.loss.name, fit.objective
    residual, psi, _, _ = fit.request.rows(0, fit.params)
    weights = fit.request.table.weights
    counts = np.ones(len(residual)) if weights is None else weights
    size, cautions = np.abs(residual), _cautions(fit)

    def squares(value: float) -> float:
        return max((value / best - 1.0) * freedom, 0.0)

    def likelihood(value: float) -> float:
        return max(math.expm1(min(2.0 * (value - best) / total, 700.0)) * freedom, 0.0)

    if name == "squared" and not fit.request.is_likelihood:
        return "F = (RSS/RSS_min - 1)(n - p)", squares, []
    if name == "scaled_huber" and fit.scale and is_nearly_absolute(fit.request, fit.params):
        # Laplace's likelihood: its ratio is that of the sums of |r|, which are scaled as such sums are.
        sums = float(np.sum(counts * size))
        factor = 4.0 * density_at_zero(residual, counts, total - freedom) * sums

        def laplace(value: float) -> float:
            return max(math.expm1(min((value - best) / total, 700.0)) * factor, 0.0)

        return "4 f(0) (S - S_min), f(0) the residuals' density at 0", laplace, cautions
    if fit.request.is_likelihood:
        return "(exp(2 ln(L/L_min)/n) - 1)(n - p) of the likelihood", likelihood, []
    if name not in ("absolute", "pinball", "huber"):
        raise ParameterError(
            f"{fit.loss!r} is no likelihood of these residuals; fit with ScaledHuber(1.345), whose "
            "number is in scales of the residuals and not in their units, or with StudentT(4), or "
            "use bootstrap(fit).interval()",
            code="loss",
            param="fit",
        )
    if name == "huber" and not (size > _delta(fit)).any():
        return "F = (RSS/RSS_min - 1)(n - p)", squares, []
    factor, words = _unit(fit, residual, psi, counts, freedom)

    def scaled(value: float) -> float:
        return max(factor * (value - best), 0.0)

    return words, scaled, cautions


def _unit(
    fit: Fit,
    residual: NDArray[np.float64],
    psi: NDArray[np.float64],
    counts: NDArray[np.float64],
    freedom: float,
) -> tuple[float, str]:
    """Return 2 E psi'/E psi², and the statistic in words."""
    total, delta = float(counts.sum()), _delta(fit)
    if fit.loss.name == "pinball":
        tau = delta
        slope, square = density_at_zero(residual, counts, total - freedom), tau * (1.0 - tau)
    elif fit.loss.name == "absolute":
        slope, square = 2.0 * density_at_zero(residual, counts, total - freedom), 1.0
    else:
        square = float(np.sum(counts * psi**2)) / freedom
        if not is_nearly_absolute(fit.request, fit.params):
            share = float(np.sum(counts * (np.abs(residual) > delta)) / counts.sum())
            return 2.0 * (1.0 - share) / square, "2 (S - S_min) E psi'/E psi²"
        # Few rows lie inside delta: their share is the density at 0 times the width, and told by more rows.
        slope = min(1.0, 2.0 * delta * density_at_zero(residual, counts, total - freedom))
    return (
        2.0 * slope / square,
        "2 (S - S_min) E psi'/E psi², E psi' by the residuals' density at 0",
    )


def _delta(fit: Fit) -> float:
    """Return the constant of the loss in units of the residuals."""
    constant = fit.loss.spec()[1]
    return constant * (fit.scale or 0.0) if fit.loss.name == "scaled_huber" else constant


def density_at_zero(
    residual: NDArray[np.float64], counts: NDArray[np.float64], params: float
) -> float:
    """Return the density of the residuals at 0: one over the slope of their middle quantiles.

    As in Koenker's quantreg, the p residuals nearest to 0, which the fit makes 0, are passed over, and the
    slope is that of the ordered residuals over the ranks of a window of Hall and Sheather's width
    (1988, for 90 %).

    Examples
    --------
    >>> import numpy as np
    >>> even = np.linspace(-1.0, 1.0, 2001)
    >>> round(density_at_zero(even, np.ones(2001), 0), 2)
    0.5
    """
    total = float(counts.sum())
    wide = total ** (-1 / 3) * 1.6448536269514722 ** (2 / 3) * (1.5 / (2 * math.pi)) ** (1 / 3)
    first = min(params, total)
    last = min(first + max(params + 1.0, float(math.ceil(total * wide))) + 1.0, total)
    nearest = np.argsort(np.abs(residual), kind="stable")
    ends = np.cumsum(counts[nearest])
    inside = np.clip(np.minimum(ends, last) - np.maximum(ends - counts[nearest], first), 0.0, None)
    order = np.argsort(residual[nearest], kind="stable")
    value, weight = residual[nearest][order], inside[order]
    held = float(weight.sum())
    ranks = np.cumsum(weight) - 0.5 * weight
    between = float(np.sum(weight * (ranks - 0.5 * held) * value))
    spread = held * (held * held - 1.0) / 12.0  # of ranks one apart, whatever rows share them
    slope = between / spread * (total - params) if spread > 0.0 else 0.0
    if not slope > 0.0:
        raise DataError(
            "too few residuals differ to tell their density at 0, by which this loss is judged; use "
            "bootstrap(fit).interval(), or Squared()",
            code="no_density",
        )
    return 1.0 / slope


def _cautions(fit: Fit) -> list[Finding]:
    return [
        Finding(
            "estimated_density",
            "profile",
            "amber",
            f"{fit.loss!r} is no normal likelihood of these {fit.n} rows: the statistic is scaled by the spread "
            "and the density of their residuals, which takes errors of equal spread for granted",
            advice="compare bootstrap(fit).interval(), which assumes less",
        )
    ]
