"""The draws are numpy's Philox, the same bits however they are computed, and uniform."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from power_runs import LAW, NAMES, runs_of
from replicates import ROWS, numpys_indices, numpys_philox, same_bits, values
from scipy import stats

import scaling_fast as sf
from scaling_fast import _core


@pytest.mark.parametrize(
    "scheme",
    [sf.Pairs(), sf.Bayesian(), sf.Clusters("budget"), sf.Jackknife(), sf.Bayesian("budget")],
)
def test_the_number_of_threads_changes_no_bit(huber, scheme):
    """B4: threads 1, 2 and 8."""
    n = None if isinstance(scheme, sf.Jackknife) else 400
    digests = {
        sf.bootstrap(huber, scheme, n=n, seed=9, threads=count).digest for count in (1, 2, 8)
    }
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
    assert (
        np.asarray(_core.philox(seed, _core.Purpose.ROWS, replicate, group, 37)).tolist()
        == words.tolist()
    )


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
    counts = np.array([np.bincount(drawn, minlength=ROWS) for drawn in rows])
    assert (
        sf.bootstrap(huber, sf.Weights(counts)).digest
        == sf.bootstrap(huber, sf.Indices(rows)).digest
    )


def test_the_order_within_a_set_of_indices_does_not_matter(huber):
    rows = numpys_indices(1, 30, ROWS)
    assert (
        sf.bootstrap(huber, sf.Indices(np.sort(rows, axis=1))).digest
        == sf.bootstrap(huber, sf.Indices(rows)).digest
    )


def test_clusters_draw_whole_clusters_as_many_as_there_are(squared):
    """Each replicate again from numpy's draws of the six clusters."""
    drawn = sf.bootstrap(squared, sf.Clusters("budget"), n=30, seed=6)
    rows = [
        np.concatenate([np.arange(4 * cluster, 4 * cluster + 4) for cluster in clusters])
        for clusters in numpys_indices(6, 30, ROWS // 4)
    ]
    same_bits(drawn, sf.bootstrap(squared, sf.Indices(rows)))


def test_each_group_draws_by_its_place_in_sorted_key_order(runs):
    """Counter (block, 0, replicate, group in sorted key order); group 0 as if it were alone."""
    both = pl.concat(
        [
            runs_of(1, ROWS).with_columns(key=pl.lit("b")),
            runs_of(2, ROWS).with_columns(key=pl.lit("a")),
        ]
    )
    grouped = sf.bootstrap(
        sf.fit(both, LAW, columns={"x": "x"}, loss=sf.Squared(), by="key"), n=25, seed=4
    )
    assert grouped.draws["key"].unique(maintain_order=True).to_list() == ["a", "b"]
    for group, (key, seed) in enumerate([("a", 2), ("b", 1)]):
        alone = sf.fit(runs_of(seed, ROWS), LAW, columns={"x": "x"}, loss=sf.Squared())
        again = sf.bootstrap(alone, sf.Indices(numpys_indices(4, 25, ROWS, group)))
        part = grouped.draws.filter(pl.col("key") == key)
        assert part["replicate"].to_list() == list(range(25))
        np.testing.assert_array_equal(part.select("objective", *NAMES).to_numpy(), values(again))


@pytest.mark.parametrize("rows", [7, 240, 1_000])
def test_every_row_is_drawn_alike(rows):
    """B5: chi-square of two million words of the stream, reduced to rows as numpy reduces them."""
    generators = (
        np.random.Generator(
            np.random.Philox(
                key=np.array([3, 1], dtype=np.uint64),
                counter=np.array([0, 0, replicate, 0], dtype=np.uint64),
            )
        )
        for replicate in range(2_000_000 // rows // 100)
    )
    counts = np.zeros(rows)
    for generator in generators:
        counts += np.bincount(generator.integers(0, rows, 100 * rows), minlength=rows)
    assert 1e-6 < stats.chisquare(counts).pvalue < 1 - 1e-6


def test_words_of_different_replicates_have_nothing_in_common():
    """B5: rank correlations of 40 replicates' streams of 2,000 words are those of independent ones."""
    words = np.array(
        [_core.philox(9, _core.Purpose.ROWS, replicate, 0, 2_000) for replicate in range(40)],
        dtype=np.float64,
    )
    ranks = stats.spearmanr(words, axis=1).statistic[np.triu_indices(40, 1)]
    # 780 correlations of standard deviation 1/sqrt(1999)
    assert np.abs(ranks).max() < 5 / math.sqrt(1_999)
    assert abs(ranks.mean()) < 5 / math.sqrt(1_999 * 780)


def test_a_bounded_draw_has_no_modulo_bias():
    """B5: with n = 3 * 2^30 a remainder would hit its lowest third twice as often; rejection does not."""
    rng = np.random.Generator(np.random.Philox(key=np.array([5, 1], dtype=np.uint64)))
    drawn = rng.integers(0, 3 * 2**30, 300_000)
    counts = np.bincount(drawn // 2**30, minlength=3)
    assert stats.chisquare(counts).pvalue > 1e-6
