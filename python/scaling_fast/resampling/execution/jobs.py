"""A bootstrap as a job that any process with this version can compute a shard of, as bytes in and out.

Nothing here touches a frame: the threads of polars do not survive a fork, and a worker may be forked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaling_fast import errors
from scaling_fast._core import __version__
from scaling_fast.resampling.execution.messages import Foreign, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from scaling_fast._core import Question, Resampling
    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.plan import Plan

__all__ = ["Answer", "Job", "refits"]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The replicates `first` to `first + count - 1` of every group.

    Attributes
    ----------
    first, count
        Number of the first replicate, from 0, and how many there are.
    status, objective
        Status codes and objectives, shape (groups, count).
    params
        One array per parameter, natural units, shape (groups, count).
    interrupted
        Whether some are unfinished.
    """

    first: int
    count: int
    status: NDArray[np.uint8]
    objective: NDArray[np.float64]
    params: Sequence[NDArray[np.float64]]
    interrupted: bool


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What is resampled: all that determines a replicate beside its number.

    Attributes
    ----------
    estimates
        The question and the parameters that refits begin from.
    plan
        The resampling scheme on the rows of the question.
    seed
        Seed of the draws, from 0 to 2**64 - 1.
    starts
        Number of searched starts of each replicate beside the warm one, 0 or more.
    """

    estimates: Estimates
    plan: Plan
    seed: int
    starts: int

    @property
    def groups(self) -> int:
        """The number of groups."""
        return self.estimates.groups

    @property
    def names(self) -> list[str]:
        """The parameters in the law's order."""
        return self.estimates.request.names

    def here(
        self,
        first: int,
        count: int,
        *,
        threads: int,
        progress: Callable[[int, int], object] | None = None,
    ) -> Answer:
        """Return a range of replicates computed in this process."""
        question, params = self.estimates.request.question, self.estimates.params
        resampling = self.plan.resampling(
            seed=self.seed, first=first, count=count, starts=self.starts
        )
        return refits(question, params, resampling, first, count, threads, progress)

    def to_bytes(self) -> bytes:
        """Return the message that all shards share."""
        question, arrays = self.estimates.request.to_message()
        header = {
            "version": __version__,
            "question": question,
            "plan": {"kind": self.plan.kind, "constants": list(self.plan.constants)},
            "seed": self.seed,
            "starts": self.starts,
        }
        shared = {f"question:{name}": values for name, values in arrays.items()}
        shared["params"] = self.estimates.params
        if self.plan.table is not None and not self.plan.lists_replicates:
            shared["table"] = self.plan.table
        return packed("task", header, shared)

    def part(self, first: int, count: int, threads: int) -> bytes:
        """Return the range of one shard, with what of the scheme belongs to it alone."""
        own: dict[str, NDArray[Any]] = {}
        if self.plan.table is not None and self.plan.lists_replicates:
            own["table"] = self.plan.table[first : first + count]
        return packed("part", {"first": first, "count": count, "threads": threads}, own)

    def answer(self, raw: bytes, asked: str) -> Answer:
        """Return the answer of a worker to the messages whose `seal` is `asked`.

        Raises
        ------
        Foreign
            For an answer to other messages.
        ScalingError, InternalError
            The error that the worker answered with.
        """
        header, arrays = unpacked("answer", raw)
        if header.get("asked") != asked:
            raise Foreign("it answers another task")
        if "error" in header:
            kind = getattr(errors, header["error"])
            raise kind(header["message"], **header["where"])
        return Answer(
            header["first"],
            header["count"],
            arrays["status"],
            arrays["objective"],
            list(arrays["params"]),
            header["interrupted"],
        )


def refits(
    question: Question,
    params: NDArray[np.float64],
    resampling: Resampling,
    first: int,
    count: int,
    threads: int,
    progress: Callable[[int, int], object] | None = None,
) -> Answer:
    """Return the replicates `first` to `first + count` of a question, computed here."""
    status, objective, columns, interrupted = question.resample(
        params, resampling, threads=threads, progress=progress
    )
    shape = (len(params), count)
    return Answer(
        first,
        count,
        status.reshape(shape),
        objective.reshape(shape),
        [column.reshape(shape) for column in columns],
        interrupted,
    )
