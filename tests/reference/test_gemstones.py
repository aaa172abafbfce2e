"""Gemstones (McLeish et al. 2025): twelve published Huber fits on three subsets of 1,189 runs.

Converged objectives are those of gemstone_converged_fits.csv; published ones of
gemstone_published_fits.csv, where no_embeds = 1 counts parameters without embeddings.
"""

from __future__ import annotations

import functools
import math

import polars as pl
import pytest

import scaling_fast as sf

FITS = [
    (subset, bare, delta)
    for subset in ("cool_begin", "hot", "hot_100b+")
    for bare in (False, True)
    for delta in (1e-3, 1e-4)
]


@functools.cache
def _fit(points, subset, bare, delta):
    runs = pl.read_csv(points).filter(pl.col("subset") == subset)
    size = "params_no_embed" if bare else "params"
    return sf.fit(runs, "chinchilla", columns={"N": size, "D": "tokens"}, loss=sf.Huber(delta))


@pytest.fixture
def fitted(reference):
    return functools.partial(_fit, reference("gemstone_points.csv"))


@pytest.fixture
def row(reference):
    table = pl.read_csv(reference("gemstone_converged_fits.csv"))
    wanted = table.with_columns(pl.col("no_embeds").cast(pl.String).str.to_lowercase())

    def find(subset, bare, delta):
        return wanted.row(
            by_predicate=(pl.col("set") == subset)
            & (pl.col("no_embeds") == str(bare).lower())
            & ((pl.col("delta") / delta - 1).abs() < 1e-9),
            named=True,
        )

    return find


def published(row):
    logs = {"A": row["pub_a"], "B": row["pub_b"], "E": row["pub_e"]}
    return {name: math.exp(value) for name, value in logs.items()} | {
        "alpha": row["pub_alpha"],
        "beta": row["pub_beta"],
    }


@pytest.mark.parametrize(("subset", "bare", "delta"), FITS)
def test_never_above_the_converged_objective(fitted, row, subset, bare, delta):
    """1e-8 relative; and the objective at the published parameters is the published one."""
    fit, known = fitted(subset, bare, delta), row(subset, bare, delta)
    assert fit.table["n"][0] == known["n"]
    assert fit.is_global
    assert fit.objective <= known["loss_converged"] * (1 + 1e-8)
    there = fit.objective_at(published(known))
    assert there == pytest.approx(known["loss_at_published_params"], rel=1e-9)
    assert there == pytest.approx(known["published_loss"], abs=6e-11)  # printed to ten places
    assert there > fit.objective


def test_the_two_tables_are_of_the_same_fits(reference, row):
    table = pl.read_csv(reference("gemstone_published_fits.csv")).filter(law="n_d")
    seen = 0
    for entry in table.iter_rows(named=True):
        known = row(entry["subset"], bool(entry["no_embeds"]), entry["delta"])
        assert known["published_loss"] == pytest.approx(entry["published_huber_sum"], rel=1e-9)
        seen += 1
    assert seen == len(FITS)


CLAIM = """
schema = "scaling-claim/1"
[paper]
id = "gemstones"
title = "Gemstones: A Model Suite for Multi-Faceted Scaling Laws"
authors = "McLeish et al."
year = 2025
[data]
columns = {{ N = "{size}", D = "tokens", y = "loss" }}
[fit]
law = "chinchilla"
residual = "log"
loss = {{ huber = {delta} }}
[reported]
log_params = {{ e = "{pub_e}", a = "{pub_a}", b = "{pub_b}", alpha = "{pub_alpha}", beta = "{pub_beta}" }}
"""


@pytest.mark.parametrize(("subset", "bare", "delta"), FITS)
def test_a_published_point_that_is_not_an_optimum_is_found(
    reference, fitted, row, tmp_path, subset, bare, delta
):
    """R1 of the audit: its gap is ours, and no smaller than that of the converged table."""
    fit, known = fitted(subset, bare, delta), row(subset, bare, delta)
    claim = tmp_path / "gemstones.toml"
    claim.write_text(CLAIM.format(size="params_no_embed" if bare else "params", **known))
    runs = pl.read_csv(reference("gemstone_points.csv")).filter(pl.col("subset") == subset)
    audit = sf.audit(claim, data=runs, n=50)
    [finding] = [finding for finding in audit.findings if finding.code == "R1.objective_gap"]
    gap = fit.objective_at(published(known)) / fit.objective - 1
    assert finding.statistic == pytest.approx(gap, abs=1e-13)
    # The table's own rel_gain is that of the printed objective, which has ten places.
    expected = known["loss_at_published_params"] / known["loss_converged"] - 1
    assert finding.statistic == pytest.approx(expected, abs=1e-12)
    assert finding.statistic > 0
