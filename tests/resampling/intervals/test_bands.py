"""Bands of a curve and of new runs: ordered, wider for new runs, and they hold their share."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from power_runs import LAW, runs_of

import scaling_fast as sf

SIZES = np.geomspace(1e6, 1e10, 40)
LOSSES = (1.7 + 400 / SIZES**0.34) * np.exp(0.01 * np.random.default_rng(0).normal(size=40))
SIZE_LAW = "E + A/N**alpha"


def test_prediction_noise_is_not_centred():
    """Under Pinball(0.1) nine tenths of new runs lie above the curve, and the interval knows it."""
    fit = sf.fit({"N": SIZES, "loss": LOSSES}, SIZE_LAW, loss=sf.Pinball(0.1))
    table = sf.bootstrap(fit, n=400).predict(interval="prediction", level=0.9)
    above = (table["upper"] - table["prediction"]).mean()
    below = (table["prediction"] - table["lower"]).mean()
    assert above > 2 * below


def test_predictions_have_ordered_ends_and_new_runs_vary_more(boot):
    """The law's columns, prediction, lower, upper, decades_beyond."""
    new = {"x": [1e6, 1e8, 1e10, 1e12]}
    curve = boot.predict(new)
    run = boot.predict(new, interval="prediction")
    assert curve.columns == ["x", "prediction", "lower", "upper", "decades_beyond"]
    assert curve["decades_beyond"].to_list() == pytest.approx([1, 0, 0, 2], abs=1e-12)
    for table in (curve, run):
        assert (table["lower"] < table["prediction"]).all()
        assert (table["prediction"] < table["upper"]).all()
    assert (run["upper"] - run["lower"] > curve["upper"] - curve["lower"]).all()
    draws = boot.draws
    at = (draws["E"] + draws["A"] * 1e8 ** (-draws["alpha"])).to_numpy()
    assert (curve["lower"][1], curve["upper"][1]) == pytest.approx(
        np.quantile(at, [0.025, 0.975]), rel=1e-12
    )
    tighter = boot.predict(new, level=0.5)
    assert (tighter["upper"] < curve["upper"]).all()


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_prediction_intervals_work_for_every_seed(squared, seed):
    """A seed is below 2**64; neighbouring large seeds are different seeds."""
    wide = sf.bootstrap(squared, n=200, seed=seed).predict({"x": [1e8]}, interval="prediction")
    assert np.isfinite(wide["upper"].item())


def test_prediction_intervals_hold_their_share_of_new_runs():
    """Ninety-per-cent intervals for new runs of the same law hold 86 to 94 % of 2,000."""
    fit = sf.fit(runs_of(11, 200), LAW, columns={"x": "x"}, loss=sf.Squared())
    new = runs_of(12, 2_000)
    table = sf.bootstrap(fit, n=500).predict(new.select("x"), interval="prediction", level=0.9)
    inside = (table["lower"] <= new["loss"]) & (new["loss"] <= table["upper"])
    assert 0.86 <= inside.mean() <= 0.94


RNG = np.random.default_rng(8)
X = np.geomspace(1e1, 1e4, 60)
RUN = np.repeat(np.arange(12), 5)
Y = (1.5 + 4.0 * X**-0.4) * np.exp(0.02 * RNG.normal(size=12)[RUN] + 0.004 * RNG.normal(size=60))
FRAME = pl.DataFrame({"x": X, "loss": Y, "run": RUN})


@pytest.fixture(scope="module")
def clustered():
    return sf.fit(FRAME, LAW, loss=sf.Squared(), columns={"x": "x"})


def test_a_jackknife_has_no_quantiles_of_a_curve(clustered):
    with pytest.raises(sf.errors.ParameterError, match="no quantiles"):
        sf.bootstrap(clustered, sf.Jackknife()).predict({"x": [1e5]})
