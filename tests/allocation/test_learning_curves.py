"""Losses read off learning curves at given budgets."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from isoflop import SURFACE, best_scale

import scaling_fast as sf


def test_curves_are_read_off_between_their_checkpoints_only():
    """A power law in compute is a straight line in logarithms: interpolation is exact."""
    rows = [
        {"run": name, "N": n, "D": d, "loss": 40 * (6 * n * d) ** -0.06}
        for name, n, first in (("b", 1e8, 1e9), ("a", 4e8, 4e9))
        for d in first * np.array([8.0, 1.0, 3.0])
    ]
    budgets = [1e18, 3e18, 2e19, 1e22]
    out = sf.allocation.losses_at_budgets(pl.DataFrame(rows), run="run", budgets=budgets)
    assert out.select("run", pl.col("flops").log10().round(6)).rows() == [
        ("a", round(math.log10(2e19), 6)),
        ("b", 18.0),
        ("b", round(math.log10(3e18), 6)),
    ]
    assert out["loss"].to_numpy() == pytest.approx(40 * out["flops"].to_numpy() ** -0.06, rel=1e-12)
    assert (6 * out["N"] * out["D"]).to_numpy() == pytest.approx(out["flops"].to_numpy(), rel=1e-12)
    with pytest.raises(sf.errors.DataError, match=r"two losses at 6e\+17 FLOP"):
        sf.allocation.losses_at_budgets(pl.DataFrame(rows[1:2] * 2), run="run", budgets=budgets)


def test_an_envelope_of_curves_is_that_of_the_surface():
    """Curves of a Chinchilla surface at constant rate: the best size of a budget is the nearest to N*."""
    sizes = best_scale(0.3, 0.3) * (1e19 / 6) ** 0.5 * np.geomspace(0.05, 20, 25)
    rows = [
        {
            "N": n,
            "D": c / 6 / n,
            "loss": SURFACE["E"] + SURFACE["A"] * n**-0.3 + SURFACE["B"] * (c / 6 / n) ** -0.3,
        }
        for n in sizes
        for c in np.geomspace(1e18, 1e20, 60)
    ]
    at = sf.allocation.losses_at_budgets(
        pl.DataFrame(rows), run="N", budgets=np.geomspace(1.01e18, 0.99e20, 9), columns={"N": "N"}
    )
    found = sf.allocation.approach1(at, flops="flops", budget="flops")
    assert found.exponents["a"] == pytest.approx(0.5, abs=0.02)
    assert (found.table["status"] == "used").all()
