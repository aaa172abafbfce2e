"""What this process may use: cores, threads, memory."""

from __future__ import annotations

import os
from pathlib import Path

from scaling_fast.errors import ParameterError, ResourceError, quote
from scaling_fast.validation import whole_number

__all__ = ["CPU_MAX", "MOST_THREADS", "checked_threads", "require_memory"]

MOST_THREADS = 1024
"""Threads above which more is taken for a mistake."""

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""Under Linux, a container's quota: microseconds of processor time per period, and the period."""

NO_LIMIT = 2**62
"""Bytes, where no limit is known."""


def checked_threads(threads: object) -> int:
    """Return how many threads to use: the argument, else SCALING_FAST_THREADS, else the cores there are.

    Raises
    ------
    ParameterError
        For a number outside 1 to 1024, naming the argument or the variable.
    """
    name = "threads"
    if threads is None:
        text = os.environ.get("SCALING_FAST_THREADS", "").strip()
        if not text:
            return _cores()
        name = "SCALING_FAST_THREADS"
        if not text.isdecimal():
            raise ParameterError(
                f"{name} must be a whole number, got {quote(text)}", code="not_whole", param=name
            )
        threads = int(text)
    return whole_number(threads, name, 1, MOST_THREADS)


def _cores() -> int:
    """Return how many cores this process may use: by its affinity, and at most its container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, _quota(CPU_MAX)))


def _quota(path: Path) -> int:
    """Return how many whole cores a quota allows, at least one, or MOST_THREADS without a quota."""
    try:
        allowed, period = path.read_text().split()[:2]
        return MOST_THREADS if allowed == "max" else max(1, -(-int(allowed) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return MOST_THREADS


def require_memory(what: str, needed: int) -> None:
    """Return None when this process can still allocate `needed` bytes.

    Parameters
    ----------
    what
        What needs them, as the subject of the message.
    needed
        Bytes.

    Raises
    ------
    ResourceError
        With the bytes needed and the bytes available, before anything is allocated.
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
    """Return how many bytes this process may still allocate, as far as the system says."""
    limits = [NO_LIMIT]
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
