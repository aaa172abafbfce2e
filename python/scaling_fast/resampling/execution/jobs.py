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
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request
    from scaling_fast.fitting.result import Fit

__all__ = ["ONE_A_REPLICATE", "Answer", "Job"]

ONE_A_REPLICATE = frozenset({"indices", "weights"})
"""Schemes whose table has one row a replicate: a task carries its own rows alone."""


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
    """What is resampled, and everything but the range of a call to `Request.resample`.

    Attributes
    ----------
    request
        The question.
    call
        Arguments of `Question.resample`: params, kind, table, seed, starts.
    """

    request: Request
    call: Mapping[str, Any]

    @classmethod
    def around(cls, fit: Fit, kind: str, table: Any, *, seed: int, starts: int) -> Job:
        """Return the job of refits around a fit, drawn as the core calls it."""
        base = np.column_stack([fit.table[name].to_numpy() for name in fit.request.names])
        call = {
            "params": np.ascontiguousarray(base, dtype=np.float64),
            "kind": kind,
            "table": table,
            "seed": seed,
            "starts": starts,
        }
        return cls(fit.request, call)

    @property
    def groups(self) -> int:
        """The number of groups."""
        return self.request.table.groups

    def here(self, first: int, count: int, *, threads: int, progress: Any = None) -> Answer:
        """Return a range of replicates computed in this process."""
        return replicates_of(
            self.request.question, dict(self.call), first, count, threads, progress
        )

    def to_bytes(self) -> bytes:
        """Return the question all shards share."""
        question, arrays = self.request.spoken()
        call = dict(self.call)
        if call["kind"] in ONE_A_REPLICATE:
            call["table"] = None
        held: dict[str, NDArray[Any]] = {}
        words = {name: taken_apart(value, name, held) for name, value in call.items()}
        return packed(
            "task",
            {"version": __version__, "question": question, "call": words},
            {f"question:{name}": one for name, one in arrays.items()}
            | {f"call:{name}": one for name, one in held.items()},
        )

    def part(self, first: int, count: int, threads: int) -> bytes:
        """Return the range of one shard, with what of the scheme belongs to it alone."""
        held = {}
        if self.call["kind"] in ONE_A_REPLICATE:
            held["table"] = self.call["table"][first : first + count]
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


def taken_apart(value: Any, name: str, held: dict[str, NDArray[Any]]) -> Any:
    """Return a value as JSON holds it, its arrays put into `held` under names of their own."""
    if isinstance(value, np.ndarray):
        held[name] = value
        return {"array": name}
    if isinstance(value, tuple):
        return {"tuple": [taken_apart(one, f"{name}.{j}", held) for j, one in enumerate(value)]}
    return value


def rejoined(value: Any, held: Mapping[str, NDArray[Any]]) -> Any:
    """Return the value that `taken_apart` took apart."""
    match value:
        case {"array": name}:
            return held[name]
        case {"tuple": parts}:
            return tuple(rejoined(one, held) for one in parts)
    return value


def with_prefix(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {one.removeprefix(prefix): v for one, v in arrays.items() if one.startswith(prefix)}


def replicates_of(
    question: Any, call: dict[str, Any], first: int, count: int, threads: int, progress: Any
) -> Answer:
    params, kind, table = (call.pop(one) for one in ("params", "kind", "table"))
    status, objective, columns, interrupted = question.resample(
        params, kind, table, first=first, count=count, threads=threads, progress=progress, **call
    )
    groups = len(params)
    return Answer(
        first,
        count,
        status.reshape(groups, count),
        objective.reshape(groups, count),
        [one.reshape(groups, count) for one in columns],
        interrupted,
    )
