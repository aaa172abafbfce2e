"""How far a forecast may be off beyond the runs: noise, drift of the law, and rival forms together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.comparison.constant_axis import constant_axis
from scaling_fast.comparison.inputs import inputs_of
from scaling_fast.comparison.rivals import given_rivals
from scaling_fast.comparison.robust_refit import require_usable
from scaling_fast.comparison.targets import target_points
from scaling_fast.errors import DataError
from scaling_fast.frames.clusters import cluster_columns, cluster_numbers
from scaling_fast.resampling.execution.executors import checked_executor
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.stress.beyond_the_runs import Outlook, outlook, steady_path
from scaling_fast.stress.gates import Gate, shut_gates
from scaling_fast.stress.words import Words
from scaling_fast.validation import checked_level, checked_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.rivals import Rival
    from scaling_fast.fitting.result import Fit
    from scaling_fast.laws import Law

__all__ = ["allowance"]

LADDER_DRAWS = 99
"""Data sets of the back-test that is one of the gates; one whose p ends at or below .02 takes more."""


@ask_first
def allowance(
    fit: Fit,
    at: Any,
    *,
    level: float = 0.9,
    laws: Sequence[Law | str] | Law | str | None = None,
    run: str | Sequence[str] | None = None,
    seed: int | None = 0,
    threads: int | None = None,
    executor: Any = None,
    progress: bool | Callable[[int, int], object] | None = None,
) -> pl.DataFrame:
    """Return how far the forecast of a fitted law may be off at any points.

    The law is refitted robustly on ln y, and the half-width is the larger of two ignorances, which both
    hold the noise: *drift*, the law moving away as fast as the runs allow (an integrated Wiener process whose
    upper limit the residuals give), and *form*, the profile bands of every rival law that fits as
    well. No data can show a break or a change of recipe beyond the largest run: the
    allowance does not cover it.

    On fresh simulations of truths between and outside the rivals, the nominal 90 % allowance covered 94 to
    100 % at one, two and three decades beyond; the worst named truth, two powers seen through one at
    20 rows, 84 %. See the guide for the table, and for what it cannot see.

    Parameters
    ----------
    fit
        A single, converged fit of a law of one input, or of a size and an amount of data.
    at
        Where: values of the only input; budgets in FLOP, each spent as the law would; or a mapping or a
        frame of the law's columns.
    level
        Confidence level, between 0 and 1.
    laws
        The rivals that count as forms: names of the catalogue, formulas or `Law`s. By default those that
        are known of as many inputs.
    run
        Columns that name the training run of each row, where the rows of one run share an error.
    seed, threads, executor, progress
        As in `backtest`, which is one of the gates and takes most of the time.

    Returns
    -------
    DataFrame
        One row per point: the law's columns; `prediction`, of the robust refit; the half-widths `noise`,
        `drift` and `form` as shares of it (0.05 is 5 %); `lower` and `upper`; `decades_beyond` the
        largest run; `status` ("supported", the codes of the gates that are shut, or "beyond" where the
        point lies further beyond the runs than they span: there only noise is given); and
        `sentence`, which says it in words.

    Raises
    ------
    ParameterError
        For a law of three inputs, a fit of groups, with weights or sigma, or one that did not converge.
    DataError
        For targets that are not positive, or no degree of freedom.

    Examples
    --------
    >>> import numpy as np, scaling_fast as sf
    >>> x = np.geomspace(1e7, 1e10, 20)
    >>> wiggle = 1 + 0.004 * np.cos(7.0 * np.arange(20.0))
    >>> runs = {"x": x, "loss": (1.8 + 480 * x**-0.35) * wiggle}
    >>> fit = sf.fit(runs, "power_offset")
    >>> beyond = sf.stress.allowance(fit, [1e11, 1e14])
    >>> beyond["status"].to_list()
    ['supported', 'beyond']
    """
    require_usable_process()
    level, seed = checked_level(level), checked_seed(seed)
    executor = checked_executor(executor)
    require_usable(fit)
    rivals = None if laws is None else given_rivals(fit, laws)
    points = target_points(fit, at)
    runs = _runs(fit, run)
    found, furthest = _with_furthest(fit, points, level, runs, rivals)
    shut = shut_gates(
        fit,
        found,
        run=run,
        runs=None if runs is None else int(runs.max()) + 1,
        n=LADDER_DRAWS,
        seed=seed,
        threads=threads,
        executor=executor,
        progress=progress,
    )
    axis = constant_axis(found.refit, points, level)
    return _frame(fit, points, found, shut, Words(fit, found, shut, axis, furthest))


def _runs(fit: Fit, run: str | Sequence[str] | None) -> NDArray[np.int64] | None:
    """Return the run of each row, from 0; None where no run has two rows."""
    if run is None:
        return None
    table = fit.request.table
    numbers = cluster_numbers(table, cluster_columns(run, "run")).astype(np.int64)
    count, free = int(numbers.max()) + 1, len(fit.request.free)
    if count <= free:
        raise DataError(
            f"{count} runs for {free} parameters leave no degree of freedom: rows of one run share their error; "
            "add runs, or fix a parameter",
            code="no_dof",
        )
    return None if count == table.rows else numbers


def _with_furthest(
    fit: Fit,
    points: dict[str, NDArray[np.float64]],
    level: float,
    runs: NDArray[np.int64] | None,
    rivals: Sequence[Rival] | None,
) -> tuple[Outlook, float]:
    """Return the outlook, and the allowance at the furthest that the runs can speak of."""
    inputs, columns = inputs_of(fit.request), fit.request.table.arrays
    span = float(np.ptp(inputs.decades(columns)))
    last = steady_path(inputs, columns, np.array([span]))
    joined = {name: np.append(points[name], last[name]) for name in inputs.names}
    found = outlook(fit, joined, level=level, runs=runs, rivals=rivals)
    return found, float(np.expm1(found.half_width[-1]))


def _frame(
    fit: Fit,
    points: dict[str, NDArray[np.float64]],
    found: Outlook,
    shut: tuple[Gate, ...],
    said: Words,
) -> pl.DataFrame:
    count = len(found.decades) - 1
    prediction = np.exp(found.log_forecast[:count])
    half = found.half_width[:count]
    beyond = found.is_beyond[:count]
    status = ", ".join(gate.code for gate in shut) or "supported"

    def hidden(values: NDArray[np.float64]) -> pl.Series:
        """Return the values, null where the point lies beyond what the runs can say."""
        pairs = zip(values.tolist(), beyond.tolist(), strict=True)
        return pl.Series([None if gone else value for value, gone in pairs], dtype=pl.Float64)

    with np.errstate(over="ignore", invalid="ignore"):
        columns = {
            "prediction": pl.Series(prediction),
            "noise": pl.Series(np.expm1(found.noise[:count])),
            "drift": hidden(np.expm1(found.drift[:count])),
            "form": hidden(np.expm1(found.form[:count])),
            "lower": hidden(prediction * np.exp(-half)),
            "upper": hidden(prediction * np.exp(half)),
            "decades_beyond": pl.Series(np.maximum(found.decades[:count], 0.0)),
            "status": pl.Series(["beyond" if gone else status for gone in beyond]),
            "sentence": pl.Series([said.of_point(place) for place in range(count)]),
        }
    inputs = {name: pl.Series(points[name]) for name in fit.law.columns or ()}
    return pl.DataFrame(inputs | columns)
