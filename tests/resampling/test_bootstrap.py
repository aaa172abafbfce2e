"""Bootstraps: the same bits however they are run, failures counted, intervals as documented.

The oracle of the random numbers is numpy.
"""

from __future__ import annotations

import _thread
import hashlib
import itertools
import threading
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

import scaling_fast as sf
from scaling_fast import _core

NAMES = ["E", "A", "alpha"]
LAW = "E + A*x**(-alpha)"
ROWS = 24


def runs_of(seed=0, rows=ROWS, noise=0.01):
    rng = np.random.default_rng(seed)
    x = np.geomspace(1e7, 1e10, rows)
    y = (1.8 + 400 * x**-0.34) * np.exp(noise * rng.standard_normal(rows))
    return pl.DataFrame({"x": x, "loss": y, "run": np.arange(rows), "budget": np.arange(rows) // 4})


@pytest.fixture(scope="module")
def runs():
    return runs_of()


@pytest.fixture(scope="module")
def squared(runs):
    return sf.fit(runs, LAW, columns={"x": "x"}, loss=sf.Squared())


@pytest.fixture(scope="module")
def huber(runs):
    return sf.fit(runs, LAW, columns={"x": "x"}, loss=sf.Huber(5e-3))


@pytest.fixture(scope="module")
def boot(squared):
    return sf.bootstrap(squared, n=1_001, seed=3)


def values(boot):
    return boot.draws.select("objective", *NAMES).to_numpy()


def same_bits(one, other):
    assert one.draws["status"].to_list() == other.draws["status"].to_list()
    np.testing.assert_array_equal(values(one), values(other))


def numpys_philox(seed, replicate, group):
    """The generator: key (seed, 1), counter (block, 0, replicate, group)."""
    key = np.array([seed, 1], dtype=np.uint64)
    return np.random.Philox(key=key, counter=np.array([0, 0, replicate, group], dtype=np.uint64))


def numpys_indices(seed, replicates, rows, group=0):
    generators = (np.random.Generator(numpys_philox(seed, i, group)) for i in range(replicates))
    return np.array([one.integers(0, rows, rows) for one in generators])


# -- the same bits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scheme",
    [sf.Pairs(), sf.Bayesian(), sf.Clusters("budget"), sf.Jackknife(), sf.Bayesian("budget")],
)
def test_the_number_of_threads_changes_no_bit(huber, scheme):
    """B4: threads 1, 2 and 8."""
    n = None if isinstance(scheme, sf.Jackknife) else 400
    digests = {sf.bootstrap(huber, scheme, n=n, seed=9, threads=one).digest for one in (1, 2, 8)}
    assert len(digests) == 1


@pytest.mark.parametrize("scheme", [sf.Pairs(), sf.Bayesian(), sf.Clusters("budget")])
def test_a_replicate_does_not_depend_on_how_many_there_are(huber, scheme):
    """B4: n = 50 is the head of n = 400."""
    few = sf.bootstrap(huber, scheme, n=50, seed=9)
    many = sf.bootstrap(huber, scheme, n=400, seed=9)
    assert few.draws.equals(many.draws.head(50))


def test_given_weights_do_not_depend_on_their_neighbours(huber):
    """Nothing learned from neighbours may change a replicate's bits."""
    rows = numpys_indices(4, 60, ROWS)
    together = sf.bootstrap(huber, sf.Indices(rows))
    reversed_ = sf.bootstrap(huber, sf.Indices(rows[::-1]))
    np.testing.assert_array_equal(values(together), values(reversed_)[::-1])
    alone = np.vstack([values(sf.bootstrap(huber, sf.Indices(rows[[i]]))) for i in range(5)])
    np.testing.assert_array_equal(values(together)[:5], alone)


@pytest.mark.parametrize("seed", [0, 5, 2**32 + 1, 2**64 - 1])
def test_pairs_are_numpys_philox(huber, seed):
    """Numpy's `Philox` is the oracle; every replicate again through Indices."""
    pairs = sf.bootstrap(huber, sf.Pairs(), n=40, seed=seed)
    same_bits(pairs, sf.bootstrap(huber, sf.Indices(numpys_indices(seed, 40, ROWS))))


@pytest.mark.parametrize(
    ("seed", "replicate", "group"), [(0, 0, 0), (7, 3, 2), (2**64 - 1, 2**40, 9)]
)
def test_the_words_are_numpys(seed, replicate, group):
    """Philox4x64-10, key (seed, 1), counter (block, 0, replicate, group)."""
    words = numpys_philox(seed, replicate, group).random_raw(37)
    assert np.asarray(_core.philox(seed, replicate, group, 37)).tolist() == words.tolist()


def test_clusters_of_one_row_are_pairs(huber):
    """B10: bitwise, apart from nothing."""
    clusters = sf.bootstrap(huber, sf.Clusters("run"), n=200, seed=2)
    pairs = sf.bootstrap(huber, sf.Pairs(), n=200, seed=2)
    assert clusters.digest == pairs.digest


def test_bayesian_clusters_of_one_row_are_rows(huber):
    """B10, the same for Bayesian weights."""
    clusters = sf.bootstrap(huber, sf.Bayesian("run"), n=200, seed=2)
    assert clusters.digest == sf.bootstrap(huber, sf.Bayesian(), n=200, seed=2).digest


def test_counts_as_weights_are_indices(huber):
    """A replicate is a table of weights; P2, bitwise."""
    rows = numpys_indices(1, 100, ROWS)
    counts = np.array([np.bincount(one, minlength=ROWS) for one in rows])
    assert (
        sf.bootstrap(huber, sf.Weights(counts)).digest
        == sf.bootstrap(huber, sf.Indices(rows)).digest
    )


def test_the_order_within_a_set_of_indices_is_no_matter(huber):
    rows = numpys_indices(1, 30, ROWS)
    assert (
        sf.bootstrap(huber, sf.Indices(np.sort(rows, axis=1))).digest
        == sf.bootstrap(huber, sf.Indices(rows)).digest
    )


def test_clusters_draw_whole_clusters_as_many_as_there_are(squared):
    """Each replicate again from numpy's draws of the six clusters."""
    drawn = sf.bootstrap(squared, sf.Clusters("budget"), n=30, seed=6)
    rows = [
        np.concatenate([np.arange(4 * one, 4 * one + 4) for one in clusters])
        for clusters in numpys_indices(6, 30, ROWS // 4)
    ]
    same_bits(drawn, sf.bootstrap(squared, sf.Indices(rows)))


def test_each_group_draws_by_its_place_in_sorted_key_order(runs):
    """Counter (block, 0, replicate, group in sorted key order); group 0 as if it were alone."""
    both = pl.concat(
        [runs_of(1).with_columns(key=pl.lit("b")), runs_of(2).with_columns(key=pl.lit("a"))]
    )
    grouped = sf.bootstrap(
        sf.fit(both, LAW, columns={"x": "x"}, loss=sf.Squared(), by="key"), n=25, seed=4
    )
    assert grouped.draws["key"].unique(maintain_order=True).to_list() == ["a", "b"]
    for group, (key, seed) in enumerate([("a", 2), ("b", 1)]):
        alone = sf.fit(runs_of(seed), LAW, columns={"x": "x"}, loss=sf.Squared())
        again = sf.bootstrap(alone, sf.Indices(numpys_indices(4, 25, ROWS, group)))
        part = grouped.draws.filter(pl.col("key") == key)
        assert part["replicate"].to_list() == list(range(25))
        np.testing.assert_array_equal(part.select("objective", *NAMES).to_numpy(), values(again))


def test_the_digest_is_the_documented_one(boot):
    """Sha256 of group, replicate, status, objective, parameters; little-endian."""
    hasher = hashlib.sha256()
    hasher.update(np.zeros(boot.n, "<u8").tobytes())
    hasher.update(np.arange(boot.n, dtype="<u8").tobytes())
    hasher.update(boot.draws["status"].to_physical().to_numpy().astype("u1").tobytes())
    for name in ("objective", *NAMES):
        hasher.update(boot.draws[name].to_numpy().astype("<f8").tobytes())
    assert boot.digest == hasher.hexdigest()


def test_seeds(squared):
    """Same seed, same draws; None draws one and remembers it for replay (O6)."""
    one = sf.bootstrap(squared, n=20, seed=1)
    assert one.digest == sf.bootstrap(squared, n=20, seed=1).digest
    assert one.digest != sf.bootstrap(squared, n=20, seed=2).digest
    free = sf.bootstrap(squared, n=20, seed=None)
    assert free.digest == sf.bootstrap(squared, n=20, seed=free.seed).digest
    assert free.digest != sf.bootstrap(squared, n=20, seed=None).digest


# -- what a replicate is -----------------------------------------------------------------------


def test_a_replicate_is_the_fit_of_its_rows(runs, huber):
    """Each of twenty replicates against `sf.fit` on the drawn rows themselves, 1e-9."""
    rows = numpys_indices(8, 20, ROWS)
    boot = sf.bootstrap(huber, sf.Indices(rows))
    for place, drawn in enumerate(rows):
        again = sf.fit(runs[drawn.tolist()], LAW, columns={"x": "x"}, loss=sf.Huber(5e-3))
        assert boot.draws["objective"][place] == pytest.approx(again.objective, rel=1e-9)
        got = [boot.draws[name][place] for name in NAMES]
        assert got == pytest.approx(list(again.params.values()), rel=1e-8)


def test_resampling_multiplies_the_weights_of_the_fit(runs):
    """Case weights w and counts c: the replicate of weights w c."""
    weights = np.linspace(0.5, 2, ROWS)
    fit = sf.fit(runs, LAW, columns={"x": "x"}, loss=sf.Squared(), weights=weights)
    rows = numpys_indices(8, 5, ROWS)
    boot = sf.bootstrap(fit, sf.Indices(rows))
    for place, drawn in enumerate(rows):
        both = weights * np.bincount(drawn, minlength=ROWS)
        again = sf.fit(runs, LAW, columns={"x": "x"}, loss=sf.Squared(), weights=both)
        assert boot.draws["objective"][place] == pytest.approx(again.objective, rel=1e-9)


def test_indices_are_rows_of_the_callers_frame(runs):
    """Rows that the fit left out or sorted by group keep their numbers."""
    weights = np.ones(ROWS)
    weights[[0, 7]] = 0
    fit = sf.fit(runs, LAW, columns={"x": "x"}, loss=sf.Squared(), weights=weights)
    kept = np.setdiff1d(np.arange(ROWS), [0, 7])
    boot = sf.bootstrap(fit, sf.Indices([kept, np.r_[kept[:-1], 3]]))
    assert boot.draws["objective"][0] == pytest.approx(fit.objective, rel=1e-9)
    with pytest.raises(sf.errors.ParameterError, match="row 7"):
        sf.bootstrap(fit, sf.Indices([np.r_[kept, 7]]))
    with pytest.raises(sf.errors.ParameterError, match="row 24"):
        sf.bootstrap(fit, sf.Indices([[24, 1, 2, 3]]))


def test_permuting_rows_and_indices_gives_the_same_replicates(runs, huber):
    """P22, 1e-9."""
    order = np.random.default_rng(5).permutation(ROWS)
    place = np.argsort(order)
    rows = numpys_indices(3, 40, ROWS)
    moved = sf.fit(runs[order.tolist()], LAW, columns={"x": "x"}, loss=sf.Huber(5e-3))
    one = values(sf.bootstrap(huber, sf.Indices(rows)))
    other = values(sf.bootstrap(moved, sf.Indices(place[rows])))
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_the_jackknife_is_n_refits(runs, huber):
    """P26: each row left out, 1e-9; B4: `n` follows from the scheme."""
    jackknife = sf.bootstrap(huber, sf.Jackknife())
    assert jackknife.n == ROWS
    for row in (0, 11, ROWS - 1):
        rest = runs.filter(pl.col("run") != row)
        again = sf.fit(rest, LAW, columns={"x": "x"}, loss=sf.Huber(5e-3))
        got = [jackknife.draws[name][row] for name in NAMES]
        assert got == pytest.approx(list(again.params.values()), rel=1e-8)
        assert jackknife.draws["objective"][row] == pytest.approx(again.objective, rel=1e-9)


def test_the_jackknife_of_clusters_leaves_out_each(runs, squared):
    jackknife = sf.bootstrap(squared, sf.Jackknife("budget"))
    assert jackknife.n == 6
    again = sf.fit(runs.filter(pl.col("budget") != 2), LAW, columns={"x": "x"}, loss=sf.Squared())
    assert jackknife.draws["objective"][2] == pytest.approx(again.objective, rel=1e-9)


def test_a_row_of_weight_zero_is_no_part_of_the_jackknife(runs, huber):
    """P26: absent before anything else sees it."""
    more = pl.concat([runs, runs.head(1).with_columns(loss=pl.lit(99.0))])
    weights = np.r_[np.ones(ROWS), 0]
    fit = sf.fit(more, LAW, columns={"x": "x"}, loss=sf.Huber(5e-3), weights=weights)
    jackknife = sf.bootstrap(fit, sf.Jackknife())
    assert jackknife.n == ROWS
    np.testing.assert_allclose(
        values(jackknife), values(sf.bootstrap(huber, sf.Jackknife())), rtol=1e-9
    )


def test_the_jackknifes_error(squared):
    """Its interval is estimate -+ z se with se^2 = (n - 1)/n sum (t_i - mean)^2."""
    jackknife = sf.bootstrap(squared, sf.Jackknife())
    draws = jackknife.draws["alpha"].to_numpy()
    error = np.sqrt((ROWS - 1) / ROWS * ((draws - draws.mean()) ** 2).sum())
    table = jackknife.interval(0.9, "normal", of="alpha")
    half = stats.norm.ppf(0.95) * error
    assert table["lower"].item() == pytest.approx(squared.params["alpha"] - half, rel=1e-10)
    assert table["upper"].item() == pytest.approx(squared.params["alpha"] + half, rel=1e-10)
    assert np.sqrt(jackknife.cov()["alpha"][2]) == pytest.approx(error, rel=1e-10)
    with pytest.raises(sf.errors.ParameterError, match="jackknife"):
        jackknife.interval(0.9)


@pytest.mark.parametrize(
    ("scheme", "variance"),
    [(sf.Bayesian(), 1 / 13), (sf.Pairs(), 1 / 12), (sf.Clusters("row"), 1 / 12)],
)
def test_weights_have_mean_one_and_their_known_variance(scheme, variance):
    """Dirichlet weights: share of each row 1/n, variance (1 - 1/n)/(n (n + 1)); pairs: .../n^2.

    A mean of an indicator is the share of its row, so twelve fits on common draws show the weights.
    """
    n, replicates = 12, 20_000
    shares = []
    for row in range(n):
        runs = {"x": np.ones(n), "y": (np.arange(n) == row).astype(float), "row": np.arange(n)}
        fit = sf.fit(runs, "m*x", columns={"x": "x"}, target="y", residual="raw", loss=sf.Squared())
        shares.append(sf.bootstrap(fit, scheme, n=replicates, seed=1).draws["m"].to_numpy())
    shares = np.array(shares)
    assert shares.sum(axis=0) == pytest.approx(np.ones(replicates), abs=1e-9)
    assert (shares >= -1e-12).all()
    exact = variance * (1 - 1 / n) / n
    # five standard errors of a mean and of a variance of 20,000 draws
    assert shares.mean(axis=1) == pytest.approx(
        np.full(n, 1 / n), abs=5 * np.sqrt(exact / replicates)
    )
    assert shares.var(axis=1).mean() == pytest.approx(exact, rel=0.05)
    if isinstance(scheme, sf.Bayesian):
        assert shares.min() > 0
        # a Dirichlet share is Beta(1, n - 1)
        assert stats.kstest(shares[0], stats.beta(1, n - 1).cdf).pvalue > 1e-6
    else:
        counts = shares * n
        assert np.abs(counts - counts.round()).max() <= 1e-8


def test_a_list_of_fits_shares_its_draws(squared, huber):
    """Common draws, one Bootstrap a fit."""
    both = sf.bootstrap([squared, huber], n=100, seed=5)
    assert [one.fit for one in both] == [squared, huber]
    assert [one.digest for one in both] == [
        sf.bootstrap(one, n=100, seed=5).digest for one in (squared, huber)
    ]
    correlation = np.corrcoef(both[0].draws["alpha"], both[1].draws["alpha"])[0, 1]
    assert correlation > 0.5


def test_common_draws_need_as_many_rows(squared):
    shorter = sf.fit(runs_of(rows=20), LAW, columns={"x": "x"})
    with pytest.raises(sf.errors.DataError, match="same rows"):
        sf.bootstrap([squared, shorter], n=10)
    with pytest.raises(sf.errors.ParameterError):
        sf.bootstrap([], n=10)


@pytest.mark.parametrize("starts", ["multi", 3])
def test_more_starts_never_end_higher(huber, starts):
    """Replicates re-solved from several starts agree on a design like this."""
    warm = sf.bootstrap(huber, n=60, seed=1).draws["objective"].to_numpy()
    more = sf.bootstrap(huber, n=60, seed=1, starts=starts).draws["objective"].to_numpy()
    assert (more <= warm * (1 + 1e-9)).all()
    assert (np.abs(more / warm - 1) <= 1e-9).mean() >= 0.95


# -- failures ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def poor():
    """Four runs and three parameters: 19 % of pairs replicates hold two distinct runs or fewer."""
    runs = {"x": [1.0, 10.0, 100.0, 1000.0], "loss": [3.0, 2.0, 1.52, 1.24]}
    return sf.bootstrap(sf.fit(runs, LAW, loss=sf.Squared()), n=2_000, seed=0)


def test_failures_are_counted_and_kept(poor):
    """B7: as many rows as replicates, each with its status; never dropped."""
    assert poor.draws.height == 2_000
    assert poor.draws["replicate"].to_list() == list(range(2_000))
    bad = poor.draws.filter(pl.col("status") != "converged")
    assert poor.failures["count"].sum() == bad.height
    distinct = np.array([len(set(one)) for one in numpys_indices(0, 2_000, 4).tolist()])
    assert bad.height >= (distinct < 3).sum()
    # the exact share of samples of four with at most two distinct: (4 + 6 * 14) / 256
    assert (distinct < 3).mean() == pytest.approx(88 / 256, abs=5 * np.sqrt(0.25 / 2_000))
    assert (poor.draws["status"] != "converged").to_numpy()[distinct < 3].all()
    assert f"unusable {bad.height:,}" in poor.summary()


@pytest.mark.parametrize("question", ["interval", "cov", "predict"])
def test_too_many_failures_refuse_an_answer(poor, question):
    """More than 5 % unusable replicates refuse an interval unless told otherwise."""
    with pytest.raises(sf.errors.ConvergenceError, match="max_failures"):
        getattr(poor, question)()
    assert getattr(poor, question)(max_failures=1.0).height >= 3


def test_no_failures_is_an_empty_table(boot):
    assert boot.failures.height == 0
    assert boot.failures.columns == ["status", "count"]


# -- intervals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["percentile", "basic", "normal", "bc", "bca"])
def test_levels_nest_and_ends_are_ordered(boot, method):
    """B8: 80 in 90 in 95 %, lower <= upper."""
    tables = [boot.interval(level, method) for level in (0.8, 0.9, 0.95)]
    for inner, outer in itertools.pairwise(tables):
        assert (outer["lower"] <= inner["lower"]).all()
        assert (inner["upper"] <= outer["upper"]).all()
    assert (tables[0]["lower"] < tables[0]["upper"]).all()
    assert tables[0].columns == ["name", "estimate", "lower", "upper"]


def test_percentile_intervals_follow_monotone_maps(boot):
    """B8, P24: 1,001 replicates, so that 5 and 95 % fall on draws."""
    raw = boot.interval(0.9, of=["A", "alpha"])
    mapped = boot.interval(0.9, of=["log(A)", "exp(-alpha)"])
    low, high = raw["lower"].to_numpy(), raw["upper"].to_numpy()
    assert mapped["lower"].to_list() == pytest.approx([np.log(low[0]), np.exp(-high[1])], rel=1e-13)
    assert mapped["upper"].to_list() == pytest.approx([np.log(high[0]), np.exp(-low[1])], rel=1e-13)


def test_intervals_are_those_of_the_draws(squared, boot):
    """Type 7, as numpy; normal is estimate -+ z sd."""
    draws, point = boot.draws["alpha"].to_numpy(), squared.params["alpha"]
    low, high = np.quantile(draws, [0.05, 0.95])
    half = stats.norm.ppf(0.95) * draws.std(ddof=1)
    expected = {
        "percentile": (low, high),
        "basic": (2 * point - high, 2 * point - low),
        "normal": (point - half, point + half),
    }
    for method, ends in expected.items():
        table = boot.interval(0.9, method, of="alpha")
        assert (table["lower"].item(), table["upper"].item()) == pytest.approx(ends, rel=1e-12), (
            method
        )
        assert table["estimate"].item() == point


def test_an_interval_of_any_formula(boot):
    """`of` is any formula of parameters."""
    table = boot.interval(0.9, of="E + A*1e12**(-alpha)")
    draws = boot.draws
    curve = (draws["E"] + draws["A"] * 1e12 ** (-draws["alpha"])).to_numpy()
    ends = (table["lower"].item(), table["upper"].item())
    assert ends == pytest.approx(np.quantile(curve, [0.05, 0.95]), rel=1e-12)
    with pytest.raises(sf.errors.ParameterError, match="beta"):
        boot.interval(0.9, of="alpha/beta")


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan")])
def test_a_level_lies_between_0_and_1(boot, level):
    with pytest.raises(sf.errors.ParameterError) as caught:
        boot.interval(level)
    assert caught.value.param == "level"


def test_the_covariance_is_that_of_the_draws(boot):
    """With ddof 1, in the law's order; `log=True` of logarithms."""
    cov, draws = boot.cov(), boot.draws.select(NAMES).to_numpy()
    assert cov["parameter"].to_list() == NAMES
    assert cov.drop("parameter").to_numpy() == pytest.approx(np.cov(draws.T), rel=1e-9)
    logs = boot.cov(log=True).drop("parameter").to_numpy()
    assert logs == pytest.approx(np.cov(np.log(draws).T), rel=1e-9)


def test_logarithms_of_draws_that_are_not_positive_are_refused():
    x = np.linspace(1, 2, 12)
    y = np.random.default_rng(0).standard_normal(12)
    fit = sf.fit(
        {"x": x, "y": y}, "m*x", columns={"x": "x"}, target="y", residual="raw", loss=sf.Squared()
    )
    with pytest.raises(sf.errors.ParameterError, match="m"):
        sf.bootstrap(fit, n=200).cov(log=True)


def test_predictions_have_ordered_ends_and_new_runs_vary_more(boot):
    """The law's columns, prediction, lower, upper, decades_beyond."""
    new = {"x": [1e6, 1e8, 1e10, 1e12]}
    curve = boot.predict(new)
    run = boot.predict(new, interval="prediction")
    assert curve.columns == ["x", "prediction", "lower", "upper", "decades_beyond"]
    assert curve["decades_beyond"].to_list() == pytest.approx([1, 0, 0, 2], abs=1e-12)
    for table in (curve, run):
        assert (table["lower"] < table["prediction"]).all()
        assert (table["prediction"] < table["upper"]).all()
    assert (run["upper"] - run["lower"] > curve["upper"] - curve["lower"]).all()
    draws = boot.draws
    at = (draws["E"] + draws["A"] * 1e8 ** (-draws["alpha"])).to_numpy()
    assert (curve["lower"][1], curve["upper"][1]) == pytest.approx(
        np.quantile(at, [0.025, 0.975]), rel=1e-12
    )
    tighter = boot.predict(new, level=0.5)
    assert (tighter["upper"] < curve["upper"]).all()


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_prediction_intervals_work_for_every_seed(squared, seed):
    """A seed is below 2**64; neighbouring large seeds are different seeds."""
    wide = sf.bootstrap(squared, n=200, seed=seed).predict({"x": [1e8]}, interval="prediction")
    assert np.isfinite(wide["upper"].item())


def test_prediction_intervals_hold_their_share_of_new_runs():
    """Ninety-per-cent intervals for new runs of the same law hold 86 to 94 % of 2,000."""
    fit = sf.fit(runs_of(11, 200), LAW, columns={"x": "x"}, loss=sf.Squared())
    new = runs_of(12, 2_000)
    table = sf.bootstrap(fit, n=500).predict(new.select("x"), interval="prediction", level=0.9)
    inside = (table["lower"] <= new["loss"]) & (new["loss"] <= table["upper"])
    assert 0.86 <= inside.mean() <= 0.94


def test_intervals_follow_shifts_and_scales_of_the_target(runs):
    """P25: raw least squares, the same seed; y + s moves E's ends by s, c y multiplies by c."""

    def ends(frame):
        fit = sf.fit(frame, LAW, columns={"x": "x"}, loss=sf.Squared(), residual="raw")
        table = sf.bootstrap(fit, n=200, seed=3).interval(0.9, of="E")
        return np.array([table["lower"].item(), table["upper"].item()])

    base = ends(runs)
    assert ends(runs.with_columns(pl.col("loss") + 0.7)) == pytest.approx(base + 0.7, rel=1e-9)
    assert ends(runs.with_columns(pl.col("loss") * 3.3)) == pytest.approx(base * 3.3, rel=1e-9)


def test_repeated_data_narrow_the_interval(runs, squared):
    """P23: every row four times, half the width in expectation."""

    def width(fit):
        table = sf.bootstrap(fit, n=1_000, seed=0).interval(0.9, of="alpha")
        return table["upper"].item() - table["lower"].item()

    four = sf.fit(pl.concat([runs] * 4), LAW, columns={"x": "x"}, loss=sf.Squared())
    assert width(four) / width(squared) == pytest.approx(0.5, abs=0.08)


def test_a_statistic_that_does_not_vary():
    """B9: noise-free runs; percentile ends at the point, BCa NaN or the point, no crash."""
    x = np.geomspace(1, 1e3, 12)
    fit = sf.fit({"x": x, "loss": 1.5 + 3 * x**-0.5}, LAW, loss=sf.Squared())
    boot = sf.bootstrap(fit, n=200, seed=0)
    table = boot.interval(0.9)
    for end in ("lower", "upper"):
        assert table[end].to_list() == pytest.approx([1.5, 3, 0.5], rel=1e-8)
    bca = boot.interval(0.9, "bca")
    for end in bca["lower"].to_list() + bca["upper"].to_list():
        assert np.isnan(end) or 0.4 < end < 3.1


# -- questions that cannot be asked ------------------------------------------------------------


def test_one_cluster_is_refused(runs):
    """B10: a typed error."""
    fit = sf.fit(runs.with_columns(one=1), LAW, columns={"x": "x"})
    with pytest.raises(sf.errors.DataError, match="one cluster"):
        sf.bootstrap(fit, sf.Clusters("one"), n=10)


def test_a_missing_cluster_column_is_named(squared):
    with pytest.raises(sf.errors.DataError) as caught:
        sf.bootstrap(squared, sf.Clusters("budgets"), n=10)
    assert caught.value.column == "budgets"
    assert "budget" in str(caught.value)


@pytest.mark.parametrize(
    "scheme", [sf.Jackknife(), sf.Indices([[0, 1, 2, 3]]), sf.Weights(np.ones((3, 24)))]
)
def test_n_that_conflicts_with_the_scheme_is_refused(squared, scheme):
    """For Jackknife, Indices and Weights n follows; a conflicting n raises."""
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.bootstrap(squared, scheme, n=1_000)
    assert caught.value.param == "n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n": 0}, sf.errors.ParameterError),
        ({"n": -1}, sf.errors.ParameterError),
        ({"n": 1.5}, sf.errors.ParameterError),
        ({"n": True}, sf.errors.ParameterError),
        ({"n": 10**12}, sf.errors.ResourceError),
        ({"n": 2**70}, sf.errors.ResourceError),
        ({"threads": 0}, sf.errors.ParameterError),
        ({"seed": -1}, sf.errors.ParameterError),
        ({"seed": 2**64}, sf.errors.ParameterError),
        ({"seed": 1.0}, sf.errors.ParameterError),
        ({"starts": "hot"}, sf.errors.ParameterError),
        ({"starts": 0}, sf.errors.ParameterError),
    ],
)
def test_absurd_options_are_refused_before_work(squared, options, error):
    """O3, O6."""
    with pytest.raises(error):
        sf.bootstrap(squared, **options)


def test_a_bootstrap_of_something_else_is_refused(squared):
    with pytest.raises(sf.errors.ParameterError):
        sf.bootstrap("fit")
    with pytest.raises(sf.errors.ParameterError):
        sf.bootstrap(squared, "pairs")


# -- progress and interruption -----------------------------------------------------------------


def test_progress_is_told(squared):
    seen = []
    sf.bootstrap(squared, n=60_000, progress=lambda done, total: seen.append((done, total)))
    assert seen
    assert {total for _, total in seen} == {60_000}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_ctrl_c_keeps_the_finished_replicates(huber):
    """Issue 2: ends within a second, the interpreter is usable, `.partial` holds what was finished."""
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        sf.bootstrap(huber, n=3_000_000, seed=1)
    partial = caught.value.partial
    assert 0 < partial.draws.height < 3_000_000
    head = sf.bootstrap(huber, n=200, seed=1)
    known = partial.draws.filter(pl.col("replicate") < 200)
    assert known.equals(head.draws.filter(pl.col("replicate").is_in(known["replicate"].implode())))
    assert partial.interval(0.9).height == 3


def test_what_an_early_interrupt_left_can_be_shown(squared):
    """Fewer than two replicates make no interval; the summary says so instead of failing."""
    whole = sf.bootstrap(squared, n=4, seed=1)
    for kept in (0, 1):
        part = replace(whole, draws=whole.draws.head(kept))
        assert f"replicates {kept} of 4" in part.summary()
        assert "at least 2 replicates" in part.summary()
        assert len(part.digest) == 64
