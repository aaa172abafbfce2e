"""The findings of groups: codes in each row of the table, names and counts in the findings of the fit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from group_codes import codes_of_the_fit

import scaling_fast as sf
from scaling_fast.errors import ConvergenceError, DataError

LAW = "power_offset"
X = np.geomspace(1e6, 1e9, 12)


def curve(key, x, y, weight=1.0):
    x = np.asarray(x, dtype=np.float64)
    return pl.DataFrame({"curve": key, "x": x, "loss": y, "w": np.full(x.size, weight)})


def noisy(seed, x=X, size=0.005):
    x = np.asarray(x, dtype=np.float64)
    noise = np.random.default_rng(seed).normal(size=x.size)
    return (1.8 + 480 * x**-0.35) * np.exp(size * noise)


def zoo():
    """Return curves with one fault each, and two without."""
    rising = 2.0 - 3.0 * X**-0.2
    some_weight = curve("weightless", X, noisy(4)).with_columns(
        w=pl.when(pl.int_range(pl.len()) < 2).then(0.0).otherwise(1.0)
    )
    missing = curve("missing", X, noisy(5)).with_columns(
        loss=pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise("loss")
    )
    two = np.repeat([1e7, 1e9], 4)
    return pl.concat(
        [
            curve("good", X, noisy(0)),
            curve("well", X, noisy(1)),
            curve("few", X[:2], noisy(2, X[:2])),
            curve("flat", np.full(6, 1e7), noisy(3, np.full(6, 1e7))),
            curve("exact", X[::4], noisy(3, X[::4])),
            curve("narrow", np.geomspace(1e7, 1.1e7, 12), noisy(6, np.geomspace(1e7, 1.1e7, 12))),
            curve("rising", X, rising),
            curve("step", X, np.where(X > 3e7, 2.0, 3.0) * np.exp(0.001 * np.arange(12))),
            curve("two", two, noisy(7, two)),
            curve("faint", X, noisy(8, size=1e-9)),
            curve("loud", X, noisy(9, size=0.5)),
            some_weight,
            missing,
        ]
    )


def alone(frame, key, **options):
    try:
        return sf.fit(frame.filter(pl.col("curve") == key), LAW, **options)
    except (DataError, ConvergenceError):
        return None


OPTIONS = [
    {"loss": sf.Squared()},
    {"loss": sf.Huber(1e-3)},
    {"loss": sf.Huber(10.0), "residual": "raw"},
    {"loss": sf.Absolute()},
    {"loss": sf.StudentT(4.0)},
    {"loss": sf.Squared(), "residual": sf.LogExcess("E")},
    {"loss": sf.Squared(), "starts": {"E": 1.8, "A": 480.0, "alpha": 0.35}},
    {"loss": sf.Squared(), "starts": 3},
    {"loss": sf.Squared(), "params": {"alpha": sf.Param(fixed=0.35)}},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_codes_of_a_group_are_the_findings_of_its_rows_alone(options):
    frame = zoo()
    options = {"weights": "w", "nulls": "drop", **options}
    fit = sf.fit(frame, LAW, by="curve", **options)
    compared = 0
    for row in fit.table.iter_rows(named=True):
        single = alone(frame, row["curve"], **options)
        if single is None:
            assert row["status"] != "converged"
            continue
        codes = codes_of_the_fit(single)
        assert row["findings"] == codes, row["curve"]
        assert row["is_global"] == single.is_global, row["curve"]
        compared += 1
    assert compared >= 9


def test_a_fit_names_the_groups_of_its_findings():
    fit = sf.fit(zoo(), LAW, by="curve", weights="w", nulls="drop", loss=sf.Squared())
    named = {f.code: f.evidence for f in fit.findings if "groups" in f.evidence}
    table = fit.table
    for code, evidence in named.items():
        if code != "groups_failed":
            having = table.filter(pl.col("findings").list.contains(code))
            assert set(map(tuple, evidence["groups"])) <= set(having.select("curve").iter_rows())
        assert evidence["count"] >= len(evidence["groups"])
    failed = table.filter(pl.col("status") != "converged")
    assert named["groups_failed"]["groups"] == [[key] for key in failed["curve"]]
    assert named["groups_failed"]["count"] == failed.height
    assert sum(named["groups_failed"]["statuses"].values()) == failed.height
    assert named["rows_dropped"]["groups"] == [["missing"]]
    assert named["zero_weight"]["groups"] == [["weightless"]]


def test_ten_groups_are_named_and_all_are_counted():
    flat = [curve(key, np.full(6, 1e7), noisy(key, np.full(6, 1e7))) for key in range(23)]
    good = curve(100, X, noisy(0))
    fit = sf.fit(pl.concat([*flat, good]), LAW, by="curve")
    failed = next(f for f in fit.findings if f.code == "groups_failed")
    assert failed.evidence["groups"] == [[key] for key in range(10)]
    assert failed.evidence["count"] == 23


def test_one_bad_group_is_no_red_finding():
    fit = sf.fit(zoo(), LAW, by="curve", weights="w", nulls="drop")
    assert {finding.severity for finding in fit.findings} <= {"amber", "green"}


def test_groups_without_a_fault_have_no_code():
    fit = sf.fit(zoo(), LAW, by="curve", weights="w", nulls="drop", loss=sf.Squared())
    codes = dict(fit.table.select("curve", "findings").iter_rows())
    assert codes["good"] == codes["well"] == []
    assert fit.table["is_global"].dtype == pl.Boolean
    assert fit.table["findings"].dtype == pl.List(pl.String)


def test_a_column_asked_for_in_one_group_is_named_in_another():
    """Rows of one size in one group do not hide those of another law's need elsewhere."""
    n, d = np.meshgrid(np.geomspace(1e7, 1e10, 4), np.geomspace(1e9, 1e12, 4))
    y = 1.8 + 480 * n**-0.35 + 2100 * d**-0.37
    grid = pl.DataFrame({"g": "grid", "N": n.ravel(), "D": d.ravel(), "loss": y.ravel()})
    one_size = grid.with_columns(g=pl.lit("one size"), N=pl.lit(1e8))
    ray = grid.with_columns(g=pl.lit("ray"), D=20 * pl.col("N"))
    frame = pl.concat([grid, one_size, ray]).with_columns(
        loss=1.8 + 480 * pl.col("N") ** -0.35 + 2100 * pl.col("D") ** -0.37 + 1e-3 * pl.col("loss")
    )
    fit = sf.fit(frame, "E + A/N**alpha + B/D**beta", by="g", loss=sf.Squared())
    codes = dict(fit.table.select("g", "findings").iter_rows())
    assert "design" in codes["ray"]
    assert "design" in codes["one size"]
    assert "design" not in codes["grid"]
