"""Delta-method intervals: refused where nothing shows an error, positive where the quantity is."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from power_runs import LAW, NAMES, runs_of
from scipy import optimize, stats

import scaling_fast as sf

STRAIGHT = [
    *(sf.Huber(1e-3), sf.Absolute(), sf.Pinball(0.4)),
    *(sf.SoftL1(1e-4), sf.LogCosh(1e-4), sf.ScaledHuber(0.05)),
]
CURVED = [
    *(sf.Squared(), sf.Huber(0.02), sf.Huber(1.345, scale="mad")),
    *(sf.StudentT(5), sf.Tukey(0.06)),
]


@pytest.mark.parametrize("loss", STRAIGHT, ids=repr)
def test_a_loss_that_is_straight_for_most_rows_has_no_local_intervals(loss):
    fit = sf.fit(runs_of(1), "power_offset", loss=loss)
    asked = (
        fit.interval,
        fit.cov,
        lambda: fit.interval(of="2**(-alpha)"),
        lambda: fit.interval(noise="given"),
        lambda: fit.predict(interval="confidence"),
        lambda: fit.predict({"x": [1e11]}, interval="prediction"),
    )
    for ask in asked:
        with pytest.raises(sf.errors.ParameterError, match=r"sf\.bootstrap") as caught:
            ask()
        assert caught.value.code == "kink"
    assert "has no local standard errors; sf.bootstrap(fit) gives intervals" in fit.summary()
    assert [line.split()[-1] for line in fit.summary().splitlines() if "  alpha " in line] == ["-"]
    assert fit.predict().columns == ["x", "prediction", "decades_beyond"]


@pytest.mark.parametrize("loss", CURVED, ids=repr)
def test_a_smooth_loss_shows_its_standard_errors(loss):
    fit = sf.fit(runs_of(1), "power_offset", loss=loss)
    table = fit.interval(0.9)
    assert (table["lower"] > 0.0).all()
    assert (table["lower"] < table["estimate"]).all()
    assert (table["estimate"] < table["upper"]).all()
    error = math.sqrt(fit.cov().filter(pl.col("parameter") == "alpha")["alpha"].item())
    assert f"+- {error:.2g}" in fit.summary()
    assert "bootstrap" not in fit.summary()


def test_most_of_the_rows_but_those_that_the_curve_may_pass_through_are_too_many():
    """Of eight rows and a parameter three of seven are not most of them, and four are."""
    frame = {"x": np.arange(8.0), "y": [0.0, 0.0, 0.0, 0.0, 0.0, -3.0, 3.0, -3.0]}
    options = {"target": "y", "residual": "raw", "columns": {"x": "x"}, "loss": sf.Huber(0.5)}
    fit = sf.fit(frame, "m + 0*x", **options)
    assert fit.interval()["upper"].item() > 0.0
    frame = {"x": np.arange(8.0), "y": [0.0, 0.0, 0.0, 0.0, 3.0, -3.0, 3.0, -3.0]}
    with pytest.raises(sf.errors.ParameterError, match="no local standard errors"):
        sf.fit(frame, "m + 0*x", **options).interval()


def test_what_is_positive_has_the_interval_of_its_logarithm():
    """ln(estimate) -+ t se/estimate, written out; a formula without a proven sign stays symmetric."""
    fit = sf.fit(runs_of(2, rows=8, noise=0.03), "power_offset", loss=sf.Squared())
    table = fit.interval(0.4)
    errors = np.sqrt(np.diag(fit.cov().drop("parameter").to_numpy()))
    t = stats.t.ppf(0.7, 8 - 3)
    for row, error in zip(table.iter_rows(named=True), errors, strict=True):
        assert t * error < row["estimate"]
        factor = math.exp(t * error / row["estimate"])
        assert row["lower"] == pytest.approx(row["estimate"] / factor, rel=1e-12)
        assert row["upper"] == pytest.approx(row["estimate"] * factor, rel=1e-12)
    gap = fit.interval(0.95, of="E - alpha").row(0, named=True)
    assert gap["upper"] - gap["estimate"] == pytest.approx(
        gap["estimate"] - gap["lower"], rel=1e-12
    )
    for row, error in zip(fit.interval(0.999).iter_rows(named=True), errors, strict=True):
        # What is not known to within its own size ends at its bound, and not at a multiple of itself.
        half = stats.t.ppf(0.9995, 8 - 3) * error
        if half > row["estimate"]:
            assert (row["lower"], row["upper"]) == (0.0, pytest.approx(row["estimate"] + half))
    share = fit.interval(0.999999, of="alpha/(alpha + E)").row(0, named=True)
    assert 0.0 <= share["lower"] < share["upper"] <= 1.0


def test_a_peak_inside_a_logarithm_is_positive_however_it_is_written():
    """Six sizes of a public benchmark: the symmetric interval of the peak began below zero parameters."""
    frame = {
        "size": [4.6e7, 1.28e8, 4.76e8, 1e9, 2e9, 4e9],
        "auprc": [0.435, 0.48, 0.444, 0.415, 0.37, 0.372],
    }
    options = {"target": "auprc", "columns": {"x": "size"}, "residual": "raw"}
    peak = sf.fit(frame, "a - b*log(x/peak)**2", loss=sf.Squared(), **options)
    line = sf.fit(frame, "a + b*log(x) + c*log(x)**2", loss=sf.Squared(), **options)
    direct = peak.interval(of="peak").row(0)[1:]
    assert direct[1] > 0.0
    assert direct == pytest.approx(line.interval(of="exp(-b/(2*c))").row(0)[1:], rel=1e-5)


def test_no_end_leaves_the_bounds_of_a_parameter():
    params = {"E": sf.Param(lower=1.7, upper=1.81), "alpha": sf.Param(lower=0.3, upper=0.36)}
    fit = sf.fit(runs_of(3, rows=9, noise=0.02), "power_offset", params=params, loss=sf.Squared())
    for name, row in zip(NAMES, fit.interval(0.999).iter_rows(named=True), strict=True):
        if fit.is_free(name):
            param = fit.law.params[name]
            assert param.lower <= row["lower"] < row["upper"] <= param.upper
        else:
            assert math.isnan(row["lower"])


# Scipy issues 448 and 3098: eight points with their standard deviations.
X = np.arange(1.0, 9.0)
Y = np.array([10.1, 7.2, 5.7, 5.1, 4.4, 4.2, 3.8, 3.7])
S = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("noise", ["estimated", "given"])
def test_given_noise_is_taken_as_given(noise):
    """Cov equals scipy's with absolute_sigma; the quantile is the normal one."""

    def law(x, a, b, c):
        return a * x**-b + c

    fit = sf.fit({"x": X, "y": Y, "s": S}, "a*x**(-b) + c", target="y", sigma="s", residual="raw",
                 loss=sf.Squared(), columns={"x": "x"})  # fmt: skip
    point = [fit.params[name] for name in "abc"]
    _, matrix = optimize.curve_fit(law, X, Y, p0=point, sigma=S, absolute_sigma=noise == "given")
    ours = fit.cov(noise=noise).drop("parameter").to_numpy()
    assert ours == pytest.approx(matrix, rel=1e-4)
    assert np.sqrt(np.diag(ours)) == pytest.approx(
        [0.7298, 0.0982, 0.8410] if noise == "given" else [0.6123, 0.0824, 0.7057], abs=1e-4
    )
    quantile = stats.norm.ppf(0.95) if noise == "given" else stats.t.ppf(0.95, 8 - 3)
    table = fit.interval(0.9, noise=noise)
    half = (table["upper"] - table["lower"]).to_numpy() / 2
    assert half == pytest.approx(quantile * np.sqrt(np.diag(ours)), rel=1e-12)


def test_as_many_rows_as_parameters_have_an_interval_only_where_noise_is_given():
    frame = {"x": [1.0, 2.0], "y": [3.0, 5.0], "s": [0.1, 0.2], "run": [0, 1]}
    fit = sf.fit(frame, "a + b*x", target="y", sigma="s", residual="raw", loss=sf.Squared(),
                 columns={"x": "x"})  # fmt: skip
    for options in ({}, {"cluster": "run"}, {"kind": "sandwich"}):
        with pytest.raises(sf.errors.DataError, match="no degree of freedom"):
            fit.interval(**options)
    half = fit.interval(0.95, of="b", noise="given").row(0, named=True)
    # b = y2 - y1, of variance .1^2 + .2^2
    assert half["upper"] - 2.0 == pytest.approx(1.959964 * math.sqrt(0.05), rel=1e-5)


def test_an_exact_fit_has_no_interval():
    x = np.geomspace(1.0, 1e3, 12)
    fit = sf.fit({"x": x, "loss": 1.5 + 3.0 * x**-0.5}, LAW, loss=sf.Squared())
    for ask in (fit.interval, lambda: fit.predict(interval="confidence")):
        with pytest.raises(sf.errors.DataError, match="passes through every row"):
            ask()
    known = sf.fit(
        {"x": x, "loss": 1.5 + 3.0 * x**-0.5, "sd": 0.01 + 0 * x},
        LAW,
        loss=sf.Squared(),
        sigma="sd",
    )
    assert known.interval(noise="given")["upper"].is_finite().all()
