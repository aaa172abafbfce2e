"""The fit without each row, or each cluster: "bca" intervals take their acceleration from it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from scaling_fast.resampling.draws import Draws
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.plan import plan_for
from scaling_fast.resampling.schemes import Jackknife
from scaling_fast.runtime.resources import checked_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates

__all__ = ["left_out", "left_out_usable"]


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


def left_out_usable(
    estimates: Estimates, cluster: Sequence[str] | None, max_failures: float
) -> Callable[[int], dict[str, NDArray[np.float64]]]:
    """Return a function from a group to parameter -> values over the usable refits of `left_out`.

    Groups are refitted one by one, a single fit at once.

    Parameters
    ----------
    estimates
        Question and parameters.
    cluster
        As in `left_out`.
    max_failures
        Largest share of unusable refits that is accepted, from 0 to 1.
    """
    if not estimates.request.table.keys.width:
        return partial(left_out(estimates, cluster).usable, max_failures=max_failures)
    return lambda group: left_out(estimates.of_group(group), cluster).usable(0, max_failures)
