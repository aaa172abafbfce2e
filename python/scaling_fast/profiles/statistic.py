"""The statistic of a profile: how far the objective rises, in units that the residuals determine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError, ParameterError
from scaling_fast.findings import Finding
from scaling_fast.fitting.near_absolute import is_nearly_absolute, straight_share

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit

__all__ = ["Reference", "density_at_zero", "profile_reference"]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the rise of an objective is compared with.

    Attributes
    ----------
    label
        The statistic and its distribution, in words.
    threshold
        Quantile that the statistic reaches at the ends of the interval, above 0.
    statistic
        Function from an objective to the statistic, 0 at the fit's own.
    findings
        What is worth knowing about the statistic.
    """

    label: str
    threshold: float
    statistic: Callable[[float], float]
    findings: tuple[Finding, ...]


def profile_reference(fit: Fit, level: float) -> Reference:
    """Return the statistic of a fit's loss, and its quantile.

    Parameters
    ----------
    fit
        A single, converged fit.
    level
        Confidence level, between 0 and 1.

    Raises
    ------
    DataError
        Without a degree of freedom, or with too few different residuals to measure their density.
    ParameterError
        For a loss without a likelihood, or a level too close to 1.
    """
    from scipy.special import stdtrit

    total = fit.request.table.weight_sum
    freedom = total - fit.free_parameters
    if freedom <= 0:
        counted = f"{fit.n} rows"
        if fit.request.table.weights is not None:
            counted = f"weights that sum to {total:g}, which are frequencies,"
        raise DataError(
            f"{counted} leave no degree of freedom, so the noise cannot be estimated; add rows",
            code="no_dof",
        )
    # The quantile of F(1, n - p) is the square of Student's.
    threshold = float(stdtrit(freedom, 0.5 + level / 2)) ** 2
    if not math.isfinite(threshold):
        raise ParameterError(
            f"level `{level!r}` is so close to 1 that its interval has no end; use one such as 0.999",
            code="level",
            param="level",
        )
    label, statistic, findings = _statistic(fit, total, freedom)
    return Reference(f"{label}, F(1, n - p)", threshold, statistic, tuple(findings))


def _statistic(
    fit: Fit, total: float, freedom: float
) -> tuple[str, Callable[[float], float], list[Finding]]:
    name, best = fit.loss.name, fit.objective
    residual, psi, _, _ = fit.request.rows(0, fit.params)
    weights = fit.request.table.weights
    counts = np.ones(len(residual)) if weights is None else weights
    nearly = is_nearly_absolute(fit.request, fit.params)

    def squares(value: float) -> float:
        return max((value / best - 1.0) * freedom, 0.0)

    def likelihood(value: float) -> float:
        # For a normal likelihood exp(2 (l - l_min)/n) is RSS/RSS_min: this is `squares` again.
        return max(math.expm1(min(2.0 * (value - best) / total, 700.0)) * freedom, 0.0)

    if name == "squared" and not fit.request.is_likelihood:
        return "F = (RSS/RSS_min - 1)(n - p)", squares, []
    if name == "scaled_huber" and fit.scale and nearly:
        # Laplace's likelihood: its ratio is that of the sums of |r|, which are scaled as such sums are.
        sums = float(np.sum(counts * np.abs(residual)))
        factor = 4.0 * density_at_zero(residual, counts, total - freedom) * sums

        def laplace(value: float) -> float:
            return max(math.expm1(min((value - best) / total, 700.0)) * factor, 0.0)

        label = "4 f(0) (S - S_min), f(0) the residuals' density at 0"
        return label, laplace, _density_findings(fit)
    if fit.request.is_likelihood:
        return "(exp(2 ln(L/L_min)/n) - 1)(n - p) of the likelihood", likelihood, []
    if name not in ("absolute", "pinball", "huber"):
        raise ParameterError(
            f"{fit.loss!r} is not a likelihood of these residuals; fit with ScaledHuber(1.345), whose "
            "number is in scales of the residuals and not in their units, or with StudentT(4), or "
            "use bootstrap(fit).interval()",
            code="loss",
            param="fit",
        )
    if name == "huber" and straight_share(fit.request, fit.params) == 0.0:
        return "F = (RSS/RSS_min - 1)(n - p)", squares, []
    factor, label = _factor(fit, residual, psi, counts, freedom, nearly=nearly)

    def scaled(value: float) -> float:
        return max(factor * (value - best), 0.0)

    return label, scaled, _density_findings(fit)


def _factor(
    fit: Fit,
    residual: NDArray[np.float64],
    psi: NDArray[np.float64],
    counts: NDArray[np.float64],
    freedom: float,
    *,
    nearly: bool,
) -> tuple[float, str]:
    """Return 2 E psi'/E psi², which makes the rise of a sum of losses chi-squared, and its label."""
    total, constant = float(counts.sum()), fit.loss.spec()[1]
    if fit.loss.name == "huber" and not nearly:
        # psi' is 1 inside delta and 0 beyond, so its mean is the share of rows inside.
        inside = 1.0 - straight_share(fit.request, fit.params)
        square = float(np.sum(counts * psi**2)) / freedom
        return 2.0 * inside / square, "2 (S - S_min) E psi'/E psi²"
    density = density_at_zero(residual, counts, total - freedom)
    if fit.loss.name == "pinball":
        # psi jumps by 1 at 0, from tau - 1 to tau, and has variance tau (1 - tau).
        slope, square = density, constant * (1.0 - constant)
    elif fit.loss.name == "absolute":
        # psi jumps by 2, from -1 to 1.
        slope, square = 2.0 * density, 1.0
    else:
        # Too few rows lie inside delta to count them: their share is the width 2 delta times the density
        # at 0, which more rows determine.
        slope = min(1.0, 2.0 * constant * density)
        square = float(np.sum(counts * psi**2)) / freedom
    label = "2 (S - S_min) E psi'/E psi², E psi' by the residuals' density at 0"
    return 2.0 * slope / square, label


def density_at_zero(
    residual: NDArray[np.float64], counts: NDArray[np.float64], params: float
) -> float:
    """Return the density of the residuals at 0: one over the slope of their middle quantiles.

    As in Koenker's quantreg: the p residuals nearest to 0, which the fit makes 0, are left out, and the
    slope is that of the ordered residuals over their ranks, in a window of Hall and Sheather's width
    (1988, for 90 %).

    Parameters
    ----------
    residual
        Residuals in the units of the loss, shape (rows,).
    counts
        How often each row counts, 0 or more, shape (rows,).
    params
        Number of fitted parameters p, 0 or more.

    Raises
    ------
    DataError
        When too few residuals of the window differ.

    Examples
    --------
    >>> import numpy as np
    >>> even = np.linspace(-1.0, 1.0, 2001)
    >>> round(density_at_zero(even, np.ones(2001), 0), 2)
    0.5
    """
    total = float(counts.sum())
    # Hall and Sheather: n^(-1/3) z^(2/3) (1.5 phi(m)^2/(2 m^2 + 1))^(1/3) at the median m = 0, z for 90 %.
    wide = total ** (-1 / 3) * 1.6448536269514722 ** (2 / 3) * (1.5 / (2 * math.pi)) ** (1 / 3)
    first = min(params, total)
    last = min(first + max(params + 1.0, float(math.ceil(total * wide))) + 1.0, total)
    # The window counts weights, not rows: a row enters with the part of its weight that lies inside.
    nearest = np.argsort(np.abs(residual), kind="stable")
    ends = np.cumsum(counts[nearest])
    inside = np.clip(np.minimum(ends, last) - np.maximum(ends - counts[nearest], first), 0.0, None)
    order = np.argsort(residual[nearest], kind="stable")
    value, weight = residual[nearest][order], inside[order]
    window = float(weight.sum())
    # Least squares of the residuals on their mid-ranks; the ranks are one apart, so that their sum of
    # squares is w (w² - 1)/12 however many rows share one.
    ranks = np.cumsum(weight) - 0.5 * weight
    between = float(np.sum(weight * (ranks - 0.5 * window) * value))
    spread = window * (window * window - 1.0) / 12.0
    slope = between / spread * (total - params) if spread > 0.0 else 0.0
    if not slope > 0.0:
        raise DataError(
            "too few residuals differ to measure their density at 0, which scales this statistic; use "
            "bootstrap(fit).interval(), or Squared()",
            code="no_density",
        )
    return 1.0 / slope


def _density_findings(fit: Fit) -> list[Finding]:
    return [
        Finding(
            "estimated_density",
            "profile",
            "amber",
            f"{fit.loss!r} is not a normal likelihood of these {fit.n} rows: the statistic is scaled by the spread "
            "and the density of their residuals, which assumes errors of equal spread",
            advice="compare bootstrap(fit).interval(), which assumes less",
        )
    ]
