"""Runs so far off the law that they are accidents, not a bend of the law: they decide nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit

    Floats = NDArray[np.float64]

__all__ = ["scales_off", "which_diverged"]

GROSS = 20.0
"""Robust scales from the law beyond which a lonely run is an accident: at a noise of .5 %, a tenth of the loss."""

MOST = 20
"""At most one run in so many is an accident; a single one always may be."""

LONELY = 0.3
"""Decades between two accidents: runs off the law beside each other may be a bend of it."""


def scales_off(refit: RobustRefit) -> Floats:
    """Return ln y - ln f of each row in robust scales, not pulled in; shape (rows,)."""
    target = refit.request.table.target
    return np.asarray((np.log(target) - np.log(refit.fitted)) / refit.scale)


def which_diverged(
    refit: RobustRefit, position: Floats, runs: NDArray[np.integer[Any]] | None = None
) -> NDArray[np.bool_]:
    """Return which rows are accidents: more than 20 robust scales off, few, and not beside each other.

    Residuals that are pulled in still count as three scales, and at the end of the rows that alone makes a law look
    broken; such a run is named instead.

    Parameters
    ----------
    refit
        The law and its rows.
    position
        Where the rows lie, in decades; shape (rows,).
    runs
        The run of each row; the rows of a run are one accident.
    """
    unit = np.arange(position.size) if runs is None else runs
    gross = np.abs(scales_off(refit)) > GROSS
    units = np.unique(unit[gross])
    if not units.size or units.size > max(1, len(np.unique(unit)) // MOST):
        return np.zeros(position.size, dtype=bool)
    last = np.sort([position[gross & (unit == which)].max() for which in units])
    if (np.diff(last) < LONELY).any():
        return np.zeros(position.size, dtype=bool)
    return np.asarray(gross)
