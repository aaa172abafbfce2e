"""From findings to one word, and to one sentence for each question a reader asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scaling_fast.auditing.checks.thresholds import ADVISORY, AMBER_COUNT, DECISIVE, GREY_SHARE
from scaling_fast.findings import Finding, Severity, worst

if TYPE_CHECKING:
    from collections.abc import Iterable

SCOPES: Final = (
    ("fit", "Is the fit replicated?", ("R1", "R2")),
    ("interval", "Is the interval believable?", ("R6", "R7")),
    ("extrapolation", "How far may one extrapolate?", ("decades",)),
    ("decision", "Is the decision stable?", ("R4", "H8")),
)
# Of equally severe findings the first of these speaks for its scope.
SPEAKS_FIRST: Final = ("R4.target",)
ANSWERS: Final = {
    "fit": {
        "green": "Compatible, which is less than replicated.",
        "amber": "Not exactly.",
        "red": "No.",
    },
    "interval": {"green": "Yes, by its own numbers.", "amber": "Barely.", "red": "No."},
    "extrapolation": {
        "grey": "No horizon is certified: nothing larger was held out here.",
        "amber": "No horizon is certified, and an input spans under two decades.",
        "red": "Not at all: an input spans less than a decade.",
    },
    "decision": {
        "green": "Yes, within the printed digits.",
        "amber": "Only roughly.",
        "red": "No.",
    },
}
UNKNOWN: Final = "Cannot be assessed with what was disclosed."
NO_ROWS: Final = "Cannot be assessed without the rows."
ROWLESS: Final = ("unavailable", "no_data")  # how a code ends when rows are all that is wanted
ORDER: Final = {"red": 0, "grey": 1, "amber": 2, "green": 3}


def verdict(findings: Iterable[Finding]) -> Severity:
    """Return the verdict of an audit (precedence red, grey, amber, green).

    Red if a decisive check (R2, R4, R6, R7) is red; grey if more than a third of what applies
    could not be assessed; amber with two ambers or any other red; else green. Advisory checks
    do not count.

    Examples
    --------
    >>> verdict([Finding("R7.unrounded", "R7", "red", "outside"), Finding("x", "R2", "grey", "?")])
    'red'
    >>> verdict([])
    'grey'
    """
    counted = [finding for finding in findings if finding.check not in ADVISORY]
    if not counted:
        return "grey"
    if any(f.severity == "red" and f.check in DECISIVE for f in counted):
        return "red"
    if sum(f.severity == "grey" for f in counted) > GREY_SHARE * len(counted):
        return "grey"
    ambers = sum(f.severity == "amber" for f in counted)
    if ambers >= AMBER_COUNT or any(f.severity == "red" for f in counted):
        return "amber"
    return "green"


def scopes(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return one answer a scope: its severity, a short answer, and the finding behind it."""
    found = list(findings)
    out = []
    for key, question, checks in SCOPES:
        inside = sorted(
            (f for f in found if f.check in checks),
            key=lambda f: (ORDER[f.severity], f.code not in SPEAKS_FIRST),
        )
        leading = inside[0] if inside else None
        severity = worst(inside)
        if key == "extrapolation" and severity == "green":
            severity = "grey"  # wide inputs are needed for a horizon and do not make one
        rowless = leading is not None and leading.code.rpartition(".")[2] in ROWLESS
        answer = NO_ROWS if rowless else ANSWERS[key].get(severity, UNKNOWN)
        out.append(
            {
                "scope": key,
                "question": question,
                "severity": severity,
                "answer": answer,
                "because": leading.sentence if leading is not None else "Nothing was checked.",
            }
        )
    return out
