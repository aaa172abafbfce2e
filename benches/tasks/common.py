"""What every task needs: contenders, alternating blocks, and how near each comes to the best known."""

from __future__ import annotations

import importlib
import os
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def optional(name: str) -> Any | None:
    """Return a module of tasks that needs a library of the group `bench`, or None without it."""
    try:
        return importlib.import_module(f"tasks.{name}")
    except ImportError:
        return None


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
