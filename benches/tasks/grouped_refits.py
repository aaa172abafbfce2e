"""T9: the bootstrap of many curves, each refit from the optimum of its curve, default loss."""

from __future__ import annotations

import exhaustive
import learning_curves
import numpy as np
import polars as pl

import scaling_fast as sf
from tasks.common import Contender, optional, raced, surely
from tasks.offsets import LAW, batch, by_scipy, kind_of, logs_of, objectives, rows_of, scipys


def numpys_rows(seed: int, replicate: int, group: int, rows: int) -> np.ndarray:
    """Return the rows that a pairs replicate of a group holds, drawn by numpy."""
    key = np.array([seed, 1], dtype=np.uint64)
    counter = np.array([0, 0, replicate, group], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter)).integers(0, rows, rows)


def t9(*, test: bool):
    """Time 200 pairs refits of each curve from its optimum, default loss; peers refit the first ones."""
    count, n, blocks, groups, reps = (20, 5, 2, 2, 3) if test else (5_000, 200, 2, 10, 10)
    loss, each = "Huber(1e-3)", groups * reps
    curves = [learning_curves.power_offset(seed, "ordinary") for seed in range(count)]
    fit = sf.fit(pl.DataFrame(learning_curves.stacked(curves)), LAW, by="curve")
    optima = logs_of(fit.table, [curve.x for curve in curves])
    parts = rows_of(curves)
    refits = [
        [
            (place, numpys_rows(block, replicate, place, parts[place][0].size), replicate)
            for place in range(groups)
            for replicate in range(reps)
        ]
        for block in range(blocks)
    ]
    told = []

    def ours(block):
        boot = sf.bootstrap(fit, n=n, seed=block, progress=False)
        told.append(int(boot.failures["count"].sum()))
        wanted = boot.draws.filter((pl.col("curve") < groups) & (pl.col("replicate") < reps))
        wanted = wanted.sort("curve", "replicate")
        return logs_of(wanted, [curves[place].x for place in wanted["curve"].to_list()])

    def counts(place, rows):
        return np.bincount(rows, minlength=parts[place][0].size).astype(float)

    options = scipys(loss)
    contenders = [
        Contender("scaling_fast", ours, count * n),
        Contender(
            "scipy least_squares",
            lambda block: [
                by_scipy(*(part[rows] for part in parts[place]), optima[place], options)
                for place, rows, _ in refits[block]
            ],
            each,
            "exact Jacobian, from the optimum of the curve",
        ),
    ]
    compiled, jitted = optional("compiled_curves"), optional("jitted")
    if compiled is not None:
        ready = [[counts(place, rows) for place, rows, _ in block] for block in refits]
        kind, delta = kind_of(compiled, loss)
        by_numba = surely(lambda *given: compiled.newton_offset(*given)[1], 3)
        by_numba(*parts[0], ready[0][0], kind, delta, optima[0])
        contenders.append(
            Contender(
                "numba, Newton",
                lambda block: [
                    by_numba(*parts[place], weights, kind, delta, optima[place])
                    for (place, *_), weights in zip(refits[block], ready[block], strict=True)
                ],
                each,
                "compiled before the clock starts, from the optimum of the curve, one thread",
            )
        )
    if jitted is not None:
        contenders += t9_with_jax(jitted, parts, optima, refits, counts)

    def judge(answers):
        found, known = [], []
        for one in answers:
            points = [point for block in one for point in block[:each]]
            rows = [refit for block in refits for refit in block]
            drawn = [tuple(part[index] for part in parts[place]) for place, index, _ in rows]
            found.append(objectives(drawn, points, loss))
        for block in refits:
            for place, rows, _ in block:
                curve = curves[place]
                best = exhaustive.best_power_offset(curve.x[rows], curve.y[rows], loss)
                known.append(best.objective)
        contenders[0].note = f"{max(told):,} of {count * n:,} unusable"
        return found, np.fmin.reduce([*found, np.array(known)])

    return raced("T9", "refit", 1_000_000, contenders, blocks, judge)


def t9_with_jax(jitted, parts, optima, refits, counts):
    """Return the contender of jax: a batch of refits of many curves at once."""

    def data_of(block):
        lines, logs, weights = batch([parts[place] for place, *_ in refits[block]])
        for row, (place, rows, _) in enumerate(refits[block]):
            weights[row, : parts[place][0].size] = counts(place, rows)
        copies = 10  # a batch that is worth a compiled program
        return tuple(np.tile(part, (copies, 1)) for part in (lines, logs, weights))

    starts = [np.tile(optima[[place for place, *_ in block]], (10, 1)) for block in refits]
    ready = [data_of(block) for block in range(len(refits))]
    solver, took = jitted.compiled(jitted.newton_offset("huber"), starts[0], *ready[0], 1e-3)
    return [
        Contender(
            "jax, Newton by hand",
            lambda block: solver(starts[block], *ready[block], 1e-3)[1],
            len(starts[0]),
            f"vmap over padded refits; compiled in {took:.1f} s before the clock starts",
        )
    ]
