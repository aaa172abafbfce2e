"""The parameters that a paper reports: unrounded, as printed, and all that print alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.errors import DataError

if TYPE_CHECKING:
    from scaling_fast.auditing.claim.reading import Paper
    from scaling_fast.auditing.evidence.formulas import LawView

    Box = dict[str, tuple[float, float]]

__all__ = ["ReportedPoint", "reported_point"]

UNROUNDED_DIGITS: Final = 5
"""Significant digits from which on logarithms (and exponents beside them) count as unrounded: a unit in the
last place of ln A then moves the law by 1e-4 or less, a fiftieth of the noise of the field."""


@dataclass(frozen=True, slots=True)
class ReportedPoint:
    """The parameters a paper reports.

    Attributes
    ----------
    exact
        Unrounded natural parameters, if disclosed.
    centre
        Printed natural parameters as they stand.
    box
        For each printed parameter the range of numbers that print alike.
    bounds
        Parameters of which the paper gives no point but a bound, as it prints it: "alpha >0.05".
    """

    exact: dict[str, float] | None
    centre: dict[str, float] | None
    box: dict[str, tuple[float, float]] | None
    missing: tuple[str, ...]
    printed: dict[str, Printed]
    bounds: dict[str, str]

    @property
    def gap(self) -> str:
        """What the paper leaves open of its parameters, as the end of "The paper ..."."""
        absent = [name for name in self.missing if name not in self.bounds]
        parts = [f"does not report {', '.join(absent)}"] if absent else []
        if self.bounds:
            parts.append(f"gives only a bound, not a value: {', '.join(self.bounds.values())}")
        return " and ".join(parts) or "does not report parameters"

    @property
    def best(self) -> dict[str, float] | None:
        """The unrounded parameters, else the printed ones."""
        return self.exact or self.centre


@dataclass(frozen=True, slots=True)
class _Sharp:
    """One of `log_params` in natural units: its value, the range that prints alike, its digits."""

    value: float
    ends: tuple[float, float]
    digits: int


def reported_point(paper: Paper, law: LawView) -> ReportedPoint:
    """Return what the paper says its parameters are, in natural units and the law's order.

    `log_params` with five significant digits or more are the unrounded point. With fewer they are
    numbers printed like others: each narrows the range of its parameter.

    Raises
    ------
    DataError
        If the paper names a parameter that the law does not have.
    """
    unknown = [key for key in paper.reported.params if key not in law.params]
    if unknown:
        raise DataError(
            f"`reported.params` names `{unknown[0]}`, which the law `{law.name}` does not have; "
            f"its parameters are {', '.join(law.params)}"
        )
    given = paper.reported.params
    said = {name: Printed(given[name]) for name in law.params if name in given}
    printed = {name: number for name, number in said.items() if not number.is_bound}
    bounds = {name: f"{name} {number.text}" for name, number in said.items() if number.is_bound}
    sharp = _sharp(paper, law, bounds)
    unrounded = len(sharp) == len(law.params) and all(
        found.digits >= UNROUNDED_DIGITS for found in sharp.values()
    )
    centre = {name: number.value for name, number in printed.items()}
    box = {name: (number.lower, number.upper) for name, number in printed.items()}
    if not unrounded:
        for name, found in sharp.items():
            centre.setdefault(name, found.value)
            box[name] = _common(box.get(name), found.ends)
    whole = len(centre) == len(law.params)
    return ReportedPoint(
        exact={name: sharp[name].value for name in law.params} if unrounded else None,
        centre={name: centre[name] for name in law.params} if whole else None,
        box={name: box[name] for name in law.params} if whole else None,
        missing=tuple(name for name in law.params if name not in centre),
        printed=printed,
        bounds={name: text for name, text in bounds.items() if name not in centre},
    )


def _sharp(paper: Paper, law: LawView, bounds: dict[str, str]) -> dict[str, _Sharp]:
    """Return `log_params` by the parameter they stand for; those that are bounds join `bounds`."""
    found = {}
    for key, text in paper.reported.log_params.items():
        name = key if key in law.params else key.upper()
        if name not in law.params:
            raise DataError(
                f"`reported.log_params` names `{key}`, which is neither a parameter of the law "
                f"`{law.name}` nor the logarithm (in lower case) of one"
            )
        number = Printed(text)
        if number.is_bound:
            bounds.setdefault(name, f"{key} {text}")
            continue
        values = (number.value, number.lower, number.upper)
        value, low, high = values if key == name else map(_exp, values)
        found[name] = _Sharp(value, (low, high), number.digits)
    return found


def _exp(value: float) -> float:
    """Return exp(value), infinite where no double holds it."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _common(printed: tuple[float, float] | None, sharp: tuple[float, float]) -> tuple[float, float]:
    """Return the numbers in both ranges; those of the logarithm where the two contradict each other."""
    if printed is None:
        return sharp
    low, high = max(printed[0], sharp[0]), min(printed[1], sharp[1])
    return (low, high) if low <= high else sharp
