"""The shards of a bootstrap on any executor, in whatever order they end; a lost worker loses nothing."""

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
"""Replicates that a shard has at least, unless fewer are asked for: what a thread of the core takes at a time."""

SHARD = 16_384
"""Refits per shard by default: a fraction of a second to some seconds of work."""

LEAST_SHARDS, MOST_SHARDS = 32, 4_096
"""Fewest and most shards by default, for runs too small or too large for the number above."""

IN_FLIGHT, BYTES_IN_FLIGHT = 256, 2**28
"""Most shards that an executor is given beyond the oldest unfinished one, and most bytes of their tasks."""

REST = 0.02
"""Seconds between two checks whether futures are done."""

GRACE = 0.5
"""Seconds that running shards are given after Ctrl-C; workers of the same terminal get it too, and answer."""

NOT_THERE = (ImportError, AttributeError)
"""What a worker without this package raises: the worker is not lost, and another would raise the same."""


def checked_executor(executor: Any) -> Any:
    """Return an executor, or None for this process.

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
        For anything but a whole number from 1, or None.
    """
    return None if shards is None else whole_number(shards, "shards", 1)


def cut(gaps: Sequence[Range], groups: int, shards: int | None, block: int = 1) -> list[Range]:
    """Return the shards of ranges of replicates, with sizes that are multiples of `block`.

    Parameters
    ----------
    gaps
        Ranges of replicates to compute, in order.
    groups
        Number of groups, each of which has every replicate.
    shards
        Number of shards over all gaps, 1 or more, or None to choose it; there are fewer where there are
        fewer blocks.
    block
        Number of replicates of which a shard holds a multiple, 1 or more.
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
    """Runs the shards of a job: iterate over it for their answers.

    Parameters
    ----------
    job
        What is resampled.
    ranges
        First replicate and number of replicates of each shard.
    executor
        Object with `submit`; None computes in this process, one shard after the other.
    threads
        Number of threads of a task, 1 or more.
    here
        Number of threads of this process for a shard that no worker finishes, 1 or more.
    watch
        Function called with (done, total) refits, or None.
    done
        Number of refits that were done before.
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
        """Give the answer of every shard once, as it ends; raise KeyboardInterrupt after Ctrl-C in this process."""
        if self._executor is None:
            for place in range(len(self._ranges)):
                local = self._computed_here(place)
                yield local
                _stop_after(local)
                self._done += local.status.size
            return
        question = self._job.to_bytes()
        # Answers wait for the oldest shard where order matters, so only so many run ahead of it.
        window = max(2, min(IN_FLIGHT, BYTES_IN_FLIGHT // len(question)))
        following = 0
        while following < len(self._ranges) or self._pending:
            oldest = min(self._pending, default=following)
            while following < min(len(self._ranges), oldest + window):
                self._pending[following] = self._submitted(question, following)
                following += 1
            ended = [place for place, future in self._pending.items() if _has_ended(future)]
            if not ended:
                self._report(0)
                time.sleep(REST)
                continue
            for place in ended:
                answer = self._collected(question, place)
                if answer is not None:
                    yield answer
                    _stop_after(answer)
                    self._pending.pop(place)
                    self._report(answer.status.size)

    def salvage(self) -> Iterator[Answer]:
        """Give what workers have finished, or finish within half a second, and cancel the rest."""
        self.cancel()
        end = time.monotonic() + GRACE
        while self._pending:
            for place, future in list(self._pending.items()):
                if not callable(getattr(future, "done", None)) or future.done():
                    del self._pending[place]
                    answer = self._salvaged(future, place)
                    if answer is not None:
                        yield answer
            if time.monotonic() > end:
                return
            time.sleep(REST)

    def cancel(self) -> None:
        """Cancel the shards that have not begun."""
        for future in self._pending.values():
            if callable(getattr(future, "cancel", None)):
                future.cancel()

    def _salvaged(self, future: Any, place: int) -> Answer | None:
        if not callable(getattr(future, "done", None)):
            return None
        try:
            return self._job.answer(future.result(), self._asked[place])
        except BaseException:  # cancelled, failed or lost: it holds nothing to keep
            return None

    def _submitted(self, question: bytes, place: int) -> Any:
        """Return a future, or None where the executor accepts no more tasks."""
        part = self._job.part(*self._ranges[place], self._threads)
        self._asked[place] = seal(question, part)
        try:
            future = self._executor.submit(run, question, part)
        except Exception:  # broken and closed executors each raise an exception of their own
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
        """Return the answer of a future that ended, or None if the shard was submitted again."""
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
            # The worker is gone, for whatever reason; errors of scaling_fast come back as answers.
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
        """Return what a worker answered, or None for anything but an answer to this shard: a lost worker."""
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
        progress = None if watch is None else lambda more, _: watch(done + more, total)
        first, count = self._ranges[place]
        return self._job.here(first, count, threads=self._here, progress=progress)

    def _report(self, more: int) -> None:
        self._done += more
        if self._watch is not None:
            self._watch(self._done, self._total)


def _has_ended(future: Any) -> bool:
    """Return whether a future is done; one that cannot say so counts as done, and its result is waited for."""
    done = getattr(future, "done", None)
    return future is None or not callable(done) or bool(done())


def _stop_after(answer: Answer) -> None:
    """Raise for an answer that Ctrl-C interrupted, once the caller has its finished replicates."""
    if answer.interrupted:
        raise KeyboardInterrupt
