"""How far a law may drift away beyond the runs, if it drifts no faster than the runs allow.

The law is taken to be right up to a sum of integrated Wiener processes in the logarithms of the inputs,
all with one scale tau, which is estimated from the residuals by restricted maximum likelihood (REML). Its
one-sided upper limit bounds how fast the local exponent wanders, and the variance of the error of
prediction beyond the runs follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ONE_INPUT_LEVEL", "TWO_INPUT_LEVEL", "Drift", "drift_of"]

ONE_INPUT_LEVEL, TWO_INPUT_LEVEL = 0.65, 0.80
"""One-sided level of the upper limit of the drift: chosen by simulation, so that 90 % of forecasts are covered."""

RATIOS = np.r_[0.0, np.geomspace(1e-6, 1e5, 150)]
"""tau^2/sigma^2 at which the restricted likelihood is computed."""

SHARED = np.r_[0.0, np.geomspace(0.05, 50.0, 12)]
"""Variance that the rows of a run share, over that of their own noise."""

CLOSE = 6.0
"""Twice the log-likelihood below the best kernel up to which a kernel counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """Half-widths of ln f at some targets.

    Attributes
    ----------
    noise
        Of the curve, from noise alone, shape (targets,).
    drift
        With the largest drift that the runs allow, shape (targets,).
    ratio
        Twice the log of the REML ratio of the best drift and none.
    shared
        Variance that the rows of a run share, over that of their own noise; 0 where every row is a run.
    """

    noise: NDArray[np.float64]
    drift: NDArray[np.float64]
    ratio: float
    shared: float


def drift_of(
    jacobian: NDArray[np.float64],
    residual: NDArray[np.float64],
    at_targets: NDArray[np.float64],
    kernels: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    *,
    limit: float,
    level: float,
    runs: NDArray[np.int64] | None = None,
) -> Drift:
    """Return the half-widths from noise and from drift.

    Of several kernels the wider counts, among those whose likelihood comes within 6 of the best.

    Parameters
    ----------
    jacobian
        d ln f / d parameter at the rows, shape (rows, parameters).
    residual
        ln y - ln f, clipped, shape (rows,).
    at_targets
        The same derivatives at the targets, shape (targets, parameters).
    kernels
        For each kernel the decades above the smallest input, of the rows and of the targets: shapes
        (rows, scales) and (targets, scales).
    limit
        One-sided level of the upper limit of the drift, above 0.5.
    level
        Confidence level of the half-widths, between 0 and 1.
    runs
        The run of each row, from 0, where rows of one run share an error; else None.
    """
    found = [
        _kernel(jacobian, residual, at_targets, rows, targets, limit, level, runs)
        for rows, targets in kernels
    ]
    best = max(kernel.ratio for kernel in found)
    near = [kernel.drift for kernel in found if kernel.ratio >= best - CLOSE]
    shared = max(kernel.shared for kernel in found)
    return Drift(found[0].noise, np.max(near, axis=0), best, shared)


def integrated(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of an integrated Wiener process from 0: m^2 (3 M - m)/6, m the smaller, M the larger.

    Parameters
    ----------
    first, second
        Decades, 0 or more, of shapes that broadcast.
    """
    small, large = np.minimum(first, second), np.maximum(first, second)
    return np.asarray(small * small * (3.0 * large - small) / 6.0)


def _kernel(
    jacobian: NDArray[np.float64],
    residual: NDArray[np.float64],
    at_targets: NDArray[np.float64],
    rows: NDArray[np.float64],
    targets: NDArray[np.float64],
    limit: float,
    level: float,
    runs: NDArray[np.int64] | None,
) -> Drift:
    """Return the half-widths under one kernel."""
    from scipy.stats import chi2
    from scipy.stats import t as student

    covariance = integrated(rows[:, None], rows[None]).sum(axis=2)
    across = integrated(targets[:, None], rows[None]).sum(axis=2)
    own = (targets**3 / 3.0).sum(axis=1)
    count, parameters = jacobian.shape
    left = count - parameters
    # Q spans what no change of the parameters can explain.
    orthogonal = np.linalg.qr(jacobian, mode="complete")[0][:, parameters:]
    shares = np.zeros(1) if runs is None else SHARED
    likelihood = np.empty((len(shares), len(RATIOS)))
    variance = np.empty_like(likelihood)
    same = np.zeros((count, count)) if runs is None else (runs[:, None] == runs[None]).astype(float)
    for place, share in enumerate(shares):
        likelihood[place], variance[place] = _restricted(
            orthogonal, covariance, share * same, residual
        )
    at_best = np.argmax(likelihood, axis=0)
    profile = likelihood[at_best, np.arange(len(RATIOS))]
    allowed = np.flatnonzero(
        2.0 * (profile.max() - profile) <= chi2.ppf(2.0 * limit - 1.0, 1) + 1e-12
    )
    # Rows of one run tell the noise once.
    told = left if runs is None else int(runs.max()) + 1 - parameters
    quantile = student.ppf((1.0 + level) / 2.0, told)

    def half_width(place: int) -> NDArray[np.float64]:
        share = shares[at_best[place]]
        noise = np.eye(count) + share * same
        weights = at_targets @ _generalised_inverse(jacobian, noise)
        plain = np.einsum("tr,rs,ts->t", weights, noise, weights)
        moved = own - 2.0 * (weights * across).sum(axis=1)
        moved = moved + np.einsum("tr,rs,ts->t", weights, covariance, weights)
        squared = variance[at_best[place], place] * (plain + RATIOS[place] * np.maximum(moved, 0.0))
        return np.asarray(quantile * np.sqrt(squared))

    ratio = 2.0 * (profile.max() - profile[0])
    shared = float(shares[at_best[int(np.argmax(profile))]])
    return Drift(half_width(0), half_width(int(allowed[-1])), float(ratio), shared)


def _generalised_inverse(
    jacobian: NDArray[np.float64], noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (J' N^-1 J)^-1 J' N^-1; its columns are scaled first, whose sizes differ by powers."""
    size = np.linalg.norm(jacobian, axis=0)
    size = np.where(size > 0.0, size, 1.0)
    factor = np.linalg.cholesky(noise)
    white = np.linalg.solve(factor, jacobian / size)
    return np.asarray((np.linalg.pinv(white) @ np.linalg.inv(factor)) / size[:, None])


def _restricted(
    orthogonal: NDArray[np.float64],
    covariance: NDArray[np.float64],
    shared: NDArray[np.float64],
    residual: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the restricted log-likelihood and the variance of the noise at each ratio, shape (ratios,)."""
    left = orthogonal.shape[1]
    noise = np.eye(left) + orthogonal.T @ shared @ orthogonal
    factor = np.linalg.cholesky(noise)
    white = np.linalg.solve(factor, orthogonal.T)
    values, vectors = np.linalg.eigh(white @ covariance @ white.T)
    rotated = vectors.T @ (white @ residual)
    sizes = 1.0 + RATIOS[:, None] * np.maximum(values, 0.0)
    variance = np.maximum((rotated * rotated / sizes).mean(axis=1), 1e-300)
    determinant = np.log(np.diagonal(factor)).sum()
    likelihood = -0.5 * (left * np.log(variance) + np.log(sizes).sum(axis=1)) - determinant
    return likelihood, variance
