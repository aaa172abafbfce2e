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
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast._core import Question
    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.plan import Plan

__all__ = ["ROW_PER_REPLICATE", "Answer", "Job"]

ROW_PER_REPLICATE = frozenset({"indices", "weights"})
"""Schemes whose table has one row per replicate: a task carries its own rows alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The replicates `first` to `first + count` of every group.

    Attributes
    ----------
    status, objective
        Shape (groups, count).
    params
        One array per parameter, shape (groups, count).
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
    """What is resampled, and everything about it but the range of replicates.

    Attributes
    ----------
    estimates
        The question and the parameters that refits begin from.
    plan
        The scheme on its rows.
    seed
        Seed of the draws, from 0 to 2**64 - 1.
    starts
        Searched starts of each replicate beside the warm one, 0 or more.
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
        question = self.estimates.request.question
        return replicates_of(question, self._call(), first, count, threads, progress)

    def _call(self) -> dict[str, Any]:
        """Return the arguments of `Question.resample` that every shard shares."""
        return {
            "params": self.estimates.params,
            "kind": self.plan.kind,
            "table": self.plan.table,
            "seed": self.seed,
            "starts": self.starts,
        }

    @property
    def rows_per_replicate(self) -> NDArray[Any] | None:
        """The table of a scheme that has one row per replicate, of which a task carries its own alone."""
        table = self.plan.table
        return (
            table if self.plan.kind in ROW_PER_REPLICATE and isinstance(table, np.ndarray) else None
        )

    def to_bytes(self) -> bytes:
        """Return the question all shards share."""
        question, arrays = self.estimates.request.to_message()
        call = self._call()
        if self.rows_per_replicate is not None:
            call["table"] = None
        apart: dict[str, NDArray[Any]] = {}
        header = {name: taken_apart(value, name, apart) for name, value in call.items()}
        return packed(
            "task",
            {"version": __version__, "question": question, "call": header},
            {f"question:{name}": values for name, values in arrays.items()}
            | {f"call:{name}": values for name, values in apart.items()},
        )

    def part(self, first: int, count: int, threads: int) -> bytes:
        """Return the range of one shard, with what of the scheme belongs to it alone."""
        rows = self.rows_per_replicate
        own = {} if rows is None else {"table": rows[first : first + count]}
        return packed("part", {"first": first, "count": count, "threads": threads}, own)

    def answer(self, raw: bytes, asked: str) -> Answer:
        """Return what a worker answered to the messages whose `seal` is `asked`.

        Raises
        ------
        Foreign
            For the answer to another question or another part of it.
        ScalingError, InternalError
            The worker's own.
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


def taken_apart(value: Any, name: str, apart: dict[str, NDArray[Any]]) -> Any:
    """Return a value as JSON holds it, its arrays put into `apart` under names of their own."""
    if isinstance(value, np.ndarray):
        apart[name] = value
        return {"array": name}
    if isinstance(value, tuple):
        return {
            "tuple": [
                taken_apart(part, f"{name}.{place}", apart) for place, part in enumerate(value)
            ]
        }
    return value


def rejoined(value: Any, apart: Mapping[str, NDArray[Any]]) -> Any:
    """Return the value that `taken_apart` took apart."""
    match value:
        case {"array": name}:
            return apart[name]
        case {"tuple": parts}:
            return tuple(rejoined(part, apart) for part in parts)
    return value


def with_prefix(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with a prefix, without it."""
    return {
        name.removeprefix(prefix): values
        for name, values in arrays.items()
        if name.startswith(prefix)
    }


def replicates_of(
    question: Question,
    call: Mapping[str, Any],
    first: int,
    count: int,
    threads: int,
    progress: Callable[[int, int], object] | None,
) -> Answer:
    """Return a range of replicates of a question, computed here; `call` is what every shard shares."""
    status, objective, params, interrupted = question.resample(
        call["params"],
        call["kind"],
        call["table"],
        first=first,
        count=count,
        seed=call["seed"],
        starts=call["starts"],
        threads=threads,
        progress=progress,
    )
    shape = (len(call["params"]), count)
    return Answer(
        first,
        count,
        status.reshape(shape),
        objective.reshape(shape),
        [column.reshape(shape) for column in params],
        interrupted,
    )
