"""The progress of long calls: a bar on a terminal, a call of the caller's function, or nothing."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scaling_fast.errors import ParameterError, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["watched"]

PATIENCE = 1.0
"""Seconds before a bar appears; shorter work shows none."""


def _is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal; a process may have no stream at all."""
    try:
        return bool(stream is not None and stream.isatty())
    except ValueError:  # closed
        return False


@contextmanager
def watched(
    progress: bool | Callable[[int, int], object] | None,  # noqa: FBT001 (three kinds of one option)
    what: str,
) -> Iterator[Callable[[int, int], object] | None]:
    """Give the function to call with (done, total), or None where progress is not shown.

    Parameters
    ----------
    progress
        None for a bar when standard error is a terminal, True for a bar in any case, False for
        none, or a function of (done, total).
    what
        The label of the bar.

    Raises
    ------
    ParameterError
        For another value of `progress`.
    """
    if callable(progress):
        yield progress
        return
    if not isinstance(progress, bool | None):
        raise ParameterError(
            f"progress must be None, True, False or a function of (done, total), got {quote(progress)}",
            code="progress",
            param="progress",
        )
    if progress is False or (progress is None and not _is_terminal(sys.stderr)):
        yield None
        return
    bar = _Bar(what)
    try:
        yield bar
    finally:
        bar.close()


class _Bar:
    """A bar on standard error, drawn only once the work has lasted for a while."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            if time.monotonic() - self._began < PATIENCE:
                return
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._what, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
