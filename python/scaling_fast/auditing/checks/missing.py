"""What several checks cannot be made without: rows, a certified refit, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import NotAssessed

if TYPE_CHECKING:
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View

__all__ = ["FIND_ROWS", "no_rows", "no_yardstick", "uncertified"]

FIND_ROWS = (
    "Pass the rows with `--data FILE` (`data=` in Python), or set SCALING_FAST_DATA to the folder "
    "that holds them."
)


def no_rows(case: Case) -> NotAssessed:
    """Return that a check needs the rows: undisclosed, or only out of reach here.

    Rows that only this audit could not reach are not the paper's fault: the code ends in
    ``unavailable`` and the letter to the authors leaves it out.
    """
    name, advice = (
        ("unavailable", FIND_ROWS) if case.unavailable else ("no_data", "Publish the rows.")
    )
    return NotAssessed(
        name=name,
        sentence=f"This cannot be checked without the rows: {case.absent}.",
        advice=advice,
    )


def uncertified(case: Case, view: View, consequence: str) -> NotAssessed:
    """Return that the refit is not certified, and what follows from it."""
    return NotAssessed(
        name="uncertified",
        sentence=f"Our refit{case.where(view)} did not reach a certified optimum, so {consequence}.",
        advice="Give bounds or starting values, or more rows.",
    )


def no_yardstick(case: Case, view: View) -> NotAssessed | None:
    """Return why a refit cannot be compared with reported parameters, or None if it can."""
    where = case.where(view)
    if not view.stated.is_global:
        return NotAssessed(
            name="local",
            sentence=f"The optimum of our refit{where} is certified only locally, so the reported "
            "parameters are not compared with it.",
            advice="Give bounds or starting values, or more rows.",
        )
    if view.noise_free(case.law):
        return NotAssessed(
            name="noise_free",
            sentence=f"Our refit{where} matches the rows to rounding error: these rows carry no "
            "noise, so there is no scatter to judge the reported parameters by.",
            advice="Check that the rows are measurements, not values computed from the law itself.",
        )
    return None
