"""Published learning curves: exact optima, and what they say of points that were held out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

LEAGUE = Path(__file__).parents[2] / "benches" / "league.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("league", LEAGUE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def league(bench, reference):
    return bench.league(pl.read_csv(reference("alabdulmohsin_curves.csv")))


def test_the_power_law_is_the_published_one(league, reference):
    """alabdulmohsin_m1_rmsle.csv: the error on held-out points, of all 17 curves, exactly."""
    known = pl.read_csv(reference("alabdulmohsin_m1_rmsle.csv"))
    ours = league.filter(law="M1")
    assert ours.height == known.height == 17
    both = ours.join(known, on=["domain", "task", "model"], how="inner", validate="1:1")
    assert both.height == 17
    assert both["n"].to_list() == both["n_train"].to_list()
    assert both["held"].to_list() == both["n_test"].to_list()
    assert both["rmsle"].to_numpy() == pytest.approx(both["m1_rmsle"].to_numpy(), rel=1e-12)


def test_a_larger_law_never_fits_worse(league):
    """M2, M3 and BNSL contain M1, and BNSL contains M2: nested laws, nested objectives."""
    wide = league.pivot("law", index=["domain", "task", "model"], values="objective")
    for smaller, larger in (("M1", "M2"), ("M1", "M3"), ("M1", "BNSL"), ("M2", "BNSL")):
        assert (wide[larger] <= wide[smaller] * (1 + 1e-9)).all(), (smaller, larger)


def test_the_optima_are_certified(league):
    """M1 and M2 on all curves; the others wherever the points identify them."""
    assert league.filter(pl.col("law").is_in(["M1", "M2"]))["status"].unique().to_list() == [
        "converged"
    ]
    assert league.filter(pl.col("law").is_in(["M1", "M2"]))["is_global"].all()
    share = league.filter(law="M3").select((pl.col("status") == "converged").mean()).item()
    assert share >= 16 / 17


def test_means_of_the_exact_optima(league):
    """Mean errors over the translation and the BIG-bench curves, recomputed from the public data."""
    means = {
        (domain, law): value
        for domain, law, value in league.group_by("domain", "law").agg(pl.mean("rmsle")).rows()
    }
    assert means["NMT", "M1"] == pytest.approx(0.2217, abs=5e-5)
    assert means["NMT", "M3"] == pytest.approx(0.0133, abs=5e-5)
    assert means["BB", "M1"] == pytest.approx(0.0148, abs=5e-5)


def test_the_league_is_a_table(bench, league):
    text = bench.markdown(league)
    # A law whose constant ends at zero predicts what the law without it does: both are lowest.
    curve = ["domain", "task", "model"]
    lowest = league.filter(pl.col("rmsle") == pl.col("rmsle").min().over(curve))
    assert lowest.select(curve).unique().height == 17
    assert text.count("**") == 2 * lowest.height
    assert all(f"| {name} " in text for name in bench.LAWS)


BROKEN = "E + B*exp(-c0*log(x) - c1*f1*softplus((log(x) - log(d1))/f1))"
"""The law with one break, written with logarithms."""

OPTIMUM = {
    "E": 0.413884,
    "B": 2.277272,
    "c0": 0.0550773,
    "c1": 5.662903,
    "d1": 612.5836,
    "f1": 0.0591930,
}


def test_four_digit_addition(reference):
    """Caballero et al. 2023: 14 points, squares of ln(1 + f) - ln(1 + y); errors on plain logarithms."""
    curve = pl.read_csv(reference("bnsl_4digit_addition.csv"))
    seen, held = curve.filter(training=1), curve.filter(training=0)
    law = sf.Law(
        f"log1p(test_cross_entropy) ~ log1p({BROKEN})",
        columns=["x"],
        params={name: sf.Param(lower=0) for name in ("E", "B", "f1", "d1")},
    )
    fit = sf.fit(seen, law, columns={"x": "train_examples"}, loss=sf.Squared())
    assert fit.is_global
    assert dict(fit.params) == pytest.approx(OPTIMUM, rel=2e-6)

    def error(frame):
        prediction = fit.predict(frame)["prediction"].to_numpy()
        return np.sqrt(np.mean(np.log(prediction / frame["test_cross_entropy"].to_numpy()) ** 2))

    assert error(seen) == pytest.approx(5.98487e-4, rel=2e-6)
    assert error(held) == pytest.approx(1.09157e-2, rel=5e-6)
    assert held["train_examples"].to_list() == [800, 864, 928]
    prediction = fit.predict(held)["prediction"].to_numpy()
    assert prediction == pytest.approx([0.76019, 0.63750, 0.56260], abs=6e-6)


@pytest.mark.parametrize("last", [405, 390])
def test_a_break_is_found_from_a_little_way_before_it(last):
    """Noise-free rows x = 1 ... last recover the law; from 390 on the authors' own fit fails."""
    x = np.arange(1.0, last + 1)
    bend = np.logaddexp(0, (np.log(x) - np.log(OPTIMUM["d1"])) / OPTIMUM["f1"])
    slope = -OPTIMUM["c0"] * np.log(x) - OPTIMUM["c1"] * OPTIMUM["f1"] * bend
    y = OPTIMUM["E"] + OPTIMUM["B"] * np.exp(slope)
    fit = sf.fit({"x": x, "loss": y}, "bnsl", loss=sf.Squared(), residual="raw")
    assert fit.converged
    assert dict(fit.params) == pytest.approx(OPTIMUM, rel=1e-6)
