"""The beta-binomial likelihood of repeated attempts, plain and with problems that nothing solves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.downstream._pass_at_k import expected_failure
from scaling_fast.errors import ConvergenceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ZeroInflated", "maximum", "zero_inflated"]

ROUGH_GRADIENT = 1e-5
"""Gradient at which the search by values ends, well above their rounding."""

LEAST_GRADIENT = 1e-8
"""Largest gradient of the mean log-likelihood by ln alpha and ln beta at an optimum."""

WIDEST = 12.0
"""Largest |ln alpha| and |ln beta|: beyond it problems are equally hard, or each always or never solved."""

SHARES = (0.0, 0.5, 0.9)
"""Where the search for the share of impossible problems begins, in shares of the unsolved ones."""


@dataclass(frozen=True, slots=True)
class ZeroInflated:
    """A beta distribution of difficulty, and a share of problems that no number of attempts solves.

    Attributes
    ----------
    alpha, beta
        Parameters of the distribution among the other problems.
    impossible
        The share of impossible problems, from 0.
    log_likelihood
        The log-likelihood, without the binomial coefficients as that of the plain fit.
    """

    alpha: float
    beta: float
    impossible: float
    log_likelihood: float

    def pass_at_k(self, k: float) -> float:
        """Return the expected share of problems solved in k attempts, for any k from 0."""
        return (1.0 - self.impossible) * (
            1.0 - expected_failure(k, alpha=self.alpha, beta=self.beta)
        )


def maximum(
    won: NDArray[np.float64], tried: NDArray[np.float64], mean: float
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Return (ln alpha, ln beta) of the maximum, and mean log-likelihood and Hessian there.

    Raises
    ------
    ConvergenceError
        If the likelihood has no sharp maximum.
    """
    from scipy.optimize import minimize, root

    pairs, times = np.unique(np.column_stack([won, tried]), axis=0, return_counts=True)
    share = times / times.sum()

    def parts(theta: NDArray[np.float64]) -> Any:
        return _likelihood(theta, pairs[:, 0], pairs[:, 1], share)

    rough = minimize(
        lambda theta: -parts(theta)[0],
        np.log([mean, 1.0 - mean]),
        jac=lambda theta: -parts(theta)[1],
        hess=lambda theta: -parts(theta)[2],
        method="trust-exact",
        options={"gtol": ROUGH_GRADIENT, "maxiter": 1000},
    )
    # Rounding hides the differences between values this close to the optimum, but not the gradient.
    best = root(
        lambda theta: parts(theta)[1], rough.x, jac=lambda theta: parts(theta)[2], tol=1e-13
    )
    value, gradient, hessian = parts(best.x)
    if not np.abs(gradient).max() <= LEAST_GRADIENT or not (np.linalg.eigvalsh(-hessian) > 0).all():
        raise ConvergenceError(
            "the likelihood has no sharp optimum: the attempts are too few to show how difficulty is "
            "distributed",
            code="not_converged",
        )
    return best.x, value, hessian


def zero_inflated(
    won: NDArray[np.float64], tried: NDArray[np.float64], theta: NDArray[np.float64], value: float
) -> ZeroInflated:
    """Return the most likely beta distribution with a share of impossible problems.

    Parameters
    ----------
    won, tried
        Successes and attempts of each problem, shape (problems,).
    theta, value
        (ln alpha, ln beta) of the maximum without impossible problems, and the mean log-likelihood
        there: it is kept where nothing is better.
    """
    from scipy.optimize import minimize

    pairs, times = np.unique(np.column_stack([won, tried]), axis=0, return_counts=True)
    share = times / times.sum()
    successes, attempts = pairs.T
    unsolved = successes == 0.0
    most = float(share[unsolved].sum())
    best, point = value, np.array([*theta, 0.0])
    if most > 0.0:

        def negative(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            level, slope = _inflated(x, successes, attempts, share)
            return -level, -slope

        edges = [(-WIDEST, WIDEST), (-WIDEST, WIDEST), (0.0, most)]
        for part in SHARES:
            found = minimize(
                negative,
                np.clip([*theta, part * most], *np.transpose(edges)),
                jac=True,
                method="L-BFGS-B",
                bounds=edges,
                options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 1000},
            )
            if -found.fun > best:
                best, point = -found.fun, found.x
    alpha, beta = np.exp(point[:2]).tolist()
    return ZeroInflated(alpha, beta, float(point[2]), float(best * won.size))


def _inflated(
    x: NDArray[np.float64],
    won: NDArray[np.float64],
    tried: NDArray[np.float64],
    share: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean log-likelihood and its gradient in (ln alpha, ln beta, share of impossible problems)."""
    from scipy.special import betaln

    theta, impossible = x[:2], min(float(x[2]), 1.0 - 1e-12)
    a, b = np.exp(theta)
    value = betaln(a + won, b + tried - won) - betaln(a, b)
    possible = 1.0 - impossible
    plain = np.exp(value)
    with np.errstate(divide="ignore"):
        whole = np.log(impossible + possible * plain)
    unsolved = won == 0.0
    level = share @ np.where(unsolved, whole, value + np.log(possible))
    # An unsolved problem counts for the distribution with the chance that it is possible.
    chance = np.where(unsolved, possible * plain / np.exp(whole), 1.0)
    slope = _likelihood(theta, won, tried, share * chance)[1]
    by_share = np.where(unsolved, (1.0 - plain) / np.exp(whole), -1.0 / possible)
    return float(level), np.array([*slope, share @ by_share])


def _likelihood(
    theta: NDArray[np.float64],
    won: NDArray[np.float64],
    tried: NDArray[np.float64],
    share: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean log-likelihood, its gradient and Hessian in (ln alpha, ln beta)."""
    from scipy.special import betaln, digamma, polygamma

    a, b = np.exp(theta)
    scale = np.array([a, b])
    value = betaln(a + won, b + tried - won) - betaln(a, b)
    shared = digamma(a + b) - digamma(a + b + tried)
    first = share @ (digamma(a + won) - digamma(a) + shared)
    second = share @ (digamma(b + tried - won) - digamma(b) + shared)
    both = share @ (polygamma(1, a + b) - polygamma(1, a + b + tried))
    bend = np.full((2, 2), both)
    bend[0, 0] += share @ (polygamma(1, a + won) - polygamma(1, a))
    bend[1, 1] += share @ (polygamma(1, b + tried - won) - polygamma(1, b))
    gradient = scale * np.array([first, second])
    return float(share @ value), gradient, bend * np.outer(scale, scale) + np.diag(gradient)
