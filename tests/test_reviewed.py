"""Questions that were once answered wrongly and are not any more: each from a reviewer's desk."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

X = np.geomspace(1e6, 1e10, 40)
Y = (1.7 + 400 / X**0.34) * np.exp(0.01 * np.random.default_rng(0).normal(size=40))
LAW = "E + A/N**alpha"


def test_a_mistyped_name_in_columns_is_refused():
    for law in (LAW, "power_offset"):
        with pytest.raises(sf.ParameterError, match="does not have") as caught:
            sf.fit({"N": X, "x": X, "loss": Y}, law, columns={"N": "N", "zzz": "x", "x": "x"})
        assert caught.value.param in ("zzz", "x", "N")


def test_a_parameter_that_resembles_a_column_is_pointed_out():
    frame = {"N": X, "tokens": X[::-1].copy(), "loss": Y}
    fit = sf.fit(frame, "E + A/N**alpha + B/token", columns={"N": "N"})
    assert "parameter_like_column" in [one.code for one in fit.findings]


def test_predictions_read_the_columns_that_the_fit_read():
    frame = pl.DataFrame({"params": X, "N": X / 1e6, "loss": Y})
    renamed = sf.fit(frame, LAW, columns={"N": "params"})
    assert renamed.predict(frame)["prediction"].equals(renamed.predict()["prediction"])
    scaled = sf.fit(frame, LAW, columns={"N": pl.col("params") / 1e9})
    assert scaled.predict(frame)["prediction"].equals(scaled.predict()["prediction"])


def test_wide_bounds_only_forbid():
    free = sf.fit({"N": X, "loss": Y}, LAW)
    for bound in (1e2, 1e6, 1e100):
        param = sf.Param(lower=-bound, upper=bound)
        bounded = sf.fit({"N": X, "loss": Y}, LAW, params={"alpha": param})
        assert bounded.objective == pytest.approx(free.objective, rel=1e-9)


def test_extrapolation_is_measured_from_the_group():
    frame = {"N": np.tile(X, 2), "loss": np.tile(Y, 2), "g": np.repeat(["a", "b"], 40)}
    frame["N"][40:] *= 1e3
    fit = sf.fit(frame, LAW, by="g")
    beyond = fit.predict({"N": [1e12], "g": ["a"]})["decades_beyond"].item()
    assert beyond == pytest.approx(2.0)


@pytest.mark.parametrize("loss", [sf.Cauchy(0.02), sf.Tukey(0.09)], ids=repr)
def test_sandwich_errors_of_redescending_losses_are_those_of_simulation(loss):
    """A location: the standard deviation over 400 samples, within 12 %."""
    rng = np.random.default_rng(3)
    noise = 0.02 * rng.standard_t(3, (400, 80))
    column = np.ones(80) + np.arange(80) * 1e-9
    estimates, errors = [], []
    for sample in noise:
        fit = sf.fit({"x": column, "loss": 1 + sample}, "m + 0*x", loss=loss, residual="raw")
        estimates.append(fit.params["m"])
        errors.append(float(fit.cov()["m"].item()) ** 0.5)
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.12)


def test_prediction_noise_is_not_centred():
    """Under Pinball(0.1) nine tenths of new runs lie above the curve, and the interval knows it."""
    fit = sf.fit({"N": X, "loss": Y}, LAW, loss=sf.Pinball(0.1))
    table = sf.bootstrap(fit, n=400).predict(interval="prediction", level=0.9)
    above = (table["upper"] - table["prediction"]).mean()
    below = (table["prediction"] - table["lower"]).mean()
    assert above > 2 * below


def test_groups_of_another_type_are_refused_rather_than_unknown():
    frame = {"N": np.tile(X, 2), "loss": np.tile(Y, 2), "g": np.repeat([1, 2], 40)}
    fit = sf.fit(frame, LAW, by="g")
    with pytest.raises(sf.DataError, match="dtype"):
        fit.predict({"N": [1e9], "g": ["1"]})
