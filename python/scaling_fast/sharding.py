"""Replicates from wherever they come, executors and checkpoints, in one table that does not show it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.checkpoint import Checkpoint
from scaling_fast.executors import Flight, cut
from scaling_fast.tasks import unfinished_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from scaling_fast.errors import CheckpointError
    from scaling_fast.tasks import Answer, Job

__all__ = ["Gathered", "Ways", "gathered"]


@dataclass(frozen=True, slots=True)
class Ways:
    """How replicates are computed, which changes none of them.

    Attributes
    ----------
    executor
        None, or an object with `submit`.
    shards
        How many, or None.
    threads
        Threads of a task.
    here
        Threads of this process.
    """

    executor: Any
    shards: int | None
    threads: int
    here: int


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """All replicates, group by group, and how the run ended.

    Attributes
    ----------
    status, objective
        Shape (groups * count,).
    params
        One such array a parameter.
    interrupted
        Whether Ctrl-C ended it; what was not reached is "unfinished".
    failure
        Why the checkpoint could not be written, or None.
    """

    status: NDArray[np.uint8]
    objective: NDArray[np.float64]
    params: list[NDArray[np.float64]]
    interrupted: bool
    failure: CheckpointError | None


def gathered(
    job: Job,
    count: int,
    ways: Ways,
    *,
    path: Path | None,
    watch: Callable[[int, int], object] | None,
) -> Gathered:
    """Return the replicates 0 to `count`, those of a checkpoint read and all others computed and kept there.

    Raises
    ------
    CheckpointError
        For a folder that cannot be used.
    """
    if path is None and ways.executor is None and ways.shards is None:
        one = job.here(0, count, threads=ways.here, progress=watch)
        flat = [column.reshape(-1) for column in one.params]
        return Gathered(
            one.status.reshape(-1), one.objective.reshape(-1), flat, one.interrupted, None
        )
    groups = job.groups
    status = np.full((groups, count), unfinished_code(), dtype=np.uint8)
    objective = np.full((groups, count), np.nan)
    params = [np.full((groups, count), np.nan) for _ in job.request.names]

    def place(answer: Answer) -> None:
        at = slice(answer.first, min(answer.first + answer.count, count))
        held = slice(0, max(at.stop - at.start, 0))
        status[:, at] = answer.status[:, held]
        objective[:, at] = answer.objective[:, held]
        for column, values in zip(params, answer.params, strict=True):
            column[:, at] = values[:, held]

    interrupted = False
    with contextlib.ExitStack() as stack:
        store = None if path is None else stack.enter_context(Checkpoint(path, job))
        for answer in store.shards() if store is not None else ():
            place(answer)
        ranges = cut(_gaps(status), groups, ways.shards)
        flight = _flight(job, ranges, count, ways, watch)
        try:
            for answer in flight:
                place(answer)
                if store is not None:
                    store.keep(answer)
        except KeyboardInterrupt:
            interrupted = True
            for answer in flight.rescued():
                place(answer)
                if store is not None:
                    store.keep(answer)
        except BaseException:
            flight.call_off()
            raise
        failure = None if store is None else store.failure
    flat = [column.reshape(-1) for column in params]
    return Gathered(status.reshape(-1), objective.reshape(-1), flat, interrupted, failure)


def _flight(
    job: Job,
    ranges: list[tuple[int, int]],
    count: int,
    ways: Ways,
    watch: Callable[[int, int], object] | None,
) -> Flight:
    done = count - sum(size for _, size in ranges)
    return Flight(
        job,
        ranges,
        ways.executor,
        threads=ways.threads,
        here=ways.here,
        watch=watch,
        done=done * job.groups,
    )


def _gaps(status: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Return the runs of replicates that some group lacks: first and number."""
    missing = (status == unfinished_code()).any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def in_order(answers: Iterator[Answer] | Flight) -> Iterator[Answer]:
    """Give answers by their first replicate, holding those that come early."""
    early: dict[int, Answer] = {}
    at = 0
    for answer in answers:
        early[answer.first] = answer
        while at in early:
            ready = early.pop(at)
            at += ready.count
            yield ready
