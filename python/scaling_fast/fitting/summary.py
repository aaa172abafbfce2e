"""A fit as lines of text: the question, the estimates of a single fit, the statuses of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ScalingError
from scaling_fast.fitting.delta_method import parameter_covariance
from scaling_fast.laws.quantities import formula_gradient, named_formulas

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from scaling_fast.fitting.delta_method import Optimum
    from scaling_fast.fitting.request import Request

__all__ = ["estimate_lines", "group_lines", "question_lines"]


def question_lines(request: Request) -> list[str]:
    """Return the formula and how its names were read, the target, the residual and the loss."""
    law, residual = request.law, request.residual
    form = residual if isinstance(residual, str) else repr(residual)
    form = form if request.covariance is None else f"correlated {form}"
    return [
        f"law        {law.name or 'formula'}: {law.formula}",
        f"columns    {', '.join(law.columns or ())}",
        f"parameters {', '.join(law.params)}",
        f"target     {request.table.target_name}, {form} residuals, {request.loss!r}",
    ]


def estimate_lines(optimum: Optimum, derived: Mapping[str, float]) -> list[str]:
    """Return the scale, where there is one, and each parameter and derived quantity with its standard error.

    Where there is none a dash stands for it, and a last line says why under a loss that allows none.

    Parameters
    ----------
    optimum
        The optimum of a single fit.
    derived
        Derived quantity -> its value.
    """
    request = optimum.request
    try:
        errors = _standard_errors(optimum)
        said = []
    except ScalingError as error:
        errors = {}
        said = [str(error)] if error.code == "kink" else []
    values = [(name, value, "") for name, value in optimum.params.items()]
    values += [(name, value, "   (derived)") for name, value in derived.items()]
    lines = [] if optimum.scale is None else [f"scale      {optimum.scale:.8g}"]
    for name, value, remark in values:
        own = errors.get(name, 0.0)
        shown = f"+- {own:.2g}" if own > 0.0 else "-"
        is_fixed = name in request.law.params and request.law.params[name].fixed is not None
        lines.append(f"  {name:<12} {value:<14.8g} {'fixed' if is_fixed else shown}{remark}")
    return lines + said


def _standard_errors(optimum: Optimum) -> dict[str, float]:
    """Return the standard error of each parameter and derived quantity, by the delta method."""
    with np.errstate(all="ignore"):
        matrix = parameter_covariance(optimum)
        errors = {}
        for name, formula in named_formulas(
            optimum.request.law, optimum.request.names, None
        ).items():
            _, slope = formula_gradient(formula, optimum.params)
            errors[name] = float(np.sqrt(slope @ matrix @ slope))
    return errors


def group_lines(status: pl.Series, rows: int) -> list[str]:
    """Return the numbers of groups and rows, and one line per status with its number of groups."""
    counts = status.value_counts(sort=True)
    return [
        f"groups     {len(status)}   rows {rows}",
        *(f"  {word:<16} {count}" for word, count in counts.iter_rows()),
    ]
