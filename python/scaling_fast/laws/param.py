"""What is known of a parameter before the fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scaling_fast.errors import ParameterError, quote
from scaling_fast.validation import finite_number, number

__all__ = ["Param", "positive"]


@dataclass(frozen=True, slots=True)
class Param:
    """What is known of a parameter before the fit: start, bounds, or a fixed value.

    Values are those of the parameter as the formula writes it, not of a logarithm.

    Parameters
    ----------
    start
        Where a local search starts; None leaves it to the solver.
    lower, upper
        Bounds, inclusive; infinite if there is none.
    fixed
        A value the fit may not change; None for a free parameter.

    Raises
    ------
    ParameterError
        For NaN or text, bounds in the wrong order or equal (use `fixed`), or a start or fixed
        value outside them.

    Examples
    --------
    >>> Param(lower=0)
    Param(lower=0)
    >>> Param(start=2, lower=3)
    Traceback (most recent call last):
        ...
    scaling_fast.errors.ParameterError: start must lie between the bounds `3` and `inf`, got `2`
    """

    start: float | None = None
    lower: float = -math.inf
    upper: float = math.inf
    fixed: float | None = None

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            object.__setattr__(self, name, number(getattr(self, name), name))
        if self.lower >= self.upper:
            order = "equal" if self.lower == self.upper else "in the wrong order"
            raise ParameterError(
                f"the bounds `{self.lower:g}` and `{self.upper:g}` are {order}; lower must be "
                f"below upper, and a constant is given with fixed=",
                code="bounds",
                param="lower",
            )
        for name in ("start", "fixed"):
            if getattr(self, name) is None:
                continue
            value = finite_number(getattr(self, name), name)
            if not self.lower <= value <= self.upper:
                raise ParameterError(
                    f"{name} must lie between the bounds `{self.lower:g}` and `{self.upper:g}`, "
                    f"got `{value:g}`",
                    code="out_of_bounds",
                    param=name,
                )
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        parts = [
            f"{name}={value:g}"
            for name, value, silent in (
                ("start", self.start, None),
                ("lower", self.lower, -math.inf),
                ("upper", self.upper, math.inf),
                ("fixed", self.fixed, None),
            )
            if value is not None and value != silent
        ]
        return f"Param({', '.join(parts)})"

    def to_dict(self) -> dict[str, float | None]:
        """Return the four numbers as JSON can hold them: a missing bound is null."""
        return {
            "start": self.start,
            "lower": self.lower if math.isfinite(self.lower) else None,
            "upper": self.upper if math.isfinite(self.upper) else None,
            "fixed": self.fixed,
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, float | None]) -> Param:
        """Return the parameter that `to_dict` wrote.

        Raises
        ------
        ParameterError
            For anything else.
        """
        if not isinstance(entry, Mapping):
            raise ParameterError(
                f"a parameter must be a mapping of start, lower, upper and fixed, got {quote(entry)}",
                code="not_a_mapping",
                param="params",
            )
        lower, upper = entry.get("lower"), entry.get("upper")
        return cls(
            start=entry.get("start"),
            lower=-math.inf if lower is None else lower,
            upper=math.inf if upper is None else upper,
            fixed=entry.get("fixed"),
        )


def positive(*names: str) -> dict[str, Param]:
    """Return parameters that may not be negative, by name.

    Examples
    --------
    >>> positive("A", "alpha")
    {'A': Param(lower=0), 'alpha': Param(lower=0)}
    """
    return {name: Param(lower=0) for name in names}
