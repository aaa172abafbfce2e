"""Refits that failed: counted and shown, never dropped silently."""

from __future__ import annotations

import re
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View
    from scaling_fast.findings import Severity

__all__ = ["FAILED_REFITS"]

SHARE = Threshold("share of replicates that did not converge", green=0.02, red=0.10)
RESAMPLING = re.compile(
    r"bootstrap|resampl|jackknife|bagg|percentile|BCa|cross-valid", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRefits(Measured):
    """The share of replicates without a usable fit, the largest over kinds of resampling."""

    share: float
    counts: str  # how many failed of each kind
    where: str
    any_failed: bool


def measure(case: Case) -> Iterator[Measurement]:
    """Return the share of failed replicates of each view."""
    for view in case.views:
        yield _failures(case, view)


def judge(measured: FailedRefits) -> Severity:
    """Return the severity of the largest share."""
    return SHARE.severity(measured.share)


def say(measured: FailedRefits, _: Severity) -> str:
    """Return how many refits of each kind did not converge."""
    what = " Those are counted here and left out elsewhere." if measured.any_failed else ""
    return f"{measured.counts} refits{measured.where} did not converge.{what}"


def questions(case: Case) -> dict[str, str]:
    """Return the question about failures for a paper whose interval comes from refits of its own."""
    own = any(RESAMPLING.search(interval.method) for interval in case.paper.reported.intervals)
    asked = "How many of your own refits failed, and what was done about them?"
    return {"share": asked if own else "", "otherwise": ""}


FAILED_REFITS = Check(
    code="failures",
    title="Failed refits",
    scope="disclosure",
    about="How many refits failed?",
    question=questions,
    source="ours",
    thresholds=(SHARE,),
    weight="counts",
    needs_rows=True,
    measure=measure,
    judge=judge,
    say=say,
    advice="The rows hardly identify the law: add runs, or fit fewer parameters.",
)


def _failures(case: Case, view: View) -> Measurement:
    if not view.resamples:
        return NotAssessed(
            name="no_refits",
            sentence=f"There are no refits{case.where(view)} to count failures in.",
        )
    shares = {
        resampled.kind: resampled.failed / resampled.requested for resampled in view.resamples
    }
    largest = max(shares.values())
    return FailedRefits(
        name="share",
        statistic=largest,
        threshold=SHARE.green,
        cells=tuple(
            Cell(
                f"failed refits, {resampled.kind}",
                counted=float(resampled.failed),
                source=f"of {resampled.requested}",
                view=view.label,
            )
            for resampled in view.resamples
        ),
        evidence={"view": view.label, **shares},
        share=largest,
        counts=" and ".join(
            f"{resampled.failed} of {resampled.requested} {resampled.label}"
            for resampled in view.resamples
        ),
        where=case.where(view),
        any_failed=largest > 0,
    )
