"""Covariances of estimates from the rows of a fit: the inverse Hessian, the sandwich, and likelihoods."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["covariance", "likelihood_covariance"]


def covariance(
    residual: NDArray[np.float64],
    psi: NDArray[np.float64],
    curvature: NDArray[np.float64],
    jacobian: NDArray[np.float64],
    *,
    free: Sequence[int],
    weights: NDArray[np.float64] | None,
    kind: str,
    clusters: NDArray[np.uint32] | None,
    given: bool,
) -> NDArray[np.float64]:
    """Return the covariance of the free parameters, shape (free, free).

    Parameters
    ----------
    residual, psi, curvature
        r, rho'(r) and rho''(r) of each row, shape (rows,).
    jacobian
        d residual / d parameter, shape (rows, parameters).
    free
        Places of the parameters that moved, counted from 0.
    weights
        How often each row counts, 0 or more, shape (rows,); None for once each.
    kind
        "hessian": s² (J'WJ)⁻¹. "sandwich": A⁻¹BA⁻¹, A = Σ w psi' JJ', B = Σ w psi² JJ'.
    clusters
        Cluster of each row, from 0; B then sums the scores of a cluster first. None for none.
    given
        Whether the noise has variance one instead of an estimated one (hessian only).

    Raises
    ------
    DataError
        When no degree of freedom is left, or there is one cluster only.
    """
    counts = np.ones(len(residual)) if weights is None else weights
    total = float(counts.sum())
    spare = total - len(free)
    if spare <= 0 and not given and clusters is None:
        counted = f"{len(residual)} rows" if weights is None else f"weights that sum to {total:g}"
        remedy = "add rows or fix parameters"
        if weights is not None:
            remedy = "weights are frequencies: give the number of times each row counts, or sigma="
        raise DataError(
            f"{counted} leave no degree of freedom for {len(free)} free parameters, so the noise "
            f"cannot be estimated; {remedy}",
            code="no_dof",
        )
    moving = jacobian[:, list(free)]
    bread = _inverse_gram(moving, counts * curvature)
    if kind == "hessian":
        variance = 1.0 if given else float(np.sum(counts * residual**2)) / spare
        return variance * bread
    if clusters is not None:
        scores = np.zeros((int(clusters.max()) + 1, len(free)))
        np.add.at(scores, clusters, moving * (counts * psi)[:, None])
        if len(scores) < 2:
            raise DataError("a clustered covariance needs at least two clusters", code="clusters")
        correction = len(scores) / (len(scores) - 1)
    else:
        scores = moving * (np.sqrt(counts) * psi)[:, None]
        correction = total / spare if spare > 0 else math.nan
    return np.asarray(correction * bread @ (scores.T @ scores) @ bread)


def likelihood_covariance(
    residual: NDArray[np.float64],
    psi: NDArray[np.float64],
    curvature: NDArray[np.float64],
    jacobian: NDArray[np.float64],
    *,
    free: Sequence[int],
    weights: NDArray[np.float64] | None,
    kind: str,
    clusters: NDArray[np.uint32] | None,
    floor: tuple[int, NDArray[np.float64], NDArray[np.float64]] | None,
) -> NDArray[np.float64]:
    """Return the covariance of the free parameters of a likelihood whose scale s is estimated too.

    The law and ln s are one vector of estimates, and the law's block of their covariance is
    returned, so that it includes what the unknown scale costs. Second derivatives of the law are
    left out, as in every covariance here.

    Parameters
    ----------
    residual, psi, curvature
        r, and the first two derivatives of the negative log-likelihood of a row by r; shape (rows,).
    jacobian
        d residual / d parameter, shape (rows, parameters).
    free, weights, clusters
        As in `covariance`.
    kind
        "hessian": the inverse of the observed information. "sandwich": A⁻¹BA⁻¹ of the joint scores.
    floor
        Place of E among the parameters, y - E and sigma of each row, where the sum of ln(y - E) is
        part of the likelihood; else None.

    Raises
    ------
    ParameterError
        When too few rows have curvature to measure any (a scaled Huber close to Laplace).
    DataError
        When no degree of freedom is left, or there is one cluster only.
    """
    counts = np.ones(len(residual)) if weights is None else weights
    total, moving = float(counts.sum()), jacobian[:, list(free)]
    curved = int(np.count_nonzero(curvature))
    if curved < CURVED_ROWS * len(free):
        raise ParameterError(
            f"only {curved} of {len(residual)} rows have curvature, too few for {len(free)} parameters, so the "
            "covariance cannot be computed from derivatives; use bootstrap(fit).cov() or profile(fit)",
            code="kink",
            param="kind",
        )
    scores = moving * psi[:, None]
    bread = moving.T @ (moving * (counts * curvature)[:, None])
    if floor is not None and floor[0] in free:
        # The Jacobian term ln(y - E) moves with E alone: one score, one entry of the curvature.
        place, left, sigma = list(free).index(floor[0]), *floor[1:]
        scores[:, place] -= 1.0 / left
        bread[place, place] += float(np.sum(counts * (psi / sigma - 1.0) / left**2))
    mixed = -moving.T @ (counts * (curvature * residual + psi))
    own = float(np.sum(counts * (curvature * residual**2 + psi * residual)))
    # Curvature and scores of the profile over the scale: the Schur complement of its own entry.
    inverse = _inverse_definite(bread - np.outer(mixed, mixed) / own)
    if kind == "hessian":
        return inverse
    scores -= np.outer(1.0 - psi * residual, mixed / own)
    if clusters is not None:
        summed = np.zeros((int(clusters.max()) + 1, len(free)))
        np.add.at(summed, clusters, scores * counts[:, None])
        if len(summed) < 2:
            raise DataError("a clustered covariance needs at least two clusters", code="clusters")
        return np.asarray(len(summed) / (len(summed) - 1) * inverse @ (summed.T @ summed) @ inverse)
    spare = total - len(free)
    if spare <= 0:
        raise DataError(
            f"{len(residual)} rows leave no degree of freedom for {len(free)} free parameters, so "
            "the noise cannot be estimated; add rows or fix parameters",
            code="no_dof",
        )
    meat = scores.T @ (scores * counts[:, None])
    return np.asarray(total / spare * inverse @ meat @ inverse)


CURVED_ROWS = 2
"""Rows per parameter in the quadratic zone of a density below which its curvature is chance."""


def _inverse_definite(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of a symmetric matrix; NaN unless it is positive definite."""
    scale = np.sqrt(np.abs(np.diag(matrix)))
    try:
        np.linalg.cholesky(matrix / np.outer(scale, scale))
        return np.asarray(np.linalg.inv(matrix / np.outer(scale, scale)) / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return np.full(matrix.shape, np.nan)


def _inverse_gram(
    jacobian: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (J'WJ)⁻¹ by a QR of the scaled columns, which does not square the condition number."""
    if (weights < 0).any():
        return _inverse_signed(jacobian, weights)
    rows = jacobian * np.sqrt(weights)[:, None]
    scale = np.linalg.norm(rows, axis=0)
    if not np.all(np.isfinite(scale)) or np.any(scale == 0.0):
        return np.full((rows.shape[1],) * 2, np.nan)
    triangle = np.linalg.qr(rows / scale, mode="r")
    if np.any(np.abs(np.diag(triangle)) < 1e-14):
        return np.full((rows.shape[1],) * 2, np.nan)
    inverse = np.linalg.solve(triangle, np.eye(len(scale)))
    return (inverse @ inverse.T) / np.outer(scale, scale)


def _inverse_signed(
    jacobian: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (J'WJ)⁻¹ with rows of a redescending loss that curve downwards; NaN unless positive definite."""
    return _inverse_definite(jacobian.T @ (jacobian * weights[:, None]))
