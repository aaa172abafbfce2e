"""Fits as an expert user of jax would write them: one compiled program for a whole batch, float64, CPU.

`newton` is damped Newton with exact derivatives, written here; `by_optimistix` the library's own
solvers. Both are mapped over a batch whose data are padded with rows of weight 0. A law is a function of
(q, columns) that returns what residuals are taken of, ln f for most tasks.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

if TYPE_CHECKING:
    from collections.abc import Callable

jax.config.update("jax_enable_x64", True)  # noqa: FBT003 - the signature is jax's

STEPS = 200
TOLERANCE = 1e-15


def squared(r, _delta):
    return 0.5 * r * r


def huber(r, delta):
    size = jnp.abs(r)
    return jnp.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))


def soft_l1(r, delta):
    return r * r / (1 + jnp.sqrt(1 + (r / delta) ** 2))


RHOS = {"squared": squared, "huber": huber, "soft_l1": soft_l1}


def walk(law, rho, start, low, data):
    """Return the objective and the point after damped Newton from one start, q >= low."""
    columns, logs, weights = data

    def residual(q):
        return law(q, columns) - logs

    def objective(q):
        return jnp.sum(jnp.where(weights > 0, weights * rho(residual(q)), 0.0))

    psi = jax.vmap(jax.grad(rho))

    def derivatives(q):
        value, slope = jax.value_and_grad(objective)(q)
        r = residual(q)
        secant = jnp.where(r == 0, 1.0, psi(r) / jnp.where(r == 0, 1.0, r))
        jacobian = jnp.where(weights[:, None] > 0, jax.jacfwd(residual)(q), 0.0)
        metric = jacobian.T @ (jacobian * (weights * secant)[:, None])
        return value, slope, jax.hessian(objective)(q), metric

    def more(state):
        return ~state[-1]

    def step(state):
        at, trial, best, slope, hessian, metric, damping, count, _ = state
        value, *found = derivatives(trial)
        taken = value < best
        at, best = jnp.where(taken, trial, at), jnp.where(taken, value, best)
        slope, hessian, metric = (
            jnp.where(taken, new, old)
            for new, old in zip(found, (slope, hessian, metric), strict=True)
        )
        damping = jnp.where(taken, jnp.maximum(damping * 0.1, 1e-14), damping * 8)
        held = (at <= low) & (slope > 0)
        down = jnp.where(held, 0.0, -slope)
        size = jnp.diagonal(metric)
        unit = jnp.eye(at.size)
        full = hessian + damping * metric + jnp.diag(1e-14 * size + 1e-300)
        full = jnp.where(held[:, None] | held[None, :], unit, full)
        ahead = jnp.linalg.solve(full, down)
        uphill = ~(down @ ahead >= 0)
        safe = metric * (1 + damping) + jnp.diag(1e-12 * size + 1e-300)
        safe = jnp.where(held[:, None] | held[None, :], unit, safe)
        ahead = jnp.where(uphill, jnp.linalg.solve(safe, down), ahead)
        done = (down @ ahead <= TOLERANCE * best) | (damping > 1e12) | (count >= STEPS)
        # A step that crosses the box ends on it, and the others go on from there.
        crosses = at + ahead < low
        onto = jnp.where(crosses, low - at, 0.0)
        onto = jnp.where(jnp.isfinite(onto), onto, 0.0)
        rest = jnp.where(crosses, onto, down - jnp.where(held, 0.0, full @ onto))
        reduced = jnp.where(crosses[:, None] | crosses[None, :], unit, full)
        ahead = jnp.where(crosses.any(), jnp.linalg.solve(reduced, rest), ahead)
        trial = jnp.maximum(at + ahead, low)
        return at, trial, best, slope, hessian, metric, damping, count + 1, done

    size = start.size
    zero, flat = jnp.zeros(size), jnp.zeros((size, size))
    state = (start, start, jnp.inf, zero, flat, flat, 1e-3, 0, jnp.array(False))  # noqa: FBT003
    at, _, best, *_ = jax.lax.while_loop(more, step, state)
    return best, at


def newton(law: Callable[..., Any], rho: Callable[..., Any], low: Any) -> Callable[..., Any]:
    """Return the solver of a batch: (starts, columns, logs, weights, delta) -> objectives and points."""
    low = jnp.asarray(low, dtype=float)

    def solve(start, columns, logs, weights, delta):
        return walk(law, lambda r: rho(r, delta), start, low, (columns, logs, weights))

    return jax.jit(jax.vmap(solve, in_axes=(0, 0, 0, 0, None)))


def by_optimistix(
    law: Callable[..., Any], rho: Callable[..., Any] | None, inside: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the same for optimistix: Levenberg-Marquardt for squares, BFGS where `rho` is given.

    `inside` maps free coordinates into the box, its inverse is `inside(q, inverse=True)`.
    """
    options = {"rtol": 1e-10, "atol": 1e-12}

    def solve(start, columns, logs, weights, delta):
        def residual(z, _args):
            r = law(inside(z), columns) - logs
            return jnp.where(weights > 0, jnp.sqrt(weights) * r, 0.0)

        def objective(z, _args):
            r = law(inside(z), columns) - logs
            return jnp.sum(jnp.where(weights > 0, weights * rho(r, delta), 0.0))

        free = inside(start, inverse=True)
        if rho is None:
            solver = optx.LevenbergMarquardt(**options)
            found = optx.least_squares(residual, solver, free, max_steps=500, throw=False)
            return 0.5 * jnp.sum(residual(found.value, None) ** 2), inside(found.value)
        solver = optx.BFGS(**options)
        found = optx.minimise(objective, solver, free, max_steps=500, throw=False)
        return objective(found.value, None), inside(found.value)

    return jax.jit(jax.vmap(solve, in_axes=(0, 0, 0, 0, None)))


def positive(*places: int) -> Callable[..., Any]:
    """Return the map of free coordinates that keeps these ones above nought, as exp."""

    def inside(z, *, inverse: bool = False):
        chosen = jnp.zeros(z.size, dtype=bool).at[jnp.array(places, dtype=int)].set(bool(places))
        if inverse:
            return jnp.where(chosen, jnp.log(jnp.maximum(z, 1e-6)), z)
        return jnp.where(chosen, jnp.exp(jnp.where(chosen, z, 0.0)), z)

    return inside


def compiled(solver: Callable[..., Any], *example: Any) -> tuple[Callable[..., Any], float]:
    """Return a solver that gives numpy arrays, and the seconds that its compilation took."""
    begin = time.perf_counter()
    ready = solver.lower(*example).compile()
    seconds = time.perf_counter() - begin

    def call(*given):
        return tuple(np.asarray(part) for part in jax.block_until_ready(ready(*given)))

    return call, seconds


# -- laws: ln f of (q, columns) ---------------------------------------------------------------------


def chinchilla(q, columns):
    """Q = a, b, e, alpha, beta; columns (rows, 2) are ln N and ln D."""
    terms = jnp.stack(
        (q[0] - q[3] * columns[:, 0], q[1] - q[4] * columns[:, 1], jnp.full(len(columns), q[2]))
    )
    return jax.nn.logsumexp(terms, axis=0)


def power_offset(q, line):
    """Q = E, ln A, alpha."""
    return jnp.log(q[0] + jnp.exp(q[1] - q[2] * line))


def bnsl(q, u):
    """Q = E, c, a, b, d, ln f."""
    width = jnp.exp(q[5])
    bend = width * jax.nn.softplus((u - q[4]) / width)
    return jnp.log(q[0] + jnp.exp(q[1] - q[2] * u - q[3] * bend))


def hinge_power(q, u):
    """Q = E, c, a, b, d."""
    return jnp.log(q[0] + jnp.exp(q[1] - q[2] * u - q[3] * jnp.maximum(u - q[4], 0.0)))


def double_power(q, u):
    """Q = E, A1, a1, A2, a2; u from the smallest."""
    return jnp.log(q[0] + q[1] * jnp.exp(-q[2] * u) + q[3] * jnp.exp(-q[4] * u))


def stretched_exp(q, u):
    """Q = E, ln B, s, kappa."""
    return jnp.log(q[0] + jnp.exp(q[1] - q[2] * jnp.expm1(q[3] * u) / q[3]))


def m4(q, u):
    """Q = E, H - E, t, alpha, k; the equation by Newton, its derivatives by one step more."""
    right, k = q[2] - q[3] * u, q[4]

    def newton_step(logit, right, k):
        share = jax.nn.sigmoid(logit)
        off = right - (k * jax.nn.softplus(logit) - jax.nn.softplus(-logit))
        return logit + jnp.clip(off / (1 - share + k * share), -30, 30)

    fixed, given = jax.lax.stop_gradient(right), jax.lax.stop_gradient(k)
    logit = jnp.where(fixed < 0, fixed, fixed / jnp.maximum(given, 0.02))
    logit = jax.lax.fori_loop(0, 30, lambda _, s: newton_step(s, fixed, given), logit)
    for _ in range(2):  # exact first and second derivatives
        logit = newton_step(jax.lax.stop_gradient(logit) if _ == 0 else logit, right, k)
    return jnp.log(q[0] + q[1] * jax.nn.sigmoid(logit))


def raw_power(q, x):
    """Q = E, A, c, of raw residuals."""
    return q[0] + q[1] * x ** -q[2]


LAWS = {
    "bnsl": bnsl,
    "hinge_power": hinge_power,
    "double_power": double_power,
    "stretched_exp": stretched_exp,
    "m4": m4,
}

POSITIVE = {
    "bnsl": (0,),
    "hinge_power": (0,),
    "double_power": (0, 1, 2, 3, 4),
    "stretched_exp": (0, 2, 3),
    "m4": (0, 1, 3, 4),
}
"""Law -> the coordinates that are not negative."""


def scan_offset(rounds: int) -> Callable[..., Any]:
    """Return the scan of (E, ln A, alpha) for a batch: twenty exponents, reweighted for a robust loss."""

    def scan(line, logs, weights, delta):
        y = jnp.exp(logs)
        alphas = jnp.geomspace(0.05, 30.0, 20) / line.max()
        power = jnp.exp(-alphas[:, None] * line)
        base, b = jnp.broadcast_to(1 / y, power.shape), power / y
        w = jnp.broadcast_to(weights, power.shape)
        for turn in range(rounds):
            aa, ab, bb = ((w * p * q).sum(1) for p, q in ((base, base), (base, b), (b, b)))
            ta, tb = (w * base).sum(1), (w * b).sum(1)
            det = aa * bb - ab * ab
            floor, scale = (ta * bb - tb * ab) / det, (tb * aa - ta * ab) / det
            floor, scale = jnp.maximum(floor, 0.0), jnp.where(floor < 0, tb / bb, scale)
            floor, scale = jnp.where(scale <= 0, ta / aa, floor), jnp.maximum(scale, 1e-9)
            r = floor[:, None] * base + scale[:, None] * b - 1
            w = weights / jnp.maximum(jnp.abs(r), jnp.maximum(delta, 0.1 * 0.3**turn))
        rho = squared if rounds == 1 else soft_l1
        best = jnp.argmin((weights * rho(r, delta)).sum(1))
        return (jnp.stack((floor[best], jnp.log(scale[best]), alphas[best])),)

    return jax.jit(jax.vmap(scan, in_axes=(0, 0, 0, None)))


def scan_raw() -> Callable[..., Any]:
    """Return the scan of (E, A, c) for a batch of raw squares: seventeen exponents, two solved exactly."""

    def scan(x, y, weights):
        exponents = 0.01 * 500.0 ** (jnp.arange(17) / 16)
        power = x[None, :] ** -exponents[:, None]
        n = weights.sum()
        mean, level = (weights * power).sum(1) / n, (weights * y).sum() / n
        centred = power - mean[:, None]
        scale = (weights * centred * (y - level)).sum(1) / (weights * centred**2).sum(1)
        r = y - level - scale[:, None] * centred
        best = jnp.argmin((weights * r * r).sum(1))
        return (jnp.stack((level - scale[best] * mean[best], scale[best], exponents[best])),)

    return jax.jit(jax.vmap(scan))


def newton_offset(shape: str) -> Callable[..., Any]:
    return newton(power_offset, RHOS[shape], [0.0, -jnp.inf, 0.0])


def optimistix_offset(shape: str) -> Callable[..., Any]:
    return by_optimistix(power_offset, None if shape == "squared" else RHOS[shape], positive(0, 2))
