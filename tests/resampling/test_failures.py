"""Replicates that failed are kept, counted and announced."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from power_runs import LAW
from replicates import fitted, numpys_indices

import scaling_fast as sf


@pytest.fixture(scope="module")
def poor():
    """Four runs and three parameters: 19 % of pairs replicates hold two distinct runs or fewer."""
    runs = {"x": [1.0, 10.0, 100.0, 1000.0], "loss": [3.0, 2.0, 1.52, 1.24]}
    return sf.bootstrap(sf.fit(runs, LAW, loss=sf.Squared()), n=2_000, seed=0)


def test_failures_are_counted_and_kept(poor):
    """B7: as many rows as replicates, each with its status; never dropped."""
    assert poor.draws.height == 2_000
    assert poor.draws["replicate"].to_list() == list(range(2_000))
    bad = poor.draws.filter(pl.col("status") != "converged")
    assert poor.failures["count"].sum() == bad.height
    distinct = np.array([len(set(drawn)) for drawn in numpys_indices(0, 2_000, 4).tolist()])
    assert bad.height >= (distinct < 3).sum()
    # the exact share of samples of four with at most two distinct: (4 + 6 * 14) / 256
    assert (distinct < 3).mean() == pytest.approx(88 / 256, abs=5 * np.sqrt(0.25 / 2_000))
    assert (poor.draws["status"] != "converged").to_numpy()[distinct < 3].all()
    assert f"unusable {bad.height:,}" in poor.summary()


@pytest.mark.parametrize("question", ["interval", "cov", "predict"])
def test_too_many_failures_refuse_an_answer(poor, question):
    """More than 5 % unusable replicates refuse an interval unless told otherwise."""
    with pytest.raises(sf.errors.ConvergenceError, match="max_failures"):
        getattr(poor, question)()
    assert getattr(poor, question)(max_failures=1.0).height >= 3


def test_no_failures_is_an_empty_table(boot):
    assert boot.failures.height == 0
    assert boot.failures.columns == ["status", "count"]


def test_what_an_early_interrupt_left_can_be_shown(squared):
    """Fewer than two replicates make no interval; the summary says so instead of failing."""
    whole = sf.bootstrap(squared, n=4, seed=1)
    for kept in (0, 1):
        part = replace(whole, draws=whole.draws.head(kept))
        assert f"replicates {kept} of 4" in part.summary()
        assert "at least 2 replicates" in part.summary()
        assert len(part.digest) == 64


def test_unusable_replicates_are_a_finding():
    """More than 2 % is a doubt, more than 10 % a failure; none are dropped from the table."""
    frame = {"x": [1.0, 2.0, 4.0, 8.0], "loss": [4.0, 3.1, 2.5, 2.2]}
    boot = sf.bootstrap(fitted(frame), n=400)
    lost = int(boot.failures["count"].sum())
    assert lost > 40
    assert boot.draws.height == 400
    doubt = next(finding for finding in boot.findings if finding.code == "unusable_replicates")
    assert doubt.severity == "red"
    assert doubt.statistic == lost / 400


def test_every_replicate_is_accounted_for():
    rng = random.Random(5)
    frame = pl.DataFrame(
        {"x": [1.0, 1.0, 1.0, 2.0, 3.0], "loss": [rng.random() + 1 for _ in range(5)]}
    )
    boot = sf.bootstrap(sf.fit(frame, LAW), n=2000)
    assert boot.draws.height == 2000
    good = boot.draws.filter(pl.col("status") == "converged")
    assert good.height + boot.failures["count"].sum() == 2000
    assert boot.failures.height > 0, "a resample of fewer than three distinct x identifies nothing"
    with pytest.raises(sf.errors.ConvergenceError):
        boot.interval()
