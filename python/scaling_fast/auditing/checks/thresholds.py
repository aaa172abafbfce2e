"""Where green ends and red begins, each with its source.

All of them are ours, none is published: they are to be tuned by coverage simulation before they
are frozen. `docs/checks.md` lists them beside the statistics they judge.
"""

from __future__ import annotations

from typing import Final, Literal

Severity = Literal["green", "amber", "red", "grey"]

# R1: relative gap of the stated objective. R1 sees the gap, R2 judges it, so never red.
OBJECTIVE_GAP_GREEN: Final = 1e-3
# R1: largest shift in standard errors that leaves a larger gap green.
SHIFT_GREEN: Final = 0.1

# R2: p-values of the reported point.
P_GREEN: Final = 0.05
P_RED: Final = 1e-4

# R4: bias by rounding, in standard deviations of the residuals.
ROUNDING_GREEN: Final = 0.1
ROUNDING_RED: Final = 0.5
# R4: a rounding harms if it moves the law by more than this part of sd(r).
ROUNDING_SHARE: Final = 0.2

# R6: implied over reported number of rows.
IMPLIED_GREEN: Final = 2.0
IMPLIED_RED: Final = 10.0

# Rows for each parameter: advisory, hence never red.
ROWS_GREEN: Final = 5.0

# Decades each input spans.
DECADES_GREEN: Final = 2.0
DECADES_RED: Final = 1.0

# Share of replicates without a usable fit.
FAILURES_GREEN: Final = 0.02
FAILURES_RED: Final = 0.10

# Verdict: these checks alone make it red; these are advice and never count.
DECISIVE: Final = frozenset({"R2", "R4", "R6", "R7"})
ADVISORY: Final = frozenset({"rows"})
AMBER_COUNT: Final = 2  # that many ambers make the verdict amber
GREY_SHARE: Final = 1.0 / 3.0  # more of the applicable findings grey than this: grey


def rising(value: float, green: float, red: float) -> Severity:
    """Return the severity of a number that is worse when larger; NaN is grey."""
    if value != value:
        return "grey"
    return "green" if value <= green else "amber" if value <= red else "red"


def falling(value: float, green: float, red: float) -> Severity:
    """Return the severity of a number that is worse when smaller; NaN is grey."""
    if value != value:
        return "grey"
    return "green" if value >= green else "amber" if value >= red else "red"
