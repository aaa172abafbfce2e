"""Replicates solved again from several starts: never higher, and told where they are lower."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scaling_fast as sf


@pytest.mark.parametrize("starts", ["multi", 3])
def test_more_starts_never_end_higher(huber, starts):
    """Replicates re-solved from several starts agree on a design like this."""
    warm = sf.bootstrap(huber, n=60, seed=1).draws["objective"].to_numpy()
    more = sf.bootstrap(huber, n=60, seed=1, starts=starts).draws["objective"].to_numpy()
    assert (more <= warm * (1 + 1e-9)).all()
    assert (np.abs(more / warm - 1) <= 1e-9).mean() >= 0.95


@pytest.mark.parametrize("law", ["power_offset", "double_power", "stretched_exp"])
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared()])
def test_no_replicate_ends_above_a_search_of_its_own_rows(law, loss):
    """Starts that lead to the warm optimum are given up on the way, those that lead lower are not."""
    rng = np.random.default_rng(8)
    x = 10 ** rng.uniform(0, 3, 40)
    y = (1 + 0.8 * x**-0.2 + 2 * x**-0.7) * np.exp(0.01 * rng.standard_normal(40))
    y[rng.uniform(size=40) < 0.15] *= 1.2
    rows = rng.integers(0, 40, (6, 40))
    asked = {"columns": {"x": "x"}, "loss": loss}
    fit = sf.fit({"x": x, "loss": y}, sf.laws.get(law), **asked)
    drawn = sf.bootstrap(fit, n=6, scheme=sf.Indices(rows), starts="multi", seed=1)
    for row, objective in zip(rows, drawn.draws["objective"], strict=True):
        alone = sf.fit({"x": x[row], "loss": y[row]}, sf.laws.get(law), starts=9, **asked)
        assert objective <= alone.table["objective"][0] * (1 + 1e-9)


def test_a_sample_is_solved_again_and_changes_no_draw(fit):
    boot = sf.bootstrap(fit, n=300, seed=5)
    before = boot.digest
    found = boot.disagreement
    assert (found.checked, found.starts) == (64, 9)
    assert found.lower == 0
    assert (
        "of 64 replicates solved again from 9 more starts, 0 found a lower optimum"
        in boot.summary()
    )
    assert boot.digest == before == sf.bootstrap(fit, n=300, seed=5).digest
    assert sf.bootstrap(fit, n=300, seed=5).disagreement == found
    assert sf.bootstrap(fit, n=20).disagreement.checked == 20
    searched = sf.bootstrap(fit, n=20, starts=3)
    assert searched.disagreement is None
    assert "3 searched starts" in searched.summary()


def test_replicates_that_end_lower_elsewhere_are_counted_and_said():
    """A sine whose period has many valleys: the warm start stays in the fit's own."""
    rng = np.random.default_rng(1)
    x = np.linspace(0, 10, 40)
    y = np.sin(2.0 * x) + 2.0 * rng.standard_normal(40)
    law = sf.Law("sin(k*x)", params={"k": sf.Param(lower=0.1, upper=9.0)}, columns=["x"])
    fit = sf.fit({"x": x, "loss": y}, law, residual="raw", loss=sf.Squared(), starts=64)
    boot = sf.bootstrap(fit, n=400, seed=1)
    found = boot.disagreement
    assert found.share > 0.01
    assert found.gap > 1e-3
    doubt = next(finding for finding in boot.findings if finding.code == "warm_start")
    assert doubt.severity in ("amber", "red")
    assert 'starts="multi"' in doubt.advice
    assert doubt.sentence in repr(boot)
    # The objectives it compares are those of the draws and of a multi-start bootstrap.
    multi = sf.bootstrap(fit, n=400, seed=1, starts="multi")
    gained = (boot.draws["objective"] - multi.draws["objective"]) / multi.draws["objective"]
    share = float((gained > 1e-8).mean())
    assert found.share == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / 64))
