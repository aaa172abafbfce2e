"""Whether the reported parameters fit the rows, by likelihood ratio, Wald and score tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Check, Measurement, NotAssessed
from scaling_fast.auditing.checks.fit.likelihood_ratio import (
    RATIO,
    Ratio,
    likelihood_ratio,
    say_ratio,
)
from scaling_fast.auditing.checks.fit.p_values import PValue, adjusted, say_tested
from scaling_fast.auditing.checks.fit.score import SCORE, score
from scaling_fast.auditing.checks.fit.wald import WALD, wald
from scaling_fast.auditing.checks.missing import no_yardstick, uncertified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.findings import Severity

__all__ = ["GOODNESS"]


def measure(case: Case) -> Iterator[Measurement]:
    """Return three tests of the reported parameters for each view."""
    for view in case.views:
        point = case.reported.exact or view.boxed or case.reported.centre
        if point is None:
            yield NotAssessed(
                name="incomplete",
                sentence=f"The paper {case.reported.gap}, so the reported parameters cannot be "
                "tested.",
            )
        elif not view.stated.converged:
            yield uncertified(case, view, "the reported parameters cannot be tested against it")
        elif (missing := no_yardstick(case, view)) is not None:
            yield missing
        else:
            tests = [test(case, view, point) for test in (likelihood_ratio, wald, score)]
            yield from adjusted(tests)


def judge(measured: PValue) -> Severity:
    """Return the severity of the p-value of Holm; green means compatible, not replicated."""
    return RATIO.severity(measured.holm)


def say(measured: PValue, severity: Severity) -> str:
    """Return what the test says of the reported parameters."""
    return (
        say_ratio(measured, severity)
        if isinstance(measured, Ratio)
        else say_tested(measured, severity)
    )


def advise(measured: PValue, _: Severity) -> str:
    """Return what would let others repeat the fit."""
    if not isinstance(measured, Ratio):
        return ""
    return "Publish the unrounded parameters, the objective and the tolerance of the fit."


GOODNESS = Check(
    code="R2",
    title="Fit of the reported parameters",
    scope="fit",
    about="Do the reported parameters fit the rows?",
    question={
        "likelihood_ratio": "Are these the rows and the objective of your fit, and could you "
        "publish its parameters unrounded?",
        "wald": "Which covariance matrix do you find for the parameters, and how far do the "
        "reported ones lie from your optimum by it?",
        "sign_score": "Why do the residuals at the reported parameters lean to one side?",
    },
    source="Besiroglu et al. 2024",
    thresholds=(RATIO, WALD, SCORE),
    weight="decisive",
    needs_rows=True,
    measure=measure,
    judge=judge,
    say=say,
    advice=advise,
)
