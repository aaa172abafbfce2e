"""Equal rows: copies of one another, and runs that disagree by more than noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.fitting.mistakes.sample import amber, listed_rows
from scaling_fast.fitting.robust_scale import MAD_TO_SIGMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["copies", "disagreeing", "replicates", "set_numbers"]

MOST_SETS = 1000
"""Sets of equal rows that are looked at one by one."""

DECIMALS = 7
"""Decimals of a logarithm in which equal numbers agree, however they were computed."""

COINCIDENCES = 1e-3
"""Probability of as many equal targets by chance, above which equal rows are not called copies."""

APART, APART_ALONE = 4.0, 7.0
"""Robust standard deviations that equal runs do not differ by: the middle of three sets or more, or of fewer."""

FEWEST_ALONE = 6
"""Rows without an equal, beyond the parameters, that noise is read from."""

CLEFT, CLEFT_OF_FEW = 0.25, 0.12
"""Scatter over mean of the differences of equal rows, below which they are two curves and not noise.

Differences of normal pairs have a scatter of .76 of their mean.
"""

CLOSE = 0.2
"""Scatter within each of the two curves over their distance, which normal noise split in halves exceeds."""

FEWEST_SETS, MANY_SETS = 5, 8
"""Sets of equal rows that two curves are read from; normal noise passes for two then in .5 % of fits."""


def replicates(sample: Sample, kept: NDArray[np.bool_] | None = None) -> list[NDArray[np.intp]]:
    """Return the places, among the kept rows, of rows that are equal in every column of the law, set by set.

    Of very many sets the first MOST_SETS, in the order of their columns.
    """
    order, begins = _sets(sample, kept)
    sizes = np.diff(begins, append=len(order))
    several = np.flatnonzero(sizes > 1)[:MOST_SETS]
    return [order[begins[k] : begins[k] + sizes[k]] for k in several.tolist()]


def set_numbers(sample: Sample, kept: NDArray[np.bool_] | None = None) -> NDArray[np.intp] | None:
    """Return the number of the set of equal rows of each kept row, shape (kept,); None where no two are equal."""
    order, begins = _sets(sample, kept)
    if len(begins) == len(order):
        return None
    number = np.zeros(len(order), dtype=np.intp)
    number[order] = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(order)))
    return number


def _sets(
    sample: Sample, kept: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the kept rows in the order of their columns, and where in it each set of equal rows begins."""
    inputs = sample.inputs.values()
    arrays = [_rounded(values if kept is None else values[kept]) for values in inputs]
    if not arrays:
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    order = np.lexsort(arrays)
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.logical_or.reduce([np.diff(values[order]) != 0.0 for values in arrays])
    return order, np.flatnonzero(new)


def _rounded(values: Floats) -> Floats:
    """Return values that are equal where the numbers are, but for the rounding of a computation."""
    return np.asarray(np.log(values)).round(DECIMALS) if values.min() > 0.0 else values


def copies(sample: Sample) -> list[Finding]:
    """Return the finding of rows that repeat another in every column of the law and in the target."""
    table = sample.request.table
    number = set_numbers(sample)
    if number is None:
        return []
    order = np.lexsort((table.target, number))
    same = (np.diff(number[order]) == 0) & (np.diff(table.target[order]) == 0.0)
    first, second = order[:-1][same], order[1:][same]
    few = _are_rounded(table.target[second])
    certain = second[~few].tolist()
    if few.any():
        pairs = list(zip(first[few].tolist(), second[few].tolist(), strict=True))
        certain += _copied_everywhere(sample, pairs, number)
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
    sample: Sample, pairs: list[tuple[int, int]], number: NDArray[np.intp]
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
    enough = _are_more(len(pairs), _coincidences(sample, number))
    return [second for _, second in pairs] if enough else []


def _are_rounded(values: Floats) -> NDArray[np.bool_]:
    """Return whether numbers have at most four digits, as rounded or counted ones have."""
    size = np.abs(values)
    digits = size * 10.0 ** (3.0 - np.floor(np.log10(np.where(size > 0.0, size, 1.0))))
    return np.asarray(np.abs(digits - np.round(digits)) < 1e-9 * digits)


def _coincidences(sample: Sample, number: NDArray[np.intp]) -> float:
    """Return how many pairs of different runs rounding makes equal, for normal noise.

    Two numbers of standard deviation s are equal when rounded to steps d with probability d/(2 s sqrt(pi)).

    Parameters
    ----------
    sample
        The rows.
    number
        Number of the set of equal rows of each row, shape (rows,).
    """
    target = sample.request.table.target
    counts = np.bincount(number)
    means = np.bincount(number, target) / counts
    square = float(np.sum((target - means[number]) ** 2))
    freedom = len(target) - len(counts)
    noise = math.sqrt(square / freedom)
    if noise <= 1e-12 * float(np.abs(target).max()):
        noise = 0.0
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
    pairs = float(np.sum(counts * (counts - 1.0))) / 2
    return float(min(freedom, pairs * min(1.0, step / (2.0 * noise * math.sqrt(math.pi)))))


def _are_more(equal: int, mean: float) -> bool:
    """Return whether more are equal than chance makes: a bound of a Poisson tail is below COINCIDENCES."""
    if mean <= 0.0:
        return equal > 0
    few = equal * math.log(mean) - math.lgamma(equal + 1.0)
    many = equal - mean - equal * math.log(equal / mean)  # Chernoff's
    return equal > mean and min(few, many) < math.log(COINCIDENCES)


def disagreeing(sample: Sample) -> list[Finding]:
    """Return the finding of equal runs whose targets lie on two curves, or far beyond the noise of the others."""
    sets = replicates(sample)
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
        limit_of_scatter = CLEFT if len(gap) >= MANY_SETS else CLEFT_OF_FEW
        cleft = scatter < limit_of_scatter * mean and within < CLOSE * mean
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
        if not upper.any():  # all are equal
            gaps.append(0.0)
            centres.append(float(sample.request.table.target[places].mean()))
            freedom += len(values) - 2
            continue
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
