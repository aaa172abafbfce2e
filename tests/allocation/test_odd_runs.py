"""Runs as people have them: tokens without sizes, compute that is not 6 N D, a run gone wrong, coarse grids."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from isoflop import isoflop_runs, noisy_surface
from outcomes import codes
from scipy import optimize

import scaling_fast as sf

FEW = {
    "C": [1e18] * 3 + [3e18] * 4,
    "tokens": [5.77e9, 2.33e9, 9.23e8, 1.73e10, 7.0e9, 2.77e9, 1.57e9],
    "loss": [3.399, 3.364, 3.456, 3.298, 3.204, 3.224, 3.289],
}
"""A public isoFLOP study: three and four runs a budget, tokens known and sizes not."""

BENT = {
    "C": [3e17] * 4,
    "N": [4601984.0, 11622272.0, 28081408.0, 49520896.0],
    "D": [3011510272.0, 1389363200.0, 644808704.0, 409993216.0],
    "loss": [1.5377929210662842, 1.5102866888046265, 1.66274893283844, 1.5365904569625854],
}
"""One budget of a public study whose third run went wrong; compute there is not 6 N D."""


def counted(budgets=(3e17, 1e18, 3e18)):
    """Return runs of C = D (6 N + 2e4 N^.5) on exact parabolas, whose minima are at the middle size."""
    rows = []
    for c in budgets:
        middle = 12e6 * (c / 3e17) ** 0.52
        for step in (-2.0, -1.0, 0.0, 1.0, 2.0):
            n = middle * 2.0**step
            rows.append((c, n, c / (6 * n + 2e4 * n**0.5), 1.5 + 0.02 * (math.log(2) * step) ** 2))
    return pl.DataFrame(rows, schema=["C", "N", "D", "loss"], orient="row")


def test_tokens_without_sizes_are_enough_where_the_compute_is_known():
    """Minima of least-squares parabolas in ln tokens, by numpy: 2.837e9 (3.3611) and 5.082e9 (3.1982)."""
    found = sf.allocation.approach2(FEW, columns={"D": "tokens"}, flops="C")
    assert found.table["d_star"].to_list() == pytest.approx([2.837e9, 5.082e9], rel=2e-4)
    assert found.table["loss"].to_list() == pytest.approx([3.3611, 3.1982], abs=5e-5)
    assert "from_flops" in codes(found)
    sizes = np.array(FEW["C"]) / 6 / np.array(FEW["tokens"])
    given = sf.allocation.approach2(FEW | {"N": sizes}, columns={"D": "tokens"}, flops="C")
    assert found.exponents == pytest.approx(given.exponents, rel=1e-12)
    assert "from_flops" not in codes(given)


@pytest.mark.parametrize("lost", ["N", "D"])
@pytest.mark.parametrize("lazy", [False, True])
def test_either_of_sizes_and_tokens_may_be_missing(lost, lazy):
    runs = noisy_surface(noise=0.002, seed=3).with_columns(C=6 * pl.col("N") * pl.col("D"))
    frame = runs.drop(lost)
    found = sf.approaches(frame.lazy() if lazy else frame, flops="C", n=50)
    whole = sf.approaches(runs, flops="C", n=50)
    assert found.table["estimate"].to_list() == pytest.approx(
        whole.table["estimate"].to_list(), rel=1e-7
    )
    assert "from_flops" in codes(found)
    with pytest.raises(sf.errors.DataError, match=f"column `{lost}` not found"):
        sf.approaches(frame, n=50)


def test_few_runs_a_budget_have_intervals_and_no_false_disagreement():
    found = sf.approaches(FEW, columns={"D": "tokens"}, flops="C", n=200)
    for row in found.table.filter(approach=2).iter_rows(named=True):
        assert row["lower"] < row["estimate"] < row["upper"]
    assert "approaches_disagree" not in codes(found)
    assert found.resolution > 0.3
    assert "resolution of the size grid" in found.summary()


def test_tokens_at_the_optimum_follow_how_compute_was_counted():
    """A run stands at every minimum, so its own tokens are D*."""
    runs = counted()
    best = runs.filter(pl.col("loss") == 1.5)
    found = sf.allocation.approach2(runs, flops="C")
    assert found.table["n_star"].to_list() == pytest.approx(best["N"].to_list(), rel=1e-9)
    assert found.table["d_star"].to_list() == pytest.approx(best["D"].to_list(), rel=5e-4)
    # Off the middle of the window too: without its smallest size.
    cut = runs.filter(pl.col("N") > pl.col("N").min().over("C"))
    found = sf.allocation.approach2(cut, flops="C")
    assert found.table["d_star"].to_list() == pytest.approx(best["D"].to_list(), rel=5e-4)


ROBUST = {
    "absolute": sf.Absolute(),
    "huber": sf.Huber(1e-3),
    "scaled": sf.Huber(1.345, scale="mad"),
}


@pytest.mark.parametrize("loss", ROBUST.values(), ids=ROBUST)
def test_a_run_that_went_wrong_does_not_end_its_budget(loss):
    """Through the other three runs: the parabola by numpy."""
    runs = pl.concat([pl.DataFrame(BENT), counted((1e18, 3e18)).select(list(BENT))])
    bent = sf.allocation.approach2(runs, flops="C")
    assert bent.table["status"][0] == "no_minimum"
    assert any("robust loss" in finding.advice for finding in bent.findings)
    found = sf.allocation.approach2(runs, flops="C", loss=loss)
    assert found.table["status"].to_list() == ["used"] * 3
    kept = [0, 1, 3]
    x, y = np.log(np.array(BENT["N"])[kept]), np.array(BENT["loss"])[kept]
    bend, slope, _ = np.polyfit(x - x.mean(), y, 2)
    vertex = math.exp(x.mean() - slope / 2 / bend)
    assert found.table["n_star"][0] == pytest.approx(vertex, rel=0.01)


@pytest.mark.parametrize("loss", ROBUST.values(), ids=ROBUST)
def test_a_wrong_run_in_each_budget_moves_robust_minima_little(loss):
    """Nine sizes, noise .1 %, one loss 10 % too high: ln N* moves by less than four of its standard errors."""
    clean = noisy_surface(noise=0.001, seed=11, points=9, factor=4.0, budgets=4)
    wrong = clean.with_columns(
        loss=pl.when(pl.int_range(pl.len()) % 9 == 7)
        .then(1.1 * pl.col("loss"))
        .otherwise(pl.col("loss"))
    )
    before = sf.allocation.approach2(clean).table
    after = sf.allocation.approach2(wrong, loss=loss, weights="precision").table
    moved = np.log(after["n_star"].to_numpy() / before["n_star"].to_numpy())
    assert np.abs(moved / before["ln_n_error"].to_numpy()).max() < 4
    squares = sf.allocation.approach2(wrong).table
    assert (
        np.abs(np.log(squares["n_star"] / before["n_star"]).to_numpy()).max()
        > 3 * np.abs(moved).max()
    )


def test_squares_given_as_the_loss_are_the_least_squares_parabolas():
    runs = noisy_surface(noise=0.002, seed=2)
    ours = sf.allocation.approach2(runs, loss=sf.Squared())
    assert ours.exponents == pytest.approx(sf.allocation.approach2(runs).exponents, rel=1e-7)


def test_the_envelope_says_what_its_grid_of_sizes_can_tell():
    """Fifteen sizes over a factor of 64: steps of ln(64)/14; four decades of compute."""
    found = sf.allocation.approach1(isoflop_runs(0.34, 0.28))
    wanted = math.log(64) / 14 / 2 / math.log(1e4)
    assert found.resolution == pytest.approx(wanted, rel=1e-9)
    (finding,) = [finding for finding in found.findings if finding.code == "size_grid"]
    assert finding.statistic == found.resolution
    assert f"resolution of the size grid +-{wanted:.2g}" in found.summary()
    fine = sf.allocation.approach1(isoflop_runs(0.34, 0.28, points=151))
    assert fine.resolution == pytest.approx(wanted * 14 / 150, rel=1e-9)
    assert sf.allocation.approach2(isoflop_runs(0.34, 0.28)).resolution == 0.0


def test_the_surface_has_its_optimum_at_the_compute_that_was_counted():
    """C = 2 N^1.1 D^.95: the optimum at a budget by a search along it, in scipy."""
    rng = np.random.default_rng(6)
    flops = np.repeat(np.geomspace(1e18, 1e21, 5), 9)
    n = 0.05 * flops**0.49 * np.tile(np.geomspace(0.2, 5, 9), 5)
    d = (flops / 2 / n**1.1) ** (1 / 0.95)
    loss = 1.8 + 480 * n**-0.35 + 2100 * d**-0.37
    runs = {"N": n, "D": d, "C": flops, "loss": loss * np.exp(0.001 * rng.standard_normal(45))}
    found = sf.approaches(runs, flops="C", at=1e22, n=50)
    params = found.fit.params

    def at(ln_n):
        tokens = (1e22 / 2 / math.exp(1.1 * ln_n)) ** (1 / 0.95)
        return (
            params["A"] * math.exp(-params["alpha"] * ln_n)
            + params["B"] * tokens ** -params["beta"]
        )

    best = optimize.minimize_scalar(at, bounds=(20, 30), method="bounded", options={"xatol": 1e-9})
    third = found.table.filter(approach=3)
    n_star = third.filter(quantity="n_star")["estimate"].item()
    assert math.log(n_star) == pytest.approx(best.x, abs=1e-5)
    d_star = third.filter(quantity="d_star")["estimate"].item()
    assert 2 * n_star**1.1 * d_star**0.95 == pytest.approx(1e22, rel=1e-9)
    # Approach 2 draws its line through the same optima.
    second = found.table.filter(approach=2, quantity="a")["estimate"].item()
    assert second == pytest.approx(third.filter(quantity="a")["estimate"].item(), abs=0.01)
    assert "approaches_disagree" not in codes(found)
