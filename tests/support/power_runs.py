"""Runs of a power law with a floor and one per cent of noise, over three decades of size."""

from __future__ import annotations

import numpy as np
import polars as pl

LAW = "E + A*x**(-alpha)"
NAMES = ["E", "A", "alpha"]
COLUMNS = {"x": "x"}
TRUTH = (1.8, 400.0, 0.34)


def curve(x, offset, scale, alpha):
    """Return the law's value."""
    return offset + scale * x**-alpha


def runs_of(seed=0, rows=30, noise=0.01, truth=TRUTH, **shared):
    """Return `x` and `loss`, and a column per keyword: whole numbers that so many neighbouring rows share."""
    rng = np.random.default_rng(seed)
    x = np.geomspace(1e7, 1e10, rows)
    loss = curve(x, *truth) * np.exp(noise * rng.standard_normal(rows))
    groups = {name: np.arange(rows) // count for name, count in shared.items()}
    return pl.DataFrame({"x": x, "loss": loss, **groups})
