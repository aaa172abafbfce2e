"""Percentile, basic, normal and BCa intervals: exact distributions, numpy's quantiles, refusals."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
from power_runs import LAW
from replicates import NUMBERS
from scipy import stats

import scaling_fast as sf


@pytest.fixture(scope="module")
def decaying():
    x = np.geomspace(1e7, 1e10, 24)
    y = (1.8 + 400 * x**-0.34) * np.exp(0.01 * np.random.default_rng(3).normal(size=24))
    return sf.fit({"x": x, "loss": y}, "E + A*x**(-alpha)", loss=sf.Squared())


@pytest.mark.parametrize("method", ["percentile", "normal", "bca", "studentized"])
@pytest.mark.parametrize("of", ["nope", "x", "alpha + x"])
def test_every_method_refuses_an_unknown_name_alike(decaying, method, of):
    with pytest.raises(sf.errors.ParameterError) as raised:
        sf.bootstrap(decaying, n=50).interval(0.9, method, of=of)
    assert raised.value.code == "unknown_name"


@pytest.mark.parametrize("method", ["percentile", "basic", "normal", "bc", "bca"])
def test_levels_nest_and_ends_are_ordered(boot, method):
    """B8: 80 in 90 in 95 %, lower <= upper."""
    tables = [boot.interval(level, method) for level in (0.8, 0.9, 0.95)]
    for inner, outer in itertools.pairwise(tables):
        assert (outer["lower"] <= inner["lower"]).all()
        assert (inner["upper"] <= outer["upper"]).all()
    assert (tables[0]["lower"] < tables[0]["upper"]).all()
    assert tables[0].columns == ["name", "estimate", "lower", "upper"]


def test_percentile_intervals_follow_monotone_maps(boot):
    """B8, P24: 1,001 replicates, so that 5 and 95 % fall on draws."""
    raw = boot.interval(0.9, of=["A", "alpha"])
    mapped = boot.interval(0.9, of=["log(A)", "exp(-alpha)"])
    low, high = raw["lower"].to_numpy(), raw["upper"].to_numpy()
    assert mapped["lower"].to_list() == pytest.approx([np.log(low[0]), np.exp(-high[1])], rel=1e-13)
    assert mapped["upper"].to_list() == pytest.approx([np.log(high[0]), np.exp(-low[1])], rel=1e-13)


def test_intervals_are_those_of_the_draws(squared, boot):
    """Type 7, as numpy; normal is estimate -+ z sd."""
    draws, point = boot.draws["alpha"].to_numpy(), squared.params["alpha"]
    low, high = np.quantile(draws, [0.05, 0.95])
    half = stats.norm.ppf(0.95) * draws.std(ddof=1)
    expected = {
        "percentile": (low, high),
        "basic": (2 * point - high, 2 * point - low),
        "normal": (point - half, point + half),
    }
    for method, ends in expected.items():
        table = boot.interval(0.9, method, of="alpha")
        assert (table["lower"].item(), table["upper"].item()) == pytest.approx(ends, rel=1e-12), (
            method
        )
        assert table["estimate"].item() == point


def test_an_interval_of_any_formula(boot):
    """`of` is any formula of parameters."""
    table = boot.interval(0.9, of="E + A*1e12**(-alpha)")
    draws = boot.draws
    curve = (draws["E"] + draws["A"] * 1e12 ** (-draws["alpha"])).to_numpy()
    ends = (table["lower"].item(), table["upper"].item())
    assert ends == pytest.approx(np.quantile(curve, [0.05, 0.95]), rel=1e-12)
    with pytest.raises(sf.errors.ParameterError, match="beta"):
        boot.interval(0.9, of="alpha/beta")


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan")])
def test_a_level_lies_between_0_and_1(boot, level):
    with pytest.raises(sf.errors.ParameterError) as caught:
        boot.interval(level)
    assert caught.value.param == "level"


def test_intervals_follow_shifts_and_scales_of_the_target(runs):
    """P25: raw least squares, the same seed; y + s moves E's ends by s, c y multiplies by c."""

    def ends(frame):
        fit = sf.fit(frame, LAW, columns={"x": "x"}, loss=sf.Squared(), residual="raw")
        table = sf.bootstrap(fit, n=200, seed=3).interval(0.9, of="E")
        return np.array([table["lower"].item(), table["upper"].item()])

    base = ends(runs)
    assert ends(runs.with_columns(pl.col("loss") + 0.7)) == pytest.approx(base + 0.7, rel=1e-9)
    assert ends(runs.with_columns(pl.col("loss") * 3.3)) == pytest.approx(base * 3.3, rel=1e-9)


def test_repeated_data_narrow_the_interval(runs, squared):
    """P23: every row four times, half the width in expectation."""

    def width(fit):
        table = sf.bootstrap(fit, n=1_000, seed=0).interval(0.9, of="alpha")
        return table["upper"].item() - table["lower"].item()

    four = sf.fit(pl.concat([runs] * 4), LAW, columns={"x": "x"}, loss=sf.Squared())
    assert width(four) / width(squared) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    "scheme",
    [sf.Pairs(), sf.Bayesian(), sf.Residuals(), sf.Wild(), sf.Parametric(), sf.Jackknife()],
)
def test_noise_free_runs_have_no_interval(scheme):
    """Every refit is the law itself: an interval of width zero would claim that nothing can err."""
    x = np.geomspace(1, 1e3, 12)
    fit = sf.fit({"x": x, "loss": 1.5 + 3 * x**-0.5}, LAW, loss=sf.Squared())
    count = {} if scheme.name == "jackknife" else {"n": 100}
    boot = sf.bootstrap(fit, scheme, **count)
    with pytest.raises(sf.errors.DataError, match="passes through every row") as caught:
        boot.interval(0.9, "normal")
    assert caught.value.code == "exact"
    assert "passes through every row" in boot.summary()


def exact_mean_quantiles(levels):
    """Quantiles of the mean of 16 draws from 16 whole numbers: the distribution of their sum, convolved."""
    single = np.bincount(NUMBERS.astype(int)) / 16
    every = np.array([1.0])
    for _ in range(16):
        every = np.convolve(every, single)
    return np.searchsorted(np.cumsum(every), levels) / 16


def test_intervals_of_a_mean_are_those_of_its_exact_distribution(mean):
    """B3: percentile, basic and normal of the exact bootstrap distribution, within the error of 200,000 draws."""
    boot = sf.bootstrap(mean, n=200_000, seed=1)
    spare = 5 * math.sqrt(0.025 * 0.975 / 200_000)
    low, high = ((level - spare, level + spare) for level in (0.025, 0.975))
    (a, b), (c, d) = exact_mean_quantiles(low), exact_mean_quantiles(high)
    assert d - c < 0.03 * c  # the band is narrow
    centre = NUMBERS.mean()
    percentile, basic, normal = (
        boot.interval(0.95, method) for method in ("percentile", "basic", "normal")
    )
    assert a <= percentile["lower"].item() <= b
    assert c <= percentile["upper"].item() <= d
    assert 2 * centre - d <= basic["lower"].item() <= 2 * centre - c
    assert 2 * centre - b <= basic["upper"].item() <= 2 * centre - a
    half = stats.norm.ppf(0.975) * NUMBERS.std() / 4
    assert normal["lower"].item() == pytest.approx(centre - half, rel=5e-3)
    assert normal["upper"].item() == pytest.approx(centre + half, rel=5e-3)


def test_a_quantity_that_does_not_vary_is_a_point_or_nothing(mean):
    """B9: a constant has standard error 0; no method crashes, and none invents a width."""
    boot = sf.bootstrap(mean, n=200)
    for method in ("percentile", "basic", "normal", "bc", "bca"):
        table = boot.interval(method=method, of="m - m + 2")
        ends = [table["lower"].item(), table["upper"].item()]
        assert all(end == 2.0 or math.isnan(end) for end in ends), method
    with pytest.raises(sf.errors.ConvergenceError, match="no standard error"):
        boot.interval(method="studentized", of="m - m + 2")


@pytest.mark.parametrize("method", ["studentized", "percentile", "basic", "normal"])
def test_levels_nest(fit, method):
    """B8 for the methods and the corrections added here."""
    boot = sf.bootstrap(fit, sf.Residuals(), n=999)
    options = {} if method == "studentized" else {"small_sample": True}
    ends = [boot.interval(level, method, of="alpha", **options) for level in (0.8, 0.9, 0.95)]
    lower, upper = ([table[end].item() for table in ends] for end in ("lower", "upper"))
    assert lower == sorted(lower, reverse=True)
    assert upper == sorted(upper)
    assert lower[0] < upper[0]
