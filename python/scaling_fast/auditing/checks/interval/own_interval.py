"""Whether the paper's own interval contains the paper's own estimate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import (
    Cell,
    Check,
    Measured,
    Measurement,
    NotAssessed,
    Threshold,
)
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import box_points
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.claim.schema import ReportedInterval
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.findings import Severity

__all__ = ["OWN_INTERVAL"]

INSIDE = Threshold(
    "the estimate, unrounded or over all parameters that round to the printed ones, against the "
    "rounded ends",
    label="inside / outside; grey if the digits cannot tell",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnInterval(Measured):
    """The range of an estimate, of no width where the parameters are unrounded, and its interval."""

    interval: ReportedInterval
    low: float
    high: float

    @property
    def is_unrounded(self) -> bool:
        """Whether the estimate is one number."""
        return self.name == "unrounded"


def measure(case: Case) -> Iterator[Measurement]:
    """Return the estimate that the reported parameters give for each reported interval."""
    intervals = case.paper.reported.intervals
    if not intervals:
        yield NotAssessed(
            name="no_interval",
            sentence="The paper reports no interval to compare its estimate with.",
            advice="Report an interval with its level and method.",
        )
    elif case.reported.exact is None and case.reported.box is None:
        sentence = (
            "The paper does not report all parameters of its law, so its interval cannot be "
            "compared with them."
        )
        yield NotAssessed(name="incomplete", sentence=sentence)
    else:
        for interval in intervals:
            yield from _interval(case, interval)


def judge(measured: OwnInterval) -> Severity:
    """Return whether an estimate lies inside: amber on a rounded end, grey where digits cannot tell."""
    lower, upper = Printed(measured.interval.lower), Printed(measured.interval.upper)
    low, high = measured.low, measured.high
    if lower.value <= low and high <= upper.value:
        return "green"
    if high < lower.lower or low > upper.upper:
        return "red"
    return "amber" if measured.is_unrounded else "grey"


def say(measured: OwnInterval, severity: Severity) -> str:
    """Return the estimate and where it lies."""
    interval = measured.interval
    of, printed = f"`{interval.of}`", f"[{interval.lower}, {interval.upper}]"
    if measured.is_unrounded:
        where = {"green": "inside", "amber": "within rounding of an end of"}
        return (
            f"The unrounded parameters give {of} = {measured.low:.4f}, "
            f"{where.get(severity, 'outside')} the paper's own {100 * interval.level:g} % interval "
            f"{printed}."
        )
    between = f"The printed parameters give {of} between {measured.low:.4f} and {measured.high:.4f}"
    if severity == "grey":
        return (
            f"{between}, too wide a range to say whether it lies inside the reported interval "
            f"{printed}."
        )
    side = "inside" if severity == "green" else "outside"
    return f"{between}, which is {side} the reported interval {printed}."


def advise(measured: OwnInterval, severity: Severity) -> str:
    """Return what would reconcile estimate and interval."""
    if measured.is_unrounded:
        return (
            "Explain how the estimate and the interval were computed: one of them does not come "
            "from this fit."
        )
    return "Print more digits." if severity == "grey" else ""


OWN_INTERVAL = Check(
    code="R7",
    title="Estimate inside its own interval",
    scope="interval",
    about="Does the paper's interval contain the paper's estimate?",
    question={
        "unrounded": "Do the estimate and the interval come from the same fit?",
        "rounded": "Could you give the parameters with more digits?",
    },
    source="ours",
    thresholds=(INSIDE,),
    weight="decisive",
    measure=measure,
    judge=judge,
    say=say,
    advice=advise,
)


def _interval(case: Case, interval: ReportedInterval) -> Iterator[Measurement]:
    lower, upper = Printed(interval.lower), Printed(interval.upper)
    printed = f"[{interval.lower}, {interval.upper}]"
    if lower.is_bound or upper.is_bound:
        yield NotAssessed(
            name="bound",
            sentence=f"An end of the interval {printed} of `{interval.of}` is a bound, so it is not "
            "known where the interval ends.",
            advice="Report both ends as numbers.",
        )
        return
    exact, box = case.reported.exact, case.reported.box
    ends, source = [lower.value, upper.value], f"reported interval {printed}"
    if exact is not None:
        value = float(evaluate(interval.of, exact))
        if not math.isfinite(value):
            yield _not_finite(interval)
            return
        name = f"{interval.of} from the unrounded parameters"
        yield OwnInterval(
            name="unrounded",
            statistic=value,
            threshold=ends[0] if value < ends[0] else ends[1],
            cells=(Cell(name, reported=value, source=source),),
            evidence={"interval": ends},
            interval=interval,
            low=value,
            high=value,
        )
    points = box_points(box) if box is not None else None
    if points is None:
        return
    values = evaluate(interval.of, points)
    if not np.all(np.isfinite(values)):
        yield _not_finite(interval)
        return
    low, high = float(np.min(values)), float(np.max(values))
    name = f"{interval.of} from the printed parameters"
    yield OwnInterval(
        name="rounded",
        statistic=(low + high) / 2,
        cells=(
            Cell(f"{name}, smallest", reported=low, source=source),
            Cell(f"{name}, largest", reported=high, source=source),
        ),
        evidence={"box": [low, high], "interval": ends},
        interval=interval,
        low=low,
        high=high,
    )


def _not_finite(interval: ReportedInterval) -> NotAssessed:
    return NotAssessed(
        name="not_finite",
        sentence=f"`{interval.of}` is not finite at the reported parameters, so no interval can "
        "contain it.",
    )
