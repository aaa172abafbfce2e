"""Replicates with many best points end at the same one as a fit of their rows."""

from __future__ import annotations

import numpy as np
import pytest

import scaling_fast as sf


def runs():
    rng = np.random.default_rng(8)
    x = np.repeat([1e7, 1e8, 1e9], 4)
    return {"x": x, "loss": (1.8 + 480 * x**-0.35) * np.exp(0.008 * rng.standard_normal(12))}


@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Absolute(), sf.Pinball(0.25)])
def test_a_replicate_is_the_fit_of_its_rows(loss):
    data = runs()
    fit = sf.fit(data, "power_offset", loss=loss)
    # Every size keeps at least one row: a law of three parameters needs three of them.
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, 12, (400, 12))
    drawn = drawn[[len(set(row // 4)) == 3 for row in drawn]][:40]
    boot = sf.bootstrap(fit, sf.Indices(drawn))
    assert boot.failures.height == 0
    for place, rows in enumerate(drawn):
        again = sf.fit(
            {name: column[rows] for name, column in data.items()}, "power_offset", loss=loss
        )
        assert again.converged
        for name, value in again.params.items():
            assert boot.draws[name][place] == pytest.approx(value, rel=1e-6)
