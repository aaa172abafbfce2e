"""Profile bands of rival laws: what they are, which law is the one of the fit, and which are kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import f as fisher

import scaling_fast as sf
from scaling_fast.comparison.families import ONE_INPUT, TWO_INPUTS, Points, Reference
from scaling_fast.comparison.forecast_range import bands, corrected_aic
from scaling_fast.comparison.linear_given_shapes import Problem
from scaling_fast.comparison.profile_band import profile_band
from scaling_fast.comparison.robust_refit import robust_refit

X = np.geomspace(1e7, 1e10, 20)
BEYOND = {"x": X[-1] * np.array([10.0, 100.0])}


def runs(seed: int, noise: float = 0.005) -> dict[str, np.ndarray]:
    error = noise * np.random.default_rng(seed).standard_normal(20)
    return {"x": X, "loss": (1.8 + 480.0 * X**-0.35) * np.exp(error)}


def surface(seed: int) -> dict[str, np.ndarray]:
    size, data = (
        axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 3e9, 6), np.geomspace(1e9, 1e11, 10))
    )
    error = 0.005 * np.random.default_rng(seed).standard_normal(60)
    loss = (1.8 + 480.0 * size**-0.35 + 2100.0 * data**-0.37) * np.exp(error)
    return {"N": size, "D": data, "loss": loss}


def found(data, law="power_offset", at=BEYOND, **options):
    fit = sf.fit(data, law, loss=sf.Squared(), **options)
    return bands(robust_refit(fit), at)


def problem_of(family, rows, targets, inputs):
    logs = [np.log(np.asarray(rows[name])) for name in inputs]
    there = [np.log(np.asarray(targets[name])) for name in inputs]
    at, to = Points(logs[0], logs[-1]), Points(there[0], there[-1])
    log_target = np.log(rows["loss"])
    return Problem(family, at, to, log_target, Reference.of(at, log_target, len(inputs)))


def test_the_band_of_an_offset_power_law_is_the_profile_that_scipy_finds():
    """Its ends are where the least sum of squares with the forecast kept reaches the cut."""
    data, far = runs(1), 1e11
    family = ONE_INPUT["power_offset"]
    factor = 1.0 + float(fisher.ppf(0.9, 1, 17)) / 17
    band = profile_band(problem_of(family, data, {"x": [far]}, ["x"]), factor)
    y = data["loss"]

    def kept(forecast, alpha):
        # E = forecast - A far^-alpha: one coefficient is left, by least squares of relative residuals.
        column, rest = (X**-alpha - far**-alpha) / y, 1.0 - forecast / y
        scale = column @ rest / (column @ column)
        return float(((rest - scale * column) ** 2).sum())

    def least(forecast):
        return minimize_scalar(
            lambda alpha: kept(forecast, alpha),
            bounds=(0.2, 0.6),
            method="bounded",
            options={"xatol": 1e-12},
        ).fun

    middle = float(np.exp(band.forecast[0]))
    cut = factor * least(middle)
    for end, away in ((band.lower[0], -0.1), (band.upper[0], 0.1)):
        edge = brentq(lambda forecast: least(forecast) - cut, middle, middle + away)
        assert np.exp(end) == pytest.approx(edge, rel=2e-6)


@pytest.mark.parametrize("name", ["stretched_exp", "shifted_power", "double_power"])
def test_no_point_of_a_dense_grid_of_two_shapes_lies_outside_its_band(name):
    data = runs(4, noise=0.004)
    problem = problem_of(ONE_INPUT[name], data, BEYOND, ["x"])
    band = profile_band(problem, 1.19)
    axes = [np.linspace(low, high, 400) for low, high, _ in problem.family.axes]
    shapes = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    assert problem.squares(shapes).min() >= band.squares * (1 - 2e-3)
    ends = problem.ends(shapes, band.squares * 1.19)
    width = band.upper - band.lower
    assert (ends.lower.min(axis=0) >= band.lower - 0.02 * width).all()
    assert (ends.upper.max(axis=0) <= band.upper + 0.02 * width).all()


@pytest.mark.parametrize("name", TWO_INPUTS)
def test_no_point_of_a_dense_grid_of_a_surface_lies_outside_its_band(name):
    data = surface(2)
    problem = problem_of(TWO_INPUTS[name], data, {"N": [1e10], "D": [2e11]}, ["N", "D"])
    band = profile_band(problem, 1.05)
    points = 150 if len(problem.family.axes) == 2 else 2000
    axes = [np.linspace(low, high, points) for low, high, _ in problem.family.axes]
    shapes = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    assert problem.squares(shapes).min() >= band.squares * (1 - 1e-6)
    ends = problem.ends(shapes, band.squares * 1.05)
    assert (ends.lower.min(axis=0) >= band.lower - 1e-4).all()
    assert (ends.upper.max(axis=0) <= band.upper + 1e-4).all()


def test_a_law_that_the_rivals_hold_is_known_under_every_spelling():
    by_name = found(runs(3))
    by_formula = found(
        runs(3),
        "floor + scale/x**rate",
        params=dict.fromkeys(["floor", "scale", "rate"], sf.Param(lower=0)),
    )
    assert len(by_name) == len(by_formula) == 7
    assert by_formula[0].is_headline
    assert by_formula[0].name == "power_offset"
    assert by_formula[0].upper == pytest.approx(by_name[0].upper, rel=1e-9)
    spellings = (
        "loss ~ E + A*x**(-alpha)",
        "log(loss) ~ log(E + A*x**(-alpha))",
        "log10(loss) ~ log10(E + A/x**alpha)",
    )
    bounds = dict.fromkeys(["E", "A", "alpha"], sf.Param(lower=0))
    for text in spellings:
        other = found(runs(3), text, params=bounds)
        assert other[0].name == "power_offset", text
        assert other[0].is_headline
        assert other[0].upper == pytest.approx(by_name[0].upper, abs=1e-4), text
        assert [band.kept for band in other] == [band.kept for band in by_name], text


def test_a_law_with_a_fixed_constant_stands_beside_the_one_whose_constant_is_free():
    kept = found(runs(3), params={"E": 1.8})
    assert kept[0].name == "power_offset, E = 1.8"
    assert kept[0].parameters == 2
    free = next(band for band in kept if band.name == "power_offset")
    assert (free.upper - free.lower > kept[0].upper - kept[0].lower).all()


def test_a_law_of_its_own_kind_has_the_profile_band_of_its_forecast():
    """A parabola of ln y in ln x is linear: its band is Student's, which the closed form gives too."""
    own = found(runs(5), "log(loss) ~ a + b*log(x) + c*log(x)**2")
    assert own[0].is_headline
    assert own[0].name == "log_quadratic"
    cubic = "log(loss) ~ a + b*log(x) + c*log(x)**3"
    line = found(runs(5), cubic)[0]
    assert line.name == cubic
    matrix = np.column_stack([np.ones(20), np.log(X), np.log(X) ** 3])
    refit = robust_refit(sf.fit(runs(5), cubic, loss=sf.Squared()))
    left = 17
    coefficients, squares, *_ = np.linalg.lstsq(matrix, np.log(refit.clipped))
    at = np.column_stack([np.ones(2), np.log(BEYOND["x"]), np.log(BEYOND["x"]) ** 3])
    spread = np.einsum("ij,jk,ik->i", at, np.linalg.inv(matrix.T @ matrix), at)
    half = np.sqrt(fisher.ppf(0.9, 1, left) * squares[0] / left * spread)
    assert line.forecast == pytest.approx(at @ coefficients, rel=1e-7)
    assert line.upper == pytest.approx(at @ coefficients + half, rel=1e-5)


def test_the_limit_is_the_quantile_of_fishers_f_and_counts_independent_rows():
    data = runs(8)
    refit = robust_refit(sf.fit(data, "power_offset", loss=sf.Squared()))
    rows = {"x": X, "loss": refit.clipped}
    for level, counted in ((0.9, 1.0), (0.6, 1.0), (0.9, 3.0)):
        found = {band.name: band for band in bands(refit, BEYOND, level=level, counted=counted)}
        for name in ("power", "power_offset", "log_power"):
            family = ONE_INPUT[name]
            left = 20 - family.parameters
            # Parameters take up the errors of runs: k times as many rows as count for one.
            spare = 20 - counted * family.parameters
            factor = 1.0 + counted * float(fisher.ppf(level, 1, left)) / spare
            alone = profile_band(problem_of(family, rows, BEYOND, ["x"]), factor)
            assert found[name].upper == pytest.approx(alone.upper, abs=1e-7), name
            assert found[name].lower == pytest.approx(alone.lower, abs=1e-7), name


def test_a_special_case_does_not_set_the_mark():
    """With seven rows AICc prefers E = 0 by far: it must not shut out every law with a floor."""
    few = {name: values[::3] for name, values in runs(6).items()}
    kept = found(few)
    assert kept[0].kept
    power = next(band for band in kept if band.name == "power")
    assert power.parameters == 2


def test_the_band_follows_the_units_of_the_target_and_not_the_order_of_rows():
    data = runs(7)
    order = np.random.default_rng(0).permutation(20)
    first = found(data)
    shuffled = found({name: values[order] for name, values in data.items()})
    larger = found(data | {"loss": 1000.0 * data["loss"]})
    for a, b, c in zip(first, shuffled, larger, strict=True):
        assert b.upper == pytest.approx(a.upper, abs=2e-6), a.name
        assert c.upper == pytest.approx(a.upper + np.log(1000.0), abs=2e-6), a.name
        assert b.kept == a.kept == c.kept


def test_the_criterion_is_the_corrected_one():
    """N ln(RSS/n) + 2k' + 2k'(k'+1)/(n - k' - 1), k' = k + 1 (Hurvich and Tsai 1989)."""
    assert corrected_aic(0.02, 20, 3) == pytest.approx(20 * np.log(0.001) + 8 + 40 / 15)
