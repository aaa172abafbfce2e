"""Whether a file is an earlier report, which a new one may replace unasked."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from scaling_fast.runtime.files import as_path

if TYPE_CHECKING:
    from pathlib import Path

PAGE_MARK = b'name="generator" content="scaling_fast'
JSON_MARK = b'"schema": "scaling-audit/'
HEAD = 4096  # bytes of a file that are looked at for a mark


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
