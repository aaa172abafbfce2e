"""Where a forecast is wanted: values of the only input, budgets, or points of the law's columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.comparison.inputs import inputs_of
from scaling_fast.errors import ParameterError, quote
from scaling_fast.fitting.prediction import read_alike
from scaling_fast.laws.optima.valleys import INTERIOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit

__all__ = ["target_points"]


def target_points(fit: Fit, at: Any) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a law at the points where a forecast is wanted, each of shape (points,).

    Parameters
    ----------
    fit
        A single fit of a law of one input, or of a size and an amount of data.
    at
        A number or several: values of the only input, or budgets in FLOP, each spent as the law itself
        would, at the lowest loss. Or a mapping or a frame of the law's columns.

    Raises
    ------
    ParameterError
        For anything else, and numbers that are not positive.
    DataError
        For columns that the law cannot take.
    """
    inputs = inputs_of(fit.request)
    if at is None:
        raise ParameterError(
            "at= says where a forecast is wanted: "
            + (
                "a value of the input, such as at=1e12"
                if inputs.count == 1
                else 'a budget in FLOP, such as at=1e24, or {"N": 7e10, "D": 1.4e12}'
            ),
            code="at",
            param="at",
        )
    if isinstance(at, Mapping):
        frame = {name: np.atleast_1d(np.asarray(values)) for name, values in at.items()}
        longest = max((len(values) for values in frame.values()), default=0)
        at = {
            name: np.repeat(values, longest) if len(values) == 1 else values
            for name, values in frame.items()
        }
    elif _is_numbers(at):
        return _at_numbers(fit, inputs.names, np.atleast_1d(np.asarray(at, dtype=np.float64)))
    wanted = read_alike(fit.request, at)
    if not wanted.rows:
        raise ParameterError("at= has no points; give at least one", code="at", param="at")
    back = np.argsort(wanted.order, kind="stable")
    return {name: np.asarray(wanted.arrays[name][back]) for name in fit.law.columns or ()}


def _is_numbers(at: Any) -> bool:
    """Return whether something is a number or a sequence of numbers."""
    if isinstance(at, bool) or hasattr(at, "columns") or hasattr(at, "collect_schema"):
        return False
    try:
        values = np.asarray(at)
        if values.dtype.kind == "O":
            # Whole numbers too large for a machine word.
            values = np.asarray([float(value) for value in np.atleast_1d(values)])
    except (TypeError, ValueError, OverflowError):
        return False
    return values.ndim <= 1 and values.size > 0 and values.dtype.kind in "iuf"


def _at_numbers(
    fit: Fit, names: tuple[str, ...], values: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the points of some values of the only input, or of some budgets."""
    if not (np.isfinite(values) & (values > 0.0)).all():
        raise ParameterError(
            f"at= holds {quote(values.tolist())}, and forecasts are made at positive, finite numbers",
            code="at",
            param="at",
        )
    if len(names) == 1:
        return {names[0]: values}
    minimum = fit.request.minimum()
    for value in values.tolist():
        minimum.cost.require_in_reach(math.log(value))
    params = {name: np.full(len(values), value) for name, value in fit.params.items()}
    best = minimum.at(np.log(values), params)
    inside = best.state == INTERIOR
    if not inside.all():
        budget = float(values[np.argmin(inside)])
        raise ParameterError(
            f"the law has no best split of {budget:g} FLOP between size and data: its loss falls to the end of the "
            'search; say where with at={"N": ..., "D": ...}',
            code="edge",
            param="at",
        )
    return {names[0]: np.exp(best.ln_size), names[1]: np.exp(best.ln_data)}
