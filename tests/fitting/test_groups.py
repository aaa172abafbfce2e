"""Grouped fits: one row per group, each as if it were alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from decaying import X, Y, fit
from power_runs import COLUMNS, LAW, NAMES, curve

import scaling_fast as sf
import scaling_fast.datasets
from scaling_fast.errors import ParameterError


@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(1e-3), sf.Absolute()])
def test_groups_are_the_separate_fits(curves, loss):
    """One fit per group, one row per group, in sorted order of the key; 1e-12."""
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by="key", loss=loss)
    assert grouped.table["key"].to_list() == ["a", "b", "c"]
    assert grouped.groups == 3
    for row in grouped.table.iter_rows(named=True):
        alone = sf.fit(curves.filter(key=row["key"]), LAW, columns=COLUMNS, loss=loss)
        assert row["status"] == alone.status == "converged"
        assert row["n"] == alone.n
        assert row["objective"] == pytest.approx(alone.objective, rel=1e-12, abs=0)
        assert [row[name] for name in NAMES] == pytest.approx(
            list(alone.params.values()), rel=1e-12
        )


def test_groups_do_not_depend_on_threads_or_the_order_of_rows(curves):
    one = sf.fit(curves, LAW, columns=COLUMNS, by="key", threads=1)
    two = sf.fit(curves, LAW, columns=COLUMNS, by="key", threads=2)
    assert one.table.equals(two.table)
    ordered = sf.fit(curves.sort("key", "x"), LAW, columns=COLUMNS, by="key")
    assert ordered.table["objective"].to_list() == pytest.approx(
        one.table["objective"].to_list(), rel=1e-12
    )


def test_several_keys(curves):
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by=["part", "key"])
    assert grouped.table.select("part", "key").rows() == [(1, "a"), (1, "b"), (2, "c")]
    assert grouped.table["n"].to_list() == [30, 17, 12]


def test_a_failing_group_has_a_status_and_disturbs_no_other(curves):
    """A status for a group where one fit would raise."""
    short = pl.DataFrame(
        {"x": [1e8, 1e9], "loss": [2.0, 1.9], "run": [0, 0], "key": "aa", "part": 1}
    )
    flat = pl.DataFrame(
        {"x": [1e8] * 5, "loss": [2.0, 1.9, 2.1, 2.0, 1.8], "run": 0, "key": "bb", "part": 1}
    )
    columns = curves.columns
    more = pl.concat([curves, short.select(columns), flat.select(columns)], how="vertical_relaxed")
    alone = sf.fit(curves, LAW, columns=COLUMNS, by="key", loss=sf.Squared()).table
    table = sf.fit(more, LAW, columns=COLUMNS, by="key", loss=sf.Squared()).table
    assert table["key"].to_list() == ["a", "aa", "b", "bb", "c"]
    assert table.filter(pl.col("key").str.len_chars() == 1).equals(alone)
    status = dict(table.select("key", "status").iter_rows())
    assert status["aa"] == "too_few_rows"
    assert status["bb"] == "not_identified"
    with pytest.raises(sf.errors.DataError, match="n=2"):
        sf.fit(short, LAW, columns=COLUMNS)
    with pytest.raises(sf.errors.DataError):
        sf.fit(flat, LAW, columns=COLUMNS)


def test_scalar_answers_of_a_grouped_fit_name_the_table(curves):
    """On a grouped fit the scalar ones raise and name `.table`."""
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by="key")
    for name in (
        "params",
        "objective",
        "status",
        "converged",
        "is_global",
        "certificate",
        "derived",
    ):
        with pytest.raises(sf.errors.ParameterError, match=r"\.table"):
            getattr(grouped, name)
    for name in ("cov", "interval", "jacobian"):
        with pytest.raises(sf.errors.ParameterError, match=r"\.table"):
            getattr(grouped, name)()


def test_residuals_and_predictions_follow_the_callers_rows(curves):
    """P27 with by=: prediction at training points is y - residual, in the caller's row order."""
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by="key", residual="raw", loss=sf.Squared())
    residual = grouped.residuals()
    params = {
        row["key"]: [row[name] for name in NAMES] for row in grouped.table.iter_rows(named=True)
    }
    expected = [
        curve(x, *params[key]) - y for x, y, key in curves.select("x", "loss", "key").iter_rows()
    ]
    assert residual == pytest.approx(np.array(expected), abs=1e-13)
    predicted = grouped.predict(curves.select("key", "x"))
    assert predicted["key"].to_list() == curves["key"].to_list()
    assert predicted["prediction"].to_numpy() == pytest.approx(
        curves["loss"].to_numpy() + residual, rel=1e-12
    )


def test_a_key_the_fit_has_not_seen_predicts_nothing(curves):
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by="key")
    predicted = grouped.predict({"key": ["z", "a"], "x": [1e8, 1e8]})["prediction"].to_list()
    assert np.isnan(predicted[0]) if predicted[0] is not None else True
    assert predicted[1] > 0


def test_a_key_that_is_a_parameter_is_refused(curves):
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.fit(curves.rename({"key": "alpha"}), LAW, columns=COLUMNS, by="alpha")
    assert caught.value.param == "alpha"


SIZES = np.geomspace(1e6, 1e10, 40)
LOSSES = (1.7 + 400 / SIZES**0.34) * np.exp(0.01 * np.random.default_rng(0).normal(size=40))
SIZE_LAW = "E + A/N**alpha"


def test_what_belongs_to_one_fit_is_named_as_it_was_asked_for():
    frame = pl.DataFrame(
        {"g": ["a"] * 40 + ["b"] * 40, "N": [*SIZES, *SIZES], "loss": [*LOSSES, *LOSSES]}
    )
    fit = sf.fit(frame, SIZE_LAW, by="g", loss=sf.Squared())
    with pytest.raises(
        sf.errors.ParameterError, match=r"`interval` works for a single fit.*bootstrap"
    ):
        fit.interval(0.9)


def test_a_bad_group_does_not_hurt_the_others():
    frame = pl.DataFrame(
        {
            "g": ["good"] * 12 + ["flat"] * 12 + ["few"] * 2,
            "x": [*X, *[3.0] * 12, *X[:2]],
            "loss": [*Y, *Y, *Y[:2]],
        }
    )
    got = sf.fit(frame, LAW, by="g").table
    status = dict(got.select("g", "status").iter_rows())
    assert status == {"few": "too_few_rows", "flat": "not_identified", "good": "converged"}
    good = got.filter(pl.col("g") == "good").row(0, named=True)
    for name in NAMES:
        assert good[name] == fit().params[name]


RUNS = {"x": [1.0, 10.0, 100.0, 1000.0] * 2, "loss": [3.0, 2.01, 1.49, 1.25, 3.02, 2.0, 1.5, 1.26]}


@pytest.mark.parametrize("name", ["objective", "status", "n", "at_bound"])
def test_group_columns_that_leave_a_diagnostic_no_name_are_refused(name):
    keys = [name, f"fit_{name}"]
    frame = RUNS | dict.fromkeys(keys, ["a"] * 8)
    with pytest.raises(ParameterError, match=f"`fit_{name}`") as caught:
        sf.fit(frame, "power_offset", by=keys)
    assert caught.value.param == f"fit_{name}"
    assert sf.fit(frame, "power_offset", by=name).table.height == 1


def test_parameters_that_leave_a_diagnostic_no_name_are_refused():
    with pytest.raises(ParameterError, match="`fit_objective`"):
        sf.fit(RUNS, "objective + A*x**(-fit_objective)")


def test_an_error_about_a_row_names_its_group(curves):
    bad = curves.with_columns(
        loss=pl.when(pl.int_range(pl.len()) == 40).then(-1.0).otherwise("loss")
    )
    key = bad["key"][40]
    with pytest.raises(sf.errors.DataError, match=f"in the group `key` = `{key}`") as caught:
        sf.fit(bad, LAW, columns=COLUMNS, by="key")
    assert caught.value.row == 40
    low = sf.Param(lower=float(curves["loss"].min()))
    place = int(curves["loss"].arg_min())
    with pytest.raises(sf.errors.DataError, match=f"`key` = `{curves['key'][place]}`"):
        sf.fit(
            curves,
            LAW,
            columns=COLUMNS,
            by="key",
            loss=sf.Squared(),
            residual=sf.LogExcess("E"),
            params={"E": low},
        )


def test_a_scheme_that_a_group_does_not_allow_names_it(curves):
    fit = sf.fit(curves, LAW, columns=COLUMNS, by="key", loss=sf.Squared())
    least = fit.table.sort("n").row(0, named=True)
    with pytest.raises(ParameterError, match=f"the smallest group, `key` = `{least['key']}`"):
        sf.bootstrap(fit, sf.Subsample(least["n"]), n=5)
    with pytest.raises(ParameterError, match=r"fit\.select"):
        sf.bootstrap(fit, sf.Jackknife())
