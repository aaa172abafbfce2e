"""The ladder of a back-test: its statistic, and how often a true law on the same design would reach it."""

from __future__ import annotations

import math
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scaling_fast.frames.clusters import cluster_columns, numbered_clusters
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.stress.diverged import which_diverged
from scaling_fast.stress.ladder_noise import LadderNoise
from scaling_fast.stress.origins import Origin, origins
from scaling_fast.stress.refits import Forecasts, Part, Refits
from scaling_fast.stress.scale import scale_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit
    from scaling_fast.stress.scale import Scale

    Floats = NDArray[np.float64]

__all__ = [
    "FEWEST_PAIRS",
    "Ladder",
    "LadderTest",
    "counted",
    "drawn_on",
    "ladder_test",
    "most_draws",
    "runs_of",
]

FEWEST_PAIRS = 3
"""Pairs of an origin and a size, or budget, held out below which nothing is tested."""

CLOSE, CLOSER = 0.02, (999, 1999)
"""A p up to this is counted again over more data sets of the same stream: 999 where 99 or fewer were asked for."""

DRAWS_OF_A_TASK = 50
"""Data sets of one task of an executor."""

ROWS_AT_ONCE = 400_000
"""Rows of all groups of one question, which bounds its memory."""


class LadderTest(NamedTuple):
    """The back-test of a law.

    Attributes
    ----------
    statistic
        T = sqrt(mean z^2) over the rows that every origin asks for; NaN without any.
    p
        The share of data sets of a true law with a T as large; NaN with fewer than three pairs.
    pairs, origins
        Number of pairs of an origin and a size, or budget, held out, and of origins.
    longest
        Decades from an origin to the farthest row held out; 0 without origins.
    """

    statistic: float
    p: float
    pairs: int
    origins: int
    longest: float


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """A law fitted from every origin, and data sets of the same design drawn from its robust refit.

    Attributes
    ----------
    refits
        The fits of parts of the rows.
    origins
        Where the law looks ahead from.
    clipped, fitted
        Targets with residuals pulled in, and the robust refit; shape (rows,).
    noise
        What the noise of a data set is drawn from.
    diverged
        Rows that count in no fit and not in T, shape (rows,).
    seed
        Seed; data set i is a pure function of it and of i.
    """

    refits: Refits
    origins: tuple[Origin, ...]
    clipped: Floats
    fitted: Floats
    noise: LadderNoise
    diverged: NDArray[np.bool_]
    seed: int

    @classmethod
    def of(
        cls, refit: RobustRefit, scale: Scale, runs: NDArray[np.integer] | None, seed: int
    ) -> Ladder:
        """Return the ladder of a robust refit along a scale, its runs held out whole."""
        diverged = which_diverged(refit, scale.position, runs)
        found = origins(refit, scale, runs, diverged)
        noise = LadderNoise.of(refit, scale, runs)
        return cls(Refits.of(refit), found, refit.clipped, refit.fitted, noise, diverged, seed)

    def statistic(self, z: Sequence[Floats]) -> Floats:
        """Return T of each data set from the z values of every origin; infinite where none has a forecast.

        Parameters
        ----------
        z
            One array for each origin, shape (data sets, held out).
        """
        counts = np.concatenate([~self.diverged[origin.held_out] for origin in self.origins])
        every = np.concatenate(list(z), axis=1)[:, counts]
        given = np.isfinite(every)
        squares, count = np.where(given, every, 0.0) ** 2, given.sum(axis=1)
        mean = squares.sum(axis=1) / np.maximum(count, 1)
        return np.where(count > 0, np.sqrt(mean), np.inf)

    @property
    def pairs(self) -> int:
        """The number of pairs of an origin and a size, or budget, held out."""
        return sum(origin.places for origin in self.origins)

    def observed(self, threads: int) -> tuple[list[Forecasts], list[Floats], Floats]:
        """Return what each origin forecasts, its z values of shape (1, held out), and all their parameters."""
        targets = self.clipped[None]
        params, bound, squares = self.refits.fit(
            self._fitted_parts(), targets, search=True, threads=threads
        )
        said = [
            self.refits.forecasts(_part(origin), params[:, at], bound[:, at], squares[:, at])
            for at, origin in enumerate(self.origins)
        ]
        z = [
            _z(targets, origin, forecast)
            for origin, forecast in zip(self.origins, said, strict=True)
        ]
        return said, z, params[0]

    def drawn(self, first: int, count: int, threads: int) -> Floats:
        """Return T of data sets `first` to `first + count - 1`; infinite where no origin has a fit.

        Parameters
        ----------
        first, count
            Number of the first data set, and of data sets.
        threads
            Number of threads.
        """
        rows = sum(len(origin.fitted) + len(origin.held_out) for origin in self.origins)
        chunk = max(1, ROWS_AT_ONCE // max(rows, 1))
        parts = [
            self._drawn(at, min(chunk, first + count - at), threads)
            for at in range(first, first + count, chunk)
        ]
        return np.concatenate(parts)

    def _drawn(self, first: int, count: int, threads: int) -> Floats:
        targets = self.fitted * np.exp(
            np.array([self.noise.draw(self.seed, first + place) for place in range(count)])
        )
        params, bound, squares = self.refits.fit(
            self._fitted_parts(), targets, search=False, threads=threads
        )
        z = []
        for at, origin in enumerate(self.origins):
            said = self.refits.forecasts(_part(origin), params[:, at], bound[:, at], squares[:, at])
            z.append(_z(targets, origin, said))
        return self.statistic(z)

    def _fitted_parts(self) -> list[NDArray[np.intp]]:
        return [origin.fitted for origin in self.origins]


def ladder_test(
    refit: RobustRefit,
    *,
    along: str | None = None,
    run: str | Sequence[str] | None = None,
    n: int = 99,
    seed: int = 0,
    threads: int | None = None,
    executor: Any = None,
    progress: Callable[[int, int], object] | None = None,
) -> LadderTest:
    """Return the back-test of a robust refit in numbers.

    Parameters
    ----------
    refit
        The law, its rows and its noise.
    along, run, n, seed, threads, executor
        As in `backtest`.
    progress
        A function of how many data sets are done, and of how many; or None.

    Examples
    --------
    >>> import numpy as np
    >>> import scaling_fast as sf
    >>> from scaling_fast.comparison.robust_refit import robust_refit
    >>> sizes = np.geomspace(1e7, 1e10, 20).tolist()
    >>> truth = {"E": 1.8, "A": 480.0, "alpha": 0.35}
    >>> runs = sf.datasets.simulate("power_offset", truth, {"x": sizes}, noise=0.005, seed=4)
    >>> test = ladder_test(robust_refit(sf.fit(runs, "power_offset", loss=sf.Squared())))
    >>> test.origins, bool(0 < test.p <= 1)
    (8, True)
    """
    scale = scale_of(refit.request, along)
    ladder = Ladder.of(refit, scale, runs_of(refit, run), seed)
    longest = max((float(origin.distance.max()) for origin in ladder.origins), default=0.0)
    if not ladder.pairs:
        return LadderTest(math.nan, math.nan, 0, 0, 0.0)
    cores = checked_threads(threads)
    _, z, _ = ladder.observed(cores)
    statistic, p = float(ladder.statistic(z)[0]), math.nan
    if ladder.pairs >= FEWEST_PAIRS and math.isfinite(statistic):
        total = most_draws(n) if progress else n

        def draw(first: int, count: int) -> Floats:
            done = drawn_on(executor, ladder, first, count, cores)
            if progress is not None:
                progress(min(first + count, total), total)
            return done

        p, _ = counted(statistic, n, draw)
    return LadderTest(statistic, p, ladder.pairs, len(ladder.origins), longest)


def counted(statistic: float, n: int, draw: Callable[[int, int], Floats]) -> tuple[float, int]:
    """Return p = (1 + #)/(n + 1), and over how many data sets it was counted.

    Parameters
    ----------
    statistic
        T of the rows.
    n
        Number of data sets; a p of .02 or less, or one that so few cannot count, is counted again over
        `most_draws(n)`.
    draw
        A function of the first data set and their number that returns their T.
    """
    reached = int((draw(0, n) >= statistic).sum())
    p = (1 + reached) / (n + 1)
    more = most_draws(n)
    if (p <= CLOSE or not reached) and more > n:
        reached += int((draw(n, more - n) >= statistic).sum())
        return (1 + reached) / (more + 1), more
    return p, n


def most_draws(n: int) -> int:
    """Return over how many data sets a small p is counted."""
    return max(n, CLOSER[0] if n < 100 else CLOSER[1])


def drawn_on(executor: Any, ladder: Ladder, first: int, count: int, threads: int) -> Floats:
    """Return T of data sets, computed by the tasks of an executor, or here where there is none.

    Parameters
    ----------
    executor
        Object with `submit`, or None.
    ladder
        What is drawn.
    first, count
        Number of the first data set, and of data sets.
    threads
        Number of threads of this process, or of a task.
    """
    if executor is None:
        return ladder.drawn(first, count, threads)
    ranges = [
        (at, min(DRAWS_OF_A_TASK, first + count - at))
        for at in range(first, first + count, DRAWS_OF_A_TASK)
    ]
    tasks = []
    for at, size in ranges:
        try:
            tasks.append(executor.submit(_task, ladder, at, size, threads))
        except (OSError, RuntimeError):
            tasks.append(None)
    found = []
    for (at, size), task in zip(ranges, tasks, strict=True):
        # A worker that was lost loses nothing, and an answer of another shape is none.
        values = None if task is None else _result(task, size)
        found.append(ladder.drawn(at, size, threads) if values is None else values)
    return np.concatenate(found)


def _result(task: Any, size: int) -> Floats | None:
    """Return the answer of a worker, or None where it was lost or is not what was asked for."""
    try:
        values = np.asarray(task.result(), dtype=np.float64)
    except (OSError, RuntimeError, CancelledError, AttributeError, TypeError, ValueError):
        return None
    return values if values.shape == (size,) else None


def _task(ladder: Ladder, first: int, count: int, threads: int) -> Floats:
    return ladder.drawn(first, count, threads)


def runs_of(refit: RobustRefit, run: Any) -> NDArray[np.uint32] | None:
    """Return the run of each row, numbered from 0, or None where no column names the runs.

    Raises
    ------
    ParameterError, DataError
        For anything but columns of the frame, and a row that belongs to no run.
    """
    if run is None:
        return None
    table = refit.request.table
    return numbered_clusters(table.frame, table.order, cluster_columns(run, "run"))


def _part(origin: Origin) -> Part:
    return Part(origin.fitted, origin.held_out)


def _z(targets: Floats, origin: Origin, said: Forecasts) -> Floats:
    """Return (ln y - ln f)/(s sqrt(1 + c'(J'J)^-1 c)) of the rows held out, shape (data sets, held out)."""
    with np.errstate(all="ignore"):
        away = np.log(targets[:, origin.held_out]) - said.log_forecast
        return np.asarray(away / (said.scale[:, None] * said.widening))
