"""Options every long call shares: threads, seed, and what memory there is."""

from __future__ import annotations

import os
import secrets

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
            if hasattr(os, "sched_getaffinity"):
                return max(1, len(os.sched_getaffinity(0)))
            return os.cpu_count() or 1
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


_first: list[int] = []
"""The process in which frames were first used, here or in an ancestor that this one was forked from."""


def require_usable_process() -> None:
    """Return None when frames can be used in this process.

    The threads of polars do not survive a fork: in a child forked after they were started its
    operations wait for ever. (The threads of this package are started anew in every process.)

    Raises
    ------
    ResourceError
        In such a child, instead of a hang.
    """
    process = os.getpid()
    if not _first:
        _first.append(process)
    if _first[0] != process:
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
