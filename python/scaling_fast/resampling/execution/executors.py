"""The shards of a bootstrap on any executor, answered in whatever order they end; a lost worker loses nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from scaling_fast.errors import ParameterError, ResourceError, quote
from scaling_fast.resampling.execution.messages import Damaged, Foreign, seal
from scaling_fast.resampling.execution.worker import run
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scaling_fast.resampling.execution.jobs import Answer, Job

__all__ = ["ShardRunner", "checked_executor", "checked_shards", "cut"]

Range = tuple[int, int]
"""First replicate and number of replicates."""

GRAIN = 64
"""Replicates a shard has at least, unless asked for fewer: what a thread of the core takes at a time."""

SHARD = 16_384
"""Refits a shard holds by default: a fraction of a second to some seconds of work."""

LEAST_SHARDS, MOST_SHARDS = 32, 4_096
"""Shards of a run too small, or too large, for the number above."""

IN_FLIGHT, BYTES_IN_FLIGHT = 256, 2**28
"""Shards an executor holds at most beyond the oldest that has not ended, and the bytes of their tasks."""

REST = 0.02
"""Seconds between two looks at futures that can be looked at."""

GRACE = 0.5
"""Seconds that running shards are given after Ctrl-C; workers of a terminal hear it too and answer."""

NOT_THERE = (ImportError, AttributeError)
"""What a worker without this package raises: no worker is lost, and none would do better."""


def checked_executor(executor: Any) -> Any:
    """Return an executor, or None.

    Raises
    ------
    ParameterError
        For an object without `submit`.
    """
    able = callable(getattr(executor, "submit", None)) and not isinstance(executor, type)
    if executor is not None and not able:
        raise ParameterError(
            "executor must be None or have submit(fn, *args), as those of concurrent.futures do, "
            f"got {quote(executor)}; of a dask Client pass client.get_executor()",
            code="executor",
            param="executor",
        )
    return executor


def checked_shards(shards: Any) -> int | None:
    """Return a number of shards, or None for the default.

    Raises
    ------
    ParameterError
        For anything else.
    """
    return None if shards is None else whole_number(shards, "shards", 1)


def cut(gaps: Sequence[Range], groups: int, shards: int | None, block: int = 1) -> list[Range]:
    """Return ranges of replicates as shards, their edges at multiples of `block`.

    Parameters
    ----------
    gaps
        What is to be computed, in order.
    groups
        Groups, each of which has every replicate.
    shards
        How many there should be over all gaps; there are fewer where replicates or blocks are.
    """
    total = sum(count for _, count in gaps)
    if shards is None:
        wanted = min(max(-(-total * groups // SHARD), LEAST_SHARDS), MOST_SHARDS)
        shards = max(1, min(wanted, total // GRAIN))
    size = max(1, -(-total // shards))
    size = -(-size // block) * block
    return [
        (at, min(size, first + count - at))
        for first, count in gaps
        for at in range(first, first + count, size)
    ]


class ShardRunner:
    """Shards under way: iterate over it for their answers.

    Parameters
    ----------
    job
        What is resampled.
    ranges
        The shards.
    executor
        None computes here, one shard after the other.
    threads
        Threads of a task; without an executor, and for what a dead executor left, of this process.
    here
        Threads of this process for a shard that no worker could finish.
    watch
        Called with (done, total) refits.
    done
        Refits that were done before.
    """

    def __init__(
        self,
        job: Job,
        ranges: Sequence[Range],
        executor: Any,
        *,
        threads: int,
        here: int,
        watch: Callable[[int, int], object] | None = None,
        done: int = 0,
    ) -> None:
        self._job = job
        self._ranges = list(ranges)
        self._executor = executor
        self._threads, self._here = threads, here
        self._watch = watch
        self._done = done
        self._total = done + job.groups * sum(count for _, count in ranges)
        self._pending: dict[int, Any] = {}
        self._asked: dict[int, str] = {}
        self._lost: set[int] = set()

    def __iter__(self) -> Iterator[Answer]:
        """Give every shard once, as it ends; after Ctrl-C in this process, raise KeyboardInterrupt."""
        if self._executor is None:
            for place in range(len(self._ranges)):
                here = self._computed_here(place)
                yield here
                _stop_after(here)
                self._done += here.status.size
            return
        question = self._job.to_bytes()
        window = max(2, min(IN_FLIGHT, BYTES_IN_FLIGHT // len(question)))
        following = 0
        while following < len(self._ranges) or self._pending:
            oldest = min(self._pending, default=following)
            while following < min(len(self._ranges), oldest + window):
                self._pending[following] = self._submitted(question, following)
                following += 1
            ended = [place for place, one in self._pending.items() if _has_ended(one)]
            if not ended:
                self._tell(0)
                time.sleep(REST)
                continue
            for place in ended:
                answer = self._collected(question, place)
                if answer is not None:
                    yield answer
                    _stop_after(answer)
                    self._pending.pop(place)
                    self._tell(answer.status.size)

    def salvage(self) -> Iterator[Answer]:
        """Give what workers had finished, or finish within half a second, and call off the rest."""
        self.cancel()
        end = time.monotonic() + GRACE
        while self._pending:
            for place, one in list(self._pending.items()):
                if not callable(getattr(one, "done", None)) or one.done():
                    del self._pending[place]
                    answer = self._rescued(one, place)
                    if answer is not None:
                        yield answer
            if time.monotonic() > end:
                return
            time.sleep(REST)

    def cancel(self) -> None:
        """Cancel what has not begun."""
        for one in self._pending.values():
            if callable(getattr(one, "cancel", None)):
                one.cancel()

    def _rescued(self, future: Any, place: int) -> Answer | None:
        if not callable(getattr(future, "done", None)):
            return None
        try:
            return self._job.answer(future.result(), self._asked[place])
        except BaseException:  # cancelled, failed or lost: there is nothing in it to keep
            return None

    def _submitted(self, question: bytes, place: int) -> Any:
        """Return a future, or None where the executor takes no more."""
        part = self._job.part(*self._ranges[place], self._threads)
        self._asked[place] = seal(question, part)
        try:
            future = self._executor.submit(run, question, part)
        except Exception:  # a broken or closed executor, each with an exception of its own
            return None
        if not callable(getattr(future, "result", None)):
            raise ParameterError(
                f"executor.submit returned {quote(type(future).__name__)}, which has no result(); use an "
                "executor like those of concurrent.futures",
                code="executor",
                param="executor",
            )
        return future

    def _collected(self, question: bytes, place: int) -> Answer | None:
        """Return the answer of a future that ended, or None when the shard was handed in again."""
        future = self._pending[place]
        if future is not None:
            try:
                raw = future.result()
            except NOT_THERE as error:
                raise ResourceError(
                    f"a worker cannot run scaling_fast ({type(error).__name__}: {error}); install the same "
                    "version on every worker",
                    code="worker",
                ) from error
            # A worker that is gone, however it went; a real error of ours is an answer.
            except (Exception, SystemExit):
                raw = None
            answer = self._read(raw, place)
            if answer is not None and not answer.interrupted:
                return answer
            if place not in self._lost:
                self._lost.add(place)
                self._pending[place] = self._submitted(question, place)
                return None
        return self._computed_here(place)

    def _read(self, raw: Any, place: int) -> Answer | None:
        """Return what a worker answered; what is no answer to this shard is a worker that was lost."""
        if not isinstance(raw, bytes | bytearray | memoryview):
            return None
        try:
            answer = self._job.answer(bytes(raw), self._asked[place])
        except (Damaged, Foreign):
            return None
        shape = (self._job.groups, self._ranges[place][1])
        whole = answer.status.shape == answer.objective.shape == shape
        return answer if whole and answer.first == self._ranges[place][0] else None

    def _computed_here(self, place: int) -> Answer:
        watch, done, total = self._watch, self._done, self._total
        progress = None if watch is None else lambda one, _: watch(done + one, total)
        first, count = self._ranges[place]
        return self._job.here(first, count, threads=self._here, progress=progress)

    def _tell(self, more: int) -> None:
        self._done += more
        if self._watch is not None:
            self._watch(self._done, self._total)


def _has_ended(future: Any) -> bool:
    """Return whether a result can be asked for; of a future that cannot say so it is, and is waited for."""
    done = getattr(future, "done", None)
    return future is None or not callable(done) or bool(done())


def _stop_after(answer: Answer) -> None:
    """Raise for an answer that Ctrl-C cut short, once its finished replicates are with the caller."""
    if answer.interrupted:
        raise KeyboardInterrupt
