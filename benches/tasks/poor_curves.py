"""T3 hard: curves whose amplitude is near their noise, x in no order; raw squares."""

from __future__ import annotations

import learning_curves
import numpy as np
import polars as pl

import scaling_fast as sf
from tasks import curves as t3
from tasks.common import Contender, asked_for, of_block, optional, padded, raced, surely

HARD_LAW = "E + A*x**(-c)"


def best_raw(x, y) -> float:
    """Return the least half sum of squares of E + A x^-c over all c of either sign, by a scan that narrows."""
    line = np.log(x) - np.log(x).mean()
    centred = y - y.mean()

    def profile(c):
        basis = np.expm1(-c[:, None] * line) / c[:, None]
        basis -= basis.mean(axis=1, keepdims=True)
        basis /= np.abs(basis).max(axis=1, keepdims=True)
        slope = (basis @ centred) / (basis * basis).sum(axis=1)
        return 0.5 * ((centred - slope[:, None] * basis) ** 2).sum(axis=1)

    steep = 30 / np.diff(np.sort(line))[[0, -1]].min()
    size = np.geomspace(1e-6, min(steep, 300 / np.ptp(line)), 300)
    grid = np.concatenate((-size[::-1], size))
    found = profile(grid)
    padded_found = np.concatenate(([np.inf], found, [np.inf]))
    valleys = np.flatnonzero((found <= padded_found[:-2]) & (found <= padded_found[2:]))
    best = found.min()
    for valley in valleys[np.argsort(found[valleys])][:5]:
        low, high = grid[max(valley - 1, 0)], grid[min(valley + 1, grid.size - 1)]
        for _ in range(9):
            inner = np.linspace(low, high, 15)
            inner = inner[inner != 0]
            values = profile(inner)
            place = int(values.argmin())
            best = min(best, values[place])
            low, high = inner[max(place - 1, 0)], inner[min(place + 1, inner.size - 1)]
    return float(best)


def t3_hard(*, test: bool):
    """Time by="curve" on curves whose amplitude is near their noise, x in no order: raw squares."""
    count, blocks, each = (60, 2, 5) if test else (20_000, 3, 100)
    drawn = [learning_curves.power_offset(seed, "hard") for seed in range(count)]
    frame = pl.DataFrame(learning_curves.stacked(drawn))
    parts = [(curve.x, curve.y) for curve in drawn[: blocks * each]]
    last = []

    def ours(_block):
        fit = sf.fit(frame, HARD_LAW, by="curve", loss=sf.Squared(), residual="raw")
        last.append(fit)
        return fit.table.sort("curve").head(len(parts)).select("E", "A", "c").to_numpy()

    def loop(fit, few=each):
        return lambda block: [np.array(fit(x, y)) for x, y in of_block(parts, block, each)[:few]]

    contenders = [
        Contender("scaling_fast", ours, count),
        Contender(
            "scipy curve_fit, Jacobian", loop(lambda x, y: t3.by_curve_fit(x, y, t3.jacobian)), each
        ),
    ]
    for module, name, few in (
        ("compiled", "numba, projection", each),
        ("modelled", "lmfit", each),
        ("accelerated", "nlsq", max(2, each // 20)),
    ):
        peer = optional(module)
        if peer is not None:
            peer.fit_t3(*parts[0])
            contenders.append(Contender(name, loop(surely(peer.fit_t3, 3), few), few))
    contenders += t3.with_jax(optional("jitted"), parts, blocks, each)

    def judge(answers):
        points = [answers[0][-1], *(padded(one, each, len(parts)) for one in answers[1:])]
        with np.errstate(all="ignore"):
            found = [
                np.array([t3.objective(*rows, q) for rows, q in zip(parts, one, strict=True)])
                for one in points
            ]
        asked = [asked_for(one, each, len(parts)) for one in (None, *answers[1:])]
        found = [
            np.where(np.isnan(one) & here, np.inf, one)
            for one, here in zip(found, asked, strict=True)
        ]
        fit = last[-1]
        counts = fit.table["status"].value_counts(sort=True).iter_rows()
        contenders[0].note = ", ".join(f"{number:,} {word}" for word, number in counts)
        return found, np.fmin.reduce([*found, np.array([best_raw(x, y) for x, y in parts])])

    return raced("T3 hard", "curve", 100_000, contenders, blocks, judge)
