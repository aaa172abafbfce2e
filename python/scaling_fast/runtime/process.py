"""Refuse a process in which frames would hang: one forked after polars had started its threads."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from scaling_fast.errors import ResourceError

__all__ = ["require_usable_process"]


_forked_after_polars: list[bool] = []
"""Holds True in a process whose ancestor had started the threads of polars before the fork."""

_fork_loses_threads: list[bool] = []
"""Holds True while this process forks a child that will lack the threads of polars."""

POLARS_THREAD = re.compile(rb"polars-[0-9]")
"""The names of the threads in its pool."""

SWITCHES = re.compile(rb"ctxt_switches:\t([0-9]+)")
"""How often a thread has left a processor, voluntarily or not."""

LOOKS, PAUSE = 200, 0.001
"""How often threads that have not run yet are looked at again, and the seconds between two looks."""


def _before_fork() -> None:
    """Remember whether polars has threads that the child will lack."""
    if not _forked_after_polars and _polars_has_started():
        _fork_loses_threads.append(True)


def _after_fork_in_child() -> None:
    if _fork_loses_threads and not _forked_after_polars:
        _forked_after_polars.append(True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_child=_after_fork_in_child,
        after_in_parent=_fork_loses_threads.clear,
    )


def _polars_has_started(tasks: Path = Path("/proc/self/task")) -> bool:
    """Return whether threads of polars run, or may run where the system does not say."""
    for _ in range(LOOKS):
        try:
            threads = [_thread(task) for task in tasks.iterdir()]
        except OSError:
            return True
        if any(POLARS_THREAD.match(name) for name, _ in threads):
            return True
        # A thread names itself when it first runs: one that has not run yet may still become polars'.
        if all(has_run for _, has_run in threads):
            return False
        time.sleep(PAUSE)
    return True


def _thread(task: Path) -> tuple[bytes, bool]:
    """Return the name of a thread and whether it has run; a thread that has just ended has no name."""
    try:
        switches = SWITCHES.findall((task / "status").read_bytes())
        return (task / "comm").read_bytes(), any(int(count) for count in switches)
    except FileNotFoundError:
        return b"", True


def require_usable_process() -> None:
    """Return None when frames can be used in this process.

    The threads of polars do not survive a fork: in a child forked after they were started, its
    operations wait forever. (The threads of this package are started anew in every process, so
    whatever needs no frame works there.)

    Raises
    ------
    ResourceError
        In such a child, which would otherwise hang.
    """
    if _forked_after_polars:
        raise ResourceError(
            "this process was forked after polars had started its threads, which do not survive a "
            'fork; start workers with multiprocessing\'s "spawn" or "forkserver" method',
            code="forked",
        )
