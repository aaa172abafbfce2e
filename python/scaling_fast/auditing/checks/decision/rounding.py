"""What rounding the printed parameters does to the law, and to the decision the paper claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Check, Measured, Measurement, NotAssessed
from scaling_fast.auditing.checks.decision.claimed_value import (
    CLAIM,
    ClaimedValue,
    advise_claimed,
    claimed_value,
    judge_claimed,
    say_claimed,
)
from scaling_fast.auditing.checks.decision.printed_law import (
    MOVE,
    PrintedLaw,
    advise_move,
    printed_law,
    say_move,
)
from scaling_fast.auditing.evidence.formulas import box_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.findings import Severity

__all__ = ["ROUNDING"]


def measure(case: Case) -> Iterator[Measurement]:
    """Return the move of the law by rounding for each view, then every claimed number."""
    box, centre = case.reported.box, case.reported.centre
    points = None
    if box is None or centre is None:
        if case.reported.exact is None:
            sentence = f"The paper {case.reported.gap}, so the effect of rounding is not known."
            yield NotAssessed(name="incomplete", sentence=sentence)
            return
    else:
        points = box_points(box)
        if points is None:
            sentence = "The law has too many parameters for every way of rounding them to be tried."
            yield NotAssessed(name="too_many", sentence=sentence)
            return
        for view in case.views:
            yield printed_law(case, view, centre)
    for claim in case.paper.claims:
        if claim.value is not None and claim.kind not in {"equality", "fit"}:
            yield claimed_value(case, claim, points)


def judge(measured: Measured) -> Severity:
    """Return the severity of a move, which is never red, and of a claimed number by whether it is met."""
    if isinstance(measured, PrintedLaw):
        return MOVE.severity(measured.ratio)
    assert isinstance(measured, ClaimedValue)
    return judge_claimed(measured)


def say(measured: Measured, severity: Severity) -> str:
    """Return how far rounding moves the law, or what the reported parameters give."""
    if isinstance(measured, PrintedLaw):
        return say_move(measured, severity)
    assert isinstance(measured, ClaimedValue)
    return say_claimed(measured, severity)


def advise(measured: Measured, _: Severity) -> str:
    """Return what to print, or what to say."""
    return advise_move(measured) if isinstance(measured, PrintedLaw) else advise_claimed()


ROUNDING = Check(
    code="R4",
    title="Rounding and the claimed decision",
    scope="decision",
    about="Does rounding to the printed digits move the law, and do these digits give the claimed decision?",
    question={
        "bias": "Could you print the parameters with the digits needed, or their logarithms?",
        "target": "Which parameters was this decision based on?",
        "across": "Which approaches stand behind this recommendation, and how were they weighted?",
    },
    source="ours",
    thresholds=(MOVE, CLAIM),
    weight="decisive",
    measure=measure,
    judge=judge,
    say=say,
    advice=advise,
    leads=("target",),
    lighter={"bias": "counts", "noise_free": "counts", "across": "counts"},
)
