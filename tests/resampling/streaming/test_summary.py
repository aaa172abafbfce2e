"""A bootstrap without its draws: the moments of all draws, their exact quantiles, and memory that does not grow."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.resampling.execution.shards import BLOCK
from scaling_fast.resampling.streaming import moments, order_statistics
from scaling_fast.resampling.streaming.moments import StreamingMoments, edge, keys_of, type_seven

X = np.geomspace(1.0, 1e4, 20)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))
N = 5 * BLOCK + 137
GROUPS = {"a": 1.0, "b": 1.3}


@pytest.fixture(scope="module")
def fit():
    law = sf.Law("E + A*x**(-alpha)", derived={"half": "alpha/2"})
    return sf.fit({"x": X, "loss": Y}, law)


@pytest.fixture(scope="module")
def draws(fit):
    return sf.bootstrap(fit, n=N, seed=5)


@pytest.fixture(scope="module")
def brief(fit):
    return sf.bootstrap(fit, n=N, seed=5, keep="summary")


@pytest.fixture(scope="module")
def grouped():
    frame = pl.DataFrame({"x": X, "loss": Y})
    parts = [
        frame.with_columns(g=pl.lit(key), loss=pl.col("loss") * k)
        for key, k in zip("ab", (1.0, 1.3), strict=True)
    ]
    return sf.fit(pl.concat(parts), "E + A*x**(-alpha)", by="g")


def test_moments_are_those_of_the_draws(draws, brief):
    for name, count, mean, sd, least, greatest in brief.table.iter_rows():
        values = draws.draws[name].to_numpy()
        assert count == len(values) == N
        assert mean == pytest.approx(math.fsum(values) / N, rel=1e-14)
        assert sd == pytest.approx(np.std(values, ddof=1), rel=1e-11)
        assert (least, greatest) == (values.min(), values.max())
    np.testing.assert_allclose(
        brief.cov().drop("parameter").to_numpy(),
        draws.cov().drop("parameter").to_numpy(),
        rtol=1e-10,
    )


@pytest.mark.parametrize("method", ["percentile", "basic"])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_quantiles_are_those_of_the_draws_to_the_last_bit(draws, brief, method, level):
    of = ["E", "alpha", "half", "A*exp(-alpha)", "alpha - alpha"]
    want = draws.interval(level, method, of=of)
    assert brief.interval(level, method, of=of, shards=3).equals(want)


def test_normal_intervals_need_no_second_pass(draws, brief, monkeypatch):
    def no_work(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr(type(brief.job), "here", no_work)
    got, want = brief.interval(0.9, "normal"), draws.interval(0.9, "normal")
    assert got["name"].to_list() == want["name"].to_list()
    for end in ("estimate", "lower", "upper"):
        np.testing.assert_allclose(got[end].to_numpy(), want[end].to_numpy(), rtol=1e-10)


def test_subsamples_are_rescaled_as_their_draws_are(fit):
    scheme = sf.Subsample(8)
    whole = sf.bootstrap(fit, scheme, n=2000, seed=5)
    brief = sf.bootstrap(fit, scheme, n=2000, seed=5, keep="summary")
    for method in ("percentile", "basic"):
        assert brief.interval(0.9, method).equals(whole.interval(0.9, method))
    got, want = brief.interval(0.9, "normal"), whole.interval(0.9, "normal")
    np.testing.assert_allclose(got["upper"].to_numpy(), want["upper"].to_numpy(), rtol=1e-9)


def test_bins_count_every_draw_exactly(draws, brief):
    values = draws.draws["alpha"].to_numpy()
    bins = brief.bins("alpha")
    assert bins["count"].sum() == N
    for lower, upper, count in bins.iter_rows():
        assert count == int(((values >= lower) & (values < upper)).sum())
        assert 0 < upper - lower <= 2.0**-11 * abs(lower)


@pytest.mark.parametrize("shards", [1, 2, 3, 6, 1000])
def test_any_number_of_shards_and_threads_gives_the_same_bits(fit, brief, shards):
    for threads in (1, 2):
        other = sf.bootstrap(fit, n=N, seed=5, keep="summary", shards=shards, threads=threads)
        assert other.digest == brief.digest
    with ThreadPoolExecutor(3) as executor:
        other = sf.bootstrap(fit, n=N, seed=5, keep="summary", shards=shards, executor=executor)
        assert other.digest == brief.digest
        assert other.table.equals(brief.table)
        assert other.interval(executor=executor).equals(brief.interval())


def test_processes_give_the_same_bits(fit, brief):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        other = sf.bootstrap(fit, n=N, seed=5, keep="summary", executor=executor)
    assert other.digest == brief.digest


def test_another_seed_or_number_is_another_digest(fit, brief):
    digests = {
        sf.bootstrap(fit, n=n, seed=seed, keep="summary").digest
        for n, seed in ((N, 6), (N - 1, 5), (BLOCK, 5))
    }
    assert len(digests | {brief.digest}) == 4


def test_groups_are_told_apart(grouped):
    brief = sf.bootstrap(grouped, n=1500, seed=5, keep="summary")
    whole = sf.bootstrap(grouped, n=1500, seed=5)
    assert brief.interval(0.9).equals(whole.interval(0.9))
    assert brief.table["g"].to_list() == ["a"] * 3 + ["b"] * 3
    assert brief.counts["count"].to_list() == [1500, 1500]
    assert brief.bins("E", 1)["count"].sum() == 1500
    with pytest.raises(sf.errors.ParameterError):
        brief.cov()


def test_several_fits(fit):
    pair = sf.bootstrap([fit, fit], n=100, keep="summary")
    assert pair[0].digest == pair[1].digest == sf.bootstrap(fit, n=100, keep="summary").digest


def test_a_full_bin_is_split_until_it_can_be_held(draws, brief, monkeypatch):
    monkeypatch.setattr(order_statistics, "MOST_KEPT", 20)
    want = draws.interval(0.9, of=["E", "A + alpha", "alpha - alpha"])
    assert brief.interval(0.9, of=["E", "A + alpha", "alpha - alpha"]).equals(want)


def test_failures_are_counted_and_refuse_an_interval():
    rng = np.random.default_rng(5)
    frame = {"x": [1.0, 1.0, 1.0, 2.0, 3.0], "loss": rng.random(5) + 1}
    fit = sf.fit(frame, "E + A*x**(-alpha)")
    brief, whole = sf.bootstrap(fit, n=500, keep="summary"), sf.bootstrap(fit, n=500)
    assert brief.failures.sort("status").equals(
        whole.failures.sort("status").with_columns(pl.col("count").cast(pl.Int64))
    )
    with pytest.raises(sf.errors.ConvergenceError):
        brief.interval()
    got = brief.interval(0.5, max_failures=1.0)
    assert got.equals(whole.interval(0.5, max_failures=1.0))


def test_what_a_summary_cannot_answer_is_said(fit, brief):
    for method in ("bca", "bc", "studentized", "none"):
        with pytest.raises(sf.errors.ParameterError, match="percentile"):
            brief.interval(method=method)
    with pytest.raises(sf.errors.ParameterError, match="moments"):
        brief.interval(method="normal", of="A*alpha")
    with pytest.raises(sf.errors.ParameterError):
        brief.bins("A*alpha")
    with pytest.raises(sf.errors.ParameterError):
        brief.bins("A", 1)
    jack = sf.bootstrap(fit, sf.Jackknife(), keep="summary")
    assert jack.methods == ("normal",)
    want = sf.bootstrap(fit, sf.Jackknife()).interval(method="normal")
    np.testing.assert_allclose(
        jack.interval(method="normal")["upper"].to_numpy(), want["upper"].to_numpy(), rtol=1e-9
    )
    with pytest.raises(sf.errors.ParameterError):
        jack.interval()
    assert "percentile" in repr(brief)


def test_memory_does_not_grow_with_the_number(fit):
    def peak(n):
        tracemalloc.start()
        try:
            sf.bootstrap(fit, n=n, seed=5, keep="summary", shards=n // BLOCK)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(4 * BLOCK)
    assert peak(32 * BLOCK) < 2 * peak(8 * BLOCK)


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
def test_ctrl_c_leaves_a_summary_of_what_was_finished(fit):
    sent = []

    def watch(done, total):
        if done > 5000 and not sent:
            sent.append(done)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stop:
        sf.bootstrap(fit, n=10_000_000, seed=5, keep="summary", shards=5000, progress=watch)
    part = stop.value.partial
    assert 0 < part.finished < 10_000_000
    same = sf.bootstrap(fit, n=part.finished, seed=5, keep="summary")
    assert part.digest == same.digest
    assert part.interval(0.9).equals(same.interval(0.9))


# -- the parts ----------------------------------------------------------------------------------------


def test_keys_order_as_doubles_do():
    values = np.array([-np.inf, -1e300, -1.5, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1.5, 1e300, np.inf])
    keys = keys_of(values)
    assert (np.diff(keys) > 0).all()
    assert [edge(int(key)) for key in keys] == values.tolist()
    assert keys_of(np.array([-0.0]))[0] == keys_of(np.array([0.0]))[0]
    nans = keys_of(np.array([np.nan, -np.nan]))
    assert nans[0] == nans[1] > keys[-1]
    assert math.isnan(edge(int(nans[0])))


def test_quantiles_are_numpys():
    rng = np.random.default_rng(2)
    for count in (2, 3, 10, 101):
        values = np.sort(rng.normal(size=count))
        for level in (0.0, 0.025, 0.5, 0.77, 0.975, 1.0):
            at = math.floor((count - 1) * level)
            got = type_seven(values[at], values[min(at + 1, count - 1)], count, level)
            assert got == np.quantile(values, level)


def test_blocks_of_one_order_are_one_sum():
    rng = np.random.default_rng(3)
    values = rng.normal(size=3000) * 10.0 ** rng.integers(-5, 5, 3000)
    one = StreamingMoments(["v"])
    for part in np.split(values, [1000, 2000]):
        one.add(np.full(1000, 0, dtype=np.uint8), {"v": part})
    shuffled = StreamingMoments(["v"])
    for part in np.split(values, [1000, 2000]):
        shuffled.add(np.full(1000, 0, dtype=np.uint8), {"v": rng.permutation(part)})
    assert one.mean[0] == shuffled.mean[0]
    assert one.products[0, 0] == shuffled.products[0, 0]
    assert one.covariance()[0, 0] == pytest.approx(np.var(values, ddof=1), rel=1e-12)


def test_sums_beyond_the_doubles_are_infinite_and_no_error():
    tally = StreamingMoments(["v"])
    tally.add(np.zeros(2, dtype=np.uint8), {"v": np.array([1.7e308, 1.7e308])})
    assert tally.mean[0] == math.inf
    assert moments._total(np.array([math.inf, -math.inf])) != 0.0


@pytest.mark.parametrize(
    "scheme",
    [sf.Pairs(), sf.Wild(), sf.Subsample(15), sf.Jackknife()],
    ids=lambda scheme: scheme.name,
)
def test_a_summary_is_saved_and_read_back(fit, scheme, tmp_path):
    n = None if scheme.name == "jackknife" else 1500
    brief = sf.bootstrap(fit, scheme, n=n, seed=5, keep="summary")
    brief.save(tmp_path / "brief.scaling")
    again = sf.load(tmp_path / "brief.scaling")
    assert type(again) is type(brief)
    assert again.digest == brief.digest
    assert again.summary() == brief.summary()
    assert again.table.equals(brief.table)
    assert again.counts.equals(brief.counts)
    assert again.cov().equals(brief.cov())
    for method in brief.methods:  # the second pass refits what the first one did
        assert again.interval(0.9, method).equals(brief.interval(0.9, method))
    with pytest.raises(sf.errors.CheckpointError, match="exists"):
        brief.save(tmp_path / "brief.scaling")


def test_a_summary_of_groups_and_of_given_indices_is_saved(grouped, fit, tmp_path):
    index = np.random.default_rng(3).integers(
        0, fit.request.table.rows, (300, fit.request.table.rows)
    )
    for number, (resampled, scheme) in enumerate([(grouped, sf.Pairs()), (fit, sf.Indices(index))]):
        n = 300 if number == 0 else None
        brief = sf.bootstrap(resampled, scheme, n=n, seed=2, keep="summary")
        brief.save(tmp_path / f"{number}.scaling")
        again = sf.load(tmp_path / f"{number}.scaling")
        assert again.digest == brief.digest
        assert again.interval().equals(brief.interval())
