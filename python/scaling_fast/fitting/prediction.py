"""Predictions of a fitted law: other frames read as the fitted one was, and how far beyond it they lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, quote
from scaling_fast.fitting.failures import refuse_unconverged
from scaling_fast.fitting.table import column_name
from scaling_fast.frames import as_frame, read, require
from scaling_fast.frames.room import require_room_for_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request
    from scaling_fast.frames import Table

__all__ = ["extrapolation", "predicted", "read_alike"]


def read_alike(request: Request, frame: Any) -> Table:
    """Return the columns of another frame, found where the fit found its own or under the law's names.

    Raises
    ------
    DataError
        For rows that the law cannot take, or group keys of another type than those of the fit.
    """
    table = request.table
    names = list(request.law.columns or ())
    _refuse_numbers(request, frame)
    has = as_frame(frame, ())
    mapped: dict[str, Any] = {}
    for name in names:
        source = request.columns.get(name, table.sources.get(name, name))
        roots = source.meta.root_names() if isinstance(source, pl.Expr) else [source]
        # As in the fit where its sources exist; else under the law's own names. Where neither exists,
        # the error names the missing column as the frame of the fit did.
        exists = all(root in has.columns for root in roots) or name not in has.columns
        mapped[name] = source if exists else name
    source = mapped[names[0]]
    first = source.meta.root_names()[0] if isinstance(source, pl.Expr) else source
    wanted = read(has, names=names, target=first, columns=mapped, by=table.keys.columns or None)
    require(wanted, request.program.requirements)
    for key in table.keys.columns:
        if wanted.keys[key].dtype != table.keys[key].dtype:
            raise DataError(
                f"column {quote(key)} has dtype {wanted.keys[key].dtype} and the groups of the fit have "
                f"{table.keys[key].dtype}; cast it",
                code="dtype",
                column=key,
            )
    return wanted


def _refuse_numbers(request: Request, frame: Any) -> None:
    """Refuse a mapping to single numbers: they are not columns of rows."""
    if not isinstance(frame, Mapping):
        return
    known = {*(request.law.columns or ()), *request.table.sources.values()}
    for name, value in frame.items():
        if name in known and np.ndim(value) == 0 and isinstance(value, int | float | np.number):
            raise DataError(
                f"column {quote(name)} is one number; give lists, one value per row: "
                f'{{"{name}": [{value:g}]}}',
                code="not_an_array",
                column=name,
            )


def extrapolation(
    columns: Mapping[str, NDArray[np.float64]], fitted: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the largest distance outside the fitted range of any column, in log10 units, shape (rows,)."""
    rows = len(next(iter(columns.values())))
    beyond = np.zeros(rows)
    for name, values in columns.items():
        if not len(fitted[name]):
            return np.full(rows, np.nan)  # a group that was not fitted
        low, high = float(fitted[name].min()), float(fitted[name].max())
        if low <= 0.0:
            # Without a logarithm, outside is outside by an unknown number of decades.
            outside = (values < low) | (values > high)
            beyond = np.maximum(beyond, np.where(outside, np.inf, 0.0))
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            # A difference of logarithms: the ratio of two doubles may overflow.
            over = np.log10(values) - np.log10(high)
            under = np.log10(low) - np.log10(values)
        beyond = np.fmax(beyond, np.fmax(over, under))
    return np.maximum(beyond, 0.0)


def predicted(
    request: Request,
    point_of: Callable[[int], Mapping[str, float]],
    status: pl.Series,
    frame: Any = None,
) -> pl.DataFrame:
    """Return the law's columns with prediction and decades_beyond, rows in the order of `frame`.

    Parameters
    ----------
    request
        The question that was fitted.
    point_of
        Function from the number of a group, from 0, to parameter -> estimate.
    status
        How the fit of each group ended. Predictions of a group that did not converge, or was not
        fitted, are NaN.
    frame
        Any frame with the law's columns; the fitted one by default.

    Raises
    ------
    ConvergenceError
        For a single fit that did not converge.
    """
    table = request.table
    if not table.keys.width:
        refuse_unconverged(status[0], "predict")
    names = list(request.law.columns or ())
    wanted = table if frame is None else read_alike(request, frame)
    keys = table.keys.columns
    lookup = {key: group for group, key in enumerate(table.keys.iter_rows())} if keys else {}
    require_room_for_rows("a table of predictions", wanted.rows, len(names) + 4, len(keys))
    values = np.full(wanted.rows, np.nan)
    beyond = np.zeros(wanted.rows)
    for place in range(wanted.groups):
        rows = slice(int(wanted.offsets[place]), int(wanted.offsets[place + 1]))
        group = lookup.get(wanted.keys.row(place)) if keys else 0
        fitted = slice(0, 0)
        if group is not None:
            fitted = slice(int(table.offsets[group]), int(table.offsets[group + 1]))
        if group is not None and status[group] == "converged":
            columns = [wanted.arrays[name][rows] for name in request.program.columns]
            point = point_of(group)
            curve = request.program.evaluate(columns, [point[name] for name in request.names])
            values[rows] = request.program.invert_target(np.asarray(curve))
        beyond[rows] = extrapolation(
            {name: wanted.arrays[name][rows] for name in names},
            {name: table.arrays[name][fitted] for name in names},
        )
    back = np.argsort(wanted.order, kind="stable")
    sizes = pl.Series(np.repeat(np.arange(wanted.groups), np.diff(wanted.offsets))[back])
    return pl.DataFrame(
        [*(wanted.keys[sizes].get_columns() if keys else [])]
        + [pl.Series(name, wanted.arrays[name][back]) for name in names]
        + [
            pl.Series(column_name("prediction", [*keys, *names]), values[back]),
            pl.Series(column_name("decades_beyond", [*keys, *names]), beyond[back]),
        ]
    )
