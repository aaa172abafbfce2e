"""Numbers and columns a recipe is given or gives back: one check, one sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import DataError, ParameterError, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = ["added", "number_between", "raised"]


def number_between(value: Any, name: str, *, above: float = 0.0, below: float = math.inf) -> float:
    """Return a number strictly between two limits.

    Raises
    ------
    ParameterError
        For anything else, naming the limits.
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not above < float(value) < below:
        limit = f"above {above:g}" if below == math.inf else f"between {above:g} and {below:g}"
        raise ParameterError(
            f"{name} must be a number {limit}, got {shown(value)}", code=name, param=name
        )
    return float(value)


def raised(logarithm: float) -> float:
    """Return the exponential, infinite where a double ends and 0 where it begins."""
    with np.errstate(all="ignore"):
        return float(np.exp(logarithm))


def added(frame: pl.DataFrame, columns: Sequence[pl.Series]) -> pl.DataFrame:
    """Return the frame with new columns.

    Raises
    ------
    DataError
        For a name the frame already has: nothing of the caller's is overwritten.
    """
    for one in columns:
        if one.name in frame.columns:
            raise DataError(
                f"the frame already has a column {shown(one.name)}, which this recipe adds; rename or "
                "drop it",
                code="name_clash",
                column=one.name,
            )
    return frame.with_columns(columns)
