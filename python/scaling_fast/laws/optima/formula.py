"""Formulas of parameters that hold optima: N_opt(C), D_opt(C) and L_opt(C)."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, NamedTuple, Self, TypeAlias

import numpy as np

from scaling_fast._core import Program
from scaling_fast.errors import FormulaError, ParameterError, quote
from scaling_fast.laws.optima.slopes import optimum_slopes
from scaling_fast.laws.optima.valleys import INTERIOR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from scaling_fast.laws.optima.minimum import Best, ConstrainedMinimum

__all__ = ["OPTIMA", "Asked", "OptimumFormula", "optimum_formula"]

Floats: TypeAlias = "NDArray[np.float64]"

CALL = re.compile(r"(?<![A-Za-z0-9_.])(N_opt|D_opt|L_opt)\b\s*(\(?)", re.ASCII)

OPTIMA = {"N_opt": "size", "D_opt": "data", "L_opt": "loss"}
"""Function of a formula -> the part of the best run that it is."""


class Asked(NamedTuple):
    """A number of the best run of a budget, or of the least budget that reaches a loss.

    Attributes
    ----------
    part
        "size", "data", "ratio" (data over size), "loss" or "flops".
    flops, loss
        The budget in FLOP or the loss in the target's units; one of them is None.
    """

    part: str
    flops: float | None = None
    loss: float | None = None


class OptimumFormula(str):
    """A formula of parameters and optima of their law; its text is as the caller wrote it.

    An optimum at an edge, where the law has no valley within reach, is NaN. So is one below every budget in
    reach; a loss that no budget reaches has infinite N, D and FLOP.

    Attributes
    ----------
    inner
        The formula with a name in place of each optimum.
    asked
        Such a name -> the optimum.
    minimum
        The law and the cost.
    """

    inner: str
    asked: Mapping[str, Asked]
    minimum: ConstrainedMinimum

    def __new__(
        cls, text: str, inner: str, asked: Mapping[str, Asked], minimum: ConstrainedMinimum
    ) -> Self:
        """Return the formula."""
        made = super().__new__(cls, text)
        made.inner, made.asked, made.minimum = inner, dict(asked), minimum
        return made

    def with_optima(self, values: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
        """Return named numbers with those of the optima added, in the shape that the parameters broadcast to."""
        needed = self.minimum.params
        for name in needed:
            if name not in values:
                raise ParameterError(
                    f"the formula {quote(self, 80)} needs every parameter of its law, and {quote(name)} has no "
                    "value",
                    code="unknown_name",
                    param=name,
                )
        arrays = np.broadcast_arrays(*(np.asarray(values[name], np.float64) for name in needed))
        params = {name: np.ravel(array) for name, array in zip(needed, arrays, strict=True)}
        known: dict[str, ArrayLike] = dict(values)
        for name, asked in self.asked.items():
            known[name] = _part(self._best(asked, params), asked.part).reshape(arrays[0].shape)
        return known

    def _best(self, asked: Asked, params: Mapping[str, Floats]) -> Best:
        """Return the best runs; those of the last questions are remembered, as N, D and the loss share them."""
        digest = hashlib.sha256(b"".join(array.tobytes() for array in params.values())).digest()
        return self.minimum.remembered(
            (asked.flops, asked.loss, digest), lambda: solved(self.minimum, asked, params)
        )

    def gradient(self, params: Mapping[str, float]) -> tuple[float, Floats]:
        """Return the value and its derivatives, in the order of `params`, at one point."""
        program = Program(self.inner, [])
        point = {name: np.array([value]) for name, value in params.items()}
        numbers = {
            name: np.asarray(value).item() for name, value in self.with_optima(point).items()
        }
        value, inner = program.gradient([numbers[name] for name in program.params])
        slopes = dict(zip(program.params, inner, strict=True))
        total = np.array([slopes.get(name, 0.0) for name in params])
        for name, asked in self.asked.items():
            if name in slopes:
                own = dict(
                    zip(
                        self.minimum.params, self._slopes(asked, params, numbers[name]), strict=True
                    )
                )
                total = total + slopes[name] * np.array([own.get(name, 0.0) for name in params])
        return value, total

    def _slopes(self, asked: Asked, params: Mapping[str, float], value: float) -> Floats:
        names = self.minimum.params
        best = self._best(asked, {name: np.array([params[name]]) for name in names})
        if not math.isfinite(value):
            return np.full(len(names), np.nan)
        found = optimum_slopes(
            self.minimum,
            params,
            w=float(best.ln_size[0] - best.ln_data[0]),
            ln_flops=float(best.ln_flops[0]),
            inverse=asked.loss is not None,
        )
        match asked.part:
            case "size":
                return value * found.ln_size
            case "data":
                return value * found.ln_data
            case "ratio":
                return value * (found.ln_data - found.ln_size)
            case "flops":
                return value * found.ln_flops
        return found.loss

    @property
    def written_out(self) -> str | None:
        """The formula in parameters alone, where every optimum has a closed form, else None."""
        text = self.inner
        for name, asked in self.asked.items():
            closed = self.minimum.written_out(asked.flops) if asked.flops is not None else None
            part = None if closed is None else closed.get(asked.part)
            if part is None:
                return None
            text = re.sub(rf"\b{name}\b", part, text)
        return text


def solved(minimum: ConstrainedMinimum, asked: Asked, params: Mapping[str, Floats]) -> Best:
    """Return the best run for each set of parameters, shape (sets,)."""
    count = next(iter(params.values())).size
    if asked.flops is not None:
        return minimum.at(np.full(count, math.log(asked.flops)), params)
    if asked.loss is None:
        raise ValueError("neither a budget nor a loss is asked for")
    return minimum.reaching(asked.loss, params)


def _part(best: Best, part: str) -> Floats:
    """Return one number of the best runs: NaN outside a valley, infinite for a loss that is never reached."""
    with np.errstate(all="ignore"):  # infinite data over an infinite size is NaN
        values = {
            "size": np.exp(best.ln_size),
            "data": np.exp(best.ln_data),
            "ratio": np.exp(best.ln_data - best.ln_size),
            "flops": np.exp(best.ln_flops),
            "loss": best.loss,
        }[part]
    never = np.isposinf(best.ln_flops) & (part != "loss")
    return np.where((best.state == INTERIOR) | never, values, np.nan)


def optimum_formula(
    text: str, minimum: Callable[[], ConstrainedMinimum] | None
) -> str | OptimumFormula:
    """Return a formula with its optima, or the text itself where it holds none.

    Parameters
    ----------
    text
        A formula of parameters that may hold N_opt(C), D_opt(C), L_opt(C); C is a number of FLOP.
    minimum
        Function that returns the law and the cost; None where optima are not known.

    Raises
    ------
    FormulaError, ParameterError
        For a budget that is not a positive number, or that no run in reach costs.
    """
    if minimum is None or not (found := list(CALL.finditer(text))):
        return text
    asked: dict[str, Asked] = {}
    inner, end = "", 0
    known: ConstrainedMinimum | None = None
    for call in found:
        if call.start() < end:
            raise _not_a_budget(text, call)
        if not call[2]:
            continue
        known = known or minimum()
        close = _closing(text, call)
        flops = _budget(text, call, text[call.end() : close])
        known.cost.require_in_reach(math.log(flops))
        name = f"optimum_{len(asked)}_of_the_law"
        asked[name] = Asked(OPTIMA[call[1]], flops=flops)
        inner += text[end : call.start()] + name
        end = close + 1
    if known is None:
        return text
    return OptimumFormula(text, inner + text[end:], asked, known)


def _closing(text: str, call: re.Match[str]) -> int:
    """Return the place of the parenthesis that closes a call."""
    depth = 0
    for place in range(call.end() - 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise FormulaError(
        f"the parenthesis after `{call[1]}` is not closed in {quote(text, 80)}",
        code="formula",
        position=call.end() - 1,
    )


def _budget(text: str, call: re.Match[str], argument: str) -> float:
    try:
        program = Program(argument, [])
    except FormulaError as error:
        raise _not_a_budget(text, call) from error
    if program.params or program.target is not None:
        raise _not_a_budget(text, call)
    flops = float(program.evaluate([], [])[0])
    if not (0.0 < flops < math.inf):
        raise _not_a_budget(text, call)
    return flops


def _not_a_budget(text: str, call: re.Match[str]) -> FormulaError:
    return FormulaError(
        f"`{call[1]}` takes a budget in FLOP, a positive number such as `{call[1]}(1e24)`, in "
        f"{quote(text, 80)}",
        code="budget",
        position=call.start(),
    )
