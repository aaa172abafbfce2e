"""Write a report's file: never over another one unasked, never half."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.runtime.files import as_path

if TYPE_CHECKING:
    from pathlib import Path

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
