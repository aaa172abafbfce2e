"""The covariance of parameters from their draws: of a single fit, or of each group below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError, quote
from scaling_fast.fitting.table import column_name, square_frame, with_keys
from scaling_fast.resampling.intervals.each_group import each_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit

__all__ = ["covariance_of_draws", "covariance_table"]


def covariance_of_draws(
    draws: Mapping[str, NDArray[np.float64]], *, log: bool, left_out_only: bool
) -> NDArray[np.float64]:
    """Return the covariance (ddof 1) of draws, shape (parameters, parameters).

    Parameters
    ----------
    draws
        Parameter -> its value in every usable replicate.
    log
        Whether to take logarithms first.
    left_out_only
        Whether the draws are those of a jackknife, whose spread is 1/(n - 1) of what others have.

    Raises
    ------
    ParameterError
        For a logarithm of what is not positive in every draw.
    """
    if log:
        for name, values in draws.items():
            if not (values > 0).all():
                raise ParameterError(
                    f"{quote(name)} is not positive in every draw, so it has no logarithm",
                    code="log",
                    param=name,
                )
        draws = {name: np.log(values) for name, values in draws.items()}
    with np.errstate(all="ignore"):
        matrix = np.atleast_2d(np.cov(np.array(list(draws.values())), ddof=1))
    if left_out_only:
        count = len(next(iter(draws.values())))
        matrix = matrix * (count - 1) ** 2 / count
    return np.asarray(matrix)


def covariance_table(fit: Fit, compute: Callable[[int], NDArray[np.float64]]) -> pl.DataFrame:
    """Return the covariance of a single fit as a square frame, those of groups below each other.

    Groups have their keys in front and a status at the end; nulls stand where a group has none.

    Parameters
    ----------
    fit
        The fit that was resampled.
    compute
        Function from the number of a group, from 0, to its covariance.

    Raises
    ------
    ScalingError
        If no group has one.
    """
    found, status = each_group(fit, compute)
    names, keys = fit.request.names, fit.request.table.keys
    if not keys.width:
        assert found[0] is not None  # a refusal of a single fit is raised
        return square_frame(names, found[0])
    missing = np.full((len(names), len(names)), np.nan)
    matrix = np.concatenate([missing if each is None else each for each in found])
    taken = [*keys.columns, *names]
    columns = [
        pl.Series(column_name("parameter", taken), names * fit.groups),
        *(pl.Series(name, matrix[:, j]).fill_nan(None) for j, name in enumerate(names)),
        pl.Series(column_name("status", taken), [word for word in status for _ in names]),
    ]
    return with_keys(keys, np.repeat(np.arange(fit.groups), len(names)), columns)
