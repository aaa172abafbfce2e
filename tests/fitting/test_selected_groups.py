"""`fit.select(...)` is the fit of one group: that of the table, and that of its rows alone."""

from __future__ import annotations

import datetime as dt
import pickle

import numpy as np
import polars as pl
import pytest
from group_codes import codes_of_the_fit

import scaling_fast as sf
from scaling_fast.errors import ParameterError

LAW = "power_offset"
NAMES = ("E", "A", "alpha")


def runs(sizes=(20, 12, 30, 2), seed=0):
    """Return curves by task and seed, their rows shuffled; the last has too few rows."""
    random = np.random.default_rng(seed)
    frames = []
    for number, n in enumerate(sizes):
        x = 10 ** random.uniform(6, 9, n)
        y = (1.8 + 480 * x**-0.35) * np.exp(0.005 * random.standard_normal(n))
        frames.append(
            pl.DataFrame(
                {
                    "task": "ab"[number // 2],
                    "seed": number % 2,
                    "x": x,
                    "loss": y,
                    "run": np.arange(n) // 3,
                    "w": 1.0 + (np.arange(n) % 4 == 0),
                }
            )
        )
    return pl.concat(frames).sample(fraction=1.0, shuffle=True, seed=seed)


BY = ["task", "seed"]


@pytest.fixture(scope="module")
def frame():
    return runs()


@pytest.fixture(scope="module", params=["fitted", "loaded", "pickled"])
def fit(request, frame, tmp_path_factory):
    found = sf.fit(frame, LAW, by=BY, loss=sf.Squared())
    if request.param == "loaded":
        path = tmp_path_factory.mktemp("fits") / "fit.sf"
        found.save(path)
        return sf.load(path)
    return pickle.loads(pickle.dumps(found)) if request.param == "pickled" else found


def rows(frame, **keys):
    return frame.filter(**keys)


def test_it_is_the_group_of_the_table(fit):
    for row in fit.table.iter_rows(named=True):
        one = fit.select(task=row["task"], seed=row["seed"])
        assert isinstance(one, sf.Fit)
        assert one.groups == 1
        assert not one.request.table.keys.width
        assert one.status == row["status"]
        assert one.is_global == row["is_global"]
        assert codes_of_the_fit(one) == row["findings"]
        assert one.n == row["n"]
        if row["status"] == "converged":
            assert one.objective == row["objective"]
            assert dict(one.params) == {name: row[name] for name in NAMES}
            assert one.certificate.gradient == row["gradient"]


def test_its_certificate_and_findings_are_those_of_its_rows_alone(frame, fit):
    one, alone = (
        fit.select(task="a", seed=1),
        sf.fit(rows(frame, task="a", seed=1), LAW, loss=sf.Squared()),
    )
    assert one.certificate.basis == alone.certificate.basis == "proven"
    assert one.findings == alone.findings
    assert one.params == pytest.approx(alone.params, rel=1e-9)


def test_everything_asked_of_it_is_what_its_rows_alone_give(frame, fit):
    one, alone = (
        fit.select(task="b", seed=0),
        sf.fit(rows(frame, task="b", seed=0), LAW, loss=sf.Squared()),
    )
    close = {"rel": 1e-6}
    assert one.residuals() == pytest.approx(alone.residuals(), rel=1e-6, abs=1e-9)
    for ask in (
        lambda fit: fit.interval(0.9).select("lower", "upper"),
        lambda fit: fit.cov(cluster="run").drop("parameter"),
        lambda fit: fit.predict({"x": [1e7, 1e10]}).select("prediction", "decades_beyond"),
        lambda fit: sf.bootstrap(fit, n=50).draws.select(NAMES),
        lambda fit: sf.bootstrap(fit, sf.Residuals(), n=50).interval(0.9).select("lower", "upper"),
        lambda fit: (
            sf.bootstrap(fit, sf.Clusters("run"), n=50).interval(0.9, "bca").select("lower")
        ),
        lambda fit: sf.bootstrap(fit, sf.Jackknife(), n=None).draws.select(NAMES),
        lambda fit: sf.bootstrap(fit, sf.Indices(np.tile(np.arange(30), (3, 1)))).draws.select(
            NAMES
        ),
        lambda fit: pl.DataFrame([sf.profile(fit, of="alpha", level=0.9).upper]),
    ):
        assert ask(one).to_numpy() == pytest.approx(ask(alone).to_numpy(), **close)


def test_rows_without_weight_and_dropped_rows_stay_in_its_frame(frame):
    holes = frame.with_columns(
        w=pl.when(pl.col("run") == 1).then(0.0).otherwise("w"),
        loss=pl.when(pl.col("run") == 2).then(None).otherwise("loss"),
    )
    more = {"weights": "w", "nulls": "drop", "loss": sf.Squared()}
    one = sf.fit(holes, LAW, by=BY, **more).select(task="a", seed=0)
    alone = sf.fit(rows(holes, task="a", seed=0), LAW, **more)
    assert one.request.table.frame.equals(alone.request.table.frame)
    assert (one.request.table.order == alone.request.table.order).all()
    assert one.findings == alone.findings
    weights = sf.Weights(np.ones((2, 20)))
    assert sf.bootstrap(one, weights).draws.select(NAMES).to_numpy() == pytest.approx(
        sf.bootstrap(alone, weights).draws.select(NAMES).to_numpy(), rel=1e-6
    )


def test_a_scale_of_its_own_is_the_groups():
    frame = runs((20, 20, 20, 20))
    fit = sf.fit(frame, LAW, by=BY, loss=sf.StudentT(4.0))
    assert fit.select(task="b", seed=1).scale == fit.table["scale"][3]


def test_a_group_that_failed_says_how(fit):
    few = fit.select(task="b", seed=1)
    assert few.status == "too_few_rows"
    assert not few.converged
    assert not few.is_global


def test_one_key_is_enough_where_it_names_one_group(frame):
    fit = sf.fit(frame.filter(~((pl.col("task") == "a") & (pl.col("seed") == 1))), LAW, by=BY)
    assert fit.select(task="a").n == 20


def refused(fit, **keys):
    with pytest.raises(ParameterError) as caught:
        fit.select(**keys)
    return str(caught.value), caught.value


def test_what_names_no_group_is_refused_with_what_there_is(fit):
    text, error = refused(fit, task="c", seed=0)
    assert "`task` = `c`" in text
    assert "`a`, `b`" in text
    assert error.param == "task"
    text, _ = refused(fit, task="a", seed=7)
    assert "`seed` = `7` among those with `task` = `a`" in text
    text, error = refused(fit, curve="a")
    assert "`task`, `seed`" in text
    assert error.param == "curve"
    text, _ = refused(fit, task="a")
    assert "names 2 groups; give `['seed']`" in text
    text, _ = refused(fit)
    assert "select(task='a', seed=0)" in text
    assert "`task` = `b`, `seed` = `1`" in text
    text, _ = refused(fit, task="a", seed="0")
    assert "seed=0" in text
    for odd in ([0], np.arange(2), {"a": 1}, None, pl.Series([0]), float("nan"), b"a"):
        refused(fit, task=odd)


def test_a_fit_without_groups_has_none_to_select(frame):
    text, _ = refused(sf.fit(rows(frame, task="a", seed=0), LAW), task="a")
    assert "without by=" in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (pl.Series([2**63, 2**63 + 1], dtype=pl.UInt64), 2**63 + 1),
        (pl.Series([0.5, 0.25]), np.float64(0.25)),
        (pl.Series([0.5, 2.0]), 2),
        (pl.Series([True, False]), False),
        (
            pl.Series([dt.date(2024, 1, 1), dt.date(2025, 1, 1)]),
            dt.date(2025, 1, 1),
        ),
        (pl.Series(["é^.*$", "b"], dtype=pl.Categorical), "é^.*$"),
        (pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])), np.str_("a")),
    ],
)
def test_keys_of_every_kind_are_found(key, value, tmp_path):
    x = np.geomspace(1e6, 1e9, 12)
    y = 1.8 + 480 * x**-0.35
    frame = pl.DataFrame({"x": np.tile(x, 2), "loss": np.concatenate([y, 2 * y])})
    frame = frame.with_columns(key.gather(np.repeat([0, 1], 12)).alias("^key.*$"))
    frame = frame.with_columns(pl.Series("loss", [None, *frame["loss"].to_list()[1:]]))
    fit = sf.fit(frame, LAW, by="^key.*$", nulls="drop", loss=sf.Squared())
    fit.save(tmp_path / "fit.sf")
    for each in (fit, sf.load(tmp_path / "fit.sf")):
        one = each.select(**{"^key.*$": value})
        place = [row[0] for row in each.table.iter_rows()].index(value)
        assert one.objective == each.table["objective"][place]
        first = value == key.to_list()[0]
        assert one.n == 12 - first
        assert one.request.table.frame.height == 12
