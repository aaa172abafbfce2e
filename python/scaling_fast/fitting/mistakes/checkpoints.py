"""Rows that are checkpoints of the same runs and not runs of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.errors import quote
from scaling_fast.fitting.mistakes.replicates import replicates
from scaling_fast.fitting.mistakes.roles import role_of_name
from scaling_fast.fitting.mistakes.sample import amber
from scaling_fast.fitting.mistakes.shared_errors import shares_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.mistakes.outliers import Cleaned
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["checkpoint_finding"]

RUN = re.compile(r"(^|_)(run|runs|job|wandb)(_?(name|id|no|number))?$", re.I)
"""Names of columns that say which run a row belongs to."""

LATER = re.compile(
    r"^(step|iter|iteration|token|epoch|ckpt|checkpoint)s?$|^(iters|seen)$", re.IGNORECASE
)
"""Names of columns that rise within a run."""

STEP = re.compile(r"^(step|iter|iteration|ckpt|checkpoint)s?$", re.IGNORECASE)
"""Names of columns that a run logs; data and epochs are columns of designs as well."""

REPEATED = 1.5
"""Rows per run from which on a file holds checkpoints rather than a few runs that were written down twice."""

MOSTLY = 0.8
"""Share of steps within a run at which the loss falls, at least."""

EVEN = 1.2
"""Largest over smallest step of rows that are spaced evenly, as checkpoints are and designed scales are not."""

FEWEST_CHECKPOINTS = 4
"""Rows of one size that are looked at for an error that they share."""

FEWEST_EVEN, FEWEST_ALIKE = 6, 10
"""Rows of one size that evenly spaced checkpoints have at least, and where all sizes have the same values.

The same few budgets, or tokens per parameter, at every size are a grid: nothing tells them from checkpoints.
"""

FROM_THE_BEGINNING = 2.0
"""Largest over smallest data of a run from which on even steps are steps of training, and not of a logarithm."""


def checkpoint_finding(sample: Sample, clean: Cleaned | None) -> list[Finding]:
    """Return the finding of rows that are checkpoints of the same runs.

    Parameters
    ----------
    sample
        The rows.
    clean
        The residuals without outliers; None where they say nothing.
    """
    run = _run_column(sample)
    if run is not None:
        return [_checkpoints(sample, *run, "a run")]
    later = _later_column(sample)
    if later is not None:
        return [_checkpoints(sample, *later, "a run")]
    grid = _size_and_data(sample)
    sets = _rising(sample, *grid) if grid else []
    if grid is None or not sets:
        return []
    size, data = grid
    values = sample.inputs[data]
    if _are_steps(
        [values[places] for places in sets],
        [values[places] / sample.inputs[size][places] for places in sets],
    ) or (clean is not None and shares_errors(sample, clean, size)):
        name = sample.request.table.sources.get(size, size)
        return [_checkpoints(sample, name, len(sets), "a size")]
    return []


def _checkpoints(sample: Sample, name: str, runs: int, what: str) -> Finding:
    return amber(
        "checkpoints",
        f"{sample.rows} rows come from {runs} values of {quote(name)}, as checkpoints of {what} do: they share "
        "its errors and its unfinished schedule, and are not separate runs",
        f"keep the last row of each, or resample with Clusters({name!r})",
        statistic=sample.rows / runs,
        threshold=REPEATED,
        evidence={"column": name, "runs": runs},
    )


def _run_column(sample: Sample) -> tuple[str, int] | None:
    """Return a column that names runs with several rows each, of rising data, and how many runs there are."""
    table = sample.request.table
    used = set(table.sources.values())
    sizes = [
        name for name, role in sample.roles.items() if role == "size" and name in sample.inputs
    ]
    for name in table.frame.columns:
        if name in used or not RUN.search(name):
            continue
        values = table.frame[name]
        if values.dtype.is_nested() or values.dtype == pl.Object:
            continue
        codes = values.rank("dense").fill_null(0).to_numpy().astype(np.int64)[table.order]
        runs = len(np.unique(codes))
        if runs < 2 or sample.rows < REPEATED * runs:
            continue
        if any(not _is_equal_within(codes, sample.inputs[size]) for size in sizes):
            continue
        rising = [*sample.inputs.values()]
        rising += [
            table.frame[other].to_numpy()[table.order]
            for other in table.frame.columns
            if other not in used and LATER.search(other) and table.frame[other].dtype.is_numeric()
        ]
        if any(_differs_within(codes, column) for column in rising):
            return name, runs
    return None


def _later_column(sample: Sample) -> tuple[str, int] | None:
    """Return the only column of the law and its number of values, where rows of one value go through steps.

    The frame tells by a column of steps or data that the law does not use, along which the target falls.
    """
    table = sample.request.table
    if len(sample.inputs) != 1:
        return None
    ((name, values),) = sample.inputs.items()
    sets = replicates(sample)
    covered = sum(len(places) for places in sets)
    if not sets or covered < REPEATED * len(sets) or 2 * covered < sample.rows:
        return None
    used = set(table.sources.values())
    for other in table.frame.columns:
        is_later = LATER.search(other) or role_of_name(other) == "data"
        if other in used or not is_later or not table.frame[other].dtype.is_numeric():
            continue
        column = table.frame[other].to_numpy()[table.order]
        falls = [
            np.diff(table.target[places[np.argsort(column[places], kind="stable")]]) < 0.0
            for places in sets
            if len(np.unique(column[places])) == len(places)
        ]
        if not falls or np.concatenate(falls).mean() <= MOSTLY or 2 * len(falls) <= len(sets):
            continue
        along = [np.sort(column[places]) for places in sets]
        is_long = STEP.search(other) and covered >= FEWEST_ALIKE * len(sets)
        if is_long or _are_steps(
            along, [part / values[places[0]] for part, places in zip(along, sets, strict=True)]
        ):
            return table.sources.get(name, name), len(np.unique(values))
    return None


def _differs_within(codes: NDArray[np.int64], column: Floats) -> bool:
    """Return whether a column has another value in each row of a run."""
    order = np.lexsort((column, codes))
    same_run = np.diff(codes[order]) == 0
    return bool(same_run.any() and (np.diff(column[order])[same_run] != 0.0).mean() > 0.95)


def _is_equal_within(codes: NDArray[np.int64], column: Floats) -> bool:
    """Return whether a column has one value in each run."""
    order = np.lexsort((column, codes))
    same_run = np.diff(codes[order]) == 0
    return bool(same_run.any() and (np.diff(column[order])[same_run] == 0.0).all())


def _size_and_data(sample: Sample) -> tuple[str, str] | None:
    """Return the columns of size and of data, of a law that has both."""
    roles = sample.roles
    sizes = [name for name, role in roles.items() if role == "size" and name in sample.inputs]
    data = [name for name, role in roles.items() if role == "data" and name in sample.inputs]
    return (sizes[0], data[0]) if sizes and data else None


def _rising(sample: Sample, size: str, data: str) -> list[NDArray[np.intp]]:
    """Return the places of the rows of each size that has enough rows, in the order of their data."""
    order = np.lexsort((sample.inputs[data], sample.inputs[size]))
    begins = np.flatnonzero(np.diff(sample.inputs[size][order]) != 0.0) + 1
    if len(begins) + 1 > sample.rows / 2:
        return []
    sets = [places for places in np.split(order, begins) if len(places) >= FEWEST_CHECKPOINTS]
    covered = sum(len(places) for places in sets)
    return sets if 2 * covered > sample.rows else []


def _are_steps(sets: list[Floats], shares: list[Floats]) -> bool:
    """Return whether most sets of rising data are spaced as checkpoints are, and a designed grid seldom is.

    Parameters
    ----------
    sets
        The data of the rows of each size, rising.
    shares
        The same per parameter, in which sizes may be alike as well.
    """
    alike = any(
        all(len(part) == len(kind[0]) and np.allclose(part, kind[0], rtol=0.02) for part in kind)
        for kind in (sets, shares)
    )
    fewest = FEWEST_ALIKE if alike else FEWEST_EVEN
    return 2 * sum(len(part) >= fewest and _is_even(part) for part in sets) > len(sets)


def _is_even(data: Floats) -> bool:
    steps = np.diff(data)
    if data[-1] < FROM_THE_BEGINNING * data[0]:
        return False
    return bool(steps.min() > 0.0 and steps.max() < EVEN * steps.min())
