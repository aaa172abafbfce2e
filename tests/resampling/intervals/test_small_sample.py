"""Small-sample corrections: Student's t, and nothing corrected twice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from replicates import NUMBERS, fitted
from scipy import stats

import scaling_fast as sf


def test_small_sample_widens_to_students_t(mean):
    """normal: t with n - p and sqrt(n/(n - p)) times the deviation of the draws: nearly the t interval."""
    boot = sf.bootstrap(mean, n=20_000, seed=1)
    deviation = boot.draws["m"].std() * math.sqrt(16 / 15)
    table = boot.interval(0.9, "normal", small_sample=True)
    half = stats.t.ppf(0.95, 15) * deviation
    assert table["upper"].item() == pytest.approx(NUMBERS.mean() + half, rel=1e-9)
    # percentile: quantiles at the level whose normal interval is as wide
    tail = stats.norm.cdf(-stats.t.ppf(0.95, 15) * math.sqrt(16 / 15))
    low, high = np.quantile(boot.draws["m"].to_numpy(), [tail, 1 - tail])
    table = boot.interval(0.9, small_sample=True)
    assert (table["lower"].item(), table["upper"].item()) == pytest.approx((low, high), rel=1e-9)
    reflected = boot.interval(0.9, "basic", small_sample=True)
    assert reflected["lower"].item() == pytest.approx(2 * NUMBERS.mean() - high, rel=1e-9)


def test_few_clusters_take_their_own_degrees_of_freedom(fit):
    boot = sf.bootstrap(fit, sf.Clusters("run"), n=2_000)
    plain, wide = (boot.interval(0.9, "normal", of="E", small_sample=s) for s in (False, True))
    ratio = (wide["upper"] - wide["lower"]).item() / (plain["upper"] - plain["lower"]).item()
    exact = stats.t.ppf(0.95, 11) / stats.norm.ppf(0.95) * math.sqrt(12 / 11)
    assert ratio == pytest.approx(exact, rel=1e-9)
    residual = sf.bootstrap(fit, sf.Residuals(), n=500)
    plain, wide = (residual.interval(0.9, "normal", of="E", small_sample=s) for s in (False, True))
    ratio = (wide["upper"] - wide["lower"]).item() / (plain["upper"] - plain["lower"]).item()
    assert ratio == pytest.approx(stats.t.ppf(0.95, 21) / stats.norm.ppf(0.95), rel=1e-9)


@pytest.mark.parametrize("method", ["bc", "bca", "studentized"])
def test_methods_without_a_small_sample_form_say_so(fit, method):
    with pytest.raises(sf.errors.ParameterError, match="small_sample"):
        sf.bootstrap(fit, n=20).interval(method=method, small_sample=True)


def test_no_degree_of_freedom_is_a_typed_error():
    exact = fitted({"x": [1.0, 10.0, 100.0], "loss": [4.0, 3.0, 2.5]})
    boot = sf.bootstrap(exact, sf.Bayesian(), n=20)
    with pytest.raises(sf.errors.DataError, match="no degree of freedom"):
        boot.interval(small_sample=True)


@pytest.mark.parametrize(
    ("scheme", "pays"),
    [
        (sf.Clusters("g"), False),
        (sf.Wild("webb", cluster="g"), True),
        (sf.Jackknife(cluster="g"), True),
    ],
    ids=["clusters", "wild", "jackknife"],
)
def test_nothing_is_corrected_twice_for_few_clusters(scheme, pays):
    """Residuals enlarged by CR3 and the jackknife's variance have paid sqrt(G/(G - 1)) already."""
    rng = np.random.default_rng(4)
    x = np.geomspace(1.0, 1e4, 36)
    group = np.arange(36) % 6
    y = (1.5 + 3.0 * x**-0.4) * np.exp(
        0.01 * rng.normal(size=6)[group] + 0.003 * rng.normal(size=36)
    )
    frame = {"x": x, "loss": y, "g": group}
    fit = sf.fit(frame, "E + A*x**(-alpha)", loss=sf.Squared(), columns={"x": "x"})
    boot = sf.bootstrap(fit, scheme, n=None if scheme.name == "jackknife" else 400, progress=False)
    width = {
        small: np.ptp(boot.interval(0.9, "normal", of="alpha", small_sample=small).row(0)[-2:])
        for small in (False, True)
    }
    wanted = stats.t.ppf(0.95, 5) / stats.norm.ppf(0.95) * (1.0 if pays else math.sqrt(6 / 5))
    assert width[True] / width[False] == pytest.approx(wanted, rel=1e-9)
