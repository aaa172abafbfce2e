"""Laws with a break on rows that lie badly: what is called global is, in whatever order they come.

`many_starts` looks for a corner in every gap between rows and shares nothing with the package.
"""

from __future__ import annotations

import many_starts
import numpy as np
import polars as pl
import pytest
from learning_curves import LearningCurve

import scaling_fast as sf

FALSE = 1e-6
"""Relative difference from which what brute force found is lower."""

CURVES = 5


def places(kind, draw):
    """Return ln x of 9 to 24 rows in no order."""
    rows, width = int(draw.integers(9, 25)), draw.uniform(3, 9)
    if kind == "clustered":
        middles = draw.uniform(0, width, int(draw.integers(3, 7)))
        return draw.choice(middles, rows) + 0.15 * draw.standard_normal(rows)
    if kind == "repeated":
        return draw.choice(np.linspace(0, width, int(draw.integers(6, 12))), rows)
    if kind == "two clusters":
        low = draw.uniform(size=rows) < 0.5
        return width * np.where(low, draw.uniform(0, 0.35, rows), draw.uniform(0.65, 1, rows))
    return draw.permutation(np.linspace(0, width, rows))


def drawn(law, kind, seed) -> LearningCurve:
    """Return a curve with a break anywhere, also near the end of its rows or beyond them."""
    draw = np.random.default_rng([seed, *kind.encode(), *law.encode()])
    u = places(kind, draw)
    noise = np.exp(10 ** draw.uniform(-3.5, -1.5) * draw.standard_normal(u.size))
    floor, slope = draw.uniform(0.1, 3) * draw.integers(0, 2), draw.uniform(0.05, 0.7)
    if law == "hinge_power":
        turn, place = draw.uniform(-0.5, 1.3), draw.uniform(u.min() - 0.5, u.max() + 0.5)
        y = floor + np.exp(0.3 - slope * u - turn * np.maximum(u - place, 0))
        truth = {"E": floor, "c0": 0.3, "alpha0": slope, "c1": turn, "d1": place}
    else:
        y = floor + np.exp(-slope * u) + 0.7 * np.exp(-4 * slope * u)
        truth = {"E": floor, "A1": 1.0, "alpha1": slope, "A2": 0.7, "alpha2": 4 * slope}
    return LearningCurve(np.exp(u), y * noise, truth)


def fitted(law, curve, rows=slice(None), **options) -> sf.Fit:
    frame = pl.DataFrame({"x": curve.x[rows], "loss": curve.y[rows]})
    return sf.fit(frame, law, loss=sf.Squared(), threads=1, **options)


KINDS = ["clustered", "repeated", "two clusters", "even"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("law", ["hinge_power", "double_power"])
def test_what_is_called_global_has_nothing_below_it(law, kind):
    """However few different x there are, and wherever the break lies among them."""
    for seed in range(CURVES):
        curve = drawn(law, kind, seed)
        fit = fitted(law, curve)
        if fit.is_global:
            best = many_starts.best_of_many(law, curve, seed=seed).objective
            assert fit.objective <= best * (1 + FALSE), seed


@pytest.mark.parametrize("residual", ["log", "raw"])
@pytest.mark.parametrize("law", ["hinge_power", "double_power"])
def test_the_order_of_rows_does_not_move_a_digit(law, residual):
    """Rows in another order, those of equal x too."""
    for seed, kind in enumerate(KINDS):
        curve = drawn(law, kind, seed)
        order = np.random.default_rng(seed).permutation(curve.x.size)
        fit = fitted(law, curve, residual=residual)
        other = fitted(law, curve, order, residual=residual)
        assert other.status == fit.status
        assert other.is_global == fit.is_global
        np.testing.assert_array_equal(list(other.params.values()), list(fit.params.values()))
        np.testing.assert_array_equal(other.objective, fit.objective)


def test_a_corner_outside_the_rows_is_never_called_global():
    """Nor one with a single x on one side, whose slope no row tells from its place."""
    curves = [drawn("hinge_power", kind, seed) for kind in KINDS for seed in range(30)]
    sizes = [curve.x.size for curve in curves]
    frame = pl.DataFrame(
        {
            "curve": np.repeat(np.arange(len(curves)), sizes),
            "x": np.concatenate([curve.x for curve in curves]),
            "loss": np.concatenate([curve.y for curve in curves]),
        }
    )
    fit = sf.fit(frame, "hinge_power", by="curve", loss=sf.Squared())
    corners = fit.table.sort("curve")["d1"].to_numpy()
    for curve, corner, is_global in zip(curves, corners, fit.global_groups, strict=True):
        u = np.unique(np.log(curve.x))
        assert not is_global or u[1] < corner < u[-2]
