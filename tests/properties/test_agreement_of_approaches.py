"""What the three approaches say of their own agreement, on fresh data sets of two designs.

By default 50 data sets a design; `make deep` (SCALING_FAST_DEEP=1) takes 500. The seeds follow from the
version and are printed. A share fails only beyond the 99.9 % point of its binomial distribution.
"""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest
from isoflop import NOISY, noisy_surface
from scipy import stats

import scaling_fast as sf

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
SETS = 500 if DEEP else 50
REPLICATES = 400 if DEEP else 99
NOISE = 0.003
TRUE_A = 0.37 / 0.72
BASE = zlib.crc32(f"approaches {sf.__version__}".encode()) % 2**31


def four_by_seven(seed):
    """Return the design of docs/guide/allocation.md: four budgets, uneven steps."""
    sizes = [
        (c, 0.09 * c**0.5 * k)
        for c in (1e18, 1e19, 1e20, 1e21)
        for k in (0.2, 0.4, 0.7, 1, 1.5, 3, 6)
    ]
    design = {"N": [n for _, n in sizes], "D": [c / 6 / n for c, n in sizes]}
    return sf.datasets.simulate("chinchilla", NOISY, design, noise=NOISE, seed=seed)


def seven_by_fifteen(seed):
    return noisy_surface(noise=NOISE, seed=seed, points=15, factor=5.0, budgets=7)


DESIGNS = {"4 x 7": four_by_seven, "7 x 15": seven_by_fifteen}


@pytest.fixture(scope="module", params=DESIGNS)
def studied(request):
    """Return differences, errors and z of a1-a2, a1-a3, a2-a3, and whether intervals of a hold the truth."""
    print(f"seeds from {BASE}")
    found = [
        sf.approaches(DESIGNS[request.param](BASE + i), n=REPLICATES, seed=i) for i in range(SETS)
    ]
    differences = [each.disagreement.filter(quantity="a") for each in found]
    tables = [each.table.filter(quantity="a") for each in found]
    held = [((t["lower"] < TRUE_A) & (t["upper"] > TRUE_A)).to_numpy() for t in tables]
    numbers = np.array(
        [[t[name].to_numpy() for name in ("difference", "error", "z")] for t in differences]
    )
    return numbers, np.array(held)


@pytest.mark.timeout(1800)
def test_differences_between_approaches_have_their_true_error(studied):
    """The spread of z is near 1, so a difference is neither invisible nor overstated."""
    z = studied[0][:, 2]
    assert np.isfinite(z).all()
    spread = z.std(axis=0, ddof=1)
    print("sd of z", spread.round(3), "of", SETS)
    # .7 to 1.2, with the 99.9 % points of the standard deviation of that many.
    low, high = np.sqrt(stats.chi2.ppf([0.001, 0.999], SETS - 1) / (SETS - 1))
    assert (spread > 0.7 * low).all()
    assert (spread < 1.2 * high).all()


@pytest.mark.timeout(1800)
def test_approaches_that_agree_are_seldom_said_to_disagree(studied):
    beyond = (np.abs(studied[0][:, 2]) > 1.96).sum(axis=0)
    print("|z| > 1.96 in", beyond, "of", SETS)
    assert (beyond <= stats.binom.ppf(0.999, SETS, 0.10)).all()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_shift_of_approach_2_by_three_true_errors_is_found(studied, sign):
    """Against approach 1 and against approach 3, in 75 % or more."""
    numbers, _ = studied
    shift = 3.0 * sign * numbers[:, 0].std(axis=0, ddof=1)
    shifted = (numbers[:, 0] + shift * np.array([-1.0, 0.0, 1.0])) / numbers[:, 1]
    found = (np.abs(shifted[:, [0, 2]]) > 1.96).sum(axis=0)
    print("found in", found, "of", SETS)
    assert (found >= stats.binom.ppf(0.001, SETS, 0.75)).all()


@pytest.mark.timeout(1800)
def test_intervals_of_the_exponent_hold_the_truth(studied):
    """Nominal 95 % of each approach, 90 % or more in fact."""
    held = studied[1].sum(axis=0)
    print("covered in", held, "of", SETS)
    assert (held >= stats.binom.ppf(0.001, SETS, 0.90)).all()
