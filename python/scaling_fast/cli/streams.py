"""Standard streams: what is printed arrives, or the exit code says that it did not."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def tolerate_any_encoding() -> None:
    """Let a stream that cannot encode a character, such as a Greek letter, escape it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


class _Stdout(io.FileIO):
    """Standard output whose errors say what could not be written."""

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        """Write bytes and return how many were taken."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = f"stdout cannot be written: {error.strerror}"
            raise OSError(error.errno, reason) from error


@contextlib.contextmanager
def own_stdout() -> Iterator[None]:
    """Give the process a stdout that never loses text silently, whatever PYTHONUNBUFFERED says.

    Unbuffered, Python drops the part of a long text that a nearly full disk does not take. A stdout
    that is not the interpreter's own, such as a test's, stays as it is.
    """
    stream: Any = sys.stdout
    buffer = getattr(stream, "buffer", None)
    own = stream is sys.__stdout__ and type(getattr(buffer, "raw", buffer)) is io.FileIO
    if not own:
        yield
        return
    raw = _Stdout(stream.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, stream.errors)
    try:
        yield
    finally:
        sys.stdout = stream


def stdout_is_closed() -> bool:
    """Return whether there is no stdout to write to."""
    return sys.stdout is None or sys.stdout.closed


def flush() -> None:
    """Write out what is buffered, while a failure can still be reported.

    Raises
    ------
    OSError
        If it cannot be written, or stdout is closed.
    """
    if stdout_is_closed():
        raise OSError(errno.EBADF, "stdout is closed, so the answer is lost")
    sys.stdout.flush()


def settle() -> None:
    """Empty the buffers, so that the interpreter's last flush cannot fail and change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            abandon(stream)


def open_closed_streams() -> None:
    """Open closed standard descriptors to the null device, so that no file opened later becomes one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # the lowest that is free


def abandon(stream: Any) -> None:
    """Point a stream at the null device and send there what it still holds."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
        stream.flush()


def on_terminal(*, stderr: bool = False) -> bool:
    """Return whether the stream is a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
