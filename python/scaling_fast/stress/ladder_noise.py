"""The noise of data sets of a true law: normal with one robust scale, or that of whole runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import Purpose
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit
    from scaling_fast.stress.scale import Scale

    Floats = NDArray[np.float64]

__all__ = ["LadderNoise"]

STREAM = 2
"""Its group in the streams of simulations; `coverage` has 0 and 1."""

TAKEN = 1e-8
"""Share of a direction of a run below which the fit has taken it wholly."""

CLIP = 3.0
"""Scales at which drawn noise is pulled in, as the residuals of the rows are."""


@dataclass(frozen=True, slots=True, eq=False)
class LadderNoise:
    """The noise of a data set: normal with one robust scale, or the residuals of runs times a number for each run.

    Attributes
    ----------
    scale
        The robust scale of ln y.
    rank
        The place of each row in an order that does not depend on that of the frame.
    residual, runs
        Residuals freed of what the fit took from them, and the run of each row; None without runs.
    """

    scale: float
    rank: NDArray[np.intp]
    residual: Floats | None
    runs: NDArray[np.integer] | None

    @classmethod
    def of(cls, refit: RobustRefit, scale: Scale, runs: NDArray[np.integer] | None) -> LadderNoise:
        """Return the noise of a robust refit; a run of one row has no noise that its rows share."""
        order = np.lexsort((refit.clipped, *refit.columns.values(), scale.position))
        rank = np.empty(order.size, dtype=np.intp)
        rank[order] = np.arange(order.size)
        if runs is None or len(np.unique(runs)) == runs.size:
            return cls(refit.scale, rank, None, None)
        return cls(refit.scale, rank, _freed(refit, runs), runs)

    def draw(self, seed: int, number: int) -> Floats:
        """Return the noise of one data set, shape (rows,)."""
        rng = np.random.Generator(philox(seed, Purpose.SIMULATION, replicate=number, group=STREAM))
        if self.runs is None or self.residual is None:
            drawn = np.clip(rng.standard_normal(self.rank.size), -CLIP, CLIP)
            return np.asarray(self.scale * drawn[self.rank])
        factors = rng.standard_normal(int(self.runs.max()) + 1)
        return np.asarray(factors[self.runs] * self.residual)


def _freed(refit: RobustRefit, runs: NDArray[np.integer]) -> Floats:
    """Return the residuals of each run times (I - H)^(-1/2), H its part of the hat matrix.

    The fit bends towards each run, most of all towards the last ones; this gives their residuals the size of
    their noise back (Bell and McCaffrey 2002).
    """
    basis = np.linalg.qr(refit.jacobian / np.linalg.norm(refit.jacobian, axis=0))[0]
    residual, freed = refit.residual, np.array(refit.residual)
    for run in np.unique(runs):
        rows = np.flatnonzero(runs == run)
        left, pull, _ = np.linalg.svd(basis[rows], full_matrices=False)
        spare = 1.0 - pull**2
        # Nothing is known of what the fit takes from a run wholly.
        root = np.where(spare > TAKEN, 1.0 / np.sqrt(np.maximum(spare, TAKEN)), 0.0)
        own = residual[rows]
        freed[rows] = own + left @ ((root - 1.0) * (left.T @ own))
    return freed
