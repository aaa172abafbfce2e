"""How far the reported parameters lie from the optimum, in the covariance of refits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import Cell, Measurement
from scaling_fast.auditing.checks.fit.p_values import Form, least_significant, p_threshold
from scaling_fast.auditing.evidence.formulas import coordinates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import Resampled, View

__all__ = ["WALD", "distance_p", "wald"]

WALD = p_threshold(
    "Wald: distance from the refit in the covariance of refits, scales by logarithms; clusters by "
    "F(k, G - k)"
)


def wald(case: Case, view: View, point: Mapping[str, float]) -> Measurement:
    """Return the distance of the reported parameters in the covariance of the refits.

    Measured from the least-absolute optimum where the stated loss is near it, as the ratio is.
    """
    k, label = len(case.law.params), view.label
    cells, forms = [], []
    for resampled in view.resamples:
        if resampled.usable <= k + 1:
            continue
        found = _distance(resampled, view, point, case.law.params)
        if found is None:
            continue
        statistic, names = found
        clustered = resampled.kind == "clusters"
        units = view.groups if clustered else view.n
        p, law_of = distance_p(statistic, k, units, "clusters" if clustered else "rows")
        source = f"covariance of {resampled.usable} refits in ({', '.join(names)}); {law_of}"
        kind = resampled.kind
        cells += [
            Cell(f"Wald statistic, {kind}", computed=statistic, source=source, view=label),
            Cell(f"Wald p, {kind}", computed=p, source=source, view=label),
        ]
        if np.isfinite(p):
            forms.append(Form(p, statistic, f"{resampled.label} refits", law_of))
    why = "There are too few refits for a covariance, so the Wald test cannot be made."
    return least_significant(case, view, "wald", "Wald", forms, cells, WALD, why_none=why)


def distance_p(statistic: float, k: int, units: int, kind: str) -> tuple[float, str]:
    """Return p of a distance measured in an estimated covariance: Hotelling's F(k, units - k).

    With few rows chi-square calls one true claim in six false at 1e-4; for many the two agree.
    """
    from scipy import special

    if units <= k:
        return float("nan"), f"{units} {kind} for {k} parameters: no reference"
    scaled = (units - k) / (k * (units - 1)) * statistic
    return float(special.fdtrc(k, units - k, scaled)), f"F({k}, {units - k}) of {kind}"


def _distance(
    resampled: Resampled, view: View, point: Mapping[str, float], params: tuple[str, ...]
) -> tuple[float, list[str]] | None:
    """Return the squared distance and its coordinates; None where the covariance is singular."""
    columns, gaps, names = [], [], []
    for name in params:
        together = np.concatenate([resampled.draws[name], [point[name], view.best[name]]])
        shown, moved = coordinates(name, together)
        columns.append(moved[:-2])
        gaps.append(moved[-2] - moved[-1])
        names.append(shown)
    gap, spread = np.array(gaps), np.atleast_2d(np.cov(np.array(columns)))
    try:
        return float(gap @ np.linalg.solve(spread, gap)), names
    except np.linalg.LinAlgError:
        return None
