"""What the three tests of the reported parameters share: a p-value and how it is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Cell, Measured, Measurement, NotAssessed, Threshold
from scaling_fast.auditing.multiplicity import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View
    from scaling_fast.findings import Severity

__all__ = [
    "P_GREEN",
    "P_RED",
    "Form",
    "PValue",
    "adjusted",
    "among",
    "least_significant",
    "p_threshold",
    "say_tested",
]

P_GREEN = 0.05
P_RED = 1e-4


def p_threshold(statistic: str, *, source: str = "") -> Threshold:
    """Return the threshold of a p-value of a statistic."""
    return Threshold(
        statistic,
        green=P_GREEN,
        red=P_RED,
        worse="smaller",
        label=f"p >= {P_GREEN:g} / p < {P_RED:g}, after Holm over the tests of this check",
        source=source,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PValue(Measured):
    """A test of the reported parameters: its p-value, and where that came from."""

    p: float
    holm: float = math.nan  # p allowing for the other tests of the same parameters
    title: str  # of the test
    where: str  # which view, in brackets, if there are several
    reference: str  # the distribution that p is of


def adjusted(tests: Sequence[Measurement]) -> list[Measurement]:
    """Return the tests of one point with the p-values of Holm: three chances to fail are not one."""
    out = list(tests)
    held = [(place, test) for place, test in enumerate(tests) if isinstance(test, PValue)]
    values = holm([test.p for _, test in held])
    for (place, test), p in zip(held, values, strict=True):
        out[place] = replace(test, holm=p, evidence={**test.evidence, "p_holm": p})
    return out


@dataclass(frozen=True, slots=True, order=True)
class Form:
    """One form of a test, by rows or by clusters; the largest p decides."""

    p: float
    statistic: float
    kind: str
    reference: str


def least_significant(
    case: Case,
    view: View,
    name: str,
    title: str,
    forms: Sequence[Form],
    cells: Sequence[Cell],
    threshold: Threshold,
    *,
    why_none: str,
) -> Measurement:
    """Return the least significant form of a test: the benefit of the doubt."""
    if not forms:
        return NotAssessed(name=name, sentence=why_none, cells=tuple(cells))
    form = max(forms)
    return PValue(
        name=name,
        statistic=form.statistic,
        threshold=threshold,
        cells=tuple(cells),
        evidence={"view": view.label, "p": form.p, "by": form.kind},
        p=form.p,
        title=title,
        where=case.where(view),
        reference=f"{form.kind}, {form.reference.partition(' of ')[0]}",
    )


def among(measured: PValue) -> str:
    """Return p after Holm as the end of a clause, where it is another number."""
    if measured.p >= P_GREEN or not measured.holm > measured.p:
        return ""
    return f", or {measured.holm:.2g} among the tests of this check"


def say_tested(measured: PValue, severity: Severity) -> str:
    """Return what a test says of the reported parameters, with its statistic and p."""
    verb = {
        "green": "does not contradict",
        "amber": "casts doubt on",
        "red": "rejects",
    }.get(severity, "could not be computed for")
    return (
        f"The {measured.title} test{measured.where} {verb} the reported parameters: statistic "
        f"{measured.statistic:.3g}, p = {measured.p:.2g} ({measured.reference}){among(measured)}."
    )
