"""Any frame that a caller may have, as a polars frame of the columns that are needed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, quote, suggestion
from scaling_fast.frames.room import require_room_for_arrays, require_room_for_lazy
from scaling_fast.runtime.memory import resource_error

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["UNREADABLE", "as_frame", "as_series"]

UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What polars raises for files that it cannot read; some damaged files make it panic."""

ACCEPTED = (
    "a polars DataFrame or LazyFrame, anything narwhals reads (pandas, pyarrow, duckdb, modin), "
    "or a mapping of column name to 1-D array"
)


def as_frame(frame: Any, used: Collection[str], keys: Collection[str] = ()) -> pl.DataFrame:
    """Return the caller's frame as polars, with every needed column.

    Columns outside `used` are kept where polars can hold them and left out where it cannot: they
    never cause an error.

    Parameters
    ----------
    frame
        The caller's frame.
    used
        Names of the columns that are needed.
    keys
        The columns whose equal values make a group: they are kept exactly, or refused.

    Raises
    ------
    DataError
        For anything but a frame, duplicate or non-text names, a needed column that is missing or not
        one-dimensional, and lengths that differ.
    """
    if isinstance(frame, pl.LazyFrame):
        require_room_for_lazy(frame)
        try:
            frame = frame.collect()
        except UNREADABLE as error:
            if (refused := resource_error(error)) is not None:
                raise refused from error
            raise DataError(
                f"the lazy frame cannot be collected: {quote(str(error), 300)}", code="lazy"
            ) from error
    if isinstance(frame, pl.DataFrame):
        _require_names(frame.columns, used)
        return frame.clone()
    if isinstance(frame, Mapping):
        return _from_mapping(frame, used, keys)
    _refuse_non_frames(frame)
    return _from_narwhals(frame, used, keys)


def _refuse_non_frames(frame: Any) -> None:
    kind = type(frame).__name__
    if isinstance(frame, str | bytes | os.PathLike):
        raise DataError(
            f"the frame is a path or text, {quote(frame)}; read the file first, for example with "
            "pl.read_csv(path) or pl.read_parquet(path)",
            code="not_a_frame",
        )
    if isinstance(frame, Iterator):
        raise DataError(
            f"the frame is a {kind}, which can be read only once; collect it into {ACCEPTED}",
            code="not_a_frame",
        )
    if isinstance(frame, np.ndarray | Sequence | pl.Series) or frame is None:
        raise DataError(
            f"the frame is a {kind} and has no column names; pass {ACCEPTED}", code="not_a_frame"
        )


def _require_names(columns: Sequence[Any], used: Collection[str]) -> None:
    """Refuse names that are not text, occur twice, or are missing."""
    for name in columns:
        if not isinstance(name, str):
            raise DataError(
                f"column names must be text, got {quote(repr(name))}; rename the columns",
                code="column_name",
                column=str(name),
            )
    seen: set[str] = set()
    for name in columns:
        if name in seen:
            raise DataError(
                f"the frame has two columns named {quote(name)}; rename one of them",
                code="duplicate_column",
                column=name,
            )
        seen.add(name)
    if not seen:
        raise DataError("the frame has no columns", code="no_columns")
    for name in used:
        if name not in seen:
            raise DataError(
                f"column {quote(name)} not found{suggestion(name, columns, kind='columns')}",
                code="missing_column",
                column=name,
            )


def _from_mapping(
    frame: Mapping[Any, Any], used: Collection[str], keys: Collection[str]
) -> pl.DataFrame:
    _require_names(list(frame), used)
    require_room_for_arrays(frame.values())
    read = {
        name: as_series(frame[name], name, exact=name in keys) for name in frame if name in used
    }
    lengths = {name: len(series) for name, series in read.items()}
    if len(set(lengths.values())) > 1:
        first, *others = lengths
        other = next(name for name in others if lengths[name] != lengths[first])
        raise DataError(
            f"columns {quote(first)} and {quote(other)} have different lengths, "
            f"{lengths[first]} and {lengths[other]}",
            code="length",
            column=other,
        )
    height = next(iter(lengths.values()), None)
    for name in frame:
        if name not in used:
            try:
                series = as_series(frame[name], name, exact=True)  # it may name clusters later
            except DataError:
                continue
            if height is None or len(series) == height:
                read[name] = series
                height = len(series)
    named = [name for name in frame if name in read]
    whole = pl.DataFrame([read[name].alias(f"c{place}") for place, name in enumerate(named)])
    # Afterwards, because polars would give a column without a name one of its own.
    whole.columns = named
    return whole


def _from_narwhals(frame: Any, used: Collection[str], keys: Collection[str]) -> pl.DataFrame:
    import narwhals as nw

    try:
        _refuse_labels(frame)
        wide = nw.from_native(frame)
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the frame is a {type(frame).__name__}; pass {ACCEPTED}", code="not_a_frame"
        ) from error
    if isinstance(wide, nw.LazyFrame):
        wide = wide.collect("polars")
    _require_names(wide.columns, used)
    if not wide.implementation.is_pandas_like():
        return _to_polars(wide)
    # pandas needs pyarrow to become polars in one piece; column by column numpy is enough.
    require_room_for_arrays(range(len(wide)) for _ in wide.columns)
    read: dict[str, pl.Series] = {}
    for name in wide.columns:
        try:
            exact = name in keys or name not in used
            read[name] = _from_pandas(wide[name].to_pandas(), name, exact=exact)
        except DataError:
            if name in used:
                raise
    return pl.DataFrame(list(read.values()))


def _to_polars(wide: Any) -> pl.DataFrame:
    frame: pl.DataFrame = wide.to_polars()
    return frame


def _refuse_labels(frame: Any) -> None:
    """Refuse labels that narwhals cannot read: pandas' hierarchies, names that occur twice."""
    for axis, what in (("columns", "column"), ("index", "row")):
        labels = getattr(frame, axis, None)
        if getattr(labels, "nlevels", 1) > 1:
            raise DataError(
                f"the frame has a MultiIndex as its {what} labels; flatten it first, rows with "
                "reset_index(), columns by joining their names",
                code="multi_index",
            )
    labels = getattr(frame, "columns", None)
    if not hasattr(labels, "nlevels"):
        labels = getattr(frame, "column_names", None)  # pyarrow keeps its columns' data there
    if labels is not None:
        _require_names(list(labels), ())


def _from_pandas(series: Any, name: str, *, exact: bool) -> pl.Series:
    """Return a pandas column as polars, without pyarrow; NaN stays NaN and NA becomes null."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return as_series(series.to_numpy(), name, exact=exact)
    kind = getattr(dtype, "kind", "O")
    values = series.astype(object).tolist()
    missing = series.isna().tolist()
    if kind == "f":
        # A NaN inside a nullable column is a number that went wrong, not a missing one.
        missing = [
            gone and not isinstance(value, float)
            for gone, value in zip(missing, values, strict=True)
        ]
    objects = [None if gone else value for gone, value in zip(missing, values, strict=True)]
    if str(dtype) == "category":
        words = [None if value is None else str(value) for value in objects]
        return pl.Series(name, words, dtype=pl.Categorical)
    return _from_objects(objects, name, str(dtype), exact=exact)


def as_series(values: Any, name: str, *, exact: bool = False) -> pl.Series:
    """Return the values of a column as a polars series with its own memory.

    Parameters
    ----------
    values
        A 1-D array of any strides and byte order, a masked array, a list, a polars, pandas or
        Arrow column.
    name
        The name of the series.
    exact
        Whether different values must stay different, as the keys of groups must.

    Raises
    ------
    DataError
        For anything that is not one-dimensional, or holds other values than plain numbers or keys.
    """
    if isinstance(values, pl.Series):
        return values.rename(name)
    if isinstance(values, str | bytes | Iterator | Mapping) or np.isscalar(values):
        raise DataError(
            f"column {quote(name)} is a {type(values).__name__}, not a 1-D array; pass a list or "
            "an array of one value per row",
            code="not_an_array",
            column=name,
        )
    if type(values).__module__.partition(".")[0] == "pandas" and hasattr(values, "dtype"):
        return _from_pandas(values, name, exact=exact)
    if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
        return pl.Series(name, values)
    if isinstance(values, Sequence) and not isinstance(values, range):
        return _from_objects(list(values), name, "list", exact=exact)
    try:
        array = np.ma.asarray(values) if np.ma.isMaskedArray(values) else np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column {quote(name)} cannot be read as an array: {error}",
            code="not_an_array",
            column=name,
        ) from error
    if array.ndim != 1:
        raise DataError(
            f"column {quote(name)} must be one-dimensional, got shape {quote(array.shape)}",
            code="shape",
            column=name,
        )
    return _from_array(array, name, exact=exact)


def _from_array(array: Any, name: str, *, exact: bool) -> pl.Series:
    kind = array.dtype.kind
    if isinstance(array, np.ma.MaskedArray):
        plain = _from_array(array.filled(array.dtype.type(0)), name, exact=exact)
        mask = pl.Series(np.array(np.ma.getmaskarray(array)))
        return pl.select(pl.when(~mask).then(plain)).to_series().rename(name)
    if kind in "OU":
        return _from_objects(array.tolist(), name, str(array.dtype), exact=exact)
    if kind not in "iufbmM":
        raise DataError(
            f"column {quote(name)} has dtype {quote(array.dtype)}; the law needs real numbers"
            + ("; pass its .real or abs()" if kind == "c" else ""),
            code="dtype",
            column=name,
        )
    if kind in "mM":
        array = array.astype(f"{kind}8[us]")  # polars has no coarser durations
    if kind == "f" and array.dtype.itemsize not in (4, 8):
        # polars has no portable half or extended precision; both are read as doubles.
        array = array.astype(np.float64)
    # A contiguous copy in native byte order: the caller may go on changing the original.
    return pl.Series(name, np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))


def _from_objects(values: list[Any], name: str, dtype: str, *, exact: bool) -> pl.Series:
    """Return Python objects as one polars column, exact where polars has the type."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null if values else pl.Float64)
    if all(issubclass(kind, str) for kind in kinds):
        return pl.Series(name, values, dtype=pl.String)
    if all(issubclass(kind, bool | np.bool_) for kind in kinds):
        return pl.Series(name, [None if v is None else bool(v) for v in values], dtype=pl.Boolean)
    numbers = (Real, Decimal, Fraction)
    if all(issubclass(kind, numbers) and not issubclass(kind, bool) for kind in kinds):
        if all(issubclass(kind, Integral) for kind in kinds):
            whole = [None if value is None else int(value) for value in values]
            for kind in (pl.Int64, pl.UInt64, pl.Int128):
                try:
                    return pl.Series(name, whole, dtype=kind)
                except (OverflowError, TypeError, pl.exceptions.PolarsError):
                    pass
        floats = [_to_float(value, name) for value in values]
        if exact:
            _refuse_merged(values, floats, name)
        return pl.Series(name, floats, dtype=pl.Float64)
    try:
        series = pl.Series(name, values, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        series = None
    if series is not None and series.dtype != pl.Object:
        return series
    row, value = next(
        (row, value)
        for row, value in enumerate(values)
        if value is not None and (not isinstance(value, numbers) or isinstance(value, bool))
    )
    raise DataError(
        f"column {quote(name)} (dtype {quote(dtype)}) holds {quote(repr(value))} of type "
        f"{type(value).__name__} in row {row}; convert the column to numbers",
        code="dtype",
        column=name,
        row=row,
    )


def _refuse_merged(values: list[Any], floats: list[float | None], name: str) -> None:
    """Refuse different numbers with the same double: their groups would become one."""
    first: dict[float, Any] = {}
    for row, (value, real) in enumerate(zip(values, floats, strict=True)):
        if real is not None and not math.isnan(real) and first.setdefault(real, value) != value:
            raise DataError(
                f"column {quote(name)} holds {quote(first[real])} and, in row {row}, {quote(value)}, "
                "which are the same in double precision; make keys text, for example [str(key) for key in keys]",
                code="inexact_key",
                column=name,
                row=row,
            )


def _to_float(value: Any, name: str) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (OverflowError, ValueError) as error:
        raise DataError(
            f"column {quote(name)} holds {quote(value)}, which a double cannot hold; rescale it",
            code="overflow",
            column=name,
        ) from error
