"""A result in one file: a zip of JSON and Arrow with its sha256, and nothing that could run."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from scaling_fast.errors import CheckpointError, ResourceError, quote
from scaling_fast.runtime.files import read_regular, write_new
from scaling_fast.runtime.memory import require_memory
from scaling_fast.runtime.process import require_usable_process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Archive", "Entry", "Frames", "read", "write"]

Entry: TypeAlias = dict[str, Any]
"""The part of a result that is written as JSON."""

Frames: TypeAlias = dict[str, pl.DataFrame]
"""The tables of a result by name."""

SCHEMA = "scaling-fast/1"

MAGIC = b"scaling_fast 1\n"
"""What a file begins with, before the sha256 of the rest."""

MOST_BYTES = 2**34
"""Unpacked size in bytes above which a file is refused: a small file that unpacks to more is an attack."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The content of a file.

    Attributes
    ----------
    kind
        "fit", "bootstrap" or "summary".
    entry
        The part of the result that was written as JSON.
    frames
        Name -> table, the part that was written as Arrow.
    """

    kind: str
    entry: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]


def write(
    path: str | Path,
    kind: str,
    entry: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    *,
    force: bool = False,
) -> None:
    """Write a result; an existing file is kept unless `force`.

    The file is written under a temporary name beside `path` and renamed when it is complete.

    Parameters
    ----------
    path
        The file to write.
    kind
        Kind of result: "fit", "bootstrap" or "summary".
    entry, frames
        What its `archive_entry` returns.
    force
        Whether to replace an existing file.

    Raises
    ------
    CheckpointError
        For an existing file, one that cannot be written, and anything that is not a regular file
        (a device, a pipe, a link, a directory), with or without `force`.
    ParameterError
        For anything but text or a path.
    """
    require_usable_process()
    write_new(path, to_bytes(kind, entry, frames), force=force, error=CheckpointError)


def read(path: str | Path) -> Archive:
    """Return the content of a file that `write` wrote.

    Raises
    ------
    CheckpointError
        For a file that is missing, damaged, or of another kind or version, and for a path that is
        not a regular file.
    """
    require_usable_process()
    try:
        raw = read_regular(path, MOST_BYTES)
    except (TypeError, ValueError, OSError) as error:
        raise CheckpointError(f"{quote(path)} cannot be read: {error}", code="read") from error
    return from_bytes(raw, str(path))


def to_bytes(kind: str, entry: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]) -> bytes:
    """Return the bytes of a file; equal results give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        text = json.dumps({"schema": SCHEMA, "kind": kind, **entry}, allow_nan=False)
        archive.writestr(_member("result.json"), text)
        for name, frame in frames.items():
            table = io.BytesIO()
            require_memory(f"a file of {frame.height:,} rows", 3 * int(frame.estimated_size()))
            frame.write_ipc(table)
            archive.writestr(_member(f"{name}.arrow"), table.getvalue())
    payload = buffer.getvalue()
    return MAGIC + hashlib.sha256(payload).digest() + payload


def from_bytes(raw: bytes, name: str) -> Archive:
    """Return the content of the bytes of a file called `name`."""
    head = len(MAGIC)
    payload = raw[head + 32 :]
    if raw[:head] != MAGIC:
        raise CheckpointError(f"{quote(name)} is not a result of scaling_fast", code="foreign")
    if hashlib.sha256(payload).digest() != raw[head : head + 32]:
        raise CheckpointError(
            f"{quote(name)} was truncated or altered: its sha256 does not match", code="damaged"
        )
    try:
        return _unpacked(payload, name)
    except (CheckpointError, ResourceError, MemoryError):
        raise
    except Exception as error:  # a damaged file can break anything; the message is the same
        raise damaged(name, error) from error


def damaged(name: str, error: Exception) -> CheckpointError:
    """Return the error for a file that cannot be read as a result."""
    return CheckpointError(
        f"{quote(name)} is not a result of scaling_fast, or is damaged ({type(error).__name__}: {error})",
        code="damaged",
    )


def _unpacked(payload: bytes, name: str) -> Archive:
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > MOST_BYTES:
            raise CheckpointError(
                f"{quote(name)} unpacks to more than {MOST_BYTES:,} bytes", code="size"
            )
        require_memory(f"the result in {name}", 2 * size)
        entry = json.loads(archive.read("result.json"))
        if entry.get("schema") != SCHEMA:
            raise CheckpointError(
                f"{quote(name)} has schema {quote(entry.get('schema'))}; this version reads {SCHEMA}",
                code="schema",
            )
        frames = {
            member.filename.removesuffix(".arrow"): pl.read_ipc(
                io.BytesIO(archive.read(member.filename))
            )
            for member in archive.infolist()
            if member.filename.endswith(".arrow")
        }
    if not isinstance(entry["kind"], str):
        raise TypeError("its kind is not a word")
    return Archive(entry["kind"], entry, frames)


def _member(name: str) -> zipfile.ZipInfo:
    """Return a zip entry without a date, so that equal results give equal files."""
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
