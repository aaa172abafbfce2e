"""Runs of known truths for back-tests: true laws, and laws that bend, on one and two inputs."""

from __future__ import annotations

import numpy as np
import polars as pl

import scaling_fast as sf
from scaling_fast.comparison.robust_refit import robust_refit

ROBUST = sf.Huber(1.345, scale="mad")


def offset(x):
    """Return the true law."""
    return 1.8 + 480.0 * x**-0.35


def double(x):
    """Return a sum of two powers, which a law of one power misses beyond the runs."""
    return 1.5 + 3000.0 * x**-0.5 + 6.0 * x**-0.12


def bend(decades, after):
    """Return a law whose exponent .35 becomes `after` so many decades before the largest run."""

    def curve(x):
        at = x.max() / 10**decades
        return 1.8 + 480.0 * at**-0.35 * (x / at) ** -np.where(x < at, 0.35, after)

    return curve


def chinchilla(size, data):
    """Return the true law of two inputs."""
    return 1.8 + 480.0 / size**0.35 + 2100.0 / data**0.37


def line(rows, decades, noise, rng, truth=offset):
    """Return runs of one input, evenly spaced from 1e7 on."""
    x = np.geomspace(1e7, 1e7 * 10**decades, rows)
    return pl.DataFrame({"x": x, "loss": truth(x) * np.exp(noise * rng.standard_normal(rows))})


def isoflop(budgets, sizes, decades, noise, rng, truth=chinchilla):
    """Return runs on isoFLOP curves, data per parameter from 4 to 100."""
    compute = np.repeat(np.geomspace(3e18, 3e18 * 10**decades, budgets), sizes)
    ratio = np.tile(np.geomspace(4.0, 100.0, sizes), budgets)
    size = np.sqrt(compute / (6.0 * ratio))
    data = ratio * size
    loss = truth(size, data) * np.exp(noise * rng.standard_normal(size.size))
    return pl.DataFrame({"N": size, "D": data, "loss": loss})


def refitted(runs, law="power_offset"):
    """Return the robust refit of a law."""
    return robust_refit(sf.fit(runs, law, loss=ROBUST, threads=1))
