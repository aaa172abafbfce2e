"""Datasets as polars frames: embedded, from a folder of the caller, or downloaded once."""

from __future__ import annotations

import hashlib
import os
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from scaling_fast.datasets.index import about
from scaling_fast.errors import DataError, ResourceError, quote
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process

if TYPE_CHECKING:
    from scaling_fast.datasets.index import About

__all__ = ["DATA_FOLDER", "DATA_URL", "load"]

DATA_FOLDER = "SCALING_FAST_DATA"
"""Environment variable: a folder searched before any download."""

DATA_URL = "SCALING_FAST_DATA_URL"
"""Environment variable: a mirror of raw.githubusercontent.com."""

TIMEOUT = 30
"""Seconds without an answer after which a download gives up."""


@ask_first
def load(name: str, *, base_url: str | None = None) -> pl.DataFrame:
    """Return a dataset as a polars frame, in the source's row order.

    Embedded tables come from the package. Others are looked for, by the source's file name, in the
    folder that the environment variable SCALING_FAST_DATA names; if they are not there, they are
    downloaded once from their authors at a pinned commit and kept in the user's cache. The sha256
    of every file is checked.

    Parameters
    ----------
    name
        One of `names()`.
    base_url
        A mirror to download from; the environment variable SCALING_FAST_DATA_URL does the same.

    Raises
    ------
    DataError
        For an unknown name, or a file whose sha256 differs from the published one.
    ResourceError
        When the file is neither on disk nor available from the network.

    Examples
    --------
    >>> load("cerebras2023")["loss"].to_list()
    [2.608, 2.349, 2.181, 1.997, 1.834, 1.704, 1.572]
    """
    require_usable_process()
    entry = about(name)
    if entry.embedded:
        found = resources.files("scaling_fast.datasets").joinpath(entry.file).read_bytes()
        return pl.read_csv(found).select(entry.columns)
    path = _local(entry)
    if path is None:
        path = _downloaded(entry, base_url or os.environ.get(DATA_URL) or None)
    return _chinchilla(path).select(entry.columns)


def _local(entry: About) -> Path | None:
    """Return the file in the caller's folder after a check of its sha256, or None."""
    folder = os.environ.get(DATA_FOLDER)
    if not folder:
        return None
    path = Path(folder) / entry.file
    if not path.is_file():
        return None
    try:
        got = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ResourceError(
            f"{quote(path, 200)} cannot be read: {error.strerror}", code="unreadable"
        ) from error
    if got != entry.sha256:
        raise _mismatch(entry, str(path), got)
    return path


def _mismatch(entry: About, where: str, got: str) -> DataError:
    return DataError(
        f"{quote(where, 200)} is not the published {quote(entry.file)}: its sha256 is {got}, "
        f"expected {entry.sha256}; replace it, or remove it to download the original",
        code="sha256",
    )


def _downloaded(entry: About, base_url: str | None) -> Path:
    """Return the cached file, downloading it first where it is missing."""
    import logging

    import pooch
    import requests  # pooch's own client

    url = entry.url(base_url)
    remedy = (
        f"download {quote(entry.source, 200)} ({entry.path} at commit {entry.commit}) and set "
        f"{DATA_FOLDER} to the folder that holds {quote(entry.file)}"
    )
    # pooch announces every download on stderr; only the terminal commands of the package may print.
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        return Path(
            pooch.retrieve(
                url,
                known_hash=f"sha256:{entry.sha256}",
                fname=entry.file,
                path=pooch.os_cache("scaling_fast"),
                downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
            )
        )
    except requests.HTTPError as error:
        status = "unknown"
        if error.response is not None:
            status = str(error.response.status_code)
            error.response.close()  # or its socket stays open as long as the traceback
        raise ResourceError(
            f"dataset {quote(entry.name)} is not at {quote(url, 300)} (HTTP status {status}); "
            f"{remedy}",
            code="not_found",
        ) from error
    except (requests.RequestException, OSError) as error:
        raise ResourceError(
            f"dataset {quote(entry.name)} cannot be downloaded from {quote(url, 300)} "
            f"({type(error).__name__}); {remedy}",
            code="offline",
        ) from error
    except ValueError as error:
        # pooch removes a file of the wrong sha256 and names both sums in its message.
        sums = [
            digest for digest in re.findall(r"[0-9a-f]{64}", str(error)) if digest != entry.sha256
        ]
        raise _mismatch(entry, url, sums[0] if sums else "unknown") from error


def _chinchilla(path: Path) -> pl.DataFrame:
    """Return the digitised runs: the source has sizes and FLOP, tokens follow from C = 6 N D."""
    return pl.read_csv(path).select(
        params=pl.col("Model Size"),
        tokens=pl.col("Training FLOP") / (6 * pl.col("Model Size")),
        flops=pl.col("Training FLOP"),
        loss=pl.col("loss"),
    )
