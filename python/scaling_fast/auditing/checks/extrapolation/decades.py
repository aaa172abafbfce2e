"""Decades of scale that each input spans: an exponent needs more than two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.auditing.checks.check import (
    Cell,
    Check,
    Measured,
    Measurement,
    NotAssessed,
    Threshold,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.findings import Severity

__all__ = ["DECADES"]

SPAN = Threshold("log10(largest / smallest) of each input", green=2.0, red=1.0, worse="smaller")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span(Measured):
    """The decades that one input spans."""

    span: float
    low: float
    high: float


def measure(case: Case) -> Iterator[Measurement]:
    """Return the span of each input on the headline rows."""
    view = case.headline
    if view is None:
        return
    for column, values in view.x.items():
        yield _span(column, values)


def judge(measured: Span) -> Severity:
    """Return the severity of the span."""
    return SPAN.severity(measured.span)


def say(measured: Span, _: Severity) -> str:
    """Return the span and its ends."""
    return (
        f"{measured.name} spans {measured.span:.1f} decades, from {measured.low:.3g} to "
        f"{measured.high:.3g}."
    )


def advise(measured: Span, _: Severity) -> str:
    """Return how far apart runs should lie."""
    return f"An exponent of {measured.name} needs runs over more than two decades."


DECADES = Check(
    code="decades",
    title="Decades of scale",
    scope="extrapolation",
    about="How many orders of magnitude does each input span?",
    question=None,
    source="ours",
    thresholds=(SPAN,),
    weight="counts",
    needs_rows=True,
    measure=measure,
    judge=judge,
    say=say,
    advice=advise,
)


def _span(column: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> Measurement:
    low, high = float(np.min(values)), float(np.max(values))
    if not low > 0:
        return NotAssessed(
            name="not_positive",
            sentence=f"{column} has values that are not positive, so it spans no decades.",
        )
    span = float(np.log10(high / low))
    cell = Cell(f"decades of {column}", counted=span, source=f"{low:.4g} to {high:.4g}")
    return Span(
        name=column,
        statistic=span,
        threshold=SPAN.green,
        cells=(cell,),
        evidence={"smallest": low, "largest": high},
        span=span,
        low=low,
        high=high,
    )
