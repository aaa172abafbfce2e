"""Numbers and columns a recipe is given or gives back: one check, one sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import DataError, ParameterError, ResourceError, shown
from scaling_fast.options import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = ["added", "number_between", "number_of_points", "raised"]

MOST_POINTS = 1_000_000
"""Points of a curve that a recipe draws."""


def number_between(value: Any, name: str, *, above: float = 0.0, below: float = math.inf) -> float:
    """Return a number strictly between two limits.

    Raises
    ------
    ParameterError
        For anything else, naming the limits.
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    try:
        legal = real and above < float(value) < below
    except OverflowError:
        legal = False
    if not legal:
        limit = f"above {above:g}" if below == math.inf else f"between {above:g} and {below:g}"
        raise ParameterError(
            f"{name} must be a number {limit}, got {shown(value)}", code=name, param=name
        )
    return float(value)


def number_of_points(value: Any, lowest: int) -> int:
    """Return how many points a curve has.

    Raises
    ------
    ParameterError
        For anything but a whole number of at least `lowest`.
    ResourceError
        For more than a million, before anything is computed.
    """
    points = whole_number(value, "points", lowest)
    if points > MOST_POINTS:
        raise ResourceError(
            f"points must be at most {MOST_POINTS:,}, got {shown(points)}; more change no digit",
            code="too_many",
            param="points",
        )
    return points


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
