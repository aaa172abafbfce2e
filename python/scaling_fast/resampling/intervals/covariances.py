"""The covariance of parameters from their draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ParameterError, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["covariance_of_draws"]


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
