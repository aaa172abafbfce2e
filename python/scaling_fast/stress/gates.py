"""What must hold before an extrapolation counts as supported: each gate that is shut, with its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.findings import Finding
from scaling_fast.runtime.progress import watched
from scaling_fast.stress.bend import Bend, bend_of
from scaling_fast.stress.beyond_the_runs import REACH
from scaling_fast.stress.end_of_sample import by_run, end_of_sample, end_of_sample_of_runs
from scaling_fast.stress.ladder import ladder_test

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit
    from scaling_fast.stress.beyond_the_runs import Outlook

    Progress = bool | Callable[[int, int], object] | None

__all__ = ["GATES", "Gate", "shut_gates"]

FEWEST_LEFT = 7
"""Rows beside the parameters below which a bend inside the runs does not show: false in 45 % at 7 rows."""

SHORTEST = {1: 2.0, 2: 1.5}
"""Decades of scale that runs must span, by the number of inputs."""

END_OF_SAMPLE = 0.10
"""p of the end-of-sample test below which the last runs do not follow the law."""

BACKTEST = 0.01
"""p of the back-test up to which the law misses more than a true law would."""

GATES = {
    "few_rows": "fewer than seven rows beside the parameters",
    "short_range": "runs that span too few decades",
    "not_global": "an optimum that is not known to be global",
    "not_kept": "a rival that fits better than the law, by more than 6 in AICc",
    "untested": "too few rows before the last to test whether these follow the law",
    "end_of_sample": "last runs that do not follow the law fitted below them",
    "bend": "a bend along compute inside the runs",
    "backtest": "a back-test that misses more than a true law would",
}
"""Code of each gate -> what shuts it."""


ADVICE = {
    "few_rows": "add runs, or fix a parameter",
    "short_range": "add smaller or larger runs",
    "not_global": "fit again with more starts",
    "not_kept": "fit the law that is named, or compare laws first",
    "untested": "add runs below the last half decade",
    "end_of_sample": "look at the last runs: a plateau, another recipe, or runs that are not finished",
    "bend": "look for what changes with compute: batch size, schedule, data",
    "backtest": "see the back-test for where the law began to miss",
}
"""Code of each gate -> what to do."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate that is shut.

    Attributes
    ----------
    code
        One of `GATES`.
    sentence
        Why it is shut, without a full stop.
    """

    code: str
    sentence: str

    def as_finding(self) -> Finding:
        """Return the gate as a finding of the allowance."""
        return Finding(
            self.code,
            "allowance",
            "amber",
            f"no extrapolation is supported: {self.sentence}",
            advice=ADVICE[self.code],
        )


def shut_gates(
    fit: Fit,
    found: Outlook,
    *,
    run: str | Sequence[str] | None,
    runs: NDArray[np.int64] | None,
    n: int,
    seed: int,
    threads: int | None,
    executor: Any = None,
    progress: Progress = None,
) -> tuple[Gate, ...]:
    """Return the gates that are shut; none where the extrapolation is supported.

    Parameters
    ----------
    fit
        The fit.
    found
        What it says of some points.
    run
        Columns that name the run of each row, or None.
    runs
        The run of each row, from 0, where the rows of one share an error; else None.
    n
        Number of data sets of the back-test.
    seed, threads, executor, progress
        As in `backtest`.
    """
    refit, inputs = found.refit, found.inputs
    independent = min(
        refit.rows if runs is None else int(runs.max()) + 1,
        len(np.unique(np.column_stack(list(refit.columns.values())), axis=0)),
    )
    left = independent - refit.parameters
    shut = []
    if left < FEWEST_LEFT:
        shut.append(
            Gate(
                "few_rows",
                f"{independent} different runs leave {left} degrees of freedom, and fewer than seven "
                "cannot show a bend",
            )
        )
    if found.span < SHORTEST[inputs.count] - REACH:
        shut.append(
            Gate(
                "short_range",
                f"the runs span {found.span:.2g} decades, less than {SHORTEST[inputs.count]:g}",
            )
        )
    if not fit.is_global:
        shut.append(Gate("not_global", "the optimum of the fit is not known to be global"))
    headline = found.bands[0]
    if not headline.kept:
        better = min((band for band in found.bands if band.kept), key=lambda band: band.aicc)
        shut.append(
            Gate(
                "not_kept",
                f"{better.name} fits better than {headline.name} (AICc lower by "
                f"{headline.aicc - better.aicc:.3g})",
            )
        )
    if runs is None:
        last, kind = end_of_sample(refit, threads=threads), "rows"
    else:
        last, kind = end_of_sample_of_runs(refit, runs), "runs"
    if np.isnan(last.p) and left >= FEWEST_LEFT:
        shut.append(
            Gate(
                "untested",
                f"too few {kind} lie before the last {last.rows} to test whether these follow the law",
            )
        )
    if last.p < END_OF_SAMPLE:
        shut.append(
            Gate(
                "end_of_sample",
                f"the last {last.rows} {kind} do not follow the law fitted below them, p = {last.p:.2g}",
            )
        )
    if inputs.count == 2 and left >= FEWEST_LEFT and (bend := _bend(found, runs)).is_real:
        shut.append(
            Gate("bend", f"the law bends along compute inside the runs, F = {bend.statistic:.3g}")
        )
    with watched(progress, "back-testing") as callback:
        ladder = ladder_test(
            refit, run=run, n=n, seed=seed, threads=threads, executor=executor, progress=callback
        )
    if ladder.p <= BACKTEST:
        shut.append(
            Gate("backtest", f"the back-test misses more than a true law would, p = {ladder.p:.2g}")
        )
    return tuple(shut)


def _bend(found: Outlook, runs: NDArray[np.int64] | None) -> Bend:
    refit = found.refit
    scale = found.inputs.decades(refit.columns) * np.log(10.0)
    columns = np.column_stack([refit.jacobian, refit.residual, refit.reducible, scale])
    if runs is not None:
        # Rows of one run share their error: each run counts once.
        columns = by_run(columns, runs)
    jacobian, (residual, reducible, compute) = columns[:, :-3], columns[:, -3:].T
    return bend_of(jacobian, residual, reducible, compute)
