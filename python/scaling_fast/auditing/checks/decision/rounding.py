"""R4: what rounding the printed parameters does to the law, and to the paper's own decision."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import Cell, Outcome, grey, joined, no_rows
from scaling_fast.auditing.checks.thresholds import (
    ROUNDING_GREEN,
    ROUNDING_RED,
    ROUNDING_SHARE,
    rising,
)
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import box_points, claim_value, law_values
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.auditing.claim.schema import Claim
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View
    from scaling_fast.findings import Severity

    Floats = NDArray[np.float64]

STEP = 1e-6  # relative step of the derivative behind the digits needed


def rounding(case: Case) -> Outcome:
    """Return bias by rounding, digits needed, and whether the digits give the claimed target."""
    box, centre = case.reported.box, case.reported.centre
    if box is None or centre is None:
        if case.reported.exact is None:
            return grey(
                "R4", "incomplete", f"The paper {case.reported.gap}; there is no box to search."
            )
        points: dict[str, Floats] | None = None
    else:
        points = box_points(box)
        if points is None:
            return grey("R4", "too_many", "The rounding box has too many corners to be searched.")
    outcomes = [_target(case, claim, points) for claim in case.paper.claims]
    if points is not None and centre is not None:
        if case.views:
            outcomes = [_bias(case, view, points, centre) for view in case.views] + outcomes
        else:
            outcomes.append(no_rows(case, "R4"))
    return joined(outcomes)


def _bias(case: Case, view: View, points: dict[str, Floats], centre: dict[str, float]) -> Outcome:
    """Return the largest move of the law over the box, on the rows, in residual deviations."""
    if not view.stated.converged:
        return grey("R4", "bias", f"No certified refit{case.where(view)} to scale the bias by.")
    law, label = case.law, view.label
    if view.n <= len(law.params):
        return grey(
            "R4",
            "bias",
            f"{view.n} rows{case.where(view)} for {len(law.params)} parameters leave no spread to "
            "scale the bias by.",
        )
    if view.noise_free(law):
        return grey(
            "R4",
            "noise_free",
            f"The refit{case.where(view)} leaves nothing over but rounding: these rows carry no "
            "noise to scale the bias by.",
        )
    # About zero, not about their mean: a robust fit leaves a mean, and it is part of what the law misses.
    squares = float(np.sum(view.residuals(law, view.hat) ** 2))
    spread = float(np.sqrt(squares / (view.n - len(law.params))))
    x = {name: values[None, :] for name, values in view.x.items()}
    moved = law_values(law, x, {name: values[:, None] for name, values in points.items()})
    still = law_values(law, view.x, centre)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.log(moved) - np.log(still) if view.residual == "log" else moved - still
    worst = float(np.max(np.abs(change)))
    ratio = worst / spread if spread > 0 else float("nan")
    if np.isnan(ratio):
        return grey("R4", "bias", f"The law{case.where(view)} is not finite over the box.")
    unit = "log units" if view.residual == "log" else "units of the loss"
    corners = f"largest over {next(iter(points.values())).size} points of the box and the rows"
    cells = [
        Cell(
            "R4",
            "largest move of the law by rounding",
            counted=worst,
            unit=unit,
            source=corners,
            view=label,
        ),
        Cell(
            "R4",
            "standard deviation of the residuals",
            computed=spread,
            unit=unit,
            view=label,
            source="at the refit, degrees of freedom taken off",
        ),
        Cell("R4", "rounding over residual deviation", computed=ratio, source=corners, view=label),
    ]
    at_printed = view.residuals(law, centre)
    cells += [
        Cell(
            "R4",
            "median residual at the printed parameters",
            computed=float(np.median(at_printed)),
            unit=unit,
            source="fitted minus observed",
            view=label,
        ),
        Cell(
            "R4",
            "share of rows fitted too high at the printed parameters",
            view=label,
            counted=float(np.mean(at_printed > 0)),
            source="one half is even",
        ),
    ]
    short = []
    for name, needed in digits_needed(case, view, spread).items():
        printed = case.reported.printed[name]
        given = _significant(printed)
        cells.append(
            Cell(
                "R4",
                f"digits needed for {name}",
                counted=float(needed),
                view=label,
                reported=float(given),
                unit="significant digits",
                source=f"printed {printed.text}; a rounding of all "
                f"parameters must stay below {ROUNDING_SHARE / 2:g} sd(r)",
            )
        )
        if given < needed:
            short.append(f"{name} to {needed}")
    severity = rising(ratio, ROUNDING_GREEN, ROUNDING_RED)
    far = f"{ratio:.2g}" if ratio < math.inf else "any number of"
    need = f"; print {', '.join(short)} significant digits" if short else ""
    sentence = (
        f"Rounding of the printed parameters{case.where(view)} can move the law by {far} "
        f"residual standard deviations on the rows{need if severity != 'green' else ''}."
    )
    mend = "Print parameters with the digits needed, or their logarithms unrounded."
    if case.reported.exact is not None:
        mend = "Print the unrounded parameters beside the law: whoever uses the rounded ones gets another law."
    advice = "" if severity == "green" else mend
    finding = Finding(
        "R4.bias",
        "R4",
        severity,
        sentence,
        statistic=ratio,
        threshold=ROUNDING_RED if severity == "red" else ROUNDING_GREEN,
        evidence={"view": label, "largest_move": worst, "sd": spread, "short": short},
        advice=advice,
    )
    return Outcome((finding,), tuple(cells))


def _significant(printed: Printed) -> int:
    """Return the significant digits a number is printed with, counted from its first digit."""
    if printed.value == 0:
        return 0
    place = math.log10(2 * printed.half_ulp)
    return int(math.floor(math.log10(abs(printed.value))) - round(place) + 1)


def digits_needed(case: Case, view: View, spread: float) -> dict[str, int]:
    """Return the significant digits each parameter needs.

    d_j = floor(log10|theta_j|) + 1 + ceil(-log10(.2 sd(r) / (k max_i |d f_i / d theta_j|))), f the
    law on the residual scale.
    """
    point = case.reported.centre
    if point is None or not spread > 0:
        return {}
    needed = {}
    for name in case.law.params:
        value = point[name]
        if value == 0:
            continue
        step = STEP * abs(value)
        high = view.residuals(case.law, {**point, name: value + step})
        low = view.residuals(case.law, {**point, name: value - step})
        if step == 0:
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            slope = float(np.max(np.abs(high - low))) / (2 * step)
        if slope > 0 and math.isfinite(slope):
            room = ROUNDING_SHARE * spread / (len(case.law.params) * slope)
            if not 0 < room < math.inf:
                continue
            needed[name] = math.floor(math.log10(abs(value))) + 1 + math.ceil(-math.log10(room))
    return needed


def _claimed(printed: Printed, slack: float) -> list[float | None]:
    """Return the range a claim stands for; None is an end that it leaves open."""
    least, most = printed.meant
    ends = min(least, printed.value - slack), max(most, printed.value + slack)
    return [end if math.isfinite(end) else None for end in ends]


def _target(case: Case, claim: Claim, points: dict[str, Floats] | None) -> Outcome:
    """Return whether the reported parameters give the number the paper claims."""
    if claim.value is None or claim.kind in {"equality", "fit"}:
        return Outcome()
    wanted = Printed(claim.value)
    slack = (claim.tolerance or 0.0) * abs(wanted.value)
    cells = []
    exact = case.reported.exact
    sharp = None
    if exact is not None:
        value = claim_value(case.law, claim, exact)
        if value is None:
            return grey("R4", "target", f"Claim `{claim.id}` is not a number of this law.")
        sharp = float(value[0])
        cells.append(
            Cell(
                "R4",
                f"claim `{claim.id}` from the unrounded parameters",
                reported=sharp,
                source=f"the paper says {claim.value}",
            )
        )
    image = None
    if points is not None:
        values = claim_value(case.law, claim, points)
        if values is None:
            return grey("R4", "target", f"Claim `{claim.id}` is not a number of this law.")
        if np.all(np.isfinite(values)):
            image = float(np.min(values)), float(np.max(values))
            why = f"over the numbers that print as the parameters do; the paper says {claim.value}"
            cells += [
                Cell("R4", f"claim `{claim.id}`, smallest", reported=image[0], source=why),
                Cell("R4", f"claim `{claim.id}`, largest", reported=image[1], source=why),
            ]
    if image is None and sharp is None:
        return joined(
            [
                Outcome(cells=tuple(cells)),
                grey("R4", "target", f"Claim `{claim.id}` has no finite value in the box."),
            ]
        )
    low, high = (sharp, sharp) if sharp is not None else image or (math.nan, math.nan)
    severity: Severity
    inside = wanted.allows(low, high, slack=slack)
    gives = f"{sharp:.4g}" if sharp is not None else f"{low:.4g} to {high:.4g}"
    if sharp is not None and image is not None:
        gives += f" (as printed: {image[0]:.4g} to {image[1]:.4g})"
    within = f" within {100 * claim.tolerance:g} %" if claim.tolerance else ""
    said = f"{claim.value}{within}"
    span = said if wanted.is_bound else f"= {said}"
    sentence = (
        f"The reported parameters give the claimed `{claim.id}` {span}: {gives}."
        if inside
        else f"The reported parameters cannot give the claimed `{claim.id}` {span}: "
        f"they give {gives}."
    )
    code, severity = "R4.target", "green" if inside else "red"
    if claim.across:
        # Said of several fits together: one of them alone cannot break it.
        code, severity = "R4.across", "green" if inside else "amber"
        whose = "unrounded" if sharp is not None else "printed"
        sentence = (
            f"The {whose} parameters of this approach give `{claim.id}` = {gives}, while the "
            f"paper's recommendation, from all its approaches, was {said}: judged as a statement "
            "of all approaches, which are not compared here yet."
        )
    finding = Finding(
        code,
        "R4",
        severity,
        sentence,
        statistic=sharp if sharp is not None else (low + high) / 2,
        threshold=wanted.value,
        evidence={
            "claim": claim.id,
            "claimed": _claimed(wanted, slack),
            "image": list(image) if image else None,
            "unrounded": sharp,
        },
        advice="" if inside else "Say which parameters the decision was made with.",
    )
    return Outcome((finding,), tuple(cells))
