"""IsoFLOP runs of a Chinchilla surface, with noise and without."""

from __future__ import annotations

import numpy as np
import polars as pl

SURFACE = {"E": 1.69, "A": 406.4, "B": 410.7}
BUDGETS = np.logspace(17, 21, 5)


def best_scale(alpha, beta):
    return (alpha * SURFACE["A"] / (beta * SURFACE["B"])) ** (1 / (alpha + beta))


def isoflop_runs(alpha, beta, *, factor=8.0, points=15, centre=lambda c: 1.0, budgets=BUDGETS):
    """Noise-free runs of sizes from N*/factor to N* factor, times `centre` of the budget."""
    a, scale = beta / (alpha + beta), best_scale(alpha, beta)
    rows = []
    for c in budgets:
        middle = scale * (c / 6) ** a * centre(c)
        for n in middle * np.geomspace(1 / factor, factor, points):
            d = c / 6 / n
            loss = SURFACE["E"] + SURFACE["A"] * n**-alpha + SURFACE["B"] * d**-beta
            rows.append((n, d, c, loss))
    return pl.DataFrame(rows, schema=["N", "D", "flops", "loss"], orient="row")


NOISY = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
"""The surface of `noisy_surface`, whose exponent a is .37/.72."""


def noisy_surface(*, noise, seed, points=9, factor=5.0, budgets=6):
    """Runs of 1e18 to 1e21 FLOP, sizes from N*/factor to N* factor, with normal noise in ln loss."""
    flops = np.geomspace(1e18, 1e21, budgets)
    scale = (0.35 * NOISY["A"] / (0.37 * NOISY["B"])) ** (1 / 0.72)
    n = np.concatenate(
        [scale * (c / 6) ** (0.37 / 0.72) * np.geomspace(1 / factor, factor, points) for c in flops]
    )
    d = np.repeat(flops, points) / 6 / n
    loss = NOISY["E"] + NOISY["A"] * n**-0.35 + NOISY["B"] * d**-0.37
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "N": n,
            "D": d,
            "loss": loss * np.exp(noise * rng.standard_normal(n.size)),
            "series": np.tile(np.arange(points), budgets),
        }
    )
