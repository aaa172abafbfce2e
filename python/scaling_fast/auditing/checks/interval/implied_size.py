"""R6: how many rows a reported interval would need to be as narrow as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import Cell, Outcome, grey, joined, no_rows
from scaling_fast.auditing.checks.thresholds import IMPLIED_GREEN, IMPLIED_RED, rising
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import evaluate, quantile_interval
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from scaling_fast.auditing.claim.schema import ReportedInterval
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View


def implied_size(case: Case) -> Outcome:
    """Return n (w_ours / w_reported)^2 for each reported interval, and its least value."""
    intervals = case.paper.reported.intervals
    if not intervals:
        return grey(
            "R6",
            "no_interval",
            "The paper reports no interval, so none can be too narrow.",
            "Report an interval with its level and method.",
        )
    view = case.headline
    if view is None:
        return no_rows(case, "R6")
    if not view.resamples or not any(r.usable for r in view.resamples):
        return grey("R6", "no_refits", "No resample to compare the reported interval with.")
    return joined([_interval(case, view, interval) for interval in intervals])


def _interval(case: Case, view: View, interval: ReportedInterval) -> Outcome:
    lower, upper = Printed(interval.lower), Printed(interval.upper)
    if lower.is_bound or upper.is_bound:
        return grey(
            "R6",
            "bound",
            f"The interval [{interval.lower}, {interval.upper}] of {interval.of} has a bound for an "
            "end, so its width is not known.",
            "Report both ends as numbers.",
        )
    width = upper.value - lower.value
    widest = upper.upper - lower.lower
    cells = [
        Cell(
            "R6",
            f"reported {100 * interval.level:g} % width of {interval.of}",
            reported=width,
            source=f"[{interval.lower}, {interval.upper}], at most {widest:.3g} before rounding",
        )
    ]
    implied: dict[str, tuple[float, float]] = {}
    for resampled in view.resamples:
        values = evaluate(interval.of, resampled.draws)
        ends = quantile_interval(values, interval.level)
        ours = ends[1] - ends[0]
        kind = resampled.kind
        source = f"percentile interval of {resampled.usable} {resampled.words} refits"
        cells += [
            Cell(
                "R6",
                f"{100 * interval.level:g} % interval of {interval.of}, {side}, {kind}",
                computed=end,
                reported=printed.value,
                source=source,
                view=view.label,
            )
            for side, end, printed in zip(("lower", "upper"), ends, (lower, upper), strict=True)
        ]
        least = view.n * (ours / widest) ** 2 if widest > 0 else float("nan")
        about = view.n * (ours / width) ** 2 if width > 0 else float("inf")
        implied[kind] = (least, about)
        tag = "" if resampled is view.pairs else f", {kind}"
        cells += [
            Cell(
                "R6",
                f"implied sample size{tag}",
                computed=about,
                unit="rows",
                view=view.label,
                source=f"{view.n} (w_ours/w_reported)^2",
            ),
            Cell(
                "R6",
                f"implied sample size, at least{tag}",
                computed=least,
                unit="rows",
                view=view.label,
                source="the same with the reported ends unrounded outwards",
            ),
        ]
    least, about = implied[view.resamples[0].kind]
    reported_n = case.paper.reported.n
    base = Printed(reported_n).value if reported_n is not None else float(view.n)
    ratio = least / base
    cells.append(
        Cell(
            "R6",
            "implied over reported rows, at least",
            computed=ratio,
            view=view.label,
            source=f"against n {reported_n or view.n}",
        )
    )
    if ratio != ratio:
        why = f"{interval.of} has no finite width over the refits, or none as reported."
        return joined([Outcome(cells=tuple(cells)), grey("R6", "not_finite", why)])
    severity = rising(ratio, IMPLIED_GREEN, IMPLIED_RED)
    said = f"the reported {reported_n}" if reported_n is not None else f"{view.n}"
    sentence = (
        f"An interval of {interval.of} as narrow as the reported one needs at least "
        f"{_rows(least)} runs (about {_rows(about)}), against {said}."
        if severity != "green"
        else f"The reported interval of {interval.of} is as wide as {said} runs allow."
    )
    finding = Finding(
        "R6.implied_size",
        "R6",
        severity,
        sentence,
        statistic=ratio,
        threshold=IMPLIED_RED if severity == "red" else IMPLIED_GREEN,
        evidence={
            "implied": about,
            "at_least": least,
            "reported_n": reported_n,
            "width": width,
            "widest": widest,
        },
        advice=""
        if severity == "green"
        else "Refit every replicate to a certified optimum, from more than one start.",
    )
    return Outcome((finding,), tuple(cells))


def _rows(value: float) -> str:
    """Return a number of rows to two digits, rounded down: `at least` must stay true.

    4,000 refits leave a standard error of 3 %, so a third digit would be chance.
    """
    if not value < 1e15:
        return "more than any number of"
    digits = max(0, len(str(int(value))) - 2)
    return f"{int(value) // 10**digits * 10**digits:,}"
