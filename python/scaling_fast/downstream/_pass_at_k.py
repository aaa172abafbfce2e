"""Repeated attempts: the unbiased pass@k, and its law from the distribution of difficulty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ConvergenceError, DataError, ParameterError, quote
from scaling_fast.findings import Finding
from scaling_fast.frames import read
from scaling_fast.laws.quantities import exp
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import (
    checked_level,
    non_negative_number,
    number_between,
    whole_number,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BetaBinomial", "beta_binomial", "expected_failure", "pass_at_k"]

MOST_ATTEMPTS = 1_000_000
"""Attempts per problem above which pass@k is not computed."""

UNSOLVED_NEEDED = 0.1
"""Share of unsolved problems below which the tail of hard problems is hardly observed."""

ROUGH_GRADIENT = 1e-5
"""Gradient at which the search by values ends, well above their rounding."""

LEAST_GRADIENT = 1e-8
"""Largest gradient of the mean log-likelihood by ln alpha and ln beta at an optimum."""


@ask_first
def pass_at_k(
    frame: Any,
    *,
    k: int | Sequence[int],
    successes: str = "successes",
    attempts: str = "attempts",
) -> pl.DataFrame:
    """Return the unbiased estimate of pass@k, the share of problems solved in k attempts.

    Parameters
    ----------
    frame
        Any frame, one row per problem.
    k
        One number of attempts or several, from 1 to the fewest attempts at any problem.
    successes, attempts
        Columns of whole numbers: c of n attempts succeeded.

    Returns
    -------
    polars.DataFrame
        k, pass_at_k (the mean over problems of 1 - C(n-c, k)/C(n, k)), error (standard error over
        problems).

    Raises
    ------
    DataError, ParameterError
        For counts that are not whole numbers, or a k above the attempts at some problem.

    Notes
    -----
    Estimates at several k share their problems: resample problems, not points of the curve.
    Source: Chen et al. 2021, arXiv:2107.03374.

    Examples
    --------
    >>> found = pass_at_k({"successes": [0, 1, 2], "attempts": [4, 4, 4]}, k=[1, 2])
    >>> [round(share, 6) for share in found["pass_at_k"]]
    [0.25, 0.444444]
    """
    won, tried = _counts(frame, successes, attempts)
    several = k if isinstance(k, Sequence | np.ndarray) else [k]
    ks = [whole_number(value, "k", 1) for value in several]
    if tried.max() > MOST_ATTEMPTS:
        row = int(np.argmax(tried))
        raise DataError(
            f"column {quote(attempts)} holds `{tried[row]:g}` in row {row}, more than the "
            f"{MOST_ATTEMPTS:,} attempts whose combinations are counted exactly",
            code="too_many",
            column=attempts,
            row=row,
        )
    if not ks:
        raise ParameterError(
            "k is empty; give at least one number of attempts", code="empty", param="k"
        )
    if max(ks) > int(tried.min()):
        raise DataError(
            f"pass@{max(ks)} needs {max(ks)} attempts at every problem, and row "
            f"{int(np.argmin(tried))} has {int(tried.min())}; ask beta_binomial(...) for a larger k",
            code="attempts",
            column=attempts,
            row=int(np.argmin(tried)),
        )
    rows = []
    for size in ks:
        solved = _solved(won, tried, size)
        error = float(solved.std(ddof=1) / math.sqrt(len(solved))) if len(solved) > 1 else math.nan
        rows.append((size, float(solved.mean()), error))
    return pl.DataFrame(rows, schema=["k", "pass_at_k", "error"], orient="row")


@dataclass(frozen=True, slots=True)
class BetaBinomial:
    """Problems whose probability of success follows a beta distribution.

    Attributes
    ----------
    alpha, beta
        Parameters of the distribution; -ln pass@k falls as k^-alpha, so alpha is the exponent of the
        tail.
    ln_alpha_error, ln_beta_error
        Standard errors of their logarithms, from the observed information.
    log_likelihood
        The log-likelihood without the binomial coefficients, which depend on no parameter.
    problems
        Number of problems.
    unsolved
        Share of problems without a success.
    findings
        Warnings about the exponent.
    """

    alpha: float
    beta: float
    ln_alpha_error: float
    ln_beta_error: float
    log_likelihood: float
    problems: int
    unsolved: float
    findings: tuple[Finding, ...]

    @property
    def exponent(self) -> float:
        """The exponent of the expected failures at large k, which is alpha."""
        return self.alpha

    def pass_at_k(self, k: float) -> float:
        """Return the expected share of problems solved in k attempts, for any k from 0."""
        return 1.0 - expected_failure(k, alpha=self.alpha, beta=self.beta)

    def interval(self, level: float = 0.95) -> pl.DataFrame:
        """Return confidence intervals of alpha and beta, normal on their logarithms.

        Parameters
        ----------
        level
            Confidence level, between 0 and 1.

        Returns
        -------
        polars.DataFrame
            name, estimate, lower, upper.
        """
        from scipy.special import ndtri

        z = float(ndtri(0.5 + checked_level(level) / 2))
        rows = [
            (name, value, value * exp(-z * error), value * exp(z * error))
            for name, value, error in (
                ("alpha", self.alpha, self.ln_alpha_error),
                ("beta", self.beta, self.ln_beta_error),
            )
        ]
        return pl.DataFrame(rows, schema=["name", "estimate", "lower", "upper"], orient="row")


@ask_first
def expected_failure(k: float, *, alpha: float, beta: float) -> float:
    """Return E[(1 - p)^k] for p of a beta distribution: B(alpha, beta + k)/B(alpha, beta).

    Parameters
    ----------
    k
        Number of attempts, not negative.
    alpha, beta
        Parameters of the distribution, positive.

    Raises
    ------
    ParameterError
        For an argument out of range.

    Examples
    --------
    >>> round(expected_failure(100, alpha=0.3, beta=1.5), 7)
    0.2630834
    """
    from scipy.special import betaln

    k = non_negative_number(k, "k")
    alpha, beta = number_between(alpha, "alpha"), number_between(beta, "beta")
    return float(np.exp(betaln(alpha, beta + k) - betaln(alpha, beta)))


@ask_first
def beta_binomial(
    frame: Any, *, successes: str = "successes", attempts: str = "attempts"
) -> BetaBinomial:
    """Return the maximum-likelihood beta distribution of the problems' probabilities of success.

    Parameters
    ----------
    frame
        Any frame, one row per problem; numbers of attempts may differ.
    successes, attempts
        Columns of whole numbers: c of n attempts succeeded.

    Raises
    ------
    DataError
        For counts that are not whole numbers, or attempts that all failed or all succeeded.
    ConvergenceError
        If the problems vary no more than equally hard ones would, or each is always or never solved:
        then the likelihood has no maximum.

    Notes
    -----
    The likelihood uses the counts of every problem, so it finds the exponent with far fewer attempts
    than a regression on the curve of pass@k. Source: Schaeffer et al. 2025, arXiv:2502.17578.

    Examples
    --------
    >>> found = beta_binomial({"successes": [0, 0, 0, 1, 2, 5, 9], "attempts": [10] * 7})
    >>> round(found.alpha, 2), round(found.beta, 2)
    (0.29, 0.91)
    """
    won, tried = _counts(frame, successes, attempts)
    mean = float(won.sum() / tried.sum())
    if mean in (0.0, 1.0):
        raise DataError(
            f"every attempt {'succeeded' if mean else 'failed'}, so difficulty does not vary; "
            "add problems or attempts",
            code="no_spread",
            column=successes,
        )
    # The slope of the log-likelihood in 1/(alpha + beta) at 0, where all problems are equally hard.
    lost = tried - won
    slope = won * (won - 1) / mean + lost * (lost - 1) / (1.0 - mean) - tried * (tried - 1)
    if slope.sum() <= 0.0:
        raise ConvergenceError(
            "the problems vary no more than equally hard ones would, so no beta distribution is best "
            "(several attempts at each problem are needed, and problems of different difficulty)",
            code="no_overdispersion",
        )
    if ((won == 0.0) | (won == tried)).all():
        raise ConvergenceError(
            "at every problem all attempts failed or all succeeded, so the likelihood grows without limit "
            "as alpha and beta fall to 0; add problems that are solved sometimes, or attempts",
            code="no_maximum",
        )
    best, value, hessian = _maximum(won, tried, mean)
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian * len(won))))
    unsolved = float((won == 0).mean())
    alpha, beta = np.exp(best).tolist()
    return BetaBinomial(
        alpha=alpha,
        beta=beta,
        ln_alpha_error=float(errors[0]),
        ln_beta_error=float(errors[1]),
        log_likelihood=float(value * len(won)),
        problems=len(won),
        unsolved=unsolved,
        findings=_tail(unsolved, len(won)),
    )


def _maximum(
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


def _tail(unsolved: float, problems: int) -> tuple[Finding, ...]:
    if unsolved >= UNSOLVED_NEEDED:
        return ()
    return (
        Finding(
            "few_unsolved",
            "attempts",
            "amber",
            f"{100 * unsolved:.1f} % of {problems} problems are unsolved: the exponent depends on hard "
            "problems, and there are hardly any",
            statistic=unsolved,
            threshold=UNSOLVED_NEEDED,
            advice="Add harder problems, or claim nothing about k beyond the attempts.",
        ),
    )


def _counts(
    frame: Any, successes: str, attempts: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    table = read(frame, names=[attempts], target=successes)
    won, tried = np.array(table.target), np.array(table.arrays[attempts])
    for name, values, bad in (
        (attempts, tried, (tried < 1) | (tried != np.floor(tried))),
        (successes, won, (won < 0) | (won != np.floor(won)) | (won > tried)),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"column {quote(name)} must hold whole numbers (attempts from 1, successes from 0 to the "
                f"attempts), got `{values[row]:g}` in row {row}",
                code="count",
                column=name,
                row=row,
            )
    return won, tried


def _solved(won: NDArray[np.float64], tried: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return 1 - C(n-c, k)/C(n, k) of each problem, as 1 minus the product of 1 - k/j, n-c < j <= n."""
    pairs, place = np.unique(np.column_stack([won, tried]), axis=0, return_inverse=True)
    factors = (1.0 - k / np.arange(n - c + 1.0, n + 1.0) for c, n in pairs.tolist())
    # A factor that is not positive means fewer than k failures: any k attempts include a success.
    solved = np.array([1.0 if (terms <= 0.0).any() else 1.0 - np.prod(terms) for terms in factors])
    return solved[place.ravel()]
