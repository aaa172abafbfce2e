"""Thirty runs of a power law with a floor, their fit, and three such curves."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from power_runs import COLUMNS, LAW, runs_of

import scaling_fast as sf


@pytest.fixture(scope="module")
def runs():
    """Thirty runs, three to a `run`."""
    return runs_of(run=3)


@pytest.fixture(scope="module")
def fit(runs):
    """The least-squares fit of the thirty runs."""
    return sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared())


@pytest.fixture(scope="module")
def curves():
    """Three curves of different lengths, rows shuffled, keys that do not come sorted."""
    parts = [
        runs_of(1, 12, truth=(1.8, 400.0, 0.34), run=3).with_columns(
            key=pl.lit("c"), part=pl.lit(2)
        ),
        runs_of(2, 30, truth=(2.5, 90.0, 0.25), run=3).with_columns(
            key=pl.lit("a"), part=pl.lit(1)
        ),
        runs_of(3, 17, truth=(0.4, 900.0, 0.4), run=3).with_columns(
            key=pl.lit("b"), part=pl.lit(1)
        ),
    ]
    every = pl.concat(parts)
    return every[np.random.default_rng(0).permutation(every.height).tolist()]
