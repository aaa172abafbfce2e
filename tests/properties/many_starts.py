"""The best of one curve under five laws from hundreds of starts, in numpy alone: squared log residuals.

Every law has coordinates in which its ridges are short, a box, and starts that cover it: drawn at
random with the linear parameters solved, in every gap between rows where the law has a corner, and the
truth that the curve was drawn from. All starts are walked at once by Levenberg and Marquardt.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from learning_curves import LearningCurve
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

STARTS = 200
ROUNDS = 150
FINALISTS = 24
LAST_ROUNDS = 1500

TOP = 1.1
"""A floor may lie above the smallest y by less than this factor: noise."""


class Walk(NamedTuple):
    """The best of one curve, and whether its point stands for one at infinity."""

    objective: float
    point: Values
    at_infinity: bool


class Model(NamedTuple):
    """A law at points q, shape (starts, p): values (starts, rows) and slopes (starts, rows, p).

    `box` is where one curve is searched; a point that is not between the two rows of `finite` stands
    for one at infinity (a slope without bound, a bend of no width).
    """

    both: Callable[[Values, Values], tuple[Values, Values]]
    box: Callable[[Values, Values], tuple[Values, Values]]
    starts: Callable[[np.random.Generator, Values, Values, int], Values]
    truth: Callable[[dict[str, float], float], list[float]]
    finite: tuple[tuple[float, ...], tuple[float, ...]]


def best_of_many(law: str, curve: LearningCurve, *, starts: int = STARTS, seed: int = 0) -> Walk:
    """Return the best known point of one curve; x is in logarithms from their middle, y over its median."""
    u = np.log(curve.x)
    middle, unit = 0.5 * (u.min() + u.max()), np.median(curve.y)
    u, y = u - middle, curve.y / unit
    draw = np.random.default_rng([seed, 99])
    model = MODELS[law]
    low, high = model.box(u, y)
    truth = point_of(law, curve, curve.truth)[None]
    if law == "hinge_power":
        first, lows, highs = hinge_starts(u, y, low, high)
    else:
        first = model.starts(draw, u, y, starts)
        if law == "bnsl":
            corner = best_of_many("hinge_power", sharpened(curve), seed=seed).point
            bends = np.array([[*corner, np.log(width)] for width in (1e-6, 0.02, 0.1)])
            first = np.concatenate((first, bends))
        first = np.concatenate((first, truth))
        lows, highs = (np.broadcast_to(wall, first.shape) for wall in (low, high))
    objective, point = levenberg(model.both, u, y, first, lows, highs, ROUNDS)
    last = np.argsort(objective)[:FINALISTS]
    objective, point = levenberg(
        model.both, u, y, point[last], lows[last], highs[last], LAST_ROUNDS
    )
    place = int(np.argmin(objective))
    q = point[place]
    below, above = model.finite
    at_infinity = not ((below < q) & (q < above)).all()
    return Walk(float(objective[place]), q, bool(at_infinity))


def point_of(law: str, curve: LearningCurve, params: dict[str, float]) -> Values:
    """Return parameters of a law in the coordinates of the search of a curve."""
    unit, line = np.median(curve.y), np.log(curve.x)
    scaled = {
        name: value / unit if name in ("E", "H", "A", "B", "A1", "A2") else value
        for name, value in params.items()
    }
    if law == "m4":  # (y - E)/(H - y)^k = A x^-alpha: A has the unit of y^(1 - k)
        scaled["A"] = params["A"] * unit ** (params["k"] - 1)
    if law == "hinge_power":
        scaled["c0"] = params["c0"] - np.log(unit)
    if law == "double_power":  # amplitudes at the smallest x
        for number in "12":
            scaled["A" + number] *= np.exp(-params["alpha" + number] * line.min())
    return np.array(MODELS[law].truth(scaled, 0.5 * (line.min() + line.max())))


def objective_of(law: str, curve: LearningCurve, params: dict[str, float]) -> float:
    """Return half the sum of squared log residuals; NaN where the parameters are out of reach of doubles."""
    line = np.log(curve.x)
    with np.errstate(all="ignore"):
        point = point_of(law, curve, params)[None]
        values = MODELS[law].both(point, line - 0.5 * (line.min() + line.max()))[0][0]
        r = np.log(values) - np.log(curve.y / np.median(curve.y))
    return float(0.5 * (r * r).sum())


def sharpened(curve: LearningCurve) -> LearningCurve:
    """Return the same rows with the truth of a bend as that of a corner."""
    truth = curve.truth
    corner = {"c0": np.log(truth["B"]), "alpha0": truth["c0"], "c1": truth["c1"]}
    return curve._replace(truth=corner | {"d1": np.log(truth["d1"]), "E": truth["E"]})


def levenberg(both, u, y, start, low, high, rounds):
    """Return objectives and points, every start walked in its box for so many rounds at most."""
    logs, eye = np.log(y), np.eye(start.shape[1])
    trial = np.clip(start, low, high)
    at, best = trial.copy(), np.full(len(start), np.inf)
    damping, counts = np.full(len(start), 1e-3), np.zeros(len(start), dtype=int)
    slopes, gram = np.zeros(start.shape), np.tile(eye, (len(start), 1, 1))
    live = np.arange(len(start))
    for _ in range(rounds):
        with np.errstate(all="ignore"):
            f, columns = both(trial[live], u)
            fine = (np.isfinite(f) & (f > 0)).all(axis=1) & np.isfinite(columns).all(axis=(1, 2))
            f = np.where(fine[:, None], f, 1.0)
            columns = np.where(fine[:, None, None], columns, 0.0) / f[:, :, None]
            r = np.log(f) - logs
            value = np.where(fine, 0.5 * (r * r).sum(axis=1), np.inf)
        taken = value < best[live]
        little = taken & (value > best[live] * (1 - 1e-13))
        counts[live] = np.where(little | ~taken, counts[live] + 1, 0)
        new = live[taken]
        best[new], at[new] = value[taken], trial[new]
        slopes[new] = np.einsum("snp,sn->sp", columns[taken], r[taken])
        gram[new] = np.einsum("snp,snq->spq", columns[taken], columns[taken])
        damping[live] = np.clip(
            np.where(taken, damping[live] * 0.1, damping[live] * 6), 1e-15, 1e15
        )
        live = np.flatnonzero((damping < 1e14) & (counts < 25))
        if not live.size:
            break
        g, h = slopes[live], gram[live]
        held = ((at[live] <= low[live]) & (g > 0)) | ((at[live] >= high[live]) & (g < 0))
        diagonal = np.einsum("spp->sp", h)
        full = h + eye * (damping[live, None] * diagonal + 1e-300)[:, None, :]
        full = np.where(held[:, :, None] | held[:, None, :], eye * diagonal.max() + eye, full)
        scale = np.sqrt(np.maximum(np.einsum("spp->sp", full), 1e-300))
        even = full / (scale[:, :, None] * scale[:, None, :])
        even = even + 1e-15 * eye
        g = np.where(held, 0.0, g)
        step = -np.linalg.solve(even, (g / scale)[:, :, None])[:, :, 0] / scale
        trial[live] = np.clip(at[live] + step, low[live], high[live])
    return best, at


def floors_of(draw: np.random.Generator, y: Values, count: int) -> Values:
    """Return floors from 0 to the smallest y, denser near it; one in six is 0."""
    floor = y.min() * (1 - 0.5 ** draw.uniform(0, 9, count))
    return np.where(draw.uniform(size=count) < 1 / 6, 0.0, floor)


def lines(basis: Values, y: Values, floor: Values) -> Values:
    """Return the coefficients of ln(y - floor) on a basis (starts, rows, p), weighted by (1 - floor/y)^2."""
    rest = np.maximum(y - floor[:, None], 1e-3 * y)
    weights = (rest / y)[:, :, None]
    with np.errstate(all="ignore"):
        gram = np.einsum("snp,snq->spq", basis * weights, basis * weights)
        side = np.einsum("snp,sn->sp", basis * weights, np.log(rest) * weights[:, :, 0])
    size = np.einsum("spp->sp", gram).max(axis=1)
    gram = gram + 1e-10 * size[:, None, None] * np.eye(basis.shape[2])
    return np.linalg.solve(gram, side[:, :, None])[:, :, 0]


# -- bnsl and hinge_power: q = E, c, a, b, d (and ln f): E + exp(c - a u - b bend(u - d)) ---------


def bnsl_both(q, u):
    floor, c, a, b, at, log_width = (q[:, k, None] for k in range(6))
    width = np.exp(log_width)
    z = (u - at) / width
    soft, slope = np.logaddexp(0, z), 1 / (1 + np.exp(-z))
    bent = np.exp(c - a * u - b * width * soft)
    by_width = -b * width * (soft - z * slope)
    columns = (1 + 0 * bent, bent, -bent * u, -bent * width * soft, bent * b * slope)
    return floor + bent, np.stack((*columns, bent * by_width), axis=2)


def bnsl_box(u, y):
    reach = u.max() - u.min()
    low = [0, -80, -20, -1e6, u.min() - 0.5 * reach, np.log(1e-7)]
    return np.array(low), np.array([TOP * y.min(), 80, 20, 1e6, u.max() + 0.5 * reach, np.log(30)])


def bnsl_starts(draw, u, y, count):
    floor, at = floors_of(draw, y, count), draw.uniform(u.min(), u.max(), count)
    width = np.exp(draw.uniform(np.log(0.03), np.log(3), count))
    soft = width[:, None] * np.logaddexp(0, (u - at[:, None]) / width[:, None])
    basis = np.stack((np.ones_like(soft), np.broadcast_to(-u, soft.shape), -soft), axis=2)
    return np.column_stack((floor, lines(basis, y, floor), at, np.log(width)))


def bnsl_truth(truth, middle):
    c = np.log(truth["B"]) - truth["c0"] * middle
    at = np.log(truth["d1"]) - middle
    return [truth["E"], c, truth["c0"], truth["c1"], at, np.log(truth["f1"])]


def hinge_both(q, u):
    floor, c, a, b, at = (q[:, k, None] for k in range(5))
    beyond = np.maximum(u - at, 0)
    bent = np.exp(c - a * u - b * beyond)
    columns = (1 + 0 * bent, bent, -bent * u, -bent * beyond, bent * b * (u > at))
    return floor + bent, np.stack(columns, axis=2)


def hinge_box(u, y):
    low, high = bnsl_box(u, y)
    low[4], high[4] = u.min(), u.max()
    return low[:5], high[:5]


def hinge_starts(u, y, low, high):
    """Return starts in every gap between rows, from eight floors and three places, and their boxes."""
    rows, floors = np.sort(u), y.min() * np.array([0, 0.5, 0.8, 0.93, 0.98, 0.995, 1.01, 1.03])
    starts, lows, highs = [], [], []
    for left, right in itertools.pairwise(rows):
        at = np.repeat(left + (right - left) * np.array([0.1, 0.5, 0.9]), floors.size)
        floor = np.tile(floors, 3)
        beyond = np.maximum(u - at[:, None], 0)
        basis = np.stack((np.ones_like(beyond), np.broadcast_to(-u, beyond.shape), -beyond), axis=2)
        starts.append(np.column_stack((floor, lines(basis, y, floor), at)))
        inside, outside = np.tile(low, (at.size, 1)), np.tile(high, (at.size, 1))
        inside[:, 4], outside[:, 4] = left, right
        lows.append(inside)
        highs.append(outside)
    return np.concatenate(starts), np.concatenate(lows), np.concatenate(highs)


def hinge_truth(truth, middle):
    c = truth["c0"] - truth["alpha0"] * middle
    return [truth["E"], c, truth["alpha0"], truth["c1"], truth["d1"] - middle]


# -- double_power: q = E, A1, a1, A2, a2, amplitudes at the smallest x ------------------------------


def double_both(q, u):
    floor, one, a, other, b = (q[:, k, None] for k in range(5))
    v = u - u.min()
    first, second = np.exp(-a * v), np.exp(-b * v)
    columns = (1 + 0 * first, first, -one * first * v, second, -other * second * v)
    return floor + one * first + other * second, np.stack(columns, axis=2)


def double_box(u, y):
    steep = 40 / np.diff(np.unique(u)).min()
    return np.zeros(5), np.array([TOP * y.min(), 1e6, steep, 1e6, steep])


def double_starts(draw, u, y, count):
    reach = u.max() - u.min()
    a = np.exp(draw.uniform(np.log(0.02), np.log(60), count)) / reach
    b = np.exp(draw.uniform(np.log(0.02), np.log(60), count)) / reach
    b[::10] = draw.uniform(1, 10, b[::10].size) / np.diff(np.unique(u)).min()
    v = u - u.min()
    first, second = np.exp(-np.outer(a, v)), np.exp(-np.outer(b, v))
    basis = np.stack((np.ones_like(first), first, second), axis=2) / y[:, None]
    gram = np.einsum("snp,snq->spq", basis, basis)
    side = basis.sum(axis=1)
    size = np.einsum("spp->sp", gram).max(axis=1)
    gram = gram + 1e-12 * size[:, None, None] * np.eye(3)
    linear = np.maximum(np.linalg.solve(gram, side[:, :, None])[:, :, 0], 1e-3)
    return np.column_stack((linear[:, 0], linear[:, 1], a, linear[:, 2], b))


def double_truth(truth, _middle):
    return [truth[name] for name in ("E", "A1", "alpha1", "A2", "alpha2")]


# -- stretched_exp: q = E, ln B, s, kappa: E + B exp(-s (exp(kappa u) - 1)/kappa) -------------------


def stretched_both(q, u):
    floor, log_size, s, kappa = (q[:, k, None] for k in range(4))
    grown = np.exp(kappa * u)
    g = np.expm1(kappa * u) / kappa
    bent = np.exp(log_size - s * g)
    columns = (1 + 0 * bent, bent, -bent * g, -bent * s * (u * grown - g) / kappa)
    return floor + bent, np.stack(columns, axis=2)


def stretched_box(u, y):
    return np.array([0, -80, 0, 1e-6]), np.array([TOP * y.min(), 80, 200, 2.0])


def stretched_starts(draw, u, y, count):
    floor = floors_of(draw, y, count)
    kappa = np.exp(draw.uniform(np.log(0.01), np.log(2), count))
    g = np.expm1(np.outer(kappa, u)) / kappa[:, None]
    linear = lines(np.stack((np.ones_like(g), -g), axis=2), y, floor)
    return np.column_stack((floor, linear, kappa))


def stretched_truth(truth, middle):
    kappa = truth["kappa"]
    reach = (np.exp(middle) / truth["tau"]) ** kappa
    return [truth["E"], np.log(truth["A"]) - reach, reach * kappa, kappa]


# -- m4: q = E, H - E, t, alpha, k: (1 - w)/w^k = exp(t - alpha u) for w = 1 - share ---------------


def m4_both(q, u):
    floor, size, t, alpha, k = (q[:, place, None] for place in range(5))
    right = t - alpha * u
    logit = np.where(right < 0, right, right / np.maximum(k, 0.02))
    for _ in range(60):
        share = 1 / (1 + np.exp(-logit))
        off = right - (k * np.logaddexp(0, logit) - np.logaddexp(0, -logit))
        step = off / (1 - share + k * share)
        logit = logit + np.clip(step, -30, 30)
        if not (np.abs(step) > 1e-13 * (1 + np.abs(logit))).any():
            break
    share, rest = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(logit))
    slope = size * share * rest / (rest + k * share)
    log_rest = -np.logaddexp(0, logit)
    columns = (1 + 0 * share, share, slope, -slope * u, slope * log_rest)
    return floor + size * share, np.stack(columns, axis=2)


def m4_box(u, y):
    low = np.array([0, 1e-8, -200, 0, 1e-3])
    return low, np.array([TOP * y.min(), 1e4, 200, 60, 60.0])


def m4_starts(draw, u, y, count):
    floor = np.minimum(floors_of(draw, y, count), 0.999 * y.min())
    top = y.max() * (1 + np.exp(draw.uniform(np.log(1e-3), np.log(5), count)))
    share = (y - floor[:, None]) / (top - floor)[:, None]
    rest = np.log1p(-share)
    basis = np.stack((np.ones_like(rest), np.broadcast_to(-u, rest.shape), rest), axis=2)
    gram = np.einsum("snp,snq->spq", basis, basis)
    gram = gram + 1e-10 * np.einsum("spp->sp", gram).max(axis=1)[:, None, None] * np.eye(3)
    side = np.einsum("snp,sn->sp", basis, np.log(share))
    linear = np.linalg.solve(gram, side[:, :, None])[:, :, 0]
    # ln share = t - alpha u + k ln(1 - share)
    return np.column_stack((floor, top - floor, linear[:, :2], np.maximum(linear[:, 2], 0.05)))


def m4_truth(truth, middle):
    size = truth["H"] - truth["E"]
    t = np.log(truth["A"]) - (1 - truth["k"]) * np.log(size) - truth["alpha"] * middle
    return [truth["E"], size, t, truth["alpha"], truth["k"]]


ANY = np.inf

MODELS = {
    "bnsl": Model(
        bnsl_both,
        bnsl_box,
        bnsl_starts,
        bnsl_truth,
        ((-1, -79, -19, -60, -ANY, np.log(2e-3)), (ANY, 79, 19, 60, ANY, np.log(25))),
    ),
    "hinge_power": Model(
        hinge_both,
        hinge_box,
        bnsl_starts,
        hinge_truth,
        ((-1, -79, -19, -60, -ANY), (ANY, 79, 19, 60, ANY)),
    ),
    "double_power": Model(
        double_both,
        double_box,
        double_starts,
        double_truth,
        ((-1, -1, -1, -1, -1), (ANY, 1e5, 20, 1e5, 20)),
    ),
    "stretched_exp": Model(
        stretched_both,
        stretched_box,
        stretched_starts,
        stretched_truth,
        ((-1, -79, -1, 1e-4), (ANY, 79, 190, ANY)),
    ),
    "m4": Model(
        m4_both, m4_box, m4_starts, m4_truth, ((-1, -1, -199, -1, 2e-3), (ANY, 9e3, 199, 59, 59))
    ),
}
"""Law -> how it is searched."""
