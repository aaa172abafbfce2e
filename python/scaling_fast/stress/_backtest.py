"""Back-test: how far off a law was that was fitted to the smaller runs and asked for the larger ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.comparison.robust_refit import RobustRefit, robust_refit
from scaling_fast.fitting.result import Fit
from scaling_fast.frames.clusters import cluster_columns
from scaling_fast.frames.values import rows_of
from scaling_fast.losses.residual import LogExcess
from scaling_fast.resampling.execution.executors import checked_executor
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.runtime.progress import watched
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.stress.backtest_findings import backtest_findings
from scaling_fast.stress.backtested import Backtest, by_distance
from scaling_fast.stress.ladder import (
    FEWEST_PAIRS,
    Ladder,
    counted,
    drawn_on,
    most_draws,
    runs_of,
)
from scaling_fast.stress.naive import naive_forecasts
from scaling_fast.stress.scale import RANGE, scale_of
from scaling_fast.validation import checked_level, checked_seed, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from scaling_fast.stress.origins import Origin
    from scaling_fast.stress.refits import Forecasts
    from scaling_fast.stress.scale import Scale

    Floats = NDArray[np.float64]

__all__ = ["backtest"]

FLOOR = "E"
"""The parameter that laws of the catalogue call the irreducible loss."""

MOST_DRAWS = 1_000_000
"""Most data sets of one call; more can only be a typing error."""


@ask_first
def backtest(
    fit: Fit,
    along: str | None = None,
    *,
    n: int = 199,
    level: float = 0.9,
    run: str | Sequence[str] | None = None,
    seed: int | None = 0,
    threads: int | None = None,
    executor: Any = None,
    progress: bool | Callable[[int, int], object] | None = None,
) -> Backtest:
    """Fit the law to the smaller runs, ask it for the larger ones, and say how far off it was.

    From one origin after another the law is refitted by least squares on ln y to the rows up to there and
    asked for those at least .3 decades beyond. With z = (ln y - ln f)/(s sqrt(1 + c'(J'J)^-1 c)) of every such
    row, s and J those of the origin, the statistic is T = sqrt(mean z^2). Origins share rows, so its p is
    not that of independent forecasts: the whole ladder is refitted to `n` data sets of the same design
    drawn from the robust refit of all rows. Targets are those of a robust refit with residuals beyond three scales
    pulled in, so that one diverged run is named and decides nothing.

    An origin of one input holds at least max(5, k + 2) sizes over 1.5 decades; of several, at least three budgets
    over 1.2 decades, k + 2 designs and .7 decades of data per parameter. On a scale of dates, years or values of 0
    or below the whole range counts as three decades: half of it for an origin, a tenth between origin and row.
    There are at most 12 origins, spread evenly.

    Parameters
    ----------
    fit
        A single, converged fit without weights or sigma.
    along
        What orders the runs: a column of the law or of the frame, a date among them, or a formula such as
        "6*N*D"; by default the only input, or 6 x size x data.
    n
        Number of data sets, 1 or more; a p of .02 or less is counted again over 1,999 (999 for `n` below
        100) of the same stream.
    level
        Level of the prediction intervals, between 0 and 1.
    run
        Column, or columns, that name the run of a row. Runs are then fitted or held out whole, and their noise
        is drawn whole.
    seed
        Seed, from 0 to 2**64 - 1; None draws one.
    threads, progress
        As in `bootstrap`.
    executor
        An object with `submit`, as those of concurrent.futures, that computes the data sets; the answer is the
        same.

    Returns
    -------
    Backtest
        A `Stress` with `.p`, `.statistic`, `.skill` and `.by_distance`. `.table` has one row per forecast: origin
        (the last value fitted), scale (of the row asked for), n_fitted, held_out (rows asked for), distance (in
        `settings["unit"]`), decades (null on a scale without), row (of the frame), run, observed, forecast,
        error (observed/forecast - 1), excess_error (the same above the floor E of that origin), z, inside (the
        prediction interval), naive_last, naive_line (naive forecasts), pulled_in and counts (whether z counts
        in T: not that of a lonely run more than 20 robust scales off).

    Raises
    ------
    ParameterError, DataError, ConvergenceError
        For a question that cannot be asked. Too few origins are a grey finding, with p NaN.

    References
    ----------
    Tashman, Out-of-sample tests of forecasting accuracy, International Journal of Forecasting 16, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> import scaling_fast as sf
    >>> sizes = np.geomspace(1e7, 1e11, 20).tolist()
    >>> truth = {"E": 1.8, "A": 480.0, "alpha": 0.35}
    >>> runs = sf.datasets.simulate("power_offset", truth, {"x": sizes}, noise=0.005, seed=4)
    >>> test = sf.stress.backtest(sf.fit(runs, "power_offset", loss=sf.Squared()))
    >>> test.origins, bool(test.p > 0.01)
    (10, True)
    """
    require_usable_process()
    n, level = whole_number(n, "n", 1, MOST_DRAWS), checked_level(level)
    seed, cores, executor = checked_seed(seed), checked_threads(threads), checked_executor(executor)
    if isinstance(fit, Fit):
        fit.require_single("a back-test")
    refit = robust_refit(fit)
    scale, runs = scale_of(refit.request, along), runs_of(refit, run)
    ladder = Ladder.of(refit, scale, runs, seed)
    asked = _Asked(refit, scale, runs, ladder, level)
    if ladder.pairs:
        asked.forecast(cores)
    p, draws = math.nan, 0
    if asked.is_tested:
        with watched(progress, "back-testing") as callback:
            total = most_draws(n) if callback else n

            def draw(first: int, count: int) -> Floats:
                done = drawn_on(executor, ladder, first, count, cores)
                if callback is not None:
                    callback(min(first + count, total), total)
                return done

            p, draws = counted(asked.statistic, n, draw)
    return asked.answer(p, draws, n, run)


@dataclass(slots=True, eq=False)
class _Asked:
    """A back-test with what its origins forecast.

    Attributes
    ----------
    refit, scale, runs, ladder, level
        What is asked.
    said, z
        What each origin forecasts, and its z values.
    params
        Parameters of the fit of each origin, shape (origins, parameters).
    statistic
        T.
    """

    refit: RobustRefit
    scale: Scale
    runs: NDArray[np.integer[Any]] | None
    ladder: Ladder
    level: float
    said: list[Forecasts] = field(default_factory=list)
    z: list[Floats] = field(default_factory=list)
    params: Floats | None = None
    statistic: float = math.nan

    def forecast(self, threads: int) -> None:
        """Fit the law from every origin."""
        self.said, self.z, self.params = self.ladder.observed(threads)
        self.statistic = float(self.ladder.statistic(self.z)[0])

    @property
    def is_tested(self) -> bool:
        """Whether there are enough pairs for a p."""
        return self.ladder.pairs >= FEWEST_PAIRS and math.isfinite(self.statistic)

    def answer(self, p: float, draws: int, n: int, run: Any) -> Backtest:
        """Return the result."""
        table, sizes = self._table(run)
        decade = 1.0 if self.scale.unit == "decades" else float(self.scale.distance(np.ones(1))[0])
        skill = _skill(sizes)
        settings = {
            "along": self.scale.name, "unit": self.scale.unit, "n": n, "level": self.level,
            "run": run, "noise": self.refit.scale, "seed": self.ladder.seed,
        }  # fmt: skip
        if self.scale.unit != "decades":
            settings["counts_as_decades"] = RANGE
        found = backtest_findings(self.refit, self.scale, self.runs, self.ladder, sizes, p, skill)
        counts = (self.ladder.pairs, len(self.ladder.origins), draws)
        return Backtest(
            "backtest", table, found, settings, self.statistic, p, *counts, skill,
            by_distance(sizes, decade),
        )  # fmt: skip

    def _table(self, run: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the table of forecasts, and the sizes of their errors on rows pulled in."""
        origins = self.ladder.origins
        parts = [self._rows(number) for number in range(len(origins))]
        joined = {
            name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)
            for name in _COLUMNS
        }
        places = joined["place"].astype(np.intp)
        decades = (
            joined["position"] if self.scale.unit == "decades" else np.full(places.size, np.nan)
        )
        named = self._runs_named(run, places)
        table = pl.DataFrame(
            {
                "origin": self.scale.column(joined["origin"]),
                "scale": self.scale.column(self.scale.values[places]),
                "n_fitted": joined["n_fitted"].astype(np.int64),
                "held_out": joined["held_out"].astype(np.int64),
                "distance": self.scale.distance(joined["position"]),
                "decades": pl.Series(decades, dtype=pl.Float64).fill_nan(None),
                "row": self.refit.request.table.order[places],
                **({} if named is None else {"run": named}),
                "observed": self.refit.request.table.target[places],
                "forecast": joined["forecast"],
                "error": joined["error"],
                "excess_error": pl.Series(joined["excess_error"], dtype=pl.Float64).fill_nan(None),
                "z": joined["z"],
                "inside": joined["inside"].astype(bool),
                "naive_last": joined["naive_last"],
                "naive_line": joined["naive_line"],
                "pulled_in": self._pulled_in()[places],
                "counts": ~self.ladder.diverged[places],
            }
        )
        clipped = np.log(self.refit.clipped[places])
        away = {
            name: np.expm1(clipped - np.log(joined[source]))
            for name, source in (
                ("error", "forecast"), ("naive_last", "naive_last"), ("naive_line", "naive_line"),
            )
        }  # fmt: skip
        sizes = pl.DataFrame(
            {name: np.abs(values) for name, values in away.items()}
            | {"position": joined["position"], "inside": joined["inside"].astype(bool)}
        )
        return table, sizes.filter(table["counts"] & sizes["error"].is_finite())

    def _rows(self, number: int) -> dict[str, Floats]:
        """Return what one origin says of the rows it is asked for."""
        from scipy.special import stdtrit

        origin, said = self.ladder.origins[number], self.said[number]
        at, rows = origin.held_out, len(origin.held_out)
        observed, log_forecast = self.refit.request.table.target[at], said.log_forecast[0]
        spare = len(origin.fitted) - self.refit.parameters
        half = float(stdtrit(spare, (1.0 + self.level) / 2.0)) * said.scale[0] * said.widening[0]
        with np.errstate(all="ignore"):
            forecast = np.exp(log_forecast)
            last, line = self._naive(origin)
            floor = self._floor(number)
            return {
                "place": at.astype(np.float64),
                "origin": np.full(rows, self.scale.values[origin.fitted][self._last(origin)]),
                "n_fitted": np.full(rows, float(len(origin.fitted))),
                "held_out": np.full(rows, float(rows)),
                "position": origin.distance,
                "forecast": forecast,
                "error": observed / forecast - 1.0,
                "excess_error": (observed - floor) / (forecast - floor) - 1.0,
                "z": self.z[number][0],
                "inside": (np.abs(np.log(observed) - log_forecast) <= half).astype(np.float64),
                "naive_last": np.exp(last),
                "naive_line": np.exp(line),
            }

    def _last(self, origin: Origin) -> int:
        return int(np.argmax(self.scale.position[origin.fitted]))

    def _naive(self, origin: Origin) -> tuple[Floats, Floats]:
        position, fitted = self.scale.position, np.log(self.refit.fitted)
        apart = position - position.mean()
        return naive_forecasts(
            position[origin.fitted],
            np.log(self.refit.clipped[origin.fitted]),
            position[origin.held_out],
            single=len(self.refit.columns) == 1,
            falls=bool(apart @ fitted <= 0.0),
        )

    def _floor(self, number: int) -> float:
        """Return E of the fit of one origin, never that of all rows; NaN for a law without."""
        request = self.refit.request
        given = self.refit.fit.request.residual
        name = given.param if isinstance(given, LogExcess) else FLOOR
        if name not in request.names or self.params is None:
            return math.nan
        return float(self.params[number, request.names.index(name)])

    def _pulled_in(self) -> NDArray[np.bool_]:
        target = self.refit.request.table.target
        return np.asarray(np.abs(np.log(target) - np.log(self.refit.clipped)) > 1e-9)

    def _runs_named(self, run: Any, places: NDArray[np.intp]) -> pl.Series | None:
        if run is None:
            return None
        table = self.refit.request.table
        columns = [
            rows_of(table.frame[name], table.order[places]) for name in cluster_columns(run, "run")
        ]
        if len(columns) == 1:
            return columns[0]
        rows = zip(*(column.cast(pl.String).to_list() for column in columns), strict=True)
        return pl.Series([", ".join(row) for row in rows], dtype=pl.String)


_COLUMNS = (
    "place", "origin", "n_fitted", "held_out", "position", "forecast", "error", "excess_error", "z",
    "inside", "naive_last", "naive_line",
)  # fmt: skip
"""What `_rows` says of a row."""


def _skill(sizes: pl.DataFrame) -> dict[str, float]:
    """Return 1 - the root mean square error of the law over that of each naive forecast."""
    if not sizes.height:
        return {}

    def size(name: str) -> float:
        return float(np.sqrt(np.mean(sizes[name].to_numpy() ** 2)))

    names = {"naive_last": "last value", "naive_line": "line through the last three"}
    return {
        words: 1.0 - size("error") / size(name) if size(name) > 0.0 else math.nan
        for name, words in names.items()
    }
