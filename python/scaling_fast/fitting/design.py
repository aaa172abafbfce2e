"""Whether the rows of a fit form a design that can identify its law."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import names as formula_names
from scaling_fast.findings import Finding
from scaling_fast.fitting.levels import APART, levels
from scaling_fast.fitting.lines import line_findings
from scaling_fast.fitting.marked import Marked
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request
    from scaling_fast.frames import Table
    from scaling_fast.laws import Need

    Floats = NDArray[np.float64]

__all__ = ["measured", "shortfalls"]

THINNED = 4096
"""Rows of a thinned table, which settles most needs without the others."""

NAME = re.compile(r"\w+")
TWO_OR_MORE = re.compile(r"told apart|trade off")

REMEDIES = {
    "rows": "add rows",
    "levels": "add rows at other values of {of}",
    "decades": "add rows at smaller and larger {of}",
    "ratio": "add rows at smaller and larger scales",
    "largest": "add rows where {of} is larger",
    "positive": "add rows {of}",
    "independence": "add rows that vary {of} at equal {within}",
}


def shortfalls(request: Request, params: Floats) -> list[Marked]:
    """Return one finding for each need of the law that its rows do not meet, and for runs on one line.

    Each with the groups whose rows it is about.

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
    free = set(request.free)
    for declared in request.law.needs:
        need = _of_the_free(declared, free, request.names)
        if need is None:
            continue
        if sample and need.measure in GROWING and not need.within:
            ends = np.array([0, len(next(iter(sample.values())))])
            if not _is_short(need, measured(need, sample, ends, values)).any():
                continue
        has = measured(need, table.arrays, table.offsets, values)
        short = _is_short(need, has)
        if short.any():
            law = request.law.name or "the law"
            close = _is_close(need, table, has, values)
            found.append(Marked(_finding(need, has, short, law, close=close), short))
    asked: dict[str, NDArray[np.bool_]] = {}
    for finding, groups in found:
        of = finding.evidence["of"]
        asked[of] = asked[of] | groups if of in asked else groups
    return found + line_findings(request, params, asked)


def _of_the_free(need: Need, free: set[str], names: Sequence[str]) -> Need | None:
    """Return what is left of a need where some parameters are fixed; None if nothing is.

    A need lets the parameters of its `because` be told apart, or be known at all: with those of one
    side fixed nothing is to be told apart. Each fixed parameter saves a row.
    """
    fixed = len(names) - len(free)
    if fixed == 0:
        return need
    if need.measure == "rows":
        return replace(need, least=need.least - fixed, because="")
    sides = need.because.split(" cannot be told apart from ")
    concerned = [set(NAME.findall(side)) & set(names) for side in sides]
    if len(sides) == 1 and len(concerned[0]) > 1 and TWO_OR_MORE.search(need.because):
        return need if len(concerned[0] & free) > 1 else None
    return None if any(side and not side & free for side in concerned) else need


def _is_short(need: Need, has: Floats) -> NDArray[np.bool_]:
    # Rounding must not turn four decades into 3.9999.
    return np.asarray(has < need.least - 1e-9 * abs(need.least))


GROWING = ("levels", "decades", "ratio", "largest", "positive")
"""Measures that more rows can only raise."""


def _is_close(need: Need, table: Table, has: Floats, params: Mapping[str, Floats]) -> bool:
    """Return whether different values of a single design were counted as one level."""
    if need.measure != "levels" or need.within or has.size > 1:
        return False
    known = dict(table.arrays) | {name: value[:1] for name, value in params.items()}
    seen = evaluate(need.of, {name: known[name] for name in formula_names(need.of)[2]})
    # Budgets computed as 6*N*D agree in six digits, no more.
    different = {f"{value:.5e}" for value in np.unique(seen)[:THINNED].tolist()}
    return len(different) > float(has[0])


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
    starts, size = offsets[:-1], int(offsets[-1])

    def group() -> NDArray[np.int64]:
        return np.repeat(np.arange(counts.size), counts)

    def rows(formula: str) -> Floats:
        if formula in columns:
            return columns[formula]
        names = formula_names(formula)[2]
        used = {name: columns[name] if name in columns else params[name][group()] for name in names}
        value = evaluate(formula, used)
        return value if value.size == size else np.broadcast_to(value[:1], (size,))

    of = rows(need.of)
    if need.measure == "levels":
        return levels(of, rows(need.within) if need.within else None, group(), counts.size)
    if need.measure == "positive":
        return np.add.reduceat((of > 0.0).astype(np.float64), starts)
    if need.measure == "independence":
        return _independence(of, rows(need.within), group(), starts, counts)
    largest = np.maximum.reduceat(of, starts)
    if need.measure == "largest":
        return largest
    with np.errstate(all="ignore"):
        smallest = np.minimum.reduceat(of, starts)
        ratio = np.where(smallest >= 0.0, largest / smallest, np.nan)
        return np.log10(ratio) if need.measure == "decades" else ratio


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


def _finding(
    need: Need, has: Floats, short: NDArray[np.bool_], law: str, *, close: bool
) -> Finding:
    worst = float(has[short].min())
    what = need.place if need.measure == "positive" else need.label or need.of
    remedy = REMEDIES[need.measure].format(of=what, within=need.within)
    if has.size == 1:
        begin = need.shortfall(worst)
    else:
        begin = f"in {int(short.sum())} of {has.size} groups (the worst: {need.shortfall(worst)})"
        begin += " the design is poor"
    # What rows are too few for is a reason, and what other needs say is what follows from a poor design.
    link = ": " if need.measure == "rows" else ", or else "
    because = f"{link}{need.because}" if need.because else ""
    if close:
        begin += f" (those within {APART:g} decades count as one)"
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
