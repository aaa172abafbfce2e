"""The noise of data sets of a fitted law: its residuals drawn again, or whole runs with a sign each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import Purpose
from scaling_fast.fitting.prediction_band import with_noise
from scaling_fast.fitting.robust_scale import MAD_TO_SIGMA
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.comparison.candidates import Candidate

    Floats = NDArray[np.float64]

__all__ = ["CoxNoise", "canonical_rank"]

STREAM = 3
"""Its group in the streams of simulations; `coverage` has 0 and 1, the back-test 2."""

CLIP = 3.0
"""Scales at which residuals are pulled in, so that one diverged run is no noise of the others."""

LEAST_SPARE = 0.05
"""Least 1 - leverage: a row that the law nearly passes through says nothing of the noise."""


@dataclass(frozen=True, slots=True, eq=False)
class CoxNoise:
    """The noise around one fitted law.

    Attributes
    ----------
    law
        The law.
    residual
        r/sqrt(1 - h), centred (about the median where the loss is straight), times sqrt(n/(n - k)), pulled in to
        three scales; in the order of the rows, shape (rows,).
    curve
        The law at the rows, shape (rows,).
    rank
        The place of each row in an order that does not depend on that of the frame.
    runs
        The run of each row, or None where rows are independent.
    """

    law: Candidate
    residual: Floats
    curve: Floats
    rank: NDArray[np.intp]
    runs: NDArray[np.integer] | None

    @classmethod
    def of(
        cls, law: Candidate, rank: NDArray[np.intp], runs: NDArray[np.integer] | None
    ) -> CoxNoise:
        """Return the noise of a law at its optimum."""
        values = law.request.rows(0, law.point())
        residual = values.residual / np.sqrt(
            np.maximum(1.0 - _leverage(values.jacobian[:, ~law.at_bound]), LEAST_SPARE)
        )
        middle = np.median(residual) if law.straight else residual.mean()
        rows, free = residual.size, law.parameters
        residual = (residual - middle) * math.sqrt(rows / max(rows - free, 1))
        scale = MAD_TO_SIGMA * float(np.median(np.abs(residual)))
        if scale > 0.0:
            residual = np.clip(residual, -CLIP * scale, CLIP * scale)
        program, arrays = law.request.program, law.request.table.arrays
        inputs = [arrays[name] for name in program.columns]
        curve = program.invert_target(np.asarray(program.evaluate(inputs, law.params.tolist())))
        return cls(law, residual, np.asarray(curve), rank, runs)

    def targets(self, seed: int, first: int, count: int) -> Floats:
        """Return data sets `first` to `first + count - 1`, shape (count, rows)."""
        floor = {name: np.full(self.curve.size, value) for name, value in self.law.point().items()}
        with np.errstate(all="ignore"):
            return np.array(
                [
                    with_noise(self.law.request, self.curve, self._drawn(seed, number), floor)
                    for number in range(first, first + count)
                ]
            )

    def _drawn(self, seed: int, number: int) -> Floats:
        rng = np.random.Generator(philox(seed, Purpose.SIMULATION, replicate=number, group=STREAM))
        if self.runs is not None:
            signs = rng.choice([-1.0, 1.0], size=int(self.runs.max()) + 1)
            return np.asarray(signs[self.runs] * self.residual)
        picks = rng.integers(0, self.residual.size, self.residual.size)
        return np.sort(self.residual)[picks[self.rank]]


def canonical_rank(law: Candidate) -> NDArray[np.intp]:
    """Return the place of each row in an order of its values alone."""
    table = law.request.table
    order = np.lexsort((table.target, *table.arrays.values()))
    rank = np.empty(order.size, dtype=np.intp)
    rank[order] = np.arange(order.size)
    return rank


def _leverage(jacobian: Floats) -> Floats:
    """Return the diagonal of the hat matrix, shape (rows,)."""
    size = np.abs(jacobian).max(axis=0, initial=0.0)
    jacobian = (
        jacobian[:, (size > 0.0) & np.isfinite(size)] / size[(size > 0.0) & np.isfinite(size)]
    )
    if not jacobian.shape[1]:
        return np.zeros(jacobian.shape[0])
    basis = np.linalg.qr(jacobian)[0]
    return np.asarray((basis**2).sum(axis=1))
