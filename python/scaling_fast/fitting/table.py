"""The table of fits: its diagnostics, and column labels that avoid the names of a law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from scaling_fast.frames.values import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "AGREEMENT_NEEDED",
    "DIAGNOSTICS",
    "column_name",
    "square_frame",
    "with_keys",
]


def column_name(label: str, taken: Sequence[str]) -> str:
    """Return the label of a column: its own name, or `fit_...` where that name is taken."""
    return f"fit_{label}" if label in taken else label


DIAGNOSTICS = (
    "objective",
    "scale",
    "status",
    "is_global",
    "n",
    "n_starts",
    "agreement",
    "gradient",
    "condition",
    "at_bound",
    "findings",
)
"""The columns of `Fit.table` that describe the fit rather than the law.

`scale` where it is estimated, `is_global` and `findings` where there are groups.
"""


AGREEMENT_NEEDED = 3
"""Starts that must end at the same optimum before it is called global."""


def square_frame(names: Sequence[str], matrix: NDArray[np.float64]) -> pl.DataFrame:
    """Return a covariance as a frame: the column "parameter", and one column per parameter."""
    columns = {name: matrix[:, place] for place, name in enumerate(names)}
    return pl.DataFrame({"parameter": list(names)} | columns)


def with_keys(
    keys: pl.DataFrame, groups: NDArray[np.int64], columns: Sequence[pl.Series]
) -> pl.DataFrame:
    """Return columns as a frame with the key columns of their groups in front.

    Parameters
    ----------
    keys
        The key of each group, one row per group; no columns for a single fit.
    groups
        Number of the group of each row, from 0, shape (rows,).
    columns
        Series of as many rows.
    """
    # Column by column: a forked child has no threads of polars to gather or join frames with.
    return pl.DataFrame([*(rows_of(key, groups) for key in keys.get_columns()), *columns])
