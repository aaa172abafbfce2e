"""Formulas of parameters: evaluated, differentiated, written out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Program
from scaling_fast.errors import FormulaError, ParameterError, quote, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from scaling_fast.laws import Law

__all__ = ["NAME", "evaluate", "exp", "formula_gradient", "named_formulas"]


NAME = re.compile(r"(?<![0-9.])[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
"""A name in a formula."""


def named_formulas(
    law: Law, names: Sequence[str], of: str | Sequence[str] | None
) -> dict[str, str]:
    """Return name -> formula of parameters for the quantities asked of a fit or its replicates.

    Parameters
    ----------
    law
        The law, whose derived quantities a formula may use by name.
    names
        The parameters.
    of
        One formula or several; all parameters and derived quantities if None.

    Raises
    ------
    ParameterError
        For anything but text.
    """
    derived: dict[str, Any] = dict(law.derived)
    if of is None:
        return {name: name for name in names} | derived
    wanted: Any = [of] if isinstance(of, str) else of
    if not isinstance(wanted, Iterable) or not all(isinstance(formula, str) for formula in wanted):
        raise ParameterError(
            f'of must be a formula such as "beta/(alpha+beta)", or a list of them, got {quote(of)}',
            code="of",
            param="of",
        )
    return {formula: _expanded(formula, derived) for formula in wanted}


def _expanded(formula: str, derived: Mapping[str, str]) -> str:
    """Return a formula with every derived quantity written out."""
    return NAME.sub(
        lambda found: f"({derived[found[0]]})" if found[0] in derived else found[0], formula
    )


def evaluate(formula: str, values: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """Return a formula of named numbers, parameters or columns, element by element.

    Parameters
    ----------
    formula
        For example "beta/(alpha+beta)".
    values
        Name -> its values; arrays broadcast against each other.

    Returns
    -------
    ndarray
        The shape that the values broadcast to; (1,) for a formula without names.

    Raises
    ------
    FormulaError
        For a formula that cannot be read.
    ParameterError
        For a name that is not given.

    Examples
    --------
    >>> evaluate("beta/(alpha+beta)", {"alpha": [0.34, 0.35], "beta": 0.28}).round(3)
    array([0.452, 0.444])
    """
    program = Program(formula, list(values))
    _refuse_target(program, formula)
    if program.params:
        unknown = program.params[0]
        raise ParameterError(
            f"the formula {quote(formula, 80)} uses {quote(unknown)}, which is not a parameter"
            f"{suggestion(unknown, values, kind='parameters')}",
            code="unknown_name",
            param=unknown,
        )
    given = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
    shape = np.broadcast_shapes(*(array.shape for array in given.values())) if given else (1,)
    used = [
        np.ascontiguousarray(np.broadcast_to(given[name], shape)).ravel()
        for name in program.columns
    ]
    answer = np.asarray(program.evaluate(used, []), dtype=np.float64)
    return answer.reshape(shape) if used else np.full(shape, answer[0])


def formula_gradient(
    formula: str, params: Mapping[str, float]
) -> tuple[float, NDArray[np.float64]]:
    """Return a formula of parameters and its derivatives, in the order of `params`, at one point."""
    program = Program(formula, [])
    _refuse_target(program, formula)
    for name in program.params:
        if name not in params:
            raise ParameterError(
                f"the formula {quote(formula, 80)} uses {quote(name)}, which is not a parameter"
                f"{suggestion(name, params, kind='parameters')}",
                code="unknown_name",
                param=name,
            )
    value, inner = program.gradient([params[name] for name in program.params])
    slopes = dict(zip(program.params, inner, strict=True))
    return value, np.array([slopes.get(name, 0.0) for name in params], dtype=np.float64)


def _refuse_target(program: Program, formula: str) -> None:
    if program.target is not None:
        raise FormulaError(
            f"the formula {quote(formula, 80)} names a target; a quantity of parameters must not",
            code="target",
            position=formula.index("~"),
        )


def exp(logarithm: float) -> float:
    """Return the exponential; infinite or 0 where it leaves the range of doubles."""
    with np.errstate(all="ignore"):
        return float(np.exp(logarithm))
