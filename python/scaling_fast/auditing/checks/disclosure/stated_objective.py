"""Whether the paper states what its fit minimised."""

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

__all__ = ["STATED_OBJECTIVE"]


def measure(case: Case) -> Iterator[Measurement]:
    """Return what the paper leaves open of its objective; silent where nothing is."""
    yield from noted(case, "disclosure")


STATED_OBJECTIVE = Check(
    code="disclosure",
    title="Stated objective",
    scope="disclosure",
    about="Does the paper state what its fit minimised?",
    question="What did the fit minimise: which loss, of which residuals, with which weights?",
    source="ours",
    thresholds=(Threshold("loss and residual in the claim file", label="stated; amber otherwise"),),
    weight="counts",
    measure=measure,
    judge=judge_noted,
    say=say_noted,
    advice=advise_noted,
)
