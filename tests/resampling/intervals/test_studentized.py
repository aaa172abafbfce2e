"""Studentized intervals: pivots by numpy, standard errors of `Fit.cov`."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from replicates import NUMBERS, fitted
from replicates import runs_in_budgets as runs_of
from scipy import stats

import scaling_fast as sf
from scaling_fast.resampling.intervals.studentized import standard_errors


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(0.01)])
def test_the_standard_errors_at_the_fit_are_those_of_its_covariance(loss, weights):
    fit = fitted(loss=loss, weights=weights)
    nothing = np.full((1, 1, 3), np.nan)
    formulas = {"E": "E", "A": "A", "alpha": "alpha"}

    def errors(scheme):
        return standard_errors(fit.estimates, scheme, 0, nothing, formulas)[0][0]

    def roots(**options):
        return np.sqrt(np.diag(fit.cov(**options).drop("parameter").to_numpy()))

    assert errors(sf.Pairs()) == pytest.approx(roots(kind="sandwich"), rel=1e-6)
    assert errors(sf.Clusters("run")) == pytest.approx(roots(cluster="run"), rel=1e-6)
    if loss == sf.Squared():
        assert errors(sf.Residuals()) == pytest.approx(roots(kind="hessian"), rel=1e-6)


def test_the_standard_error_of_a_formula_is_the_delta_methods(fit):
    formula = "E + A*1e12**(-alpha)"
    table = fit.interval(0.9, of=formula)
    half = (table["upper"] - table["lower"]).item() / 2
    error = standard_errors(
        fit.estimates, sf.Residuals(), 0, np.full((1, 1, 3), np.nan), {"f": formula}
    )[0]
    assert error.item() * stats.t.ppf(0.95, 21) == pytest.approx(half, rel=1e-6)


def test_the_standard_errors_of_pairs_are_those_of_the_rows_drawn(fit):
    """Each replicate's, from a fit of its own rows."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 24, (5, 24))
    boot = sf.bootstrap(fit, sf.Indices(rows))
    draws = boot.draws.select("E", "A", "alpha").to_numpy()[None]
    found = standard_errors(fit.estimates, sf.Indices(rows), 0, draws, {"alpha": "alpha"})[1][
        0, :, 0
    ]
    for error, drawn in zip(found, rows, strict=True):
        again = fitted(runs_of()[drawn])
        assert error == pytest.approx(math.sqrt(again.cov(kind="sandwich")["alpha"][2]), rel=1e-4)


def test_studentized_intervals_of_a_mean_are_those_of_its_pivots(mean):
    """Of (m* - m)/se*, by numpy on the same draws."""
    rows = np.random.default_rng(2).integers(0, 16, (2_000, 16))
    drawn = NUMBERS[rows]
    error = drawn.std(axis=1, ddof=1) / 4
    pivot = (drawn.mean(axis=1) - NUMBERS.mean()) / error
    low, high = np.quantile(pivot, [0.05, 0.95])
    own = NUMBERS.std(ddof=1) / 4
    table = sf.bootstrap(mean, sf.Indices(rows)).interval(0.9, "studentized")
    assert table["lower"].item() == pytest.approx(NUMBERS.mean() - high * own, rel=1e-9)
    assert table["upper"].item() == pytest.approx(NUMBERS.mean() - low * own, rel=1e-9)


def test_parametric_studentized_intervals_of_a_line_are_students():
    """Normal noise, least squares: the pivot has Student's t with n - p degrees of freedom exactly."""
    x = np.arange(7.0)
    fit = fitted(
        {"x": x, "loss": 1 + 2 * x + [0.3, -0.4, 0.2, 0.1, -0.5, 0.4, -0.1]},
        "a + b*x",
        residual="raw",
    )
    boot = sf.bootstrap(fit, sf.Parametric(), n=40_000, seed=1)
    ours, exact = boot.interval(0.9, "studentized", of="b"), fit.interval(0.9, of="b")
    half = (exact["upper"] - exact["lower"]).item() / 2
    for end in ("lower", "upper"):
        # five errors of a 5 % quantile of t5 from 40,000 draws: .03 of the half-width
        assert abs(ours[end].item() - exact[end].item()) < 0.03 * half


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        (sf.Jackknife(), "jackknife"),
        (sf.Bayesian(), "not counts"),
        (sf.Blocks(3), "neighbouring"),
        (sf.Weights(np.ones((3, 24))), "need not be counts"),
    ],
)
def test_schemes_without_standard_errors_say_why(fit, scheme, said):
    n = None if scheme.name in ("jackknife", "weights") else 20
    with pytest.raises(sf.errors.ParameterError, match=said):
        sf.bootstrap(fit, scheme, n=n).interval(method="studentized")


def test_losses_without_curvature_have_no_standard_errors():
    for loss in (sf.Absolute(), sf.Pinball(0.4)):
        with pytest.raises(sf.errors.ParameterError, match="kink"):
            sf.bootstrap(fitted(loss=loss), n=20).interval(method="studentized")
    nearly = sf.bootstrap(fitted(loss=sf.Huber(1e-7)), n=50)
    with pytest.raises(sf.errors.ConvergenceError, match="no standard error"):
        nearly.interval(method="studentized")


def test_a_fixed_parameter_has_no_error_and_groups_have_their_own():
    held = fitted(params={"E": sf.Param(fixed=1.8)})
    errors = standard_errors(
        held.estimates, sf.Pairs(), 0, np.full((1, 1, 3), np.nan), {"E": "E", "A": "A"}
    )[0][0]
    assert errors[0] == 0.0
    assert errors[1] > 0.0
    frame = pl.concat([runs_of(s).with_columns(g=pl.lit(f"g{s}")) for s in (1, 2)])
    both = sf.bootstrap(fitted(frame, by="g"), n=100, seed=3)
    table = both.interval(method="studentized", of="alpha")
    assert table["g"].to_list() == ["g1", "g2"]
    alone = sf.bootstrap(fitted(runs_of(1)), n=100, seed=3).interval(
        method="studentized", of="alpha"
    )
    assert table["lower"][0] == pytest.approx(alone["lower"].item(), rel=1e-6)
