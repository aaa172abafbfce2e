"""Write a report's file: never over another one unasked, never half."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scaling_fast.errors import DataError, ParameterError, shown
from scaling_fast.paths import irregular

PAGE_MARK = b'name="generator" content="scaling_fast'
JSON_MARK = b'"schema": "scaling-audit/'
HEAD = 4096  # bytes of a file that are looked at for a mark


def json_ready(value: Any) -> Any:
    """Return a value as JSON holds it: NaN and infinities become null, arrays lists."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return json_ready(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def as_path(path: object) -> Path:
    """Return a caller's path.

    Raises
    ------
    ParameterError
        If it is neither text nor a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise ParameterError(
            f"path must be text or a pathlib.Path, got {shown(path)} of type {type(path).__name__}",
            code="path",
            param="path",
        )
    return Path(path)


def is_page(path: str | Path) -> bool:
    """Return whether a regular file, not a link, begins like a page of this package."""
    return PAGE_MARK in _head(path)


def is_json(path: str | Path) -> bool:
    """Return whether a regular file, not a link, begins like a JSON report of this package."""
    return _head(path).lstrip().removeprefix(b"{").lstrip().startswith(JSON_MARK)


def _head(path: str | Path) -> bytes:
    path = as_path(path)
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return b""
        with path.open("rb") as file:
            return file.read(HEAD)
    except (OSError, ValueError):
        return b""


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
            raise DataError(f"{shown(target, 200)} exists already; pass force=True to replace it")
        kind = irregular(target, follow=True)
        if kind is not None:
            raise DataError(
                f"{shown(target, 200)} is {kind}, not a regular file; choose another path"
            )
        scratch = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        handle = os.open(scratch, flags, 0o644)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            scratch.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                scratch.unlink()
            raise
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"report {shown(target, 200)} cannot be written: {reason}; choose another path"
        ) from error
    return target
