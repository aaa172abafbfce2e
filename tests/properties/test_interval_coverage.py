"""Nominal 90 % intervals that the documentation recommends contain the truth in 90 % of simulated data sets.

A hundred data sets by default; `make deep` (SCALING_FAST_DEEP=1) takes 500 a cell. The seed follows from the
version, so that it is fresh with each one. A cell fails when its count lies below the .1 % quantile of
Binomial(S, .9).
"""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from scipy.stats import binom

import scaling_fast as sf

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
SETS, REPLICATES = (500, 399) if DEEP else (100, 99)
SEED = int.from_bytes(hashlib.sha256(sf.__version__.encode()).digest()[:4], "big")
NOISE = 0.005
TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35}
BEYOND = "E + A*1e11**(-alpha)"
ROBUST = sf.Huber(1.345, scale="mad")


def covered(rows, loss, method, noise="normal"):
    """Return how many data sets have an interval that contains the truth, of alpha and a decade beyond."""
    x = np.geomspace(1e7, 1e10, rows)
    errors = np.exp(NOISE * np.random.default_rng([SEED, rows]).standard_normal(rows))
    fit = sf.fit({"x": x, "loss": (1.8 + 480.0 * x**-0.35) * errors}, "power_offset", loss=loss)
    stress = sf.stress.coverage(
        fit,
        method=method,
        n_sim=SETS,
        n=REPLICATES,
        truth=TRUTH,
        sd=NOISE,
        of=["alpha", BEYOND],
        seed=SEED,
        noise=noise,
    )
    assert stress.table["refused"].max() <= 0.05 * SETS
    return {row["name"]: row["coverage"] * SETS for row in stress.table.iter_rows(named=True)}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("rows", "loss", "method", "noise"),
    [
        (20, sf.Huber(1e-3), "percentile", "normal"),
        (20, sf.Huber(1e-3), "percentile", "t3"),
        (10, sf.Huber(1e-3), "normal", "normal"),
        (20, sf.Squared(), "delta", "normal"),
        (10, sf.Squared(), "delta", "normal"),
        (12, ROBUST, "normal", "normal"),
    ],
    ids=str,
)
def test_recommended_intervals_hold_their_level(rows, loss, method, noise):
    counts = covered(rows, loss, method, noise)
    print(f"seed {SEED}: {counts} of {SETS}")
    assert min(counts.values()) >= binom.ppf(0.001, SETS, 0.9)
