"""Files that the command reads and writes: by their suffix, whole or not at all, never over another."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from scaling_fast import datasets
from scaling_fast.cli.messages import with_line
from scaling_fast.errors import DataError, ResourceError, nearest, quote
from scaling_fast.frames.file_sizes import require_room_for_file
from scaling_fast.runtime.files import read_regular, write_whole
from scaling_fast.runtime.memory import ask_first, resource_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scaling_fast.errors import ScalingError

READ = (
    ".csv",
    ".tsv",
    ".parquet",
    ".pq",
    ".arrow",
    ".ipc",
    ".feather",
    ".json",
    ".jsonl",
    ".ndjson",
)
WRITTEN = (".csv", ".tsv", ".parquet", ".arrow", ".ipc", ".feather", ".json", ".jsonl", ".ndjson")
RAW_CELLS = (
    "In CSV files, put no apostrophe before text that begins with = + - or @, which a spreadsheet "
    "may run as a formula."
)
FIXES = {
    "utf-8": "; save it as UTF-8 (a spreadsheet calls it CSV UTF-8), or convert it: iconv -f UTF-16 -t "
    "UTF-8",
    "more fields": "; a row has more cells than the header has names: quote cells that contain commas, and name "
    "every column",
}
"""Words in what polars says of a file -> how to fix the file."""
MOST_COUNTED = 2**30
"""Bytes of a file above which an error names the row instead of counting the lines."""
FORMULA = r"^[=+\-@\t\r]"  # what a spreadsheet may run when a cell of text begins with it


@ask_first
def read_frame(name: str) -> pl.DataFrame:
    """Return the frame in a file, in CSV from stdin for `-`, or of the dataset of that name.

    Raises
    ------
    DataError
        For a file that is missing, unreadable or of an unknown suffix, and for an unknown dataset.
    """
    if name == "-":
        return _read_stdin()
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in READ:
        return _parsed(name, suffix, path.read_bytes)
    if path.exists() or suffix or os.sep in name:
        problem = "is a directory" if path.is_dir() else "is not of a type that can be read"
        if not path.exists():
            problem = "does not exist"
        raise DataError(
            f"file {quote(name, 200)} {problem}; give a file ending in {', '.join(READ)}, "
            "or the name of a dataset (`scaling-fast datasets` lists them)",
            code="file",
        )
    if name not in datasets.names():
        near = nearest(name, [*datasets.names(), *_files_here()])
        meant = f"; did you mean {quote(near)}?" if near else ";"
        raise DataError(
            f"{quote(name, 200)} is neither a file nor a dataset{meant} "
            "`scaling-fast datasets` lists the datasets",
            code="unknown_dataset",
        )
    return datasets.load(name)


def with_dates(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return a frame in which columns of text that hold nothing but dates, as 2026-01-31, are dates."""
    for name in names:
        if name in frame.columns and frame[name].dtype == pl.String:
            column = frame[name]
            dates = column.str.to_date("%Y-%m-%d", strict=False)
            if dates.null_count() == column.null_count():
                frame = frame.with_columns(dates.alias(name))
    return frame


def locate(error: ScalingError, name: str, height: int) -> None:
    """Turn the row in an error's sentence into a line of the file that it was read from.

    A row stays a row where lines and rows differ: other formats, stdin, line breaks inside quotes.
    """
    if error.row is None:
        return
    first = None
    if Path(name).suffix.lower() in {".csv", ".tsv"}:
        with contextlib.suppress(OSError, ValueError):
            content = read_regular(name, MOST_COUNTED)  # a pipe was emptied when it was read
            lines = content.count(b"\n") + (not content.endswith(b"\n"))
            first = 2 if lines == height + 1 else None  # line 1 is the header
    error.args = (with_line(str(error), error.row, first),)


def _files_here() -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(path.name for path in Path().iterdir() if path.suffix.lower() in READ)
    return []


def _frame(suffix: str, content: bytes) -> pl.DataFrame:
    """Return the frame in a file's bytes; polars would read a path as a pattern of names."""
    source = io.BytesIO(content)
    if suffix in {".csv", ".tsv"}:
        separator = "\t" if suffix == ".tsv" else ","
        frame = pl.read_csv(source, separator=separator, infer_schema_length=None)
        _refuse_duplicates(content, separator)
        return frame
    if suffix in {".parquet", ".pq"}:
        return pl.read_parquet(source)
    if suffix in {".arrow", ".ipc", ".feather"}:
        return pl.read_ipc(source)
    if suffix == ".json":
        return pl.read_json(source, infer_schema_length=None)
    return pl.read_ndjson(source, infer_schema_length=None)


def _refuse_duplicates(content: bytes, separator: str) -> None:
    """Refuse a header that names a column twice; polars renames the second without a word.

    The header is read by the parser that reads the rows, which also unpacks compressed files.
    """
    header = pl.read_csv(
        io.BytesIO(content),
        separator=separator,
        has_header=False,
        infer_schema=False,
        n_rows=1,
        truncate_ragged_lines=True,
    )
    seen: set[str] = set()
    for name in header.row(0):
        if name in seen:
            raise DataError(
                f"the header names column {quote(name)} twice; rename one of them",
                code="duplicate_column",
                column=name,
            )
        if name:
            seen.add(name)


def _parsed(name: str, suffix: str, read: Callable[[], bytes]) -> pl.DataFrame:
    """Return the frame in a file; the sentence of whatever goes wrong names the file."""
    content = b""
    try:
        content = read()
        require_room_for_file(quote(name, 60), suffix, content)
        frame = _frame(suffix, content)
    except ResourceError:
        raise
    except DataError as error:
        error.args = (f"file {quote(name, 200)}: {error}",)
        raise
    except FileNotFoundError as error:
        raise DataError(f"file {quote(name, 200)} does not exist", code="file") from error
    except (pl.exceptions.PolarsError, OSError, ValueError, UnicodeError) as error:
        if (refused := resource_error(error)) is not None:
            raise refused from error
        if suffix == ".csv" and b";" in content.partition(b"\n")[0].partition(b",")[0]:
            raise _semicolons(name) from error  # decimal commas make ragged rows
        message = getattr(error, "strerror", None) or str(error)
        reason = message.strip().split("\n", 1)[0] or type(error).__name__
        fix = next((how for words, how in FIXES.items() if words in reason), "")
        raise DataError(
            f"file {quote(name, 200)} cannot be read: {reason}{fix}", code="file"
        ) from error
    if frame.width == 1 and ";" in frame.columns[0]:
        raise _semicolons(name)
    return frame


def _semicolons(name: str) -> DataError:
    return DataError(
        f"file {quote(name, 200)} seems to be separated by semicolons; write it with commas between "
        "cells and points in numbers, for example pandas.read_csv(..., sep=';').to_csv(...)",
        code="file",
    )


def _read_stdin() -> pl.DataFrame:
    if sys.stdin is None or sys.stdin.closed:
        raise DataError("stdin is closed, so `-` has no data to read; give a file", code="file")
    return _parsed("-", ".csv", sys.stdin.buffer.read)


def refuse_unwritable(path: Path, *, force: bool, suffixes: tuple[str, ...] = ()) -> None:
    """Refuse an output path before the work begins whose result it would hold.

    Raises
    ------
    DataError
        For an unknown suffix, a file that exists already (without `force`), anything but a regular
        file, and a directory that is missing or cannot be written to.
    """
    name = quote(path, 200)
    if suffixes and path.suffix.lower() not in suffixes:
        raise DataError(f"output {name} must end in {', '.join(suffixes)}", code="output")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = None
    except (OSError, ValueError) as error:
        raise DataError(f"output {name} cannot be written: {error}", code="output") from error
    if mode is not None and not stat.S_ISREG(mode):
        raise DataError(f"output {name} is not a regular file; choose another path", code="output")
    if mode is not None and not force:
        raise DataError(f"output {name} exists already; --force replaces it", code="exists")
    parent = path.parent
    if not parent.is_dir():
        raise DataError(f"there is no directory {quote(parent, 200)} to write to", code="output")
    if not os.access(parent, os.W_OK):
        raise DataError(
            f"directory {quote(parent, 200)} is not writable; choose another path", code="output"
        )


def refuse_equal(named: dict[str, Path | None]) -> None:
    """Refuse two outputs with one path; the later would replace the earlier.

    Raises
    ------
    DataError
        Naming both options.
    """
    seen: dict[str, str] = {}
    for option, path in named.items():
        if path is None:
            continue
        first = seen.setdefault(os.path.normcase(path.resolve()), option)
        if first != option:
            raise DataError(
                f"{first} and {option} name the same file {quote(path, 200)}; "
                "give each its own path",
                code="output",
            )


def escape_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with an apostrophe before each text that a spreadsheet would run as a formula."""
    texts = cs.string() | cs.categorical() | cs.enum()
    cells = texts.cast(pl.String()).str.replace(f"({FORMULA})", "'$1")
    names: dict[str, str] = {}
    for name in frame.columns:
        if re.match(FORMULA, name):
            names[name] = f"'{name}"
            while names[name] in frame.columns:
                names[name] = f"'{names[name]}"
    return frame.with_columns(cells).rename(names)


@ask_first
def write_frame(frame: pl.DataFrame, path: Path, *, force: bool, raw: bool = False) -> None:
    """Write a frame by the suffix of its path; CSV numbers carry all digits, lists become text.

    In CSV and TSV, a text that a spreadsheet would run gets an apostrophe before it, unless `raw`.

    Raises
    ------
    DataError
        As `refuse_unwritable`, or when the file cannot be written.
    """
    refuse_unwritable(path, force=force, suffixes=WRITTEN)
    suffix = path.suffix.lower()
    content = io.BytesIO()
    if suffix in {".csv", ".tsv"}:
        flat = frame.with_columns(cs.list().list.join(", "))
        safe = flat if raw else escape_formulas(flat)
        safe.write_csv(content, separator="\t" if suffix == ".tsv" else ",")
    elif suffix == ".parquet":
        frame.write_parquet(content)
    elif suffix in {".arrow", ".ipc", ".feather"}:
        frame.write_ipc(content)
    elif suffix == ".json":
        frame.write_json(content)
    else:
        frame.write_ndjson(content)
    _write(content.getvalue(), path)


def _write(content: bytes, path: Path) -> None:
    try:
        write_whole(path, content, durable=False)
    except OSError as error:
        raise DataError(
            f"output {quote(path, 200)} cannot be written: {error.strerror}", code="output"
        ) from error
