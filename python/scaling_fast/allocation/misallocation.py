"""What training at the wrong size costs on a Chinchilla surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from scaling_fast.allocation.surface import surface_exponents
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import number_between

__all__ = ["misallocation_cost"]


@ask_first
def misallocation_cost(surface: Any, *, factor: float | Sequence[float]) -> pl.DataFrame:
    """Return how much loss and compute a model of the wrong size costs: N = factor N*, D = D*/factor.

    With k = factor, the reducible loss is rho(k) = (beta k^-alpha + alpha k^beta)/(alpha + beta) times
    that of the optimum, and the optimum would reach it with the share rho^(-1/gamma) of the
    compute, gamma = alpha beta/(alpha + beta). Neither depends on the budget or on E, A, B.

    Parameters
    ----------
    surface
        A fit of the Chinchilla law, or a mapping with alpha and beta.
    factor
        N/N*, one or several positive numbers: above 1 the model is too large, below 1 over-trained.

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
    alpha, beta = surface_exponents(surface)
    several = factor if isinstance(factor, Sequence | np.ndarray) else [factor]
    k = np.array([number_between(ratio, "factor") for ratio in several])
    # Logarithms of k keep the digits of 1 - rho^(-1/gamma) near the optimum.
    with np.errstate(over="ignore"):
        increase = (beta * np.expm1(-alpha * np.log(k)) + alpha * np.expm1(beta * np.log(k))) / (
            alpha + beta
        )
    lost = -np.expm1(-np.log1p(increase) * (alpha + beta) / (alpha * beta))
    return pl.DataFrame({"factor": k, "excess": 1.0 + increase, "lost_compute": lost})
