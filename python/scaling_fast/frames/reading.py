"""Any frame becomes a Table: the columns a law needs, checked, weighted and sorted by group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.frames.containers import as_frame, as_series
from scaling_fast.frames.groups import group_rows, one_group, rows_with_keys
from scaling_fast.frames.room import require_room_for_rows
from scaling_fast.frames.table import Table, read_only
from scaling_fast.frames.values import (
    describe,
    first_bad,
    inexact,
    refuse_infinite,
    refuse_missing,
    to_float64,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["checked_columns", "read"]

SIGMA = "\x00sigma"
"""Its name among the law's columns, which may have one called sigma."""


def read(
    frame: Any,
    *,
    names: Sequence[str],
    target: str,
    columns: Mapping[str, str | pl.Expr] | None = None,
    weights: Any = None,
    sigma: Any = None,
    by: str | Sequence[str] | None = None,
    extra: Sequence[str] = (),
    nulls: Literal["error", "drop"] = "error",
) -> Table:
    """Return the columns a law needs as read-only doubles, sorted by group.

    Parameters
    ----------
    frame
        polars DataFrame or LazyFrame, anything narwhals reads, or a mapping of 1-D arrays.
    names
        The law's columns.
    target
        The column to be explained.
    columns
        Name in the law -> column of the frame, or polars expression. A name that is not listed is a
        column of that name; entries for names that are not needed are ignored.
    weights
        Column or 1-D array of how often a row counts, not negative. Rows of weight 0 are left out
        before anything is checked.
    sigma
        Column or 1-D array of what the residuals are divided by, positive.
    by
        Columns whose equal values make a group.
    extra
        Further columns to keep, of any dtype.
    nulls
        "error", or "drop" to leave out rows with a null or NaN in a column that is used.

    Raises
    ------
    DataError
        For a frame that cannot be used.
    ParameterError
        For an illegal option.

    Examples
    --------
    >>> runs = {"params": [1e9, 2e9], "loss": [3.0, 2.8]}
    >>> table = read(runs, names=["N"], target="loss", columns={"N": "params"})
    >>> table.arrays["N"].tolist(), table.offsets.tolist()
    ([1000000000.0, 2000000000.0], [0, 2])
    """
    if nulls not in ("error", "drop"):
        raise ParameterError(
            f'nulls must be "error" or "drop", got {quote(nulls)}', code="nulls", param="nulls"
        )
    by_names, extra_names = _names(by, "by"), _names(extra, "extra")
    wanted = _sources(names, target, columns)
    roots = _roots([*wanted.values(), weights, sigma, *by_names, *extra_names])
    whole = as_frame(frame, roots, keys=[*by_names, *extra_names])
    if whole.height == 0:
        raise DataError("the frame has no rows", code="empty")
    require_room_for_rows(
        "a frame", whole.height, len(wanted) + 2, len(by_names) + len(extra_names)
    )

    counting, weight, zero_weight = _weighted(whole, weights)
    raw, labels = _raw_columns(whole, wanted, sigma)
    numbers = {name: to_float64(series, labels[name]) for name, series in raw.items()}
    # By place, not by name: polars takes some names for patterns.
    keys = pl.DataFrame([whole[name] for name in by_names])
    others = pl.DataFrame([whole[name] for name in extra_names])
    kept, dropped = _complete(numbers, labels, keys, others, counting, nulls)

    rows = np.flatnonzero(kept)
    partial = rows.size < whole.height
    chosen = pl.Series(rows) if partial else slice(None)
    groups = group_rows(keys[chosen]) if by_names else one_group(rows.size)
    order = rows if groups.order is None else rows[groups.order]
    moved = groups.order is not None or partial
    taken = {name: _taken(series, order if moved else None) for name, series in numbers.items()}
    for name, values in taken.items():
        refuse_infinite(values, order, labels[name], whole=not raw[name].dtype.is_float())
    _refuse_sigma(taken.get(SIGMA), order, labels[SIGMA])
    warnings = (inexact(raw[name][chosen], labels[name]) for name in raw)
    return Table(
        arrays={name: taken[name] for name in names},
        target=taken[target],
        weights=None if weight is None else read_only(weight[order]),
        sigma=taken.get(SIGMA),
        offsets=read_only(groups.offsets),
        keys=groups.keys,
        order=read_only(order),
        extra=others[pl.Series(order)] if others.width else pl.DataFrame(),
        sources={name: labels[name] for name in wanted},
        target_name=target,
        dropped=dropped,
        zero_weight=zero_weight,
        frame=whole,
        findings=tuple(finding for finding in warnings if finding is not None),
        lost=_lost(keys, groups.keys, counting & ~kept, ~counting)
        if by_names and partial
        else None,
    )


def _lost(keys: pl.DataFrame, groups: pl.DataFrame, *left_out: NDArray[np.bool_]) -> Any:
    """Return how many rows of each group were left out for each reason, shape (reasons, groups)."""
    counts = [rows_with_keys(keys[pl.Series(np.flatnonzero(rows))], groups) for rows in left_out]
    return read_only(np.stack(counts))


def _sources(
    names: Sequence[str], target: str, columns: Mapping[str, str | pl.Expr] | None
) -> dict[str, str | pl.Expr]:
    """Return the column or expression of each of the law's columns, and of the target."""
    mapped = checked_columns(columns)
    for name in (*names, target):
        if not isinstance(name, str):
            raise ParameterError(
                f"a column must be named by text, got {quote(name)} of type {type(name).__name__}",
                code="not_a_name",
                param="columns",
            )
    return {name: mapped.get(name, name) for name in (*names, target)}


def _raw_columns(
    whole: pl.DataFrame, wanted: Mapping[str, str | pl.Expr], sigma: Any
) -> tuple[dict[str, pl.Series], dict[str, str]]:
    """Return the series of each column, sigma among them, and what messages call them."""
    # Under a safe name: polars takes some of the caller's for patterns.
    raw = {name: _evaluated(whole, source, name).alias("v") for name, source in wanted.items()}
    if sigma is not None:
        raw[SIGMA] = _vector(whole, sigma, "sigma").alias("v")
    labels = {name: _label(source, name) for name, source in wanted.items()}
    return raw, labels | {SIGMA: sigma if isinstance(sigma, str) else "sigma"}


def checked_columns(columns: Any) -> Mapping[str, str | pl.Expr]:
    """Return what a caller gave for `columns`: name in the law -> column of the frame or expression.

    Raises
    ------
    ParameterError
        For anything but a mapping of names to names or polars expressions.
    """
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise ParameterError(
            f'columns must be a mapping such as {{"N": "params"}}, got {quote(columns)}',
            code="columns",
            param="columns",
        )
    for name, source in columns.items():
        if not isinstance(source, str | pl.Expr):
            raise ParameterError(
                f"columns[{name!r}] must be a column's name or a polars expression, "
                f"got {quote(source)} of type {type(source).__name__}",
                code="columns",
                param="columns",
            )
    return columns


def _names(value: Any, param: str) -> list[str]:
    """Return column names as a list, each once."""
    if value is None:
        return []
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Iterable) or isinstance(listed, Mapping):
        listed = [listed]
    listed = list(listed)
    for name in listed:
        if not isinstance(name, str):
            raise ParameterError(
                f"{param} must name columns of the frame, got {quote(name)} of type "
                f"{type(name).__name__}",
                code="not_a_name",
                param=param,
            )
    return list(dict.fromkeys(listed))


def _roots(sources: Iterable[Any]) -> list[str]:
    """Return the frame's columns that names and expressions use, each once."""
    roots: dict[str, None] = {}
    for source in sources:
        if isinstance(source, str):
            roots[source] = None
        elif isinstance(source, pl.Expr):
            roots.update(dict.fromkeys(source.meta.root_names()))
    return list(roots)


def _label(source: str | pl.Expr, name: str) -> str:
    """Return what messages call a column: the caller's name for it."""
    return source if isinstance(source, str) else name


def _evaluated(whole: pl.DataFrame, source: str | pl.Expr, name: str) -> pl.Series:
    """Return a column, or an expression's value for every row."""
    if isinstance(source, str):
        return whole[source]
    try:
        return whole.with_columns(source.alias(name))[name]
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"the expression for column {quote(name)} cannot be evaluated with one value per row: "
            f"{error}",
            code="expression",
            column=name,
        ) from error


def _vector(whole: pl.DataFrame, value: Any, param: str) -> pl.Series:
    """Return weights or sigma, given as a column, an expression, or an array of one value per row."""
    if isinstance(value, str | pl.Expr):
        return _evaluated(whole, value, param)
    series = as_series(value, param).alias("v")
    if len(series) != whole.height:
        raise DataError(
            f"{param} has {len(series)} values and the frame {whole.height} rows",
            code="length",
            column=param,
        )
    return series


def _weighted(
    whole: pl.DataFrame, weights: Any
) -> tuple[NDArray[np.bool_], NDArray[np.float64] | None, int]:
    """Return which rows have weight, the weights of all rows, and how many rows have the weight 0."""
    if weights is None:
        return np.ones(whole.height, dtype=bool), None, 0
    label = weights if isinstance(weights, str) else "weights"
    values = to_float64(_vector(whole, weights, "weights").alias("v"), label).to_numpy()
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"column {quote(label)} (the weights) must be finite and non-negative, got "
            f"{describe(float(values[row]))} in row {row}; give a row the weight 0 to leave it out",
            code="weight",
            column=label,
            row=row,
        )
    kept = values > 0
    if not kept.any():
        raise DataError(
            f"column {quote(label)} (the weights) is 0 in every row, so no row counts",
            code="all_zero",
            column=label,
        )
    return kept, np.array(values), int(kept.size - kept.sum())


def _complete(
    numbers: Mapping[str, pl.Series],
    labels: Mapping[str, str],
    keys: pl.DataFrame,
    others: pl.DataFrame,
    kept: NDArray[np.bool_],
    nulls: str,
) -> tuple[NDArray[np.bool_], int]:
    """Return which of the kept rows have no null or NaN, and how many have one."""
    if all(_is_whole(series) for series in (*numbers.values(), *keys, *others)):
        return kept, 0
    counting = pl.Series(kept)
    never = pl.Series(np.zeros(kept.size, dtype=bool))
    looked_at = [(labels[name], series) for name, series in numbers.items()]
    looked_at += [
        (series.name, series.alias("v")) for series in (*keys.get_columns(), *others.get_columns())
    ]
    bad: list[tuple[str, pl.Series, pl.Series]] = []
    for column, series in looked_at:
        nan = series.is_nan().fill_null(value=False) if series.dtype.is_float() else never
        bad.append((column, series.is_null() & counting, nan & counting))
    if nulls == "error":
        refuse_missing(bad)
        return kept, 0
    gone = np.zeros(kept.size, dtype=bool)
    for _, null, nan in bad:
        gone |= (null | nan).to_numpy()
    if gone.sum() == kept.sum():
        raise DataError(
            f"no row is left: all {int(gone.sum())} hold a null or NaN in a column that is used",
            code="empty",
        )
    return kept & ~gone, int(gone.sum())


def _is_whole(series: pl.Series) -> bool:
    """Return whether nothing is missing, without making another column: nearly every one is whole."""
    if series.null_count():
        return False
    return not series.dtype.is_float() or not np.isnan(series.to_numpy()).any()


def _taken(series: pl.Series, order: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """Return a copy of the column, its rows in `order` where that is given."""
    values = series.to_numpy()
    return read_only(np.array(values if order is None else values[order], dtype=np.float64))


def _refuse_sigma(sigma: NDArray[np.float64] | None, order: NDArray[np.int64], label: str) -> None:
    if sigma is not None and (sigma <= 0).any():
        row, value = first_bad(sigma, sigma <= 0, order)
        raise DataError(
            f"column {quote(label)} (sigma) must be positive, got {describe(value)} in row {row}",
            code="sigma",
            column=label,
            row=row,
        )
