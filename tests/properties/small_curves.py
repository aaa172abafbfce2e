"""Small curves with several basins: how each kind is drawn, and the best that exhaustive search knows of.

Rows are few and noise is plain, as in learning curves and capability curves; each kind has basins that
a search by ranges alone can miss.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Curve(NamedTuple):
    """One data set, the law that is fitted to it, and how."""

    law: str
    frame: dict[str, np.ndarray]
    residual: str = "raw"
    identified: bool = False
    floor: float = np.inf
    """The objective of the best simple curve: of a step, of a corner, of the truth."""


def sigmoid(seed: int) -> Curve:
    """Five to nine rows of a sigmoid: floor .25, height .5, slope 10**U(-.3, 1.2), noise .02."""
    draw = np.random.default_rng(seed)
    rows = int(draw.integers(5, 10))
    x = np.sort(draw.uniform(0, 10, rows))
    middle, slope = draw.uniform(2, 8), 10 ** draw.uniform(-0.3, 1.2)
    rise = 1 / (1 + np.exp(-slope * (x - middle)))
    y = 0.25 + 0.5 * rise + 0.02 * draw.standard_normal(rows)
    between = int(((rise > 0.1) & (rise < 0.9)).sum())
    frame = {"x": x, "loss": y}
    return Curve("logistic", frame, identified=rows == 9 and between >= 3, floor=best_step(y))


def best_step(y: np.ndarray) -> float:
    """Return half the least sum of squares of a step up, which may pass through one row."""

    def squares(rows):
        return float(((rows - rows.mean()) ** 2).sum()) if rows.size else 0.0

    best = squares(y)
    for k in range(1, y.size):
        best = min(best, squares(y[:k]) + squares(y[k:]))
        below, above = y[: k - 1], y[k:]
        if below.size and below.mean() <= y[k - 1] <= above.mean():
            best = min(best, squares(below) + squares(above))
    return best / 2


def saturation(seed: int) -> Curve:
    """A saturating law fitted to a power law with noise of .5 %."""
    draw = np.random.default_rng(seed)
    x = np.geomspace(1, 10 ** draw.uniform(1, 4), int(draw.integers(8, 20)))
    y = 1.7 + draw.uniform(0.5, 3) * x ** -draw.uniform(0.1, 0.6)
    y *= 1 + 0.005 * draw.standard_normal(x.size)
    law = ("exp_saturation", "stretched_exp", "hill", "m3")[seed % 4]
    return Curve(law, {"x": x, "loss": y})


def hinge(seed: int) -> Curve:
    """A power law that breaks sharply, with a floor."""
    draw = np.random.default_rng(seed)
    x = np.geomspace(1, 10 ** draw.uniform(1.5, 4), int(draw.integers(12, 30)))
    line = np.log(x)
    place = line[-1] * draw.uniform(0.2, 0.8)
    slope, change = draw.uniform(0.1, 0.5), draw.uniform(-0.3, 0.5)
    y = np.exp(0.5 - slope * line - change * np.maximum(line - place, 0)) + draw.uniform(0, 1)
    y *= 1 + 0.01 * draw.standard_normal(x.size)
    return Curve("hinge_power", {"x": x, "loss": y})


def double_power(seed: int) -> Curve:
    """A sum of a slow power, a fast one and a floor."""
    draw = np.random.default_rng(seed)
    x = np.geomspace(1, 10 ** draw.uniform(1.5, 4), int(draw.integers(10, 30)))
    slow = draw.uniform(0.3, 2) * x ** -draw.uniform(0.05, 0.3)
    fast = draw.uniform(0.3, 2) * x ** -draw.uniform(0.4, 1.2)
    y = (draw.uniform(0.3, 1) + slow + fast) * (1 + 0.005 * draw.standard_normal(x.size))
    return Curve("double_power", {"x": x, "loss": y})


def period(seed: int) -> Curve:
    """Fifteen rows without noise of a wave in log x: about as many basins as rows."""
    draw = np.random.default_rng(seed)
    x = np.geomspace(1, 10 ** draw.uniform(1, 3), 15)
    y = 2 + 0.4 * np.cos(draw.uniform(0.5, 8) * np.log(x) + draw.uniform(0, 6))
    return Curve("E + A*cos(w*log(x) + p)", {"x": x, "loss": y}, floor=1e-20)


def pole(seed: int) -> Curve:
    """Fifteen rows without noise on either side of a pole: a basin in every gap."""
    draw = np.random.default_rng(seed)
    x = np.geomspace(1, 10 ** draw.uniform(1, 3), 15)
    y = np.log((np.log(x) - draw.uniform(-1, np.log(x[-1]) + 1)) ** 2)
    return Curve("log((log(x) - c)**2)", {"x": x, "loss": y}, floor=1e-20)


def rational(seed: int) -> Curve:
    """Nine rows of a wave, to which a law with a pole is fitted that may lie between any two of them."""
    draw = np.random.default_rng(seed)
    x = np.sort(draw.uniform(0.5, 10, 9))
    y = 2 + 0.4 * np.cos(draw.uniform(0.5, 2) * x) + 0.02 * draw.standard_normal(x.size)
    law = ("E + A/(K + x)", "E + A/(1 + x/K)", "E + A*x/(K*x + 1)", "(a + b*x)/(c + x)")[seed % 4]
    return Curve(law, {"x": x, "loss": y})


KINDS = {
    "sigmoid": (sigmoid, 600),
    "saturation": (saturation, 100),
    "hinge": (hinge, 60),
    "double_power": (double_power, 60),
    "period": (period, 60),
    "pole": (pole, 200),
    "rational": (rational, 100),
}
"""Kind -> how a curve of a seed is drawn, and how many are asked."""
