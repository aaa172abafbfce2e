"""Short curves under absolute deviations: no pair of rows at any exponent makes a better law."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

LAW = "E + A*x**(-c)"
PARAMS = {name: sf.Param(lower=0) for name in "EAc"}
CURVES = 12


def curve(seed, kind):
    """Six to ten rows, noise of .5 to 20 %: x, y and weights."""
    draw = np.random.default_rng([seed, len(kind)])
    rows = int(draw.integers(6, 11))
    x = 10 ** draw.uniform(0, 3, rows)
    if kind == "ties":
        x = draw.choice(x[:5], rows)
        x[:4] = [1.0, 7.0, 50.0, 900.0]
    noise = 10 ** draw.uniform(-2.3, -0.7) * draw.standard_normal(rows)
    y = (draw.uniform(0.5, 3) + draw.uniform(0.2, 3) * x ** -draw.uniform(0.1, 0.8)) * np.exp(noise)
    weights = draw.integers(1, 4, rows).astype(float) if kind == "weights" else np.ones(rows)
    return x, y, weights


def profile(x, y, weights, alphas, residual):
    """Return the least objective at each exponent, of laws through two rows or through one on a bound."""
    one, other = np.triu_indices(x.size, 1)
    b = np.exp(-alphas[:, None] * np.log(x / x.min()))
    none = np.zeros_like(b)
    with np.errstate(all="ignore"):
        slope = (y[one] - y[other]) / (b[:, one] - b[:, other])
        scale = np.concatenate((slope, y / b, none), axis=1)
        floor = np.concatenate((y[one] - slope * b[:, one], none, none + y), axis=1)
        law = floor[:, :, None] + scale[:, :, None] * b[:, None, :]
        misses = np.log(law / y) if residual == "log" else law - y
        sums = np.abs(misses) @ weights
    fine = (floor >= 0) & (scale >= 0) & np.isfinite(sums)
    return np.where(fine, sums, np.inf).min(axis=1)


def best(x, y, weights, residual):
    """Return the least objective of all exponents, the deepest valleys narrowed until nothing changes."""
    gap = np.diff(np.unique(np.log(x)))[0]
    alphas = np.geomspace(1e-6, 40 / gap, 500)
    found = profile(x, y, weights, alphas, residual)
    least = found.min()
    for k in np.argsort(found)[:3]:
        low, high = alphas[max(k - 1, 0)], alphas[min(k + 1, alphas.size - 1)]
        while high / low > 1 + 1e-13:
            inner = np.geomspace(low, high, 15)
            values = profile(x, y, weights, inner, residual)
            place = values.argmin()
            least = min(least, values[place])
            low, high = inner[max(place - 1, 0)], inner[min(place + 1, 14)]
    return least


def frame(curves):
    lengths = [x.size for x, _, _ in curves]
    columns = zip(*curves, strict=True)
    x, y, weights = (np.concatenate(column) for column in columns)
    return pl.DataFrame(
        {"curve": np.repeat(np.arange(len(curves)), lengths), "x": x, "loss": y, "w": weights}
    )


def fitted(curves, residual, law=LAW, params=PARAMS):
    rows = frame(curves)
    loss = sf.Absolute()
    return sf.fit(
        rows, law, by="curve", loss=loss, residual=residual, params=params, weights=rows["w"]
    )


@pytest.mark.parametrize("kind", ["plain", "ties", "weights"])
@pytest.mark.parametrize("residual", ["log", "raw"])
def test_no_pair_of_rows_makes_a_better_law(kind, residual):
    curves = [curve(seed, kind) for seed in range(CURVES)]
    fit = fitted(curves, residual)
    least = np.array([best(*rows, residual) for rows in curves])
    assert (fit.table["objective"].to_numpy() <= least * (1 + 1e-9)).all()
    assert fit.global_groups.sum() >= CURVES // 2


def test_units_change_nothing():
    curves = [curve(seed, "plain") for seed in range(CURVES)]
    scaled = [(1e12 * x, 1e-6 * y, weights) for x, y, weights in curves]
    for residual, unit in (("log", 1.0), ("raw", 1e-6)):
        fit, other = (fitted(rows, residual).table for rows in (curves, scaled))
        ratio = other["objective"].to_numpy() / fit["objective"].to_numpy()
        np.testing.assert_allclose(ratio, unit, rtol=1e-9)


def test_a_law_that_rises_and_other_spellings_end_at_the_same_objective():
    curves = [curve(seed, "plain") for seed in range(CURVES)]
    fit = fitted(curves, "log").table["objective"].to_numpy()
    for law in ("A/x**c + E", "E + A*exp(-c*log(x))"):
        same = fitted(curves, "log", law).table["objective"].to_numpy()
        np.testing.assert_allclose(same, fit, rtol=1e-9)
    turned = [(1 / x, y, weights) for x, y, weights in curves]
    rises = fitted(turned, "log", "E + A*x**c").table["objective"].to_numpy()
    np.testing.assert_allclose(rises, fit, rtol=1e-9)


def test_repeated_rows_count_as_their_weight():
    curves = [curve(seed, "weights") for seed in range(CURVES)]
    repeated = []
    for x, y, weights in curves:
        count = weights.astype(int)
        repeated.append((np.repeat(x, count), np.repeat(y, count), np.ones(count.sum())))
    fit, other = (fitted(rows, "log").table for rows in (curves, repeated))
    np.testing.assert_allclose(other["objective"], fit["objective"], rtol=1e-9)
    assert (fit["status"] == other["status"]).all()


def test_few_rows_and_rows_that_are_missing_end_as_they_do_alone():
    x, y, _ = curve(0, "plain")
    curves = [(x[:count], y[:count], np.ones(count)) for count in (2, 3, 4, x.size)]
    table = fitted(curves, "log").table
    assert table["status"][0] == "too_few_rows"
    assert table["objective"][1] < 1e-12
    for rows, objective in zip(curves[2:], table["objective"][2:], strict=True):
        assert objective <= best(*rows, "log") * (1 + 1e-9) + 1e-12
