"""What the law says from every origin of a back-test: the table, the skill and the answer made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.frames.clusters import cluster_columns
from scaling_fast.frames.values import rows_of
from scaling_fast.losses.residual import LogExcess
from scaling_fast.stress.backtest_findings import backtest_findings
from scaling_fast.stress.backtested import Backtest, by_distance
from scaling_fast.stress.ladder import FEWEST_PAIRS, Ladder
from scaling_fast.stress.naive import naive_forecasts
from scaling_fast.stress.scale import RANGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit
    from scaling_fast.stress.origins import Origin
    from scaling_fast.stress.refits import Forecasts
    from scaling_fast.stress.scale import Scale

    Floats = NDArray[np.float64]

__all__ = ["LookAhead"]

FLOOR = "E"
"""The parameter that laws of the catalogue call the irreducible loss."""


COLUMNS = (
    "place", "origin", "n_fitted", "held_out", "position", "forecast", "error", "excess_error", "z",
    "inside", "naive_last", "naive_line",
)  # fmt: skip
"""What `_rows` says of a row."""


@dataclass(slots=True, eq=False)
class LookAhead:
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
            for name in COLUMNS
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
        observed = np.log(self.refit.request.table.target[places])
        away = {
            name: np.expm1(observed - np.log(joined[source]))
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
