"""Predictions: the law's own values, how far beyond the rows they lie, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from decaying import fit
from outcomes import refusal
from power_runs import curve

import scaling_fast as sf


def test_decades_beyond_is_the_largest_distance_outside(runs):
    """Outside the fitted range of any column, in log10 units."""
    runs = runs.with_columns(D=10 ** pl.Series(np.random.default_rng(0).uniform(9, 11, 30)))
    fit = sf.fit(runs, "E + A/x**alpha + B/D**beta", columns={"x": "x", "D": "D"})
    low, high = runs["D"].min(), runs["D"].max()
    new = {"x": [1e9, 1e11, 1e6, 1e12], "D": [high, high, low / 1000, high * 10]}
    assert fit.predict(new)["decades_beyond"].to_list() == pytest.approx([0, 1, 3, 2], abs=1e-9)
    assert fit.predict()["decades_beyond"].to_list() == [0] * 30
    assert fit.predict(new).columns == ["x", "D", "prediction", "decades_beyond"]


def test_predictions_are_the_laws(runs, fit):
    new = np.geomspace(1e5, 1e14, 40)
    predicted = fit.predict({"x": new})["prediction"].to_numpy()
    assert predicted == pytest.approx(curve(new, *fit.params.values()), rel=1e-13)
    assert fit.predict()["prediction"].to_numpy() == pytest.approx(
        runs["loss"].to_numpy() * np.exp(fit.residuals()), rel=1e-13
    )


SIZES = np.geomspace(1e6, 1e10, 40)
LOSSES = (1.7 + 400 / SIZES**0.34) * np.exp(0.01 * np.random.default_rng(0).normal(size=40))
SIZE_LAW = "E + A/N**alpha"


def test_predictions_read_the_columns_that_the_fit_read():
    frame = pl.DataFrame({"params": SIZES, "N": SIZES / 1e6, "loss": LOSSES})
    renamed = sf.fit(frame, SIZE_LAW, columns={"N": "params"})
    assert renamed.predict(frame)["prediction"].equals(renamed.predict()["prediction"])
    scaled = sf.fit(frame, SIZE_LAW, columns={"N": pl.col("params") / 1e9})
    assert scaled.predict(frame)["prediction"].equals(scaled.predict()["prediction"])


def test_extrapolation_is_measured_from_the_group():
    frame = {"N": np.tile(SIZES, 2), "loss": np.tile(LOSSES, 2), "g": np.repeat(["a", "b"], 40)}
    frame["N"][40:] *= 1e3
    fit = sf.fit(frame, SIZE_LAW, by="g")
    beyond = fit.predict({"N": [1e12], "g": ["a"]})["decades_beyond"].item()
    assert beyond == pytest.approx(2.0)


def test_groups_of_another_type_are_refused_rather_than_unknown():
    frame = {"N": np.tile(SIZES, 2), "loss": np.tile(LOSSES, 2), "g": np.repeat([1, 2], 40)}
    fit = sf.fit(frame, SIZE_LAW, by="g")
    with pytest.raises(sf.errors.DataError, match="dtype"):
        fit.predict({"N": [1e9], "g": ["1"]})


@pytest.fixture(scope="module")
def decaying():
    x = np.geomspace(1e7, 1e10, 24)
    y = (1.8 + 400 * x**-0.34) * np.exp(0.01 * np.random.default_rng(3).normal(size=24))
    return sf.fit({"x": x, "loss": y}, "E + A*x**(-alpha)", loss=sf.Squared())


def test_decades_beyond_the_rows_are_those_of_the_logarithms(decaying):
    ahead = decaying.predict({"x": [1e308, 1e-308]})["decades_beyond"].to_numpy()
    assert np.abs(ahead - [298.0, 315.0]).max() < 1e-9


def test_prediction_refuses_what_fitting_does():
    got = fit()
    for frame, code in (
        ({"z": [1.0]}, "missing_column"),
        ({"x": [math.nan]}, "nan"),
        ({"x": [None]}, "null"),
        ({"x": [1.0, math.inf]}, "infinite"),
        ({"x": [1.0, -1.0]}, "domain"),
        ({"x": ["a"]}, "dtype"),
        (3, "not_a_frame"),
    ):
        assert refusal(lambda frame=frame: got.predict(frame)).code == code
