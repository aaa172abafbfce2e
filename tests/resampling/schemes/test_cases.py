"""Schemes that draw cases: known variances, strata, blocks, subsamples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from replicates import NUMBERS, fitted
from scipy import stats

import scaling_fast as sf


@pytest.mark.parametrize(
    ("scheme", "variance"),
    [(sf.Bayesian(), 1 / 13), (sf.Pairs(), 1 / 12), (sf.Clusters("row"), 1 / 12)],
)
def test_weights_have_mean_one_and_their_known_variance(scheme, variance):
    """Dirichlet weights: share of each row 1/n, variance (1 - 1/n)/(n (n + 1)); pairs: .../n^2.

    A mean of an indicator is the share of its row, so twelve fits on common draws show the weights.
    """
    n, replicates = 12, 20_000
    shares = []
    for row in range(n):
        runs = {"x": np.ones(n), "y": (np.arange(n) == row).astype(float), "row": np.arange(n)}
        fit = sf.fit(runs, "m*x", columns={"x": "x"}, target="y", residual="raw", loss=sf.Squared())
        shares.append(sf.bootstrap(fit, scheme, n=replicates, seed=1).draws["m"].to_numpy())
    shares = np.array(shares)
    assert shares.sum(axis=0) == pytest.approx(np.ones(replicates), abs=1e-9)
    assert (shares >= -1e-12).all()
    exact = variance * (1 - 1 / n) / n
    # five standard errors of a mean and of a variance of 20,000 draws
    assert shares.mean(axis=1) == pytest.approx(
        np.full(n, 1 / n), abs=5 * np.sqrt(exact / replicates)
    )
    assert shares.var(axis=1).mean() == pytest.approx(exact, rel=0.05)
    if isinstance(scheme, sf.Bayesian):
        assert shares.min() > 0
        # a Dirichlet share is Beta(1, n - 1)
        assert stats.kstest(shares[0], stats.beta(1, n - 1).cdf).pvalue > 1e-6
    else:
        counts = shares * n
        assert np.abs(counts - counts.round()).max() <= 1e-8


def shares_of(scheme, rows=12, replicates=4_000, **more):
    """Return each row's share of the weight in every replicate: means of indicators on common draws."""
    found = []
    for row in range(rows):
        frame = {"x": np.ones(rows), "loss": (np.arange(rows) == row) * 1.0} | more
        one = fitted(frame, "m*x", residual="raw")
        found.append(sf.bootstrap(one, scheme, n=replicates, seed=1).draws["m"].to_numpy())
    return np.array(found).T


def test_strata_keep_their_size():
    stratum = np.array([0, 1, 1, 2, 2, 2, 0, 1, 2, 2, 2, 2])
    shares = shares_of(sf.Strata("s"), s=stratum)
    for place in range(3):
        inside = stratum == place
        assert shares[:, inside].sum(axis=1) == pytest.approx(np.full(4_000, inside.mean()))
        size = inside.sum()
        variance = (1 - 1 / size) / 12**2  # of a multinomial count over 12
        assert shares[:, inside].var(axis=0).mean() == pytest.approx(variance, rel=0.1)


def test_blocks_hold_neighbours_in_the_order_of_the_frame():
    """Runs of six rows that alternate in the frame: blocks of three are neighbours within a run."""
    run = np.arange(12) % 2
    counts = np.rint(12 * shares_of(sf.Blocks(3, within="run"), run=run, replicates=500)).astype(
        int
    )
    for stratum in (0, 1):
        inside = counts[:, run == stratum]
        assert (inside.sum(axis=1) == 6).all()
        starts = np.array([[*([1] * 3), *([0] * 3)]])
        every = {
            tuple(np.roll(starts, a)[0] + np.roll(starts, b)[0]) for a in range(4) for b in range(4)
        }
        assert {tuple(row) for row in inside.tolist()} == every


def test_a_subsample_is_a_set_of_rows_and_its_spread_is_rescaled(mean):
    """Half the rows: sqrt(m/(n - m)) = 1. Any m estimates the same standard error."""
    shares = shares_of(sf.Subsample(5), replicates=200)
    assert set(np.unique(np.rint(5 * shares))) == {0.0, 1.0}
    exact = NUMBERS.std(ddof=1) / 4  # of m draws without replacement, whatever m, once rescaled
    for m in (4, 8, 13):
        boot = sf.bootstrap(mean, sf.Subsample(m), n=20_000, seed=2)
        assert math.sqrt(boot.cov()["m"].item()) == pytest.approx(exact, rel=0.03)
        table = boot.interval(0.9, "normal")
        half = (table["upper"] - table["lower"]).item() / 2
        assert half == pytest.approx(stats.norm.ppf(0.95) * exact, rel=0.03)
        band = boot.predict({"x": [1.0]}, level=0.9)
        ends = boot.interval(0.9)
        assert band["lower"].item() == pytest.approx(ends["lower"].item(), rel=1e-12)


def test_blocks_as_long_as_half_a_run_are_a_finding():
    runs = {"x": np.geomspace(1, 1e4, 24), "run": np.arange(24) // 8}
    runs["loss"] = 1.5 + 3 * runs["x"] ** -0.4 + 0.01 * np.sin(np.arange(24) * 7.0)
    fit = sf.fit(runs, "power_offset", loss=sf.Squared())
    for length, told in ((4, False), (5, True)):
        boot = sf.bootstrap(fit, sf.Blocks(length, within="run"), n=50, progress=False)
        assert ("long_blocks" in [finding.code for finding in boot.findings]) == told
