"""Files on disk: only regular ones are read or replaced, and a new one is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from scaling_fast.errors import DataError, ParameterError, ScalingError, quote

__all__ = ["as_path", "irregular", "read_regular", "write_new", "write_text", "write_whole"]

KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

NAME_KEPT = 40
"""Characters of a file's name in that of its temporary file: at most 160 bytes of the 255 allowed."""


def irregular(path: str | Path, *, follow: bool = False) -> str | None:
    """Return what is at a path if it is not a regular file, or None for a file or nothing at all.

    A device or a pipe that a rename replaces is gone for everybody who uses it, so whatever would
    replace a file asks here first.

    Parameters
    ----------
    path
        The path to look at.
    follow
        Whether to look at what a symbolic link points to instead of at the link.
    """
    try:
        mode = (os.stat if follow else os.lstat)(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode):
        return None
    return next((name for is_kind, name in KINDS if is_kind(mode)), "a special file")


def read_regular(path: str | Path, most: int) -> bytes:
    """Return the bytes of a regular file; nothing else is opened.

    Opening a pipe would wait for a writer, and a device may never end.

    Parameters
    ----------
    path
        The file, or a symbolic link to it.
    most
        The largest size that is read, in bytes.

    Raises
    ------
    OSError
        For a file that cannot be opened.
    ValueError
        For text that cannot be a path, anything but a regular file, and a larger file.
    """
    kind = irregular(path, follow=True)
    if kind is not None:
        raise ValueError(f"it is {kind}, not a regular file")
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"it holds {size:,} bytes, more than the {most:,} that any result has")
        return file.read()


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


def write_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file that afterwards is the new one, or still the old one, and never half of either.

    The content goes into a temporary file `.NAME.TOKEN.part` beside it, which then takes its name.

    Parameters
    ----------
    path
        The file, which is replaced if it exists; see `irregular` for what must not be.
    content
        Its bytes.
    durable
        Whether the file must also survive a power failure: it and its folder are synced to disk.

    Raises
    ------
    OSError
        When it cannot be written; the temporary file is removed.
    """
    part = path.with_name(f".{path.name[:NAME_KEPT]}.{secrets.token_hex(6)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(part, flags | getattr(os, "O_BINARY", 0), 0o644)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
        if durable:
            _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
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


def write_new(
    path: str | Path,
    content: bytes | str,
    *,
    force: bool,
    what: str = "",
    error: type[ScalingError] = DataError,
    follow: bool = False,
    durable: bool = True,
) -> Path:
    """Write a file to a path of the caller's choice, whole or not at all, and return the path.

    Parameters
    ----------
    path
        The caller's path.
    content
        The bytes of the file, or text, which is written in UTF-8.
    force
        Whether a file that exists is replaced.
    what
        A word that messages put before the path, such as "report".
    error
        The class of the exception.
    follow
        Whether a symbolic link to a regular file may be replaced by the new file.
    durable
        Whether the file must also survive a power failure.

    Raises
    ------
    ScalingError
        Of the class `error`, with the code "exists" where a file is there and `force` is false,
        "path" for anything that is not a regular file, and "write" where it cannot be written.
    """
    target = as_path(path)
    label = f"{what} {quote(target, 200)}".lstrip()
    try:
        # First, so that nobody is advised to force what is refused with force too.
        kind = irregular(target, follow=follow)
        if kind is not None:
            raise error(f"{label} is {kind}, not a regular file; choose another path", code="path")
        if os.path.lexists(target) and not force:
            raise error(f"{label} exists already; pass force=True to replace it", code="exists")
        raw = content.encode("utf-8") if isinstance(content, str) else content
        write_whole(target, raw, durable=durable)
    except (OSError, ValueError) as failure:
        if isinstance(failure, ScalingError):
            raise
        reason = failure.strerror if isinstance(failure, OSError) else failure
        raise error(
            f"{label} cannot be written: {reason}; choose another path", code="write"
        ) from failure
    return target


def write_text(path: str | Path, text: str, *, force: bool) -> Path:
    """Write a report in UTF-8 to a path of the caller's choice, whole or not at all.

    Parameters
    ----------
    path
        The caller's path; a symbolic link is replaced, what it points to is not.
    text
        The report.
    force
        Whether a file that exists is replaced.

    Raises
    ------
    DataError
        If something is there already and `force` is false, or the path cannot be written.
    """
    return write_new(path, text, force=force, what="report", follow=True, durable=False)
