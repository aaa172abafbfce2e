"""T7: one global fit a curve under five laws, one thread, squared log residuals.

Peers walk random starts, all of which are drawn before the clock starts, until three agree to 1e-8: the
coordinates, boxes and starts of tests/properties/many_starts.py.
"""

from __future__ import annotations

import functools

import learning_curves
import many_starts
import numpy as np
import polars as pl
from scipy.optimize import least_squares

import scaling_fast as sf
from tasks.common import Contender, Told, of_block, optional, padded, raced, surely, until_agreed

STARTS = 60
LANES = 32
"""Starts of each curve that jax walks at once."""

COUNTS = {"bnsl": 60, "hinge_power": 120, "m4": 100, "double_power": 300, "stretched_exp": 300}
SINGLE = 12


class Problem:
    """A curve in the coordinates of the search: rows, box and starts."""

    def __init__(self, law, curve, seed):
        line = np.log(curve.x)
        self.law, self.model = law, many_starts.MODELS[law]
        self.u = line - 0.5 * (line.min() + line.max())
        y = curve.y / np.median(curve.y)
        self.logs = np.log(y)
        self.low, self.high = self.model.box(self.u, y)
        draw = np.random.default_rng([seed, 7])
        drawn = self.model.starts(draw, self.u, y, STARTS)[:, : self.low.size]
        self.starts = np.clip(drawn, self.low, self.high)

    @property
    def line(self):
        """What the compiled laws take: from the smallest x for the sum of powers, else from the middle."""
        return self.u - self.u.min() if self.law == "double_power" else self.u

    def residual(self, q):
        with np.errstate(all="ignore"):
            f = self.model.both(q[None], self.u)[0][0]
            r = np.log(np.where(f > 0, f, np.nan)) - self.logs
        return np.where(np.isfinite(r), r, 1e3)

    def jacobian(self, q):
        with np.errstate(all="ignore"):
            f, columns = self.model.both(q[None], self.u)
            return np.nan_to_num(columns[0] / f[0][:, None])

    def objective(self, q):
        r = self.residual(np.asarray(q))
        return float(0.5 * r @ r)

    def by_scipy(self, start):
        start = np.clip(start, self.low + 1e-9, self.high - 1e-9)
        return least_squares(
            self.residual,
            start,
            jac=self.jacobian,
            x_scale="jac",
            bounds=(self.low, self.high),
            ftol=1e-12,
            xtol=1e-12,
            gtol=1e-12,
            max_nfev=500,
        ).x


def t7(law: str, *, test: bool):
    """Time ours grouped and one by one; scipy, numba and jax search the curves of each block."""
    count, blocks, each = (4, 2, 1) if test else (COUNTS[law], 3, SINGLE)
    few = max(1, each // 4)
    judged = blocks * each
    curves = [learning_curves.LAWS[law](seed) for seed in range(count)]
    frame = pl.DataFrame(learning_curves.stacked(curves))
    frames = [{"x": curve.x, "loss": curve.y} for curve in curves[:judged]]
    problems = [Problem(law, curve, seed) for seed, curve in enumerate(curves[:judged])]
    asked = learning_curves.law_of(law)
    names, fits = list(asked.params), []

    def grouped(_block):
        fits.append(sf.fit(frame, asked, by="curve", loss=sf.Squared(), threads=1))
        return fits[-1].table

    def alone(block):
        return [
            dict(sf.fit(rows, asked, loss=sf.Squared(), threads=1).params)
            for rows in of_block(frames, block, each)
        ]

    contenders = [
        Contender("scaling_fast, by curve", grouped, count),
        Contender("scaling_fast, one call a curve", alone, each, "one thread"),
        searched("scipy least_squares", problems, few, each, Problem.by_scipy),
    ]
    compiled, jitted = optional("compiled_curves"), optional("jitted")
    if compiled is not None:
        rule = compiled.LAWS[law]

        solve = surely(lambda *given: compiled.levenberg(rule, *given)[1], len(problems[0].low))

        def by_numba(problem, start):
            return solve(problem.line, problem.logs, start, problem.low, problem.high)

        by_numba(problems[0], problems[0].starts[0])
        contenders.append(searched("numba, Levenberg-Marquardt", problems, each, each, by_numba))
    if jitted is not None:
        contenders += with_jax(jitted, law, problems, each)

    def judge(answers):
        rows = answers[0][-1].sort("curve").head(judged).select(names).iter_rows(named=True)
        singles = [params for block in answers[1] for params in block]
        found = [
            np.array(
                [
                    many_starts.objective_of(law, curve, params)
                    for curve, params in zip(curves[:judged], fitted, strict=True)
                ]
            )
            for fitted in (rows, singles)
        ]
        # Parameters out of reach of doubles: what the fit says of itself.
        said = fits[-1].table.sort("curve")["objective"].to_numpy()[:judged]
        found = [np.where(np.isfinite(values), values, said) for values in found]
        for one in answers[2:]:
            points = padded(one, each, judged)
            got = [
                np.nan if np.isnan(q).all() else problem.objective(q)
                for problem, q in zip(problems, points, strict=True)
            ]
            found.append(np.array(got))
        known = [many_starts.best_of_many(law, curve) for curve in curves[:judged]]
        # Where the best lies at infinity there is no optimum to end at, and nobody is judged.
        endless = np.array([walk.at_infinity for walk in known])
        found = [np.where(endless, np.nan, one) for one in found]
        fit = fits[-1]
        counts = fit.table["status"].value_counts(sort=True).iter_rows()
        contenders[0].note = ", ".join(f"{number:,} {word}" for word, number in counts)
        contenders[0].note += f"; {fit.global_groups.mean():.1%} called global; one thread"
        if endless.any():
            contenders[0].note += f"; {endless.sum()} of {judged} not judged: no finite optimum"
        return found, np.fmin.reduce([*found, np.array([walk.objective for walk in known])])

    return raced(f"T7 {law}", "curve", 1, contenders, blocks, judge)


def searched(name, problems, few, each, walk) -> Contender:
    """Return a peer that walks one start after the other until three agree."""
    told = [0, 0, 0]

    def call(block):
        points = []
        for problem in of_block(problems, block, each)[:few]:
            point, agreed, count = until_agreed(
                lambda start, problem=problem: walk(problem, start),
                problem.starts,
                problem.objective,
            )
            told[0], told[1], told[2] = told[0] + 1, told[1] + agreed, told[2] + count
            points.append(point)
        return points

    return Contender(f"{name}, until three starts agree", call, few, Told(told))


def with_jax(jitted, law, problems, each) -> list[Contender]:
    """Return the contenders of jax: all starts of all curves of a block at once, and the best of each."""
    width = 30
    rule, low = jitted.LAWS[law], problems[0].low
    low = np.where(low >= 0, low, -np.inf)

    def data_of(block):
        starts, lines, logs, weights = [], [], [], []
        for problem in of_block(problems, block, each):
            rows = problem.logs.size
            pad = (0, width - rows)
            starts.append(problem.starts[:LANES])
            lines.append(np.tile(np.pad(problem.line, pad, mode="edge"), (LANES, 1)))
            logs.append(np.tile(np.pad(problem.logs, pad, mode="edge"), (LANES, 1)))
            weights.append(np.tile(np.pad(np.ones(rows), pad), (LANES, 1)))
        return tuple(np.concatenate(part) for part in (starts, lines, logs, weights))

    ready = [data_of(block) for block in range(len(problems) // each)]
    contenders = []
    for name, solver in (
        ("jax, Newton by hand", jitted.newton(rule, jitted.squared, low)),
        (
            "jax, optimistix LM",
            jitted.by_optimistix(rule, None, jitted.positive(*jitted.POSITIVE[law])),
        ),
    ):
        solve, took = jitted.compiled(solver, *ready[0], 1.0)
        told = [0, 0]

        def call(block, solve=solve, told=told):
            values, points = solve(*ready[block], 1.0)
            values = np.where(np.isfinite(values), values, np.inf).reshape(-1, LANES)
            best = values.min(axis=1, keepdims=True)
            told[0] += len(values)
            told[1] += int(((values <= best * (1 + 1e-8)).sum(axis=1) >= 3).sum())
            rows = np.arange(len(values))
            return points.reshape(len(values), LANES, -1)[rows, values.argmin(axis=1)]

        contenders.append(Contender(name, call, each, Mapped(told, took)))
    return contenders


class Mapped(Told):
    """The note of a batch: how many curves three of its starts agree on."""

    def __init__(self, counts, took):
        super().__init__(counts)
        self.took = took

    def __str__(self):
        return (
            f"certified {self.counts[1]} of {self.counts[0]} by {LANES} starts each, all at "
            f"once; compiled in {self.took:.1f} s"
        )


T7 = {f"T7 {law}": functools.partial(t7, law) for law in learning_curves.LAWS}
