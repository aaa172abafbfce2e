"""Repeated attempts: exact shares, scipy's beta-binomial likelihood, intervals that cover."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from outcomes import codes
from scipy import stats

import scaling_fast as sf


def test_expected_failures_of_a_beta_distribution():
    """Alpha .3, beta 1.5 at k = 10, 100, 1000, 10000."""
    expected = [0.5097551, 0.2630834, 0.1322617, 0.0663084]
    found = [sf.downstream.expected_failure(k, alpha=0.3, beta=1.5) for k in (10, 100, 1e3, 1e4)]
    assert found == pytest.approx(expected, abs=5e-8)


def test_pass_at_k_is_the_share_of_subsets_with_a_success():
    won, tried = np.array([0, 1, 3, 7, 10]), np.full(5, 10)
    for k in (1, 2, 5, 10):
        exact = np.mean([1 - math.comb(10 - c, k) / math.comb(10, k) for c in won.tolist()])
        out = sf.downstream.pass_at_k({"successes": won, "attempts": tried}, k=k)
        assert out["pass_at_k"].item() == pytest.approx(exact, rel=1e-14)
    with pytest.raises(sf.errors.DataError, match=r"row 0 has 10; ask beta_binomial"):
        sf.downstream.pass_at_k({"successes": won, "attempts": tried}, k=11)


@pytest.fixture(scope="module")
def problems():
    rng = np.random.default_rng(8)
    tried = rng.choice([50, 100, 200], 400)
    return pl.DataFrame(
        {"successes": rng.binomial(tried, rng.beta(0.3, 1.5, 400)), "attempts": tried}
    )


def test_the_beta_binomial_optimum_is_scipys_likelihood(problems):
    found = sf.downstream.beta_binomial(problems)
    won, tried = problems["successes"].to_numpy(), problems["attempts"].to_numpy()

    def likelihood(a, b):
        return stats.betabinom.logpmf(won, tried, a, b).sum()

    best = likelihood(found.alpha, found.beta)
    step = 1e-3
    for a, b in ((1 + step, 1), (1 - step, 1), (1, 1 + step), (1, 1 - step)):
        assert likelihood(found.alpha * a, found.beta * b) < best
    # The observed information by second differences of scipy's likelihood.
    h = 1e-3
    value = [
        [
            likelihood(found.alpha * math.exp(i * h), found.beta * math.exp(j * h))
            for j in (-1, 0, 1)
        ]
        for i in (-1, 0, 1)
    ]
    aa = (value[2][1] - 2 * value[1][1] + value[0][1]) / h**2
    bb = (value[1][2] - 2 * value[1][1] + value[1][0]) / h**2
    ab = (value[2][2] - value[2][0] - value[0][2] + value[0][0]) / (4 * h**2)
    errors = np.sqrt(np.diag(np.linalg.inv(-np.array([[aa, ab], [ab, bb]]))))
    assert [found.ln_alpha_error, found.ln_beta_error] == pytest.approx(errors, rel=1e-4)
    assert found.exponent == found.alpha


def test_intervals_of_the_tail_exponent_cover():
    """Nominal 95 % of 100 tables: fewer than 89 would happen once in 250 (binomial)."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        tried = rng.choice([50, 100, 200], 300)
        won = rng.binomial(tried, rng.beta(0.3, 1.5, 300))
        found = sf.downstream.beta_binomial({"successes": won, "attempts": tried})
        lower, upper = found.interval().filter(name="alpha").select("lower", "upper").row(0)
        covered += lower < 0.3 < upper
    assert covered >= 89


def test_the_tail_exponent_beats_the_curve(problems):
    """Log-log slope of expected failures at large k is -alpha."""
    found = sf.downstream.beta_binomial(problems)
    one, two = (math.log(1 - found.pass_at_k(k)) for k in (1e6, 1e8))
    assert (one - two) / math.log(100) == pytest.approx(found.exponent, rel=1e-4)


def test_problems_without_spread_are_refused():
    even = {"successes": [5] * 20, "attempts": [10] * 20}
    with pytest.raises(sf.errors.ConvergenceError, match="equally hard"):
        sf.downstream.beta_binomial(even)
    with pytest.raises(sf.errors.ConvergenceError, match="several attempts"):
        sf.downstream.beta_binomial({"successes": [0, 1, 1], "attempts": [1, 1, 1]})
    with pytest.raises(sf.errors.DataError, match="every attempt failed"):
        sf.downstream.beta_binomial({"successes": [0, 0], "attempts": [9, 9]})
    with pytest.raises(sf.errors.DataError, match=r"got `7` in row 1"):
        sf.downstream.beta_binomial({"successes": [1, 7], "attempts": [5, 5]})
    easy = sf.downstream.beta_binomial({"successes": [1, 2, 9, 5, 8, 4], "attempts": [10] * 6})
    assert codes(easy)[0] == "few_unsolved"


P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


@pytest.mark.parametrize("attempts", [2**61, 1e301])
def test_attempts_beyond_counting_are_refused(attempts):
    with pytest.raises(D, match="in row 1") as caught:
        sf.downstream.pass_at_k({"successes": [0, 1], "attempts": [4, attempts]}, k=2)
    assert caught.value.row == 1


def test_problems_solved_always_or_never_have_no_best_beta():
    with pytest.raises(sf.errors.ConvergenceError, match="grows without limit"):
        sf.downstream.beta_binomial({"successes": [0, 10], "attempts": [10, 10]})
