"""Bands around a curve: percentile intervals of the curve itself, or of new runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast._core import Program, Purpose, quantiles
from scaling_fast.errors import ParameterError
from scaling_fast.fitting.prediction_band import refuse_own_sigma, with_noise
from scaling_fast.fitting.robust_scale import drawn_in
from scaling_fast.fitting.table import column_name
from scaling_fast.resampling.intervals.each_group import each_group
from scaling_fast.resampling.intervals.methods import widened_level
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["band", "bands_of_groups", "refuse_jackknife"]


def refuse_jackknife(scheme: Scheme) -> None:
    """Refuse a band from replicates that are not draws of a curve.

    Raises
    ------
    ParameterError
        For a jackknife.
    """
    if scheme.name == "jackknife":
        raise ParameterError(
            "jackknife replicates are not draws of a curve, so they have no quantiles; use Pairs(), "
            'or interval(method="normal") for a parameter',
            code="method",
            param="scheme",
        )


def band(
    fit: Fit,
    draws: Mapping[str, NDArray[np.float64]],
    frame: Any,
    *,
    level: float,
    noise: int | None,
    shrink: float = 1.0,
    widen: tuple[float, float] | None = None,
) -> pl.DataFrame:
    """Return the law's columns with prediction, lower, upper and decades_beyond.

    Parameters
    ----------
    fit
        The fit of one group.
    draws
        Parameter -> its value in every usable replicate, natural units.
    frame
        Any frame with the columns of the law; None for the fitted one.
    level
        Confidence level, between 0 and 1.
    noise
        Seed of the residuals added for new runs, from 0 to 2**64 - 1; None for the curve alone.
    shrink
        Factor on the distance of a draw from the estimate, above 0; not 1 for subsamples.
    widen
        Factor on a standard error, 1 or more, and degrees of freedom of its t quantile; None for draws as
        they are.
    """
    base = fit.predict(frame)
    columns = {name: base[name].to_numpy() for name in fit.request.program.columns}
    middle = base[base.columns[-2]].to_numpy()
    ends = _ends(fit, draws, columns, middle, level, noise, shrink, widen)
    return _with_ends(base, ends)


def bands_of_groups(
    fit: Fit,
    draws: Callable[[int], Mapping[str, NDArray[np.float64]]],
    frame: Any,
    *,
    level: float,
    noise: int | None,
    shrink: Sequence[float],
    widen: Callable[[int], tuple[float, float]] | None,
) -> pl.DataFrame:
    """Return what `band` does of a grouped fit, with group keys in front; a group without a band has NaN.

    Parameters
    ----------
    fit
        The fit of groups.
    draws, shrink, widen
        As in `band`, of each group by its number.
    frame, level, noise
        As in `band`.

    Raises
    ------
    ScalingError
        If no group has a band.
    """
    base, keys = fit.predict(frame), fit.request.table.keys
    columns = {name: base[name].to_numpy() for name in fit.request.program.columns}
    middle = base[base.columns[-2]].to_numpy()
    known = {key: group for group, key in enumerate(keys.iter_rows())}
    asked = zip(*(base[name].to_list() for name in keys.columns), strict=True)
    group_of_row = np.array([known.get(key, -1) for key in asked], dtype=np.int64)
    ends = np.full((base.height, 2), np.nan)

    def fill(group: int) -> int:
        usable = draws(group)
        rows = np.flatnonzero(group_of_row == group)
        here = {name: column[rows] for name, column in columns.items()}
        wider = None if widen is None else widen(group)
        # Only its residuals are a group's own.
        one = fit if noise is None else fit.of_group(group)
        ends[rows] = _ends(one, usable, here, middle[rows], level, noise, shrink[group], wider)
        return rows.size

    each_group(fit, fill)
    ends[np.isnan(middle)] = np.nan
    return _with_ends(base, ends)


def _ends(
    fit: Fit,
    draws: Mapping[str, NDArray[np.float64]],
    columns: Mapping[str, NDArray[np.float64]],
    middle: NDArray[np.float64],
    level: float,
    noise: int | None,
    shrink: float,
    widen: tuple[float, float] | None,
) -> NDArray[np.float64]:
    """Return the ends of a band around a single fit, shape (rows, 2)."""
    count = len(next(iter(draws.values())))
    residuals = None if noise is None else _noise(fit, count, noise)
    if residuals is not None and widen is not None:
        # Residuals are enlarged already: the factor is for the curve alone, the t quantile for both.
        shrink, widen = shrink * widen[0], (1.0, widen[1])
    tail = (1.0 - widened_level(level, widen)) / 2.0
    ends = np.empty((len(middle), 2))
    curve = _curve(fit, columns, draws)
    for row in range(len(middle)):
        values = curve({name: float(column[row]) for name, column in columns.items()})
        if shrink != 1.0:
            values = _stretched(fit.request.residual, float(middle[row]), values, shrink)
        if residuals is not None:
            values = with_noise(fit.request, values, residuals, draws)
        ends[row] = quantiles(np.ascontiguousarray(values), [tail, 1.0 - tail])
    return ends


def _with_ends(base: pl.DataFrame, ends: NDArray[np.float64]) -> pl.DataFrame:
    """Return a table of predictions with lower and upper before its last column."""
    taken = base.columns
    return pl.DataFrame(
        [
            *base.get_columns()[:-1],
            pl.Series(column_name("lower", taken), ends[:, 0]),
            pl.Series(column_name("upper", taken), ends[:, 1]),
            base.get_columns()[-1],
        ]
    )


def _stretched(
    residual: object, middle: float, values: NDArray[np.float64], factor: float
) -> NDArray[np.float64]:
    """Return draws of the curve moved away from the estimate, or towards it, on a scale that keeps their range."""
    everything = np.append(values, middle)
    if residual == "logit" and bool(((everything > 0.0) & (everything < 1.0)).all()):
        logits = np.log(everything / (1.0 - everything))
        return np.asarray(1.0 / (1.0 + np.exp(-(logits[-1] + factor * (logits[:-1] - logits[-1])))))
    if residual != "raw" and bool((everything > 0.0).all()):
        return np.asarray(middle * (values / middle) ** factor)
    return middle + factor * (values - middle)


def _curve(
    fit: Fit, names: Iterable[str], draws: Mapping[str, NDArray[np.float64]]
) -> Callable[[Mapping[str, float]], NDArray[np.float64]]:
    """Return a function from one row of columns to its prediction by every draw, shape (draws,)."""
    count = len(next(iter(draws.values())))
    # The law's formula with its parameters as columns: one row of columns against every draw.
    swapped = Program(fit.law.formula, [*draws, *names])
    given = {name: np.ascontiguousarray(values) for name, values in draws.items()}

    def at(row: Mapping[str, float]) -> NDArray[np.float64]:
        everything = given | {name: np.full(count, value) for name, value in row.items()}
        values = swapped.evaluate([everything[name] for name in swapped.columns], [])
        return np.asarray(fit.request.program.invert_target(np.asarray(values)))

    return at


def _noise(fit: Fit, count: int, seed: int) -> NDArray[np.float64]:
    """Return residuals of the fit drawn at random by their weights, from numpy's Philox keyed by the seed.

    They are not centred: the loss decides where zero lies among them. A run that diverged counts as three
    robust scales, so that it does not become a part of every band.
    """
    refuse_own_sigma(fit.request)
    free = fit.free_parameters
    residuals = drawn_in(fit.request, fit.params, free)
    counts = fit.request.counts(0)
    total = float(counts.sum())
    weights = None if fit.request.table.weights is None else counts / total
    back = np.argsort(fit.request.table.order, kind="stable")
    inflate = math.sqrt(total / (total - free)) if total > free else math.nan
    rng = np.random.Generator(philox(seed, Purpose.BANDS))
    return inflate * rng.choice(
        residuals[back], size=count, p=None if weights is None else weights[back]
    )
