"""Repeated attempts: the unbiased pass@k, and what is expected of a beta distribution of difficulty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.downstream.attempts import read_counts
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import non_negative_number, number_between, whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["expected_failure", "pass_at_k"]

MOST_ATTEMPTS = 1_000_000
"""Attempts per problem above which pass@k is not computed."""


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
    won, tried = read_counts(frame, successes, attempts)
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


def _solved(won: NDArray[np.float64], tried: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return 1 - C(n-c, k)/C(n, k) of each problem, as 1 minus the product of 1 - k/j, n-c < j <= n."""
    pairs, place = np.unique(np.column_stack([won, tried]), axis=0, return_inverse=True)
    factors = (1.0 - k / np.arange(n - c + 1.0, n + 1.0) for c, n in pairs.tolist())
    # A factor that is not positive means fewer than k failures: any k attempts include a success.
    solved = np.array([1.0 if (terms <= 0.0).any() else 1.0 - np.prod(terms) for terms in factors])
    return solved[place.ravel()]
