"""Back-test and end-of-sample test: a true law passes at the stated level, a law that bends is caught.

By default a few data sets a cell; `make deep` (SCALING_FAST_DEEP=1) takes 500. The seeds follow from the version,
so that they are fresh with each one. A cell fails when its count lies beyond the .1 % quantile of
Binomial(S, target) on the wrong side.
"""

from __future__ import annotations

import hashlib
import os

import numpy as np
import polars as pl
import pytest
from ladders import bend, chinchilla, double, isoflop, line, offset, refitted
from scipy.stats import binom

import scaling_fast as sf
from scaling_fast.stress.end_of_sample import end_of_sample
from scaling_fast.stress.ladder import Ladder, ladder_test
from scaling_fast.stress.scale import scale_of

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
SETS = 500 if DEEP else 15
SEED = int.from_bytes(hashlib.sha256(f"back-test {sf.__version__}".encode()).digest()[:4], "big")

ONE_INPUT = {
    "12/3": (12, 3.0, 0.003),
    "20/3": (20, 3.0, 0.005),
    "20/4": (20, 4.0, 0.005),
    "50/4": (50, 4.0, 0.002),
}
TWO_INPUTS = {"6x10": (6, 10, 2.5, 0.005), "7x10": (7, 10, 3.0, 0.003), "9x8": (9, 8, 2.7, 0.004)}


def p_of(refit, place):
    """Return the p of a back-test; by default that of a few data sets, without counting a small one again."""
    if DEEP:
        return ladder_test(refit, n=199, seed=place).p
    ladder = Ladder.of(refit, scale_of(refit.request), None, place)
    reached = ladder.drawn(0, 39, 2) >= ladder.statistic(ladder.observed(2)[1])[0]
    return (1 + reached.sum()) / 40


def shares(cell, sets, make, law):
    """Return the p of the back-test and of the end-of-sample test of many data sets."""
    found = []
    for place in range(sets):
        rng = np.random.default_rng([SEED, *cell.encode(), place])
        refit = refitted(make(rng), law)
        found.append((p_of(refit, place), end_of_sample(refit).p))
    backtest, last = np.array(found).T
    print(
        f"{cell}, seed {SEED}, {sets} sets: back-test p <= .10 in {np.mean(backtest <= 0.10):.3f}, "
        f"<= .01 in {np.mean(backtest <= 0.01):.3f}; end of sample p < .10 in {np.mean(last < 0.10):.3f}"
    )
    return backtest, last


def most(target, sets):
    return binom.ppf(0.999, sets, target)


def least(target, sets):
    return binom.ppf(0.001, sets, target)


def of_line(design, truth=offset):
    return (lambda rng: line(*design, rng, truth)), "power_offset"


def of_isoflop(design, truth=chinchilla):
    return (lambda rng: isoflop(*design, rng, truth)), "chinchilla"


def scattered(rng):
    """Return 60 runs at random, 3 decades of compute."""
    compute, ratio = 10 ** rng.uniform(18.5, 21.5, 60), 20.0 * 10 ** rng.uniform(-0.9, 0.9, 60)
    size = np.sqrt(compute / (6.0 * ratio))
    loss = chinchilla(size, ratio * size) * np.exp(0.005 * rng.standard_normal(60))
    return pl.DataFrame({"N": size, "D": ratio * size, "loss": loss})


TRUE = {
    **{f"offset {name}": of_line(design) for name, design in ONE_INPUT.items()},
    **{f"chinchilla {name}": of_isoflop(design) for name, design in TWO_INPUTS.items()},
    "chinchilla 60 at random": (scattered, "chinchilla"),
}


@pytest.mark.timeout(3600)
def test_a_true_law_is_rarely_accused():
    """P <= .10 in at most .15 of the data sets and red in at most .02; the F test in .06 to .15."""
    backtests, lasts = [], []
    for cell, (make, law) in TRUE.items():
        backtest, last = shares(cell, SETS, make, law)
        backtests.append(backtest)
        lasts.append(last)
        if DEEP:
            assert (backtest <= 0.10).sum() <= most(0.15, SETS), cell
            assert (backtest <= 0.01).sum() <= most(0.02, SETS), cell
            assert least(0.06, SETS) <= (last < 0.10).sum() <= most(0.15, SETS), cell
    pooled, ends = np.concatenate(backtests), np.concatenate(lasts)
    assert (pooled <= 0.10).sum() <= most(0.15, pooled.size)
    assert least(0.06, ends.size) <= (ends < 0.10).sum() <= most(0.15, ends.size)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("cell", "design", "truth", "share"),
    [
        ("double power 20/3", "20/3", double, 0.5),
        ("double power 20/4", "20/4", double, 0.9),
        ("slope .35 to .05, 20/4", "20/4", bend(2.0, 0.05), 0.95),
    ],
)
def test_a_back_test_sees_laws_that_bend(cell, design, truth, share):
    backtest, _ = shares(cell, SETS, *of_line(ONE_INPUT[design], truth))
    assert (backtest <= 0.10).sum() >= least(share, SETS)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("cell", "design", "truth", "share"),
    [
        ("plateau .5 before, 12/3", "12/3", bend(0.5, 0.0), 0.95),
        ("plateau .5 before, 20/3", "20/3", bend(0.5, 0.0), 0.95),
        ("plateau .5 before, 20/4", "20/4", bend(0.5, 0.0), 0.65),
        ("plateau .3 before, 12/3", "12/3", bend(0.3, 0.0), 0.9),
        ("plateau .3 before, 20/3", "20/3", bend(0.3, 0.0), 0.7),
        ("plateau .3 before, 20/4", "20/4", bend(0.3, 0.0), 0.25),
        ("slope halved .5 before, 12/3", "12/3", bend(0.5, 0.175), 0.8),
        ("slope halved .5 before, 20/3", "20/3", bend(0.5, 0.175), 0.6),
        ("slope halved .5 before, 20/4", "20/4", bend(0.5, 0.175), 0.2),
    ],
)
def test_the_end_of_sample_test_sees_late_bends(cell, design, truth, share):
    found = []
    for place in range(SETS):
        rng = np.random.default_rng([SEED, *cell.encode(), place])
        found.append(end_of_sample(refitted(line(*ONE_INPUT[design], rng, truth))).p)
    print(f"{cell}, seed {SEED}, {SETS} sets: p < .10 in {np.mean(np.array(found) < 0.10):.3f}")
    assert (np.array(found) < 0.10).sum() >= least(share, SETS)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("runs", "rows", "shared"), [(12, 3, 0.8), (24, 3, 0.4), (8, 5, 0.8)])
def test_runs_that_share_their_noise_are_rarely_accused(runs, rows, shared):
    """`shared` of the variance is common to a run: p <= .10 in at most .15 of the data sets."""
    found = []
    for place in range(SETS):
        rng = np.random.default_rng([SEED, runs, rows, place])
        x = np.repeat(np.geomspace(1e7, 1e10, runs), rows)
        noise = np.sqrt(shared) * np.repeat(rng.standard_normal(runs), rows)
        noise += np.sqrt(1.0 - shared) * rng.standard_normal(runs * rows)
        named = np.repeat(np.arange(runs), rows)
        frame = pl.DataFrame({"x": x, "loss": offset(x) * np.exp(0.005 * noise), "run": named})
        found.append(ladder_test(refitted(frame), n=99 if DEEP else 39, run="run", seed=place).p)
    print(f"{runs} runs of {rows}, {shared}: p <= .10 in {np.mean(np.array(found) <= 0.10):.3f}")
    assert (np.array(found) <= 0.10).sum() <= most(0.15, SETS)
