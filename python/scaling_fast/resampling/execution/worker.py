"""What an executor calls in its worker: bytes in, bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import __version__
from scaling_fast.errors import InternalError, ResourceError, ScalingError, quote
from scaling_fast.resampling.execution.jobs import Answer, replicates
from scaling_fast.resampling.execution.messages import Damaged, Foreign, packed, seal, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["run"]


def run(question: bytes, part: bytes) -> bytes:
    """Return the answer to one shard: what an executor calls in its worker.

    A pure function of its bytes. An error of the package is an answer too, so that whatever else
    an executor raises is the end of a worker and not ours.
    """
    asked = ""
    try:
        words, arrays = unpacked("task", question)
        own, held = unpacked("part", part)
        asked = seal(question, part)
        if words["version"] != __version__:
            raise ResourceError(
                f"a worker has scaling_fast {__version__} and was asked by {quote(words['version'])}, "
                "so its replicates might differ; install the same version on every worker",
                code="version",
            )
        answer = _computed(words, arrays, own, held)
    except (Damaged, Foreign) as error:
        return _failed(ResourceError(f"a task cannot be read: {error}", code="task"), asked)
    except (ScalingError, InternalError) as error:
        return _failed(error, asked)
    words = {"first": answer.first, "count": answer.count, "interrupted": answer.interrupted}
    return packed(
        "answer",
        words | {"asked": asked},
        {
            "status": answer.status,
            "objective": answer.objective,
            "params": np.array(answer.params, dtype=np.float64),
        },
    )


def _computed(
    words: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    part: Mapping[str, Any],
    own: Mapping[str, NDArray[Any]],
) -> Answer:
    from scaling_fast.fitting.request import Request
    from scaling_fast.resampling.plan import Plan

    asked = {name.removeprefix("question:"): array for name, array in arrays.items()}
    question = Request.heard(words["question"], asked)
    table = own.get("table", arrays.get("table"))
    plan = Plan(words["plan"]["kind"], table, tuple(words["plan"]["constants"]))
    first, count = part["first"], part["count"]
    # Replicates that came with rows of their own are numbered from 0 there.
    start = 0 if plan.is_listed else first
    resampling = plan.resampling(
        seed=words["seed"], first=start, count=count, starts=words["starts"]
    )
    return replicates(question, arrays["params"], resampling, first, count, part["threads"])


def _failed(error: ScalingError | InternalError, asked: str) -> bytes:
    where = {
        one: getattr(error, one, None) for one in ("code", "column", "row", "param", "position")
    }
    words = {"error": type(error).__name__, "message": str(error), "where": where, "asked": asked}
    return packed("answer", words, {})
