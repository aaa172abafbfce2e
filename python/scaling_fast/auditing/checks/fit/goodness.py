"""R2: do the reported parameters fit the rows? Likelihood ratio, Wald and score tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Outcome, grey, joined, no_rows, unjudged
from scaling_fast.auditing.checks.fit.likelihood_ratio import likelihood_ratio
from scaling_fast.auditing.checks.fit.wald_and_score import score, wald

if TYPE_CHECKING:
    from scaling_fast.auditing.evidence.case import Case


def goodness(case: Case) -> Outcome:
    """Return three tests of the reported point; green means compatible, not replicated."""
    if not case.views:
        return no_rows(case, "R2")
    outcomes = []
    for view in case.views:
        point = case.reported.exact or view.boxed or case.reported.centre
        if point is None:
            outcomes.append(grey("R2", "incomplete", f"The paper {case.reported.gap}."))
        elif not view.stated.converged:
            outcomes.append(
                grey(
                    "R2", "uncertified", f"No certified optimum{case.where(view)} to test against."
                )
            )
        elif (why := unjudged(case, view, "R2")) is not None:
            outcomes.append(why)
        else:
            outcomes += [
                likelihood_ratio(case, view, point),
                wald(case, view, point),
                score(case, view, point),
            ]
    return joined(outcomes)
