"""Critical batch sizes: found again from the trade-off that defines them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf


def test_the_critical_batch_of_each_loss_and_its_law():
    levels = np.array([3.5, 3.0, 2.5])
    critical = 2e8 * levels**-5.0
    rows = [
        {"loss": level, "batch": b, "steps": 3000 / level * (1 + crit / b)}
        for level, crit in zip(levels, critical, strict=True)
        for b in crit * np.geomspace(0.1, 10, 6)
    ]
    fit = sf.training.critical_batch(pl.DataFrame(rows), by="loss")
    table = fit.table.sort("loss", descending=True)
    assert table["B_crit"].to_numpy() == pytest.approx(critical, rel=1e-8)
    assert table["S_min"].to_numpy() == pytest.approx(3000 / levels, rel=1e-8)
    assert table["E_min"].to_numpy() == pytest.approx(3000 / levels * critical, rel=1e-8)
    # (S/S_min - 1)(E/E_min - 1) = 1, the trade-off of McCandlish et al.
    one = rows[2]
    s, e = one["steps"] / (3000 / 3.5), one["steps"] * one["batch"] / (3000 / 3.5 * critical[0])
    assert (s - 1) * (e - 1) == pytest.approx(1.0, rel=1e-9)
    law = sf.training.critical_batch_law(table)
    assert law.params["B_star"] == pytest.approx(2e8, rel=1e-6)
    assert law.params["alpha_B"] == pytest.approx(0.2, rel=1e-7)


def test_minimum_steps_and_compute():
    """Kaplan et al. 2020: S_min = S/(1 + B_crit/B), C_min = C/(1 + B/B_crit)."""
    out = sf.training.minimum_steps({"steps": [900.0], "batch": [1e6], "loss": [2.0]}).row(
        0, named=True
    )
    critical = 2.1e8 * 2.0 ** (-1 / 0.21)
    assert out["critical_batch"] == pytest.approx(critical, rel=1e-12)
    assert out["s_min"] == pytest.approx(900 / (1 + critical / 1e6), rel=1e-12)
    assert out["compute_ratio"] == pytest.approx(1 / (1 + 1e6 / critical), rel=1e-12)
    with pytest.raises(sf.errors.DataError, match="`loss` must be positive"):
        sf.training.minimum_steps({"steps": [9.0], "batch": [1.0], "loss": [0.0]})
