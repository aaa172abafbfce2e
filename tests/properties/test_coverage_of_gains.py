"""Intervals of compute-equivalent gains hold the truth as often as they say, within the baseline and beyond it.

By default 150 studies a place; `make deep` (SCALING_FAST_DEEP=1) takes 1,000. The seeds follow from the
version and are printed. A share fails only beyond the 99.9 % point of its binomial distribution.
"""

from __future__ import annotations

import math
import os
import zlib

import numpy as np
import pytest
from scipy import stats

import scaling_fast as sf

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
STUDIES = 1_000 if DEEP else 150
BASE = zlib.crc32(f"gains {sf.__version__}".encode())
FLOPS = np.geomspace(1e20, 1e23, 8)
SLOPE, NOISE, LEVEL = 0.05, 0.01, 0.95


def studied(place, **options):
    """Return the gains of runs whose true equivalent lies at a share of the baseline's decades, and its value."""
    truth = place * math.log(1e3)
    found = []
    for study in range(STUDIES):
        rng = np.random.default_rng([BASE, round(1000 * place), study])
        score = 0.2 + SLOPE * np.log(FLOPS / 1e20) + NOISE * rng.standard_normal(FLOPS.size)
        own = 0.2 + SLOPE * truth + NOISE * rng.standard_normal()
        found.append(
            sf.training.compute_equivalent_gain(
                {"flops": FLOPS, "score": score},
                own_flops=1e20,
                own_score=own,
                level=LEVEL,
                **options,
            )
        )
    return found, math.exp(truth)


def held(found, truth):
    return sum(gain.lower <= truth <= gain.upper for gain in found)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("place", [0.0, 0.2, 0.5, 0.8, 1.0, 1.1])
def test_gains_of_one_run_are_covered_as_often_as_said(place):
    """Eight baselines, the own score as noisy as they are; at the ends half of the scores are out of range."""
    found, truth = studied(place)
    covered = held(found, truth)
    print(f"seed {BASE}: place {place}, covered {covered} of {STUDIES}")
    assert covered >= stats.binom.ppf(0.001, STUDIES, LEVEL)
    for gain in found:
        assert not np.isnan([gain.estimate, gain.lower, gain.upper]).any()
        assert gain.lower <= gain.estimate <= gain.upper


@pytest.mark.timeout(1800)
def test_gains_within_the_baseline_are_not_covered_more_often_than_said():
    found, truth = studied(0.5)
    assert held(found, truth) <= stats.binom.ppf(0.999, STUDIES, LEVEL)


@pytest.mark.timeout(1800)
def test_an_exact_score_that_is_not_exact_shows_in_this_test():
    """Guards the test: noise that is not allowed for costs a third of the coverage."""
    found, truth = studied(0.5, own_error=0)
    assert held(found, truth) < 0.8 * STUDIES
