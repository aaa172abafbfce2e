"""Room for a frame, asked for before polars takes it: polars ends the process where it is refused memory."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.runtime.memory import is_limited, require_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "require_room_for_arrays",
    "require_room_for_lazy",
    "require_room_for_rows",
    "require_room_for_scan",
    "row_bytes",
]

NUMBER = 8
"""Bytes of a double."""

NESTED = 64
"""Bytes of a value whose type does not say its length: text beside its view, a list of a few numbers."""

OBJECT = 128
"""Bytes of a value that is read through an object of Python."""

PART_ROWS = 2**20
"""Rows of a part of a file that is read as a whole, as the common writers make them."""

COPIES = 3
"""Copies of a column that polars holds while it joins the parts that its threads read."""

SOURCE = re.compile(r"^\s*(\w+) SCAN \[(.*)\]", flags=re.MULTILINE)
"""A file that a lazy frame reads, in the words of its plan."""

ROWS_CHANGE = re.compile(
    r"^\s*(FILTER|SELECTION|.*JOIN|AGGREGATE|UNIQUE|.*EXPLODE|PYTHON|UNION|.*UDF|.*MAP|SORT)",
    flags=re.MULTILINE,
)
"""What in a plan makes counting the rows cost as much as reading them."""


def row_bytes(schema: Mapping[str, Any]) -> int:
    """Return how many bytes a row of such a frame takes, about: the length of text is not known."""
    return sum(
        NUMBER if dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean else NESTED
        for dtype in schema.values()
    )


def require_room_for_rows(what: str, rows: int, columns: int, keys: int = 0) -> None:
    """Return None when `columns` of numbers and `keys` of other kinds fit, with the copies that are made of them.

    Raises
    ------
    ResourceError
        When they do not.
    """
    require_memory(
        f"{what} of {rows:,} rows",
        rows * NUMBER * (COPIES * columns + 2 * COPIES * keys + COPIES),
    )


def require_room_for_arrays(columns: Iterable[Any]) -> None:
    """Return None when polars can copy these columns.

    Raises
    ------
    ResourceError
        When it cannot.
    """
    needed = 0
    for column in columns:
        if isinstance(column, pl.Series):
            continue
        if isinstance(column, np.ndarray) and column.dtype.kind not in "OU":
            needed += COPIES * int(column.size) * max(NUMBER, column.dtype.itemsize)
        elif hasattr(column, "__len__"):
            with suppress(TypeError):
                needed += OBJECT * len(column)
    require_memory("a copy of the frame", needed)


def require_room_for_lazy(frame: pl.LazyFrame) -> None:
    """Return None when a lazy frame can be collected, as far as its plan and its files say.

    Where counting the rows costs what collecting them costs, they are counted only under a limit of memory.

    Raises
    ------
    ResourceError
        When it cannot.
    """
    with suppress(pl.exceptions.PolarsError, OSError):
        plan = frame.explain()
        limited, costly = is_limited(), bool(ROWS_CHANGE.search(plan))
        if costly and not limited:
            return
        if limited:
            require_memory("the files of the lazy frame", _sources(plan, whole=costly))
        width = row_bytes(frame.collect_schema())
        rows = frame.select(pl.len()).collect().item()
        require_memory(f"the lazy frame of {rows:,} rows", COPIES * rows * width)


def require_room_for_scan(scan: pl.LazyFrame, rows: int) -> None:
    """Return None when a scan can be read `rows` rows at a time, as far as its plan and its files say.

    Raises
    ------
    ResourceError
        When it cannot.
    """
    if not is_limited():
        return
    with suppress(pl.exceptions.PolarsError, OSError):
        files = _sources(scan.explain(), whole=False)
        width = row_bytes(scan.collect_schema())
        # Each thread of polars reads a part ahead of what is asked for.
        ahead = COPIES * PART_ROWS * pl.thread_pool_size()
        require_memory("a part of the scan", files + width * (COPIES * rows + ahead))


def _sources(plan: str, *, whole: bool) -> int:
    """Return how many bytes reading the files takes before a row of the answer is there."""
    needed = 0
    for kind, listed in SOURCE.findall(plan):
        for name in listed.split(", "):
            path = Path(name)
            if not path.is_file():
                continue
            if kind != "Parquet":
                needed += COPIES * path.stat().st_size
            elif whole:
                source = pl.scan_parquet(path, glob=False)
                rows = source.select(pl.len()).collect().item()
                needed += 2 * rows * row_bytes(source.collect_schema())
    return needed
