"""Where the forecasts of laws that fit equally well lie at a target, and how far apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.comparison.forecast_range import bands
from scaling_fast.comparison.rival_bands import rival_band

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.candidates import Candidate
    from scaling_fast.comparison.inputs import Inputs
    from scaling_fast.comparison.robust_refit import RobustRefit

    Floats = NDArray[np.float64]

__all__ = ["Forecast", "Targets", "forecasts", "range_table"]


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Where forecasts are wanted.

    Attributes
    ----------
    columns
        Column of the first law -> its values, shape (points,).
    decades
        How far each lies outside the runs, in decades; 0 within; shape (points,).
    span
        Decades that the runs span.
    """

    columns: Mapping[str, Floats]
    decades: Floats
    span: float

    @classmethod
    def of(
        cls, inputs: Inputs, columns: Mapping[str, Floats], rows: Mapping[str, Floats]
    ) -> Targets:
        """Return targets by the columns of a law and of its rows."""
        outside = inputs.outside(rows, columns)
        return cls(columns, np.maximum(outside, 0.0), float(np.ptp(inputs.decades(rows))))

    @property
    def count(self) -> int:
        """The number of points."""
        return int(self.decades.size)


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The forecast of one law, and the ends of its profile band; in the target's units, shape (points,)."""

    forecast: Floats
    lower: Floats
    upper: Floats

    @property
    def first(self) -> tuple[float, float, float]:
        """Forecast, lower and upper end at the first point."""
        return float(self.forecast[0]), float(self.lower[0]), float(self.upper[0])

    @classmethod
    def of_logs(cls, forecast: Floats, lower: Floats, upper: Floats) -> Forecast:
        """Return a forecast by logarithms."""
        with np.errstate(over="ignore"):
            return cls(np.exp(forecast), np.exp(lower), np.exp(upper))


def forecasts(
    refit: RobustRefit,
    laws: Sequence[Candidate],
    targets: Targets,
    *,
    level: float,
    counted: float,
    independent: int | None,
) -> list[Forecast | None]:
    """Return the forecast of each law from the clipped rows of the first, None where it has none.

    Parameters
    ----------
    refit
        The first law, refitted robustly.
    laws
        The laws; the first is that of `refit`.
    targets
        Where.
    level
        Confidence level, between 0 and 1.
    counted, independent
        As in `bands`.
    """
    known = {
        band.name: band
        for band in bands(
            refit, targets.columns, level=level, counted=counted, independent=independent
        )
    }
    first = next(band for band in known.values() if band.is_headline)
    out: list[Forecast | None] = []
    for place, law in enumerate(laws):
        band = first if place == 0 else known.get(law.label)
        if band is not None:
            out.append(Forecast.of_logs(band.forecast, band.lower, band.upper))
        else:
            out.append(_own(refit, law, targets, level, counted, independent))
    return out


def _own(
    refit: RobustRefit,
    law: Candidate,
    targets: Targets,
    level: float,
    counted: float,
    independent: int | None,
) -> Forecast | None:
    """Return the forecast of a law without a band in closed form."""
    table = law.request.table
    rival = (law.request.law, table.arrays, table.sources)
    band = rival_band(refit, rival, targets.columns, level, counted, independent)
    return None if band is None else Forecast.of_logs(band.forecast, band.lower, band.upper)


def range_table(
    laws: Sequence[Candidate],
    said: Sequence[Forecast | None],
    kept: NDArray[np.bool_],
    targets: Targets,
) -> pl.DataFrame:
    """Return one row per target: its columns, and the lowest and highest end of the laws that are kept.

    Parameters
    ----------
    laws, said, kept
        The laws, their forecasts, and whether each is kept.
    targets
        Where.
    """
    chosen = [
        (law.label, forecast)
        for law, forecast, stays in zip(laws, said, kept, strict=True)
        if stays and forecast is not None
    ]
    rows = []
    for place in range(targets.count):
        lowest, low_law = min((forecast.lower[place], name) for name, forecast in chosen)
        highest, high_law = max((forecast.upper[place], name) for name, forecast in chosen)
        middle = [(forecast.forecast[place], name) for name, forecast in chosen]
        (least, least_law), (most, most_law) = min(middle), max(middle)
        point = {name: float(values[place]) for name, values in targets.columns.items()}
        rows.append(
            point
            | {
                "lowest": float(lowest),
                "lowest_law": low_law,
                "highest": float(highest),
                "highest_law": high_law,
                "apart": float(highest / lowest - 1.0) if lowest > 0.0 else math.inf,
                "decades_beyond": float(targets.decades[place]),
                "sentence": _sentence(
                    point, (float(lowest), low_law), (float(highest), high_law),
                    (float(least), least_law), (float(most), most_law),
                ),
            }
        )  # fmt: skip
    return pl.DataFrame(rows)


def _sentence(
    point: Mapping[str, float],
    lowest: tuple[float, str],
    highest: tuple[float, str],
    least: tuple[float, str],
    most: tuple[float, str],
) -> str:
    where = ", ".join(f"{name} = {value:.4g}" for name, value in point.items())
    apart = _apart(lowest[0], highest[0])
    ends = f"{lowest[0]:.5g} ({lowest[1]}) to {highest[0]:.5g} ({highest[1]})"
    middle = ""
    if most[1] != least[1]:
        middle = (
            f"; the best curves of {least[1]} and {most[1]} alone by {_apart(least[0], most[0])}"
        )
    return f"two curves that fit equally well differ by {apart} at {where}: {ends}{middle}"


def _apart(low: float, high: float) -> str:
    """Return how far apart two forecasts are: a percentage, a factor where it is large, or any factor."""
    factor = high / low if low > 0.0 else math.inf
    if not factor < 1e6:
        return "any factor"
    return f"{100.0 * (factor - 1.0):.3g} %" if factor < 10.0 else f"a factor of {factor:.3g}"
