"""Places on disk: only regular files are read, and only regular files are ever replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["irregular", "read_regular"]

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def irregular(path: str | Path, *, follow: bool = False) -> str | None:
    """Return what stands at a path that is no regular file, or None for a file or nothing at all.

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
        For a path that is no path, anything but a regular file, and a larger one.
    """
    kind = irregular(path, follow=True)
    if kind is not None:
        raise ValueError(f"it is {kind}, not a regular file")
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"it holds {size:,} bytes, more than the {most:,} of any result")
        return file.read()
