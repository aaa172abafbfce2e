"""The densities that losses stand for: normalised, and with the loss's own optimum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

import scaling_fast as sf
from scaling_fast.comparison.likelihood import NORMALISERS, SHAPES, deviance

RESIDUAL = np.random.default_rng(5).standard_t(4, (3, 40)) * 0.01


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("precision", [1.5, 4.0, 40.0])
def test_a_density_integrates_to_one(name, precision):
    def density(u):
        return np.exp(-precision * SHAPES[name](np.array([abs(u)]))[0])

    whole = 2.0 * sum(
        quad(density, low, high, limit=200)[0]
        for low, high in ((0.0, 1.0), (1.0, 10.0), (10.0, np.inf))
    )
    assert np.log(whole) == pytest.approx(NORMALISERS[name](np.array([precision]))[0], abs=1e-7)


@pytest.mark.parametrize(
    ("loss", "width"),
    [
        (sf.Huber(0.02), 0.02),
        (sf.SoftL1(0.02), 0.02),
        (sf.LogCosh(0.02), 0.02),
        (sf.Cauchy(0.02), 0.02),
    ],
)
def test_the_scale_is_the_one_that_fits_best(loss, width):
    """No lower -2 ln L is found by scipy."""
    for residual, found in zip(RESIDUAL, deviance(loss, RESIDUAL, straight=False), strict=True):
        ratio = np.abs(residual) / width

        def at(log_precision, ratio=ratio, rows=residual.size):
            a = np.array([np.exp(log_precision)])
            shape = SHAPES[loss.name](ratio).mean()
            value = a[0] * shape + NORMALISERS[loss.name](a)[0] + np.log(width)
            return 2.0 * rows * value

        best = minimize_scalar(at, bounds=(0.01, 8.0), method="bounded", options={"xatol": 1e-9})
        assert found == pytest.approx(best.fun, abs=1e-6)


def test_squared_and_absolute_losses_are_the_textbook_densities():
    n = RESIDUAL.shape[1]
    variance = (RESIDUAL**2).mean(axis=1)
    size = np.abs(RESIDUAL).mean(axis=1)
    normal = n * np.log(2 * np.pi * variance) + n
    laplace = 2 * n * np.log(2 * size) + 2 * n
    assert deviance(sf.Squared(), RESIDUAL, straight=False) == pytest.approx(normal)
    assert deviance(sf.Absolute(), RESIDUAL, straight=True) == pytest.approx(laplace)
    assert deviance(sf.Huber(1e-3), RESIDUAL, straight=True) == pytest.approx(laplace)
    assert deviance(sf.Pinball(0.5), RESIDUAL, straight=True) == pytest.approx(laplace)


def test_a_wide_huber_loss_is_the_normal_density_and_a_narrow_one_laplaces():
    wide = deviance(sf.Huber(1.0), RESIDUAL, straight=False)
    narrow = deviance(sf.Huber(1e-6), RESIDUAL, straight=False)
    assert wide == pytest.approx(deviance(sf.Squared(), RESIDUAL, straight=False), abs=1e-6)
    assert narrow == pytest.approx(deviance(sf.Absolute(), RESIDUAL, straight=True), abs=1e-2)


def test_a_scaled_huber_fit_has_the_likelihood_of_its_objective():
    x = np.geomspace(1.0, 1e4, 30)
    runs = {
        "x": x,
        "loss": 5.0 * x**-0.1 * np.exp(0.01 * np.random.default_rng(1).standard_normal(30)),
    }
    fits = [sf.fit(runs, law, loss=sf.ScaledHuber(1.345)) for law in ("power", "power_offset")]
    table = sf.compare(fits, n=9).table
    k = table["k"].to_numpy() + 1
    jacobian = 2.0 * np.log(runs["loss"]).sum()
    expected = [
        2.0 * fit.objective + jacobian + 2 * p + 2 * p * (p + 1) / (30 - p - 1)
        for fit, p in zip(fits, k, strict=True)
    ]
    assert table["aicc"].to_numpy() == pytest.approx(expected, abs=1e-9)
