"""What a check hands back: findings, and the cells of the report's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View

FIND_ROWS = (
    "Pass the rows with `--data FILE` (`data=` in Python), or set SCALING_FAST_DATA to the folder "
    "that holds them."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of the report.

    Attributes
    ----------
    computed
        Estimated from the observations: moves when they do.
    counted
        A count, a share of counts, or a figure of the inputs alone.
    reported
        Arithmetic on what the paper prints.
    """

    check: str
    quantity: str
    computed: float | None = None
    counted: float | None = None
    reported: float | None = None
    unit: str = ""
    source: str = ""
    view: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Findings and cells of one check."""

    findings: tuple[Finding, ...] = ()
    cells: tuple[Cell, ...] = ()


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """Return all findings and cells in order."""
    return Outcome(
        tuple(finding for outcome in outcomes for finding in outcome.findings),
        tuple(cell for outcome in outcomes for cell in outcome.cells),
    )


def grey(check: str, code: str, sentence: str, advice: str = "") -> Outcome:
    """Return the finding that something could not be assessed."""
    return Outcome((Finding(f"{check}.{code}", check, "grey", sentence, advice=advice),))


def unjudged(case: Case, view: View, check: str) -> Outcome | None:
    """Return why a refit cannot be held against a reported point, or None if it can."""
    where = case.where(view)
    if not view.stated.is_global:
        return grey(
            check,
            "local",
            f"The optimum{where} is certified only locally, so nothing is held against it.",
            "Give bounds or starts, or more rows.",
        )
    if view.noise_free(case.law):
        return grey(
            check,
            "noise_free",
            f"The refit{where} leaves nothing over but rounding: these rows carry no noise, so "
            "there is no spread to judge the reported point by.",
            "Check that the rows are measurements and not values of the law itself.",
        )
    return None


def no_rows(case: Case, check: str) -> Outcome:
    """Return the finding that a check wants rows: undisclosed, or only out of reach here.

    What this audit could not reach is no fault of the paper: its code ends in ``unavailable`` and
    the letter to the authors leaves it out.
    """
    code, advice = (
        ("unavailable", FIND_ROWS) if case.unavailable else ("no_data", "Publish the rows.")
    )
    return grey(check, code, f"Needs the rows: {case.absent}.", advice)
