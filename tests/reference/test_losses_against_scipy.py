"""Losses against scipy: the same objective at given points, and no worse an optimum.

The objective of squared, Huber, soft L1 and Cauchy is the `cost` of
`scipy.optimize.least_squares(loss=..., f_scale=delta)`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

import scaling_fast as sf

NAMES = ("E", "A", "alpha")
FORMULA = "E + A*x**(-alpha)"
DELTA = {"raw": 0.05, "log": 0.02, "logit": 0.1}

SCIPY = {
    "squared": (lambda delta: sf.Squared(), "linear"),
    "huber": (sf.Huber, "huber"),
    "soft_l1": (sf.SoftL1, "soft_l1"),
    "cauchy": (sf.Cauchy, "cauchy"),
}

RHO = {
    "absolute": (lambda delta: sf.Absolute(), lambda r, delta: np.abs(r)),
    "log_cosh": (sf.LogCosh, lambda r, delta: delta**2 * np.log(np.cosh(r / delta))),
    "tukey": (
        sf.Tukey,
        lambda r, delta: delta**2 / 6 * (1 - np.clip(1 - (r / delta) ** 2, 0, None) ** 3),
    ),
    "pinball": (
        lambda delta: sf.Pinball(0.2),
        lambda r, delta: np.maximum(-0.2 * r, 0.8 * r),
    ),
}
"""Losses scipy's least_squares lacks, written out as their docstrings define them."""

EVERY = {
    **{name: case[0] for name, case in SCIPY.items()},
    **{name: case[0] for name, case in RHO.items()},
}


def design(residual):
    """Thirty runs with three gross errors; the target lies in (0, 1) for logits."""
    rng = np.random.default_rng(7)
    x = np.geomspace(1, 1e4, 30)
    y = (1.5 + 3 * x**-0.35) / (8 if residual == "logit" else 1)
    y = y * np.exp(0.01 * rng.standard_normal(30))
    y[[4, 13, 25]] *= [1.1, 0.88, 1.2]
    return x, y


def curve(theta, x):
    return theta[0] + theta[1] * x ** -theta[2]


def residuals(theta, x, y, residual):
    with np.errstate(all="ignore"):
        f = curve(theta, x)
        if residual == "raw":
            return f - y
        if residual == "log":
            return np.log(f) - np.log(y)
        return np.log(f / (1 - f)) - np.log(y / (1 - y))


def fitted(kind, residual, **options):
    x, y = design(residual)
    loss = EVERY[kind](DELTA[residual])
    return sf.fit({"x": x, "y": y}, FORMULA, target="y", loss=loss, residual=residual, **options)


def scipys(kind, residual, start, **options):
    x, y = design(residual)
    return optimize.least_squares(
        residuals,
        start,
        loss=SCIPY[kind][1],
        f_scale=DELTA[residual],
        args=(x, y, residual),
        **options,
    )


def defined(kind, residual, theta):
    """Return the objective as the loss's definition reads."""
    x, y = design(residual)
    return float(RHO[kind][1](residuals(theta, x, y, residual), DELTA[residual]).sum())


def points(residual):
    unit = 8 if residual == "logit" else 1
    rng = np.random.default_rng(3)
    return np.array([1.5 / unit, 3 / unit, 0.35]) * np.exp(0.1 * rng.standard_normal((5, 3)))


@pytest.mark.parametrize("residual", ["raw", "log", "logit"])
@pytest.mark.parametrize("kind", SCIPY)
def test_the_objective_is_scipys_cost(kind, residual):
    """At five points, 1e-12 relative."""
    fit = fitted(kind, residual)
    for theta in points(residual):
        there = scipys(kind, residual, theta, max_nfev=1)  # one evaluation: the cost of the start
        assert (there.x == theta).all()
        got = fit.objective_at(dict(zip(NAMES, theta, strict=True)))
        assert got == pytest.approx(there.cost, rel=1e-12, abs=0)


@pytest.mark.parametrize("residual", ["raw", "log", "logit"])
@pytest.mark.parametrize("kind", RHO)
def test_the_objective_is_the_definitions(kind, residual):
    """By the docstrings of the losses scipy lacks, at five points, 1e-12 relative."""
    fit = fitted(kind, residual)
    for theta in points(residual):
        got = fit.objective_at(dict(zip(NAMES, theta, strict=True)))
        assert got == pytest.approx(defined(kind, residual, theta), rel=1e-12, abs=0)


@pytest.mark.parametrize("residual", ["raw", "log", "logit"])
@pytest.mark.parametrize("kind", SCIPY)
def test_the_optimum_is_not_above_scipys_best_of_six_starts(kind, residual):
    """Never above a converged objective, 1e-9 relative."""
    fit = fitted(kind, residual)
    starts = [*points(residual), np.array(list(fit.params.values()))]
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "x_scale": "jac"}
    best = min(scipys(kind, residual, start, **tight).cost for start in starts)
    assert fit.converged
    assert fit.is_global
    assert fit.objective <= best * (1 + 1e-9)
    assert fit.objective == pytest.approx(best, rel=1e-9, abs=0)


@pytest.mark.parametrize("residual", ["raw", "log", "logit"])
@pytest.mark.parametrize("kind", RHO)
def test_the_optimum_is_not_above_nelder_meads_best(kind, residual):
    """The same for the losses scipy lacks: a derivative-free search, restarted."""
    fit = fitted(kind, residual)
    assert fit.converged
    best = math.inf
    for start in [*points(residual)[:2], np.array(list(fit.params.values()))]:
        for _ in range(2):
            found = optimize.minimize(
                lambda theta: defined(kind, residual, theta),
                start,
                method="Nelder-Mead",
                options={"xatol": 1e-12, "fatol": 1e-16, "maxfev": 500},
            )
            start = found.x
        best = min(best, found.fun if np.isfinite(found.fun) else math.inf)
    assert fit.objective <= best * (1 + 1e-9)


@pytest.mark.parametrize("tau", [0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("residual", ["raw", "log"])
def test_pinball_leaves_the_share_tau_of_observations_below(tau, residual):
    """F is the tau-quantile of y: at most n tau below, at least n tau below or on."""
    rng = np.random.default_rng(5)
    x = np.geomspace(1, 1e5, 203)
    y = (1.8 + 4 * x**-0.3) * np.exp(0.05 * rng.standard_normal(203))
    fit = sf.fit({"x": x, "loss": y}, FORMULA, loss=sf.Pinball(tau), residual=residual)
    assert fit.converged
    r = fit.residuals()  # fitted minus observed
    below, on = (r > 1e-9).sum(), (np.abs(r) <= 1e-9).sum()
    assert on == 3, "a vertex passes through as many rows as parameters"
    assert below <= tau * 203 <= below + on


def test_pinball_at_one_half_is_half_the_absolute_loss():
    half = fitted("absolute", "log")
    x, y = design("log")
    whole = sf.fit({"x": x, "y": y}, FORMULA, target="y", loss=sf.Pinball(0.5))
    assert 2 * whole.objective == pytest.approx(half.objective, rel=1e-12)
    assert [whole.params[name] for name in NAMES] == pytest.approx(
        list(half.params.values()), rel=1e-9
    )


def test_a_huber_in_units_of_the_mad_is_the_huber_of_that_delta():
    """losses.Huber: delta times 1.4826 x median |r| x sqrt(n/(n - p)) of the fit itself."""
    x, y = design("log")
    runs = {"x": x, "y": y}
    lad = sf.fit(runs, FORMULA, target="y", loss=sf.Absolute())
    relative = sf.fit(runs, FORMULA, target="y", loss=sf.Huber(1.345, scale="mad"))
    scale = 1.4826 * np.median(np.abs(relative.residuals())) * np.sqrt(len(x) / (len(x) - 3))
    given = sf.fit(runs, FORMULA, target="y", loss=sf.Huber(1.345 * scale))
    assert relative.scale == pytest.approx(scale, rel=1e-9)
    assert given.scale is None
    assert relative.objective == pytest.approx(given.objective, rel=1e-9)
    assert list(relative.params.values()) == pytest.approx(list(given.params.values()), rel=1e-8)
    # A scale equivariant fit: thrice the noise on the log scale has thrice the residual scale.
    f = np.exp(lad.residuals()) * y
    wider = sf.fit(
        {"x": x, "y": f * np.exp(-3 * lad.residuals())}, FORMULA, target="y", loss=sf.Absolute()
    )
    assert wider.params["alpha"] == pytest.approx(lad.params["alpha"], rel=1e-9)


@pytest.mark.parametrize("kind", EVERY)
def test_every_loss_has_its_minimum_at_noise_free_data(kind):
    """Exact recovery whatever the loss, 1e-9."""
    x = np.geomspace(1, 1e4, 20)
    truth = {"E": 1.5, "A": 3.0, "alpha": 0.35}
    y = curve(list(truth.values()), x)
    fit = sf.fit({"x": x, "y": y}, FORMULA, target="y", loss=EVERY[kind](0.02))
    assert fit.converged
    assert dict(fit.params) == pytest.approx(truth, rel=1e-9)


def test_huber_and_absolute_meet_as_delta_vanishes():
    """Huber(delta)/delta tends to |r| - delta/2: bounded by n delta/2 at the same point."""
    x, y = design("log")
    lad = fitted("absolute", "log")
    for delta in (1e-4, 1e-6, 1e-8):
        huber = sf.fit({"x": x, "y": y}, FORMULA, target="y", loss=sf.Huber(delta))
        assert huber.converged
        assert 0 <= lad.objective - huber.objective / delta <= 30 * delta / 2 * (1 + 1e-9) + 1e-12
