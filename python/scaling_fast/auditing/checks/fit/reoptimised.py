"""R1: minimise the stated objective again and compare with the reported point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import Cell, Outcome, grey, joined, no_rows, unjudged
from scaling_fast.auditing.checks.thresholds import OBJECTIVE_GAP_GREEN, SHIFT_GREEN, rising
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import claim_values, coordinates, evaluate
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View


ROUNDING_GAP = 1e-11
"""Relative difference of two sums of a few hundred losses that is rounding."""

ADVICE = {
    "stated": "Minimise to a certified optimum: scale the objective, tighten tolerances, restart.",
    "assumed": "State the objective: the paper does not, and the one assumed here may not be the one that was "
    "minimised.",
}


def reoptimise(case: Case) -> Outcome:
    """Return the gap of the objective, the shift of parameters and of the claimed quantities."""
    if not case.views:
        return no_rows(case, "R1")
    return joined([_view(case, view) for view in case.views])


def _view(case: Case, view: View) -> Outcome:
    where, law = case.where(view), case.law
    if not view.stated.converged:
        return grey(
            "R1",
            "uncertified",
            f"The refit{where} did not reach a certified optimum, so nothing is held against it.",
            "Give bounds or starts, or more rows.",
        )
    hat = view.hat
    source = f"{case.objective}, certified optimum, n = {view.n}"
    cells = [
        Cell(
            "R1",
            f"refitted {name}",
            computed=hat[name],
            reported=_shown(case, name),
            source=source,
            view=view.label,
        )
        for name in law.params
    ]
    cells.append(
        Cell(
            "R1",
            "objective at the optimum",
            computed=float(view.stated.objective),
            source=source,
            view=view.label,
        )
    )
    quantity = case.quantity
    if quantity not in law.params:
        cells.append(
            Cell(
                "R1",
                f"refitted {quantity}",
                computed=float(evaluate(quantity, hat)),
                reported=_expression(case, quantity),
                source=source,
                view=view.label,
            )
        )
    # An exponent that is a parameter or the headline quantity has its row already.
    shown = {quantity, *law.params}
    claims = [c for c in case.paper.claims if c.kind != "exponent" or c.expr not in shown]
    printed = {claim.id: claim.value for claim in claims}
    for claim, value in claim_values(law, claims, hat).items():
        said = printed[claim]
        number = None if said is None else Printed(said)
        cells.append(
            Cell(
                "R1",
                f"refitted claim `{claim}`",
                computed=float(value[0]),
                reported=None if number is None or number.is_bound else number.value,
                source=f"{source}; the paper says {said}"
                if number is not None and number.is_bound
                else source,
                view=view.label,
            )
        )
    best = case.reported.exact or view.boxed or case.reported.centre
    if best is None:
        return joined(
            [
                Outcome(cells=tuple(cells)),
                grey(
                    "R1",
                    "incomplete",
                    f"The paper {case.reported.gap}; there is nothing to compare.",
                ),
            ]
        )
    compared = unjudged(case, view, "R1") or _compare(case, view, best)
    return joined([Outcome(cells=tuple(cells)), compared])


def _compare(case: Case, view: View, best: dict[str, float]) -> Outcome:
    law, hat = case.law, view.hat
    objective = float(view.stated.objective)
    at_reported = float(view.stated.objective_at(best))
    gap = at_reported / objective - 1.0 if objective > 0 else float("nan")
    if abs(gap) <= ROUNDING_GAP:
        gap = 0.0
    change = view.residuals(law, best) - view.residuals(law, hat)
    largest = float(np.max(np.abs(change)))
    shifts = _shifts(view, best)
    worst = max(shifts, key=lambda name: abs(shifts[name])) if shifts else None
    kind, where = _kind(case, view), case.where(view)
    source = f"{case.objective} at the {kind}"
    unit = "log units" if view.residual == "log" else "units of the loss"
    cells = [
        Cell(
            "R1",
            "objective at the reported point",
            computed=at_reported,
            source=source,
            view=view.label,
        ),
        Cell("R1", "relative gap of the objective", computed=gap, source=source, view=view.label),
        Cell(
            "R1",
            "largest change of a fitted value",
            computed=largest,
            unit=unit,
            source=source,
            view=view.label,
        ),
    ]
    cells += [
        Cell(
            "R1",
            f"shift of {name}",
            computed=value,
            unit="standard errors",
            view=view.label,
            source="reported minus refitted over the standard deviation of the refits",
        )
        for name, value in shifts.items()
    ]
    severity = rising(gap, OBJECTIVE_GAP_GREEN, float("inf"))
    if severity == "amber" and worst and abs(shifts[worst]) <= SHIFT_GREEN:
        severity = "green"
    moved = f"; {worst} is {abs(shifts[worst]):.1f} standard errors away" if worst else ""
    if severity == "grey":
        return joined(
            [
                Outcome(cells=tuple(cells)),
                grey("R1", "objective_gap", f"The {kind}{where} has no finite objective."),
            ]
        )
    near = "at" if gap == 0.0 else f"within {_percent(gap)} of"
    sentence = (
        f"The {kind}{case.where(view)} leaves the {case.whose} objective {_percent(gap)} above its "
        f"optimum{moved}."
        if severity != "green"
        else f"The {kind}{case.where(view)} is {near} the optimum of the {case.whose} objective."
    )
    finding = Finding(
        "R1.objective_gap",
        "R1",
        severity,
        sentence,
        statistic=gap,
        threshold=OBJECTIVE_GAP_GREEN,
        evidence={
            "view": view.label,
            "objective": objective,
            "at_reported": at_reported,
            "largest_change": largest,
            **{f"shift_{k}": v for k, v in shifts.items()},
        },
        advice="" if severity == "green" else ADVICE[case.whose],
    )
    return Outcome((finding,), tuple(cells))


def _kind(case: Case, view: View) -> str:
    if case.reported.exact is not None:
        return "reported point (unrounded)"
    if view.boxed is not None:
        return "best point that prints as reported"
    return "reported point as printed"


def _shifts(view: View, best: dict[str, float]) -> dict[str, float]:
    """Return (reported - refitted) / standard deviation over refits.

    Scales (E, A, B, C0) are compared by their logarithms, as in the Wald test: a few refits that
    run off would otherwise make the deviation, and not the shift, astronomical.
    """
    source = view.clusters or view.pairs
    if source is None or source.usable < 2:
        return {}
    shifts = {}
    for name, values in source.draws.items():
        together = np.concatenate([values, [best[name], view.hat[name]]])
        shown, moved = coordinates(name, together)
        spread = float(np.std(moved[:-2], ddof=1))
        if spread > 0 and np.isfinite(spread):
            shift = float(moved[-2] - moved[-1]) / spread
            if np.isfinite(shift):
                shifts[shown] = shift
    return shifts


def _shown(case: Case, name: str) -> float | None:
    point = case.reported.best
    if point is not None:
        return point[name]
    return case.reported.printed[name].value if name in case.reported.printed else None


def _expression(case: Case, quantity: str) -> float | None:
    point = case.reported.best
    return None if point is None else float(evaluate(quantity, point))


def _percent(share: float) -> str:
    """Return a share in per cent, two digits where they are few."""
    if share == float("inf"):
        return "infinitely far"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
