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
    "bound_names",
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
    "n",
    "n_starts",
    "agreement",
    "gradient",
    "condition",
    "at_bound",
)
"""The columns of `Fit.table` that describe the fit rather than the law; `scale` where it is estimated."""


AGREEMENT_NEEDED = 3
"""Starts that must end at the same optimum before it is called global."""


def bound_names(flags: NDArray[np.bool_], names: Sequence[str]) -> pl.Series:
    """Return the names of the parameters on a bound, one list per group."""
    if not flags.any():
        return pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, len(flags))
    on_bound = [
        [name for name, flag in zip(names, row, strict=True) if flag] for row in flags.tolist()
    ]
    return pl.Series(on_bound, dtype=pl.List(pl.String))


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
