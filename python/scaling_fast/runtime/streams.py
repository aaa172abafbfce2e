"""Random numbers: one stream for each purpose, replicate and group, the numbers of the core's own streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scaling_fast._core import Purpose

__all__ = ["philox"]


def philox(seed: int, purpose: Purpose, *, replicate: int = 0, group: int = 0) -> np.random.Philox:
    """Return the stream of a purpose at its beginning; streams that differ anywhere share nothing.

    Parameters
    ----------
    seed
        Seed of the caller, from 0 to 2**64 - 1.
    purpose
        What the numbers are for: one of the core's list, which gives every use a number of its own.
    replicate, group
        Which replicate of which group, from 0.
    """
    return np.random.Philox(
        key=np.array([seed, int(purpose)], dtype=np.uint64),
        counter=np.array([0, 0, replicate, group], dtype=np.uint64),
    )
