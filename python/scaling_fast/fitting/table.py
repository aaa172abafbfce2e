"""What is asked of every result: a level, quantities of parameters, columns whose names are still free."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


__all__ = ["AGREEMENT_NEEDED", "DIAGNOSTICS", "column_name"]


def column_name(diagnostic: str, taken: Sequence[str]) -> str:
    """Return the column of a table that holds a diagnostic: its name, or `fit_...` where the law uses it."""
    return f"fit_{diagnostic}" if diagnostic in taken else diagnostic


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


def bound_names(flags: NDArray[np.bool_], names: Sequence[str]) -> pl.Series:
    """Return the names of the parameters on a bound, one list a group."""
    if not flags.any():
        return pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, len(flags))
    listed = [[one for one, on in zip(names, row, strict=True) if on] for row in flags.tolist()]
    return pl.Series(listed, dtype=pl.List(pl.String))
