"""Level optima have an answer: the centre of the best points, and a finding that gives their ends."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

SIZES = (1e7, 1e8, 1e9)
LOG_LOSS = {size: np.log(1.8 + 480 * size**-0.35) for size in SIZES}
EVEN = {
    "x": [1e7] * 4 + [1e8] * 4,
    "loss": [3.1, 3.13, 3.17, 3.21, 2.6, 2.64, 2.66, 2.71],
}
STAIRS = {"x": [1.0, 2.0, 3.0, 4.0], "loss": [1.0, 2.0, 3.5, 4.0]}


def seeds(count, seed, noise=0.008):
    """Three sizes with as many seeds each."""
    rng = np.random.default_rng(seed)
    x = np.repeat(SIZES, count)
    logs = np.array([LOG_LOSS[size] for size in x]) + noise * rng.standard_normal(len(x))
    return {"x": x, "loss": np.exp(logs)}


def box(runs, tau=0.5, delta=0.0):
    """Least, largest and nearest-to-mean best log loss of each size: between two of its order statistics."""
    found = []
    for size in np.unique(runs["x"]):
        logs = np.sort(np.log(np.asarray(runs["loss"])[runs["x"] == size]))
        place = round(len(logs) * tau)
        low, high = logs[place - 1] + delta, logs[place] - delta
        found.append((low, high, np.clip(logs.mean(), low, high)))
    return np.array(found)


def offset_of(logs):
    """The power_offset that passes through three sizes a decade apart."""
    first, second, third = np.exp(logs)
    ratio = (first - second) / (second - third)
    floor = third - (second - third) / (ratio - 1)
    alpha = np.log10(ratio)
    return floor, (first - floor) * SIZES[0] ** alpha, alpha


def level(fit):
    (found,) = [finding for finding in fit.findings if finding.code == "level_optimum"]
    return found


@pytest.mark.parametrize("loss", [sf.Absolute(), sf.Pinball(0.5), sf.Huber(1e-3), sf.Huber(1e-6)])
def test_two_sizes_by_four_seeds_have_a_centre_and_ends(loss):
    fit = sf.fit(EVEN, "A*x**(-a)", loss=loss)
    assert fit.converged
    assert fit.is_global
    found = level(fit)
    delta = getattr(loss, "delta", 0.0)
    lows, highs, middles = box(
        {name: np.array(column) for name, column in EVEN.items()}, delta=delta
    ).T
    step = np.log(10.0)
    assert found.evidence["lower"]["a"] == pytest.approx((lows[0] - highs[1]) / step, rel=1e-9)
    assert found.evidence["upper"]["a"] == pytest.approx((highs[0] - lows[1]) / step, rel=1e-9)
    # Published with the case: every a in [.07066, .07946] is optimal for the absolute loss.
    if loss == sf.Absolute():
        assert fit.objective == pytest.approx(0.0965518044875, rel=1e-11)
        assert "a from 0.07066 to 0.07946" in found.sentence
    # More than one direction: the optimal point of least sum of squared residuals.
    assert fit.params["a"] == pytest.approx((middles[0] - middles[1]) / step, rel=1e-8)
    assert found.severity == "amber"


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("loss", [sf.Absolute(), sf.Pinball(0.25), sf.Huber(1e-5)])
def test_three_sizes_by_four_seeds_are_answered(loss, seed):
    runs = seeds(4, seed)
    fit = sf.fit(runs, "power_offset", loss=loss)
    assert fit.status == "converged"
    assert fit.is_global
    sizes = box(runs, getattr(loss, "tau", 0.5), getattr(loss, "delta", 0.0))
    assert (sizes[:, 0] < sizes[:, 1]).all()
    assert [fit.params[name] for name in ("E", "A", "alpha")] == pytest.approx(
        offset_of(sizes[:, 2]), rel=1e-6
    )
    corners = np.array([offset_of(corner) for corner in itertools.product(*sizes[:, :2])])
    found = level(fit).evidence
    for place, name in enumerate(("E", "A", "alpha")):
        assert found["lower"][name] == pytest.approx(corners[:, place].min(), rel=1e-6)
        assert found["upper"][name] == pytest.approx(corners[:, place].max(), rel=1e-6)


def test_the_default_loss_answers_the_plainest_design():
    statuses = [sf.fit(seeds(4, seed), "power_offset").status for seed in range(100, 140)]
    assert set(statuses) == {"converged"}


@pytest.mark.parametrize(
    ("loss", "options", "middle"),
    [
        (sf.Absolute(), {}, 2.75),
        (sf.Huber(0.1), {}, 2.75),
        (sf.Pinball(0.75), {}, 3.75),
        (sf.Absolute(), {"weights": [1.0, 2.0, 3.0, 6.0]}, 3.75),
        (sf.Absolute(), {"sigma": [2.0, 2.0, 1.0, 2.0]}, None),
        (sf.Absolute(), {"params": {"E": sf.Param(lower=3.0)}}, 3.25),
        (sf.Absolute(), {"params": {"E": sf.Param(lower=3.7)}}, None),
    ],
)
def test_one_direction_has_the_middle_of_its_segment(loss, options, middle):
    fit = sf.fit(STAIRS, "E + 0*x", loss=loss, residual="raw", **options)
    assert fit.converged
    codes = [finding.code for finding in fit.findings]
    assert ("level_optimum" in codes) == (middle is not None)
    if middle is not None:
        assert fit.params["E"] == pytest.approx(middle, rel=1e-12)
        ends = level(fit).evidence
        assert ends["lower"]["E"] + ends["upper"]["E"] == pytest.approx(2 * middle, rel=1e-12)


def test_a_curved_segment_keeps_its_optimum_all_the_way():
    """One size has an odd number of seeds, so A and a move together."""
    runs = {name: column[1:] for name, column in EVEN.items()}
    fit = sf.fit(runs, "A*x**(-a)", loss=sf.Absolute())
    ends = level(fit).evidence
    for end in ("lower", "upper"):
        assert fit.objective_at(ends[end]) == pytest.approx(fit.objective, rel=1e-9)
    shares = [
        (fit.params[name] - ends["lower"][name]) / (ends["upper"][name] - ends["lower"][name])
        for name in ("A", "a")
    ]
    assert sum(shares) == pytest.approx(1.0, abs=1e-9)


def test_parameters_that_trade_off_are_not_a_level_optimum():
    fit = sf.fit(EVEN, "A*B*x**(-a)", loss=sf.Absolute())
    assert fit.status == "not_identified"
    assert "level_optimum" not in [finding.code for finding in fit.findings]


def test_best_points_without_end_are_not_converged():
    """The second size may lie as low as the third, so that the exponent has no largest best value."""
    runs = {
        "x": np.repeat(SIZES, 4),
        "loss": [3.0, 3.02, 3.05, 3.07, 1.9, 1.98, 2.05, 2.1, 1.91, 1.97, 2.04, 2.1],
    }
    fit = sf.fit(runs, "power_offset", loss=sf.Absolute())
    assert fit.status == "not_identified"
    assert level(fit).severity == "red"


def test_groups_and_archives_keep_what_was_found(tmp_path):
    frame = pl.concat(
        [
            pl.DataFrame(EVEN).with_columns(curve=pl.lit("even")),
            pl.DataFrame(EVEN)
            .filter(pl.col("loss") != 2.71)
            .filter(pl.col("loss") != 3.21)
            .with_columns(curve=pl.lit("odd")),
        ]
    )
    fit = sf.fit(frame, "A*x**(-a)", by="curve", loss=sf.Absolute())
    assert fit.table["status"].to_list() == ["converged", "converged"]
    assert level(fit).evidence["groups"] == [["even"]]
    fit.save(tmp_path / "level.fit")
    assert level(sf.load(tmp_path / "level.fit")).sentence == level(fit).sentence
