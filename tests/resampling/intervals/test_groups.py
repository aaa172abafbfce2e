"""Intervals of groups: one row per group and quantity; a group without one takes nothing from the others."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.errors import ConvergenceError, DataError, ParameterError

LAW = "power_offset"
X = np.geomspace(1e6, 1e9, 14)


def curve(key, x, seed):
    noise = np.random.default_rng(seed).normal(size=len(x))
    y = (1.8 + 480 * np.asarray(x) ** -0.35) * np.exp(0.005 * noise)
    return pl.DataFrame({"curve": key, "x": x, "loss": y, "run": np.arange(len(x)) // 2})


@pytest.fixture(scope="module")
def frame():
    return pl.concat(
        [
            curve("good", X, 0),
            curve("well", X, 1),
            curve("few", X[:2], 2),
            curve("flat", np.full(8, 1e7), 3),
            curve("exact", X[[0, 6, 13]], 4),
        ]
    )


@pytest.fixture(scope="module")
def fit(frame):
    return sf.fit(frame, LAW, by="curve", loss=sf.Squared())


STATUS = {
    "exact": "no_dof",
    "few": "too_few_rows",
    "flat": "not_identified",
    "good": "converged",
    "well": "converged",
}
BASED_ON_DRAWS = ("percentile", "basic", "normal", "bc", "bca", "studentized")


@pytest.mark.parametrize("method", BASED_ON_DRAWS)
def test_a_group_without_an_interval_takes_nothing_from_the_others(fit, method):
    table = sf.bootstrap(fit, n=60).interval(0.9, method)
    assert table.columns == ["curve", "name", "estimate", "lower", "upper", "status"]
    assert table["name"].to_list() == ["E", "A", "alpha"] * 5
    assert dict(table.select("curve", "status").unique().iter_rows()) == STATUS
    has = table["status"] == "converged"
    assert (table["lower"].is_null() == ~has).all()
    assert (table["upper"].is_null() == ~has).all()
    assert (table.filter(has)["lower"] < table.filter(has)["upper"]).all()


@pytest.mark.parametrize("method", BASED_ON_DRAWS)
def test_the_interval_of_a_group_is_that_of_its_rows_alone(frame, fit, method):
    alone = sf.bootstrap(fit.select(curve="good"), n=60)
    # The first group in the order of the keys has the streams of a single fit.
    first = sf.fit(
        frame.filter(pl.col("curve").is_in(["good", "well"])), LAW, by="curve", loss=sf.Squared()
    )
    grouped = sf.bootstrap(first, n=60).interval(0.9, method).filter(curve="good")
    single = alone.interval(0.9, method)
    for end in ("lower", "upper"):
        assert grouped[end].to_numpy() == pytest.approx(single[end].to_numpy(), rel=1e-6)


def test_a_small_sample_correction_is_refused_by_the_group(fit):
    table = sf.bootstrap(fit, n=40).interval(0.9, small_sample=True, of="alpha")
    assert dict(table.select("curve", "status").iter_rows()) == STATUS


def test_failures_are_counted_in_each_group(frame):
    loud = frame.filter(curve="good").with_columns(
        curve=pl.lit("loud"),
        loss=pl.Series(1.8 * np.exp(0.3 * np.random.default_rng(5).normal(size=14))),
    )
    fit = sf.fit(pl.concat([frame, loud]), LAW, by="curve", loss=sf.Squared())
    boot = sf.bootstrap(fit, n=60)
    strict, lenient = (boot.interval(0.9, of="alpha", max_failures=share) for share in (0.0, 1.0))
    lost = set(boot.failures["curve"])
    assert "loud" in lost
    for row in strict.iter_rows(named=True):
        if row["curve"] in lost:
            assert row["lower"] is None
    assert strict.filter(curve="loud")["status"].item() in ("failures", "not_identified")
    assert lenient["lower"].null_count() <= strict["lower"].null_count()


def test_only_where_no_group_has_one_is_it_an_error_that_names_the_first(frame):
    flat = frame.filter(pl.col("curve").is_in(["flat", "few"]))
    boot = sf.bootstrap(sf.fit(flat, LAW, by="curve"), n=20)
    with pytest.raises(ConvergenceError, match="`curve` = `few`: 20 of 20 replicates"):
        boot.interval()
    with pytest.raises(ConvergenceError, match="`curve` = `few`"):
        boot.predict()
    exact = frame.filter(curve="exact")
    with pytest.raises(DataError, match="`curve` = `exact`: n = p"):
        sf.bootstrap(sf.fit(exact, LAW, by="curve", loss=sf.Squared()), n=20).interval()
    with pytest.raises(DataError, match=r"^n = p"):
        sf.bootstrap(sf.fit(exact, LAW, loss=sf.Squared()), n=20).interval()


def test_a_question_that_cannot_be_asked_is_refused_for_all(fit):
    boot = sf.bootstrap(fit, n=20)
    for wrong in ({"method": "zzz"}, {"of": "gamma"}, {"max_failures": 2.0}):
        with pytest.raises(ParameterError):
            boot.interval(**wrong)


def test_a_group_of_one_cluster_has_no_interval(frame):
    one = frame.with_columns(
        run=pl.when(pl.col("curve") == "well").then(0).otherwise("run")
    ).filter(pl.col("curve").is_in(["good", "well"]))
    fit = sf.fit(one, LAW, by="curve", loss=sf.Squared())
    for keep in ("draws", "summary"):
        table = sf.bootstrap(fit, sf.Clusters("run"), n=200, keep=keep).interval(0.9, of="alpha")
        assert table["status"].to_list() == ["converged", "one_cluster"]
        assert table["lower"].is_null().to_list() == [False, True]


@pytest.mark.parametrize(
    # The spread of logarithms comes from bins.
    ("method", "close"),
    [("percentile", 1e-12), ("basic", 1e-12), ("normal", 1e-3)],
)
def test_a_summary_of_groups_gives_the_same_table(fit, method, close):
    brief, whole = sf.bootstrap(fit, n=150, keep="summary"), sf.bootstrap(fit, n=150)
    got, want = brief.interval(0.9, method), whole.interval(0.9, method)
    assert got.drop("lower", "upper").equals(want.drop("lower", "upper"))
    for end in ("lower", "upper"):
        assert (got[end].is_null() == want[end].is_null()).all()
        there = want[end].is_not_null()
        assert got[end].filter(there).to_numpy() == pytest.approx(
            want[end].filter(there).to_numpy(), rel=close
        )


def test_a_key_may_have_the_name_of_a_column_of_ours(frame):
    fit = sf.fit(frame.rename({"curve": "status"}), LAW, by="status", loss=sf.Squared())
    table = sf.bootstrap(fit, n=30).interval(0.9, of="alpha")
    assert table.columns == ["status", "name", "estimate", "lower", "upper", "fit_status"]


def test_bands_of_groups_are_those_of_each(frame, fit):
    boot = sf.bootstrap(fit, n=60)
    asked = pl.DataFrame({"x": [1e10, 1e7, 1e7, 1e7], "curve": ["well", "good", "flat", "unknown"]})
    for interval in ("confidence", "prediction"):
        band = boot.predict(asked, interval=interval, level=0.9)
        assert band.columns == ["curve", "x", "prediction", "lower", "upper", "decades_beyond"]
        assert band["curve"].to_list() == asked["curve"].to_list()
        known = band.head(2)
        assert (known["lower"] < known["prediction"]).all()
        assert (known["prediction"] < known["upper"]).all()
        assert band.tail(2).select("prediction", "lower", "upper").to_numpy() == pytest.approx(
            np.full((2, 3), np.nan), nan_ok=True
        )
    pair = frame.filter(pl.col("curve").is_in(["good", "well"]))
    grouped = sf.bootstrap(sf.fit(pair, LAW, by="curve", loss=sf.Squared()), n=60)
    alone = sf.bootstrap(sf.fit(frame.filter(curve="good"), LAW, loss=sf.Squared()), n=60)
    for interval in ("confidence", "prediction"):
        mine = grouped.predict({"curve": ["good"], "x": [1e10]}, interval=interval)
        want = alone.predict({"x": [1e10]}, interval=interval)
        assert mine.drop("curve").to_numpy() == pytest.approx(want.to_numpy(), rel=1e-6)


def test_the_summary_of_one_group_prints(frame):
    fit = sf.fit(frame.filter(curve="good"), LAW, by="curve", loss=sf.Squared())
    assert "replicates" in repr(sf.bootstrap(fit, n=20))


@pytest.mark.parametrize("keep", ["draws", "summary"])
def test_groups_with_unusable_replicates_are_named(keep):
    """One bad group of forty says nothing of all replicates, and is named all the same."""
    good = [curve(f"good {number:02}", X, number) for number in range(39)]
    fit = sf.fit(
        pl.concat([*good, curve("flat", np.full(8, 1e7), 3)]), LAW, by="curve", loss=sf.Squared()
    )
    boot = sf.bootstrap(fit, n=20, keep=keep)
    found = [each for each in boot.findings if each.code == "unusable_replicates"]
    assert [each.evidence["groups"] for each in found] == [[["flat"]]]
    assert found[0].severity == "amber"
    fine = fit.select(curve="good 00")
    assert "unusable_replicates" not in {
        f.code for f in sf.bootstrap(fine, n=20, keep=keep).findings
    }
