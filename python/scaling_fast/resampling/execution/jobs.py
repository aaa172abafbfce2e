"""A shard of a bootstrap as bytes: any process that has this version computes it, and answers with bytes.

Nothing here touches a frame: the threads of polars do not survive a fork, and a worker may have been forked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast import errors
from scaling_fast._core import __version__
from scaling_fast.resampling.execution.messages import Foreign, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast._core import Question, Resampling
    from scaling_fast.fitting.request import Request
    from scaling_fast.fitting.result import Fit
    from scaling_fast.resampling.plan import Plan

__all__ = ["Answer", "Job", "replicates"]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The replicates `first` to `first + count` of every group.

    Attributes
    ----------
    status, objective
        Shape (groups, count).
    params
        One array a parameter, shape (groups, count).
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
    """What is resampled, and everything but the range of replicates.

    Attributes
    ----------
    request
        The question.
    plan
        How replicates are drawn.
    params
        The fits they are refitted around, shape (groups, parameters).
    seed
        Seed of the random numbers.
    starts
        Starts searched in every replicate beside the warm one.
    """

    request: Request
    plan: Plan
    params: NDArray[np.float64]
    seed: int
    starts: int

    @classmethod
    def around(cls, fit: Fit, plan: Plan, *, seed: int, starts: int) -> Job:
        """Return the job of refits around a fit."""
        base = np.column_stack([fit.table[name].to_numpy() for name in fit.request.names])
        params = np.ascontiguousarray(base, dtype=np.float64)
        return cls(fit.request, plan, params, seed, starts)

    @property
    def groups(self) -> int:
        """The number of groups."""
        return self.request.table.groups

    def here(self, first: int, count: int, *, threads: int, progress: Any = None) -> Answer:
        """Return a range of replicates computed in this process."""
        resampling = self.plan.resampling(
            seed=self.seed, first=first, count=count, starts=self.starts
        )
        return replicates(
            self.request.question, self.params, resampling, first, count, threads, progress
        )

    def to_bytes(self) -> bytes:
        """Return the question all shards share."""
        question, arrays = self.request.spoken()
        plan = self.plan.without_list()
        words = {
            "version": __version__,
            "question": question,
            "plan": {"kind": plan.kind, "constants": list(plan.constants)},
            "seed": self.seed,
            "starts": self.starts,
        }
        held = {f"question:{name}": array for name, array in arrays.items()}
        held["params"] = self.params
        if plan.table is not None:
            held["table"] = plan.table
        return packed("task", words, held)

    def part(self, first: int, count: int, threads: int) -> bytes:
        """Return the range of one shard, with what of the scheme belongs to it alone."""
        held: dict[str, NDArray[Any]] = {}
        if self.plan.is_listed and (table := self.plan.part(first, count).table) is not None:
            held["table"] = table
        return packed("part", {"first": first, "count": count, "threads": threads}, held)

    def answer(self, raw: bytes, asked: str) -> Answer:
        """Return what a worker answered to the messages whose `seal` is `asked`.

        Raises
        ------
        Foreign
            For the answer to another question or another part of it.
        ScalingError, InternalError
            The worker's own.
        """
        words, arrays = unpacked("answer", raw)
        if words.get("asked") != asked:
            raise Foreign("it answers another task")
        if "error" in words:
            kind = getattr(errors, words["error"])
            raise kind(words["message"], **words["where"])
        return Answer(
            words["first"],
            words["count"],
            arrays["status"],
            arrays["objective"],
            list(arrays["params"]),
            words["interrupted"],
        )


def replicates(
    question: Question,
    params: NDArray[np.float64],
    resampling: Resampling,
    first: int,
    count: int,
    threads: int,
    progress: Any = None,
) -> Answer:
    """Return the replicates of a resampling, said to be `first` to `first + count`."""
    status, objective, columns, interrupted = question.resample(
        params, resampling, threads=threads, progress=progress
    )
    groups = len(params)
    return Answer(
        first,
        count,
        status.reshape(groups, count),
        objective.reshape(groups, count),
        [column.reshape(groups, count) for column in columns],
        interrupted,
    )
