"""Programs under a limit of address space: the smallest that imports the package, and what a program prints."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

MEBI = 2**20
UNDER = """
import resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""
ENTRIES = """
import numpy as np, polars as pl, scaling_fast as sf

def outcome(name, make, run):
    # What the caller makes for himself may not fit either, and is not ours.
    try:
        made = make()
    except MemoryError:
        return print(name, "unmade")
    try:
        run(made)
    except sf.errors.ResourceError:
        return print(name, "refused")
    print(name, "done")
"""


def program(code, *words, timeout=60):
    """Run a program in Python of its own, and return how it ended."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | {"SCALING_FAST_THREADS": "2"},
        check=False,
    )


def starts(module, limit):
    """Return whether a module can be imported under a limit, time after time.

    What a process maps differs by some MiB from run to run, so near the edge once is luck.
    """
    code = UNDER + ENTRIES + f"import {module}"
    return all(program(code, limit).returncode == 0 for _ in range(3))


@functools.cache
def smallest_import(module="scaling_fast"):
    """Return a limit, 48 MiB above the smallest, under which a program with a module of the package starts.

    Nearer to the smallest a library's thread may not start, and the library says so on stderr.
    """
    low, high = 64 * MEBI, 8192 * MEBI
    while high - low > 8 * MEBI:
        middle = (low + high) // 2
        if starts(module, middle):
            high = middle
        else:
            low = middle
    return high + 48 * MEBI


def limits(count, most=8192 * MEBI, module="scaling_fast"):
    """Return limits from there to `most`, equally far from each other as ratios."""
    least = smallest_import(module)
    return [round(least * (most / least) ** (i / (count - 1))) for i in range(count)]


def outcomes(code, limit):
    """Return name -> outcome of the entries of a program under a limit; it must have lived to its end."""
    done = program(UNDER + ENTRIES + code + "\nprint('end', 'reached')", limit)
    assert done.returncode == 0, (limit // MEBI, done.returncode, done.stdout, done.stderr[-800:])
    found = dict(line.split() for line in done.stdout.splitlines())
    assert found.pop("end") == "reached"
    return found
