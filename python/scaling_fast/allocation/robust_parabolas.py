"""Parabolas of isoFLOP budgets under a robust loss, so that a run that went wrong does not bend its budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.allocation.budgets import FEWEST_SIZES
from scaling_fast.allocation.optima import (
    Window,
    empty_optima,
    enter_vertices,
    least_squares_parabolas,
)
from scaling_fast.fitting.robust_scale import MAD_TO_SIGMA
from scaling_fast.fitting.run import fit
from scaling_fast.losses.sums import Absolute, Huber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs
    from scaling_fast.allocation.optima import Optima
    from scaling_fast.losses.registry import Loss

__all__ = ["median_noise", "robust_optima"]

PARABOLA = "level + slope*u + bend*u**2"
"""Loss of a budget; u is ln N in units of the budget's window."""


def robust_optima(runs: Runs, loss: Loss) -> Optima:
    """Return the minima of parabolas of the loss in ln N that minimise a loss of raw residuals.

    Parameters
    ----------
    runs
        The runs.
    loss
        Any loss; its delta is in the unit of the runs' loss. `Huber(c, scale="mad")` takes one scale for
        all budgets, from their parabolas under `Absolute`.
    """
    if isinstance(loss, Huber) and loss.scale is not None:
        scale = median_noise(
            [
                _residuals(runs, place, parabola)
                for place, parabola in _coefficients(runs, Absolute()).items()
            ]
        )
        # Parabolas that meet every run are the same under every loss.
        loss = Huber(loss.delta * scale) if scale > 0.0 else Absolute()
    optima = empty_optima(1, runs.budgets)
    for place, parabola in _coefficients(runs, loss).items():
        weight = np.ones((1, int((runs.budget == place).sum())))
        enter_vertices(optima, runs, place, np.zeros(1, np.int64), weight, list(parabola[:, None]))
    return optima


def median_noise(residuals: Sequence[NDArray[np.float64]]) -> float:
    """Return the noise around robust parabolas: 1.4826 times the median of the n - k largest residuals.

    n counts the runs of budgets with more than three runs, k the coefficients of their parabolas, of
    which each makes one residual nearly 0 (Maronna, Martin, Yohai and Salibian-Barrera 2019, 5.2.2).
    NaN where there is none.
    """
    known = [part for part in residuals if part.size > FEWEST_SIZES]
    if not known:
        return math.nan
    every = np.sort(np.abs(np.concatenate(known)))
    return MAD_TO_SIGMA * float(np.median(every[FEWEST_SIZES * len(known) :]))


def _residuals(runs: Runs, place: int, parabola: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = runs.budget == place
    columns = np.vander(Window.of(runs.ln_n[rows]).u, 3, increasing=True)
    return np.asarray(runs.loss[rows] - columns @ parabola)


def _coefficients(runs: Runs, loss: Loss) -> dict[int, NDArray[np.float64]]:
    """Return level, slope and bend of each budget that has three sizes or more."""
    found: dict[int, NDArray[np.float64]] = {}
    for place in range(runs.budgets):
        rows = np.flatnonzero(runs.budget == place)
        if np.unique(runs.size[rows]).size < FEWEST_SIZES:
            continue
        u = Window.of(runs.ln_n[rows]).u
        parts: Any = least_squares_parabolas(u, runs.loss[None, rows], np.ones((1, rows.size)))
        squares = np.array([float(part[0]) for part in parts])
        # Three runs lie on their parabola whatever the loss is.
        found[place] = squares if rows.size == FEWEST_SIZES else _fitted(u, runs.loss[rows], loss)
    return found


def _fitted(u: NDArray[np.float64], values: NDArray[np.float64], loss: Loss) -> NDArray[np.float64]:
    best = fit(
        {"u": u, "loss": values},
        PARABOLA,
        target="loss",
        columns={"u": "u"},
        loss=loss,
        residual="raw",
    )
    return np.array([best.params[name] for name in ("level", "slope", "bend")])
