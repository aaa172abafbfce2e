"""What this process may use: cores, threads, memory."""

from __future__ import annotations

import os
from pathlib import Path

from scaling_fast.errors import ParameterError, ResourceError, quote
from scaling_fast.validation import whole_number

__all__ = ["CPU_MAX", "MOST_THREADS", "checked_threads", "require_memory"]


MOST_THREADS = 1024


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
                f"{name} must be a whole number, got {quote(said)}", code="not_whole", param=name
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
            f"{quote(what, 80)} needs {_bytes(needed)} bytes and {_bytes(limit)} are available; ask for less",
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
