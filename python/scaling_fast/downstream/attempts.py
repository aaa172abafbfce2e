"""Counts of successes and attempts, one row per problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import DataError, quote
from scaling_fast.frames import read

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_counts"]


def read_counts(
    frame: Any, successes: str, attempts: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return successes and attempts of each problem.

    Raises
    ------
    DataError
        For counts that are not whole numbers, or more successes than attempts.
    """
    table = read(frame, names=[attempts], target=successes)
    won, tried = np.array(table.target), np.array(table.arrays[attempts])
    for name, values, bad in (
        (attempts, tried, (tried < 1) | (tried != np.floor(tried))),
        (successes, won, (won < 0) | (won != np.floor(won)) | (won > tried)),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"column {quote(name)} must hold whole numbers (attempts from 1, successes from 0 to the "
                f"attempts), got `{values[row]:g}` in row {row}",
                code="count",
                column=name,
                row=row,
            )
    return won, tried
