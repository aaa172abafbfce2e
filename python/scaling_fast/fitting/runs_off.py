"""What a fit without an optimum says: which parameters run off, and what the law becomes on the way."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import quote
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request

__all__ = ["runs_off_finding"]

WAYS = {1: "grows without bound", 2: "falls without bound", 3: "shrinks to 0"}
"""The codes of the core, in words."""

GRID = 64
"""Points at which the law is looked at between two neighbouring rows."""

ABRUPT = 0.9
"""Share of a change that an eighth of a gap must hold for it to be a step or a corner."""

NOTABLE = 0.02
"""Share of the range of the law, or of its slopes, that a step or a corner amounts to at least."""

ALONE = 0.999
"""Share of the squared effect of a parameter that one value of the column holds when it acts there alone."""


def runs_off_finding(request: Request, columns: FitColumns) -> Finding:
    """Return the finding of a single fit whose optimum lies at infinity."""
    codes = columns.runs_off[0].tolist()
    ways = {
        name: WAYS[code] for name, code in zip(request.names, codes, strict=True) if code in WAYS
    }
    running = [f"{quote(name)} {way}" for name, way in ways.items()]
    head = ", ".join(running[:-1]) + (" and " if running[1:] else "") + (running or [""])[-1]
    point = dict(zip(request.names, columns.params[0].tolist(), strict=True))
    limit = _limit(request, point, list(ways)) or (
        f"the objective is {columns.objective[0]:.6g} on the way, where the search stopped, and has "
        "no optimum"
    )
    return Finding(
        code="unbounded",
        check="fit",
        severity="red",
        sentence=f"{head or 'a parameter runs off'}: {limit}",
        statistic=float(columns.objective[0]),
        evidence={"parameters": list(ways), "ways": ways, "limit": limit},
        advice="fit the limiting law instead, bound or fix the parameter, or add rows where it acts",
    )


def _limit(request: Request, point: dict[str, float], running: list[str]) -> str | None:
    """Return what the law becomes along its only column; None where it has several, or a gentle limit."""
    varying = {
        name: np.asarray(values, dtype=np.float64)
        for name, values in request.table.arrays.items()
        if np.ptp(values) > 0.0
    }
    if len(varying) != 1 or not all(np.isfinite(value) for value in point.values()):
        return None
    ((column, values),) = varying.items()
    others = {name: np.asarray(v[:1]) for name, v in request.table.arrays.items() if name != column}
    places = np.unique(values)

    def law(at: NDArray[np.float64]) -> NDArray[np.float64]:
        used = {name: np.full(at.size, v[0]) for name, v in others.items()} | {column: at}
        program = request.program
        return program.evaluate([used[name] for name in program.columns], list(point.values()))

    alone = _alone(request, point, running, column, values)
    # A term of a sum of powers that fits one row is no step, though its graph looks like one.
    return (alone if request.program.is_power_sum else None) or _abrupt(law, places)


def _abrupt(
    law: Callable[[NDArray[np.float64]], NDArray[np.float64]], places: NDArray[np.float64]
) -> str | None:
    """Return the gaps in which the law jumps, or its slope does."""
    logarithmic = places[0] > 0.0 and places[-1] / places[0] > GRID
    scale = np.log if logarithmic else np.asarray
    at_rows = law(places)
    change = np.diff(at_rows)
    if not np.isfinite(change).all():
        return None
    slopes = change / np.diff(scale(places))
    span, steepest = np.ptp(at_rows), np.ptp(slopes)
    for kind, notable in (("a step", span), ("a corner", steepest)):
        found = []
        for low, high in itertools.pairwise(places.tolist()):
            line = np.linspace(scale(low), scale(high), GRID + 1)
            inside = law(np.exp(line) if logarithmic else line)
            moves = np.diff(inside)
            if kind == "a corner":
                moves = np.diff(moves / np.diff(line))
            total = np.abs(moves).sum()
            window = np.convolve(np.abs(moves), np.ones(GRID // 8), "valid").max()
            if np.isfinite(total) and total > NOTABLE * notable and window > ABRUPT * total:
                found.append((low, high))
        if found:
            gaps = [f"between {low:g} and {high:g}" for low, high in found]
            return f"the rows fit {kind} " + " and another ".join(gaps)
    return None


def _alone(
    request: Request,
    point: dict[str, float],
    running: list[str],
    column: str,
    values: NDArray[np.float64],
) -> str | None:
    """Return the only value of the column at which the term that runs off still acts."""
    jacobian = request.rows(0, point)[3]
    # An amplitude shows where its term acts; an exponent only where the column is not 1.
    for name in [*(name for name in request.names if name not in running), *running]:
        effect = np.abs(jacobian[:, request.names.index(name)])
        if not 0.0 < effect.max() < np.inf:
            continue
        effect = (effect / effect.max()) ** 2
        total = float(effect.sum())
        place = values[int(np.argmax(effect))]
        if float(effect[values == place].sum()) > ALONE * total:
            return f"the term acts only at {column} = {place:g} and fits the rows there alone"
    return None
