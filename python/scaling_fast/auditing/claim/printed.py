"""Numbers as papers print them: the digits say how much is known."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from scaling_fast.errors import DataError

NUMBER = re.compile(
    r"(?P<relation>(?:[<>]=?|~)?)\s*(?P<number>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,4})?)"
)


@dataclass(frozen=True, slots=True)
class Printed:
    """A number as a paper prints it: its value and the box of numbers that print alike.

    Parameters
    ----------
    text
        Digits as printed, ``"0.340"`` or ``"5.984e22"``; ``">400"`` and ``"<=5"`` are bounds, ``"~20"``
        is read like ``"20"``.

    Raises
    ------
    DataError
        If the text is not a finite decimal number.

    Examples
    --------
    >>> Printed("0.34").half_ulp
    0.005
    >>> Printed("406.4").digits
    4
    """

    text: str

    def __post_init__(self) -> None:
        if NUMBER.fullmatch(self.text.strip()) is None or not math.isfinite(self.value):
            raise DataError(
                f"printed number `{self.text[:40]}` is not a finite decimal; write it as the "
                'paper prints it, for example "0.34", "5.984e22" or ">400"'
            )

    @property
    def _decimal(self) -> Decimal:
        match = NUMBER.fullmatch(self.text.strip())
        try:
            return Decimal(match["number"] if match else "NaN")
        except InvalidOperation:  # an exponent beyond what Decimal holds
            return Decimal("NaN")

    @property
    def relation(self) -> str:
        """``">"``, ``">="``, ``"<"``, ``"<="``, ``"~"`` or empty."""
        match = NUMBER.fullmatch(self.text.strip())
        return match["relation"] if match else ""

    @property
    def is_bound(self) -> bool:
        """Whether it says only on which side a number lies."""
        return self.relation not in {"", "~"}

    @property
    def meant(self) -> tuple[float, float]:
        """The least and the greatest number meant: those that print alike, or all on one side."""
        if not self.is_bound:
            return self.lower, self.upper
        return (self.value, math.inf) if self.relation[0] == ">" else (-math.inf, self.value)

    def allows(self, low: float, high: float, *, slack: float = 0.0) -> bool:
        """Return whether some number from `low` to `high` is meant; `slack` widens it either way."""
        match self.relation:
            case ">":
                return high > self.value - slack
            case ">=":
                return high >= self.value - slack
            case "<":
                return low < self.value + slack
            case "<=":
                return low <= self.value + slack
            case _:
                least, most = (
                    min(self.lower, self.value - slack),
                    max(self.upper, self.value + slack),
                )
                return low <= most and high >= least

    @property
    def value(self) -> float:
        """The number itself."""
        return float(self._decimal)

    @property
    def half_ulp(self) -> float:
        """Half a unit in the last printed place."""
        exponent = self._decimal.as_tuple().exponent
        return float(Decimal(5).scaleb(int(exponent) - 1))

    @property
    def lower(self) -> float:
        """Smallest number that prints like this."""
        return float(self._decimal - Decimal(5).scaleb(self._exponent - 1))

    @property
    def upper(self) -> float:
        """Largest number that prints like this."""
        return float(self._decimal + Decimal(5).scaleb(self._exponent - 1))

    @property
    def half_about(self) -> float:
        """Half a unit in the last place that is not zero: what "about 400" leaves open."""
        return float(Decimal(5).scaleb(int(self._decimal.normalize().as_tuple().exponent) - 1))

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number, however it is written."""
        return self._decimal == self._decimal.to_integral_value()

    @property
    def digits(self) -> int:
        """Significant digits printed."""
        return len(str(abs(int(Decimal("".join(map(str, self._decimal.as_tuple().digits)))))))

    @property
    def _exponent(self) -> int:
        return int(self._decimal.as_tuple().exponent)
