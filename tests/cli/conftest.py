"""Runs of a known law, as a frame and as a CSV in an empty working directory."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="module")
def frame():
    """Return 48 runs of a known law with one per cent of noise, four to a group."""
    rng = np.random.default_rng(7)
    n = np.repeat(np.geomspace(1e7, 1e10, 12), 4)
    d = np.tile(np.geomspace(1e9, 1e11, 4), 12)
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(rng.normal(0, 0.01, n.size))
    run = np.repeat(np.arange(12), 4)
    return pl.DataFrame({"params": n, "tokens": d, "loss": loss, "run": run})


@pytest.fixture
def runs(frame, tmp_path, monkeypatch):
    """Return the name of a CSV of the runs in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    frame.write_csv("runs.csv")
    return "runs.csv"
