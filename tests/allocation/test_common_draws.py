"""One set of draws through all approaches: those of `bootstrap` under every scheme, and what they lie around."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from isoflop import noisy_surface
from outcomes import codes

import scaling_fast as sf

SCHEMES = {
    "wild": sf.Wild(),
    "webb": sf.Wild("webb", cluster="series"),
    "parametric": sf.Parametric(),
    "strata": sf.Strata("series"),
    "bayesian": sf.Bayesian(),
    "subsample": sf.Subsample(50),
    "clusters": sf.Clusters("series"),
}


@pytest.fixture(scope="module")
def runs():
    return noisy_surface(noise=0.002, seed=1, points=9, factor=5.0, budgets=6)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_draws_of_approach_3_are_those_of_a_bootstrap_under_any_scheme(runs, scheme):
    found = sf.approaches(runs, scheme=scheme, n=40, seed=3)
    boot = sf.bootstrap(sf.fit(runs, "chinchilla"), scheme, n=40, seed=3)
    assert found.draws.filter(approach=3)["a"].to_list() == boot.draws["a"].to_list()


@pytest.mark.parametrize("scheme", [sf.Residuals(), sf.Wild(), sf.Parametric()])
def test_all_approaches_see_the_losses_that_approach_3_was_refitted_to(runs, scheme):
    """The losses of a replicate, written out, give its three lines."""
    fit = sf.fit(runs, "chinchilla")
    found = sf.approaches(runs, scheme=scheme, n=12, seed=3)
    draws = losses_of(fit, runs, scheme, 12, 3)
    for replicate in (0, 11):
        drawn = runs.with_columns(loss=pl.Series(draws[replicate]))
        alone = [
            sf.allocation.approach1(drawn).exponents["a"],
            sf.allocation.approach2(drawn).exponents["a"],
            sf.fit(drawn, "chinchilla").derived["a"],
        ]
        ours = found.draws.filter(replicate=replicate)["a"].to_list()
        assert ours == pytest.approx(alone, rel=1e-6)


def losses_of(fit, runs, scheme, count, seed):
    """Return the losses of each replicate, through the door that `approaches` uses."""
    from scaling_fast.allocation.budgets import read_runs
    from scaling_fast.allocation.common_draws import CommonDraws

    read = read_runs(runs, columns=None, target="loss", flops=None, budget=None, width=0.1)
    drawn = CommonDraws.of(read, fit, scheme, n=count, starts="warm", seed=seed, threads=1)
    return drawn.rows.loss


def test_residuals_are_drawn_from_the_enlarged_and_centred_ones_of_the_surface(runs):
    """Every ln f - ln y* is one of r/sqrt(1 - h) minus their centre, times sqrt(n/(n - k)), up to 3 scales."""
    loss = sf.Squared()
    fit = sf.fit(runs, "chinchilla", loss=loss)
    drawn = np.log(fit.predict()["prediction"].to_numpy()) - np.log(
        losses_of(fit, runs, sf.Residuals(), 50, 8)
    )
    jacobian = fit.request.jacobian(fit.params)
    q = np.linalg.qr(jacobian)[0]
    pool = fit.residuals() / np.sqrt(1.0 - (q**2).sum(axis=1))
    pool = (pool - pool.mean()) * math.sqrt(54 / 49)
    end = 3 * 1.4826 * np.median(np.sort(np.abs(pool))[5:])
    pool = pool.clip(-end, end)
    apart = np.abs(drawn[:, :, None] - pool).min(axis=2)
    assert apart.max() < 1e-9
    # Each of 54 is drawn 50 times on average: standard deviation 7.
    place = np.abs(drawn[:, :, None] - pool).argmin(axis=2)
    assert np.abs(np.bincount(place.ravel(), minlength=54) - 50).max() < 6 * 7


def test_intervals_of_made_up_losses_lie_around_each_approachs_own_estimate(runs):
    """A draw tells how far noise moves an approach from what it makes of the surface without noise."""
    found = sf.approaches(runs, at=1e23, n=400, seed=2)
    fit = sf.fit(runs, "chinchilla")
    quiet = runs.with_columns(loss=fit.predict()["prediction"])
    centre = sf.allocation.approach2(quiet).exponents["a"]
    draws = found.draws.filter(approach=2)["a"].to_numpy()
    row = found.table.filter(approach=2, quantity="a").row(0, named=True)
    ends = row["estimate"] + np.quantile(draws - centre, [0.025, 0.975])
    assert [row["lower"], row["upper"]] == pytest.approx(list(ends), rel=1e-9)
    for row in found.table.iter_rows(named=True):
        assert row["lower"] < row["estimate"] < row["upper"]


def test_a_run_that_no_weight_can_move_leaves_approach_1_without_an_interval(runs):
    """Under smooth weights the best run stays the best: no interval of width zero, and no z."""
    found = sf.approaches(runs, scheme=sf.Bayesian(), n=50)
    first = found.table.filter(approach=1, quantity="a").row(0, named=True)
    assert math.isnan(first["error"])
    assert math.isnan(first["lower"])
    z = found.disagreement.filter(quantity="a").select("first", "z").rows()
    assert [math.isnan(value) for _, value in z] == [True, True, False]
    assert "no_spread" in codes(found)
    assert "approaches_disagree" not in codes(found)


def test_a_run_that_diverged_is_not_the_noise_of_the_others(runs):
    """One loss of 9.7 among 54: errors of drawn residuals stay within 40 %."""
    wrong = runs.with_columns(
        loss=pl.when(pl.int_range(pl.len()) == 23).then(9.7).otherwise(pl.col("loss"))
    )
    clean, spoilt = (sf.approaches(frame, n=300, seed=6) for frame in (runs, wrong))
    for approach in (2, 3):
        before, after = (
            found.table.filter(approach=approach, quantity="a")["error"].item()
            for found in (clean, spoilt)
        )
        assert 0.7 < after / before < 1.4


def test_a_jackknife_and_a_subsample_have_the_errors_of_an_estimate(runs):
    """Within a factor of two of those of drawn pairs, though their draws spread far less."""
    wanted = {}
    for scheme in (sf.Pairs(), sf.Jackknife(), sf.Subsample(40)):
        n = None if scheme.name == "jackknife" else 300
        found = sf.approaches(runs, scheme=scheme, n=n, seed=4)
        wanted[scheme.name] = found.table.filter(approach=3, quantity="a")["error"].item()
    assert 0.5 < wanted["jackknife"] / wanted["pairs"] < 2.0
    assert 0.5 < wanted["subsample"] / wanted["pairs"] < 2.0


def test_three_runs_a_budget_have_intervals():
    """A parabola of three runs needs all three: drawing runs loses most replicates, drawing residuals none."""
    runs = noisy_surface(noise=0.001, seed=4, points=3, factor=4.0, budgets=5)
    found = sf.approaches(runs, n=200)
    assert found.failures.height == 0
    for row in found.table.filter(approach=2).iter_rows(named=True):
        assert row["lower"] < row["estimate"] < row["upper"]
    drawn = sf.approaches(runs, scheme=sf.Pairs(), n=200)
    assert math.isnan(drawn.table.filter(approach=2, quantity="a")["lower"].item())
    assert any("scheme=Residuals()" in finding.advice for finding in drawn.findings)


def test_drawn_runs_give_the_figures_that_were_recomputed_independently():
    """The design of docs/guide/allocation.md: estimates, percentiles and z by numpy on the same Philox draws."""
    surface = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    sizes = [
        (c, 0.09 * c**0.5 * k)
        for c in (1e18, 1e19, 1e20, 1e21)
        for k in (0.2, 0.4, 0.7, 1, 1.5, 3, 6)
    ]
    design = {"N": [n for _, n in sizes], "D": [c / 6 / n for c, n in sizes]}
    runs = sf.datasets.simulate("chinchilla", surface, design, noise=0.003, seed=1)
    found = sf.approaches(runs, scheme=sf.Pairs(), at=1e23, n=500)
    exponents = found.table.filter(quantity="a")
    assert exponents["estimate"].to_list() == pytest.approx(
        [0.570437, 0.518936, 0.515416], abs=5e-7
    )
    ends = exponents.select("lower", "upper").rows()
    assert ends[0] == pytest.approx((0.40070, 0.67609), abs=5e-6)
    assert ends[1] == pytest.approx((0.50615, 0.55835), abs=5e-6)
    z = found.disagreement.filter(quantity="a")["z"]
    assert z[0] == pytest.approx(0.7224, abs=5e-5)
