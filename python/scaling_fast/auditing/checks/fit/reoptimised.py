"""Minimise the stated objective again and compare the result with the reported parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.auditing.checks.check import (
    Cell,
    Check,
    Measured,
    Measurement,
    NotAssessed,
    Threshold,
)
from scaling_fast.auditing.checks.missing import no_yardstick, uncertified
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import (
    claim_value,
    claim_values,
    coordinates,
    quantile_interval,
)
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from scaling_fast.auditing.checks.check import Weight
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View
    from scaling_fast.findings import Severity

    Floats = NDArray[np.float64]

__all__ = ["REOPTIMISED"]

DISTANCE = Threshold(
    "s: largest distance of the headline quantity and of the claims from their values at the optimum, in "
    "standard errors (of row or cluster refits, the wider), at the unrounded parameters or else "
    "the best ones that round to the reported ones; 0 where those are a minimum too",
    green=0.1,
    red=1.0,
    label="s <= 0.1 / s > 1, on the very rows and the stated objective of the fit; elsewhere never red",
    weight="decisive on the very rows and the stated objective of the fit, else counts",
)
ROUNDING_GAP = 1e-11
"""Relative difference of two sums of a few hundred losses that is rounding."""

LEVEL_GAP = 1e-9
"""Relative difference up to which another point is a minimum too: at the other end of a level optimum, say."""

COUNTED = 1e6  # standard errors from which on a sentence gives no number
WITHIN_ONE_DEVIATION = math.erf(math.sqrt(0.5))  # of a normal variable: 68.27 %

ADVICE = {
    "stated": "Minimise to a certified optimum: scale the objective, tighten the tolerances, and "
    "restart from several points.",
    "assumed": "State the objective: the one assumed here may not be the one that was minimised.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Measured):
    """How far the reported parameters lie from the minimum of the objective."""

    gap: float
    distances: Mapping[str, float]  # of claimed quantities, in standard errors
    subject: str  # which reported parameters, as the subject of a sentence
    objective_origin: str
    decides: bool  # whether the reported parameters must be this minimum
    digitised: bool

    @property
    def farthest(self) -> str:
        """The quantity that is farthest from its refitted value."""
        return max(self.distances, key=lambda name: self.distances[name])


def measure(case: Case) -> Iterator[Measurement]:
    """Return the gap of the objective, and shifts of parameters and of the claimed quantities."""
    for view in case.views:
        if not view.stated.converged:
            yield uncertified(
                case, view, "there is nothing to compare the reported parameters with"
            )
            continue
        yield Measurement(cells=tuple(_refitted(case, view)))
        best = case.reported.exact or view.boxed or case.reported.centre
        if best is None:
            yield NotAssessed(
                name="incomplete",
                sentence=f"The paper {case.reported.gap}, so there is nothing to compare our refit "
                "with.",
            )
        else:
            yield no_yardstick(case, view) or _gap(case, view, best)


def judge(measured: Gap) -> Severity:
    """Return the severity of the largest distance; red only where the parameters must be the minimum."""
    severity = DISTANCE.severity(measured.distances[measured.farthest])
    return "amber" if severity == "red" and not measured.decides else severity


def say(measured: Gap, severity: Severity) -> str:
    """Return how far the objective is above its minimum, and which quantity is off most."""
    gap, origin, subject = measured.gap, measured.objective_origin, measured.subject
    if severity == "green":
        near = "lie at" if gap <= LEVEL_GAP else f"come within {_percent(gap)} of"
        return f"{subject} {near} the minimum of the {origin} objective."
    distance = measured.distances[measured.farthest]
    far = f"{distance:.2g}" if distance < COUNTED else "more than a million"
    off = (
        f"{subject} leave the {origin} objective {_percent(gap)} above its minimum; "
        f"`{measured.farthest}` is {far} standard errors from its refitted value."
    )
    if measured.decides:
        return f"{off} The reported parameters are not the optimum of their own rows."
    return f"{off} Digitisation error is not included." if measured.digitised else off


def advise(measured: Gap, _: Severity) -> str:
    """Return what to do, by whose objective was minimised."""
    return ADVICE[measured.objective_origin]


def weigh(case: Case) -> Weight:
    """Return that it decides under a stated objective, on rows that nobody measured off a figure.

    Elsewhere a distance may be that of the digitisation, or of an objective that the audit assumed.
    """
    is_stated = case.objective_origin == "stated" and case.paper.data.source != "digitised"
    return "decisive" if is_stated else "counts"


REOPTIMISED = Check(
    code="R1",
    title="Re-optimisation",
    scope="fit",
    about="Do the reported parameters minimise the stated objective?",
    question={
        "objective_gap": "Which optimiser, tolerance and starting points gave the reported "
        "parameters?"
    },
    source="Besiroglu et al. 2024",
    thresholds=(DISTANCE,),
    weight=weigh,
    needs_rows=True,
    measure=measure,
    judge=judge,
    say=say,
    advice=advise,
)


def _refitted(case: Case, view: View) -> Iterator[Cell]:
    """Return the refitted parameters, objective and claims, beside what the paper reports."""
    law, estimates, label = case.law, view.estimates, view.label
    source = f"{case.objective}, certified optimum, n = {view.n}"
    for name in law.params:
        yield Cell(
            f"refitted {name}",
            computed=estimates[name],
            reported=_reported(case, name),
            source=source,
            view=label,
        )
    objective = float(view.stated.objective)
    yield Cell("objective at the optimum", computed=objective, source=source, view=label)
    quantity = case.quantity
    if quantity not in law.params:
        point = case.reported.best
        yield Cell(
            f"refitted {quantity}",
            computed=float(evaluate(quantity, estimates)),
            reported=None if point is None else float(evaluate(quantity, point)),
            source=source,
            view=label,
        )
    # An exponent that is a parameter or the headline quantity has its row already.
    shown = {quantity, *law.params}
    claims = [
        claim for claim in case.paper.claims if claim.kind != "exponent" or claim.expr not in shown
    ]
    printed = {claim.id: claim.value for claim in claims}
    for name, value in claim_values(law, claims, estimates).items():
        said = printed[name]
        number = None if said is None else Printed(said)
        is_bound = number is not None and number.is_bound
        yield Cell(
            f"refitted claim `{name}`",
            computed=float(value[0]),
            reported=None if number is None or is_bound else number.value,
            source=f"{source}; the paper says {said}" if is_bound else source,
            view=label,
        )


def _gap(case: Case, view: View, best: dict[str, float]) -> Measurement:
    """Return the gap of the objective at the reported parameters, and how far they are shifted."""
    law, label = case.law, view.label
    objective = float(view.stated.objective)
    at_reported = float(view.stated.objective_at(best))
    gap = at_reported / objective - 1.0 if objective > 0 else math.nan
    if abs(gap) <= ROUNDING_GAP:
        gap = 0.0
    change = view.residuals(law, best) - view.residuals(law, view.estimates)
    largest = float(np.max(np.abs(change)))
    shifts = _shifts(view, best)
    source = f"{case.objective} at the {_kind(case, view)}"
    unit = "log units" if view.residual == "log" else "units of the loss"
    gap_name = "relative gap of the objective"
    largest_name = "largest change of a fitted value"
    cells = (
        Cell("objective at the reported point", computed=at_reported, source=source, view=label),
        Cell(gap_name, computed=gap, source=source, view=label),
        Cell(largest_name, computed=largest, unit=unit, source=source, view=label),
        *(
            Cell(
                f"shift of {name}",
                computed=value,
                unit="standard errors",
                source="reported minus refitted, over the standard deviation of the refits",
                view=label,
            )
            for name, value in shifts.items()
        ),
    )
    if math.isnan(gap):
        sentence = (
            f"The {case.objective_origin} objective is not finite at the reported parameters"
            f"{case.where(view)}."
        )
        return NotAssessed(name="objective_gap", sentence=sentence, cells=cells)
    distances = (
        dict.fromkeys(_quantities(case), 0.0) if gap <= LEVEL_GAP else _distances(case, view, best)
    )
    if not distances:
        sentence = (
            f"There are no refits{case.where(view)} to measure by how far the reported parameters lie "
            "from the minimum."
        )
        return NotAssessed(name="no_refits", sentence=sentence, cells=cells)
    cells += tuple(
        Cell(
            f"distance of {name}",
            computed=value,
            unit="robust standard errors",
            source="reported minus refitted, over the wider deviation of row and cluster refits "
            "(half of their middle 68 %)",
            view=label,
        )
        for name, value in distances.items()
    )
    return Gap(
        name="objective_gap",
        statistic=gap,
        cells=cells,
        evidence={
            "view": label,
            "objective": objective,
            "at_reported": at_reported,
            "largest_change": largest,
            "distance": max(distances.values()),
            **{f"shift_{name}": value for name, value in shifts.items()},
        },
        gap=gap,
        distances=distances,
        subject=_subject(case, view),
        objective_origin=case.objective_origin,
        decides=case.can_be_repeated(view),
        digitised=case.paper.data.source == "digitised",
    )


def _quantities(case: Case) -> dict[str, Callable[[Mapping[str, Any]], Floats | None]]:
    """Return the headline quantity and every claimed number, as functions of parameters."""
    law, headline = case.law, case.quantity
    found: dict[str, Callable[[Mapping[str, Any]], Floats | None]] = {
        headline: lambda params: np.atleast_1d(evaluate(headline, params))
    }
    for claim in case.paper.claims:
        if claim.value is not None and not (claim.kind == "exponent" and claim.expr == headline):
            found[claim.id] = partial(claim_value, law, claim)
    return found


def _distances(case: Case, view: View, best: Mapping[str, float]) -> dict[str, float]:
    """Return |reported - refitted| of each claimed quantity, in standard errors of the refits.

    The deviation is half of the middle 68 %: a few refits that run off would make the usual one,
    and not the distance, astronomical.
    """
    found = {}
    for name, quantity in _quantities(case).items():
        reported, refitted = quantity(best), quantity(view.estimates)
        if reported is None or refitted is None:
            continue
        spreads = []
        for resampled in view.resamples:
            values = quantity(resampled.draws)
            if values is None or np.sum(np.isfinite(values)) < 2:
                continue
            low, high = quantile_interval(values, WITHIN_ONE_DEVIATION)
            spreads.append((high - low) / 2.0)
        spread = max(spreads, default=0.0)
        distance = abs(float(reported[0]) - float(refitted[0]))
        if spread > 0.0 and math.isfinite(distance):
            found[name] = distance / spread
    return found


def _kind(case: Case, view: View) -> str:
    if case.reported.exact is not None:
        return "unrounded reported parameters"
    if view.boxed is not None:
        return "best parameters that round to the reported ones"
    return "reported parameters as printed"


def _subject(case: Case, view: View) -> str:
    comma = "," if case.reported.exact is None and view.boxed is None else ""
    kind = _kind(case, view).replace(" as printed", ", as printed")
    return f"The {kind}{case.where(view)}{comma}"


def _shifts(view: View, best: Mapping[str, float]) -> dict[str, float]:
    """Return (reported - refitted) / standard deviation over refits.

    Scales (E, A, B, C0) are compared by their logarithms, as in the Wald test: a few refits that
    run off would otherwise make the deviation, and not the shift, astronomical.
    """
    source = view.clusters or view.pairs
    if source is None or source.usable < 2:
        return {}
    shifts = {}
    for name, values in source.draws.items():
        together = np.concatenate([values, [best[name], view.estimates[name]]])
        shown, moved = coordinates(name, together)
        spread = float(np.std(moved[:-2], ddof=1))
        if spread > 0 and np.isfinite(spread):
            shift = float(moved[-2] - moved[-1]) / spread
            if np.isfinite(shift):
                shifts[shown] = shift
    return shifts


def _reported(case: Case, name: str) -> float | None:
    point = case.reported.best
    if point is not None:
        return point[name]
    return case.reported.printed[name].value if name in case.reported.printed else None


def _percent(share: float) -> str:
    """Return a share in per cent, two digits where they are few."""
    if share == math.inf:
        return "infinitely far"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
