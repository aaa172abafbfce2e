"""Compute-optimal runs of published laws and of the runs behind Chinchilla."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

GOPHER = 5.76e23
"""FLOP of Gopher and Chinchilla: the budget for which Hoffmann et al. chose 70B parameters and 1.4T tokens."""


@pytest.fixture(scope="module")
def fit(reference):
    runs = pl.read_csv(reference("svg_extracted_data.csv"))
    columns = {"params": "Model Size", "flops": "Training FLOP", "loss": "loss"}
    assert set(columns.values()) <= set(runs.columns)
    table = runs.select(**{name: pl.col(column) for name, column in columns.items()})
    table = table.with_columns(tokens=pl.col("flops") / (6 * pl.col("params")))
    kept = table.sort("loss").head(240)
    return sf.fit(kept, "chinchilla", columns={"N": "params", "D": "tokens"})


@pytest.mark.parametrize(
    ("flops", "size", "data"), [(GOPHER, 73.2e9, 1.31e12), (1e24, 97.1e9, 1.72e12)]
)
def test_the_runs_behind_chinchilla_give_the_size_that_was_trained(fit, flops, size, data):
    """Besiroglu et al. 2024: their estimates agree with 70B parameters and 20 tokens per parameter."""
    boot = sf.bootstrap(fit, n=400, seed=1)
    table = sf.optimum(boot, flops)
    n, d, ratio = table["estimate"][:3]
    assert n == pytest.approx(size, rel=0.03)
    assert d == pytest.approx(data, rel=0.03)
    assert 15 < ratio < 25
    closed = fit.derived["G"] * (flops / 6) ** fit.derived["a"]
    assert n == pytest.approx(closed, rel=1e-9)
    lower, upper = table.select("lower", "upper").row(0)
    assert lower < n < upper
    if flops == GOPHER:
        assert lower < 70e9 < upper
    largest = float((6 * fit.request.table.arrays["N"] * fit.request.table.arrays["D"]).max())
    assert table["decades_beyond"][0] == pytest.approx(np.log10(flops / largest), abs=1e-9)


@pytest.mark.parametrize(
    ("label", "flops", "size"),
    [
        # G (C/6)^a with the printed parameters, by hand.
        ("hoffmann2022", GOPHER, 3.21899e10),
        ("besiroglu2024", GOPHER, 7.23562e10),
        ("besiroglu2024", 1e24, 9.60047e10),
    ],
)
def test_published_laws_have_the_optimum_of_their_closed_form(label, flops, size):
    law = sf.laws.chinchilla()
    params = law.published[label]["params"]
    grid = {
        "N": np.repeat(np.geomspace(1e8, 1e10, 5), 5),
        "D": np.tile(np.geomspace(1e9, 1e12, 5), 5),
    }
    runs = sf.datasets.simulate("chinchilla", params, grid, noise=0.001, seed=1)
    fit = sf.fit(runs, "chinchilla", loss=sf.Squared(), params=params)
    table = sf.optimum(fit, flops)
    assert table["estimate"][0] == pytest.approx(size, rel=1e-5)
    assert table["lower"][0] == table["upper"][0] == table["estimate"][0]


def test_kaplans_optimum_at_one_petaflop_day():
    """N* = (p Nc^p C/(6 Dc))^(1/(1+p)) with p = alpha_N/alpha_D: 1.5227e9 parameters, 6.21 tokens each."""
    law = sf.laws.get("kaplan")
    params = law.published["kaplan2020"]["params"]
    grid = {
        "N": np.repeat(np.geomspace(1e6, 1e9, 5), 5),
        "D": np.tile(np.geomspace(1e8, 1e10, 5), 5),
    }
    runs = sf.datasets.simulate("kaplan", params, grid, noise=0.001, seed=1)
    fit = sf.fit(runs, "kaplan", loss=sf.Squared(), params=params)
    size, data, ratio = sf.optimum(fit, 8.64e19)["estimate"][:3]
    assert size == pytest.approx(1.5227e9, rel=1e-4)
    assert ratio == pytest.approx(6.21, rel=1e-3)
    assert 6 * size * data == pytest.approx(8.64e19, rel=1e-9)
