"""Short curves as an expert user of numba would fit them: damped Newton, and Levenberg-Marquardt of any law."""

from __future__ import annotations

import numpy as np
from numba import njit

SQUARED, HUBER, SOFT_L1 = 0, 1, 2


@njit(cache=False, error_model="numpy")
def newton_offset(lines, logs, weights, kind, delta, start):
    """Return the objective and (E, ln A, alpha) after Newton from a start, E held at nought or above.

    `lines` and `logs` are logarithms of x over its smallest and of y; the Hessian is exact, and its
    damping has the metric of reweighted least squares.
    """
    at, trial = start.copy(), start.copy()
    best, mu = np.inf, 1e-4
    g, h, m = np.zeros(3), np.zeros((3, 3)), np.zeros((3, 3))
    row = np.zeros(3)
    for _ in range(1000):
        value = 0.0
        g2, h2, m2 = np.zeros(3), np.zeros((3, 3)), np.zeros((3, 3))
        for i in range(len(logs)):
            power = np.exp(trial[1] - trial[2] * lines[i])
            f = trial[0] + power
            r = np.log(f) - logs[i]
            if kind == SQUARED:
                rho, psi, curvature, secant = 0.5 * r * r, r, 1.0, 1.0
            elif kind == HUBER:
                size = abs(r)
                inside = size <= delta
                rho = 0.5 * r * r if inside else delta * (size - 0.5 * delta)
                psi = min(max(r, -delta), delta)
                curvature = 1.0 if inside else 0.0
                secant = 1.0 if inside else delta / size
            else:
                root = np.sqrt(1.0 + (r / delta) ** 2)
                rho, psi, curvature, secant = r * r / (1.0 + root), r / root, root**-3, 1.0 / root
            w = weights[i]
            value += w * rho
            row[0], row[1], row[2] = 1.0 / f, power / f, -lines[i] * power / f
            for j in range(3):
                g2[j] += w * psi * row[j]
                for k in range(3):
                    h2[j, k] += w * (curvature - psi) * row[j] * row[k]
                    m2[j, k] += w * secant * row[j] * row[k]
            h2[1, 1] += w * psi * row[1]
            h2[1, 2] += w * psi * row[2]
            h2[2, 1] += w * psi * row[2]
            h2[2, 2] -= w * psi * row[2] * lines[i]
        if value < best:
            at, best, g, h, m = trial.copy(), value, g2, h2, m2
            mu = max(mu * 0.1, 1e-14)
        else:
            mu = max(mu * 8.0, 1e-8)
            if mu > 1e12:
                break
        full, down = h + mu * m, -g
        for j in range(3):
            full[j, j] += 1e-14 * m[j, j] + 1e-300
        if at[0] <= 0.0 and g[0] > 0.0:
            full[0, :] = 0.0
            full[:, 0] = 0.0
            full[0, 0], down[0] = 1.0, 0.0
        step = np.linalg.solve(full, down)
        gain = np.dot(down, step)
        if gain < 0.0 or not np.isfinite(gain):
            mu, trial = max(mu * 30.0, 1e-3), at.copy()
            continue
        if gain <= 1e-15 * best:
            break
        if at[0] + step[0] < 0.0:  # onto the face, and the other two from there
            step[0] = -at[0]
            rest = down[1:] - full[1:, 0] * step[0]
            step[1:] = np.linalg.solve(full[1:, 1:].copy(), rest)
        trial = at + step
    return best, at


@njit(cache=False, error_model="numpy")
def fit_offset(lines, logs, kind, delta):
    """Return (E, ln A, alpha) by a scan of exponents, reweighted for a robust loss, and Newton.

    Absolute deviations are `delta` = 0: Huber's loss, its delta falling to 1e-9.
    """
    n, reach = len(logs), lines.max()
    y, weights, ones = np.exp(logs), np.ones(n), np.ones(n)
    least, start = np.inf, np.zeros(3)
    first = 1e-3 if delta == 0.0 else delta
    rounds = 1 if kind == SQUARED else 5
    for k in range(20):
        alpha = 0.05 * 600.0 ** (k / 19.0) / reach
        weights[:] = 1.0
        floor, scale = 0.0, 0.0
        for turn in range(rounds):
            aa, ab, bb, ta, tb = 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(n):
                p, q = 1.0 / y[i], np.exp(-alpha * lines[i]) / y[i]
                w = weights[i]
                aa, ab, bb = aa + w * p * p, ab + w * p * q, bb + w * q * q
                ta, tb = ta + w * p, tb + w * q
            det = aa * bb - ab * ab
            floor, scale = (ta * bb - tb * ab) / det, (tb * aa - ta * ab) / det
            if floor < 0.0:
                floor, scale = 0.0, tb / bb
            if scale <= 0.0:
                floor, scale = ta / aa, 1e-9
            width = max(first, 0.1 * 0.3**turn)
            for i in range(n):
                off = abs((floor + scale * np.exp(-alpha * lines[i])) / y[i] - 1.0)
                weights[i] = 1.0 / max(off, width)
        value = 0.0
        for i in range(n):
            r = (floor + scale * np.exp(-alpha * lines[i])) / y[i] - 1.0
            if kind == SQUARED:
                value += 0.5 * r * r
            else:
                value += first * (np.sqrt(first * first + r * r) - first)
        if value < least:
            least = value
            start[0], start[1], start[2] = floor, np.log(scale), alpha
    if delta > 0.0 or kind == SQUARED:
        return newton_offset(lines, logs, ones, kind, delta, start)[1]
    width = 1e-3
    while width > 5e-10:
        start = newton_offset(lines, logs, ones, HUBER, width, start)[1]
        width *= 0.1
    return start


@njit(cache=False, error_model="numpy")
def bnsl(q, u, columns):
    """Fill the slopes and return the value of a row; q = E, c, a, b, d, ln f."""
    width = np.exp(q[5])
    z = (u - q[4]) / width
    soft = max(z, 0.0) + np.log1p(np.exp(-abs(z)))
    slope = 1.0 / (1.0 + np.exp(-z))
    bent = np.exp(q[1] - q[2] * u - q[3] * width * soft)
    columns[0], columns[1], columns[2], columns[3] = 1.0, bent, -bent * u, -bent * width * soft
    columns[4], columns[5] = bent * q[3] * slope, -bent * q[3] * width * (soft - z * slope)
    return q[0] + bent


@njit(cache=False, error_model="numpy")
def hinge_power(q, u, columns):
    """Fill the slopes and return the value of a row; q = E, c, a, b, d."""
    beyond = max(u - q[4], 0.0)
    bent = np.exp(q[1] - q[2] * u - q[3] * beyond)
    columns[0], columns[1], columns[2], columns[3] = 1.0, bent, -bent * u, -bent * beyond
    columns[4] = bent * q[3] if u > q[4] else 0.0
    return q[0] + bent


@njit(cache=False, error_model="numpy")
def double_power(q, u, columns):
    """Fill the slopes and return the value of a row; q = E, A1, a1, A2, a2, u from the smallest."""
    first, second = np.exp(-q[2] * u), np.exp(-q[4] * u)
    columns[0], columns[1], columns[2] = 1.0, first, -q[1] * first * u
    columns[3], columns[4] = second, -q[3] * second * u
    return q[0] + q[1] * first + q[3] * second


@njit(cache=False, error_model="numpy")
def stretched_exp(q, u, columns):
    """Fill the slopes and return the value of a row; q = E, ln B, s, kappa."""
    grown, g = np.exp(q[3] * u), np.expm1(q[3] * u) / q[3]
    bent = np.exp(q[1] - q[2] * g)
    columns[0], columns[1], columns[2] = 1.0, bent, -bent * g
    columns[3] = -bent * q[2] * (u * grown - g) / q[3]
    return q[0] + bent


@njit(cache=False, error_model="numpy")
def m4(q, u, columns):
    """Fill the slopes and return the value of a row; q = E, H - E, t, alpha, k."""
    right, k = q[2] - q[3] * u, q[4]
    logit = right if right < 0.0 else right / max(k, 0.02)
    for _ in range(60):
        e = np.exp(-abs(logit))
        soft = np.log1p(e)
        share = 1.0 / (1.0 + e) if logit > 0.0 else e / (1.0 + e)
        off = right - (k * (max(logit, 0.0) + soft) - (max(-logit, 0.0) + soft))
        step = min(max(off / (1.0 - share + k * share), -30.0), 30.0)
        logit += step
        if abs(step) <= 1e-13 * (1.0 + abs(logit)):
            break
    share, rest = 1.0 / (1.0 + np.exp(-logit)), 1.0 / (1.0 + np.exp(logit))
    slope = q[1] * share * rest / (rest + k * share)
    columns[0], columns[1], columns[2], columns[3] = 1.0, share, slope, -slope * u
    columns[4] = -slope * (max(logit, 0.0) + np.log1p(np.exp(-abs(logit))))
    return q[0] + q[1] * share


LAWS = {
    "bnsl": bnsl,
    "hinge_power": hinge_power,
    "double_power": double_power,
    "stretched_exp": stretched_exp,
    "m4": m4,
}


@njit(cache=False, error_model="numpy")
def levenberg(law, u, logs, start, low, high):
    """Return the objective and the point after Levenberg-Marquardt in a box: squared log residuals."""
    p = len(start)
    at, trial = np.minimum(np.maximum(start, low), high), np.minimum(np.maximum(start, low), high)
    best, mu, idle = np.inf, 1e-3, 0
    g, h, columns = np.zeros(p), np.zeros((p, p)), np.zeros(p)
    for _ in range(500):
        value = 0.0
        g2, h2 = np.zeros(p), np.zeros((p, p))
        for i in range(len(logs)):
            f = law(trial, u[i], columns)
            r = np.log(f) - logs[i]
            value += 0.5 * r * r
            for j in range(p):
                g2[j] += r * columns[j] / f
                for k in range(j + 1):
                    h2[j, k] += columns[j] * columns[k] / (f * f)
        if value < best:
            idle = idle + 1 if value > best * (1.0 - 1e-13) else 0
            at, best, g, h = trial.copy(), value, g2, h2
            mu = max(mu * 0.1, 1e-14)
        else:
            mu *= 6.0
        if mu > 1e12 or idle > 5:
            break
        full, down = h.copy(), -g
        for j in range(p):
            for k in range(j):
                full[k, j] = full[j, k]
        for j in range(p):
            full[j, j] += mu * h[j, j] + 1e-300
            if (at[j] <= low[j] and g[j] > 0.0) or (at[j] >= high[j] and g[j] < 0.0):
                full[j, :] = 0.0
                full[:, j] = 0.0
                full[j, j], down[j] = 1.0, 0.0
        step = np.linalg.solve(full, down)
        if np.dot(down, step) <= 1e-14 * best:
            break
        trial = np.minimum(np.maximum(at + step, low), high)
    return best, at
