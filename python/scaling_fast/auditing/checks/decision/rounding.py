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
from scaling_fast.auditing.checks.decision.largest_move import (
    MOVE,
    LargestMove,
    advise_move,
    largest_move,
    say_move,
)
from scaling_fast.auditing.checks.missing import no_rows
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
            yield largest_move(case, view, points, centre)
    for claim in case.paper.claims:
        if claim.value is not None and claim.kind not in {"equality", "fit"}:
            yield claimed_value(case, claim, points)
    if points is not None and not case.views:
        yield no_rows(case)


def judge(measured: Measured) -> Severity:
    """Return the severity of a move by its size, and of a claimed number by whether it is met."""
    if isinstance(measured, LargestMove):
        return MOVE.severity(measured.ratio)
    assert isinstance(measured, ClaimedValue)
    return judge_claimed(measured)


def say(measured: Measured, severity: Severity) -> str:
    """Return how far rounding moves the law, or what the reported parameters give."""
    if isinstance(measured, LargestMove):
        return say_move(measured, severity)
    assert isinstance(measured, ClaimedValue)
    return say_claimed(measured, severity)


def advise(measured: Measured, _: Severity) -> str:
    """Return what to print, or what to say."""
    return advise_move(measured) if isinstance(measured, LargestMove) else advise_claimed()


ROUNDING = Check(
    code="R4",
    title="Rounding and the claimed decision",
    scope="decision",
    about="Can rounding to the printed digits change the law, and do these digits give the claimed decision?",
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
)
