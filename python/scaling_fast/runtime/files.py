"""Places on disk: only regular files are read, and only regular files are ever replaced."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from scaling_fast.errors import DataError, ParameterError, quote

__all__ = ["as_path", "irregular", "read_regular", "write_text", "write_whole"]

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def irregular(path: str | Path, *, follow: bool = False) -> str | None:
    """Return what stands at a path if not a regular file; None for a file or nothing at all.

    A device or a pipe that a rename replaces is gone for everybody who uses it, so what would
    replace a file asks here first.

    Parameters
    ----------
    path
        The place.
    follow
        Whether a link counts as what it leads to.
    """
    try:
        mode = (os.stat if follow else os.lstat)(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode):
        return None
    return next((name for holds, name in _KINDS if holds(mode)), "something special")


def read_regular(path: str | Path, most: int) -> bytes:
    """Return the bytes of a regular file of at most `most` bytes; nothing else is opened.

    Opening a pipe would wait for a writer, and a device may never end.

    Raises
    ------
    OSError
        For a file that cannot be opened.
    ValueError
        For what cannot be a path, anything but a regular file, and a larger one.
    """
    kind = irregular(path, follow=True)
    if kind is not None:
        raise ValueError(f"it is {kind}, not a regular file")
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"it holds {size:,} bytes, more than the {most:,} that any result has")
        return file.read()


def write_whole(path: Path, raw: bytes) -> None:
    """Write a file that is there whole after a crash, or not at all.

    Raises
    ------
    OSError
        When it cannot be written; nothing half done is left.
    """
    # A name nobody can guess, opened only if it is new: a link that waits there is not followed.
    part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(part, flags, 0o666), "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError, ValueError):
            part.unlink(missing_ok=True)
        raise


def _sync_folder(path: Path) -> None:
    """Make a new name durable; only POSIX opens folders."""
    if os.name != "posix":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def as_path(path: object) -> Path:
    """Return a caller's path.

    Raises
    ------
    ParameterError
        If it is neither text nor a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise ParameterError(
            f"path must be text or a pathlib.Path, got {quote(path)} of type {type(path).__name__}",
            code="path",
            param="path",
        )
    return Path(path)


def write_text(path: str | Path, text: str, *, force: bool) -> Path:
    """Write text in UTF-8 to a path of the caller's choice, whole or not at all.

    Raises
    ------
    DataError
        If something is there already and `force` is false, or the path cannot be written.
    """
    target = as_path(path)
    try:
        if os.path.lexists(target) and not force:
            raise DataError(f"{quote(target, 200)} exists already; pass force=True to replace it")
        kind = irregular(target, follow=True)
        if kind is not None:
            raise DataError(
                f"{quote(target, 200)} is {kind}, not a regular file; choose another path"
            )
        write_whole(target, text.encode("utf-8"))
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"report {quote(target, 200)} cannot be written: {reason}; choose another path"
        ) from error
    return target
