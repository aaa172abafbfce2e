"""Refits as an expert user of numba would write them: one function a task, on one thread."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=False, fastmath=False)
def refit_t1(n, d, y, w, start, delta):
    """Newton with Levenberg damping for (a, b, e, alpha, beta), Huber of the log residual.

    `n` and `d` are logarithms, `w` counts of rows; the damping has the metric of all rows.
    """
    x = start.copy()
    best, mu = np.inf, 1e-4
    trial = x.copy()
    g, h, m = np.zeros(5), np.zeros((5, 5)), np.zeros((5, 5))
    row = np.zeros(5)
    for _ in range(200):
        value = 0.0
        g2, h2, m2 = np.zeros(5), np.zeros((5, 5)), np.zeros((5, 5))
        floor = np.exp(trial[2])
        for i in range(len(y)):
            if w[i] == 0.0:
                continue
            first = np.exp(trial[0] - trial[3] * n[i])
            second = np.exp(trial[1] - trial[4] * d[i])
            f = first + second + floor
            r = np.log(f) - y[i]
            row[0], row[1], row[2] = first / f, second / f, floor / f
            row[3], row[4] = -n[i] * row[0], -d[i] * row[1]
            small = abs(r) <= delta
            value += w[i] * (0.5 * r * r if small else delta * (abs(r) - 0.5 * delta))
            psi = w[i] * min(max(r, -delta), delta)
            for j in range(5):
                g2[j] += psi * row[j]
                for k in range(j + 1):
                    p = w[i] * row[j] * row[k]
                    m2[j, k] += p
                    if small:
                        h2[j, k] += p
        if value < best:
            best, x, g, h, m = value, trial.copy(), g2, h2, m2
            mu = max(mu * 0.1, 1e-12)
        else:
            mu *= 8.0
            if mu > 1e10:
                break
        full = h + mu * m
        for j in range(5):
            for k in range(j):
                full[k, j] = full[j, k]
            full[j, j] += 1e-14 * m[j, j]
        step = np.linalg.solve(full, -g)
        if -np.dot(g, step) <= 1e-14 * best:
            break
        trial = x + step
    return x


@njit(cache=False)
def fit_t3(x, y):
    """Return E, A, c: the two linear ones by projection, Gauss-Newton in ln c from a scan."""
    n, logs = len(x), np.log(x)
    least, best_c = np.inf, 0.5
    for k in range(17):
        c = 0.01 * 500.0 ** (k / 16.0)
        s1, s2, t0, t1, yy = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            p = np.exp(-c * logs[i])
            s1 += p
            s2 += p * p
            t0 += y[i]
            t1 += p * y[i]
            yy += y[i] * y[i]
        det = n * s2 - s1 * s1
        scale = (n * t1 - s1 * t0) / det
        cost = yy - (t0 - scale * s1) / n * t0 - scale * t1
        if cost < least:
            least, best_c = cost, c
    u, last, step = np.log(best_c), np.inf, 0.0
    keep = (0.0, 0.0, 1.0)
    at = u
    power = np.empty(n)
    for _ in range(100):
        c = np.exp(at)
        s1, t0 = 0.0, 0.0
        for i in range(n):
            power[i] = np.exp(-c * logs[i])
            s1 += power[i]
            t0 += y[i]
        mean, level = s1 / n, t0 / n
        s2, t1, q1, q0 = 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            p = power[i] - mean
            s2 += p * p
            t1 += p * (y[i] - level)
            slope = -power[i] * logs[i] * c
            q0 += slope
            q1 += p * slope
        scale = t1 / s2
        cost, num, den = 0.0, 0.0, 0.0
        for i in range(n):
            p = power[i] - mean
            r = y[i] - level - scale * p
            g = scale * (-power[i] * logs[i] * c - q0 / n - q1 / s2 * p)
            cost += r * r
            num += g * r
            den += g * g
        if cost < last:
            u, last, keep = at, cost, (level - scale * mean, scale, c)
            if den == 0.0 or num * num <= 1e-13 * cost * den:
                break
            step = min(max(num / den, -1.0), 1.0)
        else:
            step *= 0.25
            if abs(step) < 1e-12:
                break
        at = u + step
    return keep


@njit(cache=False)
def refit_t4(x, y, w, start):
    """Levenberg-Marquardt for (E, ln B, c0, c1, ln f, ln d), E held at nought or above."""
    at, trial = start.copy(), start.copy()
    best, mu = np.inf, 1e-3
    g, h, row = np.zeros(6), np.zeros((6, 6)), np.zeros(6)
    for _ in range(500):
        value = 0.0
        g2, h2 = np.zeros(6), np.zeros((6, 6))
        width = np.exp(trial[4])
        for i in range(len(y)):
            if w[i] == 0.0:
                continue
            z = (x[i] - trial[5]) / width
            soft = max(z, 0.0) + np.log1p(np.exp(-abs(z)))
            slope = 1.0 / (1.0 + np.exp(-z))
            bent = np.exp(trial[1] - trial[2] * x[i] - trial[3] * width * soft)
            f = trial[0] + bent
            r, q = np.log(f) - y[i], bent / f
            row[0], row[1], row[2], row[3] = 1.0 / f, q, -q * x[i], -q * width * soft
            row[4], row[5] = -q * trial[3] * width * (soft - z * slope), q * trial[3] * slope
            value += 0.5 * w[i] * r * r
            for j in range(6):
                g2[j] += w[i] * r * row[j]
                for k in range(6):
                    h2[j, k] += w[i] * row[j] * row[k]
        if value < best:
            at, best, g, h = trial.copy(), value, g2, h2
            mu = max(mu * 0.1, 1e-14)
        else:
            mu *= 6.0
            if mu > 1e12:
                break
        full, down = h.copy(), -g
        for j in range(6):
            full[j, j] += mu * h[j, j] + 1e-300
        if at[0] <= 0.0 and g[0] > 0.0:
            full[0, :] = 0.0
            full[:, 0] = 0.0
            full[0, 0], down[0] = 1.0, 0.0
        step = np.linalg.solve(full, down)
        if np.dot(down, step) <= 1e-14 * best:
            break
        trial = at + step
        trial[0] = max(trial[0], 0.0)
    return at


@njit(cache=False)
def fit_t5(n, d, y, start):
    """Levenberg-Marquardt for (a, b, e, alpha, beta), squared log residual; arrays of logarithms."""
    x, trial = start.copy(), start.copy()
    best, mu = np.inf, 1e-3
    g, h, row = np.zeros(5), np.zeros((5, 5)), np.zeros(5)
    for _ in range(100):
        value = 0.0
        g2, h2 = np.zeros(5), np.zeros((5, 5))
        floor = np.exp(trial[2])
        for i in range(len(y)):
            first = np.exp(trial[0] - trial[3] * n[i])
            second = np.exp(trial[1] - trial[4] * d[i])
            f = first + second + floor
            r = np.log(f) - y[i]
            row[0], row[1], row[2] = first / f, second / f, floor / f
            row[3], row[4] = -n[i] * row[0], -d[i] * row[1]
            value += 0.5 * r * r
            for j in range(5):
                g2[j] += r * row[j]
                for k in range(j + 1):
                    h2[j, k] += row[j] * row[k]
        if value < best:
            x, best, g, h = trial.copy(), value, g2, h2
            mu = max(mu * 0.1, 1e-14)
        else:
            mu *= 8.0
            if mu > 1e12:
                break
        full = h.copy()
        for j in range(5):
            for k in range(j):
                full[k, j] = full[j, k]
            full[j, j] += mu * h[j, j]
        step = np.linalg.solve(full, -g)
        if -np.dot(g, step) <= 1e-14 * best:
            break
        trial = x + step
    return x
