"""A fit as a polars expression: what `sf.fit(by=...)` says, wherever polars takes an aggregation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

LAW = "E + A*x**(-alpha)"


@pytest.fixture(scope="module")
def curves():
    rng = np.random.default_rng(4)
    k = 40
    x = np.tile(np.geomspace(1.0, 1e4, 12), k)
    task = np.repeat(np.arange(k), 12)
    loss = (1 + 0.05 * task + 3 * x**-0.4) * np.exp(0.01 * rng.normal(size=x.size))
    frame = pl.DataFrame({"task": task, "x": x, "loss": loss, "w": 1.0 + (x > 100)})
    return frame.sample(fraction=1.0, shuffle=True, seed=1)


@pytest.fixture(scope="module")
def want(curves):
    return sf.fit(curves, LAW, by="task").table


def plain(table):
    return table.with_columns(pl.col("status").cast(pl.String))


def test_group_by_agg_is_a_grouped_fit(curves, want):
    best = sf.expr.fit("loss", LAW, columns={"x": "x"})
    got = curves.group_by("task").agg(best.alias("fit")).sort("task").unnest("fit")
    assert got.equals(plain(want))
    lazily = curves.lazy().group_by("task").agg(best.alias("fit")).collect().sort("task")
    assert lazily.unnest("fit").equals(got)


def test_all_groups_are_one_call(curves, monkeypatch):
    calls = []
    real = sf.expr.fitting.fit
    monkeypatch.setattr(sf.expr.fitting, "fit", lambda *a, **k: (calls.append(1), real(*a, **k))[1])
    curves.group_by("task").agg(sf.expr.fit("loss", LAW, columns={"x": "x"}).alias("fit"))
    assert calls == [1]


def test_select_is_one_fit_and_over_repeats_it(curves, want):
    one = curves.filter(pl.col("task") == 3)
    best = sf.expr.fit("loss", LAW, columns={"x": "x"})
    row = one.select(best.alias("fit")).unnest("fit")
    assert row.equals(plain(want.filter(pl.col("task") == 3)).drop("task"))
    over = curves.select("task", best.over("task").struct.field("alpha"))
    assert over.unique().sort("task")["alpha"].to_list() == want["alpha"].to_list()
    assert over.height == curves.height


def test_columns_and_weights_may_be_expressions(curves):
    shaped = sf.expr.fit(
        pl.col("loss") * 2,
        LAW,
        columns={"x": pl.col("x") / 10},
        weights="w",
        loss=sf.Squared(),
        residual="raw",
    )
    got = curves.group_by("task").agg(shaped.alias("fit")).sort("task").unnest("fit")
    frame = curves.with_columns(x=pl.col("x") / 10, loss=pl.col("loss") * 2)
    want = sf.fit(frame, LAW, by="task", weights="w", loss=sf.Squared(), residual="raw").table
    assert got.equals(plain(want))


@pytest.mark.parametrize(
    ("law", "options"),
    [
        ("power_offset", {}),
        (sf.Law("E + A*x**(-alpha)", derived={"half": "alpha/2"}, columns=["x"]), {}),
        ("log(loss) ~ log(E + A*x**(-alpha))", {"columns": {"x": "x"}}),
        ("E + A*x**(-alpha)", {"columns": {"x": "x"}, "loss": sf.StudentT(4.0)}),
        ("status + n*x**(-alpha)", {"columns": {"x": "x"}}),
        ("power_offset", {"params": {"E": sf.Param(fixed=1.0)}}),
    ],
)
def test_laws_of_all_kinds_have_the_columns_of_their_table(curves, law, options):
    some = curves.filter(pl.col("task") < 4)
    best = sf.expr.fit("loss", law, **options)
    got = some.group_by("task").agg(best.alias("fit")).sort("task").unnest("fit")
    want = sf.fit(some, law, by="task", **options).table
    words = [column for column, kind in want.schema.items() if isinstance(kind, pl.Enum)]
    assert got.equals(want.with_columns(pl.col(words).cast(pl.String)))


def test_a_group_that_cannot_be_fitted_says_so_and_an_empty_one_is_null(curves):
    few = pl.DataFrame({"task": [99, 99], "x": [1.0, 2.0], "loss": [3.0, 2.0], "w": [1.0, 1.0]})
    both = pl.concat(
        [curves.filter(pl.col("task") < 2).with_columns(pl.col("task").cast(pl.Int64)), few]
    )
    best = sf.expr.fit("loss", LAW, columns={"x": "x"}).alias("fit")
    got = both.group_by("task").agg(best).sort("task").unnest("fit")
    assert got["status"].to_list() == ["converged", "converged", "too_few_rows"]
    partly = sf.expr.fit(
        pl.col("loss").filter(pl.col("task") == 1),
        LAW,
        columns={"x": pl.col("x").filter(pl.col("task") == 1)},
    )
    rows = both.group_by("task").agg(partly.alias("fit")).sort("task")
    assert rows["fit"].struct.field("status").to_list() == [None, "converged", None]


def test_what_cannot_be_asked_is_refused(curves):
    with pytest.raises(sf.errors.ParameterError, match="columns="):
        sf.expr.fit("loss", LAW)
    with pytest.raises(sf.errors.ParameterError, match="group_by"):
        sf.expr.fit("loss", LAW, columns={"x": "x"}, by="task")
    with pytest.raises(sf.errors.ParameterError):
        sf.expr.fit(3, LAW, columns={"x": "x"})
    with pytest.raises(sf.errors.FormulaError):
        sf.expr.fit("loss", "E +", columns={"x": "x"})
    bad = curves.with_columns(pl.lit(float("nan")).alias("loss"))
    # Polars raises ours, or its own around ours, as its version has it.
    with pytest.raises(
        (sf.errors.DataError, pl.exceptions.ComputeError), match="column `loss` holds NaN"
    ):
        bad.group_by("task").agg(sf.expr.fit("loss", LAW, columns={"x": "x"}).alias("fit"))
