"""Whether a reported interval is as wide as the rows allow, and how many rows it would need otherwise."""

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
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import quantile_interval
from scaling_fast.fitting.near_absolute import is_nearly_absolute
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scaling_fast.auditing.claim.schema import ReportedInterval
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import Resampled, View
    from scaling_fast.findings import Severity

__all__ = ["IMPLIED_SIZE"]

WIDTH = Threshold(
    "W = our width / reported width with its ends unrounded outwards, times sqrt(n / reported n) where more "
    "rows are reported than there are; ours from cluster refits where the claim file has a cluster rule, "
    "else from row refits; under smooth losses enlarged by sqrt(n/(n - k)) and t quantiles; of "
    "fewer than 12 clusters only what is too narrow for rows is held against the interval",
    green=1.5,
    red=2.0,
)
FEWEST_CLUSTERS = 12
"""Clusters below which percentiles over refits of whole clusters are too narrow to be held against anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedSize(Measured):
    """How much too narrow an interval is, and how many rows one so narrow would need."""

    of: str
    ratio: float  # of widths
    least: float  # rows, with the reported ends unrounded outwards
    about: float
    reported_n: str | None
    rows: int
    clusters: int  # 0 where rows were resampled


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
        return
    elif 0 < view.groups < FEWEST_CLUSTERS:
        narrow = _too_narrow_for_rows(case, view, intervals)
        yield from narrow
        if narrow:
            return
        yield NotAssessed(
            name="few_clusters",
            sentence=f"The rows form {view.groups} clusters, and from fewer than {FEWEST_CLUSTERS} no "
            "width can be told that a reported interval must have.",
            advice="Add runs: clusters, not rows, say how wide an interval must be.",
        )
    elif (
        reference := view.clusters if view.groups else view.pairs
    ) is None or not reference.usable:
        sentence = "There are no refits to compare the reported interval with."
        yield NotAssessed(name="no_refits", sentence=sentence)
    else:
        for interval in intervals:
            yield _interval(case, view, reference, interval)


def judge(measured: ImpliedSize) -> Severity:
    """Return the severity of our width over the reported one."""
    return WIDTH.severity(measured.ratio)


def say(measured: ImpliedSize, severity: Severity) -> str:
    """Return how much too narrow the interval is, and how many rows one so narrow would take."""
    rows = f"{measured.rows} rows"
    if measured.clusters:
        rows = f"{rows} in {measured.clusters} clusters"
    if severity == "green":
        return (
            f"The reported interval of `{measured.of}` is not much narrower than {rows} allow: our "
            f"width is {measured.ratio:.2g} times the reported one."
        )
    said = measured.reported_n or str(measured.rows)
    start = f"An interval of `{measured.of}` as narrow as the reported one"
    there = f"the paper reports {said}" if measured.reported_n else f"there are {said}"
    if math.isinf(measured.least):
        return f"{start} would take more rows than can be counted; {there}."
    about = f" (about {_rows(measured.about)})" if math.isfinite(measured.about) else ""
    return (
        f"The reported interval of `{measured.of}` is {measured.ratio:.2g} times too narrow for {rows}: "
        f"one so narrow would take at least {_rows(measured.least)} rows{about}; {there}."
    )


IMPLIED_SIZE = Check(
    code="R6",
    title="Implied sample size",
    scope="interval",
    about="Is the interval as wide as the rows allow, and how many rows would it need otherwise?",
    question={
        "implied_size": "How many refits stand behind the interval, from which starting points and "
        "to which tolerance?"
    },
    source="Besiroglu et al. 2024",
    thresholds=(WIDTH,),
    weight="decisive",
    needs_rows=True,
    measure=measure,
    judge=judge,
    say=say,
    advice="Refit every replicate to a certified optimum, from more than one starting point.",
)


def _too_narrow_for_rows(
    case: Case, view: View, intervals: Sequence[ReportedInterval]
) -> list[Measurement]:
    """Return the intervals that are too narrow even for independent rows, where clusters are too few.

    Errors that runs share only widen an interval, so its width over the rows is the least it can have.
    """
    if view.pairs is None or not view.pairs.usable:
        return []
    found = [_interval(case, view, view.pairs, interval) for interval in intervals]
    return [
        each
        for each in found
        if isinstance(each, ImpliedSize) and WIDTH.severity(each.ratio) == "red"
    ]


def _interval(
    case: Case, view: View, reference: Resampled, interval: ReportedInterval
) -> Measurement:
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
    implied = {}
    for resampled in view.resamples:
        ends = _our_ends(case, view, resampled, interval)
        ours = ends[1] - ends[0]
        least = view.n * (ours / widest) ** 2 if widest > 0 else math.nan
        about = view.n * (ours / width) ** 2 if width > 0 else math.inf
        implied[resampled.kind] = (least, about)
        cells += _cells(view, interval, resampled, ends, least=least, about=about)
    least, about = implied[reference.kind]
    reported_n = case.paper.reported.n
    # An excerpt is held to the rows of the paper; a reported number that is too small, to the rows here.
    rows = max(float(view.n), 0.0 if reported_n is None else Printed(reported_n).value)
    ratio = math.sqrt(least / rows)
    source = f"{reference.label} refits, against n {rows:g}"
    cells += [
        Cell("our width over the reported width", computed=ratio, source=source, view=view.label),
        Cell(
            "implied over reported rows, at least",
            computed=ratio**2,
            source=source,
            view=view.label,
        ),
    ]
    if math.isnan(ratio):
        why = f"The refits, or the reported ends, give `{interval.of}` no finite width."
        return NotAssessed(name="not_finite", sentence=why, cells=tuple(cells))
    ends_of = {"implied": about, "at_least": least, "reported_n": reported_n}
    return ImpliedSize(
        name="implied_size",
        statistic=ratio,
        threshold=WIDTH,
        cells=tuple(cells),
        evidence={**ends_of, "by": reference.kind, "width": width, "widest": widest},
        of=interval.of,
        ratio=ratio,
        least=least,
        about=about,
        reported_n=reported_n,
        rows=view.n,
        clusters=view.groups,
    )


def _our_ends(
    case: Case, view: View, resampled: Resampled, interval: ReportedInterval
) -> tuple[float, float]:
    """Return our interval: percentiles over the refits, enlarged for few rows under smooth losses.

    Refits of few rows scatter too little. The ends move away from the estimate by sqrt(n/(n - k))
    and the t over the normal quantile; of G clusters by sqrt(G/(G - 1)) and t of G - 1.
    """
    low, high = quantile_interval(evaluate(interval.of, resampled.draws), interval.level)
    units, lost = view.n, len(case.law.params)
    if is_nearly_absolute(view.stated.request, view.stated.params):
        return low, high
    if resampled.kind == "clusters":
        units, lost = view.groups, 1
    if units <= lost:
        return low, high
    from scipy import special

    upper = (1.0 + interval.level) / 2.0
    quantiles = float(special.stdtrit(units - lost, upper)) / float(special.ndtri(upper))
    factor = math.sqrt(units / (units - lost)) * quantiles
    middle = float(evaluate(interval.of, view.estimates))
    return middle + factor * (low - middle), middle + factor * (high - middle)


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
