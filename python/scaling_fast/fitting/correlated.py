"""Errors with a covariance: the question whose rows are those of the law after whitening.

With Sigma = LL', least squares of r'Sigma^-1 r is ordinary least squares of L^-1 r. Row i of that is a sum of the
law at every row, so it is a law too: w1*f(x1) + w2*f(x2) + ..., with the rows of L^-1 as columns and the inputs
written as numbers. The core fits it like any other, with its search and its certificate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.laws.quantities import NAME
from scaling_fast.losses.residual import LogExcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast._core import Program
    from scaling_fast.frames import Table
    from scaling_fast.losses.registry import Loss

__all__ = ["Whitened", "is_covariance", "of_rows", "refuse_with_covariance", "whitened"]

MOST_ROWS = 1_000
"""Rows above which the formula of all rows takes too long to read."""

MOST_CONDITION = 1e12
"""Condition of the correlations from which on rounding, and not the rows, decides what is fitted."""

ASYMMETRY = 1e-8
"""Difference from its transpose, beside its largest entry, above which an array is no covariance."""


class Whitened(NamedTuple):
    """A question as the core takes it.

    Attributes
    ----------
    formula
        The sum over all rows of a column times the law there.
    columns
        Name -> a column of L^-1.
    target
        L^-1 times the targets on the scale of the residual.
    """

    formula: str
    columns: dict[str, NDArray[np.float64]]
    target: NDArray[np.float64]


def is_covariance(sigma: Any) -> bool:
    """Return whether `sigma=` is a square array rather than a column."""
    if sigma is None or isinstance(sigma, str):
        return False
    try:
        return np.ndim(sigma) == 2
    except ValueError:  # lists of different lengths
        return False


def refuse_with_covariance(
    loss: Loss, residual: str | LogExcess, *, by: object, weights: object
) -> None:
    """Refuse what a covariance of the errors cannot be combined with.

    Raises
    ------
    ParameterError
        For another loss than `Squared`, a log-excess, groups or weights.
    """
    clash = None
    if loss.name != "squared":
        clash = f"a sum over independent rows, as {loss!r} is; use loss=Squared()"
    elif isinstance(residual, LogExcess):
        clash = f"{residual!r}, whose targets move with a parameter; use log residuals"
    elif by is not None:
        clash = "groups; fit one group at a time"
    elif weights is not None:
        clash = "weights=, which count independent rows; leave them out"
    if clash is not None:
        raise ParameterError(
            f"sigma= is a covariance of the errors, which excludes {clash}",
            code="covariance",
            param="sigma",
        )


def of_rows(sigma: Any, table: Table) -> NDArray[np.float64]:
    """Return the covariance of the errors of the rows that count, in the order of the table.

    Parameters
    ----------
    sigma
        A square array, one row and column per row of the caller's frame.
    table
        The rows.

    Raises
    ------
    DataError
        For another shape, or an array that is not symmetric and positive definite.
    """
    try:
        array = np.array(sigma, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"sigma must be a square array of numbers, got {quote(type(sigma).__name__)}",
            code="sigma",
            column="sigma",
        ) from error
    height = table.frame.height
    if array.shape != (height, height):
        raise DataError(
            f"sigma has shape {array.shape}, and a covariance of {height} rows is {height} x {height}; standard "
            "deviations are given as a column",
            code="sigma",
            column="sigma",
        )
    if table.rows > MOST_ROWS:
        raise DataError(
            f"a covariance of {table.rows} rows is too large; at most {MOST_ROWS:,} rows can be correlated",
            code="sigma",
            column="sigma",
        )
    array = np.ascontiguousarray(array[np.ix_(table.order, table.order)])
    large = float(np.abs(array).max(initial=0.0))
    if not np.isfinite(array).all() or np.abs(array - array.T).max() > ASYMMETRY * large:
        raise DataError(
            "sigma is not a covariance: it must be finite, and equal to its transpose",
            code="sigma",
            column="sigma",
        )
    _factor(array)
    array.setflags(write=False)
    return array


def _factor(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lower triangle L with LL' = covariance."""
    try:
        factor = np.asarray(np.linalg.cholesky(covariance))
        scale = np.sqrt(np.diag(covariance))
        if np.linalg.cond(covariance / np.outer(scale, scale)) > MOST_CONDITION:
            raise np.linalg.LinAlgError("singular to rounding")
        return factor
    except np.linalg.LinAlgError as error:
        raise DataError(
            "sigma is not a covariance: it is not positive definite, so some difference of rows would have no "
            "error; add the variance of each row's own noise to its diagonal",
            code="sigma",
            column="sigma",
        ) from error


def whitened(
    formula: str,
    program: Program,
    table: Table,
    residual: str | LogExcess,
    covariance: NDArray[np.float64],
) -> Whitened:
    """Return the question of least squares with correlated errors, as one with independent ones.

    Parameters
    ----------
    formula, program
        The law, and how the core reads it.
    table
        The rows.
    residual
        "raw", "log" or "logit".
    covariance
        Of the residuals, shape (rows, rows).
    """
    from scipy.linalg import solve_triangular

    inverse = solve_triangular(_factor(covariance), np.eye(table.rows), lower=True)
    law = formula.partition("~")[2] or formula
    names = _free_names(table.rows, [*program.params, *program.columns])
    terms = []
    for row, name in enumerate(names):
        here = {column: float(table.arrays[column][row]) for column in program.columns}
        terms.append(f"{name}*{_on_scale(_at(law, here), residual)}")
    target = table.target
    if program.target is not None:
        target = np.asarray(program.transform_target(target))
    elif residual == "log":
        target = np.log(target)
    elif residual == "logit":
        target = np.log(target / (1.0 - target))
    columns = {name: np.ascontiguousarray(inverse[:, row]) for row, name in enumerate(names)}
    return Whitened(" + ".join(terms), columns, np.ascontiguousarray(inverse @ target))


def _free_names(count: int, taken: Sequence[str]) -> list[str]:
    prefix = "w"
    while any(name.startswith(prefix) for name in taken):
        prefix += "w"
    return [f"{prefix}{number}" for number in range(count)]


def _at(law: str, values: Mapping[str, float]) -> str:
    """Return a formula with numbers in place of its columns."""
    return NAME.sub(
        lambda found: f"({values[found[0]]!r})" if found[0] in values else found[0], law
    )


def _on_scale(law: str, residual: str | LogExcess) -> str:
    if residual == "log":
        return f"log({law})"
    if residual == "logit":
        return f"(log({law}) - log(1 - ({law})))"
    return f"({law})"
