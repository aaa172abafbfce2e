"""What every task needs: contenders, alternating blocks, and how near each comes to the best known."""

from __future__ import annotations

import importlib
import os
import statistics
import time
import warnings
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

TOLERANCES = (1e-9, 1e-6, 1e-3)


@dataclass
class Row:
    """One contender at one task.

    `accuracy` is the share of the `judged` units whose objective is within 1e-9, 1e-6 and 1e-3
    relative of the best known, None where nothing was judged; `seconds` holds one time a block.
    """

    task: str
    contender: str
    unit: str
    size: int
    whole: int
    accuracy: tuple[float, ...] | None
    judged: int
    seconds: list[float] = field(default_factory=list)
    note: str = ""
    ratio: float | None = None
    load: tuple[float, ...] = ()

    @property
    def per_unit(self) -> float:
        """Median seconds a unit."""
        return statistics.median(self.seconds) / self.size

    @property
    def projected(self) -> float:
        """Seconds for the whole task at that price."""
        return self.per_unit * self.whole

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"per_unit": self.per_unit, "projected": self.projected}


ABSENT: set[str] = set()
"""Libraries of the group `bench` that a task wanted and that are not installed."""


def optional(name: str) -> Any | None:
    """Return a module of tasks that needs a library of the group `bench`, or None without it."""
    try:
        return importlib.import_module(f"tasks.{name}")
    except ImportError as error:
        ABSENT.add(error.name or name)
        return None


@dataclass
class Contender:
    """Somebody who answers a block: its points, one row a judged unit, in the coordinates of the task.

    `size` is the number of units that a block does; where it is more than are judged, the judged ones
    come first.
    """

    name: str
    call: Callable[[int], object]
    size: int
    note: object = ""


def raced(
    task: str,
    unit: str,
    whole: int,
    contenders: Sequence[Contender],
    blocks: int,
    judge: Callable[[list[list[Any]]], tuple[list[NDArray[np.float64]], NDArray[np.float64]]],
) -> list[Row]:
    """Return the rows of a task: everybody timed in turn, then judged.

    `judge` gets the answers, one list a contender, and returns everybody's objectives and the best
    known; NaN stands for units that a contender was not asked for.
    """
    times, answers = alternate([one.call for one in contenders], blocks)
    found, best = judge(answers)
    rows = []
    for one, got, taken in zip(contenders, found, times, strict=True):
        asked = ~np.isnan(got)
        accuracy = shares(got[asked], best[asked]) if asked.any() else None
        judged = int(asked.sum())
        note = str(one.note)
        rows.append(Row(task, one.name, unit, one.size, whole, accuracy, judged, taken, note))
    return compared(rows)


def alternate(
    contenders: Sequence[Callable[[int], object]], blocks: int
) -> tuple[list[list[float]], list[list[Any]]]:
    """Return times and answers, one list a contender: ours, peer, ours, peer ..."""
    times: list[list[float]] = [[] for _ in contenders]
    answers: list[list[Any]] = [[] for _ in contenders]
    for block in range(blocks):
        for contender, taken, given in zip(contenders, times, answers, strict=True):
            begin = time.perf_counter()
            answer = contender(block)
            taken.append(time.perf_counter() - begin)
            given.append(answer)
    return times, answers


def compared(rows: list[Row]) -> list[Row]:
    """Return the rows with their price relative to the first, which is ours."""
    for row in rows:
        row.ratio = row.per_unit / rows[0].per_unit
        row.load = tuple(round(one, 2) for one in os.getloadavg())
    return rows


def shares(objective: NDArray[np.float64], best: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the share of objectives within 1e-9, 1e-6, 1e-3 of the best; NaN is never within."""
    gap = (np.asarray(objective) - best) / best
    return tuple(float(np.mean(gap <= one)) for one in TOLERANCES)


def huber(r: NDArray[np.float64], delta: float) -> NDArray[np.float64]:
    """Return r^2/2 inside delta, delta (|r| - delta/2) outside."""
    size = np.abs(r)
    return np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))


def surely(fit: Callable[..., Any], size: int) -> Callable[..., Any]:
    """Return a fit that answers NaN where a singular matrix or an overflow ends it."""

    def call(*given: Any) -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return fit(*given)
            except (ValueError, ZeroDivisionError, np.linalg.LinAlgError):
                return np.full(size, np.nan)

    return call


AGREE, CERTIFIED = 1e-8, 3
"""A search of many starts is certified when so many end within so much, relatively, of the best."""


def until_agreed(
    walk: Callable[[Any], Any], starts: Iterable[Any], value: Callable[[Any], float]
) -> tuple[Any, bool, int]:
    """Return the best point, whether three walks agree on it to 1e-8, and how many were tried."""
    found: list[float] = []
    points: list[Any] = []
    agreed = False
    for start in starts:
        points.append(walk(start))
        reached = value(points[-1])
        found.append(reached if np.isfinite(reached) else np.inf)
        agreed = sum(one <= min(found) * (1 + AGREE) for one in found) >= CERTIFIED
        if agreed and np.isfinite(min(found)):
            break
    return points[int(np.argmin(found))], agreed, len(found)


class Told:
    """A note that is written when the counts are known."""

    def __init__(self, counts):
        self.counts = counts

    def __str__(self):
        asked, agreed, walks = self.counts
        return f"certified {agreed} of {asked} after {walks / max(asked, 1):.1f} starts each"


def of_block(parts, block, each):
    return parts[block * each : (block + 1) * each]


def padded(blocks, each: int, judged: int) -> np.ndarray:
    """Return the judged points of every block, NaN for those that were not asked for."""
    out = np.full((judged, len(blocks[0][0])), np.nan)
    for block, points in enumerate(blocks):
        part = np.array(points[:each])
        out[block * each : block * each + len(part)] = part
    return out


def asked_for(blocks, each: int, judged: int) -> np.ndarray:
    """Return which judged units a contender was asked for."""
    out = np.full(judged, blocks is None)
    for block, points in enumerate(blocks or ()):
        out[block * each : block * each + min(each, len(points))] = True
    return out
