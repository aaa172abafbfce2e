"""Bootstrap intervals inherit what the fit knows: bounds, signs, findings, and that nothing shows an error."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from power_runs import LAW, runs_of

import scaling_fast as sf
from scaling_fast.resampling.intervals.small_sample import widening

SCHEMES = [
    *(sf.Pairs(), sf.Bayesian(), sf.Residuals(), sf.Wild(), sf.Parametric(), sf.Jackknife()),
    *(sf.Clusters("run"), sf.Strata("run"), sf.Blocks(2), sf.Wild("webb", cluster="run")),
]

# A level line whose slope may not be negative: the estimate lies on its bound.
LEVEL = {
    "x": np.arange(1.0, 9.0),
    "y": [1.001, 0.999, 1.002, 0.998, 1.001, 1.0, 0.999, 1.001],
}
METHODS = ("percentile", "basic", "normal", "bc", "bca")


@pytest.fixture(scope="module")
def level():
    return sf.fit(LEVEL, "E + B*x", target="y", columns={"x": "x"}, loss=sf.Squared(),
                  params={"B": sf.Param(lower=0)})  # fmt: skip


@pytest.mark.parametrize("keep", ["draws", "summary"])
@pytest.mark.parametrize("method", METHODS)
def test_no_interval_leaves_the_bound_of_a_parameter(level, keep, method):
    boot = sf.bootstrap(level, n=400, seed=2, keep=keep)
    if keep == "summary" and method not in boot.methods:
        method = "normal"
    for formula in ("B", "3*B", "exp(-B)"):
        if keep == "summary" and method == "normal" and formula != "B":
            continue
        row = boot.interval(0.9, method, of=formula).row(0, named=True)
        lowest, highest = (0.0, 1.0) if formula == "exp(-B)" else (0.0, math.inf)
        assert lowest <= row["lower"] < row["upper"] <= highest


def test_the_findings_of_a_fit_are_findings_of_its_bootstrap(level):
    assert "at_bound" in [finding.code for finding in level.findings]
    for keep in ("draws", "summary"):
        boot = sf.bootstrap(level, n=100, keep=keep)
        assert level.findings == boot.findings[: len(level.findings)]
        assert "ended on a bound" in boot.summary()


def test_normal_intervals_of_what_is_positive_are_those_of_its_logarithm():
    """Estimate x exp(-+ z sd(ln draws)), from draws in numpy; kept or not."""
    fit = sf.fit(runs_of(3, rows=20), "power_offset", loss=sf.Squared())
    boot = sf.bootstrap(fit, n=600, seed=1)
    assert (boot.draws["E"] > 0.0).all()
    table = boot.interval(0.9, "normal")
    for row in table.iter_rows(named=True):
        spread = np.log(boot.draws[row["name"]].to_numpy()).std(ddof=1)
        factor = math.exp(1.6448536269514722 * spread)
        assert row["lower"] == pytest.approx(row["estimate"] / factor, rel=1e-9)
        assert row["upper"] == pytest.approx(row["estimate"] * factor, rel=1e-9)
    other = sf.bootstrap(fit, n=600, seed=1, keep="summary").interval(0.9, "normal")
    for end in ("lower", "upper"):
        assert other[end].to_list() == pytest.approx(table[end].to_list(), rel=1e-3)


def test_normal_ends_lie_within_bounds_where_some_draws_are_zero():
    fit = sf.fit(runs_of(3, rows=12, noise=0.02), "power_offset", loss=sf.Squared())
    for keep in ("draws", "summary"):
        boot = sf.bootstrap(fit, n=600, seed=1, keep=keep)
        table = boot.interval(0.9, "normal")
        assert (table["lower"] >= 0.0).all()
        assert (table["upper"] > table["estimate"]).all()
        floor = table.filter(pl.col("name") == "E").row(0, named=True)
        assert floor["upper"] < 2 * max(fit.request.table.target)
    assert (sf.bootstrap(fit, n=600, seed=1).draws["E"] == 0.0).any()


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_as_many_rows_as_parameters_have_no_interval_in_any_scheme(scheme):
    frame = {"x": [1e7, 1e8, 1e9], "loss": [3.0, 2.4, 2.1], "run": [0, 0, 1]}
    fit = sf.fit(frame, LAW, columns={"x": "x"}, loss=sf.Squared())
    assert "no_dof" in [finding.code for finding in fit.findings]
    boot = sf.bootstrap(fit, scheme, **({} if scheme.name == "jackknife" else {"n": 40}))
    for ask in (boot.interval, lambda: boot.interval(method="normal"), boot.predict, boot.cov):
        with pytest.raises(sf.errors.ScalingError) as caught:
            ask()
        if scheme.name != "jackknife":
            assert caught.value.code == "no_dof"
            assert "n = p" in str(caught.value)
    assert "n = p" in boot.summary()


def test_noise_that_is_known_gives_an_interval_to_as_many_rows_as_parameters():
    frame = {"x": [1.0, 2.0], "y": [3.0, 5.0]}
    fit = sf.fit(
        frame, "a + b*x", target="y", residual="raw", loss=sf.Squared(), columns={"x": "x"}
    )
    row = sf.bootstrap(fit, sf.Parametric(sd=0.1), n=4_000).interval(0.9, of="b").row(0, named=True)
    # b = y2 - y1, of standard deviation .1 sqrt(2)
    assert row["upper"] - row["lower"] == pytest.approx(2 * 1.6449 * 0.1 * math.sqrt(2), rel=0.06)


def test_groups_of_as_many_rows_as_parameters_have_no_interval():
    """Parabolas in the logarithm of tokens through three runs of each budget, as in a public isoFLOP study."""
    tokens = [5.77e9, 2.33e9, 9.23e8, 1.73e10, 7.0e9, 2.77e9]
    frame = {"tokens": tokens, "loss": [3.399, 3.364, 3.456, 3.298, 3.204, 3.224],
             "C": [1e18] * 3 + [3e18] * 3}  # fmt: skip
    fit = sf.fit(frame, "a + b*(log(t) - m)**2", columns={"t": "tokens"}, by="C",
                 loss=sf.Squared(), residual="raw")  # fmt: skip
    for scheme in (sf.Residuals(), sf.Wild(), sf.Bayesian()):
        with pytest.raises(sf.errors.DataError, match="n = p"):
            sf.bootstrap(fit, scheme, n=50).interval()


def test_replicates_that_are_all_exact_fits_have_no_interval():
    """Three rows drawn for three parameters: every replicate passes through its rows."""
    fit = sf.fit(runs_of(4, rows=7), LAW, columns={"x": "x"}, loss=sf.Squared())
    boot = sf.bootstrap(fit, sf.Subsample(3), n=60)
    with pytest.raises(sf.errors.DataError, match="every replicate is a curve through all"):
        boot.interval(max_failures=1.0)


def test_a_quantity_without_spread_has_no_ends_and_a_fixed_one_its_value():
    params = {"E": sf.Param(fixed=1.8)}
    fit = sf.fit(runs_of(4), "power_offset", params=params, loss=sf.Squared())
    boot = sf.bootstrap(fit, n=200)
    for method in ("percentile", "basic", "normal"):
        assert boot.interval(method=method, of="E").row(0)[1:] == (1.8, 1.8, 1.8)
        row = boot.interval(method=method, of="max(alpha, 5)").row(0, named=True)
        assert math.isnan(row["lower"])
        assert math.isnan(row["upper"])


@pytest.mark.parametrize("interval", ["confidence", "prediction"])
def test_a_band_is_widened_for_few_rows(interval):
    fit = sf.fit(runs_of(6, rows=10), LAW, columns={"x": "x"}, loss=sf.Squared())
    boot = sf.bootstrap(fit, n=2_000)
    new = {"x": [1e8, 1e11]}
    plain = boot.predict(new, interval=interval, level=0.9)
    wide = boot.predict(new, interval=interval, level=0.9, small_sample=True)
    assert (wide["lower"] < plain["lower"]).all()
    assert (wide["upper"] > plain["upper"]).all()
    if interval == "confidence":
        same = boot.interval(0.9, of="E + A*1e8**(-alpha)", small_sample=True).row(0, named=True)
        assert (wide["lower"][0], wide["upper"][0]) == pytest.approx(
            (same["lower"], same["upper"]), rel=1e-9
        )
        assert widening(fit.estimates, sf.Pairs())[0] == (math.sqrt(10 / 7), 7.0)


def test_a_summary_refuses_as_its_draws_do():
    frame = pl.DataFrame({"x": [1e7, 1e8, 1e9], "loss": [3.0, 2.4, 2.1]})
    fit = sf.fit(frame, LAW, columns={"x": "x"}, loss=sf.Squared())
    with pytest.raises(sf.errors.DataError, match="n = p"):
        sf.bootstrap(fit, sf.Residuals(), n=40, keep="summary").interval()
