"""Rows that repeat: copies, checkpoints of one run, and equal runs that disagree."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.errors import quote
from scaling_fast.fitting.mistakes.chance import variance_ratio_deviate
from scaling_fast.fitting.mistakes.sample import amber, listed_rows
from scaling_fast.fitting.mistakes.shape import replicates
from scaling_fast.fitting.robust_scale import MAD_TO_SIGMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.mistakes.outliers import Cleaned
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["checkpoints", "copies", "disagreeing"]

RUN = re.compile(r"(^|_)(run|runs|job|wandb)(_?(name|id|no|number))?$", re.I)
"""Names of columns that say which run a row belongs to."""

LATER = re.compile(
    r"^(step|iter|iteration|token|epoch|ckpt|checkpoint)s?$|^(iters|seen)$", re.IGNORECASE
)
"""Names of columns that rise within a run."""

REPEATED = 1.5
"""Rows per run from which on a file holds checkpoints rather than a few runs that were written down twice."""

EVEN = 1.2
"""Largest over smallest step of rows that are spaced evenly, as checkpoints are and designed scales are not."""

FEWEST_CHECKPOINTS = 4
"""Rows of one size that evenly spaced checkpoints have at least."""

SHARED = 0.5
"""Share of the variance of residuals that rows of one size share, above which they are no separate runs."""

CERTAIN = 3.7
"""Deviate that noise passes in one of ten thousand fits."""

COINCIDENCES = 1e-3
"""Probability of as many equal targets by chance, above which equal rows are not called copies."""

APART, APART_ALONE = 4.0, 7.0
"""Robust standard deviations that equal runs do not differ by: the middle of three sets or more, or of fewer."""

FEWEST_ALONE = 6
"""Rows without an equal, beyond the parameters, that noise is read from."""

CLEFT = 0.25
"""Scatter over mean of the differences of equal rows, below which they are two curves and not noise.

Differences of normal pairs have a scatter of .76 of their mean.
"""

CLOSE = 0.2
"""Scatter within each of the two curves over their distance, which normal noise split in halves exceeds."""

FEWEST_SETS = 8
"""Sets of equal rows that two curves are read from; normal noise passes for two then in .5 % of fits."""


def copies(sample: Sample) -> list[Finding]:
    """Return the finding of rows that repeat another in every column of the law and in the target."""
    table = sample.request.table
    target = table.target
    sets = list(replicates(sample))
    certain: list[int] = []
    rounded: list[tuple[int, int]] = []
    for places in sets:
        order = places[np.argsort(target[places], kind="stable")]
        for place in np.flatnonzero(np.diff(target[order]) == 0.0).tolist():
            pair = (int(order[place]), int(order[place + 1]))
            if _is_rounded(float(target[pair[1]])):
                rounded.append(pair)
            else:
                certain.append(pair[1])
    if rounded:
        certain += _copied_everywhere(sample, rounded, sets)
    if not certain:
        return []
    rows = sorted(int(table.order[place]) for place in certain)
    verb = "repeats another" if len(rows) == 1 else "repeat others"
    return [
        amber(
            "duplicates",
            f"{listed_rows(rows)} {verb} in every column of the law and in {sample.label(table.target_name)}, so "
            "that errors look smaller than they are",
            "leave copies out, for example with frame.unique()",
            statistic=float(len(rows)),
            evidence={"rows": rows[:100], "count": len(rows)},
        )
    ]


def _copied_everywhere(
    sample: Sample, pairs: list[tuple[int, int]], sets: list[NDArray[np.intp]]
) -> list[int]:
    """Return the second row of each pair of equal numbers of few digits that is a copy of the first.

    A copy is equal in the other measurements too; where there are none, rounding must not make as many.
    """
    table = sample.request.table
    used = set(table.sources.values())
    others = [
        column.to_numpy()[table.order]
        for column in table.frame.get_columns()
        if column.dtype.is_float() and column.name not in used
    ]
    if others:
        return [
            second
            for first, second in pairs
            if all(
                np.array_equal(column[first], column[second], equal_nan=True) for column in others
            )
        ]
    enough = _are_more(len(pairs), _coincidences(sample, sets))
    return [second for _, second in pairs] if enough else []


def _is_rounded(value: float) -> bool:
    """Return whether a number has at most four digits, as rounded or counted ones have."""
    return float(f"{value:.4g}") == value


def _coincidences(sample: Sample, sets: list[NDArray[np.intp]]) -> float:
    """Return how many pairs of different runs rounding makes equal, for normal noise.

    Two numbers of standard deviation s are equal when rounded to steps d with probability d/(2 s sqrt(pi)).
    """
    target = sample.request.table.target
    square = sum(float(np.sum((target[places] - target[places].mean()) ** 2)) for places in sets)
    freedom = sum(len(places) - 1 for places in sets)
    noise = math.sqrt(square / freedom)
    if noise == 0.0 and sample.has_residuals:
        # No two equal rows differ: what noise there is shows in the residuals alone.
        noise = float(np.median(np.abs(sample.at_point[0])))
        if sample.request.residual == "log":
            noise *= float(np.median(np.abs(target)))
    if noise == 0.0:
        return 0.0
    decimals = [
        len(f"{value:.12f}".rstrip("0").partition(".")[2]) for value in target[:64].tolist()
    ]
    step = 10.0 ** -float(np.median(decimals))
    pairs = sum(len(places) * (len(places) - 1) / 2 for places in sets)
    return float(min(freedom, pairs * min(1.0, step / (2.0 * noise * math.sqrt(math.pi)))))


def _are_more(equal: int, mean: float) -> bool:
    """Return whether more are equal than chance makes: Chernoff's bound of a Poisson tail is below COINCIDENCES."""
    if mean <= 0.0:
        return equal > 0
    return equal > mean and math.exp(equal - mean - equal * math.log(equal / mean)) < COINCIDENCES


def checkpoints(sample: Sample, clean: Cleaned | None) -> list[Finding]:
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
    grid = _size_and_data(sample)
    sets = _rising(sample, *grid) if grid else []
    if grid is None or not sets:
        return []
    size, data = grid
    even = sum(_is_even(sample.inputs[data][places]) for places in sets)
    if 2 * even > len(sets) or (clean is not None and _go_together(sample, clean, size)):
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


def _is_even(data: Floats) -> bool:
    steps = np.diff(data)
    return bool(steps.min() > 0.0 and steps.max() < EVEN * steps.min())


def _go_together(sample: Sample, clean: Cleaned, size: str) -> bool:
    """Return whether rows of one size have most of their residual in common (analysis of variance)."""
    values, group = np.unique(sample.inputs[size][clean.kept], return_inverse=True)
    counts = np.bincount(group)
    between, within = len(values) - 1, len(group) - len(values)
    if between < 3 or within < 2 * len(values):
        return False
    means = np.bincount(group, clean.residual) / counts
    square_between = float(np.sum(counts * means**2))
    square_within = float(np.sum((clean.residual - means[group]) ** 2))
    if square_within <= 0.0:
        return False
    ratio = (square_between / between) / (square_within / within)
    middle = len(group) / len(values)
    shared = (ratio - 1.0) / (ratio - 1.0 + middle)
    return shared > SHARED and variance_ratio_deviate(ratio, between, within) > CERTAIN


def disagreeing(sample: Sample) -> list[Finding]:
    """Return the finding of equal runs whose targets lie on two curves, or far beyond the noise of the others."""
    sets = [places for places in replicates(sample) if np.ptp(sample.at_point[0][places]) > 0.0]
    if not sets:
        return []
    residual = sample.at_point[0]
    gap, within = _halves(sample, sets)
    middle = float(np.median(gap))
    noise = _noise_of_others(sample, sets, residual)
    limit = (APART if len(gap) > 2 else APART_ALONE) * noise * math.sqrt(2.0)
    cleft = False
    if len(gap) >= FEWEST_SETS:
        scatter = math.sqrt(float(np.mean(np.diff(gap) ** 2)) / 2)
        mean = float(gap.mean())
        cleft = scatter < CLEFT * mean and within < CLOSE * mean
    if not (cleft or 0.0 < limit < middle):
        return []
    size = (
        f"{100 * math.expm1(middle):.2g} %" if sample.request.residual == "log" else f"{middle:.3g}"
    )
    names = " and ".join(sample.label(name) for name in sample.inputs)
    rows = sorted(int(sample.request.table.order[place]) for places in sets for place in places)
    return [
        amber(
            "replicates_disagree",
            f"rows of equal {names} differ by {size}, far beyond the noise: two experiments in one file?",
            "fit each experiment by itself with by=, or give the law the column in which they differ",
            severity="red",
            statistic=middle,
            threshold=limit if limit > 0.0 else None,
            evidence={"rows": rows[:100], "sets": len(gap)},
        )
    ]


def _halves(sample: Sample, sets: list[NDArray[np.intp]]) -> tuple[Floats, float]:
    """Return how far the halves of each set lie apart, by rising target, and the scatter within halves."""
    gaps, centres, square, freedom = [], [], 0.0, 0
    for places in sets:
        values = sample.at_point[0][places]
        upper = values > (values.max() + values.min()) / 2
        halves = values[upper], values[~upper]
        gaps.append(float(halves[0].mean() - halves[1].mean()))
        centres.append(float(sample.request.table.target[places].mean()))
        for half in halves:
            square += float(np.sum((half - half.mean()) ** 2))
            freedom += len(half) - 1
    gap = np.array(gaps)[np.argsort(centres, kind="stable")]
    return gap, math.sqrt(square / freedom) if freedom else 0.0


def _noise_of_others(sample: Sample, sets: list[NDArray[np.intp]], residual: Floats) -> float:
    """Return the noise of the rows that have no equal, 0 where they are too few to tell."""
    alone = np.ones(sample.rows, dtype=bool)
    for places in sets:
        alone[places] = False
    rank = sample.basis.shape[1]
    if int(alone.sum()) < rank + FEWEST_ALONE:
        return 0.0
    basis = np.linalg.qr(sample.basis[alone])[0]
    error = residual[alone] - basis @ (basis.T @ residual[alone])
    size = np.sort(np.abs(error))
    return MAD_TO_SIGMA * float(np.median(size)) * math.sqrt(len(size) / (len(size) - rank))
