"""A scale estimated from the residuals needs residuals, and one group."""

from __future__ import annotations

import math

import numpy as np
import pytest
from decaying import X, Y
from power_runs import LAW

import scaling_fast as sf

FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}
P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


def test_mad_scale_needs_residuals_and_one_group():
    level = {"x": X, "loss": 1.5 + 3.0 * X**-0.4}
    with pytest.raises(sf.ScalingError):
        sf.fit(FRAME, LAW, loss=sf.Huber(1.0, scale="mad"), by="run")
    with pytest.raises(P):
        sf.Huber(1.0, scale="std")
    try:
        got = sf.fit(level, LAW, loss=sf.Huber(1.0, scale="mad"))
    except sf.errors.DataError as error:
        code = error.code
    else:
        code = "no_scale" if got.scale > 0 else "zero"
    assert code == "no_scale"


def noisy(seed, rows=20, noise=0.005):
    x = np.geomspace(1e7, 1e10, rows)
    return {
        "x": x,
        "loss": (1.8 + 480 * x**-0.35)
        * np.exp(noise * np.random.default_rng(seed).standard_normal(rows)),
    }


def test_the_measured_scale_is_that_of_its_own_fit_corrected_for_the_parameters():
    """Scale = 1.4826 x median |r| x sqrt(n/(n - p)) of the fit whose delta is 1.345 times it."""
    fit = sf.fit(noisy(3), "power_offset", loss=sf.Huber(1.345, scale="mad"))
    expected = 1.4826 * np.median(np.abs(fit.residuals())) * math.sqrt(20 / 17)
    assert fit.scale == pytest.approx(expected, rel=1e-9)
    assert fit.loss.delta == pytest.approx(1.345 * fit.scale, rel=1e-12)


def test_the_measured_scale_is_right_on_average_for_few_rows():
    """Ten rows and three parameters: uncorrected, the scale of 0.5 % noise was 0.40 %."""
    found = [
        sf.fit(noisy(seed, 10), "power_offset", loss=sf.Huber(1.345, scale="mad")).scale
        for seed in range(40)
    ]
    # The scale of one data set has a relative error of .4, so the mean of forty one of .06.
    assert np.mean(found) == pytest.approx(0.005, rel=0.25)


def test_weights_count_rows_in_the_scale():
    frame = noisy(4, 12)
    twice = {name: np.repeat(values, 2) for name, values in frame.items()}
    loss = sf.Huber(1.345, scale="mad")
    weighted = sf.fit(frame | {"w": np.full(12, 2.0)}, "power_offset", weights="w", loss=loss)
    repeated = sf.fit(twice, "power_offset", loss=loss)
    assert weighted.scale == pytest.approx(repeated.scale, rel=1e-9)


@pytest.mark.parametrize(
    "loss",
    [sf.Huber(1e-3), sf.Absolute(), sf.Huber(1.345, scale="mad"), sf.StudentT(4), sf.Tukey(0.03)],
    ids=repr,
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_diverged_run_of_sixty_does_not_become_the_noise_of_simulations(loss, seed):
    """9.7 among sixty losses near 2: the noise of coverage and Parametric was 36 times too large."""
    clean, bad = noisy(seed, 60), noisy(seed, 60)
    bad["loss"][30] = 9.7
    noise, widths, bands = [], [], []
    for frame in (clean, bad):
        fit = sf.fit(frame, "power_offset", loss=loss)
        noise.append(sf.stress.coverage(fit, n_sim=1, n=2).settings["sd"])
        boot = sf.bootstrap(fit, sf.Parametric(), n=400)
        ends = boot.interval(0.9, of="E")
        widths.append(ends["upper"].item() - ends["lower"].item())
        run = boot.predict({"x": [1e9]}, interval="prediction", level=0.99)
        bands.append(run["upper"].item() - run["lower"].item())
    for clear, poisoned in (noise, widths, bands):
        assert 0.8 < poisoned / clear < 1.35


def test_a_least_squares_fit_gives_its_normal_noise_unless_a_run_stands_out():
    """No residual beyond three scales: sqrt(RSS/(n - p)) to the last digits."""
    fit = sf.fit(noisy(5, 40), "power_offset", loss=sf.Squared())
    residual = fit.residuals()
    scale = 1.4826 * np.median(np.abs(residual)) * math.sqrt(40 / 37)
    assert np.abs(residual).max() < 3 * scale
    sd = sf.stress.coverage(fit, n_sim=1, n=2).settings["sd"]
    assert sd == pytest.approx(math.sqrt(np.sum(residual**2) / 37), rel=1e-12)
