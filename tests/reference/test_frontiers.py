"""Compute-optimal frontiers of published runs: Porian et al., Hoffmann et al., Llama 3, and benchmark tables."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

RECIPE = ["file", "dataset", "hparams", "warmup", "decay", "param_count", "val"]
COLUMNS = {"N": "params", "D": "tokens"}


@pytest.fixture(scope="module")
def pairs(reference):
    table = pl.read_csv(reference("porian_optimal_pairs.csv"))
    assert table["n_star"].null_count() == 1
    return table.drop_nulls()


@pytest.mark.parametrize("place", range(5))
def test_the_five_exponents_of_porian(reference, pairs, place):
    """porian_published_fits.csv, weighted: N* and tokens on C with w = 1/log_n_star_std^2, to 1e-6."""
    published = pl.read_csv(reference("porian_published_fits.csv")).filter(fit="weighted")
    row = published.row(place, named=True)
    points = pairs.join(published[[place]].select(RECIPE), on=RECIPE)
    for prefix, column in (("n", "n_star"), ("t", "t_star")):
        weight = 1 / points[f"log_{prefix}_star_std"] ** 2
        line = sf.allocation.power_line(points, x="flops", y=column, weights=weight)
        assert line.exponent == pytest.approx(row[f"{prefix}_exponent"], abs=1e-6)
        assert np.exp(line.ln_scale) == pytest.approx(row[f"{prefix}_coef"], rel=1e-6)


def test_parabolas_give_porians_optima(reference):
    """Vertices of ours against their smoothed minima: the tuned recipe, within its own errors."""
    points = pl.read_csv(reference("porian_isoflop_points.csv")).filter(
        file="summary_df", hparams="tuned"
    )
    theirs = pl.read_csv(reference("porian_optimal_pairs.csv")).filter(hparams="tuned")
    found = sf.allocation.approach2(points, columns=COLUMNS, flops="flops", weights="precision")
    assert found.table["flops"].to_numpy() == pytest.approx(theirs["flops"].to_numpy(), rel=1e-9)
    gap = np.log(found.table["n_star"].to_numpy() / theirs["n_star"].to_numpy())
    error = np.hypot(theirs["log_n_star_std"].to_numpy(), found.table["ln_n_error"].to_numpy())
    assert np.abs(gap / error).max() < 3
    # Published: .4969 [.47, .53] by their own weights.
    assert found.exponents["a"] == pytest.approx(0.4969, abs=0.03)


def test_the_three_approaches_on_the_240_runs_of_hoffmann(reference):
    """Approach 3 is the certified optimum of Besiroglu et al.'s rows; the others agree with it."""
    runs = pl.read_csv(reference("chinchilla_epoch.csv")).filter(pl.col("keep_240") == 1)
    found = sf.approaches(
        runs, columns=COLUMNS, flops="flops", at=5.76e23, scheme=sf.Pairs(), n=1000
    )
    assert found.failures.height == 0
    third = found.table.filter(approach=3, quantity="a").row(0, named=True)
    # beta/(alpha + beta) of the 50-digit optimum, chinchilla_reference.json.
    assert third["estimate"] == pytest.approx(0.367172432627762663 / 0.714482931509517597, rel=1e-7)
    # 24,000 pairs refits: standard error .0199, whose own error over 1,000 refits is 2 %.
    assert third["error"] == pytest.approx(0.0199, rel=0.1)
    # Hoffmann et al. have .50 and .49 from the undigitised curves, with 80 % intervals.
    for place, said in ((1, (0.488, 0.502)), (2, (0.462, 0.534))):
        row = found.table.filter(approach=place, quantity="a").row(0, named=True)
        assert row["lower"] < said[1]
        assert row["upper"] > said[0]
    assert found.disagreement.filter(quantity="a")["z"].abs().max() < 1.96
    codes = {finding.code for finding in found.findings}
    assert {"budget_few_sizes", "unequal_budgets", "bias_on_surface", "winners_curse"} <= codes
    used = found.budgets.filter(approach=2)["status"].value_counts()
    assert dict(used.iter_rows()) == {"used": 22, "few_sizes": 11, "no_minimum": 3}


def test_the_isoflops_of_llama_3_give_its_published_exponent(reference):
    """Llama 3 prints D* proportional to C^.53 (.537 explains its 16.55 T tokens at 3.8e25)."""
    runs = pl.read_csv(reference("isoflops_llama3.csv")).filter(
        pl.col("experiment") == "llama_3__raw_loss"
    )
    found = sf.allocation.approach2(runs, columns=COLUMNS, flops="flops")
    assert (found.table["status"] == "used").all()
    assert found.exponents["b"] == pytest.approx(0.537, abs=0.005)
    assert found.tokens.at(3.8e25) == pytest.approx(16.55e12, rel=0.05)


def test_the_components_of_the_open_base_models(reference):
    """Shares .843, .100, .031 over the 124 complete rows (Ruan et al. 2024)."""
    benchmarks = (
        "mmlu arc_c hellaswag winograd truthfulqa gsm8k xwinograd humaneval".split()  # noqa: SIM905
    )
    table = pl.read_csv(reference("obs_scaling_base_llms.csv"))
    complete = table.drop_nulls(benchmarks)
    assert complete.height == 124
    found = sf.downstream.benchmark_components(complete, columns=benchmarks)
    assert found.shares[:3] == pytest.approx([0.843, 0.100, 0.031], abs=5e-4)
    # All 148 rows, 40 gaps: the first component is the same direction.
    filled = sf.downstream.benchmark_components(table, columns=benchmarks)
    assert filled.gaps == 40
    assert abs(filled.loadings[0] @ found.loadings[0]) > 0.999
