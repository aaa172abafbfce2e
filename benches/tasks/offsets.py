"""T6: curves with an offset under five losses, log residuals; q = (E, ln A, alpha), x over its smallest."""

from __future__ import annotations

import functools

import exhaustive
import learning_curves
import numpy as np
import polars as pl
from scipy.optimize import least_squares

import scaling_fast as sf
from tasks.common import (
    Contender,
    Told,
    asked_for,
    of_block,
    optional,
    padded,
    raced,
    surely,
    until_agreed,
)

LAW = "power_offset"
SMALL = 1e-6
"""scipy has no absolute deviations: its soft L1 this narrow stands for them."""

MOST = 60
"""Starts of a curve at most."""


def rows_of(curves) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return ln(x / smallest x) and ln y of each curve."""
    return [(np.log(curve.x / curve.x.min()), np.log(curve.y)) for curve in curves]


def objective(lines, logs, point, loss: str) -> float:
    with np.errstate(all="ignore"):
        r = np.log(point[0] + np.exp(point[1] - point[2] * lines)) - logs
    return float((np.abs(r) if loss == "Absolute" else exhaustive.RHOS[loss].value(r)).sum())


def objectives(parts, points, loss: str) -> np.ndarray:
    """Return everybody's objectives by one formula; a point that is not finite stands at infinity."""
    found = [objective(*rows, point, loss) for rows, point in zip(parts, points, strict=True)]
    return np.where(np.isnan(found), np.inf, found)


def logs_of(table: pl.DataFrame, parts_x) -> np.ndarray:
    """Return our parameters as (E, ln A, alpha) with x over the smallest of each curve."""
    with np.errstate(divide="ignore"):
        floor, scale, alpha = table.select("E", "A", "alpha").to_numpy().T
        first = np.log([x.min() for x in parts_x])
        return np.column_stack((floor, np.log(scale) - alpha * first, alpha))


def scipys(loss: str) -> dict[str, object]:
    """Return the options of least_squares that state a loss."""
    name, _, number = loss.rstrip(")").partition("(")
    known = {"Squared": "linear", "Huber": "huber", "SoftL1": "soft_l1", "Absolute": "soft_l1"}
    return {"loss": known[name], "f_scale": float(number or SMALL)}


def residual(q, lines, logs):
    with np.errstate(over="ignore"):
        return np.log(q[0] + np.exp(q[1] - q[2] * lines)) - logs


def jacobian(q, lines, _logs):
    with np.errstate(over="ignore"):
        power = np.exp(q[1] - q[2] * lines)
    share = 1 / (1 + q[0] / power)
    return np.stack((1 / (q[0] + power), share, -share * lines), axis=1)


def by_scipy(lines, logs, start, options, weights=None):
    """Return the point of one walk: exact Jacobian, E held at nought or above."""
    root = 1.0 if weights is None else np.sqrt(weights)
    bounds = ([0.0, -np.inf, 0.0], np.inf)
    try:
        return least_squares(
            lambda q: root * residual(q, lines, logs),
            np.maximum(start, [1e-9, -np.inf, 1e-9]),
            jac=lambda q: np.reshape(root, (-1, 1)) * jacobian(q, lines, logs),
            x_scale="jac",
            bounds=bounds,
            ftol=1e-12,
            xtol=1e-12,
            gtol=1e-12,
            max_nfev=2000,
            **options,
        ).x
    except ValueError:
        return np.full(3, np.nan)


def usual(logs) -> np.ndarray:
    """Return the start that users give: the smallest y, the range, a half."""
    y = np.exp(logs)
    return np.array([0.9 * y.min(), np.log(np.ptp(y)), 0.5])


def random_starts(draw, lines, logs):
    """Yield starts: a floor below the smallest y, an exponent of any size, the amplitude that fits."""
    y = np.exp(logs)
    yield usual(logs)
    for _ in range(MOST - 1):
        floor = y.min() * (1 - 0.5 ** draw.uniform(0, 9))
        alpha = np.exp(draw.uniform(np.log(0.05), np.log(30))) / lines.max()
        yield np.array([floor, np.mean(np.log(y - floor) + alpha * lines), alpha])


def with_scipy(parts, each, few, loss):
    """Return both contenders of scipy: from the usual start, and from as many as agree."""
    options, told = scipys(loss), [0, 0, 0]

    def once(block):
        return [by_scipy(*rows, usual(rows[1]), options) for rows in of_block(parts, block, each)]

    def many(block):
        points = []
        for place, rows in enumerate(of_block(parts, block, each)[:few]):
            draw = np.random.default_rng([block, place])
            point, agreed, count = until_agreed(
                lambda start, rows=rows: by_scipy(*rows, start, options),
                random_starts(draw, *rows),
                lambda q, rows=rows: objective(*rows, q, loss),
            )
            points.append(point)
            told[0], told[1], told[2] = told[0] + 1, told[1] + agreed, told[2] + count
        return points

    shape = "" if loss != "Absolute" else f", soft_l1 of f_scale {SMALL:g} for absolute deviations"
    return [
        Contender("scipy least_squares", once, each, "exact Jacobian, the usual start" + shape),
        Contender("scipy, until three starts agree to 1e-8", many, few, Told(told)),
    ]


def kind_of(compiled, loss: str) -> tuple[int, float]:
    """Return how the compiled solver is told a loss."""
    name, _, number = loss.rstrip(")").partition("(")
    kinds = {"Squared": compiled.SQUARED, "SoftL1": compiled.SOFT_L1}
    return kinds.get(name, compiled.HUBER), float(number or 0.0)


def batch(parts, width=30):
    """Return lines, logs and weights of curves padded with rows of weight 0, shape (curves, width)."""
    shape = (len(parts), width)
    lines, logs, weights = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for place, (line, log) in enumerate(parts):
        lines[place, : line.size], logs[place, : line.size] = line, log
        logs[place, line.size :] = log[-1]
        weights[place, : line.size] = 1.0
    return lines, logs, weights


def with_jax(jitted, block_of, loss):
    """Return the contenders of jax: a scan of exponents, then Newton or optimistix, a batch at a time."""
    deltas = {"Absolute": [10.0**-k for k in range(3, 10)]}.get(loss, [kind_of_jax(loss)])
    shape = "soft_l1" if loss.startswith("SoftL1") else "huber" if loss != "Squared" else "squared"
    example = batch(block_of(0))
    scan = jitted.scan_offset(1 if loss == "Squared" else 5)
    newton = jitted.newton_offset(shape)
    optx = jitted.optimistix_offset(shape)
    scan, took = jitted.compiled(scan, *example, deltas[0])
    start = scan(*example, deltas[0])[0]
    newton, more = jitted.compiled(newton, start, *example, deltas[0])
    optx, other = jitted.compiled(optx, start, *example, deltas[0])

    def solved(solver, chain):
        def call(block):
            data = batch(block_of(block))
            point = scan(*data, deltas[0])[0]
            for delta in chain:
                point = solver(point, *data, delta)[1]
            return point

        return call

    size = len(block_of(0))
    library = "Levenberg-Marquardt" if loss == "Squared" else "BFGS"
    last = deltas if loss == "Absolute" else deltas[:1]
    return [
        Contender(
            "jax, Newton by hand",
            solved(newton, last),
            size,
            f"vmap over padded curves; compiled in {took + more:.1f} s before the clock starts",
        ),
        Contender(
            f"jax, optimistix {library}",
            solved(optx, last),
            size,
            f"rtol 1e-10, from the same scan, E = exp(e); compiled in {took + other:.1f} s",
        ),
    ]


def kind_of_jax(loss: str) -> float:
    return float(loss.rstrip(")").partition("(")[2] or 1.0)


LIBRARIES = (
    ("modelled", "lmfit", "least_squares, numerical Jacobian"),
    (
        "accelerated",
        "nlsq",
        "its trust region, padded to one length, compiled before the clock starts",
    ),
)


def t6(loss: str, *, test: bool):
    """Time one fit a curve by="curve"; peers get the first curves of each block."""
    count, blocks, each, wide = (40, 2, 4, 8) if test else (5_000, 3, 50, 1_000)
    few = max(2, each // 5)
    curves = [learning_curves.power_offset(seed, "ordinary") for seed in range(count)]
    frame = pl.DataFrame(learning_curves.stacked(curves))
    judged = blocks * each
    parts = rows_of(curves)
    status = []

    def ours(_block):
        fit = sf.fit(frame, LAW, by="curve", loss=learning_curves.LOSSES[loss])
        status.append(fit)
        return fit.table

    contenders = [Contender("scaling_fast", ours, count)]
    contenders += with_scipy(parts, each, few, loss)
    compiled, jitted = optional("compiled_curves"), optional("jitted")
    if compiled is not None:
        kind, delta = kind_of(compiled, loss)
        by_numba = surely(compiled.fit_offset, 3)
        by_numba(*parts[0], kind, delta)
        contenders.append(
            Contender(
                "numba, scan and Newton",
                lambda block: [
                    by_numba(*rows, kind, delta) for rows in of_block(parts, block, each)
                ],
                each,
                "compiled before the clock starts, one thread, curves already cut apart",
            )
        )
    for module, name, told in LIBRARIES:
        library = optional(module)
        if library is not None and loss != "Absolute":
            library.fit_t6(*parts[0], usual(parts[0][1]), scipys(loss))
            contenders.append(
                Contender(
                    name,
                    lambda block, fit=library.fit_t6: [
                        fit(*rows, usual(rows[1]), scipys(loss))
                        for rows in of_block(parts, block, each)[:few]
                    ],
                    few,
                    f"{told}, the usual start",
                )
            )
    if jitted is not None:
        # The judged curves of a block come first, curves of other blocks fill it up.
        contenders += with_jax(
            jitted,
            lambda block: of_block(parts, block, each) + parts[judged : judged + wide - each],
            loss,
        )

    def judge(answers):
        mine = logs_of(answers[0][-1].sort("curve").head(judged), [c.x for c in curves[:judged]])
        points = [mine, *(padded(one, each, judged) for one in answers[1:])]
        found = [objectives(parts[:judged], one, loss) for one in points]
        found = [
            np.where(np.isnan(one[:, 0]) & ~asked_for(got, each, judged), np.nan, value)
            for one, value, got in zip(points, found, [None, *answers[1:]], strict=True)
        ]
        known = [
            exhaustive.best_power_offset(curve.x, curve.y, loss).objective
            for curve in curves[:judged]
        ]
        fit = status[-1]
        counts = fit.table["status"].value_counts(sort=True).iter_rows()
        contenders[0].note = ", ".join(f"{number:,} {word}" for word, number in counts)
        contenders[0].note += f"; {fit.global_groups.mean():.2%} called global"
        return found, np.fmin.reduce([*found, np.array(known)])

    return raced(f"T6 {loss}", "curve", 5_000, contenders, blocks, judge)


T6 = {f"T6 {loss}": functools.partial(t6, loss) for loss in learning_curves.LOSSES}
