"""Bands around a curve: percentile intervals of the curve itself, or of new runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast._core import Program, Purpose, quantiles
from scaling_fast.fitting.prediction_band import refuse_own_sigma, with_noise
from scaling_fast.fitting.robust_scale import drawn_in
from scaling_fast.fitting.table import column_name
from scaling_fast.resampling.intervals.methods import widened_level
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit

__all__ = ["band"]


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
    count = len(next(iter(draws.values())))
    residuals = None if noise is None else _noise(fit, count, noise)
    middle = base[base.columns[-2]].to_numpy()
    if residuals is not None and widen is not None:
        # Residuals are enlarged already: the factor is for the curve alone, the t quantile for both.
        shrink, widen = shrink * widen[0], (1.0, widen[1])
    tail = (1.0 - widened_level(level, widen)) / 2.0
    ends = np.empty((base.height, 2))
    for row in range(base.height):
        # One row of columns against every draw: the law's formula with parameters as columns.
        values = _curve(fit, {name: float(column[row]) for name, column in columns.items()}, draws)
        if shrink != 1.0:
            values = _stretched(fit.request.residual, float(middle[row]), values, shrink)
        if residuals is not None:
            values = with_noise(fit.request, values, residuals, draws)
        ends[row] = quantiles(np.ascontiguousarray(values), [tail, 1.0 - tail])
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
    fit: Fit, at: Mapping[str, float], draws: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the prediction at one row of columns by every draw, shape (draws,)."""
    program = fit.request.program
    everything = dict(draws) | {
        name: np.full(len(next(iter(draws.values()))), value) for name, value in at.items()
    }
    swapped = Program(fit.law.formula, list(everything))
    values = swapped.evaluate(
        [np.ascontiguousarray(everything[name]) for name in swapped.columns], []
    )
    return np.asarray(program.invert_target(np.asarray(values)))


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
