"""The checks of an audit, in the order of the report: one function a check."""

from __future__ import annotations

from scaling_fast.auditing.checks.design import decades, rows_per_parameter
from scaling_fast.auditing.checks.goodness import goodness
from scaling_fast.auditing.checks.hygiene import hygiene
from scaling_fast.auditing.checks.implied_size import implied_size
from scaling_fast.auditing.checks.own_interval import own_interval
from scaling_fast.auditing.checks.reoptimise import reoptimise
from scaling_fast.auditing.checks.rounding import rounding

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
