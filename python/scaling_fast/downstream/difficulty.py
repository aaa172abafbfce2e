"""The distribution of the difficulty of problems, from repeated attempts, and what it makes of pass@k."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from scaling_fast.downstream._pass_at_k import expected_failure
from scaling_fast.downstream.attempts import read_counts
from scaling_fast.downstream.beta_likelihood import ZeroInflated, maximum, zero_inflated
from scaling_fast.errors import ConvergenceError, DataError, ParameterError
from scaling_fast.findings import Finding, SummaryRepr, format_findings
from scaling_fast.laws.quantities import exp
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import checked_level, non_negative_number

__all__ = ["BetaBinomial", "beta_binomial"]

UNSOLVED_NEEDED = 0.1
"""Share of unsolved problems below which the tail of hard problems is hardly observed."""

CERTIFIED = 10.0
"""Attempts forecast per attempt made, up to which the counts bear the forecast out."""

TIMES = (1.0, 10.0, 100.0, 1000.0)
"""Attempts per attempt made at which pass@k is given where the caller names none."""

DIFFERENCE = 0.02
"""Difference of pass@k between two forms of the distribution that is worth a warning."""


@dataclass(frozen=True, slots=True, repr=False)
class BetaBinomial(SummaryRepr):
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
    attempts
        The median number of attempts at a problem.
    zero_inflated
        The same with a share of problems that no number of attempts solves.
    ks
        The numbers of attempts at which the two are compared.
    findings
        Warnings about the exponent, and about pass@k where the two differ.
    """

    alpha: float
    beta: float
    ln_alpha_error: float
    ln_beta_error: float
    log_likelihood: float
    problems: int
    unsolved: float
    attempts: float
    zero_inflated: ZeroInflated
    ks: tuple[float, ...]
    findings: tuple[Finding, ...]

    @property
    def exponent(self) -> float:
        """The exponent of the expected failures at large k, which is alpha."""
        return self.alpha

    def pass_at_k(self, k: float) -> float:
        """Return the expected share of problems solved in k attempts, for any k from 0.

        Counts of few attempts do not show whether some problems are impossible: `forecast` gives both
        answers.
        """
        return 1.0 - expected_failure(k, alpha=self.alpha, beta=self.beta)

    @property
    def certified_to(self) -> float:
        """The largest k that the counts may bear out: ten times the attempts."""
        return CERTIFIED * self.attempts

    def forecast(self, k: float | Sequence[float] | None = None) -> pl.DataFrame:
        """Return pass@k of the plain and of the zero-inflated distribution.

        Parameters
        ----------
        k
            Numbers of attempts, one or several, from 0; those of the call by default.

        Returns
        -------
        polars.DataFrame
            k, pass_at_k, zero_inflated, difference (the first minus the second), certified (whether k
            is at most ten times the attempts and the two differ by at most 2 percentage points).
        """
        rows = []
        for size in self.ks if k is None else _checked_ks(k):
            plain, other = self.pass_at_k(size), self.zero_inflated.pass_at_k(size)
            certified = size <= self.certified_to and abs(plain - other) <= DIFFERENCE
            rows.append((size, plain, other, plain - other, certified))
        names = ["k", "pass_at_k", "zero_inflated", "difference", "certified"]
        return pl.DataFrame(rows, schema=names, orient="row")

    def summary(self) -> str:
        """Return both distributions, their pass@k and the findings as text."""
        other = self.zero_inflated
        lines = [
            f"{self.problems} problems, {self.attempts:g} attempts each (median), "
            f"{100 * self.unsolved:.3g} % unsolved",
            f"  beta-binomial   alpha {self.alpha:.4g}   beta {self.beta:.4g}   "
            f"log-likelihood {self.log_likelihood:.2f}",
            f"  zero-inflated   alpha {other.alpha:.4g}   beta {other.beta:.4g}   "
            f"log-likelihood {other.log_likelihood:.2f}   impossible {100 * other.impossible:.3g} %",
        ]
        for size, plain, inflated, _, _ in self.forecast().iter_rows():
            is_near = size <= self.certified_to
            note = "" if is_near else f"   beyond 10 x attempts ({self.certified_to:g})"
            lines.append(f"  pass@{size:<10g} {plain:.4f}   zero-inflated {inflated:.4f}{note}")
        lines += format_findings(self.findings, 8)
        return "\n".join(lines)

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
def beta_binomial(
    frame: Any,
    *,
    successes: str = "successes",
    attempts: str = "attempts",
    k: float | Sequence[float] | None = None,
) -> BetaBinomial:
    """Return the maximum-likelihood beta distribution of the problems' probabilities of success.

    Parameters
    ----------
    frame
        Any frame, one row per problem; numbers of attempts may differ.
    successes, attempts
        Columns of whole numbers: c of n attempts succeeded.
    k
        Numbers of attempts at which pass@k is wanted, one or several, from 0; the median number of
        attempts and 10, 100 and 1,000 times as many by default.

    Returns
    -------
    BetaBinomial
        It holds the fit with a share of impossible problems as well. Counts of n attempts hardly tell
        the two apart, and far beyond n they differ: up to 10 n the forecast is certified, and where the
        two differ by more than 2 percentage points a finding says so.

    Raises
    ------
    ParameterError
        For a k that is negative or no number.
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
    asked = None if k is None else _checked_ks(k)
    won, tried = read_counts(frame, successes, attempts)
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
    best, value, hessian = maximum(won, tried, mean)
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian * len(won))))
    unsolved = float((won == 0).mean())
    alpha, beta = np.exp(best).tolist()
    typical = float(np.median(tried))
    plain = BetaBinomial(
        alpha=alpha,
        beta=beta,
        ln_alpha_error=float(errors[0]),
        ln_beta_error=float(errors[1]),
        log_likelihood=float(value * len(won)),
        problems=len(won),
        unsolved=unsolved,
        attempts=typical,
        zero_inflated=zero_inflated(won, tried, best, value),
        ks=tuple(asked or (times * typical for times in TIMES)),
        findings=(),
    )
    found = (
        *_tail(unsolved, len(won)),
        *_beyond(plain, asked or ()),
        *_disagreement(plain),
    )
    return replace(plain, findings=found)


def _checked_ks(k: Any) -> list[float]:
    several = k if isinstance(k, Sequence | np.ndarray) and not isinstance(k, str) else [k]
    if not len(several):
        raise ParameterError(
            "k is empty; give at least one number of attempts", code="empty", param="k"
        )
    return [non_negative_number(value, "k") for value in several]


def _beyond(found: BetaBinomial, asked: Sequence[float]) -> tuple[Finding, ...]:
    beyond = [size for size in asked if size > found.certified_to]
    if not beyond:
        return ()
    return (
        Finding(
            "beyond_attempts",
            "attempts",
            "amber",
            f"k = {_listed(beyond)} is more than ten times the attempts ({found.certified_to:g}): pass@k there "
            "is the form of the distribution, not the counts",
            statistic=max(beyond),
            threshold=found.certified_to,
            advice="Make more attempts at the unsolved problems, or report the range of `.forecast()`.",
        ),
    )


def _disagreement(found: BetaBinomial) -> tuple[Finding, ...]:
    table = found.forecast()
    apart = table.filter(pl.col("difference").abs() > DIFFERENCE)
    if not apart.height:
        return ()
    worst = apart.row(int(apart["difference"].abs().arg_max() or 0), named=True)
    gain = found.zero_inflated.log_likelihood - found.log_likelihood
    return (
        Finding(
            "impossible_problems",
            "attempts",
            "amber",
            f"with {100 * found.zero_inflated.impossible:.2g} % of impossible problems, which raises the "
            f"log-likelihood by {gain:.2g}, pass@k is another at k = {_listed(apart['k'].to_list())}: "
            f"{worst['zero_inflated']:.3f} instead of {worst['pass_at_k']:.3f} at k = {worst['k']:g}",
            statistic=worst["difference"],
            threshold=DIFFERENCE,
            evidence={"impossible": found.zero_inflated.impossible, "k": apart["k"].to_list()},
            advice="Report both, or make more attempts at the unsolved problems.",
        ),
    )


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


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
