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
        return lambda x: (floor + scale) * (x / X_FIRST) ** (-alpha / 2.0)
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


class Surface(NamedTuple):
    """Rows of two inputs, and the noise of ln y.

    The runs lie on budgets with sizes in even steps of ln N, tokens per parameter from 1 to 1,000; with 0
    budgets they lie anywhere in that range.
    """

    budgets: int
    sizes: int
    decades: float
    noise: float

    def rows(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """N and D of each row."""
        if self.budgets:
            compute, ratio = (
                axis.ravel()
                for axis in np.meshgrid(
                    np.geomspace(C_FIRST, C_FIRST * 10**self.decades, self.budgets),
                    np.geomspace(1.0, 1000.0, self.sizes),
                    indexing="ij",
                )
            )
        else:
            compute = C_FIRST * 10 ** rng.uniform(0.0, self.decades, self.sizes)
            ratio = 10 ** rng.uniform(0.0, 3.0, self.sizes)
        size = np.sqrt(compute / (6.0 * ratio))
        return size, ratio * size


C_FIRST = 1e18
"""The smallest budget of the designs of two inputs."""

SURFACES = (
    Surface(6, 10, 2.5, 0.005),
    Surface(6, 10, 2.5, 0.003),
    Surface(7, 10, 3.0, 0.003),
    Surface(9, 8, 2.7, 0.004),
    Surface(0, 60, 3.0, 0.004),
)

TWO_INPUTS = (
    "chinchilla",
    "random chinchilla",
    "random bend",
    "bend in C",
    "bend in D",
    "double power in N",
    "log_power in D",
    "last budget lower",
)


def random_surface(
    kind: str, rng: np.random.Generator, decades: float
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A surface of one of the kinds of `TWO_INPUTS`, of N and D."""
    floor, scale_n, alpha, scale_d, beta = 1.8, 480.0, 0.35, 2100.0, 0.37
    middle = C_FIRST * 10 ** (decades / 2.0)
    if kind == "random chinchilla":
        floor, alpha, beta = rng.uniform(1.2, 2.2), rng.uniform(0.25, 0.5), rng.uniform(0.25, 0.5)
        size = np.sqrt(middle / 120.0)
        scale_n = rng.uniform(0.2, 0.8) * size**alpha
        scale_d = rng.uniform(0.2, 0.8) * (20.0 * size) ** beta
    power_n = lambda n: scale_n * n**-alpha  # noqa: E731
    power_d = lambda d: scale_d * d**-beta  # noqa: E731
    if kind in ("chinchilla", "random chinchilla"):
        return lambda n, d: floor + power_n(n) + power_d(d)
    if kind == "double power in N":
        return lambda n, d: floor - 0.3 + 1500.0 * n**-0.45 + 6.0 * n**-0.15 + power_d(d)
    if kind == "log_power in D":
        return lambda n, d: floor - 0.4 + power_n(n) + 9e4 * np.log(d) ** -3.6
    where, change, along = 0.5, 0.056, "C"
    if kind == "random bend":
        where, change = rng.uniform(0.2, 0.9), rng.uniform(-0.1, 0.1)
        along = str(rng.choice(["N", "D", "C"]))
    if kind == "bend in D":
        along = "D"
    if kind == "last budget lower":
        last = C_FIRST * 10**decades * 0.99
        # A change of recipe: what lies beyond follows the runs below it.
        return lambda n, d: (
            (floor + power_n(n) + power_d(d))
            * np.where(np.isclose(6.0 * n * d, last / 0.99, rtol=1e-6), 0.99, 1.0)
        )
    start = {
        "C": C_FIRST * 10 ** (where * decades),
        "N": np.sqrt(C_FIRST * 10 ** (where * decades) / 120.0),
        "D": np.sqrt(C_FIRST * 10 ** (where * decades) * 20.0 / 6.0),
    }[along]
    scales = {"C": lambda n, d: 6.0 * n * d, "N": lambda n, _: n, "D": lambda _, d: d}
    slope = change * (1.0 if along == "C" else 2.0)

    def bent(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        beyond = np.maximum(np.log(scales[along](n, d) / start), 0.0)
        return floor + (power_n(n) + power_d(d)) * np.exp(-slope * beyond)

    return bent
