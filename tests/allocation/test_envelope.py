"""Approach 1 and the winner's curse of choosing the best run per budget."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from isoflop import BUDGETS, best_scale, isoflop_runs

import scaling_fast as sf


def test_as_many_runs_at_every_budget_tilt_nothing():
    grid = [(c, 0.09 * c**0.5 * k) for c in (1e18, 1e19, 1e20) for k in (0.25, 0.5, 1, 2, 4)]
    design = {"N": [n for _, n in grid], "D": [c / 6 / n for c, n in grid]}
    truth = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    runs = sf.datasets.simulate("chinchilla", truth, design, noise=0.002, seed=1)
    found = sf.allocation.approach1(runs)
    curse = next(finding for finding in found.findings if finding.code == "winners_curse")
    assert curse.sentence.startswith("picking the best run does not bias")
    assert curse.statistic == 0.0
    assert f"         {curse.advice}" in found.summary()
    both = sf.approaches(runs, n=20)
    for finding in both.findings:
        assert finding.sentence in both.summary()
        assert finding.advice in both.summary()


def test_expected_best_of_several():
    """.85, 1.16, 1.54, 1.87, 2.25 for 3, 5, 10, 20, 50 (David and Nagaraja, order statistics)."""
    assert [round(sf.allocation.expected_best(m), 2) for m in (3, 5, 10, 20, 50)] == [
        0.85,
        1.16,
        1.54,
        1.87,
        2.25,
    ]
    assert sf.allocation.expected_best(2) == pytest.approx(1 / math.sqrt(math.pi), rel=1e-9)


def test_the_winners_curse_is_that_of_a_simulation():
    """With ever more equally good runs per budget the frontier tilts by -sigma d e_m / d ln C."""
    rng = np.random.default_rng(5)
    sigma, counts = 0.01, np.array([4, 8, 16, 32, 64])
    ln_c = np.log(BUDGETS)
    e_m = np.array([sf.allocation.expected_best(int(m)) for m in counts])
    expected = -sigma * np.polyfit(ln_c, e_m, 1)[0]
    slopes = [
        np.polyfit(ln_c, [(sigma * rng.standard_normal(m)).min() for m in counts], 1)[0]
        for _ in range(4000)
    ]
    assert np.mean(slopes) == pytest.approx(expected, abs=4 * np.std(slopes) / math.sqrt(4000))
    # The finding's number, on runs with that noise: sigma from parabolas, e_m from the counts.
    rows = []
    for c, m in zip(BUDGETS, counts.tolist(), strict=True):
        n = best_scale(0.3, 0.3) * (c / 6) ** 0.5 * np.geomspace(0.9, 1 / 0.9, m)
        loss = 2.0 * np.exp(sigma * rng.standard_normal(m))
        loss[m // 2] = 1.9  # a winner inside, so that every budget is used
        rows.append(pl.DataFrame({"N": n, "D": c / 6 / n, "loss": loss}))
    found = sf.allocation.approach1(pl.concat(rows))
    (curse,) = [finding for finding in found.findings if finding.code == "winners_curse"]
    assert curse.evidence["growth_of_e_m"] == pytest.approx(np.polyfit(ln_c, e_m, 1)[0], rel=1e-9)
    assert curse.statistic == -curse.evidence["sigma"] * curse.evidence["growth_of_e_m"]
    assert curse.severity == "amber"


def test_without_repeats_the_winners_curse_is_grey():
    found = sf.allocation.approach1(isoflop_runs(0.3, 0.3, points=3))
    (grey,) = [finding for finding in found.findings if finding.severity == "grey"]
    assert grey.code == "winners_curse_unknown"


P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


@pytest.mark.parametrize("m", [1e300, -1, 0, float("nan"), "3", True, 10**13])
def test_the_best_of_no_number_is_refused(m):
    with pytest.raises(P):
        sf.allocation.expected_best(m)


def test_the_best_of_many_is_known():
    assert sf.allocation.expected_best(1) == 0.0
    assert sf.allocation.expected_best(10**6) == pytest.approx(4.8630, abs=1e-3)
