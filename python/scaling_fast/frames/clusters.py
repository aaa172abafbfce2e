"""Which rows belong together: columns of the frame, used by the law or not, as numbers from 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, ParameterError, quote, suggestion
from scaling_fast.frames.values import rows_of
from scaling_fast.runtime.process import require_usable_process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.frames import Table

__all__ = [
    "cluster_columns",
    "cluster_numbers",
    "numbered",
    "numbered_clusters",
    "optional_clusters",
]


def cluster_columns(by: Any, param: str) -> list[str]:
    """Return one or several column names as a list.

    Raises
    ------
    ParameterError
        For anything but names of columns.
    """
    names = [by] if isinstance(by, str) else by
    try:
        names = list(names) if isinstance(names, Iterable) and not isinstance(names, dict) else []
    except TypeError:  # an array without a dimension
        names = []
    if not names or not all(isinstance(name, str) for name in names):
        raise ParameterError(
            f"{param} must name columns, got {quote(by)}", code="cluster", param=param
        )
    return names


def cluster_numbers(table: Table, by: Sequence[str]) -> NDArray[np.uint32]:
    """Return the cluster of each row of a table, numbered within its group.

    Parameters
    ----------
    table
        What `read` returned.
    by
        Columns of the caller's frame whose equal values make a cluster.

    Raises
    ------
    DataError
        For a column that the frame lacks, or that holds a null.
    """
    group = np.repeat(np.arange(table.groups), np.diff(table.offsets))
    return numbered_clusters(table.frame, table.order, by, group=group)


def optional_clusters(table: Table, by: str | Sequence[str] | None) -> NDArray[np.uint32] | None:
    """Return the cluster of each row, as `cluster_numbers`, or None where `cluster=` names no column."""
    return None if by is None else cluster_numbers(table, cluster_columns(by, "cluster"))


def numbered_clusters(
    frame: pl.DataFrame,
    rows: NDArray[np.integer[Any]],
    by: Sequence[str],
    *,
    group: NDArray[np.integer[Any]] | None = None,
) -> NDArray[np.uint32]:
    """Return the cluster of each row, numbered from 0 in the order of the keys, within each group.

    Parameters
    ----------
    frame
        The caller's frame.
    rows
        The rows of the frame that count, in the order of the answer.
    by
        Columns whose equal values make a cluster.
    group
        The group of each of `rows`; all in one without it.

    Raises
    ------
    DataError
        For a column that the frame lacks, or that holds a null.
    """
    require_usable_process()
    for name in by:
        if name not in frame.columns:
            raise DataError(
                f"column {quote(name)} not found{suggestion(name, frame.columns, kind='columns')}",
                code="missing_column",
                column=name,
            )
        if rows_of(frame[name], rows).null_count():
            raise DataError(
                f"column {quote(name)} holds a null, which belongs to no cluster",
                code="null",
                column=name,
            )
    keys = [rows_of(frame[name], rows) for name in by]
    return np.ascontiguousarray(numbered(keys, group), dtype=np.uint32)


def numbered(
    keys: Sequence[pl.Series], group: NDArray[np.integer[Any]] | None = None
) -> NDArray[np.int64]:
    """Return the number of each row's key, from 0 in the order of the keys, within each group."""
    # Under safe names: polars takes some of the caller's for patterns.
    columns = {f"k{place}": key for place, key in enumerate(keys)}
    rank = pl.struct(*columns).rank("dense")
    if group is not None:
        columns["group"], rank = pl.Series(group), rank.over("group")
    return pl.DataFrame(columns).select(rank).to_series().to_numpy().astype(np.int64) - 1
