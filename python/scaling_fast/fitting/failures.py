"""The errors of a single fit that has no answer, or none that may be used further."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ConvergenceError, DataError, quote, quoted
from scaling_fast.fitting.lines import line_findings
from scaling_fast.fitting.status import status_sentence
from scaling_fast.frames.values import first_bad

if TYPE_CHECKING:
    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request
    from scaling_fast.frames import Table

__all__ = ["refuse_unconverged", "refuse_useless"]


NOTHING_LEFT = 1e26
"""Condition of the scaled J'J at which parameters that trade off have no digit of their own left."""


def refuse_useless(request: Request, columns: FitColumns, status: str) -> None:
    """Refuse a single fit without an answer: a `Fit` would hold numbers without meaning.

    Raises
    ------
    DataError
        For too few rows, or rows that identify no parameter.
    ConvergenceError
        When the law has no finite objective.
    """
    free = request.free
    if status == "too_few_rows":
        raise DataError(
            f"n={request.table.rows} rows are fewer than the p={len(free)} free parameters "
            f"{quoted(free)}; add rows or fix parameters",
            code="too_few_rows",
        )
    lost = columns.flagged(columns.unidentified, request.names)
    hopeless = not float(columns.condition[0]) < NOTHING_LEFT
    if status == "not_identified" and set(free) <= set(lost) and hopeless:
        raise DataError(
            f"the rows identify none of the parameters {quoted(free)} where the search ended: a column that "
            "does not vary, parameters that only occur together, or a search that lost its way; add rows at "
            f"other scales, fix parameters or give starts{_poor(request, columns)}",
            code="not_identified",
            param=free[0],
        )
    if status == "not_finite" and math.isfinite(float(columns.objective[0])):
        raise ConvergenceError(
            f"the best fit of the law {quote(request.law.formula, 80)} lies where a parameter is too large or "
            "too small for a double: the objective keeps falling in that direction; give bounds, fix a "
            f"parameter, or measure the columns in other units{_poor(request, columns)}",
            code="not_finite",
        )
    if status == "not_finite":
        raise ConvergenceError(
            f"the law {quote(request.law.formula, 80)} has no finite objective at any start; give starts or "
            f"bounds inside its domain, or measure the columns in other units{_tiny(request.table)}",
            code="not_finite",
        )


def refuse_unconverged(status: str, wanted: str) -> None:
    """Refuse to go on with a fit that did not converge: where it ended is no estimate.

    Parameters
    ----------
    status
        How the fit ended, in one word.
    wanted
        What was asked of the fit.

    Raises
    ------
    ConvergenceError
        For every status but "converged".
    """
    if status != "converged":
        raise ConvergenceError(
            f"{quote(wanted)} needs a fit that converged, and this one ended {quote(status)}: "
            f"{status_sentence(status)}",
            code="not_converged",
        )


def _poor(request: Request, columns: FitColumns) -> str:
    """Return the end of a sentence that says what the formula wants of a design and does not get."""
    found = line_findings(request, columns.params, {})
    return f"; {found[0].finding.sentence}" if found else ""


def _tiny(table: Table) -> str:
    """Return the end of a sentence that names the first value so near 0 that doubles lose its digits."""
    least = np.finfo(np.float64).tiny
    for name, values in ((table.target_name, table.target), *table.arrays.items()):
        bad = (values != 0.0) & (np.abs(values) < least)
        if bad.any():
            row, value = first_bad(values, bad, table.order)
            column = quote(table.sources.get(name, name))
            return f"; column {column} holds {quote(repr(value))} in row {row}, too near 0 for a double"
    return ""
