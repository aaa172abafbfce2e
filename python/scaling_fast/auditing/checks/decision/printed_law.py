"""How far the law as printed lies from the law that was meant; digits needed."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import (
    Cell,
    Measured,
    Measurement,
    NotAssessed,
    Threshold,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaling_fast.auditing.claim.printed import Printed
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View
    from scaling_fast.findings import Severity

__all__ = ["MOVE", "PrintedLaw", "advise_move", "printed_law", "say_move"]

MOVE = Threshold(
    "largest distance on the rows between the law as printed and at the unrounded parameters, or else "
    "at the best ones that round to the printed ones, in standard deviations of the residuals; digits "
    "needed for each parameter",
    green=0.1,
    weight="counts",
)
ROUNDING_SHARE = 0.2  # a rounding harms if it moves the law by more than this part of sd(r)
STEP = 1e-6  # relative step of the derivative behind the digits needed


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedLaw(Measured):
    """The largest move of the law by rounding, on the rows, in residual standard deviations."""

    ratio: float
    where: str
    digits: Mapping[str, int]  # needed of each parameter that is printed with fewer
    has_unrounded: bool


def printed_law(case: Case, view: View, centre: Mapping[str, float]) -> Measurement:
    """Return how far the law at the printed parameters lies from the one that was meant.

    The parameters meant are the unrounded ones, else those that minimise the stated objective
    among all that round to the printed ones: of a fit of these rows, the fit itself.
    """
    missing = _no_scatter(case, view)
    if missing:
        name, sentence = missing
        return NotAssessed(name=name, sentence=sentence)
    law, label = case.law, view.label
    meant = case.reported.exact or view.boxed
    # About zero, not about their mean: a robust fit leaves a mean, and it is part of what the law misses.
    squares = float(np.sum(view.residuals(law, view.estimates) ** 2))
    spread = float(np.sqrt(squares / (view.n - len(law.params))))
    largest = math.nan
    if meant is not None:
        change = view.residuals(law, centre) - view.residuals(law, meant)
        largest = float(np.max(np.abs(change)))
    ratio = largest / spread if spread > 0 else math.nan
    if math.isnan(ratio):
        sentence = (
            f"The law{case.where(view)} is not finite for some parameters that round to the "
            "printed ones."
        )
        return NotAssessed(name="bias", sentence=sentence)
    needed = digits_needed(case, view, spread)
    given = {name: _significant(case.reported.printed[name]) for name in needed}
    more = {name: digits for name, digits in needed.items() if given[name] < digits}
    return PrintedLaw(
        name="bias",
        statistic=ratio,
        threshold=MOVE,
        cells=(
            *_cells(case, view, centre, largest, spread),
            *_digit_cells(case, label, needed, given),
        ),
        evidence={
            "view": label,
            "largest_move": largest,
            "sd": spread,
            "short": [f"{name} to {digits}" for name, digits in more.items()],
        },
        ratio=ratio,
        where=case.where(view),
        digits=more,
        has_unrounded=case.reported.exact is not None,
    )


def say_move(measured: PrintedLaw, severity: Severity) -> str:
    """Return how far rounding moves the law, and which digits would prevent it."""
    far = (
        f"by up to {measured.ratio:.2g} standard deviations of the residuals"
        if measured.ratio < math.inf
        else "by any number of standard deviations of the residuals"
    )
    needed = ""
    if severity != "green" and measured.digits:
        (first, digits), *others = measured.digits.items()
        parts = [f"{first} needs {digits} significant digits"]
        parts += [f"{name} {digits}" for name, digits in others]
        needed = f"; {' and '.join([', '.join(parts[:-1]), parts[-1]] if others else parts)}"
    return f"Rounding the parameters as printed moves the law{measured.where} {far}{needed}."


def advise_move(measured: PrintedLaw) -> str:
    """Return what to print beside or instead of the rounded parameters."""
    if measured.has_unrounded:
        return (
            "Print the unrounded parameters beside the law: anyone who uses the rounded ones gets "
            "a different law."
        )
    return "Print the parameters with the digits needed, or their logarithms unrounded."


def digits_needed(case: Case, view: View, spread: float) -> dict[str, int]:
    """Return the significant digits each parameter needs.

    d_j = floor(log10|theta_j|) + 1 + ceil(-log10(.2 sd(r) / (k max_i |d f_i / d theta_j|))), f the
    law on the residual scale.
    """
    point = case.reported.centre
    if point is None or not spread > 0:
        return {}
    needed = {}
    for name in case.reported.printed:
        value = point[name]
        step = STEP * abs(value)
        if step == 0:
            continue
        high = view.residuals(case.law, {**point, name: value + step})
        low = view.residuals(case.law, {**point, name: value - step})
        with np.errstate(over="ignore", invalid="ignore"):
            slope = float(np.max(np.abs(high - low))) / (2 * step)
        if slope > 0 and math.isfinite(slope):
            room = ROUNDING_SHARE * spread / (len(case.law.params) * slope)
            if not 0 < room < math.inf:
                continue
            needed[name] = math.floor(math.log10(abs(value))) + 1 + math.ceil(-math.log10(room))
    return needed


def _no_scatter(case: Case, view: View) -> tuple[str, str] | None:
    """Return the code and the sentence of why there is no scatter to compare with."""
    where, n, k = case.where(view), view.n, len(case.law.params)
    if not view.stated.converged:
        return "bias", (
            f"Our refit{where} did not reach a certified optimum, so there is no scatter to compare "
            "the effect of rounding with."
        )
    if n <= k:
        return "bias", (
            f"{n} rows{where} for {k} parameters leave no scatter to compare the effect of rounding "
            "with."
        )
    if view.noise_free(case.law):
        return "noise_free", (
            f"Our refit{where} matches the rows to rounding error: these rows carry no noise to "
            "compare the effect of rounding with."
        )
    return None


def _cells(
    case: Case, view: View, centre: Mapping[str, float], largest: float, spread: float
) -> Iterator[Cell]:
    label, unit = view.label, "log units" if view.residual == "log" else "units of the loss"
    source = (
        "largest over the rows, against the parameters meant: unrounded, or the best in the box"
    )
    name = "move of the law by rounding"
    # Between two points of the paper it is a figure of the inputs alone, whatever was observed.
    kind = "computed" if case.reported.exact is None else "counted"
    yield Cell(name, unit=unit, source=source, view=label, **{kind: largest})
    yield Cell(
        "standard deviation of the residuals",
        computed=spread,
        unit=unit,
        source="at the refit, degrees of freedom taken off",
        view=label,
    )
    ratio = "rounding over residual deviation"
    yield Cell(ratio, computed=largest / spread, source=source, view=label)
    at_printed = view.residuals(case.law, centre)
    yield Cell(
        "median residual at the printed parameters",
        computed=float(np.median(at_printed)),
        unit=unit,
        source="fitted minus observed",
        view=label,
    )
    yield Cell(
        "share of rows fitted too high at the printed parameters",
        counted=float(np.mean(at_printed > 0)),
        source="one half is even",
        view=label,
    )


def _digit_cells(
    case: Case, label: str, needed: Mapping[str, int], given: Mapping[str, int]
) -> Iterator[Cell]:
    for name, digits in needed.items():
        yield Cell(
            f"digits needed for {name}",
            counted=float(digits),
            reported=float(given[name]),
            unit="significant digits",
            source=f"printed {case.reported.printed[name].text}; rounding all parameters must move "
            f"the law by less than {ROUNDING_SHARE / 2:g} sd(r)",
            view=label,
        )


def _significant(printed: Printed) -> int:
    """Return the significant digits a number is printed with, counted from its first digit."""
    if printed.value == 0:
        return 0
    # A number of some hundred digits has a last place that no double holds.
    place = math.log10(max(2 * printed.half_ulp, sys.float_info.min))
    return int(math.floor(math.log10(abs(printed.value))) - round(place) + 1)
