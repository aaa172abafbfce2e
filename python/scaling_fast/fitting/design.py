"""Whether the rows of a fit form a design that can identify its law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import names as formula_names
from scaling_fast.findings import Finding
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request
    from scaling_fast.laws import Need

    Floats = NDArray[np.float64]

__all__ = ["measured", "shortfalls"]

DIGITS = 6
"""Significant digits in which values of one level agree: budgets computed as 6*N*D agree in no more."""

THINNED, ENOUGH = 4096, 256
"""Rows of a thinned column, and how many levels among them make counting the other rows unnecessary."""

REMEDIES = {
    "rows": "add rows",
    "levels": "add rows at other values of {of}",
    "decades": "add rows at smaller and larger {of}",
    "ratio": "add rows at smaller and larger scales",
    "largest": "add rows where {of} is larger",
    "positive": "add rows {of}",
    "independence": "add rows that vary {of} at equal {within}",
}


def shortfalls(request: Request, params: Floats) -> list[Finding]:
    """Return one finding for each need of the law that its rows do not meet.

    Parameters
    ----------
    request
        The fitted question.
    params
        Fitted parameters, natural units, shape (groups, parameters); a need of a parameter that is
        not finite is not assessed.
    """
    values = {name: params[:, place] for place, name in enumerate(request.names)}
    table = request.table
    # A need that a sample of very many rows meets is met by all: only the others are measured in full.
    step = table.rows // THINNED if table.groups == 1 else 0
    sample = {}
    if step > 1:
        sample = {name: column[::step] for name, column in table.arrays.items()}
    found = []
    for need in request.law.needs:
        if sample and need.measure in GROWING and not need.within:
            ends = np.array([0, len(next(iter(sample.values())))])
            if not _is_short(need, measured(need, sample, ends, values)).any():
                continue
        has = measured(need, table.arrays, table.offsets, values)
        short = _is_short(need, has)
        if short.any():
            found.append(_finding(need, has, short, request.law.name or "the law"))
    return found


def _is_short(need: Need, has: Floats) -> NDArray[np.bool_]:
    # Rounding must not turn four decades into 3.9999.
    return np.asarray(has < need.least - 1e-9 * abs(need.least))


GROWING = ("levels", "decades", "ratio", "largest", "positive")
"""Measures that more rows can only raise."""


def measured(
    need: Need,
    columns: Mapping[str, Floats],
    offsets: NDArray[np.int64],
    params: Mapping[str, Floats],
) -> Floats:
    """Return the measure of a need in each group, shape (groups,); NaN where it has no value.

    Parameters
    ----------
    need
        The need, which names its measure.
    columns
        Name in the law -> values sorted by group, shape (rows,).
    offsets
        First row of each group, and the number of rows at the end; shape (groups + 1,).
    params
        Parameter -> estimates, shape (groups,).
    """
    counts = np.diff(offsets)
    if need.measure == "rows":
        return counts.astype(np.float64)
    starts, group = offsets[:-1], np.repeat(np.arange(counts.size), counts)

    def rows(formula: str) -> Floats:
        names = formula_names(formula)[2]
        used = {name: columns[name] if name in columns else params[name][group] for name in names}
        value = evaluate(formula, used)
        return value if value.size == group.size else np.broadcast_to(value[:1], group.shape)

    of = rows(need.of)
    if need.measure == "levels":
        return _levels(of, rows(need.within) if need.within else None, group, counts.size)
    if need.measure == "positive":
        return np.add.reduceat((of > 0.0).astype(np.float64), starts)
    if need.measure == "independence":
        return _independence(of, rows(need.within), group, starts, counts)
    largest = np.maximum.reduceat(of, starts)
    if need.measure == "largest":
        return largest
    with np.errstate(all="ignore"):
        smallest = np.minimum.reduceat(of, starts)
        ratio = np.where(smallest >= 0.0, largest / smallest, np.nan)
        return np.log10(ratio) if need.measure == "decades" else ratio


def _levels(of: Floats, within: Floats | None, group: NDArray[np.int64], groups: int) -> Floats:
    """Return the number of different values in each group, or its median over levels of `within`."""
    if groups == 1 and within is None:
        # Needs ask for a few levels; a thinned column that shows hundreds settles the question.
        seen = np.unique(_rounded(of[:: max(1, of.size // THINNED)])).size
        return np.array([float(seen if seen >= ENOUGH else np.unique(_rounded(of)).size)])
    keys = [_rounded(of), group] if within is None else [_rounded(of), _rounded(within), group]
    # Sorted by group, then `within`, then value: a new level begins wherever a key changes.
    order = np.lexsort(keys)
    ordered = [key[order] for key in keys]
    first = np.ones(group.size, dtype=bool)
    first[1:] = np.any([key[1:] != key[:-1] for key in ordered], axis=0)
    if within is None:
        return np.bincount(ordered[-1][first].astype(np.int64), minlength=groups).astype(np.float64)
    outer = np.ones(group.size, dtype=bool)
    outer[1:] = np.any([key[1:] != key[:-1] for key in ordered[1:]], axis=0)
    # A cell is one level of `within` in one group; the result is the median of cell sizes per group.
    cell = np.cumsum(outer) - 1
    sizes = np.bincount(cell[first]).astype(np.float64)
    owner = ordered[-1][outer].astype(np.int64)
    by_size = np.lexsort((sizes, owner))
    cells = np.bincount(owner, minlength=groups)
    begin = np.cumsum(cells) - cells
    low, high = sizes[by_size][begin + (cells - 1) // 2], sizes[by_size][begin + cells // 2]
    middle: Floats = (low + high) / 2
    return middle


def _rounded(values: Floats) -> Floats:
    """Return values rounded to `DIGITS` significant digits."""
    with np.errstate(all="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
    exponent[~np.isfinite(exponent)] = 0.0
    unit = 10.0 ** np.clip(DIGITS - 1 - exponent, -300, 300)
    rounded: Floats = np.round(values * unit) / unit
    return rounded


def _independence(
    of: Floats,
    within: Floats,
    group: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> Floats:
    """Return 1 - |correlation| of each group; 0 where one of the two does not vary."""

    def centred(column: Floats) -> Floats:
        deviation: Floats = column - (np.add.reduceat(column, starts) / counts)[group]
        return deviation

    a, b = centred(of), centred(within)
    with np.errstate(all="ignore"):
        scale = np.sqrt(np.add.reduceat(a * a, starts) * np.add.reduceat(b * b, starts))
        correlation = np.abs(np.add.reduceat(a * b, starts)) / scale
    return np.where(scale > 0.0, 1.0 - correlation, 0.0)


def _finding(need: Need, has: Floats, short: NDArray[np.bool_], law: str) -> Finding:
    worst = float(has[short].min())
    what = need.place if need.measure == "positive" else need.label or need.of
    remedy = REMEDIES[need.measure].format(of=what, within=need.within)
    if has.size == 1:
        begin = need.shortfall(worst)
    else:
        begin = f"in {int(short.sum())} of {has.size} groups (the worst: {need.shortfall(worst)})"
        begin += " the design is poor"
    because = f", or else {need.because}" if need.because else ""
    return Finding(
        code="design",
        check="fit",
        severity="amber",
        sentence=f"{begin}; {law} needs {need.says}{because}",
        statistic=worst,
        threshold=need.least,
        evidence={"measure": need.measure, "of": need.of, "within": need.within},
        advice=f"{remedy}, or fit a law that needs less",
    )
