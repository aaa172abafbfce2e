"""The scale that orders the runs: a column, a formula of columns or a date, and distances along it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast._core import names as formula_names
from scaling_fast.errors import DataError, ParameterError, quote, suggestion
from scaling_fast.fitting.mistakes.roles import roles_of
from scaling_fast.frames.values import rows_of, to_float64
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

    Floats = NDArray[np.float64]

__all__ = ["RANGE", "Scale", "scale_of"]

RANGE = 3.0
"""Decades that the whole range of a scale without decades counts as: dates, and values of 0 or below."""

YEARS = (1900.0, 2100.0)
"""Values that all lie between these are calendar years, which no one counts in decades of ten times."""

PER_DAY = {"ms": 86_400e3, "us": 86_400e6, "ns": 86_400e9}
"""Unit of polars' datetimes -> how many make a day."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Where each row lies along the scale that orders the runs.

    Attributes
    ----------
    name
        A column or a formula of columns.
    values
        The values of the rows, days since 1970 for dates; shape (rows,), in the order of the table.
    position
        log10 of the values, or where they lie in their range, times 3; shape (rows,). Every rule
        about decades is one about positions.
    unit
        "decades", "days" or "shares of the range": what distances are given in.
    dtype
        The polars type of the values.
    """

    name: str
    values: Floats
    position: Floats
    unit: str
    dtype: pl.DataType

    def distance(self, positions: Floats) -> Floats:
        """Return differences of positions in `unit`."""
        if self.unit == "decades":
            return np.asarray(positions)
        span = float(np.ptp(self.values)) if self.unit == "days" else 1.0
        return np.asarray(positions / RANGE * span)

    def column(self, values: Floats) -> pl.Series:
        """Return values of the scale as a column of its own type, so that dates are dates."""
        if not self.dtype.is_temporal():
            return pl.Series(values, dtype=pl.Float64)
        if self.dtype == pl.Date:
            return pl.Series(np.round(values).astype(np.int32)).cast(pl.Date)
        microseconds = pl.Series(np.round(values * PER_DAY["us"]).astype(np.int64))
        zone = getattr(self.dtype, "time_zone", None)
        return microseconds.cast(pl.Datetime("us", zone))

    def text(self, value: float) -> str:
        """Return a value of the scale as sentences print it."""
        if self.dtype.is_temporal():
            return str(self.column(np.array([value])).dt.date()[0])
        return f"{value:.3g}" if self.unit == "decades" else f"{value:.6g}"


def scale_of(request: Request, along: Any = None) -> Scale:
    """Return the scale of a single fit's rows.

    A scale of positive numbers has decades, unless they are calendar years. A date has days, other scales
    have shares of their range, and rules about decades count that range as three.

    Parameters
    ----------
    request
        The question of a single fit.
    along
        A column of the law or of the frame, dates among them, or a formula of such columns; by default the
        only input, or 6 x size x data.

    Raises
    ------
    ParameterError
        For a law whose inputs have no default, and a scale that is no text.
    DataError
        For columns that the frame lacks, or that hold text, nulls or infinities.
    """
    name = _default(request) if along is None else along
    if not isinstance(name, str) or not name:
        raise ParameterError(
            f'along must be a column or a formula of columns, such as "6*N*D", got {quote(along)}',
            code="along",
            param="along",
        )
    values, dtype = _values(request, name)
    _require_finite(request, name, values)
    if dtype.is_temporal():
        return Scale(name, values, _in_range(values), "days", dtype)
    if (values > 0.0).all() and not ((values >= YEARS[0]) & (values <= YEARS[1])).all():
        return Scale(name, values, np.log10(values), "decades", dtype)
    return Scale(name, values, _in_range(values), "shares of the range", dtype)


def _default(request: Request) -> str:
    inputs = list(request.table.arrays)
    if len(inputs) == 1:
        return inputs[0]
    roles = roles_of(request)
    by_role = {
        role: [name for name, has in roles.items() if has == role] for role in ("size", "data")
    }
    if all(len(found) == 1 for found in by_role.values()):
        return f"6*{by_role['size'][0]}*{by_role['data'][0]}"
    raise ParameterError(
        f"the law has the inputs {quote(inputs, 200)}, of which none is known to be the size of a model and its "
        'data; say what orders the runs by scale: along="6*N*D", or a column',
        code="along",
        param="along",
    )


def _values(request: Request, name: str) -> tuple[Floats, pl.DataType]:
    """Return the values of a column or formula at the rows of the table, and the type of the column."""
    table = request.table
    if name in table.arrays:
        return np.asarray(table.arrays[name]), pl.Float64()
    if name in table.frame.columns:
        return _of_frame(request, name)
    wanted = formula_names(name)[2]
    known: Sequence[str] = [*table.arrays, *table.frame.columns]
    for used in wanted:
        if used not in known:
            raise DataError(
                f"along={quote(name)} uses {quote(used)}, which is not a column"
                f"{suggestion(used, known, kind='columns')}",
                code="missing_column",
                column=used,
            )
    if not wanted:
        raise ParameterError(
            f"along={quote(name)} names no column, so it orders no runs",
            code="along",
            param="along",
        )
    columns = {}
    for used in wanted:
        values, dtype = _values(request, used)
        if dtype.is_temporal():
            raise DataError(
                f"along={quote(name)} calculates with the dates of {quote(used)}; give the column by itself",
                code="dtype",
                column=used,
            )
        columns[used] = values
    with np.errstate(all="ignore"):
        return np.asarray(evaluate(name, columns)), pl.Float64()


def _of_frame(request: Request, name: str) -> tuple[Floats, pl.DataType]:
    table = request.table
    series = rows_of(table.frame[name], table.order)
    if series.null_count():
        row = int(table.order[int(series.is_null().arg_max() or 0)])
        raise DataError(
            f"column {quote(name)} holds null in row {row}, so the run has no place along it; fill it in, or leave "
            "the row out of the fit",
            code="null",
            column=name,
            row=row,
        )
    if series.dtype == pl.Date:
        return series.to_physical().cast(pl.Float64).to_numpy(), series.dtype
    if isinstance(series.dtype, pl.Datetime):
        per_day = PER_DAY[series.dtype.time_unit]
        return series.to_physical().cast(pl.Float64).to_numpy() / per_day, series.dtype
    if series.dtype == pl.String and series.str.to_date(strict=False).null_count() < series.len():
        raise DataError(
            f"column {quote(name)} holds dates as text; make dates of them, for example "
            f"frame.with_columns(pl.col({quote(name)[1:-1]!r}).str.to_date())",
            code="dtype",
            column=name,
        )
    return to_float64(series, name).to_numpy(), pl.Float64()


def _require_finite(request: Request, name: str, values: Floats) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        place = int(np.argmax(bad))
        row = int(request.table.order[place])
        raise DataError(
            f"along={quote(name)} is {values[place]:g} in row {row}, so the run has no place along it",
            code="not_finite",
            row=row,
        )


def _in_range(values: Floats) -> Floats:
    """Return where values lie in their range, from 0 to 3; all 0 where they are equal."""
    low, span = float(values.min()), float(np.ptp(values))
    if not math.isfinite(span):
        return np.asarray(RANGE * (values / 2.0 - low / 2.0) / float(np.ptp(values / 2.0)))
    return np.asarray(RANGE * (values - low) / span) if span > 0.0 else np.zeros(values.size)
