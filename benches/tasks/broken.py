"""T4: pairs refits of a once broken power law on 50 points, squared log residual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

import scaling_fast as sf
from tasks.common import Row, alternate, compared, optional, shares

if TYPE_CHECKING:
    import polars as pl

TRUTH = {"E": 0.3, "B": 4.0, "c0": 0.08, "c1": 0.35, "f1": 0.4, "d1": 3e3}
NAMES = ("E", "B", "c0", "c1", "f1", "d1")


class Peer:
    """The law for scipy at (E, ln B, c0, c1, ln f, ln d), E not negative."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def parts(self, point):
        width = np.exp(point[4])
        z = (self.x - point[5]) / width
        soft = np.logaddexp(0.0, z)
        bent = np.exp(point[1] - point[2] * self.x - point[3] * width * soft)
        return width, z, soft, bent

    def residual(self, point):
        return np.log(point[0] + self.parts(point)[3]) - self.y

    def jacobian(self, point):
        width, z, soft, bent = self.parts(point)
        slope = expit(z)
        inner = np.stack(
            (
                np.ones_like(z),
                -self.x,
                -width * soft,
                -point[3] * width * (soft - z * slope),
                point[3] * slope,
            ),
            axis=1,
        )
        f = point[0] + bent
        return np.column_stack((1.0 / f, inner * (bent / f)[:, None]))

    def objective(self, point):
        return float(0.5 * np.sum(self.residual(point) ** 2))

    def solve(self, start, **options):
        lower = np.array([0.0, *[-np.inf] * 5])
        start = np.maximum(start, lower + 1e-12)
        return least_squares(
            self.residual,
            start,
            jac=self.jacobian,
            x_scale="jac",
            bounds=(lower, np.inf),
            **options,
        ).x


def logs(table: pl.DataFrame) -> np.ndarray:
    """Return our parameters in the coordinates of the peer, one row a fit."""
    with np.errstate(divide="ignore"):
        points = table.select(NAMES).to_numpy().copy()
        points[:, [1, 4, 5]] = np.log(points[:, [1, 4, 5]])
    return points


def objectives(peers, points) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.array([one.objective(x) for one, x in zip(peers, points, strict=True)])


def t4(*, test: bool) -> list[Row]:
    """Time refits of one fit; least_squares gets the first of the given indices."""
    n, blocks, each = (50, 1, 3) if test else (4_000, 4, 10)
    law = sf.laws.bnsl(breaks=1)
    runs = sf.datasets.simulate(law, TRUTH, {"x": np.geomspace(10.0, 1e6, 50)}, 0.01, seed=5)
    fit = sf.fit(runs, law, loss=sf.Squared())
    start = logs(fit.table)[0]
    x, y = np.log(runs["x"].to_numpy()), np.log(runs["loss"].to_numpy())
    index = np.random.default_rng(42).integers(0, 50, (n, 50))
    parts = [Peer(x[one], y[one]) for one in index[: blocks * each]]
    contenders = [
        lambda block: sf.bootstrap(fit, n=n, seed=block, progress=False),
        lambda block: [one.solve(start) for one in parts[block * each : (block + 1) * each]],
    ]
    names, more = ["scaling_fast", "scipy least_squares"], ["exact Jacobian, from the optimum"]
    compiled = optional("compiled")
    if compiled is not None:
        counts = [np.bincount(one, minlength=50).astype(float) for one in index[: len(parts)]]
        compiled.refit_t4(x, y, counts[0], start)
        contenders.append(
            lambda block: [
                compiled.refit_t4(x, y, one, start)
                for one in counts[block * each : (block + 1) * each]
            ]
        )
        names.append("numba, Levenberg-Marquardt")
        more.append("compiled before the clock starts, from the optimum, one thread")
    times, answers = alternate(contenders, blocks)
    warm = sf.bootstrap(fit, sf.Indices(index), progress=False).draws
    multi = sf.bootstrap(fit, sf.Indices(index[: len(parts)]), starts="multi", progress=False).draws
    ours, searched = logs(warm.head(len(parts))), logs(multi)
    theirs = [np.array([point for block in one for point in block]) for one in answers[1:]]
    found = [objectives(parts, points) for points in (ours, *theirs)]
    usable = [np.where(np.isfinite(found[0])[:, None], ours, theirs[0]), *theirs]
    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 1000}
    polished = [
        objectives(parts, [one.solve(p, **tight) for one, p in zip(parts, points, strict=True)])
        for points in usable
    ]
    local = np.fmin.reduce([*found, *polished])
    best = np.fmin(local, objectives(parts, searched))
    bad = int((warm["status"] != "converged").sum())
    deeper = int(np.sum(local > best * (1 + 1e-6)))
    note = f"{bad} of {n:,} unusable; multi-start finds a deeper basin in {deeper} of {len(parts)}"
    sizes, notes = [n, *[each] * (len(names) - 1)], [note, *more]
    return compared(
        [
            Row("T4", name, "refit", size, 4_000, shares(got, best), len(parts), taken, text)
            for name, size, got, taken, text in zip(names, sizes, found, times, notes, strict=True)
        ]
    )
