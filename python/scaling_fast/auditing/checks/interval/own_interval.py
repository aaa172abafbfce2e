"""R7: whether the paper's own interval contains the paper's own point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import Cell, Outcome, grey, joined
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import box_points, evaluate
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from scaling_fast.auditing.checks.thresholds import Severity
    from scaling_fast.auditing.claim.schema import ReportedInterval
    from scaling_fast.auditing.evidence.case import Case


def own_interval(case: Case) -> Outcome:
    """Return whether each reported interval contains the point of the reported parameters."""
    intervals = case.paper.reported.intervals
    if not intervals:
        return grey(
            "R7",
            "no_interval",
            "The paper reports no interval to hold its point against.",
            "Report an interval with its level and method.",
        )
    if case.reported.exact is None and case.reported.box is None:
        return grey("R7", "incomplete", "The paper does not report all parameters of its law.")
    return joined([_interval(case, interval) for interval in intervals])


def _interval(case: Case, interval: ReportedInterval) -> Outcome:
    lower, upper = Printed(interval.lower), Printed(interval.upper)
    said = f"[{interval.lower}, {interval.upper}]"
    if lower.is_bound or upper.is_bound:
        return grey(
            "R7",
            "bound",
            f"The interval {said} of {interval.of} has a bound for an end, so where it ends is not "
            "known.",
            "Report both ends as numbers.",
        )
    outcomes = []
    exact, box = case.reported.exact, case.reported.box
    if exact is not None:
        value = float(evaluate(interval.of, exact))
        if not np.isfinite(value):
            return _nowhere(interval)
        severity, words = _sharp(value, lower, upper)
        cell = Cell(
            "R7",
            f"{interval.of} from the unrounded parameters",
            reported=value,
            source=f"reported interval {said}",
        )
        finding = Finding(
            "R7.unrounded",
            "R7",
            severity,
            f"The unrounded parameters give {interval.of} = {value:.4f}, {words} the "
            f"paper's own {100 * interval.level:g} % interval {said}.",
            statistic=value,
            threshold=_nearest(value, lower.value, upper.value),
            evidence={"interval": [lower.value, upper.value]},
            advice=""
            if severity == "green"
            else "Explain how point and interval were computed; one of them is not of this fit.",
        )
        outcomes.append(Outcome((finding,), (cell,)))
    points = box_points(box) if box is not None else None
    if points is not None:
        values = evaluate(interval.of, points)
        if not np.all(np.isfinite(values)):
            return joined([*outcomes, _nowhere(interval)])
        low, high = float(np.min(values)), float(np.max(values))
        severity, words = _rounded(low, high, lower, upper)
        cells = tuple(
            Cell(
                "R7",
                f"{interval.of} from the printed parameters, {side}",
                reported=end,
                source=f"reported interval {said}",
            )
            for side, end in (("smallest", low), ("largest", high))
        )
        finding = Finding(
            "R7.rounded",
            "R7",
            severity,
            f"The printed parameters give {interval.of} between {low:.4f} and "
            f"{high:.4f}, which {words} the reported interval {said}.",
            statistic=(low + high) / 2,
            evidence={"box": [low, high], "interval": [lower.value, upper.value]},
            advice="Print more digits." if severity == "grey" else "",
        )
        outcomes.append(Outcome((finding,), cells))
    return joined(outcomes)


def _nowhere(interval: ReportedInterval) -> Outcome:
    return grey(
        "R7",
        "not_finite",
        f"{interval.of} has no finite value at the reported parameters, so no interval can hold it.",
    )


def _sharp(value: float, lower: Printed, upper: Printed) -> tuple[Severity, str]:
    """Return the severity for a point without rounding; the interval's ends are rounded."""
    if lower.value <= value <= upper.value:
        return "green", "inside"
    if lower.lower <= value <= upper.upper:
        return "amber", "on the edge, within rounding, of"
    return "red", "outside"


def _rounded(low: float, high: float, lower: Printed, upper: Printed) -> tuple[Severity, str]:
    """Return the severity for a range of points: grey where it settles nothing."""
    if lower.value <= low and high <= upper.value:
        return "green", "lies inside"
    if high < lower.lower or low > upper.upper:
        return "red", "lies outside"
    return "grey", "is too wide to say whether the point lies inside"


def _nearest(value: float, low: float, high: float) -> float:
    return low if value < low else high
