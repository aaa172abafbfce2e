"""The columns of the annealing law: area and annealed area of a learning-rate schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, quote
from scaling_fast.frames import read
from scaling_fast.frames.values import with_columns
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import number_between

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["annealing_columns"]

DECAY = 0.999
"""The lambda of Tissue et al. 2024, arXiv:2408.11029."""


@ask_first
def annealing_columns(
    frame: Any,
    *,
    rate: str = "lr",
    by: str | Sequence[str] | None = None,
    decay: float = DECAY,
) -> pl.DataFrame:
    """Return the frame with S1 and S2, the columns of the law L0 + A*S1**(-alpha) - C*S2.

    S1 is the sum of the rates up to a step. S2 is the sum of the momenta m_i = decay m_(i-1) +
    (rate_(i-1) - rate_i), with m = 0 at the first step: the fall of the rate, with exponential decay.

    Parameters
    ----------
    frame
        Any frame, one row per step, in the order of the steps. A warm-up counts as negative
        annealing; leave it out if the law should not see it.
    rate
        Column of the learning rate, not negative.
    by
        Columns that identify the run; each run has its own schedule.
    decay
        Lambda, between 0 and 1.

    Raises
    ------
    DataError, ParameterError
        For a negative rate, a missing column or a decay outside (0, 1).

    Notes
    -----
    Source: Tissue et al. 2024, arXiv:2408.11029. Lambda is a choice, not a parameter of the law: fit
    with several to see what depends on it.

    Examples
    --------
    >>> annealing_columns({"lr": [2.0, 2.0, 1.0, 0.0]}, decay=0.5)["S2"].to_list()
    [0.0, 0.0, 1.0, 2.5]
    """
    decay = number_between(decay, "decay", below=1.0)
    table = read(frame, names=[], target=rate, by=by)
    if (table.target < 0).any():
        row = int(table.order[np.argmax(table.target < 0)])
        raise DataError(
            f"column {quote(rate)} holds a negative learning rate in row {row}",
            code="domain",
            column=rate,
            row=row,
        )
    s1, s2 = np.empty(table.rows), np.empty(table.rows)
    for first, last in zip(table.offsets[:-1], table.offsets[1:], strict=True):
        rows = table.order[first:last]
        s1[rows], s2[rows] = _areas(table.target[first:last], decay)
    return with_columns(table.frame, [pl.Series("S1", s1), pl.Series("S2", s2)])


def _areas(rate: np.ndarray[Any, Any], decay: float) -> tuple[Any, Any]:
    from scipy.signal import lfilter

    fallen = -np.diff(rate, prepend=rate[:1])
    return np.cumsum(rate), np.cumsum(lfilter([1.0], [1.0, -decay], fallen))
