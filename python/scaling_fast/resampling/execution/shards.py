"""Replicates gathered from executors and checkpoints into one table, the same wherever they come from."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.fitting.status import status_code
from scaling_fast.resampling.execution.checkpoint import Checkpoint
from scaling_fast.resampling.execution.executors import (
    ShardRunner,
    checked_executor,
    checked_shards,
    cut,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from scaling_fast.errors import CheckpointError
    from scaling_fast.resampling.execution.jobs import Answer, Job

__all__ = ["BLOCK", "Block", "ExecutionPlan", "Gathered", "blocks", "gathered"]


UNFINISHED, CONVERGED = status_code("unfinished"), status_code("converged")

BLOCK = 1024
"""Replicates summed at a time; the last bits of streaming moments depend on it."""

LOCAL_PART = 2**16
"""Refits in a part that this process computes and drops: some megabytes."""

MOST_PARTS = 100_000
"""Most parts, however many replicates are asked for."""


@dataclass(frozen=True, slots=True)
class ExecutionPlan:
    """Where and how replicates are computed, which changes none of them.

    Attributes
    ----------
    executor
        Object with `submit`, or None for this process.
    shards
        Number of shards, 1 or more; None to choose it.
    threads
        Number of threads of each task, 1 or more.
    here
        Number of threads of this process, 1 or more.
    """

    executor: Any
    shards: int | None
    threads: int
    here: int

    @classmethod
    def checked(cls, executor: Any, shards: Any, threads: int, here: int) -> ExecutionPlan:
        """Return a plan that can be carried out.

        Raises
        ------
        ParameterError
            For an object without `submit`, or an illegal number of shards.
        """
        return cls(checked_executor(executor), checked_shards(shards), threads, here)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """All replicates, group by group, and how the run ended.

    Attributes
    ----------
    status, objective
        Status codes and objectives, shape (groups * count,).
    params
        One such array per parameter, natural units.
    interrupted
        Whether Ctrl-C ended the run; replicates it came before are "unfinished".
    failure
        The error of writing the checkpoint, or None.
    """

    status: NDArray[np.uint8]
    objective: NDArray[np.float64]
    params: list[NDArray[np.float64]]
    interrupted: bool
    failure: CheckpointError | None


def gathered(
    job: Job,
    count: int,
    execution: ExecutionPlan,
    *,
    path: Path | None,
    watch: Callable[[int, int], object] | None,
) -> Gathered:
    """Return the replicates 0 to `count - 1`: those of a checkpoint are read, the others computed and kept there.

    Parameters
    ----------
    job
        What is resampled.
    count
        Number of replicates per group, 1 or more.
    execution
        Where and how they are computed.
    path
        Folder of the checkpoint, or None.
    watch
        Function called with (done, total) refits, or None.

    Raises
    ------
    CheckpointError
        For a folder that cannot be used.
    """
    if path is None and execution.executor is None and execution.shards is None:
        whole = job.here(0, count, threads=execution.here, progress=watch)
        flat = [column.reshape(-1) for column in whole.params]
        return Gathered(
            whole.status.reshape(-1), whole.objective.reshape(-1), flat, whole.interrupted, None
        )
    groups = job.groups
    status = np.full((groups, count), UNFINISHED, dtype=np.uint8)
    objective = np.full((groups, count), np.nan)
    params = [np.full((groups, count), np.nan) for _ in job.names]

    def place(answer: Answer) -> None:
        at = slice(answer.first, min(answer.first + answer.count, count))
        known = slice(0, max(at.stop - at.start, 0))
        status[:, at] = answer.status[:, known]
        objective[:, at] = answer.objective[:, known]
        for column, values in zip(params, answer.params, strict=True):
            column[:, at] = values[:, known]

    interrupted = False
    with contextlib.ExitStack() as stack:
        store = None if path is None else stack.enter_context(Checkpoint(path, job))
        for answer in store.shards() if store is not None else ():
            place(answer)
        ranges = cut(_gaps(status), groups, execution.shards)
        runner = _runner(job, ranges, count, execution, watch)
        try:
            for answer in runner:
                place(answer)
                if store is not None:
                    store.keep(answer)
        except KeyboardInterrupt:
            interrupted = True
            for answer in runner.salvage():
                place(answer)
                if store is not None:
                    store.keep(answer)
        except BaseException:
            runner.cancel()
            raise
        failure = None if store is None else store.failure
    flat = [column.reshape(-1) for column in params]
    return Gathered(status.reshape(-1), objective.reshape(-1), flat, interrupted, failure)


def _runner(
    job: Job,
    ranges: list[tuple[int, int]],
    count: int,
    execution: ExecutionPlan,
    watch: Callable[[int, int], object] | None,
) -> ShardRunner:
    done = count - sum(size for _, size in ranges)
    return ShardRunner(
        job,
        ranges,
        execution.executor,
        threads=execution.threads,
        here=execution.here,
        watch=watch,
        done=done * job.groups,
    )


def _gaps(status: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Return the ranges of replicates that some group lacks: first and number."""
    missing = (status == UNFINISHED).any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
    return [
        (int(first), int(end - first)) for first, end in zip(edges[::2], edges[1::2], strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Consecutive replicates of every group, all of them finished.

    Attributes
    ----------
    first, count
        Number of the first replicate, from 0, and how many there are.
    status
        Status codes, shape (groups, count).
    names, params
        The parameters, and one array per parameter, shape (groups, count).
    """

    first: int
    count: int
    status: NDArray[np.uint8]
    names: Sequence[str]
    params: Sequence[NDArray[np.float64]]

    def groups(self) -> Iterator[dict[str, NDArray[np.float64]]]:
        """Give parameter -> values of the usable replicates, group after group."""
        for group, codes in enumerate(self.status):
            good = codes == CONVERGED
            yield {
                name: np.ascontiguousarray(values[group][good])
                for name, values in zip(self.names, self.params, strict=True)
            }


def blocks(
    job: Job, count: int, execution: ExecutionPlan, watch: Callable[[int, int], object] | None
) -> Iterator[Block]:
    """Give the replicates 0 to `count - 1` in order, `BLOCK` at a time whatever the shards, keeping few of them.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after the last block before the first unfinished replicate.
    """
    shards = execution.shards
    if shards is None and execution.executor is None:
        # Parts of this size keep the threads of this process busy, and memory small.
        shards = min(max(1, -(-count * job.groups // LOCAL_PART)), MOST_PARTS)
    ranges = cut([(0, count)] if count else [], job.groups, shards, BLOCK)
    runner = _runner(job, ranges, count, execution, watch)
    # Answers arrive in any order; those that came too early wait for the ones before them.
    early: dict[int, Answer] = {}
    at = 0
    try:
        for answer in runner:
            if answer.interrupted:
                continue
            early[answer.first] = answer
            while at in early:
                ready = early.pop(at)
                yield from _blocks(job, ready)
                at += ready.count
    except BaseException:
        runner.cancel()
        raise


def _blocks(job: Job, answer: Answer) -> Iterator[Block]:
    """Give the blocks of one answer, in order."""
    for start in range(0, answer.count, BLOCK):
        inside = slice(start, min(start + BLOCK, answer.count))
        yield Block(
            answer.first + start,
            inside.stop - start,
            answer.status[:, inside],
            job.names,
            [column[:, inside] for column in answer.params],
        )
