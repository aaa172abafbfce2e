"""Between which numbers a formula lies, whatever its parameters do within their bounds: interval arithmetic."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, TypeAlias

from scaling_fast._core import Program
from scaling_fast.laws.optima.formula import OptimumFormula

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scaling_fast.laws.law import Law

__all__ = ["ANYWHERE", "Range", "law_bounds", "value_range"]

Range: TypeAlias = "tuple[float, float]"
"""Least and largest value, which a formula need not reach."""

LEAST = 5e-324
"""The least value of what is positive and cannot be zero."""

ANYWHERE: Range = (-math.inf, math.inf)
"""The range of what is not known."""


def law_bounds(law: Law) -> dict[str, Range]:
    """Return parameter -> its bounds; a fixed one has its value twice.

    A parameter that the formula needs above zero, as "log(x/peak)" needs its peak, lies above zero.
    """
    positive = Program(law.formula, list(law.columns or ())).positive
    bounds = {}
    for name, param in law.params.items():
        lower = max(param.lower, LEAST) if name in positive else param.lower
        bounds[name] = (lower, param.upper) if param.fixed is None else (param.fixed, param.fixed)
    return bounds


def value_range(formula: str, bounds: Mapping[str, Range]) -> Range:
    """Return a range that holds every value of a formula.

    It may be wider than it need be: a name that occurs twice counts as two, but for a share of a sum, such
    as "b/(a + b)". What is not known, such as the sine of a parameter, is unbounded.

    Parameters
    ----------
    formula
        A formula without a target.
    bounds
        Name -> its range; other names are unbounded.

    Examples
    --------
    >>> value_range(
    ...     "E + A*x**(-a)", {"E": (1.0, 2.0), "A": (0.0, 5.0), "x": (4.0, 9.0), "a": (0.5, 0.5)}
    ... )
    (1.0, 4.5)
    >>> value_range("b/(a + b)", {"a": (0.0, math.inf), "b": (0.0, math.inf)})
    (0.0, 1.0)
    >>> value_range("exp(m)", {})
    (5e-324, inf)
    """
    if isinstance(formula, OptimumFormula):
        # Sizes, data and compute are positive, and what is known of a loss is what the law allows.
        known = dict(bounds)
        for name, asked in formula.asked.items():
            is_loss = asked.part == "loss"
            known[name] = _loss_range(formula, bounds) if is_loss else (LEAST, math.inf)
        return value_range(formula.inner, known)
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ANYWHERE
    try:
        return _of(tree, bounds)
    except (RecursionError, OverflowError):
        return ANYWHERE


def _loss_range(formula: OptimumFormula, bounds: Mapping[str, Range]) -> Range:
    minimum = formula.minimum
    if minimum.law.transform is not None:
        return ANYWHERE
    inputs = dict.fromkeys((minimum.cost.size, minimum.cost.data), (LEAST, math.inf))
    return value_range(minimum.right_side.replace("^", "**"), {**bounds, **inputs})


def _of(node: ast.AST, bounds: Mapping[str, Range]) -> Range:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value), float(value)
        case ast.Name(id=name):
            return bounds.get(name, ANYWHERE)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            low, high = _of(inner, bounds)
            return -high, -low
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _of(inner, bounds)
        case ast.BinOp(left=left, op=ast.Div(), right=right) if _is_share(left, right, bounds):
            return 0.0, 1.0
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in BINARY:
            return BINARY[type(operator)](_of(left, bounds), _of(right, bounds))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name]([_of(argument, bounds) for argument in arguments])
    return ANYWHERE


def _is_share(top: ast.AST, bottom: ast.AST, bounds: Mapping[str, Range]) -> bool:
    """Return whether a quotient is a term, none of them negative, over the sum that it is a term of."""
    terms = _terms(bottom)
    if len(terms) < 2 or ast.dump(top) not in [ast.dump(term) for term in terms]:
        return False
    return all(_of(term, bounds)[0] >= 0.0 for term in terms)


def _terms(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _terms(node.left) + _terms(node.right)
    return [node]


def _hull(values: Sequence[float]) -> Range:
    """Return the range of the ends of a monotone operation; unbounded where one of them is undefined."""
    if any(math.isnan(value) for value in values):
        return ANYWHERE
    return min(values), max(values)


def _times(left: Range, right: Range) -> Range:
    # 0 times an end at infinity is 0: the end is a limit, which no parameter reaches.
    return _hull([0.0 if 0.0 in (a, b) else a * b for a in left for b in right])


def _over(left: Range, right: Range) -> Range:
    low, high = right
    if low < 0.0 < high or low == high == 0.0:
        return ANYWHERE
    inverse = (
        1.0 / high if high != 0.0 else -math.inf,
        1.0 / low if low != 0.0 else math.inf,
    )
    return _times(left, inverse)


def _power(base: Range, exponent: Range) -> Range:
    if base[0] < 0.0:
        even = exponent[0] == exponent[1] and exponent[0] % 2.0 == 0.0
        return (0.0, math.inf) if even else ANYWHERE
    ends = [_raised(b, e) for b in base for e in exponent]
    if base[0] < 1.0 < base[1] or exponent[0] < 0.0 < exponent[1]:
        ends.append(1.0)
    low, high = _hull(ends)
    return max(low, 0.0), high


def _raised(base: float, exponent: float) -> float:
    """Return a power of a number that is not negative, with its limits."""
    if base == 0.0 and exponent < 0.0:
        return math.inf
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


BINARY: dict[type[ast.operator], Callable[[Range, Range], Range]] = {
    ast.Add: lambda left, right: _hull([left[0] + right[0], left[1] + right[1]]),
    ast.Sub: lambda left, right: _hull([left[0] - right[1], left[1] - right[0]]),
    ast.Mult: _times,
    ast.Div: _over,
    ast.Pow: _power,
}


def _exp(value: float) -> float:
    return max(math.exp(value), LEAST) if value < 709.0 else math.inf


def _increasing(function: Callable[[float], float]) -> Callable[[list[Range]], Range]:
    """Return the range of an increasing function of one argument."""

    def ends(arguments: list[Range]) -> Range:
        if len(arguments) != 1:
            return ANYWHERE
        low, high = arguments[0]
        return function(low), function(high)

    return ends


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + _exp(-value))


def _absolute(arguments: list[Range]) -> Range:
    low, high = arguments[0]
    largest = max(abs(low), abs(high))
    return (0.0 if low <= 0.0 <= high else min(abs(low), abs(high))), largest


FUNCTIONS: dict[str, Callable[[list[Range]], Range]] = {
    "exp": _increasing(_exp),
    "expm1": _increasing(lambda value: _exp(value) - 1.0),
    "log": _increasing(_log),
    "ln": _increasing(_log),
    "log10": _increasing(lambda value: _log(value) / math.log(10.0)),
    "log2": _increasing(lambda value: _log(value) / math.log(2.0)),
    "log1p": _increasing(lambda value: _log(1.0 + value)),
    "sqrt": _increasing(lambda value: math.sqrt(value) if value > 0.0 else 0.0),
    "tanh": _increasing(math.tanh),
    "sigmoid": _increasing(_logistic),
    "softplus": _increasing(lambda value: math.inf if value >= 709.0 else math.log1p(_exp(value))),
    "arctan": _increasing(math.atan),
    "erf": _increasing(math.erf),
    "abs": _absolute,
    "sin": lambda _: (-1.0, 1.0),
    "cos": lambda _: (-1.0, 1.0),
    "min": lambda ranges: (min(low for low, _ in ranges), min(high for _, high in ranges)),
    "max": lambda ranges: (max(low for low, _ in ranges), max(high for _, high in ranges)),
}
"""Function of a formula -> the range of its values."""
