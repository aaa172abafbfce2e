"""Twenty-four runs, their fits, a bootstrap of one, and a mean whose bootstrap distribution is known."""

from __future__ import annotations

import numpy as np
import pytest
from power_runs import COLUMNS, LAW, runs_of
from replicates import NUMBERS, ROWS, fitted

import scaling_fast as sf


@pytest.fixture(scope="module")
def runs():
    """Twenty-four runs, each a `run` of its own, four to a `budget`."""
    return runs_of(rows=ROWS, run=1, budget=4)


@pytest.fixture(scope="module")
def squared(runs):
    """The least-squares fit of the runs."""
    return sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared())


@pytest.fixture(scope="module")
def huber(runs):
    """The robust fit of the runs."""
    return sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Huber(5e-3))


@pytest.fixture(scope="module")
def boot(squared):
    """A bootstrap of pairs of the least-squares fit, so long that 5 and 95 % fall on draws."""
    return sf.bootstrap(squared, n=1_001, seed=3)


@pytest.fixture(scope="module")
def fit():
    """The least-squares fit of 24 runs, two to a `run`, six to a `budget`."""
    return fitted()


@pytest.fixture(scope="module")
def mean():
    """The mean of sixteen whole numbers as a fit."""
    return fitted({"x": np.ones(16), "loss": NUMBERS}, "m*x", residual="raw")
