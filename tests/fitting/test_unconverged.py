"""A fit that did not converge says so in its numbers, and predicts nothing."""

from __future__ import annotations

import functools
import math
import sys

import numpy as np
import pytest

import scaling_fast as sf

LAWS = (
    "E + A/x**alpha",
    "A/(1 + (x/K)**h)",
    "E + A*(x + K)**(-alpha)",
    "E + A*x**(-a) + B*x**(-b)",
    "exp(b0 - c0*log(x) - c1*f1*softplus((log(x) - log(d1))/f1))",
    "stretched_exp",
    "exp_saturation",
    "hill",
    "double_power",
    "shifted_power",
    "bnsl",
)
LOSSES = (sf.Squared(), sf.Huber(1e-3), sf.Huber(1.0), sf.Absolute(), sf.StudentT(4))


def noise(seed):
    """Return a few rows that hold no law at all, over a narrow or a wide range in any unit."""
    rng = np.random.default_rng([47, seed])
    n = int(rng.integers(4, 10))
    x = np.exp(np.sort(rng.uniform(0, rng.choice([0.5, 6.0, 12.0]), n)))
    y = 1.5 + 0.3 * rng.standard_normal(n) ** 2
    return {"x": x * rng.choice([1.0, 1e-6, 1e12]), "loss": y * rng.choice([1.0, 1e-3, 1e4])}


@functools.cache
def answers(law):
    """Return the fits of noise that have an answer; the others are refused by name."""
    found = []
    for seed in range(8):
        options = {"loss": LOSSES[seed % 5], "residual": ("log", "raw")[seed % 2]}
        try:
            found.append(sf.fit(noise(seed), law, **options))
        except (sf.errors.ConvergenceError, sf.errors.DataError):
            continue
    return found


@pytest.mark.parametrize("law", LAWS)
def test_numbers_are_doubles_with_all_their_digits_and_have_the_objective_shown(law):
    for fit in answers(law):
        on_bound = set(fit.table["at_bound"].item())
        for name, value in fit.params.items():
            assert math.isfinite(value), (name, fit.status)
            assert name in on_bound or value == 0.0 or abs(value) >= sys.float_info.min, name
        positive = {"K", "s", "tau", "d1", "f1"} & set(fit.params)
        assert all(fit.params[name] != 0.0 for name in positive - on_bound)
        there = fit.objective_at(fit.params)
        if fit.converged:
            rows = np.abs(fit.residuals()).max() < 1e-12 * np.abs(fit.request.table.target).max()
            assert rows or fit.objective == pytest.approx(there, rel=1e-12)
        else:
            assert fit.objective == there


@pytest.mark.parametrize("law", LAWS)
def test_a_fit_that_did_not_converge_predicts_nothing(law):
    for fit in answers(law):
        if fit.converged:
            assert np.isfinite(fit.predict()["prediction"].to_numpy()).all()
            continue
        with pytest.raises(sf.errors.ConvergenceError, match=fit.status) as caught:
            fit.predict()
        assert caught.value.code == "not_converged"


def test_an_amplitude_beyond_the_doubles_is_not_handed_out():
    """With these exponents A is zero or infinite, where the solver's own unit of x had an ordinary number."""
    for seed in (101, 153, 200, 213):
        rng = np.random.default_rng(seed)
        x = np.exp(np.sort(rng.uniform(0, 6, 8)))
        frame = {"x": x, "loss": 1.5 + 0.2 * rng.standard_normal(8) ** 2}
        fit = sf.fit(frame, "E+A/x**alpha", loss=sf.Squared())
        assert not fit.converged
        assert abs(fit.params["A"]) >= sys.float_info.min
        assert fit.objective == fit.objective_at(fit.params)


def test_a_positive_parameter_is_looked_for_among_the_doubles_alone():
    x = [
        404.4287934927351,
        148.7196620393774,
        2.719403661539066,
        54.68833632268053,
        20.110415050235414,
    ]
    y = [
        0.7664472361301126,
        0.7727267928979842,
        0.7651603433000047,
        0.7672702149531303,
        0.7682489476777654,
    ]
    frame = {"x": [*x, 1.0, 7.395156274392078], "loss": [*y, 0.765385001284964, 0.7638046257694012]}
    weights = np.array([0, 1, 2, 0, 2, 0.5, 2.0])
    fit = sf.fit(frame, "A/(1+(x/K)**h)", loss=sf.Huber(1.0), weights=weights)
    assert not fit.converged
    assert 1e-305 < fit.params["K"] < 1e305
    assert fit.objective == fit.objective_at(fit.params)
    draws = sf.bootstrap(fit, n=40).draws
    values = draws.select("A", "K", "h").to_numpy()
    assert not np.isinf(values).any()
    assert not (values[:, 1] == 0.0).any()


def test_groups_that_did_not_converge_predict_nan_beside_those_that_did():
    rng = np.random.default_rng(2)
    x = np.geomspace(1.0, 1e4, 12)
    law = 1.5 + 4.0 * x**-0.4
    frame = {
        "x": np.tile(x, 2),
        "loss": np.concatenate([law * np.exp(0.01 * rng.standard_normal(12)), np.full(12, 3.0)]),
        "curve": np.repeat(["law", "flat"], 12),
    }
    fit = sf.fit(frame, "E + A*x**(-alpha)", by="curve")
    assert dict(fit.table.select("curve", "status").iter_rows())["flat"] == "not_identified"
    rows = fit.predict({"x": [10.0, 10.0], "curve": ["law", "flat"]})["prediction"]
    assert math.isfinite(rows[0])
    assert math.isnan(rows[1])
