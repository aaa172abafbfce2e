"""Curves and surfaces that forecasts are tried on: named ones and random banks, of one and two inputs.

Each takes decades above the smallest input, so that one truth serves every design. Random truths are drawn
within the ranges that public learning curves show: exponents 0.06 to 0.7, floors from none to most of the
loss, breaks anywhere from the first run to a decade beyond the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

X_FIRST = 1e7
"""The smallest input of the designs of one input."""

ONE_INPUT = {
    "power_offset": lambda x: 1.8 + 480.0 * x**-0.35,
    "power": lambda x: 12.0 * x**-0.076,
    "log_power": lambda x: 1.0 + 2500.0 * np.log(x) ** -2.6,
    "shifted_power": lambda x: 1.8 + 3800.0 * (x + 5e7) ** -0.45,
    "double power": lambda x: 1.5 + 3000.0 * x**-0.5 + 6.0 * x**-0.12,
    "stretched exponential": lambda x: 1.8 + 6.0 * np.exp(-((x / 3e6) ** 0.15)),
    "break inside": lambda x: (
        1.7 + 30.0 * x**-0.18 * (1.0 + (x / 3e8) ** (1 / 0.7)) ** (-0.25 * 0.7)
    ),
    "curved": lambda x: np.exp(np.log(3.5) - 0.10 * np.log(x / 1e7) + 0.004 * np.log(x / 1e7) ** 2),
}
"""Named truths of one input."""


class Design(NamedTuple):
    """Rows of one input: how many, over how many decades, and the noise of ln y."""

    rows: int
    decades: float
    noise: float

    @property
    def x(self) -> np.ndarray:
        return np.geomspace(X_FIRST, X_FIRST * 10**self.decades, self.rows)


DESIGNS = (
    Design(12, 3, 0.003),
    Design(20, 3, 0.005),
    Design(20, 4, 0.005),
    Design(50, 4, 0.002),
    Design(60, 3, 0.004),
)

RANDOM = ("offset", "no floor", "double", "smooth break", "warm-up")


def random_curve(kind: str, rng: np.random.Generator, decades: float) -> Callable[..., np.ndarray]:
    """A curve of one of the kinds of `RANDOM`, of ln x above its first value."""
    floor, scale = rng.uniform(0.5, 2.5), rng.uniform(0.5, 3.0)
    alpha = rng.uniform(0.1, 0.6)
    span = decades * np.log(10.0)
    if kind == "offset":
        return lambda x: floor + scale * (x / X_FIRST) ** -alpha
    if kind == "no floor":
        return lambda x: (floor + scale) * (x / X_FIRST) ** -rng_fixed(alpha, 0.3)
    if kind == "double":
        fast, slow, share = rng.uniform(0.3, 0.7), rng.uniform(0.06, 0.3), rng.uniform(0.2, 0.8)
        return lambda x: (
            floor + scale * (share * (x / X_FIRST) ** -fast + (1 - share) * (x / X_FIRST) ** -slow)
        )
    if kind == "warm-up":
        shift = 10 ** rng.uniform(-0.5, 1.0)
        return lambda x: floor + scale * ((x / X_FIRST + shift) / (1.0 + shift)) ** -alpha
    place = rng.uniform(0.0, span + np.log(10.0))
    factor, width = rng.uniform(0.2, 2.5), rng.uniform(0.3, 1.5)
    bend = alpha * (factor - 1.0)

    def broken(x: np.ndarray) -> np.ndarray:
        away = np.log(x / X_FIRST)
        return floor + scale * np.exp(
            -alpha * away - bend * width * np.logaddexp(0.0, (away - place) / width)
        )

    broken.place = place / np.log(10.0)
    return broken


def rng_fixed(alpha: float, most: float) -> float:
    """An exponent without a floor, which is smaller than one above a floor."""
    return alpha * most / 0.6
