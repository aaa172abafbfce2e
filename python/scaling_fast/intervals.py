"""Intervals of quantities of parameters from their replicates: one row a quantity and group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast import _core
from scaling_fast.asking import column_name, named_formulas
from scaling_fast.request import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitted import Fit

__all__ = ["METHODS", "MOST_FAILURES", "intervals"]

METHODS = ("percentile", "basic", "normal", "bc", "bca")

MOST_FAILURES = 0.05
"""Share of unusable replicates above which an interval would describe another population than the data's."""


def intervals(
    fit: Fit,
    *,
    method: str,
    level: float,
    of: str | Sequence[str] | None,
    draws: Callable[[int], Mapping[str, NDArray[np.float64]]],
    left_out: Callable[[int], Mapping[str, NDArray[np.float64]]] | None,
    left_out_only: bool,
) -> pl.DataFrame:
    """Return intervals: group keys, name, estimate, lower, upper.

    Parameters
    ----------
    fit
        The fit that was resampled.
    method, level, of
        As in `Bootstrap.interval`, already checked.
    draws
        Group -> parameter -> its values over the usable replicates.
    left_out
        The same of a jackknife, for "bca".
    left_out_only
        Whether the draws are those of a jackknife themselves.
    """
    formulas = named_formulas(fit.law, fit.request.names, of)
    rows = []
    for group in range(fit.groups):
        values = draws(group)
        point = {one: np.array([value]) for one, value in fit._point(group).items()}
        without = None if left_out is None else left_out(group)
        for name, formula in formulas.items():
            estimate = float(evaluate(formula, point)[0])
            drawn = evaluate(formula, values)
            if left_out_only:
                ends = _jackknife_ends(level, estimate, drawn)
            else:
                jackknife = None if without is None else evaluate(formula, without)
                ends = _core.interval(method, level, estimate, drawn, jackknife)
            rows.append((name, estimate, *ends))
    keys = fit.request.table.keys
    labels = [column_name(one, keys.columns) for one in ("name", "estimate", "lower", "upper")]
    frame = pl.DataFrame(rows, schema=labels, orient="row")
    # Column by column: a forked child has no threads of polars to gather or join frames with.
    places = pl.Series(np.repeat(np.arange(keys.height), len(formulas)))
    return pl.DataFrame([*(one.gather(places) for one in keys.get_columns()), *frame.get_columns()])


def _jackknife_ends(
    level: float, estimate: float, values: NDArray[np.float64]
) -> tuple[float, float]:
    from scipy.special import ndtri

    count = len(values)
    with np.errstate(all="ignore"):
        error = math.sqrt((count - 1) / count * float(np.sum((values - values.mean()) ** 2)))
    half = float(ndtri(0.5 + level / 2)) * error
    return estimate - half, estimate + half
