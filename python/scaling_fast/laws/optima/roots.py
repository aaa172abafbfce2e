"""Zeros of many functions of one variable at once, each within a bracket of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["increasing_root", "nearby_root", "sign_change"]

Floats: TypeAlias = "NDArray[np.float64]"
Functions: TypeAlias = "Callable[[Floats, NDArray[np.int64]], Floats]"

NUDGE = 1e-5
"""Half the distance over which a slope is taken."""

MOST_STEPS = 200
"""Most steps within a bracket; Newton needs about five, interpolation ten, bisection fifty."""

MOST_SECANTS = 12
"""Steps of secants from a guess; from a good one it takes three or four."""

SETTLED = 1e-12
"""Width of a bracket beside the root at which interpolation ends."""


def increasing_root(function: Functions, low: Floats, high: Floats) -> Floats:
    """Return where each of several increasing functions is zero, by Newton's steps within a bracket.

    Parameters
    ----------
    function
        From arguments and the numbers of their functions to values.
    low, high
        The bracket of each, shape (functions,); where the function has one sign there, the end nearest to zero.
    """
    low, high = low.copy(), high.copy()
    every = np.arange(low.size)
    above, below = function(low, every) >= 0.0, function(high, every) <= 0.0
    root = np.where(above, low, np.where(below, high, 0.5 * (low + high)))
    active = np.flatnonzero(~above & ~below)
    for _ in range(MOST_STEPS):
        if not active.size:
            break
        x = root[active]
        value = function(x, active)
        with np.errstate(all="ignore"):
            rise = function(x + NUDGE, active) - function(x - NUDGE, active)
            new = x - value * 2.0 * NUDGE / rise
        low[active] = np.where(value <= 0.0, x, low[active])
        high[active] = np.where(value >= 0.0, x, high[active])
        inside = (new >= low[active]) & (new <= high[active])
        new = np.where(inside, new, 0.5 * (low[active] + high[active]))
        root[active] = new
        active = active[np.abs(new - x) > 1e-13 * np.maximum(1.0, np.abs(x))]
    return root


def nearby_root(function: Functions, start: Floats) -> Floats:
    """Return the zero of each of several increasing functions near a start, by secants; NaN where none is found.

    Parameters
    ----------
    function
        From arguments and the numbers of their functions to values.
    start
        A guess for each, shape (functions,).
    """
    root = np.full(start.size, np.nan)
    active = np.arange(start.size)
    before, x = start - NUDGE, start.copy()
    with np.errstate(all="ignore"):
        value_before, value = function(before, active), function(x, active)
        for _ in range(MOST_SECANTS):
            step = value * (x - before) / (value - value_before)
            new = np.where(value == 0.0, x, x - step)
            done = np.abs(new - x) <= 1e-13 * np.maximum(1.0, np.abs(x))
            root[active[done]] = new[done]
            kept = ~done & np.isfinite(new)
            active, before, value_before = active[kept], x[kept], value[kept]
            if not active.size:
                break
            x = new[kept]
            value = function(x, active)
    return root


def sign_change(
    function: Functions, low: Floats, high: Floats, at_low: Floats, at_high: Floats
) -> Floats:
    """Return where each function is zero between two ends, by interpolation and bisection (Chandrupatla 1997).

    Parameters
    ----------
    function
        From arguments and the numbers of their functions to values.
    low, high, at_low, at_high
        The ends of each bracket and the values there, one of them positive and one not; shape (functions,).
    """
    a, b, c = high.copy(), low.copy(), high.copy()
    fa, fb, fc = at_high.copy(), at_low.copy(), at_high.copy()
    share = np.full(a.size, 0.5)
    root = b.copy()
    active = np.arange(a.size)
    for _ in range(MOST_STEPS):
        x = a + share * (b - a)
        fx = function(x, active)
        same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        root[active] = np.where(np.abs(fa) < np.abs(fb), a, b)
        width = np.abs(b - a)
        open_ = (width > SETTLED * np.maximum(1.0, np.abs(root[active]))) & (fa != 0.0)
        if not open_.any():
            break
        active = active[open_]
        a, b, c, fa, fb, fc = (each[open_] for each in (a, b, c, fa, fb, fc))
        with np.errstate(all="ignore"):
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            smooth = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
            t = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (
                fc - fb
            )
            least = 0.5 * SETTLED / np.abs(b - a)
        share = np.clip(np.where(smooth & np.isfinite(t), t, 0.5), least, 1.0 - least)
    return root
