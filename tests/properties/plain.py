"""A formula in doubles exactly as it is written: what a reader of it would compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grammar import Tree

FUNCTIONS: dict[str, Any] = {
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(0.0, x),
    "logaddexp": np.logaddexp,
    "lgamma": special.gammaln,
    "sin": np.sin,
    "cos": np.cos,
    "arctan": np.arctan,
    "erf": special.erf,
    "min": np.minimum,
    "max": np.maximum,
    "+": np.add,
    "-": lambda *sides: -sides[0] if len(sides) == 1 else np.subtract(*sides),
    "*": np.multiply,
    "/": np.divide,
    # IEEE 754 has 1 for 1**NaN and for 1**inf.
    "**": lambda base, exponent: (
        np.power(base, exponent) if base != 1 or np.isfinite(exponent) else np.nan
    ),
}
COMPARISONS = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def plain_value(tree: Tree, columns: Mapping[str, float], params: Mapping[str, float]) -> float:
    """Return the value at one row, in IEEE arithmetic; NaN where a comparison has no answer."""
    with np.errstate(all="ignore"):
        return float(_value(tree, {**columns, **params}))


def _value(tree: Tree, known: Mapping[str, float]) -> Any:
    kind = tree[0]
    if kind == "number":
        return np.float64(tree[1])
    if kind == "pi":
        return np.pi
    if kind in ("column", "param"):
        return np.float64(known[tree[1]])
    if kind == "where":
        left, right = (_value(part, known) for part in tree[2:4])
        if np.isnan(left) or np.isnan(right):
            return np.nan
        return _value(tree[4 if COMPARISONS[tree[1]](left, right) else 5], known)
    return FUNCTIONS[kind](*(_value(part, known) for part in tree[1:]))
