"""Rows counted, rows dropped, refits that failed, and what the filters did to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.auditing.checks.check import FIND_ROWS, Cell, Outcome, grey, joined
from scaling_fast.auditing.checks.thresholds import FAILURES_GREEN, FAILURES_RED, rising
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import evaluate, quantile_interval
from scaling_fast.errors import quote
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View

LEVEL = 0.80  # level at which a filter's effect is called visible; the level papers here report


def hygiene(case: Case) -> Outcome:
    """Return the counts, the failures and the notes met while reading."""
    notes = Outcome(
        tuple(
            Finding(
                note.code,
                note.code.split(".")[0],
                note.severity,
                note.sentence,
                advice=note.advice,
            )
            for note in case.notes
        )
    )
    if not case.views:
        why = f" ({case.why_absent})" if case.why_absent else ""
        return joined(
            [
                notes,
                grey(
                    "data",
                    "absent",
                    f"Table-only audit: {case.absent}{why}.",
                    FIND_ROWS,
                ),
            ]
        )
    read = Cell("data", "rows read", counted=float(case.rows_read), source=case.data_words)
    outcomes = [notes, Outcome(cells=(read,)), _reported_n(case)]
    outcomes += [_failures(case, view) for view in case.views]
    outcomes += [_filter(case, other) for other in case.alternatives]
    return joined(outcomes)


def _reported_n(case: Case) -> Outcome:
    """Return whether the reported number of rows is one of those read or fitted; silent if it is."""
    text = case.paper.reported.n
    if text is None:
        return Outcome()
    said = Printed(text)
    fitted = sorted({view.n for view in (*case.views, *case.alternatives)})
    counts = {case.rows_read, *fitted}
    slack = said.half_about if said.relation == "~" else 0.0
    if any(said.allows(count, count, slack=slack) for count in counts):
        return Outcome()
    most = max(counts)
    used = "" if fitted == [most] else f", {' or '.join(map(str, fitted))} of them fitted"
    there = f"The paper reports {quote(text)} rows and {case.rows_read} were read{used}"
    if case.paper.data.source == "digitised" and most < said.value + slack:
        return grey(
            "data",
            "excerpt",
            f"{there}: digitised, they may be an excerpt, so the reported number cannot be checked.",
        )
    finding = Finding(
        "hygiene.reported_n",
        "data",
        "amber",
        f"{there}: these are not the rows of the reported fit, or their number is misprinted.",
        statistic=float(case.rows_read),
        threshold=said.value,
        evidence={"reported_n": text, "rows_read": case.rows_read, "fitted": fitted},
        advice="Fetch the rows of the reported fit, or correct the number.",
    )
    return Outcome((finding,))


def _failures(case: Case, view: View) -> Outcome:
    """Return the share of replicates without a usable fit; none is dropped silently."""
    if not view.resamples:
        return grey("failures", "no_refits", f"No refits{case.where(view)} to count failures in.")
    cells, shares = [], {}
    for resampled in view.resamples:
        share = resampled.failed / resampled.requested
        shares[resampled.kind] = share
        cells.append(
            Cell(
                "failures",
                f"failed refits, {resampled.kind}",
                view=view.label,
                counted=float(resampled.failed),
                source=f"of {resampled.requested}",
            )
        )
    worst = max(shares.values())
    severity = rising(worst, FAILURES_GREEN, FAILURES_RED)
    kinds = " and ".join(f"{r.failed} of {r.requested} {r.words}" for r in view.resamples)
    finding = Finding(
        "failures.share",
        "failures",
        severity,
        f"{kinds} refits{case.where(view)} did not converge; they are counted, not used.",
        statistic=worst,
        threshold=FAILURES_GREEN,
        evidence={"view": view.label, **shares},
        advice="" if severity == "green" else "The design hardly identifies the law.",
    )
    return Outcome((finding,), tuple(cells))


def _filter(case: Case, other: View) -> Outcome:
    """Return whether leaving rows out by a rule that looks at the loss moves the answer (H8)."""
    view = case.headline
    if view is None or not view.resamples or not other.stated.converged:
        return Outcome()
    quantity = case.quantity
    value = float(evaluate(quantity, other.hat))
    ours = float(evaluate(quantity, view.hat))
    widest = view.resamples[-1]
    low, high = quantile_interval(evaluate(quantity, widest.draws), LEVEL)
    inside = low <= value <= high
    cells = [
        Cell(
            "H8",
            f"{quantity} with {other.rule}",
            computed=value,
            view=other.label,
            source=f"refit, n = {other.n}",
        ),
        Cell("H8", "rows", counted=float(other.n), view=other.label, source=other.rule),
    ]
    point = case.reported.exact or case.reported.centre
    if point is not None:
        cells += [
            Cell(
                "H8",
                "likelihood ratio with its own refit",
                view=other.label,
                computed=other.ratio(case.law, point, _absolute(other)),
                source=f"n = {other.n}",
            ),
            Cell(
                "H8",
                "likelihood ratio with the headline fit",
                view=other.label,
                computed=other.ratio(case.law, point, _absolute(view)),
                source=f"n = {other.n}",
            ),
        ]
    finding = Finding(
        "H8.filter",
        "H8",
        "green" if inside else "amber",
        f"{quantity} is {ours:.3f} {view.rule} and {value:.3f} with {other.rule}: "
        + ("within" if inside else "outside")
        + f" the {100 * LEVEL:g} % interval [{low:.3f}, {high:.3f}]. {_chosen(case)}",
        statistic=value,
        evidence={"headline": ours, "other": value, "interval": [low, high]},
        advice="" if inside else "Show the answer under both choices of rows.",
    )
    return Outcome((finding,), tuple(cells))


def _chosen(case: Case) -> str:
    """Return who chose the rows: the audit, by a filter of the claim file."""
    label = "" if case.headline is None else case.headline.label
    rule = next((one for one in case.paper.data.filters if one.name == label), None)
    after = f" after {rule.source}" if rule is not None and rule.source else ""
    return f"The choice of rows is this audit's own{after}."


def _absolute(view: View) -> dict[str, float]:
    best = view.absolute if view.absolute is not None and view.absolute.converged else view.stated
    return {name: float(value) for name, value in best.params.items()}
