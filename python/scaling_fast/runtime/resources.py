"""What this process may use: cores and threads."""

from __future__ import annotations

import os
from pathlib import Path

from scaling_fast.errors import ParameterError, quote
from scaling_fast.validation import whole_number

__all__ = ["CPU_MAX", "MOST_THREADS", "checked_threads"]

MOST_THREADS = 1024
"""Threads above which more is taken for a mistake."""

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""Under Linux, a container's quota: microseconds of processor time per period, and the period."""


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
