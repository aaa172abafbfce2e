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

    Floats = NDArray[np.float64]

__all__ = [
    "KNOTS",
    "ONE_INPUT_LEVEL",
    "TWO_INPUT_LEVEL",
    "Drift",
    "drift_of",
    "integrated",
    "process_factor",
]

ONE_INPUT_LEVEL, TWO_INPUT_LEVEL = 0.65, 0.80
"""One-sided level of the upper limit of the drift: chosen by simulation, so that 90 % of forecasts are covered."""

RATIOS = np.r_[0.0, np.geomspace(1e-6, 1e5, 150)]
"""tau^2/sigma^2 at which the restricted likelihood is computed."""

SHARED = np.r_[0.0, np.geomspace(0.05, 5e4, 25)]
"""Variance that the rows of a run share, over that of their own: checkpoints of a smooth run share nearly all."""

EXACT_ROWS, KNOTS = 300, 100
"""Rows up to which the process is exact at each; above, it is linear between so many knots of each scale."""

FLAT = 1e-12
"""Share of the largest eigenvalue below which a direction of the process is none."""

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
    jacobian: Floats,
    residual: Floats,
    at_targets: Floats,
    kernels: Sequence[tuple[Floats, Floats]],
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
    size = np.linalg.norm(jacobian, axis=0)
    size = np.where(size > 0.0, size, 1.0)
    scaled, asked = jacobian / size, at_targets / size
    found = [
        _kernel(scaled, residual, asked, rows, targets, limit, level, runs)
        for rows, targets in kernels
    ]
    best = max(kernel.ratio for kernel in found)
    near = [kernel.drift for kernel in found if kernel.ratio >= best - CLOSE]
    shared = max(kernel.shared for kernel in found)
    return Drift(found[0].noise, np.max(near, axis=0), best, shared)


def integrated(first: Floats, second: Floats) -> Floats:
    """Return the covariance of an integrated Wiener process from 0: m^2 (3 M - m)/6, m the smaller, M the larger.

    Parameters
    ----------
    first, second
        Decades, 0 or more, of shapes that broadcast.
    """
    small, large = np.minimum(first, second), np.maximum(first, second)
    return np.asarray(small * small * (3.0 * large - small) / 6.0)


def _kernel(
    jacobian: Floats,
    residual: Floats,
    at_targets: Floats,
    rows: Floats,
    targets: Floats,
    limit: float,
    level: float,
    runs: NDArray[np.int64] | None,
) -> Drift:
    """Return the half-widths under one kernel."""
    from scipy.stats import chi2
    from scipy.stats import t as student

    factor = np.concatenate(
        [process_factor(rows[:, scale]) for scale in range(rows.shape[1])], axis=1
    )
    shares = np.zeros(1) if runs is None else SHARED
    found = [_restricted(jacobian, factor, residual, share, runs) for share in shares]
    likelihood, variance = (np.array(part) for part in zip(*found, strict=True))
    at_best = np.argmax(likelihood, axis=0)
    profile = likelihood[at_best, np.arange(len(RATIOS))]
    quantile = chi2.ppf(2.0 * limit - 1.0, 1) + 1e-12
    largest = int(np.flatnonzero(2.0 * (profile.max() - profile) <= quantile)[-1])
    # The forecast is that of a fit that weighs all rows alike: so is the variance of its error.
    weights = at_targets @ np.linalg.pinv(jacobian)
    across = sum(
        integrated(targets[:, scale][:, None], rows[:, scale][None])
        for scale in range(rows.shape[1])
    )
    moved = (targets**3 / 3.0).sum(axis=1) - 2.0 * (weights * across).sum(axis=1)
    moved = np.maximum(moved + ((weights @ factor) ** 2).sum(axis=1), 0.0)
    independent = len(residual) if runs is None else int(runs.max()) + 1
    # Rows of one run tell the noise once.
    reach = student.ppf((1.0 + level) / 2.0, independent - jacobian.shape[1])

    def half_width(place: int) -> Floats:
        share = float(shares[at_best[place]])
        plain = (weights**2).sum(axis=1)
        if runs is not None:
            each_run = np.zeros((len(weights), independent))
            np.add.at(each_run.T, runs, weights.T)
            plain = plain + share * (each_run**2).sum(axis=1)
        squared = variance[at_best[place], place] * (plain + RATIOS[place] * moved)
        return np.asarray(reach * np.sqrt(squared))

    ratio = 2.0 * (profile.max() - profile[0])
    shared = float(shares[at_best[int(np.argmax(profile))]])
    return Drift(half_width(0), half_width(largest), float(ratio), shared)


def process_factor(decades: Floats) -> Floats:
    """Return B with B B' the covariance of the process at the rows, shape (rows, directions)."""
    at = np.unique(decades)
    if len(at) > EXACT_ROWS:
        at = np.linspace(at[0], at[-1], KNOTS)
    values, vectors = np.linalg.eigh(integrated(at[:, None], at[None]))
    kept = values > FLAT * max(values[-1], 1e-300)
    root = vectors[:, kept] * np.sqrt(values[kept])
    place = np.clip(np.searchsorted(at, decades, side="right") - 1, 0, max(len(at) - 2, 0))
    if len(at) == 1:
        return np.repeat(root, len(decades), axis=0)
    part = ((decades - at[place]) / (at[place + 1] - at[place]))[:, None]
    return np.asarray((1.0 - part) * root[place] + part * root[place + 1])


def _restricted(
    jacobian: Floats,
    factor: Floats,
    residual: Floats,
    share: float,
    runs: NDArray[np.int64] | None,
) -> tuple[Floats, Floats]:
    """Return the restricted log-likelihood and the variance of the noise at each ratio, shape (ratios,)."""
    sizes = np.zeros(0) if runs is None else np.bincount(runs).astype(np.float64)
    white = _whitened(np.column_stack([jacobian, factor, residual]), share, runs, sizes)
    parameters, count = jacobian.shape[1], len(residual)
    basis, triangle = np.linalg.qr(white[:, :parameters])
    rest = white[:, parameters:]
    rest = rest - basis @ (basis.T @ rest)
    process, noise = rest[:, :-1], rest[:, -1]
    values, vectors = np.linalg.eigh(process.T @ process)
    kept = values > FLAT * max(values[-1], 1e-300)
    values = values[kept]
    squared = (vectors[:, kept].T @ (process.T @ noise)) ** 2 / values
    # What no direction of the process explains is noise at every ratio.
    plain = max(float(noise @ noise) - float(squared.sum()), 0.0)
    stretched = 1.0 + RATIOS[:, None] * values
    left = count - parameters
    variance = np.maximum((plain + (squared / stretched).sum(axis=1)) / left, 1e-300)
    determinant = np.log1p(share * sizes).sum() / 2.0
    determinant += np.log(np.maximum(np.abs(np.diagonal(triangle)), 1e-300)).sum()
    likelihood = -0.5 * (left * np.log(variance) + np.log(stretched).sum(axis=1)) - determinant
    return likelihood, variance


def _whitened(
    columns: Floats, share: float, runs: NDArray[np.int64] | None, sizes: Floats
) -> Floats:
    """Return (I + share Z Z')^(-1/2) times some columns, Z the runs of the rows."""
    if runs is None or share == 0.0:
        return columns
    means = np.zeros((len(sizes), columns.shape[1]))
    np.add.at(means, runs, columns)
    means /= sizes[:, None]
    shrunk = 1.0 - 1.0 / np.sqrt(1.0 + share * sizes)
    return np.asarray(columns - (shrunk[:, None] * means)[runs])
