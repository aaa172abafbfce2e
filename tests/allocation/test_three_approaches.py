"""Approaches 1, 2 and 3 on one frame: common draws, differences with their own errors, failures counted."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from isoflop import noisy_surface

import scaling_fast as sf

A_TRUE = 0.37 / 0.72


def runs_of(points=9, factor=5.0):
    return noisy_surface(noise=0.002, seed=1, points=points, factor=factor)


@pytest.fixture(scope="module")
def runs():
    return runs_of()


@pytest.fixture(scope="module")
def found(runs):
    return sf.approaches(runs, at=[1e22, 1e24], scheme=sf.Pairs(), n=400, seed=5)


def draws_of(found, approach):
    return found.draws.filter(approach=approach)


def test_each_approach_is_what_it_is_alone(runs, found):
    alone = (sf.allocation.approach1(runs), sf.allocation.approach2(runs))
    for place, approach in enumerate(alone, 1):
        table = found.table.filter(approach=place)
        for name in ("a", "b"):
            assert table.filter(quantity=name)["estimate"].item() == approach.exponents[name]
        stars = table.filter(pl.col("flops") == 1e24)
        assert stars["estimate"].to_list() == pytest.approx(
            list(approach.at(1e24).values()), rel=1e-9
        )
    surface = sf.fit(runs, "chinchilla")
    third = found.table.filter(approach=3)
    assert third.filter(quantity="a")["estimate"].item() == surface.derived["a"]
    n_star = surface.derived["G"] * (1e24 / 6) ** surface.derived["a"]
    stars = third.filter(pl.col("flops") == 1e24)["estimate"].to_list()
    assert stars[0] == pytest.approx(n_star, rel=1e-9)
    assert stars[0] * stars[1] * 6 == pytest.approx(1e24, rel=1e-9)


def test_the_draws_are_those_of_the_pairs_bootstrap(runs, found):
    """Replicate i is replicate i of `bootstrap(fit, Pairs(), seed=5)`."""
    boot = sf.bootstrap(sf.fit(runs, "chinchilla"), n=400, seed=5)
    ours = draws_of(found, 3)["a"].to_numpy()
    assert ours == pytest.approx(boot.draws["a"].to_numpy(), rel=1e-7)


def test_the_draws_are_those_of_the_cluster_bootstrap(runs):
    found = sf.approaches(runs, scheme=sf.Clusters("series"), n=60, seed=2)
    boot = sf.bootstrap(sf.fit(runs, "chinchilla"), sf.Clusters("series"), n=60, seed=2)
    ours = draws_of(found, 3)["a"].to_numpy()
    good = np.isfinite(ours)
    assert ours[good] == pytest.approx(boot.draws["a"].to_numpy()[good], rel=1e-6)


def test_all_three_see_the_same_rows(runs, found):
    """Approaches 1 and 2 of a replicate are those of its rows, written out and repeated."""
    key = np.array([5, 1], dtype=np.uint64)
    for replicate in (0, 17, 399):
        counter = np.array([0, 0, replicate, 0], dtype=np.uint64)
        stream = np.random.Generator(np.random.Philox(key=key, counter=counter))
        rows = stream.integers(0, runs.height, runs.height)
        drawn = runs[pl.Series(rows)]
        for place, recipe in ((1, sf.allocation.approach1), (2, sf.allocation.approach2)):
            row = draws_of(found, place).filter(replicate=replicate)
            alone = recipe(drawn)
            assert row["a"].item() == pytest.approx(alone.exponents["a"], rel=1e-9)
            assert row["budgets"].item() == (alone.table["status"] == "used").sum()


def test_given_indices_are_the_same_draws(runs, found):
    key = np.array([5, 1], dtype=np.uint64)
    rows = [
        np.random.Generator(
            np.random.Philox(key=key, counter=np.array([0, 0, i, 0], dtype=np.uint64))
        ).integers(0, runs.height, runs.height)
        for i in range(40)
    ]
    given = sf.approaches(runs, scheme=sf.Indices(np.array(rows)))
    first = found.draws.filter(pl.col("replicate") < 40)
    for name in ("a", "ln_n0", "b", "ln_d0"):
        assert given.draws[name].to_numpy() == pytest.approx(first[name].to_numpy(), rel=1e-9)


def test_a_difference_has_the_error_of_common_draws(found):
    for row in found.disagreement.filter(quantity="a").iter_rows(named=True):
        one, two = (draws_of(found, row[k])["a"].to_numpy() for k in ("first", "second"))
        both = np.isfinite(one) & np.isfinite(two)
        assert row["error"] == pytest.approx((one - two)[both].std(ddof=1), rel=1e-12)
        cov = np.cov(one[both], two[both])
        assert row["covariance"] == pytest.approx(cov[0, 1], rel=1e-10)
        assert row["error"] ** 2 == pytest.approx(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1], rel=1e-9)
        assert row["z"] == pytest.approx(row["difference"] / row["error"], rel=1e-12)


def test_intervals_are_percentiles_of_the_draws(found):
    row = found.table.filter(approach=2, quantity="n_star").row(0, named=True)
    draws = draws_of(found, 2)
    n_star = np.exp(draws["ln_n0"] + draws["a"] * math.log(1e22)).to_numpy()
    ends = np.quantile(np.log(n_star), [0.025, 0.975])
    assert [math.log(row["lower"]), math.log(row["upper"])] == pytest.approx(ends, rel=1e-10)
    assert row["error"] == pytest.approx(np.log(n_star).std(ddof=1), rel=1e-9)


def test_the_three_agree_on_a_surface_they_all_fit(found):
    assert not [finding for finding in found.findings if finding.code == "approaches_disagree"]
    for lower, upper in found.table.filter(quantity="a").select("lower", "upper").iter_rows():
        assert lower < A_TRUE < upper


def test_windows_that_drift_make_parabolas_disagree_with_the_surface():
    """Sizes around N* at the lowest budget, around 6 N* at the highest: a tilt that no noise explains."""
    runs = runs_of(points=15, factor=8.0)
    drift = (np.arange(runs.height) // 15) / 5 * math.log(6)
    n = runs["N"].to_numpy() * np.exp(drift)
    c = 6 * runs["N"] * runs["D"]
    d = c.to_numpy() / 6 / n
    rng = np.random.default_rng(0)
    loss = 1.8 + 480 * n**-0.35 + 2100 * d**-0.37
    loss *= np.exp(0.0002 * rng.standard_normal(n.size))
    found = sf.approaches({"N": n, "D": d, "loss": loss}, n=300)
    row = found.disagreement.filter(quantity="a", first=2, second=3).row(0, named=True)
    assert abs(row["z"]) > 3
    assert [finding for finding in found.findings if finding.code == "approaches_disagree"]
    # The known bias on the fitted surface is that very difference.
    (bias,) = [
        finding
        for finding in found.findings
        if finding.code == "bias_on_surface" and finding.check == "approach 2"
    ]
    assert bias.severity == "amber"
    assert bias.statistic == pytest.approx(row["difference"], abs=3 * row["error"])


def test_replicates_without_a_line_keep_their_row_and_are_counted():
    """Two budgets of four runs each: many replicates lose one of them."""
    wide = runs_of(points=5)
    small = wide.filter(pl.int_range(pl.len()) < 10)
    found = sf.approaches(small, scheme=sf.Pairs(), n=200)
    counted = found.failures.filter(approach=2)
    assert found.draws.height == 600
    failed = draws_of(found, 2).filter(pl.col("status") != "converged")
    assert counted["count"].sum() == failed.height > 10
    assert failed["a"].is_nan().all()
    assert math.isnan(found.table.filter(approach=2, quantity="a")["lower"].item())
    red = [
        finding
        for finding in found.findings
        if finding.code == "failures" and finding.severity == "red"
    ]
    assert {finding.check for finding in red} >= {"approach 2"}
    assert "no interval" in found.summary()


def test_the_number_of_threads_changes_no_bit(runs):
    one, two = (sf.approaches(runs, n=50, threads=k) for k in (1, 2))
    assert one.draws.equals(two.draws)


def test_the_summary_says_what_the_tables_say(found):
    text = repr(found)
    assert text.startswith("<Approaches>")
    assert "400 common replicates" in text
    assert "a: 1 minus 2" in text
    assert "n_star at 1e+24" in text
    assert "<pre>" in found._repr_html_()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scheme": "pears"}, "did you mean `pairs`"),
        ({"starts": "cold"}, "starts must be"),
        ({"scheme": sf.Clusters("serie")}, "did you mean `series`"),
        ({"scheme": sf.Indices([[0, 99]])}, "99"),
        ({"scheme": sf.Indices([[0, 1]]), "n": 7}, "leave n out"),
        ({"n": 1}, "at least 2"),
        ({"at": "1e24"}, "at must be FLOP"),
        ({"at": [-1.0]}, "at must be a number above 0"),
        ({"level": 95}, "did you mean 0.95"),
        ({"target": "los"}, "did you mean `loss`"),
    ],
)
def test_a_refusal_says_what_is_wrong(runs, options, says):
    with pytest.raises(sf.ScalingError, match=says):
        sf.approaches(runs, **options)


def test_one_cluster_is_nothing_to_resample(runs):
    with pytest.raises(sf.errors.DataError, match="only one cluster"):
        sf.approaches(runs.with_columns(series=pl.lit(1)), scheme=sf.Clusters("series"))
