"""The two-step ladder is one step after the other, on common draws."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf


@pytest.fixture(scope="module")
def rungs():
    rng = np.random.default_rng(13)
    grid = [(n, n * m) for n in (1.9e8, 3.7e8, 7.6e8, 1.3e9) for m in (20, 40, 100, 200)]
    n, d = (np.array(column) for column in zip(*grid, strict=True))
    task = (0.6 + 300 / n**0.3 + 700 / d**0.32) * np.exp(0.002 * rng.standard_normal(16))
    score = 0.25 + 0.7 / (1 + np.exp(4 * (task - 1.6))) + 0.003 * rng.standard_normal(16)
    return pl.DataFrame({"N": n, "D": d, "task_loss": task, "accuracy": score})


def test_the_ladder_is_one_step_after_the_other(rungs):
    ladder = sf.downstream.two_step_ladder(rungs, floor=0.25)
    out = ladder.predict({"N": [7e9], "D": [4e12]}, n=200)
    p, q = ladder.loss_fit.params, ladder.score_fit.params
    task = p["E"] + p["A"] * 7e9 ** -p["alpha"] + p["B"] * 4e12 ** -p["beta"]
    score = q["floor"] + q["height"] / (1 + math.exp(q["steepness"] * (task - q["L0"])))
    row = out.row(0, named=True)
    assert row["task_loss"] == pytest.approx(task, rel=1e-12)
    assert row["prediction"] == pytest.approx(score, rel=1e-12)
    assert row["lower"] < row["prediction"] < row["upper"]
    assert row["decades_beyond"] > 0.7
    true = 0.25 + 0.7 / (1 + math.exp(4 * (0.6 + 300 / 7e9**0.3 + 700 / 4e12**0.32 - 1.6)))
    assert row["prediction"] == pytest.approx(true, abs=0.05)


def test_both_steps_of_the_ladder_see_the_same_draws(rungs):
    """The interval is that of draws taken by hand from the two bootstraps with one seed."""
    ladder = sf.downstream.two_step_ladder(rungs, floor=0.25)
    out = ladder.predict({"N": [7e9], "D": [4e12]}, n=100, seed=4, level=0.8)
    one, two = (
        sf.bootstrap(fit, n=100, seed=4).draws for fit in (ladder.loss_fit, ladder.score_fit)
    )
    task = (
        one["E"]
        + one["A"] * 7e9 ** (-one["alpha"].to_numpy())
        + one["B"] * 4e12 ** (-one["beta"].to_numpy())
    )
    score = two["floor"] + two["height"] / (1 + (two["steepness"] * (task - two["L0"])).exp())
    ends = np.quantile(score.to_numpy(), [0.1, 0.9])
    assert [out["lower"].item(), out["upper"].item()] == pytest.approx(ends, rel=1e-12)


P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


def _ladder(**options):
    sizes = [(n, n * m) for n in (2e8, 4e8, 8e8, 1.6e9) for m in (20, 60, 180)]
    task = np.array([0.5 + 400 / n**0.3 + 900 / d**0.33 for n, d in sizes])
    runs = {"N": [n for n, _ in sizes], "D": [d for _, d in sizes], "task_loss": task}
    runs["accuracy"] = options.pop("scale", 1.0) * (0.25 + 0.7 / (1 + np.exp(3 * (task - 1.5))))
    return sf.downstream.two_step_ladder(runs, **options)


def test_a_ladder_needs_scores_above_its_floor():
    with pytest.raises(P, match="floor must lie below the best of the scores"):
        _ladder(floor=0.99)
    with pytest.raises(D, match="accuracies from 0 to 1"):
        _ladder(scale=100.0)
