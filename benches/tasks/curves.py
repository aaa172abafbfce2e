"""T3: many short learning curves, raw least squares, one fit a curve, frame in and frame out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.optimize import curve_fit, least_squares

import scaling_fast as sf
from tasks.common import Contender, Row, alternate, compared, optional, shares

if TYPE_CHECKING:
    from collections.abc import Callable

FORMULA = "E + A*x**(-c)"


def curves(count: int) -> pl.DataFrame:
    """Return curves of 10 to 30 points, sorted by curve."""
    rng = np.random.default_rng(11)
    lengths = rng.integers(10, 31, count)
    curve = np.repeat(np.arange(count), lengths)
    step = np.arange(len(curve)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    x = 10 ** (3.0 * step / (lengths[curve] - 1))
    floor, scale = rng.uniform(0.5, 3.0, count)[curve], rng.uniform(1.0, 10.0, count)[curve]
    mean = floor + scale * x ** -rng.uniform(0.2, 1.0, count)[curve]
    y = mean * np.exp(0.005 * rng.standard_normal(len(curve)))
    return pl.DataFrame({"curve": curve, "x": x, "y": y})


def value(x, floor, scale, c):
    return floor + scale * x**-c


def jacobian(x, _floor, scale, c):
    power = x**-c
    return np.stack((np.ones_like(x), power, -scale * power * np.log(x)), axis=1)


def objective(x, y, point) -> float:
    return float(0.5 * np.sum((value(x, *point) - y) ** 2))


def by_curve_fit(x, y, jac):
    start = (float(y.min()), float(np.ptp(y)), 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return curve_fit(value, x, y, p0=start, jac=jac)[0]
        except RuntimeError:
            return np.full(3, np.nan)


def best_known(x, y) -> float:
    """Return the least objective of tight fits from the three best exponents of a scan."""
    scanned = []
    for c in np.geomspace(0.01, 5.0, 40):
        basis = np.stack((np.ones_like(x), x**-c), axis=1)
        linear = np.linalg.lstsq(basis, y, rcond=None)[0]
        scanned.append((objective(x, y, (*linear, c)), (*linear, c)))
    scanned.sort()
    tight = [
        least_squares(
            lambda point: value(x, *point) - y,
            point,
            jac=lambda point: jacobian(x, *point),
            x_scale="jac",
            ftol=1e-15,
            xtol=1e-15,
            gtol=1e-15,
        ).cost
        for _, point in scanned[:3]
    ]
    return float(min(tight))


def with_jax(jitted, parts, blocks, each) -> list[Contender]:
    """Return the contenders of jax: projection is the scan, then Newton or optimistix, a batch at once.

    The judged curves of a block come first, and copies of them fill the batch.
    """
    if jitted is None:
        return []
    width, size = 30, max(each, min(1_000, 10 * each))

    def data_of(block):
        x, y, weights = np.ones((size, width)), np.ones((size, width)), np.zeros((size, width))
        chosen = parts[block * each : (block + 1) * each] * (size // each)
        for row, (one, other) in enumerate(chosen):
            x[row, : one.size], y[row, : one.size] = one, other
            weights[row, : one.size] = 1.0
        return x, y, weights

    ready = [data_of(block) for block in range(blocks)]
    scan, took = jitted.compiled(jitted.scan_raw(), *ready[0])
    start = scan(*ready[0])[0]
    low = [-np.inf] * 3
    contenders = []
    for name, solver in (
        ("jax, Newton by hand", jitted.newton(jitted.raw_power, jitted.squared, low)),
        ("jax, optimistix LM", jitted.by_optimistix(jitted.raw_power, None, jitted.positive())),
    ):
        solve, more = jitted.compiled(solver, start, *ready[0], 1.0)
        note = f"vmap over {size} padded curves; compiled in {took + more:.1f} s"
        contenders.append(
            Contender(
                name,
                lambda block, solve=solve: solve(scan(*ready[block])[0], *ready[block], 1.0)[1],
                size,
                note,
            )
        )
    return contenders


def t3(*, test: bool) -> list[Row]:
    """Time by="curve" on sorted and on shuffled rows beside curve_fit in a loop."""
    count, blocks, each = (200, 2, 5) if test else (100_000, 3, 100)
    frame = curves(count)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    parts = [
        (one["x"].to_numpy(), one["y"].to_numpy())
        for one in frame.head(31 * blocks * each).partition_by("curve", maintain_order=True)
    ][: blocks * each]

    def ours(rows: pl.DataFrame) -> pl.DataFrame:
        return sf.fit(
            rows,
            FORMULA,
            target="y",
            columns={"x": "x"},
            by="curve",
            loss=sf.Squared(),
            residual="raw",
        ).table

    def loop(block: int, jac: object) -> list[np.ndarray]:
        return [by_curve_fit(x, y, jac) for x, y in parts[block * each : (block + 1) * each]]

    def taken(block: int, fit: Callable[..., np.ndarray]) -> list[np.ndarray]:
        return [np.array(fit(x, y)) for x, y in parts[block * each : (block + 1) * each]]

    contenders = [
        lambda _block: ours(frame),
        lambda _block: ours(shuffled),
        lambda block: loop(block, None),
        lambda block: loop(block, jacobian),
    ]
    names = ["scaling_fast, sorted", "scaling_fast, shuffled", "scipy curve_fit"]
    names.append("scipy curve_fit, Jacobian")
    notes = ["", "", ""]
    for module, name in (("compiled", "numba, projection"), ("modelled", "lmfit")):
        peer = optional(module)
        if peer is not None:
            peer.fit_t3(*parts[0])
            contenders.append(lambda block, fit=peer.fit_t3: taken(block, fit))
            names.append(name)
            notes.append("a loop over curves already cut apart, one thread")
    wide: list[int] = []
    for peer in with_jax(optional("jitted"), parts, blocks, each):
        contenders.append(lambda block, peer=peer: peer.call(block)[:each])
        names.append(peer.name)
        wide.append(peer.size)
        notes.append(peer.note)
    times, answers = alternate(contenders, blocks)
    points = [
        one[-1].sort("curve").head(len(parts)).select("E", "A", "c").to_numpy()
        for one in answers[:2]
    ]
    points += [np.array([x for block in one for x in block]) for one in answers[2:]]
    found = [
        np.array([objective(x, y, point) for (x, y), point in zip(parts, one, strict=True)])
        for one in points
    ]
    best = np.fmin.reduce([*found, np.array([best_known(x, y) for x, y in parts])])
    status = answers[0][-1]["status"].value_counts(sort=True)
    counts = ", ".join(f"{number:,} {name}" for name, number in status.iter_rows())
    sizes = [count, count, *[each] * (len(names) - 2 - len(wide)), *wide]
    notes = [counts, *notes]
    return compared(
        [
            Row("T3", name, "curve", size, 100_000, shares(got, best), len(parts), taken, note)
            for name, size, got, taken, note in zip(names, sizes, found, times, notes, strict=True)
        ]
    )
