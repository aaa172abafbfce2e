"""What an executor calls in its worker: bytes in, bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import __version__
from scaling_fast.errors import InternalError, ResourceError, ScalingError, quote
from scaling_fast.fitting.request import Request
from scaling_fast.resampling.execution.jobs import Answer, refits
from scaling_fast.resampling.execution.messages import Damaged, Foreign, packed, seal, unpacked
from scaling_fast.resampling.plan import Plan
from scaling_fast.runtime.memory import ask_first

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["run"]


def run(question: bytes, part: bytes) -> bytes:
    """Return the answer to one shard: what an executor calls in its worker.

    A pure function of its bytes. An error of scaling_fast is an answer too, so that anything else that
    an executor raises means that the worker is lost.
    """
    asked = ""
    try:
        task, arrays = unpacked("task", question)
        own, rows = unpacked("part", part)
        asked = seal(question, part)
        if task["version"] != __version__:
            raise ResourceError(
                f"a worker has version {quote(__version__)} of scaling_fast, but the task was sent by "
                f"version {quote(task['version'])}, so its replicates might differ; install the same "
                "version on every worker",
                code="version",
            )
        answer = _computed(task, arrays, own, rows)
    except (Damaged, Foreign) as error:
        return _failed(ResourceError(f"a task cannot be read: {error}", code="task"), asked)
    except (ScalingError, InternalError) as error:
        return _failed(error, asked)
    header = {"first": answer.first, "count": answer.count, "interrupted": answer.interrupted}
    return packed(
        "answer",
        header | {"asked": asked},
        {
            "status": answer.status,
            "objective": answer.objective,
            "params": np.array(answer.params, dtype=np.float64),
        },
    )


@ask_first
def _computed(
    task: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    part: Mapping[str, Any],
    rows: Mapping[str, NDArray[Any]],
) -> Answer:
    asked = {name.removeprefix("question:"): values for name, values in arrays.items()}
    question = Request.from_message(task["question"], asked)
    table = rows.get("table", arrays.get("table"))
    plan = Plan(task["plan"]["kind"], table, tuple(task["plan"]["constants"]))
    first, count = part["first"], part["count"]
    resampling = plan.resampling(
        seed=task["seed"],
        # Where the rows of this shard alone came along, they are numbered from 0.
        first=0 if plan.lists_replicates else first,
        count=count,
        starts=task["starts"],
    )
    return refits(question, arrays["params"], resampling, first, count, part["threads"])


def _failed(error: ScalingError | InternalError, asked: str) -> bytes:
    where = {
        name: getattr(error, name, None) for name in ("code", "column", "row", "param", "position")
    }
    header = {"error": type(error).__name__, "message": str(error), "where": where, "asked": asked}
    return packed("answer", header, {})
