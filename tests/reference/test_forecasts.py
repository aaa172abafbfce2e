"""What the allowance says of published runs, and whether it held what came next on public learning curves."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.stress.beyond_the_runs import outlook, steady_path

SQUARED = {"loss": sf.Squared()}


@pytest.fixture(scope="module")
def chinchilla(reference):
    runs = pl.read_csv(reference("chinchilla_epoch.csv")).filter(pl.col("keep_240") == 1)
    return sf.fit(runs, "chinchilla", columns={"N": "params", "D": "tokens"})


def test_the_240_runs_allow_what_an_independent_computation_found(chinchilla):
    """3.8, 6.6, 10.1 and 19 % at x1, x3.2, x10 and x100; noise 0.25 and 0.42 %; tokens per parameter 16.2."""
    table = chinchilla.request.table
    path = outlook(chinchilla, {"N": [1e10], "D": [2e11]}, level=0.9)
    ahead = steady_path(path.inputs, table.arrays, np.array([0.0, 0.5, 1.0, 2.0, 3.0]))
    assert ahead["D"] / ahead["N"] == pytest.approx(16.2, abs=0.05)
    found = outlook(chinchilla, ahead, level=0.9)
    assert 100 * np.expm1(found.half_width) == pytest.approx([3.8, 6.6, 10.1, 19.0, 31.0], rel=0.02)
    assert 100 * np.expm1(found.noise[[0, 2]]) == pytest.approx([0.25, 0.42], abs=0.006)
    assert found.drift_ratio == pytest.approx(107.0, abs=1.0)
    assert found.kept == ["log_power pair", "log_quadratic"]


def test_the_240_runs_shut_four_gates(chinchilla):
    answer = sf.stress.allowance(chinchilla, {"N": [7e10], "D": [1.4e12]})
    assert answer["status"][0] == "not_kept, end_of_sample, bend, backtest"


def test_seven_points_support_no_extrapolation():
    """Cerebras-GPT: noise 2.2, 2.9, 5.9, 10.1 % at 5e22 to 1e25 FLOP, as an independent computation found."""
    fit = sf.fit(
        sf.datasets.load("cerebras2023"), "power_offset", columns={"x": "flops"}, **SQUARED
    )
    answer = sf.stress.allowance(fit, [2.3e22, 5e22, 1e23, 1e24, 1e25])
    assert set(answer["status"]) == {"few_rows"}
    assert 100 * answer["noise"].to_numpy()[1:] == pytest.approx([2.2, 2.9, 5.9, 10.1], abs=0.06)
    # At the level of one input, by an independent computation of the drift.
    half = np.log1p(np.maximum(answer["drift"].to_numpy(), answer["form"].to_numpy()))[1:]
    assert 100 * np.expm1(half) == pytest.approx([2.33, 3.19, 7.25, 13.15], abs=0.02)
    stricter = outlook(fit, {"x": answer["x"].to_numpy()}, level=0.9, limit=0.80)
    assert 100 * np.expm1(stricter.half_width) == pytest.approx(
        [1.7, 2.9, 4.4, 12.0, 23.6], rel=0.04
    )


def test_the_allowance_held_what_public_curves_did_next(reference):
    """17 curves of Alabdulmohsin et al. 2022, fitted below and judged at their last point."""
    curves = pl.read_csv(reference("alabdulmohsin_curves.csv"))
    held = {"noise": [], "form": [], "allowance": []}
    print()
    for key, curve in curves.group_by(["domain", "task", "model"], maintain_order=True):
        below = curve.filter(pl.col("training") == 1)
        last = curve.filter(pl.col("training") == 0)[-1:]
        fit = sf.fit(below, "power_offset", columns={"x": "seen_examples"}, **SQUARED)
        found = outlook(fit, {"x": last["seen_examples"].to_numpy()}, level=0.9)
        miss = abs(found.log_forecast[0] - np.log(last["loss"][0]))
        for part, width in (
            ("noise", found.noise),
            ("form", found.form),
            ("allowance", found.half_width),
        ):
            held[part].append(miss <= width[0])
        widths = [100 * np.expm1(width[0]) for width in (found.noise, found.form, found.half_width)]
        print(f"{' '.join(key):44} +{found.decades[0]:.2f} decades: miss {100 * np.expm1(miss):4.1f} %, noise "
              f"{widths[0]:4.1f}, form {widths[1]:4.1f}, allowance {widths[2]:4.1f} %")  # fmt: skip
    assert len(held["noise"]) == 17
    assert sum(held["allowance"]) >= 16
    # The law's own 90 % band is no forecast interval.
    assert sum(held["noise"]) <= 10
