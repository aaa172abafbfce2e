"""The tests of an audit have the size they say: true claims are not red."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from power_runs import LAW

import scaling_fast as sf
from scaling_fast.auditing.checks.fit.likelihood_ratio import TAIL_REPLICATES
from scaling_fast.auditing.checks.fit.wald_and_score import _score_p, _spread_p

RNG = np.random.default_rng(8)
X = np.geomspace(1e1, 1e4, 60)
RUN = np.repeat(np.arange(12), 5)
Y = (1.5 + 4.0 * X**-0.4) * np.exp(0.02 * RNG.normal(size=12)[RUN] + 0.004 * RNG.normal(size=60))
FRAME = pl.DataFrame({"x": X, "loss": Y, "run": RUN})
CLAIM = """
schema = "scaling-claim/1"
[paper]
id = "x:1"
title = "A law"
[data]
columns = {{ x = "x", y = "loss" }}
[fit]
law = "power_offset"
residual = "log"
loss = "squared"
[reported]
n = "{n}"
params = {{ E = "{E!r}", A = "{A!r}", alpha = "{alpha!r}" }}
[[claims]]
id = "slope"
kind = "exponent"
expr = "alpha"
value = "{alpha:.3f}"
"""


def written(tmp_path, n, **params):
    path = tmp_path / "claim.toml"
    path.write_text(CLAIM.format(n=n, **params))
    return path


def test_an_exact_reproduction_of_least_squares_is_not_red(tmp_path):
    """Means are not medians: skewed residuals have a least-squares optimum whose signs lean to one side."""
    skewed = (1.5 + 4.0 * X**-0.4) * np.exp(0.01 * (RNG.exponential(size=60) ** 2 - 2.0))
    frame = FRAME.with_columns(loss=skewed)
    fit = sf.fit(frame, LAW, loss=sf.Squared(), columns={"x": "x"})
    audit = sf.audit(written(tmp_path, 60, **fit.params), data=frame, n=300)
    goodness = [finding for finding in audit.findings if finding.check == "R2"]
    assert goodness
    assert {finding.severity for finding in goodness} == {"green"}


@pytest.mark.parametrize("rows", [7, 12])
def test_true_claims_on_few_rows_are_not_red(tmp_path, rows):
    """Parameters that are the truth itself: 1e-4 of such audits may be red, 16 % were."""
    truth = {"E": 1.5, "A": 4.0, "alpha": 0.4}
    x = np.geomspace(1e1, 1e4, rows)
    for seed in range(15):
        noise = 0.01 * np.random.default_rng([rows, seed]).normal(size=rows)
        frame = pl.DataFrame({"x": x, "loss": (1.5 + 4.0 * x**-0.4) * np.exp(noise)})
        audit = sf.audit(written(tmp_path, rows, **truth), data=frame, n=200)
        red = [
            finding.code
            for finding in audit.findings
            if finding.check == "R2" and finding.severity == "red"
        ]
        assert not red, seed


@pytest.mark.parametrize("groups", [10, 42])
def test_a_score_over_clusters_has_the_size_it_says(groups):
    """Under the truth p is uniform: 5 % of 4,000 simulations lie below .05, give or take 1.4 (four sigma)."""
    sums = np.random.default_rng(groups).normal(size=(4000, groups, 5))
    total = sums.sum(axis=1)
    middle = np.einsum("sgi,sgj->sij", sums, sums)
    statistic = np.einsum("si,si->s", total, np.linalg.solve(middle, total[..., None])[..., 0])
    p = np.array([_score_p(float(value), 5, groups)[0] for value in statistic])
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.014)


def test_a_distance_in_an_estimated_covariance_has_the_size_it_says():
    """Hotelling's T² of 12 normal rows in three dimensions."""
    rows = np.random.default_rng(4).normal(size=(4000, 12, 3))
    mean = rows.mean(axis=1)
    spread = np.einsum("sni,snj->sij", rows - mean[:, None], rows - mean[:, None]) / 11
    statistic = 12 * np.einsum("si,si->s", mean, np.linalg.solve(spread, mean[..., None])[..., 0])
    p = np.array([_spread_p(float(value), 3, 12, "rows")[0] for value in statistic])
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.014)


def test_a_tail_of_few_replicates_decides_nothing(reference):
    reference("svg_extracted_data.csv")
    audit = sf.audit("hoffmann2022", n=TAIL_REPLICATES // 10, seed=0)
    ratio = next(finding for finding in audit.findings if finding.code == "R2.likelihood_ratio")
    assert ratio.severity == "amber"
    assert ratio.evidence["p"] == pytest.approx(1 / (TAIL_REPLICATES // 10 + 1))
