"""T8: pairs refits of the reference problem that search from many starts, `starts="multi"`."""

from __future__ import annotations

import numpy as np

import scaling_fast as sf
from tasks.chinchilla import COLUMNS, DELTA, Peer, grid, logs, objectives, reference
from tasks.common import Contender, Told, optional, raced, surely, until_agreed

LANES = 16
"""Starts of each replicate that jax walks at once."""


def t8(*, test: bool):
    """Time a search for each of 4,000 replicates; peers search the first until three starts agree to 1e-8."""
    n, blocks, each = (20, 2, 2) if test else (4_000, 3, 16)
    few = max(1, each // 8)
    runs, _ = reference()
    fit = sf.fit(runs, "chinchilla", columns=COLUMNS, loss=sf.Huber(DELTA))
    optimum, whole = logs(fit.table)[0], Peer(runs, DELTA)
    index = np.random.default_rng(8).integers(0, runs.height, (n, runs.height))
    judged = blocks * each
    parts = [whole.rows(rows) for rows in index[:judged]]
    counts = [np.bincount(rows, minlength=runs.height).astype(float) for rows in index[:judged]]
    # The optimum of all rows first, then the published grid in no order.
    published = np.array(grid(), dtype=float)
    draw = np.random.default_rng(5)
    starts = [
        np.concatenate((optimum[None], published[draw.choice(len(published), 59, replace=False)]))
        for _ in range(judged)
    ]
    scheme = sf.Indices(index)

    def ours(_block):
        return sf.bootstrap(fit, scheme, starts="multi", progress=False)

    def searched(name, few, walk):
        told = [0, 0, 0]

        def call(block):
            points = []
            for place in range(block * each, block * each + few):
                with np.errstate(all="ignore"):
                    point, agreed, count = until_agreed(
                        lambda start, place=place: walk(place, start),
                        starts[place],
                        parts[place].objective,
                    )
                told[0], told[1], told[2] = told[0] + 1, told[1] + agreed, told[2] + count
                points.append(point)
            return points

        return Contender(f"{name}, until three starts agree", call, few, Told(told))

    contenders = [
        Contender("scaling_fast", ours, n),
        searched(
            "scipy least_squares", few, lambda place, start: parts[place].solve(start, ftol=1e-12)
        ),
    ]
    compiled, jitted = optional("compiled"), optional("jitted")
    if compiled is not None:
        solve = surely(compiled.refit_t1, 5)

        def by_numba(place, start):
            return solve(whole.n, whole.d, whole.y, counts[place], start, DELTA)

        by_numba(0, optimum)
        contenders.append(searched("numba, Newton", each, by_numba))
    if jitted is not None:
        contenders.append(with_jax(jitted, whole, counts, starts, each))

    def judge(answers):
        table = answers[0][-1].draws.head(judged)
        mine = logs(table)
        found = [objectives(parts, mine)]
        for one in answers[1:]:
            got = np.full(judged, np.nan)
            for block, points in enumerate(one):
                here = slice(block * each, block * each + len(points))
                got[here] = objectives(parts[here], points)
            found.append(got)
        leader = [
            np.fmin.reduce([part.objective(part.polish(point)), *values])
            for part, point, *values in zip(parts, mine, *found, strict=True)
        ]
        failed = int(answers[0][-1].failures["count"].sum())
        contenders[0].note = f"{failed} of {n:,} unusable"
        return found, np.array(leader)

    return raced("T8", "refit", 4_000, contenders, blocks, judge)


def with_jax(jitted, whole, counts, starts, each) -> Contender:
    """Return the contender of jax: all starts of all replicates of a block at once, and the best of each."""
    size = (each * LANES, whole.y.size)
    columns = np.broadcast_to(np.stack((whole.n, whole.d), axis=1), (*size, 2))
    rows = np.broadcast_to(whole.y, size)

    def given(block):
        here = slice(block * each, (block + 1) * each)
        first = np.concatenate([one[:LANES] for one in starts[here]])
        return first, np.repeat(np.array(counts[here]), LANES, axis=0)

    solver = jitted.newton(jitted.chinchilla, jitted.huber, [-np.inf] * 5)
    first, weights = given(0)
    solve, took = jitted.compiled(solver, first, columns, rows, weights, DELTA)

    def call(block):
        first, weights = given(block)
        values, points = solve(first, columns, rows, weights, DELTA)
        values = np.where(np.isfinite(values), values, np.inf).reshape(each, LANES)
        points = points.reshape(each, LANES, -1)
        return points[np.arange(each), values.argmin(axis=1)]

    note = f"{LANES} starts of each replicate, all at once; compiled in {took:.1f} s"
    return Contender("jax, Newton by hand", call, each, note)
