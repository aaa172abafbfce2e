"""How often each unit is in each replicate, where weights are drawn in Python and not by the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["drawn_units", "unit_counts"]


def drawn_units(streams: Iterable[np.random.Generator], among: int) -> NDArray[np.int64]:
    """Return which of `among` units are in each replicate, with repetition: one row per stream.

    A stream that comes again goes on where it stopped.
    """
    drawn = [stream.integers(0, among, among) for stream in streams]
    return np.array(drawn, dtype=np.int64).reshape(len(drawn), among)


def unit_counts(units: NDArray[np.int64], among: int) -> NDArray[np.float64]:
    """Return how often each of `among` units is in each replicate, shape (replicates, among)."""
    shifted = units + among * np.arange(len(units))[:, None]
    counts = np.bincount(shifted.ravel(), minlength=among * len(units))
    return counts.reshape(len(units), among).astype(np.float64)
