"""The checks of an audit, in the order of the report: one value per check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scaling_fast.auditing.checks.decision.choice_of_rows import CHOICE_OF_ROWS
from scaling_fast.auditing.checks.decision.rounding import ROUNDING
from scaling_fast.auditing.checks.disclosure.failed_refits import FAILED_REFITS
from scaling_fast.auditing.checks.disclosure.filters import FILTERS
from scaling_fast.auditing.checks.disclosure.rows_read import ROWS_READ
from scaling_fast.auditing.checks.disclosure.stated_objective import STATED_OBJECTIVE
from scaling_fast.auditing.checks.extrapolation.decades import DECADES
from scaling_fast.auditing.checks.fit.goodness import GOODNESS
from scaling_fast.auditing.checks.fit.reoptimised import REOPTIMISED
from scaling_fast.auditing.checks.fit.rows_per_parameter import ROWS_PER_PARAMETER
from scaling_fast.auditing.checks.interval.implied_size import IMPLIED_SIZE
from scaling_fast.auditing.checks.interval.own_interval import OWN_INTERVAL

if TYPE_CHECKING:
    from scaling_fast.auditing.checks.check import Check

__all__ = ["CHECKS", "NOT_ASSESSED"]

CHECKS: Final[tuple[Check[Any], ...]] = (
    REOPTIMISED,
    GOODNESS,
    ROUNDING,
    IMPLIED_SIZE,
    OWN_INTERVAL,
    ROWS_PER_PARAMETER,
    DECADES,
    STATED_OBJECTIVE,
    ROWS_READ,
    FILTERS,
    FAILED_REFITS,
    CHOICE_OF_ROWS,
)
"""Every check of an audit. Verdict, report, letter and docs/checks.md are made from this tuple alone."""

NOT_ASSESSED: Final = (
    "early stopping and the scale of the loss",
    "residual diagnostics",
    "agreement of the three approaches",
    "digitisation error of the rows",
    "how far the law may be extrapolated",
)
"""What no check covers yet."""
