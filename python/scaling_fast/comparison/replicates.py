"""Laws refitted to data sets of each other: the likelihood that each reaches."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.comparison.likelihood import deviance_of
from scaling_fast.frames.table import read_only

if TYPE_CHECKING:
    from collections.abc import Callable

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
        What data sets of each are drawn from.
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
    noises: tuple[CoxNoise, ...]
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
        known = self._known.get((truth, law), np.zeros(0))
        if known.size < count:
            more = self._computed(truth, law, known.size, count - known.size)
            known = np.concatenate([known, more])
            self._known[truth, law] = known
        return known[:count]

    def _computed(self, truth: int, law: int, first: int, count: int) -> Floats:
        searched = self._searched.get((truth, law))
        task = _Task(self.noises[truth], self.laws[law], self.seed, first, count, searched)
        found = None
        if self.executor is not None:
            try:
                found = self.executor.submit(_run, task, self.threads).result()
            except (OSError, RuntimeError, CancelledError):
                found = None  # a worker that was lost loses nothing: its data sets are computed here
        values, self._searched[truth, law] = found or _run(task, self.threads)
        if self.told is not None:
            self.told(count)
        return values


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """Data sets of one law, and the law that is fitted to them."""

    noise: CoxNoise
    law: Candidate
    seed: int
    first: int
    count: int
    searched: bool | None


def _run(task: _Task, threads: int) -> tuple[Floats, bool]:
    """Return ln L of the law on each data set of the task, and whether all are searched globally."""
    searched, starts = task.searched, _warm(task)
    if searched is None:
        searched = _misses_optima(task, starts, threads)
    chunk = max(CHECKED, ROWS_AT_ONCE // task.law.request.table.rows)
    parts = []
    # The first data sets are always searched globally: whether the others are was decided on them.
    for at in range(task.first, task.first + task.count, chunk):
        targets = task.noise.targets(task.seed, at, min(chunk, task.first + task.count - at))
        head = max(CHECKED - at, 0)
        if searched or not head:
            parts.append(_fitted(task, targets, starts, threads, searched=searched))
        else:
            parts.append(_fitted(task, targets[:head], starts, threads, searched=True))
            parts.append(_fitted(task, targets[head:], starts, threads, searched=False))
    return np.concatenate(parts), searched


def _misses_optima(task: _Task, starts: Floats, threads: int) -> bool:
    """Return whether warm starts miss the optimum of more than one of the first data sets."""
    targets = task.noise.targets(task.seed, 0, CHECKED)
    warm, best = (
        _fitted(task, targets, starts, threads, searched=searched) for searched in (False, True)
    )
    missed = np.isfinite(best) & ~(warm >= best - WORTH)
    return int(missed.sum()) > DISAGREED


def _fitted(
    task: _Task, targets: Floats, starts: Floats, threads: int, *, searched: bool
) -> Floats:
    """Return ln L of the law on data sets, shape (data sets,); NaN where it has no fit."""
    request = task.law.request
    usable = np.isfinite(targets).all(axis=1)
    if request.residual in ("log", "logit") or request.program.transform is not None:
        usable &= (targets > 0.0).all(axis=1)
    if request.residual == "logit":
        usable &= (targets < 1.0).all(axis=1)
    found = np.full(len(targets), np.nan)
    if not usable.any():
        return found
    question = _question(request, targets[usable])
    ends = [_ends(question, starts, threads)]
    if searched:
        ends.append(_ends(question, None, threads))
    objectives = np.array([end[1] for end in ends])
    best = np.argmin(np.where(np.isnan(objectives), np.inf, objectives), axis=0)
    for number, place in enumerate(np.flatnonzero(usable)):
        params, objective = ends[best[number]][0][number], float(objectives[best[number], number])
        if np.isfinite(objective):
            straight = task.law.straight
            found[place] = -0.5 * deviance_of(
                question, number, params, objective, straight=straight
            )
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


def _ends(request: Request, starts: Floats | None, threads: int) -> tuple[Floats, Floats]:
    columns, interrupted = request.fit(starts, threads=threads)
    if interrupted:
        raise KeyboardInterrupt
    objective = np.array(columns.objective, dtype=np.float64)
    params = np.array(columns.params, dtype=np.float64)
    objective[~np.isfinite(params).all(axis=1)] = np.nan
    return params, objective


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
