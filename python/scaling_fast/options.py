"""Options every long call shares: threads, seed, and what memory there is."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

from scaling_fast.errors import ParameterError, ResourceError, shown

__all__ = [
    "checked_seed",
    "checked_threads",
    "require_memory",
    "require_usable_process",
    "whole_number",
]

MOST_THREADS = 1024


def whole_number(value: object, name: str, lowest: int) -> int:
    """Return an int of at least `lowest`; booleans, text and fractions are refused by name.

    Raises
    ------
    ParameterError
        For anything else.
    """
    index = getattr(type(value), "__index__", None)
    if index is None or isinstance(value, bool):
        raise ParameterError(
            f"{name} must be a whole number, got {shown(value)} of type {type(value).__name__}",
            code="not_whole",
            param=name,
        )
    try:
        number = int(index(value))
    except TypeError as error:
        raise ParameterError(
            f"{name} must be one whole number, got {shown(value)}", code="not_whole", param=name
        ) from error
    if number < lowest:
        raise ParameterError(
            f"{name} must be at least {lowest}, got `{number}`", code="too_small", param=name
        )
    return number


def checked_threads(threads: object) -> int:
    """Return the number of threads: the argument, else SCALING_FAST_THREADS, else this process's cores.

    Raises
    ------
    ParameterError
        For a number outside 1 to 1024, naming the argument or the variable.
    """
    name = "threads"
    if threads is None:
        said = os.environ.get("SCALING_FAST_THREADS", "").strip()
        if not said:
            return _cores()
        name = "SCALING_FAST_THREADS"
        if not said.isdecimal():
            raise ParameterError(
                f"{name} must be a whole number, got {shown(said)}", code="not_whole", param=name
            )
        threads = int(said)
    count = whole_number(threads, name, 1)
    if count > MOST_THREADS:
        raise ParameterError(
            f"{name} must be at most {MOST_THREADS}, got `{count}`", code="too_large", param=name
        )
    return count


def _cores() -> int:
    """Return the cores this process may use: its affinity, and no more than a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, _quota(CPU_MAX)))


CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of processor time, and the period they are for, of a container under Linux."""


def _quota(path: Path) -> int:
    """Return the whole cores a quota allows, at least one; without a quota, more than there are."""
    try:
        allowed, period = path.read_text().split()[:2]
        return MOST_THREADS if allowed == "max" else max(1, -(-int(allowed) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return MOST_THREADS


def checked_seed(seed: object) -> int:
    """Return a seed below 2**64; None draws one, which the result remembers so that it can be repeated.

    Raises
    ------
    ParameterError
        For anything but a whole number from 0 to 2**64 - 1.
    """
    if seed is None:
        return secrets.randbits(63)
    value = whole_number(seed, "seed", 0)
    if value >= 2**64:
        raise ParameterError(
            f"seed must be below 2**64, got {shown(value)}", code="too_large", param="seed"
        )
    return value


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


def require_memory(what: str, needed: int) -> None:
    """Return None when `needed` bytes can be had now.

    Raises
    ------
    ResourceError
        Stating the bytes needed and the bytes there are, before anything is allocated.
    """
    limit = _available()
    if needed > limit:
        raise ResourceError(
            f"{shown(what, 80)} needs {_bytes(needed)} bytes and {_bytes(limit)} are available; ask for less",
            code="memory",
        )


def _bytes(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about 1e{len(str(count)) - 1}"


def _available() -> int:
    """Return the bytes this process may still allocate, as well as the system tells."""
    limits = [2**62]
    names = getattr(os, "sysconf_names", {})
    if "SC_AVPHYS_PAGES" in names and "SC_PHYS_PAGES" in names:
        # Half of all memory is a safe guess even where caches make little of it "available".
        page = os.sysconf("SC_PAGE_SIZE")
        limits.append(page * max(os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PHYS_PAGES") // 2))
    try:
        import resource
    except ImportError:  # not a POSIX system
        return min(limits)
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min(limits)
