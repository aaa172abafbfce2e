"""From findings to one word, and to one sentence for each question a reader asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scaling_fast.findings import PRECEDENCE, Finding, Severity, worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaling_fast.auditing.checks.check import Check, Weight

__all__ = ["SCOPES", "scopes", "verdict"]

AMBER_COUNT: Final = 2  # that many ambers make the verdict amber
GREY_SHARE: Final = 1.0 / 3.0  # more of the findings that count grey than this: grey


@dataclass(frozen=True, slots=True)
class ScopeQuestion:
    """A question of the report's first page, and the short answer by severity."""

    scope: str
    question: str
    answers: Mapping[Severity, str]


SCOPES: Final = (
    ScopeQuestion(
        "fit",
        "Is the fit replicated?",
        {
            "green": "It is compatible with the rows, which is less than replicated.",
            "amber": "Not exactly.",
            "red": "No.",
        },
    ),
    ScopeQuestion(
        "interval",
        "Is the interval believable?",
        {
            "green": "Yes: nothing the paper prints contradicts it.",
            "amber": "Barely.",
            "red": "No.",
        },
    ),
    ScopeQuestion(
        "extrapolation",
        "How far can it be extrapolated?",
        {
            "grey": "Not assessed: no larger run was held out to test a forecast.",
            "amber": "Not assessed, and an input spans less than two decades.",
            "red": "Not at all: an input spans less than a decade.",
        },
    ),
    ScopeQuestion(
        "decision",
        "Is the decision stable?",
        {"green": "Yes, within the printed digits.", "amber": "Only roughly.", "red": "No."},
    ),
)
UNKNOWN: Final = "Cannot be assessed from what the paper discloses."
NO_ROWS: Final = "Cannot be assessed without the rows."
ROWLESS: Final = ("unavailable", "no_data")  # how a code ends when rows are all that is wanted


def verdict(findings: Iterable[Finding], weights: Mapping[str, Weight]) -> Severity:
    """Return the verdict of an audit (precedence red, grey, amber, green).

    Red if a decisive check is red; grey if more than a third of what counts could not be assessed;
    amber with two ambers or any other red; else green. Advisory checks do not count.

    Parameters
    ----------
    findings
        What came out of the checks.
    weights
        Code of a check -> its weight in this case.

    Examples
    --------
    >>> weights = {"R2": "decisive", "R7": "decisive"}
    >>> red, grey = Finding("R7.x", "R7", "red", "outside"), Finding("R2.x", "R2", "grey", "?")
    >>> verdict([red, grey], weights), verdict([], weights)
    ('red', 'grey')
    """
    counted = [finding for finding in findings if weights[finding.check] != "advisory"]
    if not counted:
        return "grey"
    reds = [finding for finding in counted if finding.severity == "red"]
    if any(weights[finding.check] == "decisive" for finding in reds):
        return "red"
    if sum(finding.severity == "grey" for finding in counted) > GREY_SHARE * len(counted):
        return "grey"
    ambers = sum(finding.severity == "amber" for finding in counted)
    return "amber" if ambers >= AMBER_COUNT or reds else "green"


def scopes(
    findings: Sequence[Finding], checks: Iterable[Check[Any]], weights: Mapping[str, Weight]
) -> list[dict[str, Any]]:
    """Return one answer per scope: its severity, a short answer, and the finding behind it."""
    of_check = {check.code: check for check in checks}
    counted = [finding for finding in findings if weights[finding.check] != "advisory"]
    return [
        _answer(
            asked,
            [finding for finding in counted if of_check[finding.check].scope == asked.scope],
            of_check,
        )
        for asked in SCOPES
    ]


def _answer(
    asked: ScopeQuestion, inside: Sequence[Finding], of_check: Mapping[str, Check[Any]]
) -> dict[str, Any]:
    def rank(finding: Finding) -> tuple[int, bool]:
        leads = finding.code.partition(".")[2] in of_check[finding.check].leads
        return PRECEDENCE.index(finding.severity), not leads

    leading = min(inside, key=rank, default=None)
    severity = worst(inside)
    if asked.scope == "extrapolation" and severity == "green":
        severity = "grey"  # wide inputs are needed for a horizon and do not make one
    rowless = leading is not None and leading.code.rpartition(".")[2] in ROWLESS
    return {
        "scope": asked.scope,
        "question": asked.question,
        "severity": severity,
        "answer": NO_ROWS if rowless else asked.answers.get(severity, UNKNOWN),
        "because": leading.sentence if leading is not None else "Nothing was checked.",
    }
