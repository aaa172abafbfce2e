"""Akaike's criterion on a common density: which of several laws are kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scaling_fast.comparison.families import SPECIAL_CASES
from scaling_fast.comparison.forecast_range import AICC_KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.candidates import Candidate

__all__ = ["Criteria", "corrected", "criteria_of", "is_special_case", "without_constant"]


class Criteria(NamedTuple):
    """Which laws are kept.

    Attributes
    ----------
    aicc
        The criterion of each law, NaN for one that did not converge; shape (laws,).
    mark
        What they are measured by: the least among the first law and those that are not special cases of it.
    kept
        Whether each is at most 6 above the mark, shape (laws,).
    """

    aicc: NDArray[np.float64]
    mark: float
    kept: NDArray[np.bool_]


def corrected(deviance: float, rows: int, parameters: int, counted: float = 1.0) -> float:
    """Return AICc = -2 ln L + 2 k' + 2 k'(k' + 1)/(n - k' - 1), k' = k + 1 with the scale of the residuals.

    Parameters
    ----------
    deviance
        -2 ln L.
    rows
        Their number n.
    parameters
        Number k of parameters.
    counted
        How many rows tell as much as one independent row, 1 or more.

    Returns
    -------
    float
        Infinite where too few rows are left.

    References
    ----------
    Hurvich and Tsai, Regression and time series model selection in small samples, Biometrika 76, 1989.

    Examples
    --------
    >>> corrected(-50.0, 20, 3)
    -39.333333333333336
    """
    own, told = parameters + 1, rows / counted
    left = told - own - 1
    if left <= 0:
        return math.inf
    return deviance / counted + 2.0 * own + 2.0 * own * (own + 1) / left


def criteria_of(laws: Sequence[Candidate], rows: int, counted: float) -> Criteria:
    """Return the criteria of laws, the first of which is the headline.

    Parameters
    ----------
    laws
        Fitted laws.
    rows, counted
        As in `corrected`.
    """
    aicc = np.array(
        [
            corrected(law.deviance, rows, law.parameters, counted) if law.converged else math.nan
            for law in laws
        ]
    )
    setting = [
        value
        for law, value in zip(laws, aicc, strict=True)
        if not math.isnan(value) and not is_special_case(laws[0], law)
    ]
    mark = min(setting, default=math.nan)
    return Criteria(aicc, mark, np.asarray(aicc <= mark + AICC_KEPT))


def is_special_case(law: Candidate, other: Candidate) -> bool:
    """Return whether another law is this one with some of its parameters at special values."""
    if other.family in SPECIAL_CASES.get(law.family, ()):
        return True
    if other is law or other.request.law.formula != law.request.law.formula:
        return False
    kept = {name: param.fixed for name, param in law.request.law.params.items()}
    given = {name: param.fixed for name, param in other.request.law.params.items()}
    return kept != given and all(
        value is None or given.get(name) == value for name, value in kept.items()
    )


def without_constant(law: Candidate, other: Candidate, constant: str) -> bool:
    """Return whether another law is this one without its constant."""
    if (law.family, other.family) in {
        ("power_offset", "power"),
        ("chinchilla", "chinchilla, E = 0"),
    }:
        return True
    if not is_special_case(law, other) or other.request.law.formula != law.request.law.formula:
        return False
    fixed = {
        name: param.fixed
        for name, param in other.request.law.params.items()
        if param.fixed != law.request.law.params[name].fixed
    }
    return fixed == {constant: 0.0}
