"""Options every long call shares: threads, seed, and what memory there is."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from scaling_fast.errors import ResourceError

__all__ = ["require_usable_process"]


_forked_after_polars: list[bool] = []
"""Holds True in a process whose ancestor had started the threads of polars before the fork."""


def _note_threads() -> None:
    """Before a fork: remember whether polars has threads that the child will lack."""
    if not _forked_after_polars and _polars_has_started():
        _starting.append(True)


def _take_note() -> None:
    """After a fork, in the child."""
    if _starting and not _forked_after_polars:
        _forked_after_polars.append(True)


_starting: list[bool] = []

POLARS_THREAD = re.compile(rb"polars-[0-9]")
"""What the threads of its pool are called."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_note_threads, after_in_child=_take_note, after_in_parent=_starting.clear
    )


SWITCHES = re.compile(rb"ctxt_switches:\t([0-9]+)")
"""How often a thread has left a processor, by itself and not."""

LOOKS, PAUSE = 200, 0.001
"""Looks at threads that have not run yet, and the seconds between two."""


def _polars_has_started(tasks: Path = Path("/proc/self/task")) -> bool:
    """Return whether threads of polars run; where the system does not tell, they may."""
    for _ in range(LOOKS):
        try:
            threads = [_thread(one) for one in tasks.iterdir()]
        except OSError:
            return True
        if any(POLARS_THREAD.match(name) for name, _ in threads):
            return True
        # A thread gives itself its name: one that has never run may still be anybody's.
        if all(has_run for _, has_run in threads):
            return False
        time.sleep(PAUSE)
    return True


def _thread(task: Path) -> tuple[bytes, bool]:
    """Return what a thread is called and whether it has run; one that has just ended is nobody."""
    try:
        switches = SWITCHES.findall((task / "status").read_bytes())
        return (task / "comm").read_bytes(), any(int(count) for count in switches)
    except FileNotFoundError:
        return b"", True


def require_usable_process() -> None:
    """Return None when frames can be used in this process.

    The threads of polars do not survive a fork: in a child forked after they were started its
    operations wait for ever. (The threads of this package are started anew in every process, and
    what needs no frame works there.)

    Raises
    ------
    ResourceError
        In such a child, instead of a hang.
    """
    if _forked_after_polars:
        raise ResourceError(
            "this process was forked after polars had started its threads, which do not survive a "
            'fork; start workers with multiprocessing\'s "spawn" or "forkserver" method',
            code="forked",
        )
