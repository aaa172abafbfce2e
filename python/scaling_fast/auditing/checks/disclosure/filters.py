"""Whether every filter of the claim file could be applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Check, Measurement, Threshold
from scaling_fast.auditing.checks.disclosure.notes import (
    advise_noted,
    judge_noted,
    noted,
    say_noted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.evidence.case import Case

__all__ = ["FILTERS"]


def measure(case: Case) -> Iterator[Measurement]:
    """Return the filters that could not be applied; silent where all could."""
    yield from noted(case, "filter")


FILTERS = Check(
    code="filter",
    title="Filters",
    scope="disclosure",
    about="Could every filter of the claim file be applied?",
    question=None,
    source="ours",
    thresholds=(
        Threshold(
            "rows that tie at the cut of a filter", label="silent without ties; grey otherwise"
        ),
    ),
    weight="counts",
    measure=measure,
    judge=judge_noted,
    say=say_noted,
    advice=advise_noted,
)
