"""How much memory the frame in a file takes, asked for before polars reads it."""

from __future__ import annotations

import io
import zlib
from contextlib import suppress

import polars as pl

from scaling_fast.frames.room import row_bytes
from scaling_fast.runtime.memory import require_memory

__all__ = ["require_room_for_file"]

COPIES = 2
"""Copies of a frame that polars holds while it joins the parts that its threads read."""

CELL = 24
"""Bytes of a cell of CSV: a number beside the view of the text it is read from."""

PARSED = 40
"""Bytes that a byte of JSON becomes at most: a value of one digit is a tree node, then a cell."""

CHUNK = 2**20
"""Bytes that are unpacked at a time to count them."""

PACKED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""How a gzip or zlib file begins; polars unpacks both without a word."""

EITHER = zlib.MAX_WBITS | 32
"""What zlib calls "either of the two"."""

ZSTD, ZSTD_RATIO = b"\x28\xb5\x2f\xfd", 1_000
"""How a Zstandard file begins, and by how much such a file of rows may grow: its size is not always in it."""


def require_room_for_file(name: str, suffix: str, content: bytes) -> None:
    """Return None when the frame in a file's bytes fits in memory; a file that cannot be read fits.

    A columnar file of a megabyte may hold a hundred million equal rows.

    Raises
    ------
    ResourceError
        With the bytes that it needs.
    """
    needed = 0
    with suppress(pl.exceptions.PolarsError, OSError, ValueError, zlib.error):
        needed = _needed(suffix, content)
    require_memory(f"file {name}", needed)


def _needed(suffix: str, content: bytes) -> int:
    if suffix in {".parquet", ".pq"}:
        return COPIES * _columnar(pl.scan_parquet(io.BytesIO(content)))
    if suffix in {".arrow", ".ipc", ".feather"}:
        return COPIES * _columnar(pl.scan_ipc(io.BytesIO(content)))
    size, lines, cells = _counted(content, b"\t" if suffix == ".tsv" else b",")
    if suffix not in {".json", ".jsonl", ".ndjson"}:
        # Every line may be as wide as the header: empty cells take no byte but the separator.
        return COPIES * (size + CELL * max(lines, 1) * cells)
    return PARSED * size


def _columnar(scan: pl.LazyFrame) -> int:
    """Return how many bytes the rows of a file take, by what its footer says."""
    rows: int = scan.select(pl.len()).collect().item()
    return rows * row_bytes(scan.collect_schema())


def _counted(content: bytes, separator: bytes) -> tuple[int, int, int]:
    """Return the bytes of a text, the lines in it, and the cells of its first line."""
    if content.startswith(ZSTD):
        return len(content) * ZSTD_RATIO, len(content) * ZSTD_RATIO // 8, 2
    if not content.startswith(PACKED):
        return len(content), content.count(b"\n") + 1, _cells(content, separator)
    unpacker = zlib.decompressobj(EITHER)
    size, lines, first, packed = 0, 1, b"", content
    while packed and not unpacker.eof:
        part = unpacker.decompress(packed, CHUNK)
        packed = unpacker.unconsumed_tail
        first = first or part
        size += len(part)
        lines += part.count(b"\n")
    return size, lines, _cells(first, separator)


def _cells(content: bytes, separator: bytes) -> int:
    return content.partition(b"\n")[0].count(separator) + 1
