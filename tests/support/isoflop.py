"""Noise-free IsoFLOP runs of a Chinchilla surface."""

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
