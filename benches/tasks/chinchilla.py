"""T1 a million refits, T2 the global fit, T5 a million rows: the law of Hoffmann et al. (2022).

Peers see x = (a, b, e, alpha, beta) with A = exp(a), B = exp(b), E = exp(e), as published code does.
"""

from __future__ import annotations

import itertools
import os

import numpy as np
import polars as pl
from scipy.optimize import least_squares, minimize

import scaling_fast as sf
from tasks.common import Contender, Row, alternate, compared, huber, optional, shares

DELTA = 1e-3
COLUMNS = {"N": "params", "D": "tokens"}
TRUTH = {"E": 1.817, "A": 478.0, "B": 2143.0, "alpha": 0.347, "beta": 0.367}


def reference() -> tuple[pl.DataFrame, str]:
    """Return the 240 rows of the reference problem, or as many simulated ones, and which."""
    if os.environ.get(sf.datasets.fetch.DATA_FOLDER):
        runs = sf.datasets.load("chinchilla").with_row_index()
        worst = runs.sort("loss", descending=True).head(5)
        kept = runs.join(worst, on="index", how="anti", maintain_order="left").drop("index")
        return kept, "reference problem: chinchilla without its 5 largest losses, 240 rows"
    return simulated(240, {"sd": 0.01, "kind": "t3"}), (
        "SIMULATED, 240 rows of a Chinchilla-like design (SCALING_FAST_DATA is not set)"
    )


def simulated(rows: int, noise: object) -> pl.DataFrame:
    """Return a Chinchilla-like design with noise of the log residual."""
    rng = np.random.default_rng(7)
    size = 10 ** rng.uniform(7.6, 10.2, rows)
    flops = 10 ** rng.uniform(18.0, 21.5, rows)
    design = {"params": size, "tokens": flops / (6 * size)}
    frame = {"N": design["params"], "D": design["tokens"]}
    law = sf.laws.get("chinchilla")
    drawn = sf.datasets.simulate(law, TRUTH, frame, noise, seed=7)
    return drawn.rename({"N": "params", "D": "tokens"})


class Peer:
    """The law for scipy: residual and exact Jacobian of the log residual over given rows."""

    def __init__(self, runs: pl.DataFrame, delta: float | None):
        self.n, self.d = np.log(runs["params"].to_numpy()), np.log(runs["tokens"].to_numpy())
        self.y, self.delta = np.log(runs["loss"].to_numpy()), delta

    def rows(self, index):
        part = object.__new__(Peer)
        part.n, part.d, part.y, part.delta = self.n[index], self.d[index], self.y[index], self.delta
        return part

    def terms(self, x):
        return np.exp(x[0] - x[3] * self.n), np.exp(x[1] - x[4] * self.d), np.exp(x[2])

    def residual(self, x):
        first, second, floor = self.terms(x)
        return np.log(first + second + floor) - self.y

    def jacobian(self, x):
        first, second, floor = self.terms(x)
        f = first + second + floor
        columns = (first, second, np.full_like(f, floor), -first * self.n, -second * self.d)
        return np.stack(columns, axis=1) / f[:, None]

    def objective(self, x):
        r = self.residual(x)
        return float(np.sum(0.5 * r * r if self.delta is None else huber(r, self.delta)))

    def both(self, x):
        first, second, floor = self.terms(x)
        f = first + second + floor
        r = np.log(f) - self.y
        psi = np.clip(r, -self.delta, self.delta) / f
        slopes = (first, second, floor, -first * self.n, -second * self.d)
        return np.sum(huber(r, self.delta)), np.array([np.sum(psi * one) for one in slopes])

    def solve(self, start, **options):
        loss = {} if self.delta is None else {"loss": "huber", "f_scale": self.delta}
        return least_squares(
            self.residual, start, jac=self.jacobian, x_scale="jac", **loss, **options
        ).x

    def lbfgs(self, start):
        return minimize(self.both, start, jac=True, method="L-BFGS-B").x

    def polish(self, start):
        return self.solve(start, ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=2000)


def logs(table: pl.DataFrame) -> np.ndarray:
    """Return our parameters as (a, b, e, alpha, beta), one row a fit."""
    logarithms = [pl.col(one).log() for one in ("A", "B", "E")]
    return table.select(*logarithms, "alpha", "beta").to_numpy()


def objectives(peers: list[Peer], points: np.ndarray) -> np.ndarray:
    """Return everybody's objective from its parameters, by one formula."""
    return np.array([one.objective(x) for one, x in zip(peers, points, strict=True)])


def t1(*, test: bool) -> list[Row]:
    """Time pairs refits of the reference problem; peers get the first of the given indices."""
    n, blocks, each, wide = (300, 2, 2, 50) if test else (100_000, 5, 30, 5_000)
    runs, _ = reference()
    fit = sf.fit(runs, "chinchilla", columns=COLUMNS, loss=sf.Huber(DELTA))
    start, peer = logs(fit.table)[0], Peer(runs, DELTA)
    index = np.random.default_rng(42).integers(0, runs.height, (wide, runs.height))
    parts = [peer.rows(one) for one in index[: blocks * each]]
    share = [parts[block * each : (block + 1) * each] for block in range(blocks)]

    contenders = [
        lambda block: sf.bootstrap(fit, n=n, seed=block, progress=False),
        lambda block: [one.solve(start) for one in share[block]],
        lambda block: [one.lbfgs(start) for one in share[block]],
    ]
    names = ["scaling_fast", "scipy least_squares", "scipy L-BFGS-B"]
    sizes = [n, each, each]
    notes = ["exact Jacobian, from the optimum", "exact gradient, defaults, from the optimum"]
    compiled, modelled = optional("compiled"), optional("modelled")
    if compiled is not None:
        rows = np.arange(runs.height)
        counts = [(one[:, None] == rows).sum(0).astype(float) for one in index[: len(parts)]]
        wanted = [counts[block * each : (block + 1) * each] for block in range(blocks)]
        compiled.refit_t1(peer.n, peer.d, peer.y, counts[0], start, DELTA)
        contenders.append(
            lambda block: [
                compiled.refit_t1(peer.n, peer.d, peer.y, one, start, DELTA)
                for one in wanted[block]
            ]
        )
        names, sizes = [*names, "numba, Newton"], [*sizes, each]
        notes.append("compiled before the clock starts, from the optimum, one thread")
    if modelled is not None:
        few = max(1, each // 10)
        contenders.append(
            lambda block: [
                modelled.refit_t1(one.n, one.d, one.y, start, DELTA) for one in share[block][:few]
            ]
        )
        names, sizes = [*names, "lmfit"], [*sizes, few]
        notes.append("least_squares with its Huber loss, numerical Jacobian, from the optimum")
    jitted, batch = optional("jitted"), 4 if test else 500
    mapped = [] if jitted is None else refits_with_jax(jitted, peer, index, each, batch, start)
    for one in mapped:
        contenders.append(one.call)
        names, sizes = [*names, one.name], [*sizes, batch]
        notes.append(one.note)
    times, answers = alternate(contenders, blocks)
    warm = sf.bootstrap(fit, sf.Indices(index), progress=False).draws
    multi = sf.bootstrap(fit, sf.Indices(index), starts="multi", progress=False).draws
    # A contender that did some of a block is judged on those; the rest stand at infinity.
    theirs = [np.array([x for block in one for x in padded(block, each)]) for one in answers[1:]]
    points = [logs(warm)[: len(parts)], *theirs]
    found = [objectives(parts, one) for one in points]
    searched = objectives(parts, logs(multi)[: len(parts)])
    leader = np.stack(points)[np.nanargmin(found, axis=0), np.arange(len(parts))]
    polished = [one.polish(x) for one, x in zip(parts, leader, strict=True)]
    best = np.nanmin([*found, searched, objectives(parts, np.array(polished))], axis=0)
    both = np.stack([warm["objective"].to_numpy(), multi["objective"].to_numpy()])
    failures = sum(int(boot.failures["count"].sum()) for boot in answers[0])
    against = ", ".join(f"{one:.4%}" for one in shares(both[0], np.fmin(*both)))
    note = (
        f"{failures} of {blocks * n:,} unusable; warm against multi-start on {wide:,} given "
        f"replicates: {against} within 1e-9, 1e-6, 1e-3"
    )
    judged = [np.isfinite(one) for one in found]
    return compared(
        [
            Row(
                "T1",
                name,
                "refit",
                size,
                1_000_000,
                shares(got[here], best[here]),
                int(here.sum()),
                *rest,
            )
            for name, size, got, here, *rest in zip(
                names, sizes, found, judged, times, [note, *notes], strict=True
            )
        ]
    )


def refits_with_jax(jitted, peer, index, each, batch, start) -> list[Contender]:
    """Return the contenders of jax: a batch of refits at once, those that are judged in front."""
    rows = np.arange(index.shape[1])
    counts = np.array([np.bincount(one, minlength=rows.size) for one in index], dtype=float)
    columns = np.broadcast_to(np.stack((peer.n, peer.d), axis=1), (batch, rows.size, 2))
    logs, starts = np.broadcast_to(peer.y, (batch, rows.size)), np.tile(start, (batch, 1))

    def weights(block):
        return np.roll(counts, -block * each, axis=0)[:batch]

    contenders = []
    for name, solver in (
        ("jax, Newton by hand", jitted.newton(jitted.chinchilla, jitted.huber, [-np.inf] * 5)),
        (
            "jax, optimistix BFGS",
            jitted.by_optimistix(jitted.chinchilla, jitted.huber, jitted.positive()),
        ),
    ):
        solve, took = jitted.compiled(solver, starts, columns, logs, weights(0), DELTA)
        contenders.append(
            Contender(
                name,
                lambda block, solve=solve: solve(starts, columns, logs, weights(block), DELTA)[1][
                    :each
                ],
                batch,
                f"vmap over {batch} refits, from the optimum; compiled in {took:.1f} s",
            )
        )
    return contenders


def starts_with_jax(jitted, peer, starts) -> list[Contender]:
    """Return the contenders of jax that walk many starts of one fit at once."""
    size = (len(starts), peer.y.size)
    columns = np.broadcast_to(np.stack((peer.n, peer.d), axis=1), (*size, 2))
    given = np.array(starts, dtype=float)
    data = (columns, np.broadcast_to(peer.y, size), np.ones(size))
    contenders = []
    for name, solver in (
        ("jax, Newton by hand", jitted.newton(jitted.chinchilla, jitted.huber, [-np.inf] * 5)),
        (
            "jax, optimistix BFGS",
            jitted.by_optimistix(jitted.chinchilla, jitted.huber, jitted.positive()),
        ),
    ):
        solve, took = jitted.compiled(solver, given, *data, DELTA)
        contenders.append(
            Contender(
                name,
                lambda _block, solve=solve: solve(given, *data, DELTA)[1],
                len(starts),
                f"vmap over the starts; compiled in {took:.1f} s",
            )
        )
    return contenders


def padded(points: list[np.ndarray], length: int) -> list[np.ndarray]:
    """Return the points, and NaN for those of a block that were not solved."""
    return [*points, *[np.full(5, np.nan)] * (length - len(points))]


def grid() -> list[tuple[float, ...]]:
    """Return the 4,500 published starts as (a, b, e, alpha, beta)."""
    tens, ones, halves = range(0, 30, 5), (-1.0, -0.5, 0.0, 0.5, 1.0), (0.0, 0.5, 1.0, 1.5, 2.0)
    return list(itertools.product(tens, tens, ones, halves, halves))


def t2(*, test: bool) -> list[Row]:
    """Time one global fit; L-BFGS-B walks every 47th start of the published grid."""
    repeats, blocks, step = (2, 2, 1500) if test else (20, 5, 47)
    runs, _ = reference()
    peer, starts = Peer(runs, DELTA), grid()[::step]

    def ours(_block: int) -> sf.Fit:
        for _ in range(repeats):
            fit = sf.fit(runs, "chinchilla", columns=COLUMNS, loss=sf.Huber(DELTA))
        return fit

    jitted = optional("jitted")
    mapped = [] if jitted is None else starts_with_jax(jitted, peer, starts)
    with np.errstate(all="ignore"):
        times, answers = alternate(
            [
                ours,
                lambda _block: [peer.lbfgs(np.array(one, dtype=float)) for one in starts],
                lambda _block: [peer.solve(np.array(one, dtype=float)) for one in starts[::4]],
                *(one.call for one in mapped),
            ],
            blocks if test else 3,
        )
        mine = peer.objective(logs(answers[0][0].table)[0])
        walked = [np.array([peer.objective(x) for x in one[0]]) for one in answers[1:]]
        polished = peer.polish(logs(answers[0][0].table)[0])
    best = np.array(min(mine, peer.objective(polished), *(np.nanmin(one) for one in walked)))
    rows = [Row("T2", "scaling_fast", "fit", repeats, 1, shares(mine, best), 1, times[0])]
    rows[0].note = f"is_global={answers[0][0].is_global}"
    told = {one.name: f"; {one.note}" for one in mapped}
    names = ("scipy L-BFGS-B", "scipy least_squares", *told)
    for name, one, taken in zip(names, walked, times[1:], strict=True):
        note = f"best of the walked starts is {float(np.nanmin(one) / best - 1):.1e} off"
        note += told.get(name, "")
        rows.append(
            Row("T2", name, "start", len(one), 4500, shares(one, best), len(one), taken, note)
        )
    compared(rows)
    for row in rows:
        row.ratio = row.projected / rows[0].projected
    return rows


def t5(*, test: bool) -> list[Row]:
    """Time one fit of many rows: squared log residual."""
    height, blocks = (2_000, 1) if test else (1_000_000, 3)
    runs = simulated(height, 0.01)
    peer = Peer(runs, None)
    start = np.array([5.0, 6.0, 0.5, 0.3, 0.3])
    contenders = [
        lambda _block: sf.fit(runs, "chinchilla", columns=COLUMNS, loss=sf.Squared()),
        lambda _block: peer.solve(start),
    ]
    names, notes = ["scaling_fast", "scipy least_squares"], ["exact Jacobian, one given start"]
    compiled = optional("compiled")
    if compiled is not None:
        few = slice(None, None, max(height // 4000, 1))

        def solved(_block: int) -> np.ndarray:
            first = compiled.fit_t5(peer.n[few], peer.d[few], peer.y[few], start)
            return compiled.fit_t5(peer.n, peer.d, peer.y, first)

        solved(0)
        contenders.append(solved)
        names.append("numba, Gauss-Newton")
        notes.append("4,000 rows first, then all; one thread")
    times, answers = alternate(contenders, blocks)
    points = [logs(answers[0][0].table)[0], *(one[0] for one in answers[1:])]
    found = [peer.objective(x) for x in points]
    best = np.array(min(*found, *(peer.objective(peer.polish(x)) for x in points)))
    notes = [f"is_global={answers[0][0].is_global}", *notes]
    return compared(
        [
            Row("T5", name, f"fit of {height:,} rows", 1, 1, shares(one, best), 1, taken, note)
            for name, one, taken, note in zip(names, found, times, notes, strict=True)
        ]
    )
