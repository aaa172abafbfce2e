"""What training at the wrong size costs on a Chinchilla surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from scaling_fast.allocation.isoflop_error import exponents_of
from scaling_fast.validation import number_between

__all__ = ["misallocation_cost"]


def misallocation_cost(surface: Any, *, factor: float | Sequence[float]) -> pl.DataFrame:
    """Return the excess loss and the compute wasted at N = factor N*, D = D*/factor.

    The reducible loss grows by rho(k) = (beta k^-alpha + alpha k^beta)/(alpha + beta), and the loss
    reached could have been had for the share rho^(-1/gamma) of the compute, gamma = alpha beta/(alpha +
    beta). Neither depends on the budget nor on E, A, B.

    Parameters
    ----------
    surface
        A fit of the Chinchilla law, or a mapping with alpha and beta.
    factor
        N/N*: one number or several, positive. Above 1 is too large a model, below 1 over-training.

    Returns
    -------
    polars.DataFrame
        factor, excess (rho, at least 1), lost_compute (1 - rho^(-1/gamma), a share).

    Raises
    ------
    ParameterError
        For exponents or factors that are not positive numbers.

    Examples
    --------
    >>> cost = misallocation_cost({"alpha": 0.34, "beta": 0.28}, factor=0.887)
    >>> round(100 * cost["lost_compute"].item(), 2)
    0.45
    """
    alpha, beta = exponents_of(surface)
    several = factor if isinstance(factor, Sequence | np.ndarray) else [factor]
    k = np.array([number_between(one, "factor") for one in several])
    # Logarithms of k keep the digits of 1 - rho^(-1/gamma) near the optimum.
    with np.errstate(over="ignore"):
        excess = (beta * np.expm1(-alpha * np.log(k)) + alpha * np.expm1(beta * np.log(k))) / (
            alpha + beta
        )
    lost = -np.expm1(-np.log1p(excess) * (alpha + beta) / (alpha * beta))
    return pl.DataFrame({"factor": k, "excess": 1.0 + excess, "lost_compute": lost})
