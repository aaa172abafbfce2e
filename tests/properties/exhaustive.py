"""The best E + A x^-alpha of one curve by exhaustive search, in numpy alone: log residuals, E, A, alpha >= 0.

At each of 400 exponents, up to the steepest that doubles can write down, the two others are solved exactly: by
Newton's method from a reweighted line, beside both faces; under absolute deviations by trying every
pair of rows. Every valley of this profile is then narrowed until nothing changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

STRAIGHT, EXPONENTS = 40, 360
"""Exponents of curves that are straight in ln x to a hundredth, and of all others."""

VALLEYS = 6
"""How many valleys of the profile are narrowed, the deepest first."""

ZOOM = 15
"""Exponents of each narrowing, between the two neighbours of a valley."""

AT_INFINITY = 1e-7
"""An exponent is infinite where its limit is this near, relatively, to the best of the finite ones, or lower."""

LARGEST = 700.0
"""Logarithm of the largest power of the smallest x that A may hold."""

CHUNK = 200_000
"""Numbers held at once while pairs of rows are tried."""


class Best(NamedTuple):
    """The least objective of a finite exponent, its point, and whether an infinite one is as good or better."""

    objective: float
    floor: float
    scale: float
    alpha: float
    at_infinity: bool


class Rho(NamedTuple):
    """A loss, its derivative, and its second derivative; `width` is where its core ends."""

    value: Callable[[Values], Values]
    psi: Callable[[Values], Values]
    curvature: Callable[[Values], Values]
    width: float


def huber(d: float) -> Rho:
    def value(r):
        size = np.abs(r)
        return np.where(size <= d, 0.5 * r * r, d * (size - 0.5 * d))

    return Rho(value, lambda r: np.clip(r, -d, d), lambda r: (np.abs(r) <= d).astype(float), d)


def soft_l1(d: float) -> Rho:
    def root(r):
        return np.sqrt(1 + (r / d) ** 2)

    def value(r):
        return r * r / (1 + root(r))  # d^2 (root - 1) without its cancellation

    return Rho(value, lambda r: r / root(r), lambda r: root(r) ** -3, d)


RHOS = {
    "Squared": Rho(lambda r: 0.5 * r * r, lambda r: r, np.ones_like, np.inf),
    "Huber(1e-2)": huber(1e-2),
    "Huber(1e-3)": huber(1e-3),
    "SoftL1(1e-2)": soft_l1(1e-2),
}
"""The smooth losses; "Absolute" has its own search."""


def best_power_offset(x: Values, y: Values, loss: str) -> Best:
    """Return the best known point of one curve under a loss of `RHOS` or "Absolute"."""
    unit, first = np.median(y), x.min()
    line, target = np.log(x / first), y / unit

    def profile(powers: Values) -> tuple[Values, Values, Values]:
        if loss == "Absolute":
            return by_pairs(powers, target)
        return by_newton(powers, target, RHOS[loss])

    # Steeper than this only the rows at the smallest x feel the power, or A is out of reach of doubles.
    steep = 40.0 / line[line > 0].min()
    steep = min(steep, LARGEST / np.log(first)) if first > 1 else steep
    bent = 1e-2 / line.max()
    straight = np.geomspace(1e-6 * bent, bent, STRAIGHT, endpoint=False)
    alphas = np.append(straight, np.geomspace(bent, steep, EXPONENTS))
    found, floors, scales = profile(np.exp(-alphas[:, None] * line))
    best = np.argmin(found)
    finite = (found[best], floors[best], scales[best], alphas[best])
    low, high = brackets(alphas, found)
    while low.size:
        inner = np.exp(np.linspace(np.log(low), np.log(high), ZOOM, axis=1))
        found, floors, scales = profile(np.exp(-inner.reshape(-1, 1) * line))
        found = found.reshape(inner.shape)
        places = found.argmin(axis=1)
        rows = np.arange(low.size)
        deepest = np.argmin(found[rows, places])
        flat = deepest * ZOOM + places[deepest]
        if found.flat[flat] < finite[0]:
            finite = (found.flat[flat], floors[flat], scales[flat], inner.flat[flat])
        low = inner[rows, np.maximum(places - 1, 0)]
        high = inner[rows, np.minimum(places + 1, ZOOM - 1)]
        wide = high / low > 1 + (1e-13 if loss == "Absolute" else 1e-7)
        low, high = low[wide], high[wide]
    limit = profile((line[None] == 0).astype(float))[0][0]
    at_infinity = bool(limit < finite[0] * (1 + AT_INFINITY))
    value, floor, scale, alpha = (float(number) for number in finite)
    return Best(value, floor * unit, scale * unit * float(first) ** alpha, alpha, at_infinity)


def objective_of(x: Values, y: Values, params: dict[str, float], loss: str) -> float:
    """Return the objective at natural parameters; NaN where they are out of reach of doubles."""
    with np.errstate(all="ignore"):
        power = np.exp(np.log(params["A"]) - params["alpha"] * np.log(x))
        r = np.log(params["E"] + power) - np.log(y)
    value = np.abs if loss == "Absolute" else RHOS[loss].value
    return float(value(r).sum())


def brackets(alphas: Values, found: Values) -> tuple[Values, Values]:
    """Return the neighbours of the deepest valleys of a profile."""
    padded = np.concatenate(([np.inf], found, [np.inf]))
    valleys = np.flatnonzero((found <= padded[:-2]) & (found < padded[2:]))
    valleys = valleys[np.argsort(found[valleys])][:VALLEYS]
    last = alphas.size - 1
    return alphas[np.maximum(valleys - 1, 0)], alphas[np.minimum(valleys + 1, last)]


def by_pairs(powers: Values, y: Values) -> tuple[Values, Values, Values]:
    """Return the least sums of absolute deviations, E and A for rows of powers, shape (exponents, rows).

    A best curve of a given exponent passes through two rows, or through one on a face.
    """
    one, other = np.triu_indices(y.size, 1)
    found, floors, scales = (np.full(len(powers), np.inf) for _ in range(3))
    step = max(1, CHUNK // (y.size * (one.size + 2 * y.size)))
    logs = np.log(y)
    for begin in range(0, len(powers), step):
        b = powers[begin : begin + step]
        none = np.zeros_like(b)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = (y[one] - y[other]) / (b[:, one] - b[:, other])
            scale = np.concatenate((slope, y / b, none), axis=1)
            floor = np.concatenate((y[one] - slope * b[:, one], none, none + y), axis=1)
            fine = (floor >= 0) & (scale >= 0) & np.isfinite(scale)
            floor, scale = np.where(fine, floor, 1.0), np.where(fine, scale, 0.0)
            f = floor[:, :, None] + scale[:, :, None] * b[:, None, :]
            sums = np.where(fine, np.abs(np.log(f) - logs).sum(axis=2), np.inf)
        place, rows = sums.argmin(axis=1), np.arange(len(b))
        here = slice(begin, begin + len(b))
        found[here], floors[here], scales[here] = (a[rows, place] for a in (sums, floor, scale))
    return found, floors, scales


def by_newton(powers: Values, y: Values, rho: Rho) -> tuple[Values, Values, Values]:
    """Return the least objectives, E and A for rows of powers, shape (exponents, rows)."""
    floor, scale = reweighted(powers, y, rho.width)
    value, floor, scale = newton(powers, np.log(y), floor, scale, rho)
    value = np.where((floor >= 0) & (scale >= 0), value, np.inf)
    none = np.zeros(1)
    level, flat = location(np.log(y)[None], rho)
    with np.errstate(divide="ignore"):
        shifted = np.log(y) - np.log(powers)
    usable = np.isfinite(shifted).all(axis=1)
    pure, size = np.full(len(powers), np.inf), np.zeros(len(powers))
    pure[usable], size[usable] = location(shifted[usable], rho)
    candidates = np.stack((value, pure, np.broadcast_to(level, value.shape)))
    which, rows = candidates.argmin(axis=0), np.arange(len(powers))
    floors = np.stack((floor, np.zeros_like(size), np.broadcast_to(np.exp(flat), value.shape)))
    scales = np.stack((scale, np.exp(size), np.broadcast_to(none, value.shape)))
    return candidates[which, rows], floors[which, rows], scales[which, rows]


def location(z: Values, rho: Rho) -> tuple[Values, Values]:
    """Return the least sum of rho(c - z) along the last axis, and c, by bisection of its slope."""
    low, high = z.min(axis=-1), z.max(axis=-1)
    for _ in range(70):
        middle = 0.5 * (low + high)
        rises = rho.psi(middle[..., None] - z).sum(axis=-1) > 0
        low, high = np.where(rises, low, middle), np.where(rises, middle, high)
    middle = 0.5 * (low + high)
    return rho.value(middle[..., None] - z).sum(axis=-1), middle


def reweighted(powers: Values, y: Values, width: float) -> tuple[Values, Values]:
    """Return E and A of the relative residuals, reweighted while the core of the loss narrows."""
    b, base = powers / y, np.broadcast_to(1 / y, powers.shape)
    weights = np.ones_like(b)
    for turn in range(1 if np.isinf(width) else 14):
        aa, ab, bb = ((weights * p * q).sum(axis=1) for p, q in ((base, base), (base, b), (b, b)))
        ta, tb = (weights * base).sum(axis=1), (weights * b).sum(axis=1)
        det = aa * bb - ab * ab
        fine = det > 1e-14 * aa * bb
        det = np.where(fine, det, 1.0)
        floor = np.where(fine, (ta * bb - tb * ab) / det, ta / aa)
        scale = np.where(fine, (tb * aa - ta * ab) / det, 0.0)
        off = np.abs(floor[:, None] * base + scale[:, None] * b - 1)
        weights = 1 / np.maximum(off, max(0.1 * 0.5**turn, min(width, 0.1)))
    return floor, scale


def newton(
    powers: Values, logs: Values, floor: Values, scale: Values, rho: Rho
) -> tuple[Values, Values, Values]:
    """Return objective, E and A after damped Newton in both; neither is held at 0."""
    # Where the line in relative residuals is not positive at every row, begin from a level.
    bad = (floor[:, None] + scale[:, None] * powers <= 0).any(axis=1)
    floor = np.where(bad, np.exp(np.median(logs)), floor)
    scale = np.where(bad, 0.0, scale)
    best, damping = np.full(len(powers), np.inf), np.full(len(powers), 1e-4)
    trial = np.stack((floor, scale))
    at = trial.copy()
    slopes, exact, metric = (
        np.zeros((2, best.size)),
        np.ones((3, best.size)),
        np.ones((3, best.size)),
    )
    for _ in range(120):
        f = trial[0][:, None] + trial[1][:, None] * powers
        inside = (f > 0).all(axis=1)
        f = np.where(inside[:, None], f, 1.0)
        r = np.log(f) - logs
        value = np.where(inside, rho.value(r).sum(axis=1), np.inf)
        taken = value < best
        best, at = np.where(taken, value, best), np.where(taken, trial, at)
        damping = np.clip(np.where(taken, damping * 0.1, damping * 8), 1e-14, 1e12)
        psi = rho.psi(r)
        with np.errstate(divide="ignore", invalid="ignore"):
            secant = np.where(r == 0, 1.0, psi / r)
        pairs = ((1 / f, 1 / f), (1 / f, powers / f), (powers / f, powers / f))
        g = np.stack(((psi / f).sum(axis=1), (psi * powers / f).sum(axis=1)))
        h = np.stack([((rho.curvature(r) - psi) * p * q).sum(axis=1) for p, q in pairs])
        m = np.stack([(secant * p * q).sum(axis=1) for p, q in pairs])
        slopes, exact, metric = (
            np.where(taken, new, old) for new, old in ((g, slopes), (h, exact), (m, metric))
        )
        full = exact + damping * metric
        full[[0, 2]] += 1e-300
        det = full[0] * full[2] - full[1] ** 2
        convex = (full[0] > 0) & (det > 1e-15 * full[0] * full[2])
        full = np.where(convex, full, metric * (1 + damping))
        full[[0, 2]] *= 1 + 1e-14
        det = np.maximum(full[0] * full[2] - full[1] ** 2, 1e-300)
        step = np.stack(
            (full[1] * slopes[1] - full[2] * slopes[0], full[1] * slopes[0] - full[0] * slopes[1])
        )
        step /= det
        if (np.abs((slopes * step).sum(axis=0)) <= 1e-15 * best).all():
            break
        trial = at + step
    return best, *at
