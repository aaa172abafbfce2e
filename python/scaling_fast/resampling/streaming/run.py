"""A bootstrap that keeps streaming moments in place of its draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.laws.quantities import evaluate, named_formulas
from scaling_fast.resampling.execution.shards import ExecutionPlan, blocks
from scaling_fast.resampling.streaming.moments import StreamingMoments
from scaling_fast.resampling.streaming.summary import BootstrapSummary

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaling_fast.fitting.result import Fit
    from scaling_fast.resampling.execution.jobs import Job
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["summarised"]


def summarised(
    fit: Fit,
    scheme: Scheme,
    job: Job,
    count: int,
    execution: ExecutionPlan,
    watch: Callable[[int, int], object] | None,
) -> BootstrapSummary:
    """Return the summary of `count` replicates per group, each part of which is computed, added and dropped.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C; its `.partial` is the summary of the replicates before the first unfinished one.
    """
    names = list(named_formulas(fit.law, fit.request.names, None))
    derived = dict(fit.law.derived)
    moments = tuple(StreamingMoments(names) for _ in range(fit.groups))
    seen = 0
    interrupted = False
    try:
        for block in blocks(job, count, execution, watch):
            for group, codes, params in zip(moments, block.status, block.groups(), strict=True):
                values = params | {name: evaluate(text, params) for name, text in derived.items()}
                group.add(codes, values)
            seen = block.first + block.count
    except KeyboardInterrupt:
        interrupted = True
    result = BootstrapSummary(fit, scheme, job.seed, count, seen, job, moments)
    if interrupted:
        stopped = KeyboardInterrupt("interrupted; what was finished is summarised in .partial")
        stopped.partial = result  # type: ignore[attr-defined]
        raise stopped
    return result
