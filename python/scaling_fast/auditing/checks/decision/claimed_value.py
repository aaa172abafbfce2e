"""Whether the reported parameters give the number that the paper claims."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import (
    Cell,
    Measured,
    Measurement,
    NotAssessed,
    Threshold,
)
from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import claim_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.auditing.claim.schema import Claim
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.findings import Severity

    Floats = NDArray[np.float64]

__all__ = [
    "CLAIM",
    "ClaimedValue",
    "advise_claimed",
    "claimed_value",
    "judge_claimed",
    "say_claimed",
]

CLAIM = Threshold(
    "the claimed number against its range over the parameters that round to the printed ones, and its "
    "value at the unrounded parameters",
    label="inside both / outside both; amber inside one of them, or for a claim of several approaches "
    "(`across`)",
    weight="decisive; counts for `across`",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedValue(Measured):
    """What the reported parameters give for one claim."""

    claim: Claim
    is_met: Mapping[str, bool]  # by each printed set of digits
    unrounded: float | None
    image: tuple[float, float] | None  # least and greatest over the box


def claimed_value(case: Case, claim: Claim, points: Mapping[str, Floats] | None) -> Measurement:
    """Return the claimed number at the unrounded parameters, and its range over the box."""
    exact, said = case.reported.exact, str(claim.value)
    cells: list[Cell] = []
    unrounded, image = None, None
    if exact is not None:
        value = claim_value(case.law, claim, exact)
        if value is None:
            return _not_of_this_law(claim)
        unrounded = float(value[0])
        name = f"claim `{claim.id}` from the unrounded parameters"
        cells.append(Cell(name, reported=unrounded, source=f"the paper says {said}"))
    if points is not None:
        values = claim_value(case.law, claim, points)
        if values is None:
            return _not_of_this_law(claim)
        if np.all(np.isfinite(values)):
            image = float(np.min(values)), float(np.max(values))
            source = f"over the parameters that round to the printed ones; the paper says {said}"
            for side, end in zip(("smallest", "largest"), image, strict=True):
                cells.append(Cell(f"claim `{claim.id}`, {side}", reported=end, source=source))
    given = {"the unrounded": (unrounded, unrounded), "the printed": image or (None, None)}
    wanted = Printed(said)
    slack = (claim.tolerance or 0.0) * abs(wanted.value)
    is_met = {
        name: wanted.allows(low, high, slack=slack)
        for name, (low, high) in given.items()
        if low is not None and high is not None
    }
    if not is_met:
        sentence = f"The claim `{claim.id}` has no finite value at the reported parameters."
        return NotAssessed(name="target", sentence=sentence, cells=tuple(cells))
    middle = unrounded if unrounded is not None else sum(image or ()) / 2
    return ClaimedValue(
        # Said of several fits together: one of them alone cannot break it.
        name="across" if claim.across else "target",
        statistic=middle,
        threshold=wanted.value,
        cells=tuple(cells),
        evidence={
            "claim": claim.id,
            "claimed": _claimed(wanted, slack),
            "image": list(image) if image else None,
            "unrounded": unrounded,
        },
        claim=claim,
        is_met=is_met,
        unrounded=unrounded,
        image=image,
    )


def judge_claimed(measured: ClaimedValue) -> Severity:
    """Return green where every set of digits meets the number, amber where one does, else red.

    A claim of several approaches is never red.
    """
    if all(measured.is_met.values()):
        return "green"
    return "amber" if measured.claim.across or any(measured.is_met.values()) else "red"


def say_claimed(measured: ClaimedValue, severity: Severity) -> str:
    """Return what the reported parameters give, beside what the paper says."""
    claim, gives = measured.claim, _gives(measured)
    within = f" within {100 * claim.tolerance:g} %" if claim.tolerance else ""
    said = f"{claim.value}{within}"
    if claim.across and severity != "green":
        kind = "unrounded" if measured.unrounded is not None else "printed"
        return (
            f"The {kind} parameters of this approach give {gives} for `{claim.id}`, while the "
            f"paper's recommendation, drawn from all its approaches, was {said}. The "
            "recommendation rests on all approaches; this audit compares only this one."
        )
    if severity == "amber":
        met = next(name for name, is_met in measured.is_met.items() if is_met)
        return (
            f"Only {met} parameters of the paper give the claimed `{claim.id}` ({said}): they give "
            f"{gives}."
        )
    if severity == "green":
        return f"The reported parameters give the claimed `{claim.id}` ({said}): {gives}."
    return (
        f"The reported parameters cannot give the claimed `{claim.id}` ({said}): they give {gives}."
    )


def advise_claimed() -> str:
    """Return what the paper would have to say."""
    return "Say which parameters the decision was based on."


def _gives(measured: ClaimedValue) -> str:
    image, unrounded = measured.image, measured.unrounded
    span = "" if image is None else f"{image[0]:.4g} to {image[1]:.4g}"
    if unrounded is None:
        return span
    return f"{unrounded:.4g}" + (f" (as printed: {span})" if span else "")


def _claimed(printed: Printed, slack: float) -> list[float | None]:
    """Return the range a claim stands for; None is an end that it leaves open."""
    least, most = printed.meant
    ends = min(least, printed.value - slack), max(most, printed.value + slack)
    return [end if math.isfinite(end) else None for end in ends]


def _not_of_this_law(claim: Claim) -> NotAssessed:
    sentence = f"The claim `{claim.id}` cannot be computed from this law."
    return NotAssessed(name="target", sentence=sentence)
