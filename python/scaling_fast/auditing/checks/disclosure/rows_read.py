"""Whether the rows are those of the paper: found, complete, and as many as it reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import (
    Cell,
    Check,
    Measured,
    Measurement,
    NotAssessed,
    Threshold,
)
from scaling_fast.auditing.checks.disclosure.notes import (
    Noted,
    advise_noted,
    judge_noted,
    noted,
    say_noted,
)
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.errors import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.findings import Severity

__all__ = ["ROWS_READ"]

COUNT = Threshold(
    "the reported n against the rows read and fitted",
    label="silent where they agree, amber otherwise; grey for digitised rows that are fewer, which "
    "may be an excerpt; never red",
)


FIND_ROWS = (
    "Pass the rows with `--data FILE` (`data=` in Python), or set SCALING_FAST_DATA to the folder "
    "that holds them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherNumber(Measured):
    """A reported number of rows that is neither of those read nor of those fitted."""

    counts: str  # both numbers, as the start of a sentence


def measure(case: Case) -> Iterator[Measurement]:
    """Return the rows read, and the reported number of rows where it is another."""
    yield from noted(case, "data")
    if case.is_table_only:
        why = f" ({case.why_absent})" if case.why_absent else ""
        yield NotAssessed(
            name="absent",
            sentence=f"Only the paper's own numbers were audited: {case.absent}{why}. What needs the "
            "rows does not apply and is not counted.",
            advice=FIND_ROWS if case.unavailable else f"Publish the rows. {FIND_ROWS}",
        )
        return
    read = Cell("rows read", counted=float(case.rows_read), source=case.data_label)
    yield Measurement(cells=(read,))
    yield from _reported_n(case)


def judge(measured: Measured) -> Severity:
    """Return amber for another number of rows; a note is judged already."""
    return judge_noted(measured) if isinstance(measured, Noted) else "amber"


def say(measured: Measured, severity: Severity) -> str:
    """Return both numbers of rows and what that means."""
    if isinstance(measured, Noted):
        return say_noted(measured, severity)
    assert isinstance(measured, OtherNumber)
    return (
        f"{measured.counts}. These are not the rows of the reported fit, or their number is "
        "misprinted."
    )


def advise(measured: Measured, severity: Severity) -> str:
    """Return how to make the numbers agree."""
    if isinstance(measured, Noted):
        return advise_noted(measured, severity)
    return "Find the rows of the reported fit, or correct the number."


def questions(case: Case) -> dict[str, str]:
    """Return the question about another number of rows, and about rows that are not disclosed.

    Rows that only this audit could not reach are not the paper's fault, and not asked for.
    """
    return {
        "reported_n": "How many rows was the law fitted to, and which?",
        "absent": "" if case.unavailable else "Could you publish the rows?",
        # What else is found here is between the audit and its data.
        "otherwise": "",
    }


ROWS_READ = Check(
    code="data",
    title="Number of rows",
    scope="disclosure",
    about="Are there as many rows as the paper reports?",
    question=questions,
    source="ours",
    thresholds=(COUNT,),
    weight="counts",
    measure=measure,
    judge=judge,
    say=say,
    advice=advise,
)


def _reported_n(case: Case) -> Iterator[Measurement]:
    """Return the reported number of rows unless it is one of those read or fitted."""
    text = case.paper.reported.n
    if text is None:
        return
    said = Printed(text)
    fitted = sorted({view.n for view in (*case.views, *case.alternatives)})
    counts = {case.rows_read, *fitted}
    slack = said.half_about if said.relation == "~" else 0.0
    if any(said.allows(count, count, slack=slack) for count in counts):
        return
    most = max(counts)
    used = "" if fitted == [most] else f", and {' or '.join(map(str, fitted))} were fitted"
    there = f"The paper reports {quote(text)} rows, the data have {case.rows_read}{used}"
    if case.paper.data.source == "digitised" and most < said.value + slack:
        yield NotAssessed(
            name="excerpt",
            sentence=f"{there}. The rows were digitised and may be an excerpt, so the reported "
            "number cannot be checked.",
        )
        return
    yield OtherNumber(
        name="reported_n",
        statistic=float(case.rows_read),
        threshold=said.value,
        evidence={"reported_n": text, "rows_read": case.rows_read, "fitted": fitted},
        counts=there,
    )
