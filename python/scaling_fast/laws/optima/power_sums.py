"""Laws that are a floor and one power of each of two columns: read in any spelling, with their optimum."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.laws.law import Law

__all__ = ["PowerSum"]


@dataclass(frozen=True, slots=True)
class PowerSum:
    """The law E + A N^-alpha + B D^-beta; each attribute is a formula of parameters.

    Attributes
    ----------
    floor
        E.
    scale_n, power_n
        A and alpha.
    scale_d, power_d
        B and beta.
    """

    floor: str
    scale_n: str
    power_n: str
    scale_d: str
    power_d: str

    @classmethod
    def of(cls, law: Law, size: str, data: str) -> PowerSum | None:
        """Return the law in this form, or None where it has another.

        Examples
        --------
        >>> from scaling_fast.laws import Law
        >>> law = Law("E + (Nc/N)**a + B*D**(-b)", columns=["N", "D"])
        >>> PowerSum.of(law, "N", "D").scale_n
        '(((Nc)/1)**(a))'
        """
        text = (law.formula.partition("~")[2] or law.formula).strip().replace("^", "**")
        try:
            terms = _terms(ast.parse(text, mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        floor: list[str] = []
        found: dict[str, tuple[str, str]] = {}
        for sign, term in terms:
            used = _names(term) & {size, data}
            if not used:
                floor.append(f"{sign}{_text(term)}")
                continue
            column = used.pop()
            power = None if used or column in found else _monomial(term, column)
            if power is None:
                return None
            scale, exponent = power
            found[column] = (scale if sign == "+" else f"(-{scale})", f"(-{exponent})")
        if len(found) != 2:
            return None
        return cls("".join(floor).lstrip("+") or "0", *found[size], *found[data])

    def optimum(self, cost: tuple[float, float, float], flops: float) -> tuple[str, str, str]:
        """Return N, D and the law's value at a budget, as formulas of parameters.

        Parameters
        ----------
        cost
            ln k, p and q of the cost k N^p D^q.
        flops
            The budget, as a natural logarithm.
        """
        ln_k, p, q = cost
        n, d = self.power_n, self.power_d
        balance = f"({q!r}*{n}*{self.scale_n}/({p!r}*{d}*{self.scale_d}))"
        share = f"({q!r}*{n} + {p!r}*{d})"
        left = flops - ln_k
        size = f"({balance}**({q!r}/{share})*exp({left!r}*{d}/{share}))"
        data = f"(exp({left!r}*{n}/{share})/{balance}**({p!r}/{share}))"
        value = f"({self.floor} + {self.scale_n}*{size}**(-{n}) + {self.scale_d}*{data}**(-{d}))"
        return size, data, value


def _terms(node: ast.expr, sign: str = "+") -> list[tuple[str, ast.expr]]:
    """Return the terms of a sum, each with its sign."""
    other = {"+": "-", "-": "+"}
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _terms(left, sign) + _terms(right, sign)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _terms(left, sign) + _terms(right, other[sign])
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _terms(inner, sign)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _terms(inner, other[sign])
    return [(sign, node)]


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


def _monomial(node: ast.expr, column: str) -> tuple[str, str] | None:
    """Return scale and exponent of scale*column**exponent, as formulas; None for another form."""
    if column not in _names(node):
        return _text(node), "0"
    match node:
        case ast.Name():
            return "1", "1"
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            found = _monomial(inner, column)
            return None if found is None else (f"(-{found[0]})", found[1])
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as operator, right=right):
            parts: Sequence[tuple[str, str] | None] = [
                _monomial(part, column) for part in (left, right)
            ]
            if parts[0] is None or parts[1] is None:
                return None
            (scale, power), (other, its) = parts[0], parts[1]
            if isinstance(operator, ast.Mult):
                return f"({scale}*{other})", f"({power} + {its})"
            return f"({scale}/{other})", f"({power} - {its})"
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent) if column not in _names(exponent):
            found = _monomial(base, column)
            if found is None:
                return None
            scale, power = found
            raised = scale if scale == "1" else f"({scale}**{_text(exponent)})"
            return raised, f"({power}*{_text(exponent)})"
    return None
