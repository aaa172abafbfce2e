"""Comparisons keep a true law, reject what bends or shifts inside the runs, and test at the size they state.

A few sets a kind by default; `make deep` (SCALING_FAST_DEEP=1) takes 500 a cell and prints the table. The seed
follows from the version, so that it is fresh with each one. A cell fails when its count lies beyond the 99.9 %
quantile of Binomial(sets, target) on the wrong side.
"""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
import truths
from scipy.stats import binom

import scaling_fast as sf
from scaling_fast.comparison.contenders import contenders
from scaling_fast.comparison.criteria import criteria_of
from scaling_fast.comparison.likelihood_tests import no_constant
from scaling_fast.comparison.robust_refit import robust_refit

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
SETS = 500 if DEEP else 20
TESTED = 200 if DEEP else 4
SEED = int.from_bytes(hashlib.sha256(f"compare {sf.__version__}".encode()).digest()[:4], "big")
DESIGN = truths.Design(20, 3, 0.005)
LOSSES = {
    "Squared": sf.Squared(),
    "Huber(1e-3)": sf.Huber(1e-3),
    "Huber(1.345 mad)": sf.Huber(1.345, scale="mad"),
}


def sets_of(kind, count, design=DESIGN, curve=None):
    values = (curve or truths.ONE_INPUT[kind])(design.x)
    for number in range(count):
        rng = np.random.default_rng([SEED, number, *kind.encode()])
        noise = design.noise * rng.standard_normal(design.rows)
        yield {"x": design.x, "loss": values * np.exp(noise)}


def kept_by(data, law, loss):
    found = contenders(sf.fit(data, law, loss=loss), None, 2)
    kept = criteria_of(found.laws, found.rows, 1.0).kept
    return {candidate.label: bool(stays) for candidate, stays in zip(found.laws, kept, strict=True)}


def require_at_least(count, sets, target, what):
    print(f"{what}: {count} of {sets}, at least {target} (seed {SEED})")
    assert count >= binom.ppf(0.001, sets, target)


def require_at_most(count, sets, target, what):
    print(f"{what}: {count} of {sets}, at most {target} (seed {SEED})")
    assert count <= binom.ppf(0.999, sets, target)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_a_true_law_is_kept(loss):
    kept = [kept_by(data, "power_offset", LOSSES[loss]) for data in sets_of("power_offset", SETS)]
    count = sum(laws["power_offset"] for laws in kept)
    require_at_least(count, SETS, 0.95, f"power_offset kept under {loss}")


@pytest.mark.parametrize("kind", ["shifted_power", "break inside"])
@pytest.mark.parametrize("loss", list(LOSSES))
def test_a_shift_and_a_break_inside_the_runs_reject_the_power_law(kind, loss):
    kept = [kept_by(data, "power_offset", LOSSES[loss]) for data in sets_of(kind, SETS)]
    count = sum(not laws["power_offset"] for laws in kept)
    require_at_least(count, SETS, 0.9, f"power_offset rejected on {kind} under {loss}")


@pytest.mark.parametrize("loss", list(LOSSES))
def test_likelihood_ratios_reject_a_true_law_as_often_as_they_say(loss):
    """At .05, beside a law that contains it, one as flexible, and one far off."""
    rivals = ["shifted_power", "log_power", "log_quadratic"]
    counts = dict.fromkeys(rivals, 0)
    for data in sets_of("power_offset", TESTED):
        fits = [sf.fit(data, law, loss=LOSSES[loss]) for law in ("power_offset", *rivals)]
        for rival, other in zip(rivals, fits[1:], strict=True):
            pairs = sf.compare([fits[0], other], n=99, pairs="headline").pairs
            counts[rival] += bool(pairs.height and pairs["p_a"][0] <= 0.05)
    for rival, count in counts.items():
        require_at_most(count, TESTED, 0.05, f"power_offset rejected beside {rival}, {loss}")


@pytest.mark.parametrize("rows", [8, 12, 20, 50])
def test_a_law_without_a_constant_is_rejected_as_often_as_the_test_says(rows):
    design = truths.Design(rows, 3, 0.005)
    shares = []
    for data in sets_of("power", SETS, design):
        fit = sf.fit(data, "power_offset", loss=sf.Squared())
        found = no_constant(robust_refit(fit)) if fit.converged else None
        shares.append(1.0 if found is None else found.p)
    count = int((np.array(shares) <= 0.05).sum())
    require_at_most(count, SETS, 0.07, f"no constant rejected at {rows} rows")


@pytest.mark.parametrize("kind", ["power_offset", "log_power", "shifted_power"])
def test_the_range_holds_the_truth_a_decade_beyond_the_runs(kind):
    far = DESIGN.x[-1] * 10.0
    truth = float(truths.ONE_INPUT[kind](far))
    held = 0
    for data in sets_of(kind, TESTED):
        fit = sf.fit(data, "power_offset", loss=sf.Squared())
        reach = sf.compare(fit, at=far, n=1).range
        held += bool(reach["lowest"][0] <= truth <= reach["highest"][0])
    require_at_least(held, TESTED, 0.9, f"range holds {kind}")
