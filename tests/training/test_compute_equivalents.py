"""Compute-equivalent gains and effective sizes: Fieller's interval, factors that were put in."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from outcomes import codes
from scipy import stats

import scaling_fast as sf


@pytest.fixture(scope="module")
def baseline():
    rng = np.random.default_rng(9)
    c = np.geomspace(1e20, 1e24, 14)
    return pl.DataFrame(
        {"flops": c, "score": 0.05 * np.log(c / 1e20) + 0.01 * rng.standard_normal(14)}
    )


def test_fiellers_interval_holds_the_values_a_t_test_does_not_reject(baseline):
    gain = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e21, own_score=0.3, own_error=0.004
    )
    x = np.log(baseline["flops"].to_numpy() / 1e21)
    design = np.column_stack([np.ones(14), x])
    answer, left = np.linalg.lstsq(design, baseline["score"].to_numpy())[:2]
    cov = left[0] / 12 * np.linalg.inv(design.T @ design)
    t = stats.t.ppf(0.975, 12)
    for end in (gain.lower, gain.upper):
        at = np.array([1.0, math.log(end)])
        gap = abs(0.3 - at @ answer) / math.sqrt(at @ cov @ at + 0.004**2)
        assert gap == pytest.approx(t, rel=1e-7)
    assert math.log(gain.estimate) == pytest.approx((0.3 - answer[0]) / answer[1], rel=1e-9)
    delta = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e21, own_score=0.3, own_error=0.004, method="delta"
    )
    assert math.log(delta.upper * delta.lower) == pytest.approx(
        2 * math.log(gain.estimate), rel=1e-9
    )
    assert delta.upper == pytest.approx(gain.upper, rel=0.05)


def test_scores_beyond_the_baseline_have_a_one_sided_interval(baseline):
    """It ends where the compute of the baseline does: 1e24/1e21 and 1e20/1e21."""
    for score, word, ends in (
        (0.9, "above 1e+03", (1e3, math.inf)),
        (-0.5, "below 0.1", (0.0, 0.1)),
    ):
        gain = sf.training.compute_equivalent_gain(baseline, own_flops=1e21, own_score=score)
        assert (gain.lower, gain.upper) == pytest.approx(ends, rel=1e-12)
        assert gain.lower < gain.estimate < gain.upper
        (finding,) = gain.findings
        assert finding.code == "gain_out_of_range"
        assert finding.severity == "grey"
        assert word in finding.sentence


@pytest.mark.parametrize("method", ["fieller", "delta"])
def test_a_score_out_of_range_by_noise_has_the_bound_of_the_two_sided_interval(baseline, method):
    """Just above the line at the top, and below it at the bottom: the near end stands, the far one is open."""
    fitted = sf.training.compute_equivalent_gain(baseline, own_flops=1e20, own_score=0.3).baseline
    level, slope = fitted.params["c0"], fitted.params["c1"]
    above = level + slope * math.log(1e4) + 0.002
    gain = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e20, own_score=above, method=method
    )
    assert gain.upper == math.inf
    assert gain.estimate == pytest.approx(math.exp((above - level) / slope), rel=1e-9)
    assert gain.estimate > 1e4
    assert 1e2 < gain.lower < 1e4
    (finding,) = gain.findings
    assert (finding.code, finding.severity) == ("gain_out_of_range", "amber")
    assert f"above {gain.lower:.3g}" in finding.sentence
    below = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e20, own_score=level - 0.002, method=method
    )
    assert below.lower == 0.0
    assert 1.0 < below.upper < 1e2
    # At the very edge nothing jumps: the bound is the end of the interval of a score within the range.
    inside = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e20, own_score=above - 0.002 - 1e-9, method=method
    )
    edge = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e20, own_score=above - 0.002 + 1e-9, method=method
    )
    assert edge.lower == pytest.approx(inside.lower, rel=1e-5)


def test_a_single_run_has_the_noise_of_the_baseline_unless_told_otherwise(baseline):
    """S = sqrt(RSS/(n - 2)), by numpy; an exact score has a narrower interval, and must be asked for."""
    x = np.log(baseline["flops"].to_numpy())
    left = np.polynomial.polynomial.polyfit(x, baseline["score"].to_numpy(), 1, full=True)[1][0]
    usual = sf.training.compute_equivalent_gain(baseline, own_flops=1e21, own_score=0.3)
    assert usual.own_error == pytest.approx(math.sqrt(left[0] / 12), rel=1e-9)
    given = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e21, own_score=0.3, own_error=usual.own_error
    )
    assert (given.lower, given.upper) == pytest.approx((usual.lower, usual.upper), rel=1e-12)
    exact = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e21, own_score=0.3, own_error=0
    )
    assert usual.lower < exact.lower < exact.upper < usual.upper


def test_an_exact_score_has_the_interval_that_was_recomputed_independently():
    """33.144 [18.526, 70.210], by numpy and scipy."""
    base = {"flops": [1e20, 1e21, 1e22, 1e23], "score": [0.2, 0.31, 0.39, 0.5]}
    gain = sf.training.compute_equivalent_gain(base, own_flops=1e21, own_score=0.45, own_error=0)
    assert (gain.estimate, gain.lower, gain.upper) == pytest.approx(
        (33.144, 18.526, 70.210), abs=5e-4
    )


def test_scores_that_do_not_change_with_compute_are_refused():
    level = {"flops": [1e20, 1e21, 1e22], "score": [0.0, 0.0, 0.0]}
    with pytest.raises(sf.errors.DataError, match="does not change with compute"):
        sf.training.compute_equivalent_gain(level, own_flops=1e21, own_score=0.1)


def test_a_baseline_without_slope_bounds_nothing():
    flat = {"flops": [1e20, 1e21, 1e22, 1e23], "score": [0.3, 0.2, 0.3, 0.25]}
    gain = sf.training.compute_equivalent_gain(flat, own_flops=1e21, own_score=0.265)
    assert (gain.lower, gain.upper) == (0.0, math.inf)
    assert codes(gain) == ["gain_unbounded"]


def test_the_effective_multiplier_is_the_factor_that_was_put_in():
    x = np.geomspace(1e7, 1e10, 10)
    clean = {"x": x, "loss": 1.5 + 90 * x**-0.28}
    fit = sf.fit(clean, "power_offset")
    n = np.array([1e8, 1e9, 1e10, 1e9])
    factor = np.array([0.5, 1.0, 3.0, 1.0])
    loss = 1.5 + 90 * (n * factor) ** -0.28
    loss[3] = 1.4
    out = sf.training.effective_multiplier(fit, {"N": n, "loss": loss})
    assert out["multiplier"].to_numpy()[:3] == pytest.approx(factor[:3], rel=1e-6)
    assert out["inversion"].to_list() == ["inside", "inside", "extrapolated", "below_floor"]
    assert out["multiplier"][3] is None


def test_the_effective_multiplier_has_an_interval_from_a_bootstrap():
    rng = np.random.default_rng(10)
    x = np.geomspace(1e7, 1e10, 30)
    clean = {"x": x, "loss": (1.5 + 90 * x**-0.28) * np.exp(0.003 * rng.standard_normal(30))}
    boot = sf.bootstrap(sf.fit(clean, "power_offset", loss=sf.Squared()), n=300)
    out = sf.training.effective_multiplier(boot, {"N": [8e8], "loss": [1.5 + 90 * 4e8**-0.28]})
    row = out.row(0, named=True)
    assert row["lower"] < row["multiplier"] < row["upper"]
    assert row["lower"] < 0.5 < row["upper"]
    with pytest.raises(sf.errors.ParameterError, match="power_offset"):
        sf.training.effective_multiplier(sf.fit(clean, "power"), {"N": [1.0], "loss": [1.0]})
