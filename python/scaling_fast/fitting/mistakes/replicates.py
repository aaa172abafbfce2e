"""Equal rows: copies of one another, and runs that disagree by more than noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.fitting.mistakes.sample import amber, listed_rows
from scaling_fast.fitting.robust_scale import MAD_TO_SIGMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["copies", "disagreeing", "replicates"]

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


def replicates(sample: Sample, kept: NDArray[np.bool_] | None = None) -> Iterator[NDArray[np.intp]]:
    """Yield the places, among the kept rows, of rows that are equal in every column of the law."""
    arrays = [
        _rounded(values if kept is None else values[kept]) for values in sample.inputs.values()
    ]
    if not arrays:
        return
    order = np.lexsort(arrays)
    changed = np.zeros(len(order), dtype=bool)
    for values in arrays:
        changed[1:] |= np.diff(values[order]) != 0.0
    begins = np.flatnonzero(changed[1:]) + 1
    if len(begins) + 1 == len(order):
        return
    for places in np.split(order, begins):
        if len(places) > 1:
            yield places


def _rounded(values: Floats) -> Floats:
    """Return values that are equal where the numbers are, but for the rounding of a computation."""
    return np.asarray(np.log(values)).round(DECIMALS) if values.min() > 0.0 else values


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
    """Return whether more are equal than chance makes: a bound of a Poisson tail is below COINCIDENCES."""
    if mean <= 0.0:
        return equal > 0
    few = equal * math.log(mean) - math.lgamma(equal + 1.0)
    many = equal - mean - equal * math.log(equal / mean)  # Chernoff's
    return equal > mean and min(few, many) < math.log(COINCIDENCES)


def disagreeing(sample: Sample) -> list[Finding]:
    """Return the finding of equal runs whose targets lie on two curves, or far beyond the noise of the others."""
    sets = list(replicates(sample))
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
