"""The allowance of a forecast with its findings: what the function, the terminal and a study show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.comparison.constant_axis import constant_axis
from scaling_fast.comparison.inputs import inputs_of
from scaling_fast.comparison.rivals import given_rivals
from scaling_fast.comparison.robust_refit import require_usable
from scaling_fast.comparison.targets import target_points
from scaling_fast.errors import DataError
from scaling_fast.fitting.table import column_name
from scaling_fast.frames.clusters import cluster_columns, cluster_numbers
from scaling_fast.resampling.execution.executors import checked_executor
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.stress.beyond_the_runs import Outlook, outlook, steady_path
from scaling_fast.stress.gates import Gate, shut_gates
from scaling_fast.stress.words import Words
from scaling_fast.validation import checked_level, checked_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.rivals import Rival
    from scaling_fast.findings import Finding
    from scaling_fast.fitting.result import Fit
    from scaling_fast.laws import Law

__all__ = ["Allowed", "allowed"]

LADDER_DRAWS = 99
"""Data sets of the back-test that is one of the gates; one whose p ends at or below .02 takes more."""


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """An allowance.

    Attributes
    ----------
    table
        As `allowance` returns it.
    findings
        One per gate that is shut.
    """

    table: pl.DataFrame
    findings: tuple[Finding, ...]


def allowed(
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
) -> Allowed:
    """Return the allowance of a fit with its findings; options as in `allowance`."""
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
        runs=runs,
        n=LADDER_DRAWS,
        seed=seed,
        threads=threads,
        executor=executor,
        progress=progress,
    )
    axis = constant_axis(found.refit, points, level)
    table = _frame(fit, points, found, shut, Words(fit, found, shut, axis, furthest))
    return Allowed(table, tuple(gate.as_finding() for gate in shut))


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
    # A column of the law keeps its name, whatever it is.
    return pl.DataFrame(
        inputs | {column_name(name, list(inputs)): values for name, values in columns.items()}
    )
