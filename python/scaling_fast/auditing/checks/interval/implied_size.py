"""How many rows a reported interval would need to be as narrow as it is."""

from __future__ import annotations

import math
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
from scaling_fast.auditing.checks.missing import no_rows
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import quantile_interval
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaling_fast.auditing.claim.schema import ReportedInterval
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import Resampled, View
    from scaling_fast.findings import Severity

__all__ = ["IMPLIED_SIZE"]

RATIO = Threshold(
    "n (our width / reported width)², at least, over the reported n", green=2.0, red=10.0
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedSize(Measured):
    """How many rows an interval as narrow as the reported one would need."""

    of: str
    ratio: float  # of `least` over the reported rows
    least: float  # with the reported ends unrounded outwards
    about: float
    reported_n: str | None
    rows: int


def measure(case: Case) -> Iterator[Measurement]:
    """Return n (w_ours / w_reported)^2 for each reported interval, and its least value."""
    intervals, view = case.paper.reported.intervals, case.headline
    if not intervals:
        yield NotAssessed(
            name="no_interval",
            sentence="The paper reports no interval, so its width cannot be judged.",
            advice="Report an interval with its level and method.",
        )
    elif view is None:
        yield no_rows(case)
    elif not any(resampled.usable for resampled in view.resamples):
        sentence = "There are no refits to compare the reported interval with."
        yield NotAssessed(name="no_refits", sentence=sentence)
    else:
        for interval in intervals:
            yield _interval(case, view, interval)


def judge(measured: ImpliedSize) -> Severity:
    """Return the severity of the implied over the reported rows."""
    return RATIO.severity(measured.ratio)


def say(measured: ImpliedSize, severity: Severity) -> str:
    """Return how many rows so narrow an interval would take."""
    said = measured.reported_n or str(measured.rows)
    if severity == "green":
        return f"The reported interval of `{measured.of}` is no narrower than {said} rows allow."
    start = f"An interval of `{measured.of}` as narrow as the reported one"
    there = f"the paper reports {said}" if measured.reported_n else f"there are {said}"
    if math.isinf(measured.least):
        return f"{start} would take more rows than can be counted; {there}."
    about = f" (about {_rows(measured.about)})" if math.isfinite(measured.about) else ""
    return f"{start} would take at least {_rows(measured.least)} rows{about}; {there}."


IMPLIED_SIZE = Check(
    code="R6",
    title="Implied sample size",
    scope="interval",
    about="How many rows would so narrow an interval need?",
    question={
        "implied_size": "How many refits stand behind the interval, from which starting points and "
        "to which tolerance?"
    },
    source="Besiroglu et al. 2024",
    thresholds=(RATIO,),
    weight="decisive",
    measure=measure,
    judge=judge,
    say=say,
    advice="Refit every replicate to a certified optimum, from more than one starting point.",
)


def _interval(case: Case, view: View, interval: ReportedInterval) -> Measurement:
    lower, upper = Printed(interval.lower), Printed(interval.upper)
    printed = f"[{interval.lower}, {interval.upper}]"
    if lower.is_bound or upper.is_bound:
        return NotAssessed(
            name="bound",
            sentence=f"An end of the interval {printed} of `{interval.of}` is a bound, so its width "
            "is not known.",
            advice="Report both ends as numbers.",
        )
    width, widest = upper.value - lower.value, upper.upper - lower.lower
    cells = [
        Cell(
            f"reported {100 * interval.level:g} % width of {interval.of}",
            reported=width,
            source=f"{printed}, at most {widest:.3g} before rounding",
        )
    ]
    implied = []
    for resampled in view.resamples:
        ends = quantile_interval(evaluate(interval.of, resampled.draws), interval.level)
        ours = ends[1] - ends[0]
        least = view.n * (ours / widest) ** 2 if widest > 0 else math.nan
        about = view.n * (ours / width) ** 2 if width > 0 else math.inf
        implied.append((least, about))
        cells += _cells(view, interval, resampled, ends, least=least, about=about)
    least, about = implied[0]
    reported_n = case.paper.reported.n
    ratio = least / (Printed(reported_n).value if reported_n is not None else float(view.n))
    cells.append(
        Cell(
            "implied over reported rows, at least",
            computed=ratio,
            source=f"against n {reported_n or view.n}",
            view=view.label,
        )
    )
    if math.isnan(ratio):
        why = f"The refits, or the reported ends, give `{interval.of}` no finite width."
        return NotAssessed(name="not_finite", sentence=why, cells=tuple(cells))
    ends_of = {"implied": about, "at_least": least, "reported_n": reported_n}
    return ImpliedSize(
        name="implied_size",
        statistic=ratio,
        threshold=RATIO,
        cells=tuple(cells),
        evidence={**ends_of, "width": width, "widest": widest},
        of=interval.of,
        ratio=ratio,
        least=least,
        about=about,
        reported_n=reported_n,
        rows=view.n,
    )


def _cells(
    view: View,
    interval: ReportedInterval,
    resampled: Resampled,
    ends: tuple[float, float],
    *,
    least: float,
    about: float,
) -> Iterator[Cell]:
    """Return our interval beside the reported one, and the rows that this implies."""
    label, kind = view.label, resampled.kind
    source = f"percentile interval of {resampled.usable} {resampled.label} refits"
    printed = Printed(interval.lower), Printed(interval.upper)
    for side, end, reported in zip(("lower", "upper"), ends, printed, strict=True):
        yield Cell(
            f"{100 * interval.level:g} % interval of {interval.of}, {side}, {kind}",
            computed=end,
            reported=reported.value,
            source=source,
            view=label,
        )
    tag = "" if resampled is view.pairs else f", {kind}"
    yield Cell(
        f"implied sample size{tag}",
        computed=about,
        unit="rows",
        source=f"{view.n} (w_ours/w_reported)^2",
        view=label,
    )
    yield Cell(
        f"implied sample size, at least{tag}",
        computed=least,
        unit="rows",
        source="the same with the reported ends unrounded outwards",
        view=label,
    )


def _rows(value: float) -> str:
    """Return a number of rows to two digits, rounded down: `at least` must stay true.

    4,000 refits leave a standard error of 3 %, so a third digit would be chance.
    """
    if value >= 1e15:
        return f"{value:.0e}"
    digits = max(0, len(str(int(value))) - 2)
    return f"{int(value) // 10**digits * 10**digits:,}"
