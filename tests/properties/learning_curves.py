"""Short learning curves, as users have them in thousands: how each kind is drawn, one curve a seed.

Ten to thirty rows over three decades of x, noise of the log residual. `TRUTHS` of a curve are the
parameters that it was drawn with, in the words of its law.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import scaling_fast as sf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.laws import Law

DECADES = 3.0
NOISE = 0.005
SPAN = DECADES * np.log(10.0)


class LearningCurve(NamedTuple):
    """Rows of one curve and the parameters that they were drawn with."""

    x: np.ndarray
    y: np.ndarray
    truth: dict[str, float]


def power_offset(seed: int, kind: str, noise: float = NOISE) -> LearningCurve:
    """E + A x^-alpha, of one of three kinds.

    "ordinary": x in even steps. "hard": the amplitude is near the noise, x in no order.
    "outliers": one row in ten is 2 to 30 % off, mostly upwards.
    """
    draw = np.random.default_rng([seed, OFFSET_KINDS.index(kind)])
    rows = int(draw.integers(10, 31))
    floor, scale, alpha = draw.uniform(0.5, 3), draw.uniform(0.2, 3), draw.uniform(0.1, 0.6)
    place = np.linspace(0.0, 1.0, rows)
    error = noise * draw.standard_normal(rows)
    if kind == "hard":
        scale = floor * noise * np.exp(draw.uniform(np.log(0.5), np.log(5)))
        place = draw.uniform(0, 1, rows)
    if kind == "outliers":
        off = draw.uniform(0.02, 0.3, rows) * np.where(draw.uniform(size=rows) < 0.3, -1, 1)
        error += np.where(draw.uniform(size=rows) < 0.1, off, 0.0)
    x = 10 ** (DECADES * place)
    truth = {"E": floor, "A": scale, "alpha": alpha}
    return LearningCurve(x, (floor + scale * x**-alpha) * np.exp(error), truth)


OFFSET_KINDS = ("ordinary", "hard", "outliers")


def once_broken(seed: int, *, sharp: bool, noise: float = NOISE) -> LearningCurve:
    """A power law with one break in the middle 60 % of its rows; one curve in four has no floor."""
    draw = np.random.default_rng([seed, 10 + sharp])
    rows = int(draw.integers(12, 31))
    floor = draw.uniform(0.5, 3) * (draw.integers(4) != 0)
    c0, c1, scale = draw.uniform(0.1, 0.6), draw.uniform(-0.4, 0.8), draw.uniform(0.5, 3)
    width = np.exp(draw.uniform(np.log(0.05), 0.0))
    line = np.linspace(0.0, SPAN, rows)
    at = SPAN * (0.5 + draw.uniform(-0.3, 0.3))
    bend = np.maximum(line - at, 0.0) if sharp else width * np.logaddexp(0.0, (line - at) / width)
    y = (floor + scale * np.exp(-c0 * line - c1 * bend)) * np.exp(
        noise * draw.standard_normal(rows)
    )
    if sharp:
        truth = {"c0": np.log(scale), "alpha0": c0, "c1": c1, "d1": at, "E": floor}
    else:
        truth = {"E": floor, "B": scale, "c0": c0, "c1": c1, "f1": width, "d1": np.exp(at)}
    return LearningCurve(np.exp(line), y, truth)


def double_power(seed: int, noise: float = NOISE) -> LearningCurve:
    """A floor, a slow power and one that is two to five times as steep."""
    draw = np.random.default_rng([seed, 12])
    rows, floor = int(draw.integers(12, 31)), draw.uniform(0.5, 3)
    slow = draw.uniform(0.05, 0.3)
    fast, scale, other = slow * draw.uniform(2, 5), draw.uniform(0.2, 3), draw.uniform(0.2, 3)
    x = np.exp(np.linspace(0.0, SPAN, rows))
    mean = floor + scale * x**-slow + other * x**-fast
    truth = {"E": floor, "A1": scale, "alpha1": slow, "A2": other, "alpha2": fast}
    return LearningCurve(x, mean * np.exp(noise * draw.standard_normal(rows)), truth)


def stretched_exp(seed: int, noise: float = NOISE) -> LearningCurve:
    """A stretched exponential whose slope in the middle is that of a power of .1 to .6."""
    draw = np.random.default_rng([seed, 13])
    rows, floor = int(draw.integers(12, 31)), draw.uniform(0.5, 3)
    half, kappa, slope = draw.uniform(0.1, 1.5), draw.uniform(0.1, 0.9), draw.uniform(0.1, 0.6)
    line = np.linspace(0.0, SPAN, rows)
    reach = slope / kappa
    mean = floor + half * np.exp(-reach * (np.exp(kappa * (line - SPAN / 2)) - 1))
    tau = np.exp(SPAN / 2) * reach ** (-1 / kappa)
    truth = {"E": floor, "A": half * np.exp(reach), "tau": tau, "kappa": kappa}
    y = mean * np.exp(noise * draw.standard_normal(rows))
    return LearningCurve(np.exp(line), y, truth)


def m4(seed: int, noise: float = NOISE) -> LearningCurve:
    """M4 of Alabdulmohsin et al. (2022), its bend among the rows."""
    draw = np.random.default_rng([seed, 14])
    rows, floor = int(draw.integers(12, 31)), draw.uniform(0.5, 3)
    height, k = draw.uniform(1, 4), np.exp(draw.uniform(np.log(0.2), np.log(2)))
    alpha, middle = draw.uniform(0.4, 1.2), SPAN / 2 + draw.uniform(-2, 1)
    line = np.linspace(0.0, SPAN, rows)
    low, high = np.full(rows, -80.0), np.full(rows, 80.0)
    for _ in range(90):  # the equation rises in the logit of the share
        logit = (low + high) / 2
        above = k * np.logaddexp(0, logit) - np.logaddexp(0, -logit) > -alpha * (line - middle)
        low, high = np.where(above, low, logit), np.where(above, logit, high)
    share = 1 / (1 + np.exp(-low))
    amplitude = np.exp(alpha * middle + (1 - k) * np.log(height))
    truth = {"E": floor, "H": floor + height, "A": amplitude, "alpha": alpha, "k": k}
    y = (floor + height * share) * np.exp(noise * draw.standard_normal(rows))
    return LearningCurve(np.exp(line), y, truth)


LAWS = {
    "bnsl": lambda seed, noise=NOISE: once_broken(seed, sharp=False, noise=noise),
    "hinge_power": lambda seed, noise=NOISE: once_broken(seed, sharp=True, noise=noise),
    "m4": m4,
    "double_power": double_power,
    "stretched_exp": stretched_exp,
}
"""Law -> how a curve of a seed is drawn."""

LOSSES = {
    "Squared": sf.Squared(),
    "Huber(1e-2)": sf.Huber(1e-2),
    "Huber(1e-3)": sf.Huber(1e-3),
    "SoftL1(1e-2)": sf.SoftL1(1e-2),
    "Absolute": sf.Absolute(),
}
"""The losses of log residuals that learning curves are fitted with."""


def law_of(name: str) -> Law:
    """Return the law of a kind of curves; "bnsl" has one break."""
    return sf.laws.bnsl(breaks=1) if name == "bnsl" else sf.laws.get(name)


def stacked(curves: Sequence[LearningCurve]) -> dict[str, np.ndarray]:
    """Return all curves as one frame: curve, x, loss."""
    lengths = [curve.x.size for curve in curves]
    return {
        "curve": np.repeat(np.arange(len(curves)), lengths),
        "x": np.concatenate([curve.x for curve in curves]),
        "loss": np.concatenate([curve.y for curve in curves]),
    }
