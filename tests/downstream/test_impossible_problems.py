"""Problems that no number of attempts solves: the plain forecast beside the zero-inflated one."""

from __future__ import annotations

import numpy as np
import pytest
from outcomes import codes
from scipy import optimize, stats

import scaling_fast as sf


def problems_of(seed, impossible, *, count=150, attempts=20, alpha=0.8, beta=2.0):
    """Return counts of problems of which a share is never solved."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(alpha, beta, count) * (rng.random(count) >= impossible)
    return {"successes": rng.binomial(attempts, chance), "attempts": np.full(count, attempts)}


def likelihood(frame, alpha, beta, impossible):
    """Scipy's, without binomial coefficients."""
    won, tried = frame["successes"], frame["attempts"]
    chance = (1 - impossible) * stats.betabinom.pmf(won, tried, alpha, beta)
    whole = np.log(chance + impossible * (won == 0))
    return (whole - stats.binom.logpmf(won, tried, 0.5) - tried * np.log(2)).sum()


@pytest.mark.parametrize("seed", range(5))
def test_the_zero_inflated_fit_is_the_optimum_of_scipys_likelihood(seed):
    """Against a search without derivatives from ten places."""
    frame = problems_of(seed, 0.15)
    found = sf.downstream.beta_binomial(frame).zero_inflated
    ours = likelihood(frame, found.alpha, found.beta, found.impossible)
    assert ours == pytest.approx(found.log_likelihood, rel=1e-9)

    def negative(x):
        return -likelihood(frame, *np.exp(x[:2]), 1 / (1 + np.exp(-x[2])))

    rng = np.random.default_rng(seed)
    for _ in range(10):
        start = rng.normal(0.0, 1.5, 3)
        best = optimize.minimize(
            negative, start, method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-10}
        )
        assert ours >= -best.fun - 1e-6


def test_it_is_never_less_likely_than_the_plain_fit_and_equals_it_without_impossible_problems():
    for seed in range(10):
        found = sf.downstream.beta_binomial(problems_of(seed, 0.0))
        other = found.zero_inflated
        assert other.log_likelihood >= found.log_likelihood
        if other.impossible == 0.0:
            assert other.alpha == pytest.approx(found.alpha, rel=1e-4)
            assert other.pass_at_k(1e4) == pytest.approx(found.pass_at_k(1e4), abs=1e-4)


def test_tables_without_an_unsolved_problem_have_no_impossible_ones():
    easy = {"successes": [1, 2, 9, 5, 8, 4], "attempts": [10] * 6}
    found = sf.downstream.beta_binomial(easy)
    assert found.zero_inflated.impossible == 0.0
    assert codes(found) == ["few_unsolved"]


def test_a_tail_that_the_counts_do_not_settle_is_said():
    """Ten per cent impossible, 150 problems, 20 attempts: the plain forecast at 10,000 is 10 points too high.

    Of 40 tables, 24 or more have the finding; on average the zero-inflated forecast is right.
    """
    truth = 0.9 * (1 - sf.downstream.expected_failure(1e4, alpha=0.8, beta=2.0))
    found = [sf.downstream.beta_binomial(problems_of(seed, 0.1)) for seed in range(100, 140)]
    said = sum("impossible_problems" in codes(each) for each in found)
    assert said >= 24
    plain = np.mean([each.pass_at_k(1e4) for each in found])
    other = np.mean([each.zero_inflated.pass_at_k(1e4) for each in found])
    assert plain - truth > 0.06
    assert abs(other - truth) < 0.03


def test_both_forecasts_are_printed_with_the_range_that_is_certified():
    found = sf.downstream.beta_binomial(problems_of(104, 0.1), k=[20, 200, 10_000])
    table = found.forecast()
    assert table["k"].to_list() == [20.0, 200.0, 10_000.0]
    assert found.certified_to == 200.0
    assert not table["certified"][2]
    assert table["difference"].to_list() == pytest.approx(
        (table["pass_at_k"] - table["zero_inflated"]).to_list()
    )
    assert {"beyond_attempts", "impossible_problems"} <= set(codes(found))
    text = found.summary()
    for row in table.iter_rows(named=True):
        assert f"{row['pass_at_k']:.4f}" in text
        assert f"{row['zero_inflated']:.4f}" in text
    assert "beyond 10 x attempts (200)" in text
    assert "beyond_attempts" not in codes(sf.downstream.beta_binomial(problems_of(104, 0.1), k=200))


def test_the_plain_fit_is_the_one_that_was_recomputed_independently():
    table = {"successes": [0, 0, 0, 1, 2, 5, 9], "attempts": [10] * 7}
    found = sf.downstream.beta_binomial(table)
    assert (found.alpha, found.beta) == pytest.approx((0.291171, 0.909320), abs=5e-7)
    assert found.pass_at_k(1000) == pytest.approx(0.884263, abs=5e-7)


@pytest.mark.parametrize("k", [-1, "ten", [], [1, None]])
def test_a_k_that_is_no_number_of_attempts_is_refused(k):
    with pytest.raises(sf.errors.ParameterError):
        sf.downstream.beta_binomial(problems_of(1, 0.1), k=k)
