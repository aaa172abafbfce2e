"""The gradient of the objective at the reported parameters, which assumes no density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.auditing.checks.check import Cell, Measurement, NotAssessed
from scaling_fast.auditing.checks.fit.p_values import Form, least_significant, p_threshold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View

    Floats = NDArray[np.float64]

__all__ = ["SCORE", "score", "score_p"]

SCORE = p_threshold(
    "score: signs of the residuals (residuals themselves where squares were minimised) against the "
    "gradient; no density is assumed",
    source="ours",
)
STEP = 6e-6  # cube root of the rounding unit: step of a central difference, relative


def score(case: Case, view: View, point: Mapping[str, float]) -> Measurement:
    """Return the score test of the reported parameters.

    Signs of the residuals where the loss is near absolute, so that their medians are zero; the
    residuals themselves where squares were minimised and means are.
    """
    k, label = len(case.law.params), view.label
    r = view.residuals(case.law, point)
    title = "sign-score" if view.nearly_absolute else "score"
    jacobian = _jacobian(case, view, point)
    if not np.all(np.isfinite(jacobian)):
        why = "The law has no finite gradient at the reported parameters, so the score test cannot be made."
        return NotAssessed(name="sign_score", sentence=why)
    scores = jacobian * (np.sign(r) if view.nearly_absolute else r)[:, None]
    what = "signs of the residuals" if view.nearly_absolute else "residuals"
    cells, forms = [], []
    for kind, middle, groups in _covariances(view, jacobian, scores):
        statistic = _form(scores.sum(axis=0), middle)
        if statistic is None:
            continue
        p, law_of = score_p(statistic, k, groups)
        source = f"{what} at the reported point; {law_of}"
        cells += [
            Cell(f"{title} statistic, {kind}", computed=statistic, source=source, view=label),
            Cell(f"{title} p, {kind}", computed=p, source=source, view=label),
        ]
        if np.isfinite(p):
            forms.append(Form(p, statistic, kind, law_of))
    cells.append(
        Cell(
            "share of rows fitted too high",
            counted=float(np.mean(r > 0)),
            source="at the reported point; one half is even",
            view=label,
        )
    )
    why = f"The {title} test cannot be computed: its matrix is singular on these rows."
    return least_significant(case, view, "sign_score", title, forms, cells, SCORE, why_none=why)


def score_p(statistic: float, k: int, groups: int) -> tuple[float, str]:
    """Return p of a score in its own uncentred squares: chi-square of rows, F(k, G - k) of clusters.

    Such a form cannot exceed the number of clusters; T2 = W (G - 1)/(G - W) is what Hotelling's
    F is of, and has the size it says for 10 clusters as for 42.
    """
    from scipy import special

    if groups > k:
        hotelling = (groups - k) / k * statistic / (groups - statistic)
        p = float(special.fdtrc(k, groups - k, hotelling)) if statistic < groups else 0.0
        return p, f"F({k}, {groups - k}) of clusters"
    return float(special.chdtrc(k, statistic)), f"chi-square with {k} df"


def _covariances(
    view: View, jacobian: Floats, scores: Floats
) -> list[tuple[str, NDArray[Any], int]]:
    """Return kind, covariance of the summed scores and clusters, by rows and by clusters."""
    # A row with a residual of exactly zero has a sign all the same: its variance is that of the others.
    by_rows = jacobian.T @ jacobian if view.nearly_absolute else scores.T @ scores
    forms = [("rows", by_rows, 0)]
    if view.codes is not None and view.groups > scores.shape[1]:
        sums = np.zeros((view.groups, scores.shape[1]))
        np.add.at(sums, view.codes, scores)
        forms.append(("clusters", sums.T @ sums, view.groups))
    return forms


def _form(total: Floats, middle: Floats) -> float | None:
    """Return total' middle^-1 total, scaled to a unit diagonal first; None where it is singular."""
    scale = np.sqrt(np.diag(middle))
    if not np.all(scale > 0):
        return None
    unit = total / scale
    try:
        return float(unit @ np.linalg.solve(middle / np.outer(scale, scale), unit))
    except np.linalg.LinAlgError:
        return None


def _jacobian(case: Case, view: View, point: Mapping[str, float]) -> Floats:
    """Return d residual / d natural parameter by central differences, n by k."""
    columns = []
    for name in case.law.params:
        step = STEP * max(abs(point[name]), 1e-8)
        high = view.residuals(case.law, {**point, name: point[name] + step})
        low = view.residuals(case.law, {**point, name: point[name] - step})
        with np.errstate(over="ignore", invalid="ignore"):
            columns.append((high - low) / (2 * step))
    return np.column_stack(columns)
