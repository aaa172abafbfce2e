"""The checks of an audit, in the order of the report: one function a check."""

from __future__ import annotations

from scaling_fast.auditing.checks.decision.rounding import rounding
from scaling_fast.auditing.checks.disclosure.hygiene import hygiene
from scaling_fast.auditing.checks.extrapolation.design import decades, rows_per_parameter
from scaling_fast.auditing.checks.fit.goodness import goodness
from scaling_fast.auditing.checks.fit.reoptimised import reoptimise
from scaling_fast.auditing.checks.interval.implied_size import implied_size
from scaling_fast.auditing.checks.interval.own_interval import own_interval

CHECKS = (
    reoptimise,
    goodness,
    rounding,
    implied_size,
    own_interval,
    rows_per_parameter,
    decades,
    hygiene,
)

__all__ = ["CHECKS"]
