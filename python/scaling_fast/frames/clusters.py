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

__all__ = ["cluster_columns", "cluster_numbers", "numbered"]


def cluster_columns(by: Any, param: str) -> list[str]:
    """Return one or several column names as a list.

    Raises
    ------
    ParameterError
        For something that names no column.
    """
    names = [by] if isinstance(by, str) else by
    names = list(names) if isinstance(names, Iterable) else []
    if not names or not all(isinstance(one, str) for one in names):
        raise ParameterError(
            f"{param} must name columns, got {quote(by)}", code="cluster", param=param
        )
    return names


def cluster_numbers(table: Table, by: Sequence[str]) -> NDArray[np.uint32]:
    """Return the cluster of each row that counts, from 0 within each group by the order of its key.

    Raises
    ------
    DataError
        For a column that the frame lacks, or that holds a null.
    """
    require_usable_process()
    for one in by:
        if one not in table.frame.columns:
            raise DataError(
                f"column {quote(one)} not found{suggestion(one, table.frame.columns, kind='columns')}",
                code="missing_column",
                column=one,
            )
        if rows_of(table.frame[one], table.order).null_count():
            raise DataError(
                f"column {quote(one)} holds a null, which belongs to no cluster",
                code="null",
                column=one,
            )
    group = np.repeat(np.arange(table.groups), np.diff(table.offsets))
    keys = [rows_of(table.frame[name], table.order) for name in by]
    return np.ascontiguousarray(numbered(keys, group), dtype=np.uint32)


def numbered(
    keys: Sequence[pl.Series], group: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the number of each row's key, from 0 in the order of the keys, within each group."""
    # Under names of our own: polars takes some of the caller's for patterns.
    columns = {f"k{j}": key for j, key in enumerate(keys)}
    rank = pl.struct(*columns).rank("dense")
    if group is not None:
        columns["group"], rank = pl.Series(group), rank.over("group")
    return pl.DataFrame(columns).select(rank).to_series().to_numpy().astype(np.int64) - 1
