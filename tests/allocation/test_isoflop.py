"""Approach 2 and its bias: published figures, closed forms, numpy's parabolas."""

from __future__ import annotations

import math
import warnings

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from isoflop import SURFACE, best_scale, isoflop_runs
from outcomes import codes

import scaling_fast as sf
from scaling_fast.cli.command import main


def sentence_of(call):
    with pytest.raises(sf.ScalingError) as caught:
        call()
    return str(caught.value)


def test_one_budget_is_too_few_and_has_no_other_fault():
    size = 1e8 * np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    loss = 3 + 0.1 * np.log(size / 1e8) ** 2
    runs = {"N": size, "D": 1e19 / 6 / size, "loss": loss}
    assert "got 1 of 1; name the budgets" in sentence_of(lambda: sf.allocation.approach2(runs))


def call(*words):
    return CliRunner().invoke(main, ["fit", *words])


@pytest.mark.parametrize(
    ("alpha", "beta", "factor", "percent"),
    [
        (0.34, 0.28, 2, -0.327),
        (0.34, 0.28, 4, -1.301),
        (0.34, 0.28, 8, -2.903),
        (0.34, 0.28, 16, -5.100),
        (0.465, 0.155, 2, -1.67),
        (0.465, 0.155, 4, -6.50),
        (0.465, 0.155, 8, -13.91),
        (0.465, 0.155, 16, -23.12),
    ],
)
def test_the_known_bias_of_a_grid_of_fifteen_sizes(alpha, beta, factor, percent):
    """Errors of D*, to the digits printed, from the formula and from whole pipelines alike."""
    digits = 5e-4 if alpha < 0.4 else 5e-3
    said = sf.allocation.isoflop_bias({"alpha": alpha, "beta": beta}, factor=factor, points=15)
    assert 100 * said.d_star == pytest.approx(percent, abs=digits)
    assert (1 + said.n_star) * (1 + said.d_star) == pytest.approx(1.0, rel=1e-14)
    found = sf.allocation.approach2(isoflop_runs(alpha, beta, factor=factor))
    true = (1e24 / 6) ** (alpha / (alpha + beta)) / best_scale(alpha, beta)
    assert found.tokens.at(1e24) / true - 1 == pytest.approx(said.d_star, abs=1e-11)
    # Equal windows leave the exponents alone.
    assert found.exponents["b"] == pytest.approx(alpha / (alpha + beta), abs=1e-12)
    assert found.exponents["a"] == pytest.approx(beta / (alpha + beta), abs=1e-12)


@pytest.mark.parametrize("factor", [1.001, 1.5, 2, 8, 30, 1000])
def test_the_closed_form_is_the_limit_of_many_sizes(factor):
    surface = {"alpha": 0.34, "beta": 0.28}
    limit = sf.allocation.isoflop_bias(surface, factor=factor)
    # An evenly spaced grid converges on the integral as 1/points.
    coarse, fine = (
        sf.allocation.isoflop_bias(surface, factor=factor, points=n).ln_n for n in (10_001, 20_001)
    )
    assert 2 * fine - coarse == pytest.approx(limit.ln_n, rel=1e-6, abs=1e-12)
    # Leading order: (alpha - beta)/10 of the square of half the window.
    if factor < 2:
        assert limit.ln_n == pytest.approx(0.06 / 10 * math.log(factor) ** 2, rel=1e-2)


def test_equal_exponents_have_no_bias():
    assert sf.allocation.isoflop_bias({"alpha": 0.3, "beta": 0.3}, factor=8).ln_n == 0.0


def test_windows_off_the_optimum_bias_even_a_symmetric_surface():
    """Alpha = beta = .31, factor 8: centred at N*/3 D* is +2.65 % off, with a drift to N*/3 b too."""
    true = (1e24 / 6) ** 0.5 / best_scale(0.31, 0.31)
    found = sf.allocation.approach2(isoflop_runs(0.31, 0.31, centre=lambda c: 1 / 3))
    assert 100 * (found.tokens.at(1e24) / true - 1) == pytest.approx(2.65, abs=5e-3)
    drift = sf.allocation.approach2(
        isoflop_runs(0.31, 0.31, centre=lambda c: 3 ** -((math.log10(c) - 17) / 4))
    )
    assert drift.exponents["b"] == pytest.approx(0.50268, abs=5e-6)
    assert 100 * (drift.tokens.at(1e24) / true - 1) == pytest.approx(3.70, abs=5e-3)


def test_approach_2_reports_its_bias_for_the_given_surface():
    found = sf.allocation.approach2(
        isoflop_runs(0.34, 0.28, points=201), surface={"alpha": 0.34, "beta": 0.28}
    )
    bias = found.table["bias"].to_numpy()
    assert bias == pytest.approx(
        sf.allocation.isoflop_bias(SURFACE | {"alpha": 0.34, "beta": 0.28}, factor=8).d_star
    )
    (finding,) = [finding for finding in found.findings if finding.code == "parabola_bias"]
    assert finding.severity == "amber"
    assert finding.statistic == pytest.approx(bias[0])


def test_every_budget_without_a_minimum_is_reported_and_left_out():
    good = isoflop_runs(0.34, 0.28, budgets=[1e18, 1e19, 1e20])
    n = np.array([1e8, 2e8, 4e8, 8e8])
    extra = [
        pl.DataFrame({"N": n[:2], "loss": [3.0, 2.9]}).with_columns(flops=pl.lit(1e21)),
        pl.DataFrame({"N": n, "loss": [3.0, 3.2, 3.2, 3.0]}).with_columns(flops=pl.lit(1e22)),
        pl.DataFrame({"N": n, "loss": [4.0, 3.5, 3.2, 3.05]}).with_columns(flops=pl.lit(1e23)),
    ]
    more = pl.concat(extra).with_columns(D=pl.col("flops") / 6 / pl.col("N"))
    runs = pl.concat([good, more.select(good.columns)])
    found = sf.allocation.approach2(runs, flops="flops")
    assert found.table["status"].to_list() == ["used"] * 3 + ["few_sizes", "no_minimum", "outside"]
    assert {"budget_few_sizes", "budget_no_minimum", "budget_outside"} <= set(codes(found))
    clean = sf.allocation.approach2(good, flops="flops")
    assert found.exponents == pytest.approx(clean.exponents, rel=1e-12)
    envelope = sf.allocation.approach1(runs, flops="flops")
    assert envelope.table["status"].to_list()[3:] == ["few_sizes", "edge", "edge"]
    assert "budget_edge" in codes(envelope)


def test_too_few_budgets_are_refused_with_the_reasons():
    with pytest.raises(sf.errors.DataError, match=r"1 with fewer than 3 different sizes.*budget="):
        sf.allocation.approach2(
            isoflop_runs(0.3, 0.3, budgets=[1e18]).vstack(
                isoflop_runs(0.3, 0.3, budgets=[1e20], points=2)
            )
        )


def test_the_vertex_is_numpys_polyfit():
    rng = np.random.default_rng(3)
    runs = isoflop_runs(0.34, 0.28, factor=4).with_columns(
        loss=pl.col("loss") * np.exp(0.002 * rng.standard_normal(75))
    )
    found = sf.allocation.approach2(runs, flops="flops", weights="precision")
    left, vertices, slopes = 0.0, [], []
    for _, rows in runs.group_by("flops", maintain_order=True):
        x = np.log(rows["N"].to_numpy())
        p, residual = np.polyfit(x - x.mean(), rows["loss"].to_numpy(), 2, full=True)[:2]
        vertices.append(x.mean() - p[1] / 2 / p[0])
        left += float(residual[0])
        slopes.append(p[0])
    assert np.log(found.table["n_star"].to_numpy()) == pytest.approx(vertices, abs=1e-10)
    assert found.table["curvature"].to_numpy() == pytest.approx(2 * np.array(slopes), rel=1e-9)
    # The delta method, written out for the first budget in numpy's own coordinates.
    x = np.log(runs["N"].to_numpy()[:15]) - vertices[0]
    inverse = np.linalg.inv(np.vander(x, 3).T @ np.vander(x, 3))
    expected = math.sqrt(left / (75 - 15) * inverse[1, 1]) / (2 * slopes[0])
    assert found.table["ln_n_error"][0] == pytest.approx(expected, rel=1e-8)


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(4)
    runs = isoflop_runs(0.34, 0.28).with_columns(
        loss=pl.col("loss") * np.exp(0.01 * rng.standard_normal(75))
    )
    for recipe in (sf.allocation.approach1, sf.allocation.approach2):
        one, two = recipe(runs), recipe(runs.sample(fraction=1.0, shuffle=True, seed=1))
        assert one.exponents == pytest.approx(two.exponents, rel=1e-10)


def test_a_budget_column_is_taken_as_it_is():
    runs = isoflop_runs(0.34, 0.28).with_columns(
        name=pl.col("flops").log10().round().cast(pl.Int64).cast(pl.String)
    )
    assert sf.allocation.approach2(runs, budget="name").exponents == pytest.approx(
        sf.allocation.approach2(runs).exponents, rel=1e-12
    )


def test_another_way_of_counting_is_said_and_kept():
    runs = isoflop_runs(0.3, 0.3).with_columns(flops=pl.col("flops") * 1.2)
    found = sf.allocation.approach2(runs, flops="flops")
    assert "flops_not_6nd" in codes(found)
    assert found.size.at(1e20) * found.tokens.at(1e20) * 7.2 == pytest.approx(1e20, rel=1e-10)


@pytest.mark.parametrize("unit", [1e-150, 1.0, 1e150])
def test_the_unit_of_the_loss_changes_no_optimum(unit):
    rng = np.random.default_rng(14)
    runs = isoflop_runs(0.34, 0.28).with_columns(
        loss=pl.col("loss") * np.exp(0.002 * rng.standard_normal(75))
    )
    scaled = runs.with_columns(loss=pl.col("loss") * unit)
    one, two = (sf.allocation.approach2(frame, weights="precision") for frame in (runs, scaled))
    assert one.exponents == pytest.approx(two.exponents, rel=1e-10)
    errors = (frame.table["ln_n_error"].to_numpy() for frame in (one, two))
    assert next(errors) == pytest.approx(next(errors), rel=1e-9)


def test_sizes_over_many_decades_do_not_lie_on_a_parabola():
    found = sf.allocation.approach2(isoflop_runs(0.34, 0.28, factor=1e7))
    assert [
        finding.severity for finding in found.findings if finding.code == "parabola_too_wide"
    ] == ["red"]
    assert found.table["bias"].null_count() == 5


def test_a_budget_that_hardly_bends_warns_of_nothing():
    grid = [
        (c, n) for c in (1e18, 1e19, 1e20) for n in c**0.5 * 0.1 * np.array([0.25, 0.5, 1, 2, 4])
    ]
    runs = {"N": [n for _, n in grid], "D": [c / 6 / n for c, n in grid]}
    loss = [2 + 1e3 / c**0.1 + 0.1 * np.log(n / (0.1 * c**0.5)) ** 2 for c, n in grid]
    # The last budget falls along a line with the slightest of bends.
    loss[10:] = [3.0 - 0.01 * u + 1e-6 * u * u for u in np.log([0.25, 0.5, 1, 2, 4])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sf.allocation.approach2(runs | {"loss": loss})
    last = found.table.row(2, named=True)
    assert last["status"] != "used"
    assert last["n_star"] is None
    assert found.table["n_star"].head(2).is_not_null().all()
