"""Bands of `Fit.predict`: those of linear regression for a line, positive where the law is."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from power_runs import LAW, runs_of
from scipy import stats

import scaling_fast as sf

X = np.array([1.0, 2.0, 3.0, 5.0, 8.0, 13.0])
Y = np.array([2.1, 2.9, 4.2, 5.8, 9.3, 13.6])


@pytest.mark.parametrize("interval", ["confidence", "prediction"])
def test_a_line_has_the_band_of_linear_regression(interval):
    """Y -+ t s sqrt(h) or sqrt(1 + h), h = 1/n + (x - mean)^2/Sxx."""
    fit = sf.fit({"x": X, "y": Y}, "a + b*x", target="y", residual="raw", loss=sf.Squared(),
                 columns={"x": "x"})  # fmt: skip
    new = np.array([-4.0, 3.5, 20.0])
    line = stats.linregress(X, Y)
    s = math.sqrt(np.sum((Y - line.intercept - line.slope * X) ** 2) / 4)
    leverage = 1 / 6 + (new - X.mean()) ** 2 / np.sum((X - X.mean()) ** 2)
    half = stats.t.ppf(0.95, 4) * s * np.sqrt(leverage + (interval == "prediction"))
    table = fit.predict({"x": new}, interval, level=0.9)
    assert table.columns == ["x", "prediction", "lower", "upper", "decades_beyond"]
    middle = line.intercept + line.slope * new
    assert table["lower"].to_numpy() == pytest.approx(middle - half, rel=1e-10)
    assert table["upper"].to_numpy() == pytest.approx(middle + half, rel=1e-10)


def test_the_curve_has_the_interval_of_its_formula():
    fit = sf.fit(runs_of(5), "power_offset", loss=sf.Squared())
    band = fit.predict({"x": [1e8, 1e12]}, interval="confidence", level=0.9)
    formulas = ["E + A*1e8**(-alpha)", "E + A*1e12**(-alpha)"]
    same = fit.interval(0.9, of=formulas)
    for end in ("lower", "upper"):
        assert band[end].to_list() == pytest.approx(same[end].to_list(), rel=1e-10)


@pytest.mark.parametrize("residual", ["log", "raw"])
def test_a_law_that_cannot_be_negative_has_a_positive_band(residual):
    x = np.geomspace(1.0, 30.0, 6)
    y = 2.0 * x**-0.9 * np.exp(0.4 * np.random.default_rng(4).standard_normal(6))
    fit = sf.fit({"x": x, "y": y}, "power", target="y", residual=residual, loss=sf.Squared())
    band = fit.predict({"x": [1.0, 1e3, 1e6]}, interval="confidence", level=0.99)
    assert (band["lower"] > 0.0).all()
    assert (band["upper"] > band["prediction"]).all()


def test_shares_have_a_band_between_zero_and_one():
    x = np.linspace(-3.0, 3.0, 12)
    noise = 0.3 * np.random.default_rng(6).standard_normal(12)
    y = 1.0 / (1.0 + np.exp(-(x + noise)))
    fit = sf.fit({"x": x, "y": y}, "sigmoid(k*(x - m))", target="y", residual="logit",
                 loss=sf.Squared(), columns={"x": "x"})  # fmt: skip
    for interval in ("confidence", "prediction"):
        band = fit.predict({"x": [-9.0, 0.0, 9.0]}, interval)
        assert ((band["lower"] > 0.0) & (band["upper"] < 1.0)).all()


def test_new_runs_fall_inside_as_often_as_said():
    fit = sf.fit(runs_of(11, 200), LAW, columns={"x": "x"}, loss=sf.Squared())
    new = runs_of(12, 2_000)
    table = fit.predict(new.select("x"), interval="prediction", level=0.9)
    inside = (table["lower"] <= new["loss"]) & (new["loss"] <= table["upper"])
    assert 0.86 <= inside.mean() <= 0.94


def test_groups_have_bands_of_their_own_in_the_order_of_the_frame():
    frames = [runs_of(seed).with_columns(g=pl.lit(f"g{seed}")) for seed in (1, 2)]
    options = {"columns": {"x": "x"}, "loss": sf.Squared()}
    grouped = sf.fit(pl.concat(frames), LAW, by="g", **options)
    new = pl.DataFrame({"x": [1e11, 1e8, 1e9, 1e11], "g": ["g2", "g1", "g2", "g1"]})
    band = grouped.predict(new, interval="confidence")
    for number, frame in enumerate(frames, start=1):
        rows = band.filter(pl.col("g") == f"g{number}").drop("g")
        wanted = new.filter(pl.col("g") == f"g{number}").select("x")
        alone = sf.fit(frame, LAW, **options).predict(wanted, interval="confidence")
        for end in ("lower", "upper"):
            assert rows[end].to_list() == pytest.approx(alone[end].to_list(), rel=1e-9)


def test_a_group_without_a_band_has_none_and_the_others_keep_theirs():
    good = runs_of(1).with_columns(g=pl.lit("good"))
    exact = good.head(3).with_columns(g=pl.lit("exact"))
    options = {"columns": {"x": "x"}, "loss": sf.Squared(), "by": "g"}
    grouped = sf.fit(pl.concat([good, exact]), LAW, **options)
    band = grouped.predict({"x": [1e9, 1e9], "g": ["good", "exact"]}, interval="confidence")
    assert math.isfinite(band["lower"][0])
    assert math.isnan(band["lower"][1])
    with pytest.raises(sf.errors.DataError, match="no degree of freedom"):
        sf.fit(exact, LAW, **options).predict(interval="confidence")


def test_what_cannot_have_a_band_says_why():
    fit = sf.fit(runs_of(5).with_columns(s=pl.lit(0.01)), LAW, columns={"x": "x"}, sigma="s",
                 loss=sf.Squared())  # fmt: skip
    with pytest.raises(sf.errors.ParameterError, match='must be "confidence" or "prediction"'):
        fit.predict(interval="both")
    with pytest.raises(sf.errors.ParameterError, match="how precise a new run"):
        fit.predict(interval="prediction")
    with pytest.raises(sf.errors.ParameterError, match=r"did you mean 0\.9"):
        fit.predict(interval="confidence", level=90)
    assert fit.predict(interval="confidence")["lower"].is_finite().all()
