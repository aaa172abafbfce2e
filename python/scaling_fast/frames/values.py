"""The values of a column as finite doubles, or an error that names the first bad row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, quote
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "EXACT_INTEGERS",
    "FAR_BELOW",
    "WRAPS",
    "describe",
    "first_bad",
    "has_wrapped",
    "inexact",
    "refuse_infinite",
    "refuse_missing",
    "rows_of",
    "to_float64",
    "with_columns",
]

EXACT_INTEGERS = 2**53
"""The first whole number whose successor a double cannot hold."""


def to_float64(series: pl.Series, column: str) -> pl.Series:
    """Return the column as Float64, nulls kept.

    Raises
    ------
    DataError
        For text, booleans, dates, categories, nested or binary values, with how to convert them.
    """
    dtype = series.dtype
    if dtype == pl.Object:
        from scaling_fast.frames.containers import as_series

        return to_float64(as_series(series.to_list(), column), column)
    if dtype == pl.Null:
        return series.cast(pl.Float64)
    if dtype.is_numeric():
        return series.cast(pl.Float64)
    row = _telling_row(series)
    example = ""
    if row is not None:
        example = f" and holds {quote(series.slice(row, 1).to_list()[0])} in row {row}"
    raise DataError(
        f"column {quote(column)} has dtype {quote(dtype)}{example}; {_conversion(dtype)}",
        code="dtype",
        column=column,
        row=row,
    )


def _telling_row(series: pl.Series) -> int | None:
    """Return the first row that shows the type of the column; in text, one that is not a number."""
    present = series.is_not_null()
    if series.dtype == pl.String:
        words = present & series.cast(pl.Float64, strict=False).is_null()
        present = words if words.any() else present
    return int(present.arg_max() or 0) if present.any() else None


def _conversion(dtype: pl.DataType) -> str:
    """Return how to make numbers of a column of this type."""
    if dtype == pl.String:
        return (
            "text is not converted by itself: convert it, for example pl.col(...).cast(pl.Float64)"
        )
    if dtype == pl.Boolean:
        return "cast it to a number if that is what it means, for example pl.col(...).cast(pl.Int8)"
    if dtype in (pl.Categorical, pl.Enum):
        return "a category is not a number: use it in by=, or cast its text to a number"
    if dtype.is_temporal():
        return "turn it into a number in a stated unit, for example years: pl.col(...).dt.year()"
    if dtype.is_nested():
        return "one number per row is needed: take a field or an element, or explode it"
    return "the law needs real numbers"


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def refuse_missing(bad: Sequence[tuple[str, pl.Series, pl.Series]]) -> None:
    """Raise for the first column with a null or NaN, naming which, where and how many.

    Parameters
    ----------
    bad
        (column, is null, is NaN); the last two are boolean series over the caller's rows.
    """
    for column, null, nan in bad:
        nulls, nans = int(null.sum() or 0), int(nan.sum() or 0)
        if nulls + nans == 0:
            continue
        row = int((null | nan).arg_max() or 0)
        what = "null" if bool(null[row]) else "NaN"
        counts = [f"{_count(n)} of {of}" for n, of in ((nulls, "null"), (nans, "NaN")) if n]
        raise DataError(
            f"column {quote(column)} holds {what} in row {row} ({' and '.join(counts)}); fix the "
            'data, or leave such rows out with nulls="drop"',
            code=what.lower(),
            column=column,
            row=row,
        )


def refuse_infinite(
    values: NDArray[np.float64], rows: NDArray[np.int64], column: str, *, whole: bool = False
) -> None:
    """Raise where a value is infinite.

    Parameters
    ----------
    values
        The values of the column as doubles.
    rows
        The caller's row of each value.
    column
        The name of the column.
    whole
        Whether the column held whole numbers or decimals, which may be too large for a double.
    """
    bad = np.isinf(values)
    if bad.any():
        row, value = first_bad(values, bad, rows)
        sign = "+inf" if value > 0 else "-inf"
        fix = "rescale the column" if whole else "no law fits an infinite value: fix or drop it"
        raise DataError(
            f"column {quote(column)} holds {sign} in row {row} ({_count(int(bad.sum()))}); {fix}",
            code="infinite",
            column=column,
            row=row,
        )


def first_bad(
    values: NDArray[np.float64], bad: NDArray[np.bool_], rows: NDArray[np.int64]
) -> tuple[int, float]:
    """Return the first bad row by the caller's numbers, which are in `rows`, and the value there."""
    place = int(np.flatnonzero(bad)[np.argmin(rows[bad])])
    return int(rows[place]), float(values[place])


def inexact(series: pl.Series, column: str) -> Finding | None:
    """Return a warning if whole numbers of the column are rounded when they become doubles."""
    if not series.dtype.is_integer() or series.len() == 0:
        return None
    highest, lowest = series.max(), series.min()
    if not isinstance(highest, int) or not isinstance(lowest, int):
        return None
    if max(highest, -lowest) <= EXACT_INTEGERS:
        return None
    wide = series.drop_nulls().cast(pl.Int128)
    # A double below 2^64 is a whole number here, so the way back through Int128 is exact.
    count = int((wide.cast(pl.Float64).cast(pl.Int128) != wide).sum())
    if count == 0:
        return None
    return Finding(
        code="inexact_integers",
        check="columns",
        severity="amber",
        sentence=f"{_count(count)} of column {quote(column)} hold whole numbers above 2^53 that a "
        "double rounds",
        statistic=float(count),
        threshold=0.0,
        evidence={"column": column, "rows": count, "largest": float(max(highest, -lowest))},
        advice="The relative rounding is below 1.2e-16, which does not matter to a scaling law; store "
        "the column as floats to silence this.",
    )


WRAPS: dict[Any, float] = {pl.Int32: 2.0**31, pl.Int64: 2.0**63}
"""Types that products of whole numbers are made in, and where they wrap around."""

FAR_BELOW = 1e-3
"""Size of a negative whole number over the end of its type from which on it is there by accident."""


def has_wrapped(series: pl.Series) -> bool:
    """Return whether whole numbers lie so far below zero that a product of others must have wrapped around.

    Examples
    --------
    >>> has_wrapped(pl.Series([3_000_000_000]) * pl.Series([4_000_000_000]))
    True
    """
    end = WRAPS.get(type(series.dtype))
    low = series.min() if end is not None else None
    return isinstance(low, int) and low < -FAR_BELOW * (end or 0.0)


def describe(value: float) -> str:
    """Return a number as messages show it: whole numbers without a decimal point."""
    if math.isfinite(value) and value == int(value) and abs(value) < EXACT_INTEGERS:
        return quote(int(value))
    return quote(repr(float(value)))


def rows_of(column: pl.Series, places: NDArray[np.integer[Any]]) -> pl.Series:
    """Return the rows of a column at `places`, whatever its name; polars takes some names for patterns."""
    return column.alias("rows").gather(pl.Series(places)).alias(column.name)


def with_columns(frame: pl.DataFrame, columns: Sequence[pl.Series]) -> pl.DataFrame:
    """Return the frame with new columns.

    Raises
    ------
    DataError
        For a name the frame already has: nothing of the caller's is overwritten.
    """
    for column in columns:
        if column.name in frame.columns:
            raise DataError(
                f"the frame already has a column {quote(column.name)}, which would be added; rename or "
                "drop it",
                code="name_clash",
                column=column.name,
            )
    return frame.with_columns(columns)
