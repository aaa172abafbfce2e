"""Bands around predictions by the delta method: of the curve, or of a new run."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, ParameterError, ScalingError, quote
from scaling_fast.fitting.delta_method import (
    curve_passes_through,
    degrees_of_freedom,
    parameter_covariance,
)
from scaling_fast.fitting.interval_ends import exact_sentence, t_quantile
from scaling_fast.fitting.prediction import read_alike
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.robust_scale import noise_scale
from scaling_fast.fitting.table import column_name
from scaling_fast.frames.table import read_only
from scaling_fast.laws.ranges import law_bounds, value_range
from scaling_fast.losses.residual import LogExcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.delta_method import Optimum

__all__ = ["BANDS", "checked_band", "refuse_own_sigma", "with_band", "with_noise"]

BANDS = ("confidence", "prediction")
"""What a band is of: the curve, or a new run."""


def checked_band(interval: object) -> str:
    """Return a kind of band.

    Raises
    ------
    ParameterError
        For a kind that does not exist.
    """
    if not isinstance(interval, str) or interval not in BANDS:
        raise ParameterError(
            f'interval must be "confidence" or "prediction", got {quote(interval)}',
            code="interval",
            param="interval",
        )
    return interval


def refuse_own_sigma(request: Request) -> None:
    """Refuse a band of new runs where each row has a precision of its own.

    Raises
    ------
    ParameterError
        For a fit with `sigma=`.
    """
    if request.table.sigma is not None or request.covariance is not None:
        raise ParameterError(
            "a fit with sigma= says how precise each of its rows is, but not how precise a new run "
            'would be; use interval="confidence"',
            code="sigma",
            param="interval",
        )


def with_band(
    table: pl.DataFrame,
    optima: Sequence[Optimum],
    usable: Sequence[bool],
    frame: Any,
    *,
    interval: str,
    level: float,
) -> pl.DataFrame:
    """Return a table of predictions with lower and upper before its last column.

    Parameters
    ----------
    table
        Predictions, rows in the order of `frame`; the last two columns are prediction and decades_beyond.
    optima, usable
        The optimum of each group, and whether its certificate holds.
    frame
        The frame of the predictions; None for the fitted one.
    interval, level
        As in `Fit.predict`; the level is already checked.

    Raises
    ------
    ParameterError, DataError
        Where a single fit, or every group, has no band.
    """
    interval, request = checked_band(interval), optima[0].request
    if interval == "prediction":
        refuse_own_sigma(request)
    wanted = request.table if frame is None else read_alike(request, frame)
    middle = table[table.columns[-2]].to_numpy()[wanted.order]
    known = {key: group for group, key in enumerate(request.table.keys.iter_rows())}
    ends = np.full((wanted.rows, 2), np.nan)
    refused: list[ScalingError] = []
    bands = 0
    for place in range(wanted.groups):
        group = known.get(wanted.keys.row(place)) if request.table.keys.width else 0
        rows = slice(int(wanted.offsets[place]), int(wanted.offsets[place + 1]))
        if group is None or not usable[group]:
            continue
        columns = {name: wanted.arrays[name][rows] for name in wanted.arrays}
        try:
            ends[rows] = _band(optima[group], columns, middle[rows], interval, level)
            bands += 1
        except ScalingError as error:
            refused.append(error)
    if refused and not bands:
        raise refused[0]
    back = np.argsort(wanted.order, kind="stable")
    return pl.DataFrame(
        [
            *table.get_columns()[:-1],
            pl.Series(column_name("lower", table.columns), ends[back, 0]),
            pl.Series(column_name("upper", table.columns), ends[back, 1]),
            table.get_columns()[-1],
        ]
    )


def _band(
    optimum: Optimum,
    columns: Mapping[str, NDArray[np.float64]],
    middle: NDArray[np.float64],
    interval: str,
    level: float,
) -> NDArray[np.float64]:
    """Return the ends of the band of one group, shape (rows, 2)."""
    request, params = optimum.request, optimum.params
    matrix = parameter_covariance(optimum)
    if curve_passes_through(request, optimum.group, params):
        raise DataError(exact_sentence(), code="exact")
    here = _at(request, columns, middle, _scale_of_band(request, columns, middle, interval))
    slopes = here.rows(0, params).jacobian
    with np.errstate(all="ignore"):
        variance = np.maximum(np.einsum("ij,jk,ik->i", slopes, matrix, slopes), 0.0)
        if interval == "prediction":
            variance = variance + _noise(optimum, middle) ** 2
        half = t_quantile(level, degrees_of_freedom(optimum, None)) * np.sqrt(variance)
        lower, upper = (with_noise(here, middle, noise, {}) for noise in (half, -half))
    return np.column_stack([np.minimum(lower, upper), np.maximum(lower, upper)])


def _scale_of_band(
    request: Request,
    columns: Mapping[str, NDArray[np.float64]],
    middle: NDArray[np.float64],
    interval: str,
) -> str:
    """Return the residual on whose scale the band is symmetric."""
    if isinstance(request.residual, LogExcess):
        return "log"
    if request.residual != "raw" or interval == "prediction" or request.program.target is not None:
        return request.residual
    bounds = law_bounds(request.law)
    bounds |= {name: (float(v.min()), float(v.max())) for name, v in columns.items() if len(v)}
    lowest = value_range(request.law.formula.partition("~")[2] or request.law.formula, bounds)[0]
    return "log" if lowest >= 0.0 and bool((middle > 0.0).all()) else "raw"


def _at(
    request: Request,
    columns: Mapping[str, NDArray[np.float64]],
    middle: NDArray[np.float64],
    residual: str,
) -> Request:
    """Return the question whose rows are those of the band, observed at the curve itself."""
    rows = len(middle)
    table = replace(
        request.table,
        arrays={name: read_only(np.array(values)) for name, values in columns.items()},
        target=read_only(np.array(middle)),
        weights=None,
        sigma=None,
        offsets=read_only(np.array([0, rows], dtype=np.int64)),
        keys=pl.DataFrame([{}]),
        order=read_only(np.arange(rows, dtype=np.int64)),
        findings=(),
    )
    return Request(request.law, table, request.loss, residual)


def _noise(optimum: Optimum, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation of a new run on the scale of the band, shape (rows,)."""
    request, params = optimum.request, optimum.params
    if request.loss.name == "squared" and not request.is_likelihood:
        residual = request.rows(optimum.group, params).residual
        counts = request.counts(optimum.group)
        spare = degrees_of_freedom(optimum, None)
        sd = math.sqrt(float(np.sum(counts * residual**2)) / spare)
    else:
        sd = noise_scale(request, optimum.group, params, len(optimum.free), optimum.scale)
    if isinstance(request.residual, LogExcess):
        # Noise of ln(y - E) moves ln(y) by (y - E)/y of it.
        return np.asarray(sd * (middle - params[request.residual.param]) / middle)
    return np.full(len(middle), sd)


def with_noise(
    request: Request,
    values: NDArray[np.float64],
    noise: NDArray[np.float64],
    draws: Mapping[str, NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return fitted values plus noise, shape (values,).

    Residuals are fitted minus observed, so noise is subtracted, on the scale of the residual.

    Parameters
    ----------
    request
        The question, whose residual has a scale.
    values
        Fitted values in the units of the target.
    noise
        Residuals, of the same shape.
    draws
        Parameter -> its value for each of the values; only the floor of a log-excess is looked at.
    """
    program, residual = request.program, request.residual
    if program.transform is not None:
        return np.asarray(
            program.invert_target(np.asarray(program.transform_target(values)) - noise)
        )
    if residual == "log":
        return values * np.exp(-noise)
    if residual == "logit":
        logit = np.log(values / (1.0 - values)) - noise
        return 1.0 / (1.0 + np.exp(-logit))
    if isinstance(residual, LogExcess):
        floor = draws[residual.param]
        return np.asarray(floor + (values - floor) * np.exp(-noise))
    return values - noise
