"""Rows that count less, more or not at all: weights, sigma, dropped rows."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from decaying import X, Y, assert_same, fit, listed, put
from power_runs import COLUMNS, LAW, curve

import scaling_fast as sf


def test_one_row_is_one_row():
    frame = {"x": [1, 2, None, 4, 5], "loss": [5.0, 4, 3, 2, 1]}
    fit = sf.fit(frame, "power", nulls="drop")
    found = next(finding for finding in fit.findings if finding.code == "rows_dropped")
    assert found.sentence == "1 row with a null or NaN was dropped"


def test_residuals_follow_the_callers_rows_where_some_are_left_out(runs):
    """A row of weight 0 is absent before anything else sees it."""
    weights = np.ones(30)
    weights[[3, 20]] = 0
    order = np.random.default_rng(1).permutation(30)
    fit = sf.fit(
        runs[order.tolist()], LAW, columns=COLUMNS, weights=weights[order], loss=sf.Squared()
    )
    kept = runs[order.tolist()].filter(pl.Series(weights[order] > 0))
    assert fit.n == 28
    expected = (
        np.log(curve(kept["x"].to_numpy(), *fit.params.values())) - kept["loss"].log().to_numpy()
    )
    assert fit.residuals() == pytest.approx(expected, abs=1e-14)


def test_sigma_divides_the_residual_before_the_loss(runs):
    """Sum of w rho(r / sigma); for squares sigma is weight 1/sigma^2, and scipy's sigma."""
    sigma = np.linspace(0.5, 2, 30)
    by_sigma = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), sigma=sigma)
    by_weight = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), weights=sigma**-2)
    assert by_sigma.objective == pytest.approx(by_weight.objective, rel=1e-12)
    assert list(by_sigma.params.values()) == pytest.approx(
        list(by_weight.params.values()), rel=1e-9
    )
    delta = 5e-3
    huber = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Huber(delta), sigma=sigma, weights=1 / sigma)
    size = np.abs(huber.residuals()) / sigma
    rho = np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))
    assert huber.objective == pytest.approx((rho / sigma).sum(), rel=1e-12)


def test_weights_and_sigma_as_columns_or_arrays(runs):
    weighted = runs.with_columns(w=pl.col("run") + 1.0, s=pl.col("run") / 10 + 1.0)
    named = sf.fit(weighted, LAW, columns=COLUMNS, weights="w", sigma="s")
    given = sf.fit(
        weighted, LAW, columns=COLUMNS, weights=weighted["w"], sigma=weighted["s"].to_numpy()
    )
    assert named.table.equals(given.table)


def test_dropped_rows_are_counted(runs):
    """The fit without them, 1e-12, and a finding with the count."""
    holed = runs.with_columns(loss=pl.when(pl.col("run") == 2).then(float("nan")).otherwise("loss"))
    with pytest.raises(sf.errors.DataError) as caught:
        sf.fit(holed, LAW, columns=COLUMNS)
    assert caught.value.column == "loss"
    assert caught.value.row == 6
    fit = sf.fit(holed, LAW, columns=COLUMNS, nulls="drop")
    manual = sf.fit(runs.filter(pl.col("run") != 2), LAW, columns=COLUMNS)
    assert fit.n == 27
    assert fit.objective == pytest.approx(manual.objective, rel=1e-12)
    assert any("3 rows" in finding.sentence for finding in fit.findings)


@pytest.mark.parametrize("container", [dict, pl.DataFrame, pl.LazyFrame])
@pytest.mark.parametrize("value", [None, math.nan])
def test_dropped_rows_equal_rows_never_there(container, value):
    got = sf.fit(container({"x": X, "loss": listed(Y, 7, value)}), LAW, nulls="drop")
    want = fit(np.delete(Y, 7), np.delete(X, 7))
    assert got.objective == want.objective
    assert dict(got.params) == dict(want.params)
    assert "rows_dropped" in [finding.code for finding in got.findings]


@pytest.mark.parametrize("junk", [np.full(12, math.nan), ["a"] * 12, [None] * 12, [object()] * 12])
def test_unused_columns_may_hold_anything(junk):
    got = sf.fit({"x": X, "loss": Y, "junk": junk}, LAW)
    assert dict(got.params) == dict(fit().params)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -5.0, None])
def test_rows_of_weight_zero_may_hold_anything(bad):
    weights = put(np.ones(12), 4, 0.0)
    got = fit(listed(Y, 4, bad), listed(X, 4, bad), weights=weights)
    assert_same(got, fit(np.delete(Y, 4), np.delete(X, 4)), 1e-12)
