"""Groups as ranges of rows: the order that sorts a frame by its keys, and where each group begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, quote

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Groups", "group_rows", "one_group", "rows_with_keys"]


@dataclass(frozen=True, slots=True)
class Groups:
    """The rows in the order of their keys.

    Attributes
    ----------
    order
        Place in the sorted rows -> row given, or None where the rows are sorted already.
    offsets
        Starts of the groups and the end of the last, one more than there are groups.
    keys
        One row per group, sorted.
    """

    order: NDArray[np.int64] | None
    offsets: NDArray[np.int64]
    keys: pl.DataFrame


def group_rows(keys: pl.DataFrame) -> Groups:
    """Return the groups of rows with equal keys, sorted by key, rows in the order given.

    Parameters
    ----------
    keys
        The key columns, at least one, without nulls.

    Raises
    ------
    DataError
        For a key that has no order: lists, structures, objects.
    """
    for name, dtype in keys.schema.items():
        if dtype.is_nested() or dtype == pl.Object:
            raise DataError(
                f"column {quote(name)} has dtype {quote(dtype)}, which cannot be a group key; use "
                "text or whole numbers",
                code="dtype",
                column=name,
            )
    names = keys.columns
    keys = keys.clone()
    # Under safe names: polars takes some of the caller's for patterns.
    keys.columns = [f"k{place}" for place in range(len(names))]
    order = None
    if _descends(keys):
        order = keys.select(pl.arg_sort_by(keys.columns, maintain_order=True)).to_series()
    runs, starts = _runs(keys if order is None else keys[order])
    runs.columns = names
    places = None if order is None else order.to_numpy().astype(np.int64)
    return Groups(places, _with_end(starts, keys.height), runs)


def _descends(keys: pl.DataFrame) -> bool:
    """Return whether a row has a smaller key than the row before it."""
    lesser = pl.lit(value=False)
    for name, dtype in reversed(keys.schema.items()):
        # Categories sort by their text, so they are compared by it; booleans compare as numbers.
        key = pl.col(name)
        if dtype in (pl.Categorical, pl.Boolean):
            key = key.cast(pl.String if dtype == pl.Categorical else pl.UInt8)
        lesser = (key < key.shift(1)) | ((key == key.shift(1)) & lesser)
    return bool(keys.select(lesser.any()).item())


def one_group(rows: int) -> Groups:
    """Return everything as one group without a key."""
    return Groups(None, np.array([0, rows], dtype=np.int64), pl.DataFrame())


def rows_with_keys(keys: pl.DataFrame, groups: pl.DataFrame) -> NDArray[np.int64]:
    """Return how many rows have the key of each group, shape (groups,); rows of no group count nowhere.

    Parameters
    ----------
    keys
        The key columns of the rows.
    groups
        The keys of the groups, in the same columns.
    """
    names = [f"k{place}" for place in range(groups.width)]
    rows, wanted = keys.clone(), groups.clone()
    rows.columns = wanted.columns = names  # polars takes some of the caller's for patterns
    found = wanted.join(rows.group_by(names).len(), on=names, how="left", maintain_order="left")
    return found["len"].fill_null(0).to_numpy().astype(np.int64)


def _runs(keys: pl.DataFrame) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Return the keys at the start of each run of equal keys, and those starts."""
    changed = keys.select(
        pl.any_horizontal(pl.all().ne_missing(pl.all().shift(1))).alias("changed")
    )["changed"].to_numpy()
    starts = np.flatnonzero(changed)
    if starts.size == 0 or starts[0] != 0:
        starts = np.concatenate([[0], starts])
    starts = starts.astype(np.int64)
    return keys[starts], starts


def _with_end(starts: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    return np.append(starts, rows).astype(np.int64)
