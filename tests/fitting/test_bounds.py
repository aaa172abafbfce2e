"""Bounds and fixed parameters: they hold, they are announced, they change nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from decaying import X, Y
from outcomes import refusal
from power_runs import COLUMNS, LAW, curve
from scipy import optimize

import scaling_fast as sf


def test_a_fixed_parameter_is_fixed(runs, fit):
    """P18: at its optimum it changes nothing; elsewhere the objective is higher."""
    at = {"E": sf.Param(fixed=fit.params["E"])}
    same = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), params=at)
    assert same.params["E"] == fit.params["E"]
    assert same.objective == pytest.approx(fit.objective, rel=1e-12)
    assert list(same.params.values()) == pytest.approx(list(fit.params.values()), rel=1e-8)
    off = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), params={"E": sf.Param(fixed=1.0)})
    assert off.params["E"] == 1.0
    assert off.objective > fit.objective
    assert off.cov().row(0)[1:] == (0, 0, 0), "what is fixed does not vary"


def test_bounds_hold_and_are_reported(runs, fit):
    """P14; certificate: box KKT at bounds ."""
    cap = fit.params["alpha"] - 0.05
    bounded = sf.fit(
        runs,
        LAW,
        columns=COLUMNS,
        loss=sf.Squared(),
        params={"alpha": sf.Param(lower=0.1, upper=cap)},
    )
    assert bounded.converged
    assert bounded.params["alpha"] == cap
    assert bounded.table["at_bound"].item().to_list() == ["alpha"]
    assert bounded.objective > fit.objective
    fixed = sf.fit(
        runs, LAW, columns=COLUMNS, loss=sf.Squared(), params={"alpha": sf.Param(fixed=cap)}
    )
    assert bounded.objective == pytest.approx(fixed.objective, rel=1e-10)
    assert any(finding.code == "at_bound" for finding in bounded.findings)
    # scipy's bounded solver ends at the same place
    x, y = runs["x"].to_numpy(), runs["loss"].to_numpy()
    peer = optimize.least_squares(
        lambda t: np.log(curve(x, *t)) - np.log(y),
        [1.5, 200, 0.2],
        bounds=([0, 0, 0.1], [np.inf, np.inf, cap]),
        x_scale=[1, 100, 0.1],
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
        max_nfev=2_000,
    )
    assert bounded.objective <= peer.cost * (1 + 1e-9)


def test_bounds_away_from_the_optimum_change_nothing(runs, fit):
    """P14."""
    wide = {"E": sf.Param(lower=0, upper=10), "alpha": sf.Param(lower=0.01, upper=3)}
    same = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), params=wide)
    assert same.objective == pytest.approx(fit.objective, rel=1e-12)
    assert list(same.params.values()) == pytest.approx(list(fit.params.values()), rel=1e-8)


def test_params_override_those_of_a_catalogue_law(runs):
    law = sf.fit(runs, "power_offset", params={"alpha": sf.Param(fixed=0.5)})
    assert law.params["alpha"] == 0.5
    assert law.law.params["E"].lower == 0
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.fit(runs, "power_offset", params={"alhpa": sf.Param(fixed=0.5)})
    assert caught.value.param == "alhpa"
    assert "alpha" in str(caught.value)


@pytest.mark.parametrize(
    "bad", [{"lower": 2, "upper": 1}, {"fixed": 1, "lower": 2}, {"start": 5, "upper": 1}]
)
def test_contradictory_params_are_refused(runs, bad):
    with pytest.raises(sf.errors.ParameterError):
        sf.fit(runs, LAW, columns=COLUMNS, params={"E": sf.Param(**bad)})


SIZES = np.geomspace(1e6, 1e10, 40)
LOSSES = (1.7 + 400 / SIZES**0.34) * np.exp(0.01 * np.random.default_rng(0).normal(size=40))
SIZE_LAW = "E + A/N**alpha"


def test_wide_bounds_only_forbid():
    free = sf.fit({"N": SIZES, "loss": LOSSES}, SIZE_LAW)
    for bound in (1e2, 1e6, 1e100):
        param = sf.Param(lower=-bound, upper=bound)
        bounded = sf.fit({"N": SIZES, "loss": LOSSES}, SIZE_LAW, params={"alpha": param})
        assert bounded.objective == pytest.approx(free.objective, rel=1e-9)


FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}
BIG = {"E": 1.5, "A": 3.0, "alpha": 0.4}
P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


def fit(**options):
    return sf.fit(FRAME, options.pop("law", LAW), **options)


@pytest.fixture(scope="module")
def good():
    return fit()


BOUNDS = [
    ({"lower": 2, "upper": 1}, "lower"),
    ({"lower": 1, "upper": 1}, "lower"),
    ({"lower": math.nan}, "lower"),
    ({"upper": "1"}, "upper"),
    ({"start": 5, "upper": 1}, "start"),
    ({"start": math.nan}, "start"),
    ({"start": math.inf}, "start"),
    ({"start": True}, "start"),
    ({"fixed": 5, "upper": 1}, "fixed"),
    ({"fixed": math.inf}, "fixed"),
    ({"lower": math.inf}, "lower"),
]


@pytest.mark.parametrize(("options", "param"), BOUNDS)
def test_bounds_refuse(options, param):
    assert refusal(lambda: sf.Param(**options), P).param == param


def test_infinite_bound_on_the_wrong_side():
    for options in ({"upper": -math.inf}, {"lower": math.inf}):
        refusal(lambda options=options: sf.Param(**options), P)


def test_an_optimum_on_a_bound_is_announced(good):
    got = fit(params={"alpha": sf.Param(lower=0.5)})
    assert got.params["alpha"] == 0.5
    assert got.table["at_bound"].to_list() == [["alpha"]]
    assert got.objective >= good.objective
    boot = sf.bootstrap(got, n=50)
    assert (boot.draws["alpha"] >= 0.5).all()


def test_bounds_that_exclude_the_data_end_with_a_status():
    got = fit(params={"E": sf.Param(lower=1e6), "A": sf.Param(lower=1e6)})
    assert got.params["E"] >= 1e6
    assert "E" in got.table["at_bound"][0]


def test_everything_fixed_is_only_an_evaluation_or_refused():
    fixed = {name: sf.Param(fixed=value) for name, value in BIG.items()}
    try:
        got = fit(params=fixed)
    except sf.ScalingError as error:
        text = str(error)
    else:
        assert dict(got.params) == BIG
        text = "fixed"
    assert "fixed" in text


def test_declared_bounds_survive_a_fixed_parameter(good):
    got = fit(params={"alpha": sf.Param(fixed=good.params["alpha"])})
    assert got.converged
    assert got.params["alpha"] == good.params["alpha"]
    assert got.objective == pytest.approx(good.objective, rel=1e-9)
