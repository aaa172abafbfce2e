"""Replicates of 24 runs: how they are read, compared bit by bit, and drawn again by numpy."""

from __future__ import annotations

import numpy as np
import polars as pl
from power_runs import COLUMNS, LAW, NAMES, runs_of

import scaling_fast as sf

ROWS = 24
NUMBERS = np.array([3, 5, 7, 18, 43, 85, 91, 98, 100, 130, 230, 487, 61, 55, 39, 12], dtype=float)
"""Sixteen whole numbers, whose mean has a bootstrap distribution that can be written down."""


def runs_in_budgets(seed=0):
    """Return 24 runs, two to a `run` and six to a `budget`, with weights `w` of 1 to 3."""
    runs = runs_of(seed, ROWS, run=2, budget=6)
    return runs.with_columns(w=1.0 + pl.Series(np.arange(ROWS) % 3))


def fitted(frame=None, law=LAW, **options):
    """Return a least-squares fit, by default of the runs in budgets."""
    options = {"loss": sf.Squared(), "columns": COLUMNS} | options
    return sf.fit(runs_in_budgets() if frame is None else frame, law, **options)


def values(boot):
    """Return the objective and the parameters of every replicate."""
    return boot.draws.select("objective", *NAMES).to_numpy()


def same_bits(one, other):
    """Hold two bootstraps to the same statuses and the same bits."""
    assert one.draws["status"].to_list() == other.draws["status"].to_list()
    np.testing.assert_array_equal(values(one), values(other))


def numpys_philox(seed, replicate, group):
    """Return the generator: key (seed, 1), counter (block, 0, replicate, group)."""
    key = np.array([seed, 1], dtype=np.uint64)
    return np.random.Philox(key=key, counter=np.array([0, 0, replicate, group], dtype=np.uint64))


def numpys_indices(seed, replicates, rows, group=0):
    """Return the rows that numpy draws for each replicate."""
    generators = (
        np.random.Generator(numpys_philox(seed, replicate, group))
        for replicate in range(replicates)
    )
    return np.array([generator.integers(0, rows, rows) for generator in generators])
