"""Whether the rows of a law of several powers lie along one line, such as one ray or one budget."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.findings import Finding
from scaling_fast.fitting.levels import APART
from scaling_fast.fitting.marked import Marked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

    Floats = NDArray[np.float64]

__all__ = ["line_findings"]

SPREAD = 0.25
"""Standard deviation of ln(D/N) at equal N*D, or of ln(N*D) at equal D/N, below which runs lie on a line.

isoFLOP sizes from 4/5 to 5/4 of the best have .3, random sizes and data over two decades 1.9.
"""

ROUNDING = 1e-5
"""Standard deviation of a logarithm that numbers of six digits have by themselves."""

THINNED = 4096
"""Rows of a sample; only where it lies on a line are the others measured."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that the law raises to a power, and the parameters of that power that are free."""

    name: str
    free: tuple[str, ...]
    exponents: tuple[str, ...]
    straight: bool
    """Whether the law is linear in its exponents, as a sum of logarithms is: any two values determine it."""


def line_findings(
    request: Request, params: Floats, asked: Mapping[str, NDArray[np.bool_]]
) -> list[Marked]:
    """Return findings for a column that hardly varies, and for two columns that vary along one line.

    It asks of every law that raises columns to a power what the formula itself implies, whatever
    the names: a power needs two levels of its column, and two powers need runs off any one line.

    Parameters
    ----------
    request
        The fitted question.
    params
        Fitted parameters, natural units, shape (groups, parameters).
    asked
        Column -> the groups in which the law itself asked for more of it, where it need not be named
        again; shape (groups,).
    """
    columns = _power_columns(request)
    rows = {column.name: request.table.arrays[column.name] for column in columns}
    offsets = request.table.offsets
    nowhere = np.zeros(offsets.size - 1, dtype=bool)
    narrow, found = {}, []
    for column in columns:
        narrow[column.name] = _spans(rows[column.name], offsets) <= APART + 1e-9
        unsaid = narrow[column.name] & ~asked.get(column.name, nowhere)
        if unsaid.any() and len(column.free) > 1 and not column.straight:
            found.append(Marked(_narrow(column, rows[column.name], offsets, unsaid), unsaid))
    for first, second in itertools.combinations(columns, 2):
        # A parameter that both powers have is told by either.
        apart = [set(first.free) - set(second.free), set(second.free) - set(first.free)]
        varied = ~(narrow[first.name] | narrow[second.name])
        if all(apart) and varied.any():
            found += _pair(request, (first, second), params, varied)
    return found


def _power_columns(request: Request) -> list[_Column]:
    """Return the columns of the law that enter as powers with a free parameter, all their values positive."""
    free = set(request.free)
    columns = []
    for name, scales, exponents in request.program.powers:
        mine = tuple(param for param in (*scales, *exponents) if param in free)
        if mine and float(request.table.arrays[name].min()) > 0.0:
            left = tuple(param for param in exponents if param in free)
            columns.append(_Column(name, mine, left, set(left) <= set(request.program.linear)))
    return columns


def _spans(column: Floats, offsets: NDArray[np.int64]) -> Floats:
    """Return the decades that a column spans in each group."""
    largest, smallest = (ufunc.reduceat(column, offsets[:-1]) for ufunc in (np.maximum, np.minimum))
    return np.log10(largest) - np.log10(smallest)


def _narrow(
    column: _Column, values: Floats, offsets: NDArray[np.int64], narrow: NDArray[np.bool_]
) -> Finding:
    span = float(_spans(values, offsets)[narrow].min())
    where = f"in {int(narrow.sum())} of {narrow.size} groups " if narrow.size > 1 else ""
    if span == 0.0:
        begin = f"{where}{column.name} has one value"
    else:
        begin = f"{where}{column.name} has one level: all its values lie within {span:.3g} decades"
    return Finding(
        code="design",
        check="fit",
        severity="amber",
        sentence=f"{begin}; {_listed(column.free)} cannot be told apart",
        statistic=span,
        threshold=APART,
        evidence={"measure": "levels", "of": column.name, "within": ""},
        advice=f"add rows at other values of {column.name}, or fit a law that needs less",
    )


def _pair(
    request: Request,
    pair: tuple[_Column, _Column],
    params: Floats,
    varied: NDArray[np.bool_],
) -> list[Marked]:
    """Return the finding of two columns whose rows lie along one line, in some group in which both vary."""
    table = request.table
    values = [table.arrays[column.name] for column in pair]
    step = table.rows // THINNED if table.groups == 1 else 0
    if step > 1:
        ends = np.array([0, len(values[0][::step])])
        if (
            min(scatter[0] for scatter in _scatter(values[0][::step], values[1][::step], ends))
            >= SPREAD
        ):
            return []
    ray, budget = (
        np.where(varied, scatter, np.inf)
        for scatter in _scatter(values[0], values[1], table.offsets)
    )
    found = []
    for scatter, say in ((ray, _ray), (np.where(ray < SPREAD, np.inf, budget), _budget)):
        on = scatter < SPREAD
        if not on.any():
            continue
        worst = int(np.argmin(scatter))
        start, end = table.offsets[worst : worst + 2]
        logs = [np.log(column[start:end]) for column in values]
        where = (
            f"in {int(on.sum())} of {on.size} groups (the worst is told) " if on.size > 1 else ""
        )
        point = {
            name: float(params[worst, place])
            for place, name in enumerate(request.names)
            if name in request.free
        }
        found.append(Marked(say(pair, logs, where, float(scatter[worst]), point), on))
    return found


def _scatter(first: Floats, second: Floats, offsets: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return for each group the sd of ln(second/first) at equal product, and of the product at equal ratio.

    Each is the deviation from the straight line on the other, of all rows; infinite below 3 rows.
    """
    counts = np.diff(offsets)
    group = np.repeat(np.arange(counts.size), counts)

    def mean(column: Floats) -> Floats:
        average: Floats = np.add.reduceat(column, offsets[:-1]) / counts
        return average

    def centred(column: Floats) -> Floats:
        return column - (mean(column)[group] if counts.size > 1 else mean(column))

    log_first, log_second = np.log(first), np.log(second)
    ratio, product = centred(log_second - log_first), centred(log_first + log_second)
    by_ratio, by_product, both = mean(ratio**2), mean(product**2), mean(ratio * product)
    with np.errstate(all="ignore"):
        # Where the other does not vary there is no line on it, and all of the deviation is left.
        left = [
            own - np.where(other > 1e-12, both**2 / other, 0.0)
            for own, other in ((by_ratio, by_product), (by_product, by_ratio))
        ]
    ray, budget = (np.where(counts > 2, np.sqrt(np.maximum(rest, 0.0)), np.inf) for rest in left)
    return ray, budget


def _ray(
    pair: tuple[_Column, _Column],
    logs: list[Floats],
    where: str,
    scatter: float,
    point: dict[str, float],
) -> Finding:
    first, second = pair
    ratio = logs[1] - logs[0]
    quotient, product = f"{second.name}/{first.name}", f"{first.name}*{second.name}"
    spread = float(ratio.std())
    if spread < SPREAD:
        begin = f"the runs lie along one ray: {quotient} is {_middle(ratio)}{_within(spread)}"
    else:
        varies = f"varies by {_percent(scatter)}" if scatter > ROUNDING else "does not vary"
        begin = f"the runs lie along one line: at equal {product}, {quotient} {varies}"
    close = ""
    if len(first.exponents) == len(second.exponents) == 1 and first.exponents != second.exponents:
        one, other = first.exponents[0], second.exponents[0]
        # A larger one is an accident of rows that do not determine it.
        if (difference := abs(point[one] - point[other])) < 1:
            close = f" (fitted |{one} - {other}| = {difference:.3g})"
    return _finding(
        "ray",
        f"{where}{begin}; only the sum of what {first.name} and {second.name} do along it is known: "
        f"{_listed(first.free)} cannot be told apart from {_listed(second.free)}{close}",
        scatter,
        (quotient, product),
    )


def _budget(
    pair: tuple[_Column, _Column],
    logs: list[Floats],
    where: str,
    scatter: float,
    point: dict[str, float],
) -> Finding:
    first, second = pair
    total = logs[0] + logs[1]
    quotient, product = f"{second.name}/{first.name}", f"{first.name}*{second.name}"
    terms = list(dict.fromkeys([*first.free, *second.free]))
    beside = [name for name in point if name not in terms]
    if beside:
        unknown = f"{_listed(beside)} cannot be told apart from {_listed(terms)}"
    else:
        unknown = (
            f"{_listed(first.free)} cannot be told apart from {_listed(second.free)} beyond one "
            f"curve in {quotient}"
        )
    return _finding(
        "budget",
        f"{where}the runs lie at one budget: {product} is {_middle(total)}{_within(float(total.std()))}; "
        f"what a larger {product} does is not known: {unknown}",
        scatter,
        (product, quotient),
    )


def _finding(measure: str, sentence: str, scatter: float, of: tuple[str, str]) -> Finding:
    return Finding(
        code="design",
        check="fit",
        severity="amber",
        sentence=sentence,
        statistic=scatter,
        threshold=SPREAD,
        evidence={"measure": measure, "of": of[0], "within": of[1]},
        advice=f"add rows that vary {of[0]} at equal {of[1]}, or fit a law that needs less",
    )


def _middle(logs: Floats) -> str:
    with np.errstate(all="ignore"):
        return f"{np.exp(np.median(logs)):.3g}"


def _within(spread: float) -> str:
    """Return how far values of this logarithmic sd lie around the middle; nothing where they do not."""
    return f" within {_percent(spread)}" if spread > ROUNDING else ""


def _percent(spread: float) -> str:
    return f"{100 * np.expm1(spread):.2g} %"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
