"""Laws refitted to data sets of each other: the likelihood that each reaches."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.comparison.likelihood import deviances
from scaling_fast.frames.table import read_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from scaling_fast.comparison.candidates import Candidate
    from scaling_fast.comparison.cox_noise import CoxNoise
    from scaling_fast.fitting.request import Request

    Floats = NDArray[np.float64]

__all__ = ["Replicates"]

CHECKED = 20
"""Data sets that are searched globally as well."""

DISAGREED = 1
"""Most of them whose optimum the warm starts may miss before all are searched globally."""

WORTH = 1e-3
"""ln L by which an optimum is another one."""

AROUND = (-0.5, -0.2, 0.2, 0.5)
"""Logarithms of the factors by which four more starts lie beside the warm ones."""

NOTHING = np.zeros(0)
"""Likelihoods of no data sets."""

ROWS_AT_ONCE = 200_000
"""Rows of all data sets of one question, which bounds its memory."""


@dataclass(slots=True, eq=False)
class Replicates:
    """The likelihoods of laws on data sets of each other, each computed once.

    Attributes
    ----------
    laws
        The laws.
    noises
        Number of a law -> what data sets of it are drawn from.
    seed
        Seed; data set i of a law is a pure function of it, of the law and of i.
    threads
        Number of threads.
    executor
        Object with `submit`, or None.
    told
        Called with the number of data sets fitted.
    """

    laws: tuple[Candidate, ...]
    noises: Mapping[int, CoxNoise]
    seed: int
    threads: int
    executor: Any = None
    told: Callable[[int], object] | None = None
    _known: dict[tuple[int, int], Floats] = field(default_factory=dict)
    _searched: dict[tuple[int, int], bool] = field(default_factory=dict)

    def log_likelihoods(self, truth: int, law: int, count: int) -> Floats:
        """Return ln L of a law on the first data sets of another, by their numbers; shape (count,).

        NaN where it has no fit.
        """
        self.prepare([(truth, law)], count)
        return self._known[truth, law][:count]

    def prepare(self, wanted: Iterable[tuple[int, int]], count: int) -> None:
        """Compute what is asked for next, all at once where there is an executor.

        Parameters
        ----------
        wanted
            Truth and law of each.
        count
            Number of data sets.
        """
        missing = [
            key for key in dict.fromkeys(wanted) if self._known.get(key, NOTHING).size < count
        ]
        tasks = [self._task(key, count) for key in missing]
        futures = [self._submitted(task) for task in tasks]
        for key, task, future in zip(missing, tasks, futures, strict=True):
            values, self._searched[key] = _answer(future, task, self.threads)
            self._known[key] = np.concatenate([self._known.get(key, NOTHING), values])
            if self.told is not None:
                self.told(task.count)

    def _submitted(self, task: _Task) -> Any:
        """Return the handle of a task, or None where it is computed here."""
        if self.executor is None:
            return None
        try:
            return self.executor.submit(_run, task, self.threads)
        except (OSError, RuntimeError):  # a pool that is closed or broken
            return None

    def _task(self, key: tuple[int, int], count: int) -> _Task:
        truth, law = key
        first = self._known.get(key, NOTHING).size
        searched = self._searched.get(key)
        return _Task(self.noises[truth], self.laws[law], self.seed, first, count - first, searched)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """Data sets of one law, and the law that is fitted to them."""

    noise: CoxNoise
    law: Candidate
    seed: int
    first: int
    count: int
    searched: bool | None


def _answer(future: Any, task: _Task, threads: int) -> tuple[Floats, bool]:
    """Return the answer to a task; a worker that was lost loses nothing, its data sets are computed here."""
    if future is not None:
        try:
            answer, searched = future.result()
            values = np.asarray(answer, dtype=np.float64)
        except (OSError, RuntimeError, CancelledError, AttributeError, TypeError, ValueError):
            return _run(task, threads)
        # An answer of another shape is none.
        return (values, bool(searched)) if values.shape == (task.count,) else _run(task, threads)
    return _run(task, threads)


def _run(task: _Task, threads: int) -> tuple[Floats, bool]:
    """Return ln L of the law on each data set of the task, and whether all are searched globally.

    Whether they are is decided on the first ones, which always are: where warm starts miss the optimum of more than
    one of these, they may miss others.
    """
    searched, starts, parts, at = task.searched, _warm(task), [], task.first
    end = task.first + task.count
    if searched is None:
        targets = task.noise.targets(task.seed, 0, CHECKED)
        warm = _fitted(task, targets, starts, threads)
        best = np.fmax(warm, _fitted(task, targets, None, threads))
        missed = np.isfinite(best) & ~(warm >= best - WORTH)
        searched = int(missed.sum()) > DISAGREED
        parts.append(best[: task.count])
        at = CHECKED
    chunk = max(CHECKED, ROWS_AT_ONCE // task.law.request.table.rows)
    for first in range(at, end, chunk):
        targets = task.noise.targets(task.seed, first, min(chunk, end - first))
        found = _fitted(task, targets, starts, threads)
        if searched:
            found = np.fmax(found, _fitted(task, targets, None, threads))
        parts.append(found)
    return np.concatenate(parts), searched


def _fitted(task: _Task, targets: Floats, starts: Floats | None, threads: int) -> Floats:
    """Return ln L of the law on data sets, shape (data sets,); NaN where it has no fit.

    Parameters
    ----------
    task
        The law.
    targets
        Values of y, shape (data sets, rows).
    starts
        Where refits begin, shape (starts, parameters); None searches globally.
    threads
        Number of threads.
    """
    request, straight = task.law.request, task.law.straight
    usable = np.isfinite(targets).all(axis=1)
    if request.residual in ("log", "logit") or request.program.transform is not None:
        usable &= (targets > 0.0).all(axis=1)
    if request.residual == "logit":
        usable &= (targets < 1.0).all(axis=1)
    places = np.flatnonzero(usable)
    found = np.full(len(targets), np.nan)
    if not places.size:
        return found
    columns, interrupted = _question(request, targets[places]).fit(starts, threads=threads)
    if interrupted:
        raise KeyboardInterrupt
    params = np.array(columns.params, dtype=np.float64)
    good = np.isfinite(params).all(axis=1) & np.isfinite(columns.objective)
    places, params, objective = places[good], params[good], np.asarray(columns.objective)[good]
    if places.size:
        question = _question(request, targets[places])
        found[places] = -0.5 * deviances(question, params, objective, straight=straight)
    return found


def _warm(task: _Task) -> Floats:
    """Return where refits begin: the fit to the rows, that to the curve of the truth, and four beside it."""
    law = task.law
    own = law.params
    curve = replace(
        law.request,
        table=replace(law.request.table, target=read_only(np.array(task.noise.curve))),
    )
    columns, _ = curve.fit(np.ascontiguousarray(own[None]), threads=1)
    pulled = np.array(columns.params[0])
    points = [own]
    if np.isfinite(pulled).all():
        points.append(pulled)
    free = np.array([param.fixed is None for param in law.request.law.params.values()])
    low = np.array([param.lower for param in law.request.law.params.values()])
    high = np.array([param.upper for param in law.request.law.params.values()])
    turn = np.where(np.arange(own.size) % 2 == 0, 1.0, -1.0)
    for step in AROUND:
        moved = np.where(free, own * np.exp(step * turn), own)
        points.append(np.clip(moved, low, high))
    return np.ascontiguousarray(points)


def _question(request: Request, targets: Floats) -> Request:
    """Return one question with a group for each data set."""
    table, sets = request.table, len(targets)
    groups = replace(
        table,
        arrays={name: read_only(np.tile(values, sets)) for name, values in table.arrays.items()},
        target=read_only(np.ascontiguousarray(targets).reshape(-1)),
        offsets=read_only(np.arange(sets + 1, dtype=np.int64) * table.rows),
        keys=pl.DataFrame({"data": np.arange(sets)}),
        order=read_only(np.arange(sets * table.rows, dtype=np.int64)),
        findings=(),
    )
    return replace(request, table=groups)
