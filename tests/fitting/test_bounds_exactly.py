"""No parameter leaves its bounds, not by one ulp, and what a fit returns can be given back as a start."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import scaling_fast as sf

SIZES = {"tau", "K"}
"""Parameters in the unit of x."""

AMPLITUDES = {"E", "A", "B"}
"""Parameters in the unit of y."""

LAWS = {
    "E + A/x**alpha": {"E": 1.5, "A": 4.0, "alpha": 0.4},
    "E + A*(x/K)**(-alpha)": {"E": 1.5, "A": 4.0, "K": 3.0, "alpha": 0.4},
    "E + A*exp(-(x/tau)**beta)": {"E": 1.0, "A": 3.0, "tau": 20.0, "beta": 0.7},
    "E + A*x**h/(K**h + x**h)": {"E": 1.0, "A": 3.0, "h": 1.2, "K": 30.0},
    "E + A*log(x) + B*log(x)**2": {"E": 1.0, "A": 40.0, "B": 7.0},
    "E + A*x**(-a) + B*x**(-b)": {"E": 1.0, "A": 2.0, "a": 0.2, "B": 3.0, "b": 0.9},
}
LOSSES = (sf.Squared(), sf.Huber(1e-3), sf.Huber(1.0), sf.Absolute(), sf.StudentT(4))
SCHEMES = (sf.Pairs(), sf.Bayesian(), sf.Residuals(), sf.Wild(), sf.Parametric(), sf.Jackknife())
CUT = 0.5
"""Share of the parameters that get a bound, on either side of their true value."""


def bounded_question(seed):
    """Return frame, law and options: a few parameters bounded near their true values, in a unit of the seed's."""
    rng = np.random.default_rng([31, seed])
    law = list(LAWS)[seed % len(LAWS)]
    unit, size = float(2.0 ** rng.integers(-60, 90)), float(10.0 ** rng.integers(-9, 10))
    x = np.exp(np.sort(rng.uniform(0, 7, 18)))
    rows = sf.Law(law, columns=["x"]).evaluate({"x": x}, LAWS[law])
    frame = {"x": x * unit, "loss": rows * np.exp(0.03 * rng.standard_normal(18)) * size}
    params = {}
    for name, true in LAWS[law].items():
        value = true * (unit if name in SIZES else size if name in AMPLITUDES else 1.0)
        near = value * float(rng.uniform(0.4, 1.3))
        above = near * float(rng.uniform(1.01, 1.6))
        if rng.random() < CUT:
            floor = 0.0 if name in SIZES else -np.inf
            ends = [(near, np.inf), (floor, near), (near, above)][rng.integers(3)]
            params[name] = sf.Param(lower=ends[0], upper=ends[1])
    options = {
        "loss": LOSSES[seed // len(LAWS) % len(LOSSES)],
        "residual": ("log", "raw")[rng.integers(2)],
    }
    if seed % 4 == 0:
        options["weights"] = rng.uniform(0.5, 2.0, 18)
    return frame, law, options | {"params": params}


def assert_within(params, table):
    for name, param in params.items():
        values = table[name].to_numpy()
        values = values[~np.isnan(values)]  # a replicate without numbers
        assert ((param.lower <= values) & (values <= param.upper)).all(), (name, param, values)


@functools.cache
def answered(seed):
    """Return the fit of a bounded question, or None where its bounds leave the optimum at infinity."""
    frame, law, options = bounded_question(seed)
    try:
        return sf.fit(frame, law, **options)
    except sf.errors.DataError:
        return None


def test_nearly_all_bounded_questions_have_an_answer():
    assert sum(answered(seed) is not None for seed in range(30)) >= 27


@pytest.mark.parametrize("seed", range(30))
def test_fits_and_replicates_stay_within_their_bounds(seed):
    fit = answered(seed)
    if fit is None:
        return
    params = fit.law.params
    assert_within(params, fit.table)
    there = {
        name
        for name, value in fit.params.items()
        if value in (params[name].lower, params[name].upper)
    }
    assert set(fit.table["at_bound"].item()) == there
    scheme = SCHEMES[seed % 7 % len(SCHEMES)]
    jackknife = isinstance(scheme, sf.Jackknife)
    starts = 2 if seed % 10 == 0 and not jackknife else "warm"
    boot = sf.bootstrap(fit, scheme, n=None if jackknife else 12, starts=starts)
    assert_within(params, boot.draws)


@pytest.mark.parametrize("seed", range(30))
def test_an_answer_given_back_is_accepted_and_no_worse(seed):
    fit = answered(seed)
    if fit is None:
        return
    frame, law, options = bounded_question(seed)
    params = {
        name: sf.Param(
            start=value, lower=fit.law.params[name].lower, upper=fit.law.params[name].upper
        )
        for name, value in fit.params.items()
    }
    again = sf.fit(frame, law, **options | {"params": params}, starts=dict(fit.params))
    assert_within(params, again.table)
    assert fit.objective == pytest.approx(fit.objective_at(fit.params), rel=1e-12)
    assert again.objective <= fit.objective + 1e-9 * abs(fit.objective)


def test_curves_of_the_quick_path_stay_within_their_bounds():
    rng = np.random.default_rng(5)
    x = np.exp(np.sort(rng.uniform(0, 6, (60, 8)), axis=1)) * 2.0**70
    slope = rng.uniform(0.2, 1.0, (60, 1))
    y = (1.0 + 3.0 * (x / 2.0**70) ** -slope) * np.exp(0.02 * rng.standard_normal((60, 8)))
    frame = {"x": x.ravel(), "loss": y.ravel() * 1e-9, "curve": np.repeat(np.arange(60), 8)}
    bounds = {"E": sf.Param(lower=0.9e-9 / 7, upper=3.1e-9 / 3)}
    law = "E + A*x**(-alpha)"
    many = sf.fit(frame, law, by="curve", loss=sf.Squared(), residual="raw", params=bounds)
    assert_within(bounds, many.table)
    assert (many.table["E"] == bounds["E"].upper).any()
    assert_within(bounds, sf.bootstrap(many, n=5).draws)


def test_a_start_exactly_on_a_bound_stays_there():
    x = np.geomspace(1.0, 1e4, 12) * 3e7
    frame = {"x": x, "loss": 1.0 + 2.0 * np.exp(-x / 9e9)}
    for bound in (5.5e8, 7.1e8, 3.3e8 / 7):
        limit = {"tau": sf.Param(lower=0.0, upper=bound)}
        fit = sf.fit(
            frame,
            "E + A*exp(-x/tau)",
            params=limit,
            residual="raw",
            starts={"E": 1.0, "A": 2.0, "tau": bound},
        )
        assert fit.params["tau"] == bound
        assert not fit.is_free("tau")
