"""Common draws: the runs and losses of each replicate, the same for all approaches, and approach 3's refits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import ConvergenceError
from scaling_fast.fitting.status import status_sentence
from scaling_fast.resampling.draws import Draws
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.intervals.small_sample import shrinkage
from scaling_fast.resampling.plan import plan_for
from scaling_fast.resampling.run import checked_starts, replicate_count
from scaling_fast.resampling.schemes import Residuals
from scaling_fast.runtime.memory import require_memory
from scaling_fast.runtime.resources import checked_threads

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs
    from scaling_fast.fitting.result import Fit
    from scaling_fast.resampling.plan import Plan
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["CommonDraws", "RunDraws", "as_run"]

DEFAULT_N = 1000
"""Replicates unless the caller says how many."""

LIMIT = 3.0
"""Robust scales beyond which a residual is drawn in before others are given it: .3 % of normal noise lies there."""

DOUBLES_A_ROW = 6
"""Arrays of doubles that exist at once."""


@dataclass(frozen=True, slots=True, eq=False)
class RunDraws:
    """What replicates are made of, shape (replicates, rows) both.

    Attributes
    ----------
    counts
        How often each run is in each replicate, not negative.
    loss
        The loss of each run in each replicate.
    """

    counts: NDArray[np.float64]
    loss: NDArray[np.float64]

    @property
    def replicates(self) -> int:
        """The number of replicates."""
        return len(self.counts)


def as_run(runs: Runs) -> RunDraws:
    """Return the runs themselves as the one replicate that holds each of them once."""
    return RunDraws(np.ones((1, runs.rows)), runs.loss[None])


@dataclass(frozen=True, slots=True, eq=False)
class CommonDraws:
    """The replicates of a scheme around the fitted surface, and the refits of the surface on them.

    Attributes
    ----------
    scheme
        The resampling scheme.
    rows
        Runs and losses of each replicate.
    refits
        replicate, status, objective, parameters and derived quantities of the surface.
    moved
        Whether losses were made up around the surface, so that draws of approaches 1 and 2 lie around
        what these make of the surface and not around their estimates.
    shrink
        Factor on the distance of a draw from the estimate: 1 but for `Subsample`.
    """

    scheme: Scheme
    rows: RunDraws
    refits: pl.DataFrame
    moved: bool
    shrink: float

    @property
    def leaves_out(self) -> bool:
        """Whether replicates leave out one run each, so that their spread is not that of an estimate."""
        return self.scheme.name == "jackknife"

    @classmethod
    def of(
        cls,
        runs: Runs,
        surface: Fit,
        scheme: Scheme,
        *,
        n: int | None,
        starts: str | int,
        seed: int,
        threads: int | None,
    ) -> CommonDraws:
        """Return the replicates that `scaling_fast.bootstrap(surface, scheme, n=n, seed=seed)` refits.

        Under `Residuals` residuals are enlarged by sqrt(n/(n - k)) as well, for n runs and the k
        parameters of the surface: under a loss that is nearly absolute k of them are 0. Those beyond 3
        robust scales are drawn in to there: a run that diverged is not the noise of the others.

        Parameters
        ----------
        runs
            The runs, in the order of the rows of `surface`.
        surface
            The fit of approach 3.
        scheme
            Any scheme of the package.
        n
            Number of replicates, from 2; 1,000 if None, or as many as the scheme fixes.
        starts, seed, threads
            As in `scaling_fast.bootstrap`.

        Raises
        ------
        ParameterError, DataError
            For a scheme or number of replicates that the runs do not allow.
        ConvergenceError
            Where there is no surface to take residuals from.
        """
        extra, threads = checked_starts(starts), checked_threads(threads)
        estimates = surface.estimates
        plan = plan_for(estimates, scheme)
        if isinstance(scheme, Residuals):
            spare = max(runs.rows - surface.free_parameters, 1)
            plan = replace(plan, constants=("hc2", math.sqrt(runs.rows / spare), LIMIT))
        count = replicate_count(
            DEFAULT_N if n is None and plan.replicates is None else n,
            plan.replicates,
            scheme,
            fewest=2,
        )
        require_memory(
            f"{count:,} replicates of {runs.rows:,} rows", DOUBLES_A_ROW * 8 * count * runs.rows
        )
        job = Job(estimates, plan, seed, extra)
        answer = job.here(0, count, threads=threads)
        if answer.interrupted:
            raise KeyboardInterrupt
        refits = Draws.of(
            estimates.request,
            answer.status.reshape(-1),
            answer.objective.reshape(-1),
            [column.reshape(-1) for column in answer.params],
            count,
        )
        rows, moved = _rows(runs, surface, plan, seed, count)
        return cls(scheme, rows, refits.frame, moved, shrinkage(estimates, scheme)[0])


def _rows(runs: Runs, surface: Fit, plan: Plan, seed: int, count: int) -> tuple[RunDraws, bool]:
    """Return the rows of each replicate, and whether their losses were made up around the surface."""
    estimates = surface.estimates
    weights, residuals = estimates.request.question.replicate_rows(
        estimates.params, plan.resampling(seed=seed, count=count)
    )
    shape = (count, runs.rows)
    if residuals is not None:
        fitted: Any = surface.predict()["prediction"].to_numpy()
        # Residuals are ln fitted minus ln observed.
        with np.errstate(all="ignore"):
            loss = np.exp(np.log(fitted) - residuals)
        return RunDraws(np.broadcast_to(np.ones(1), shape), loss), True
    if weights is None:
        raise ConvergenceError(
            "there is no surface to take residuals from: " + status_sentence(surface.status),
            code="not_converged",
        )
    return RunDraws(weights, np.broadcast_to(runs.loss, shape)), False
