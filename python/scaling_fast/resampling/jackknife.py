"""The fit without each row, or each cluster: "bca" intervals take their acceleration from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.resampling.draws import Draws
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.plan import plan_for
from scaling_fast.resampling.schemes import Jackknife
from scaling_fast.runtime.resources import checked_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.fitting.estimates import Estimates

__all__ = ["left_out"]


def left_out(estimates: Estimates, cluster: str | Sequence[str] | None = None) -> Draws:
    """Return the refits without each row, or each cluster, of one fit.

    Parameters
    ----------
    estimates
        Question and parameters of a single fit.
    cluster
        Columns whose equal values are left out together; None leaves out single rows.

    Raises
    ------
    ParameterError
        For groups.
    KeyboardInterrupt
        On Ctrl-C.
    """
    plan = plan_for(estimates, Jackknife(cluster))
    count = plan.replicates or 0
    answer = Job(estimates, plan, seed=0, starts=0).here(0, count, threads=checked_threads(None))
    if answer.interrupted:
        raise KeyboardInterrupt
    return Draws.of(
        estimates.request,
        answer.status.reshape(-1),
        answer.objective.reshape(-1),
        [column.reshape(-1) for column in answer.params],
        count,
    )
