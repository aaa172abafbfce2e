"""Magnitudes: units, weights and constants of any size give the rescaled fit, or an error."""

from __future__ import annotations

import numpy as np
import pytest
from decaying import X, Y, assert_same, attempt, fit, put

import scaling_fast as sf


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-300, 1e-9, 1e9, 1e300, 1e308])
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared(), sf.Absolute()], ids=repr)
def test_weights_are_relative(scale, loss):
    refused, got = attempt(lambda: fit(weights=np.full(12, scale), loss=loss))
    if refused is not None:
        assert "weight" in str(refused), "the error must name what is too large or too small"
    else:
        assert_same(got, fit(loss=loss))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_uneven_weights_keep_their_ratios(scale):
    weights = np.arange(1.0, 13.0)
    assert_same(fit(weights=weights * scale), fit(weights=weights))


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e100, 1e300])
def test_sigma_scales_residuals_or_is_refused(scale):
    """A common sigma s under least squares changes the objective by s**-2 and nothing else."""
    refused, got = attempt(lambda: fit(sigma=np.full(12, scale), loss=sf.Squared()))
    if refused is not None:
        assert "sigma" in str(refused), "the error must name what is too large or too small"
    else:
        assert_same(got, fit(loss=sf.Squared()))


DECADES = (-300, -200, -100, -20, -8, 8, 20, 100, 200, 300)


def honest(run, want, scales):
    """Hold a fit to the exactly rescaled one, unless it says itself that it failed."""
    refused, got = attempt(run)
    if refused is None and got.converged:
        assert_same(got, want, **scales)


@pytest.mark.parametrize("power", DECADES)
@pytest.mark.parametrize(
    ("loss", "residual"),
    [(sf.Huber(1e-3), "log"), (sf.Squared(), "log"), (sf.Squared(), "raw"), (sf.Absolute(), "raw")],
    ids=str,
)
def test_scaled_y(power, loss, residual):
    c = 10.0**power
    want = fit(loss=loss, residual=residual)
    honest(lambda: fit(Y * c, loss=loss, residual=residual), want, {"E": c, "A": c})


@pytest.mark.parametrize("power", DECADES)
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared(), sf.Absolute()], ids=repr)
def test_scaled_x(power, loss):
    c = 10.0**power
    want = fit(loss=loss)
    honest(lambda: fit(x=X * c, loss=loss), want, {"A": c ** want.params["alpha"]})


@pytest.mark.parametrize("power", DECADES)
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared()], ids=repr)
def test_scaled_x_of_a_law_without_floor(power, loss):
    """Eleven rows: with twelve on a geometric grid the loss is flat along a line of optima."""
    c = 10.0**power
    x, y = X[:11], Y[:11]
    want = fit(y, x, law="A*x**(-alpha)", loss=loss)
    assert want.converged
    honest(
        lambda: fit(y, x * c, law="A*x**(-alpha)", loss=loss),
        want,
        {"A": c ** want.params["alpha"]},
    )


@pytest.mark.parametrize("px", [-250, -8, 25, 250])
@pytest.mark.parametrize("py", [-250, -8, 25, 250])
def test_both_scaled(px, py):
    want = fit(loss=sf.Squared())
    cx, cy = 10.0**px, 10.0**py
    honest(
        lambda: fit(Y * cy, X * cx, loss=sf.Squared()),
        want,
        {"E": cy, "A": cy * cx ** want.params["alpha"]},
    )


def test_half_the_magnitudes_in_one_column():
    x = np.geomspace(1e-8, 1e25, 30)
    got = fit(1.5 + 3.0 * x**-0.05, x)
    assert got.params["alpha"] == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("outlier", [1e10, 1e100, 1e300])
@pytest.mark.parametrize("residual", ["log", "raw"])
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Absolute()], ids=repr)
def test_an_outlier_pulls_no_harder_than_the_loss_allows(outlier, residual, loss):
    """Beyond delta only the sign of a residual matters: 1e300 must fit as 100 does (P16)."""
    want = fit(put(Y, 4, 100.0), residual=residual, loss=loss)
    got = fit(put(Y, 4, outlier), residual=residual, loss=loss)
    assert want.converged
    assert_same(got, want, 1e-7)
