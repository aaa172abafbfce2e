"""What several checks cannot be made without: a certified refit, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import NotAssessed

if TYPE_CHECKING:
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View

__all__ = ["no_yardstick", "uncertified"]


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
