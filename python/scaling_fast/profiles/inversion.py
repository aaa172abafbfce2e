"""A formula of parameters solved for one of them, as text: alpha in a = beta/(alpha + beta)."""

from __future__ import annotations

import ast

__all__ = ["solutions_for"]

ZERO, ONE = "0", "1"


def solutions_for(formula: str, name: str, value: str) -> list[str]:
    """Return formulas for `name` at which `formula` equals `value`; an empty list where none is found.

    Fractions whose numerator and denominator are linear in the name are solved, and powers,
    exponentials, logarithms and roots of them. An even power has two solutions. Where the formula
    cannot have the value, a solution may belong to another value: the caller must check.

    Parameters
    ----------
    formula
        Formula of parameters, in the syntax of laws.
    name
        The parameter to solve for.
    value
        Name or formula that `formula` is to equal.

    Examples
    --------
    >>> solutions_for("sqrt(alpha) - 1", "alpha", "v")
    ['((v+(1))**2)']
    >>> solutions_for("(alpha - 1)**2", "alpha", "v")
    ['(((v**(1/(2)))-(-(1)))/1)', '(((-(v**(1/(2))))-(-(1)))/1)']
    """
    try:
        node = ast.parse(formula.replace("^", "**"), mode="eval").body
    except SyntaxError:
        return []
    found = [_solve(node, name, value, root) for root in ("", "-")]
    return [solution for solution in dict.fromkeys(found) if solution is not None]


def _has(node: ast.AST, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))


def _text(node: ast.AST) -> str:
    return f"({ast.unparse(node)})"


def _solve(node: ast.expr, name: str, value: str, root: str) -> str | None:
    """Return a solution; of the two of an even power, the one with the sign `root`, "" or "-"."""
    if not _has(node, name):
        return None
    if isinstance(node, ast.Name):
        return value
    fraction = _fraction(node, name)
    if fraction is not None:
        p, q, r, s = fraction
        below = _minus(p, _times(r, value))
        return None if below == ZERO else f"({_minus(_times(s, value), q)}/{below})"
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _solve(inner, name, f"(-{value})", root)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _solve(inner, name, value, root)
        case ast.Call(func=ast.Name(id="exp"), args=[inner]):
            return _solve(inner, name, f"log({value})", root)
        case ast.Call(func=ast.Name(id="log" | "ln"), args=[inner]):
            return _solve(inner, name, f"exp({value})", root)
        case ast.Call(func=ast.Name(id="log10"), args=[inner]):
            return _solve(inner, name, f"(10**{value})", root)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return _solve(inner, name, f"({value}**2)", root)
        case ast.BinOp(left=left, op=operator, right=right):
            if _has(left, name) and _has(right, name):
                return None
            return _unwrapped(left, operator, right, name, value, root)
    return None


def _unwrapped(
    left: ast.expr, operator: ast.operator, right: ast.expr, name: str, value: str, root: str
) -> str | None:
    """Return the solution of an operation of which one side contains the name."""
    first = _has(left, name)
    other = _text(right if first else left)
    # Undo the outermost operation on both sides, then solve what is left of it.
    match operator:
        case ast.Add():
            inverse = f"({value}-{other})"
        case ast.Sub():
            inverse = f"({value}+{other})" if first else f"({other}-{value})"
        case ast.Mult():
            inverse = f"({value}/{other})"
        case ast.Div():
            inverse = f"({value}*{other})" if first else f"({other}/{value})"
        case ast.Pow():
            inverse = f"({value}**(1/{other}))" if first else f"(log(({value}))/log({other}))"
            if first and root and _is_even(right):
                inverse = f"(-{inverse})"
        case _:
            return None
    return _solve(left if first else right, name, inverse, root)


def _is_even(exponent: ast.expr) -> bool:
    return (
        isinstance(exponent, ast.Constant)
        and isinstance(exponent.value, int | float)
        and exponent.value % 2 == 0
    )


Fraction = tuple[str, str, str, str]
"""p, q, r, s of (p x + q)/(r x + s)."""


def _fraction(node: ast.expr, name: str) -> Fraction | None:
    if not _has(node, name):
        return (ZERO, _text(node), ZERO, ONE)
    match node:
        case ast.Name():
            return (ONE, ZERO, ZERO, ONE)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            found = _fraction(inner, name)
            if found is None:
                return None
            return (_minus(ZERO, found[0]), _minus(ZERO, found[1]), found[2], found[3])
        case ast.BinOp(left=left, op=operator, right=right):
            first, second = _fraction(left, name), _fraction(right, name)
            if first is None or second is None:
                return None
            return _combined(first, operator, second)
    return None


def _combined(first: Fraction, operator: ast.operator, second: Fraction) -> Fraction | None:
    """Return the fraction of an operation; None where a square of the unknown would arise."""
    (p, q, r, s), (t, u, v, w) = first, second
    free, other_free = p == r == ZERO, t == v == ZERO
    match operator:
        case ast.Add() | ast.Sub():
            join = _plus if isinstance(operator, ast.Add) else _minus
            if other_free:
                return (
                    join(_times(p, w), _times(r, u)),
                    join(_times(q, w), _times(s, u)),
                    _times(r, w),
                    _times(s, w),
                )
            if free or r == v == ZERO:
                return (
                    join(_plus(_times(p, w), _times(q, v)), _times(s, t)),
                    join(_times(q, w), _times(s, u)),
                    _times(s, v),
                    _times(s, w),
                )
        case ast.Mult():
            if other_free:
                return (_times(p, u), _times(q, u), _times(r, w), _times(s, w))
            if free:
                return (_times(q, t), _times(q, u), _times(s, v), _times(s, w))
        case ast.Div():
            return _combined(first, ast.Mult(), (v, w, t, u)) or (
                # (p x + q)/s over (t x + u)/w
                (_times(p, w), _times(q, w), _times(s, t), _times(s, u)) if r == v == ZERO else None
            )
    return None


def _plus(a: str, b: str) -> str:
    if ZERO in (a, b):
        return a if b == ZERO else b
    return f"({a}+{b})"


def _minus(a: str, b: str) -> str:
    if b == ZERO:
        return a
    return f"(-{b})" if a == ZERO else f"({a}-{b})"


def _times(a: str, b: str) -> str:
    if ZERO in (a, b):
        return ZERO
    if ONE in (a, b):
        return a if b == ONE else b
    return f"({a}*{b})"
