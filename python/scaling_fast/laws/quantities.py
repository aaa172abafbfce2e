"""Formulas of parameters: evaluated, differentiated, written out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Program
from scaling_fast.errors import FormulaError, ParameterError, quote, suggestion
from scaling_fast.laws.optima.formula import OPTIMA, OptimumFormula, optimum_formula

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from scaling_fast.laws import Law
    from scaling_fast.laws.optima.minimum import ConstrainedMinimum

__all__ = ["NAME", "evaluate", "exp", "formula_gradient", "named_formulas", "require_written_out"]


NAME = re.compile(r"(?<![0-9.])[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
"""A name in a formula."""


def named_formulas(
    law: Law,
    names: Sequence[str],
    of: str | Sequence[str] | None,
    minimum: Callable[[], ConstrainedMinimum] | None = None,
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
    minimum
        Function that returns the law with its rows and a cost, which N_opt(C), D_opt(C) and L_opt(C) need.

    Raises
    ------
    ParameterError, FormulaError
        For anything but text, and a budget C that is not a number in reach.
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
    return {
        formula: formula
        if isinstance(formula, OptimumFormula)
        else optimum_formula(_expanded(formula, derived), minimum)
        for formula in wanted
    }


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
        For example "beta/(alpha+beta)", or one with optima from `named_formulas`.
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
    shown, known = formula, values
    if isinstance(formula, OptimumFormula):
        values, formula = formula.with_optima(values), formula.inner
    program = Program(formula, list(values))
    _refuse_target(program, shown)
    if program.params:
        raise _unknown(shown, program.params[0], known)
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
    if isinstance(formula, OptimumFormula):
        evaluate(formula, params)  # an unknown name is refused
        return formula.gradient(params)
    program = Program(formula, [])
    _refuse_target(program, formula)
    for name in program.params:
        if name not in params:
            raise _unknown(formula, name, params)
    value, inner = program.gradient([params[name] for name in program.params])
    slopes = dict(zip(program.params, inner, strict=True))
    return value, np.array([slopes.get(name, 0.0) for name in params], dtype=np.float64)


def require_written_out(formula: str, wanted: str) -> str:
    """Return a formula in parameters alone, for what cannot search for an optimum at every step.

    Parameters
    ----------
    formula
        A formula from `named_formulas`.
    wanted
        "profile", or the method of an interval.

    Raises
    ------
    ParameterError
        For an optimum without a closed form.
    """
    if not isinstance(formula, OptimumFormula):
        return formula
    text = formula.written_out
    if text is None:
        raise ParameterError(
            f"{quote(formula, 80)} has no closed form for this law, which {quote(wanted)} needs; use "
            "percentile intervals: sf.bootstrap(fit).interval(of=...)",
            code="of",
            param="of",
        )
    return text


def _unknown(formula: str, name: str, known: Mapping[str, Any]) -> ParameterError:
    text = f"the formula {quote(formula, 80)} uses {quote(name)}"
    if name in OPTIMA:
        text += f", which takes a budget in FLOP: write `{name}(1e24)`"
    else:
        text += f", which is not a parameter{suggestion(name, known, kind='parameters')}"
    return ParameterError(text, code="unknown_name", param=name)


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
