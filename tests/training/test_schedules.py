"""Learning-rate schedules as columns: the annealed area and the law it serves."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf


def test_annealed_area_is_the_double_sum():
    rng = np.random.default_rng(7)
    rate, decay = rng.uniform(0.0, 1.0, 40), 0.9
    out = sf.training.annealing_columns({"lr": rate}, decay=decay)
    fall = -np.diff(rate, prepend=rate[0])
    double = [
        sum(fall[k] * decay ** (i - k) for i in range(s + 1) for k in range(i + 1))
        for s in range(40)
    ]
    assert out["S2"].to_numpy() == pytest.approx(double, abs=1e-12)
    assert out["S1"].to_numpy() == pytest.approx(np.cumsum(rate), rel=1e-14)


def test_each_run_is_a_schedule_of_its_own():
    frame = pl.DataFrame({"run": ["b", "a", "b", "a"], "lr": [2.0, 1.0, 1.0, 1.0]})
    out = sf.training.annealing_columns(frame, by="run", decay=0.5)
    assert out["S1"].to_list() == [2.0, 1.0, 3.0, 2.0]
    assert out["S2"].to_list() == [0.0, 0.0, 1.0, 0.0]
    with pytest.raises(sf.errors.DataError, match="negative learning rate in row 1"):
        sf.training.annealing_columns({"lr": [1.0, -1.0]})
    with pytest.raises(sf.errors.ParameterError, match="decay must be a number between 0 and 1"):
        sf.training.annealing_columns(frame, decay=1.0)


def test_the_annealing_law_is_found_again_from_its_columns():
    steps = np.arange(1, 401)
    cosine = 0.5 * (1 + np.cos(np.pi * steps / 400))
    drop = np.where(steps < 300, 1.0, 0.2)
    frame = pl.DataFrame({"run": np.repeat(["c", "d"], 400), "lr": np.concatenate([cosine, drop])})
    out = sf.training.annealing_columns(frame, by="run", decay=0.99).with_columns(
        loss=2.5 + 0.6 * pl.col("S1") ** -0.4 - 0.01 * pl.col("S2")
    )
    fit = sf.fit(
        out, "L0 + A*S1**(-alpha) - C*S2", columns={"S1": "S1", "S2": "S2"}, loss=sf.Squared()
    )
    assert fit.params["alpha"] == pytest.approx(0.4, rel=1e-6)
    assert fit.params["C"] == pytest.approx(0.01, rel=1e-6)
