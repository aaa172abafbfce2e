"""Memory, asked for before it is taken: libraries that are refused it end the process, not the call."""

from __future__ import annotations

import errno
import functools
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from scaling_fast import _core
from scaling_fast.errors import ResourceError, ScalingError, quote

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ask_first", "is_limited", "methods_ask_first", "require_memory", "resource_error"]

P = ParamSpec("P")
T = TypeVar("T")

MEBI = 2**20

SMALL = 32 * MEBI
"""Bytes below which only the system is asked, not how much memory the machine has."""

LIBRARIES = 192 * MEBI
"""Bytes that must be left for what is never counted: modules imported at first use, buffers, objects."""

STACK, HEAP = 10 * MEBI, 64 * MEBI
"""Bytes of address space of a thread: its stack, and the heap that glibc reserves for it unless told to share."""

ARENA_MAX, ARENAS = -8, 2
"""What glibc's `mallopt` calls the largest number of heaps, and how many they are under a limit of memory."""

POLARS_THREADS = (rb"polars-[0-9]", rb"tokio-rt-worker", rb"async-executor")
"""The threads that polars starts at first use, one of each kind per core."""

CGROUP = Path("/sys/fs/cgroup")
"""Under Linux, the limits of a container."""

EXHAUSTED = re.compile(
    r"alloc|out of memory|cannot start|spawn|can't start new thread|os error 1[12]\b|poisoned|failed to map",
    re.IGNORECASE,
)
"""Words in what libraries raise when memory or threads are refused."""


def ask_first(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function as an entry of the package: under a limit of memory it works or raises `ResourceError`.

    Where the process has such a limit (`ulimit -v`, `ulimit -d`), room for the threads and modules that
    libraries start at first use must be left: polars ends the process where it is refused memory.
    Whatever says that memory or threads ran out becomes `ResourceError`.
    """

    @functools.wraps(function)
    def entry(*args: P.args, **kwargs: P.kwargs) -> T:
        limited = is_limited()
        if limited:
            _require_headroom()
        try:
            return function(*args, **kwargs)
        except ScalingError:
            raise
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            refused = resource_error(error, limited=limited)
            if refused is None:
                raise
            raise refused from error

    return entry


def methods_ask_first(*names: str) -> Callable[[type[T]], type[T]]:
    """Return a decorator of a class, whose methods and properties of these names become entries of the package."""

    def decorated(kind: type[T]) -> type[T]:
        for name in names:
            member = kind.__dict__[name]
            if isinstance(member, functools.cached_property):
                member.func = ask_first(member.func)
            elif isinstance(member, property) and member.fget is not None:
                setattr(kind, name, property(ask_first(member.fget)))
            else:
                setattr(kind, name, ask_first(member))
        return kind

    return decorated


def resource_error(error: BaseException, *, limited: bool | None = None) -> ResourceError | None:
    """Return the `ResourceError` for an exception that says that memory or threads ran out, else None.

    Parameters
    ----------
    error
        What a library raised.
    limited
        Whether this process has a limit of memory; found out where it is None. Without one, a panic of
        polars is a fault of another kind.
    """
    text = str(error).strip().split("\n", 1)[0]
    if isinstance(error, MemoryError):
        return _refusal(text or "an allocation was refused")
    if isinstance(error, OSError) and error.errno in (errno.ENOMEM, errno.EAGAIN):
        return _refusal(text)
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return _refusal(text)
    unusual = isinstance(error, ImportError) or type(error).__name__ in (
        "PanicException",
        "ComputeError",
    )
    if unusual and EXHAUSTED.search(text) and (is_limited() if limited is None else limited):
        return _refusal(text)
    return None


def _refusal(text: str) -> ResourceError:
    return ResourceError(
        f"memory ran out ({quote(text, 200)}); ask for less, use fewer threads, or raise the limit "
        "of memory (`ulimit -v`)",
        code="memory",
    )


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
    spare = LIBRARIES if is_limited() else 0
    if needed >= SMALL and needed > (limit := _in_the_machine()):
        raise _too_much(what, needed, limit)
    if needed + spare >= 2**63 or not _core.can_allocate(needed + spare):
        raise _too_much(what, needed, max(0, _core.available() - spare))


def _too_much(what: str, needed: int, limit: int) -> ResourceError:
    return ResourceError(
        f"{quote(what, 80)} needs {_bytes(needed)} bytes and {_bytes(limit)} are available; ask for less",
        code="memory",
    )


def _bytes(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about 1e{len(str(count)) - 1}"


def _in_the_machine() -> int:
    """Return how many bytes of memory this process may take, as far as the system says."""
    limits = [2**62]
    names = getattr(os, "sysconf_names", {})
    if "SC_AVPHYS_PAGES" in names and "SC_PHYS_PAGES" in names:
        # Half of all memory is a safe guess even where caches make little of it "available".
        page = os.sysconf("SC_PAGE_SIZE")
        limits.append(page * max(os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PHYS_PAGES") // 2))
    limits.append(_in_the_container(CGROUP))
    return min(limits)


def _in_the_container(folder: Path) -> int:
    """Return how many bytes a container has left, caches not counted, or 2**62 without a limit."""
    with suppress(OSError, ValueError):
        most = int((folder / "memory.max").read_text())
        used = re.search(r"^anon (\d+)$", (folder / "memory.stat").read_text(), flags=re.MULTILINE)
        return max(0, most - int(used.group(1) if used else 0))
    return 2**62


def is_limited() -> bool:
    """Return whether the address space or the data of this process has a limit."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return False
    return any(
        resource.getrlimit(kind)[0] != resource.RLIM_INFINITY
        for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    )


def _require_headroom() -> None:
    """Refuse to begin where libraries could not start their threads."""
    needed = LIBRARIES + (STACK if _heaps_are_shared() else STACK + HEAP) * _threads_to_come()
    if not _core.can_allocate(needed):
        raise ResourceError(
            f"scaling_fast needs {needed // MEBI} MiB of address space to begin, most of it for threads of "
            f"its libraries, and {_core.available() // MEBI} are available; raise the limit (`ulimit -v`), or "
            "set POLARS_MAX_THREADS=1 and OPENBLAS_NUM_THREADS=1 before Python starts",
            code="memory",
        )


@functools.cache
def _heaps_are_shared() -> bool:
    """Tell glibc to reserve no heap for each thread: a few dozen threads would take the whole address space.

    Whoever limits a process that has many cores sets MALLOC_ARENA_MAX for the same reason.
    """
    import ctypes

    try:
        told = bool(ctypes.CDLL(None).mallopt(ARENA_MAX, ARENAS) == 1)
    except (OSError, AttributeError):  # another library of C
        return False
    if told:
        _core.share_heaps()
    return told


def _threads_to_come() -> int:
    """Return how many threads polars and scipy may still start in this process."""
    try:
        names = [
            (task / "comm").read_bytes()
            for task in Path("/proc/self/task").iterdir()
            if (task / "comm").exists()
        ]
    except OSError:
        names = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    each = _number("POLARS_MAX_THREADS", cores or 1)
    missing = sum(
        max(0, each - sum(bool(re.match(kind, name)) for name in names)) for kind in POLARS_THREADS
    )
    # Its allocator starts two more of its own, and the linear algebra of scipy one per further core.
    missing += 2 if missing else 0
    return missing + (
        0 if "scipy.linalg" in sys.modules else _number("OPENBLAS_NUM_THREADS", cores or 1) - 1
    )


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "")
    return max(1, int(text)) if text.isdecimal() else default
