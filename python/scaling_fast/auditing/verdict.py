"""From findings to one word, and to one sentence for each question a reader asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scaling_fast.auditing.multiplicity import holm
from scaling_fast.findings import PRECEDENCE, Finding, Severity, worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scaling_fast.auditing.checks.check import Check, Weight

__all__ = ["SCOPES", "scope_severity", "scopes", "verdict"]

OTHER_AMBERS: Final = 2  # that many doubts that do not decide, amber or red, make a scope amber
HOLM_LEVEL: Final = 0.10  # chance of one false alarm among the tests of a scope that do not decide
GREY_SHARE: Final = 1.0 / 2.0  # more of a scope's findings grey than this: grey
UNCLAIMED: Final = "no_interval"  # how a code ends when the paper claims nothing that could fail


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
        "decision",
        "Is the decision stable?",
        {"green": "Yes, within the printed digits.", "amber": "Only roughly.", "red": "No."},
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
        "disclosure",
        "Is enough disclosed to repeat it?",
        {
            "green": "Yes, as far as was checked.",
            "amber": "Not everything.",
            "red": "No.",
        },
    ),
)
JUDGED: Final = ("fit", "interval", "decision")
"""The scopes whose worst is the verdict. Extrapolation enters where a claim states an accuracy beyond the rows;
disclosure never does: what is left open widens what may be found, and breaks no claim."""
UNKNOWN: Final = "Cannot be assessed from what the paper discloses."
NO_ROWS: Final = "Cannot be assessed without the rows."


def verdict(
    findings: Iterable[Finding],
    checks: Iterable[Check[Any]],
    weights: Mapping[str, Weight],
    *,
    is_extrapolated: bool = False,
) -> Severity:
    """Return the verdict of an audit: the worst of fit, interval and decision.

    The precedence is red, grey, amber, green. A scope without findings, or one of which the paper
    claims nothing, is not counted; if none is counted the verdict is grey.

    Parameters
    ----------
    findings
        What came out of the checks.
    checks
        The checks, each of which belongs to one scope.
    weights
        Code of a check, or of a finding where that weighs less -> its weight in this case.
    is_extrapolated
        Whether a claim states an accuracy beyond the rows. Extrapolation then enters, at worst amber:
        nothing there decides.

    Examples
    --------
    >>> from scaling_fast.auditing.checks import CHECKS
    >>> weights = {"R2": "decisive", "R7": "decisive"}
    >>> red, grey = Finding("R7.x", "R7", "red", "outside"), Finding("R2.x", "R2", "grey", "?")
    >>> verdict([red, grey], CHECKS, weights), verdict([], CHECKS, weights)
    ('red', 'grey')
    """
    inside = _by_scope(findings, checks, weights)
    judged = [
        scope_severity(inside[scope], weights) for scope in JUDGED if _is_claimed(inside[scope])
    ]
    if is_extrapolated:
        beyond = _extrapolation(inside["extrapolation"])
        judged.append("amber" if beyond == "red" else beyond)
    return next((severity for severity in PRECEDENCE if severity in judged), "grey")


def scope_severity(inside: Sequence[Finding], weights: Mapping[str, Weight]) -> Severity:
    """Return the severity of the findings of one scope that count.

    A decisive red is red. Grey if more than half could not be assessed. A decisive amber is amber,
    and so are two others, amber or red; those that are tests with a p-value must be significant at
    .10 by Holm among the tests of the scope that do not decide.
    """
    decisive = {finding.severity for finding in inside if _weight(finding, weights) == "decisive"}
    if "red" in decisive:
        return "red"
    grey = sum(finding.severity == "grey" for finding in inside)
    if grey > GREY_SHARE * len(inside) or not inside:
        return "grey"
    others = [finding for finding in inside if _weight(finding, weights) == "counts"]
    doubts = {  # the same doubt on several columns of observations is one
        (finding.code, finding.evidence.get("claim"))
        for finding in _significant(others)
        if finding.severity in {"amber", "red"}
    }
    return "amber" if "amber" in decisive or len(doubts) >= OTHER_AMBERS else "green"


def _significant(others: Sequence[Finding]) -> list[Finding]:
    """Return the findings without those tests that several chances of a false alarm explain."""
    tested = [finding for finding in others if "p" in finding.evidence]
    adjusted = holm([float(finding.evidence["p"]) for finding in tested])
    chance = {id(finding) for finding, p in zip(tested, adjusted, strict=True) if p > HOLM_LEVEL}
    return [finding for finding in others if id(finding) not in chance]


def _weight(finding: Finding, weights: Mapping[str, Weight]) -> Weight:
    return weights.get(finding.code, weights[finding.check])


def _by_scope(
    findings: Iterable[Finding], checks: Iterable[Check[Any]], weights: Mapping[str, Weight]
) -> dict[str, list[Finding]]:
    """Return the findings that count, by the scope of their check."""
    scope_of = {check.code: check.scope for check in checks}
    inside: dict[str, list[Finding]] = {asked.scope: [] for asked in SCOPES}
    for finding in findings:
        if _weight(finding, weights) != "advisory":
            inside[scope_of[finding.check]].append(finding)
    return inside


def _is_claimed(inside: Sequence[Finding]) -> bool:
    """Return whether there is anything in a scope that could fail."""
    return any(finding.code.partition(".")[2] != UNCLAIMED for finding in inside)


def _extrapolation(inside: Sequence[Finding]) -> Severity:
    """Return the word of extrapolation: wide inputs are needed for a horizon and do not make one."""
    severity = worst(inside)
    return "grey" if severity == "green" else severity


def scopes(
    findings: Sequence[Finding],
    checks: Iterable[Check[Any]],
    weights: Mapping[str, Weight],
    *,
    is_table_only: bool = False,
) -> list[dict[str, Any]]:
    """Return one answer per scope: its severity, a short answer, and the finding behind it."""
    of_check = {check.code: check for check in checks}
    inside = _by_scope(findings, of_check.values(), weights)
    return [
        _answer(asked, inside[asked.scope], of_check, weights, is_table_only=is_table_only)
        for asked in SCOPES
    ]


def _answer(
    asked: ScopeQuestion,
    inside: Sequence[Finding],
    of_check: Mapping[str, Check[Any]],
    weights: Mapping[str, Weight],
    *,
    is_table_only: bool,
) -> dict[str, Any]:
    if asked.scope == "extrapolation":
        severity = _extrapolation(inside)
    elif asked.scope == "disclosure":
        severity = worst([finding for finding in inside if finding.severity != "grey"])
    else:
        severity = scope_severity(inside, weights)

    def rank(finding: Finding) -> tuple[bool, int, bool, bool]:
        leads = finding.code.partition(".")[2] in of_check[finding.check].leads
        decides = _weight(finding, weights) == "decisive"
        place = PRECEDENCE.index(finding.severity)
        return finding.severity != severity, place, not decides, not leads

    leading = min(inside, key=rank, default=None)
    rowless = is_table_only and not inside
    because = "What is asked here needs the rows." if rowless else "Nothing was checked."
    return {
        "scope": asked.scope,
        "question": asked.question,
        "severity": severity,
        "answer": NO_ROWS if rowless else asked.answers.get(severity, UNKNOWN),
        "because": leading.sentence if leading is not None else because,
    }
