"""Compare laws on the same rows: which are supported, and how far apart their forecasts lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scaling_fast.comparison.compared import Compared, pairs_of, tested
from scaling_fast.comparison.comparison_findings import (
    constant_finding,
    diverged_finding,
    fit_findings_of,
    runs_finding,
)
from scaling_fast.comparison.contenders import contenders, refit_of, without_diverged
from scaling_fast.comparison.cox_noise import CoxNoise, canonical_rank
from scaling_fast.comparison.criteria import criteria_of
from scaling_fast.comparison.inputs import inputs_of
from scaling_fast.comparison.likelihood_tests import no_constant
from scaling_fast.comparison.ranges import Targets
from scaling_fast.comparison.replicates import Replicates
from scaling_fast.comparison.robust_refit import robust_refit
from scaling_fast.comparison.targets import target_points
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.frames.clusters import cluster_columns, cluster_numbers
from scaling_fast.resampling.execution.executors import checked_executor
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.runtime.progress import watched
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.validation import checked_level, checked_seed, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.candidates import Candidate
    from scaling_fast.comparison.result import Comparison
    from scaling_fast.fitting.result import Fit
    from scaling_fast.laws import Law

__all__ = ["compare"]

MOST_DRAWS = 1_000_000
"""Most data sets of one call; more can only be a typing error."""


@ask_first
def compare(
    fits: Fit | Sequence[Fit],
    laws: Sequence[Law | str] | Law | str | None = None,
    *,
    at: Any = None,
    pairs: Literal["headline", "all"] = "headline",
    n: int = 199,
    level: float = 0.9,
    run: str | Sequence[str] | None = None,
    seed: int | None = 0,
    threads: int | None = None,
    executor: Any = None,
    progress: bool | Callable[[int, int], object] | None = None,
) -> Comparison:
    """Compare laws on the same rows by their likelihoods, and say how far apart their forecasts lie.

    Each law has the likelihood of its loss at its own optimum, as a density of the target, whatever
    the scale of its residuals. A law is kept when its AICc is at most 6 above the mark, the least of the
    headline (the first law) and those that are not special cases of it. Pairs are tested by likelihood ratios
    on data sets drawn from either law, nested or not (Cox 1961), and the law without its constant by an F
    ratio. A law is "rejected" when it is not kept or its tests reject it at .05, "supported" when it alone
    is not, and otherwise "not distinguishable from {...}", the usual honest answer.

    Parameters
    ----------
    fits
        Fits of the same rows and targets, the headline first; or a single fit, whose rivals are fitted to the same
        rows with the same loss and residual. One input: power, power_offset, log_power, stretched_exp,
        shifted_power, log_quadratic, double_power. A size and an amount of data: chinchilla, also with E = 0,
        chinchilla_tied, E and a log_power of each, kaplan, and a quadratic surface of logarithms.
    laws
        Rivals in place of those, or beside several fits: laws, names of the catalogue or formulas.
    at
        Where forecasts are wanted: values of the only input, budgets in FLOP, or a mapping or frame of the
        headline's columns.
    pairs
        "headline" tests the headline against each law that is kept, "all" every pair of them.
    n
        Number of data sets of a test, 1 or more; a p of .02 or less is counted again over 1,999 (999 for `n` below
        100) of the same stream.
    level
        Level of the profile bands, between 0 and 1.
    run
        Column, or columns, that name the run of a row: rows of a run share their noise, which is drawn as
        signs of whole runs.
    seed
        Seed, from 0 to 2**64 - 1; None draws one.
    threads, progress
        As in `bootstrap`.
    executor
        An object with `submit`, as those of concurrent.futures, that computes the data sets; the answer is the
        same.

    Returns
    -------
    Comparison
        `.table` (law, k, aicc, delta, kept, forecast, lower, upper, verdict), `.pairs`, `.range`, `.findings`.

    Raises
    ------
    ParameterError
        For grouped fits, a single law, weights or sigma, a law of another output among the rivals.
    DataError
        For fits of unlike rows or targets, too few rows, a single run.

    References
    ----------
    Cox, Tests of separate families of hypotheses, Proceedings of the Fourth Berkeley Symposium 1, 1961.
    Hurvich and Tsai, Regression and time series model selection in small samples, Biometrika 76, 1989.

    Examples
    --------
    >>> import numpy as np
    >>> import scaling_fast as sf
    >>> sizes = np.geomspace(1e7, 1e10, 20).tolist()
    >>> truth = {"E": 1.8, "A": 480.0, "alpha": 0.35}
    >>> runs = sf.datasets.simulate("power_offset", truth, {"x": sizes}, noise=0.005, seed=4)
    >>> fit = sf.fit(runs, "power", loss=sf.Squared())
    >>> sf.compare(fit, ["power_offset"], n=99).verdict
    'rejected'
    """
    require_usable_process()
    n, level = whole_number(n, "n", 1, MOST_DRAWS), checked_level(level)
    seed, cores, executor = checked_seed(seed), checked_threads(threads), checked_executor(executor)
    _require_pairs(pairs)
    found = contenders(fits, laws, cores)
    first = found.laws[0]
    runs, targets = _runs(first, run), None if at is None else _targets(first, at)
    refit = robust_refit(first.fit) if at is not None else refit_of(first)
    diverged = without_diverged(found, refit)
    first = found.laws[0]
    counted = 1.0 if runs is None else _design_effect(first, runs)
    criteria = criteria_of(found.laws, found.rows, counted)
    chosen = pairs_of(criteria, pairs)
    constant = None if refit is None or runs is not None else no_constant(refit)
    rank = canonical_rank(first)
    drawn = {law for pair in chosen for law in pair}
    with watched(progress, "comparing laws") as callback:
        replicates = Replicates(
            tuple(found.laws),
            {law: CoxNoise.of(found.laws[law], rank, runs) for law in drawn},
            seed,
            cores,
            executor,
            _told(callback, len(chosen), n),
        )
        pairwise = tested(replicates, chosen, n, constant)
    findings = [
        *constant_finding(constant, first.label),
        *diverged_finding(diverged, first),
        *([] if runs is None else runs_finding(int(runs.max()) + 1)),
        *fit_findings_of(found.laws),
        *found.findings,
    ]
    independent = None if runs is None else int(runs.max()) + 1
    asked = Compared(
        tuple(found.laws), criteria, pairwise, refit, targets, level, counted, independent
    )
    settings = {"pairs": pairs, "n": n, "level": level, "run": run, "seed": seed}
    return asked.answer(findings, settings | {"mark": float(criteria.mark)})


def _require_pairs(pairs: object) -> None:
    if not isinstance(pairs, str) or pairs not in ("headline", "all"):
        raise ParameterError(
            f'pairs must be "headline" or "all", got {quote(pairs)}', code="pairs", param="pairs"
        )


def _targets(law: Candidate, at: Any) -> Targets:
    columns = target_points(law.fit, at)
    return Targets.of(inputs_of(law.request), columns, law.request.table.arrays)


def _runs(law: Candidate, run: str | Sequence[str] | None) -> NDArray[np.int64] | None:
    """Return the run of each row, from 0; None where no run has two rows."""
    if run is None:
        return None
    table = law.request.table
    numbers = cluster_numbers(table, cluster_columns(run, "run")).astype(np.int64)
    count = int(numbers.max()) + 1
    if count <= law.parameters:
        raise DataError(
            f"{count} runs for {law.parameters} parameters leave no degree of freedom: rows of one run share their "
            "noise; add runs, or compare laws of fewer parameters",
            code="no_dof",
        )
    return None if count == table.rows else numbers


def _design_effect(law: Candidate, runs: NDArray[np.int64]) -> float:
    """Return how many rows tell as much as one independent row: 1 + (m - 1) rho (Kish 1965), m rows per run.

    rho is the analysis of variance's share of the noise that rows of a run have in common, never below 0.
    """
    residual = law.request.rows(0, law.point()).residual
    count = np.bincount(runs)
    per_run = runs.size / count.size
    mean = np.bincount(runs, weights=residual) / count
    within = float(((residual - mean[runs]) ** 2).sum()) / max(runs.size - count.size, 1)
    between = float((count * (mean - residual.mean()) ** 2).sum()) / max(count.size - 1, 1)
    total = between + (per_run - 1.0) * within
    shared = min(max((between - within) / total, 0.0), 1.0) if total > 0.0 else 0.0
    return 1.0 + (per_run - 1.0) * shared


def _told(
    callback: Callable[[int, int], object] | None, pairs: int, n: int
) -> Callable[[int], object] | None:
    """Return what is told how many refits were made."""
    if callback is None:
        return None
    done, total = 0, max((1 + 3 * pairs) * n, 1)

    def told(count: int) -> None:
        nonlocal done, total
        done += count
        total = max(total, done)
        callback(done, total)

    return told
