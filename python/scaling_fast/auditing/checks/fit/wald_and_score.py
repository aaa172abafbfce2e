"""R2: how far the reported point lies from the optimum, by the refits' covariance and by its score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import Cell, Outcome, grey, joined
from scaling_fast.auditing.checks.thresholds import P_GREEN, P_RED, falling
from scaling_fast.auditing.evidence.formulas import coordinates
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View

    Floats = NDArray[np.float64]

__all__ = ["score", "wald"]

STEP = 6e-6  # cube root of the rounding unit: step of a central difference, relative


def wald(case: Case, view: View, point: dict[str, float]) -> Outcome:
    """Return the distance of the reported point in the covariance of the refits.

    Measured from the least-absolute optimum where the stated loss is near it, as the ratio is.
    """
    k = len(case.law.params)
    cells, judged = [], []
    for resampled in view.resamples:
        if resampled.usable <= k + 1:
            continue
        columns, gaps, names = [], [], []
        for name in case.law.params:
            together = np.concatenate([resampled.draws[name], [point[name], view.best[name]]])
            shown, moved = coordinates(name, together)
            columns.append(moved[:-2])
            gaps.append(moved[-2] - moved[-1])
            names.append(shown)
        gap = np.array(gaps)
        spread = np.cov(np.array(columns))
        try:
            statistic = float(gap @ np.linalg.solve(np.atleast_2d(spread), gap))
        except np.linalg.LinAlgError:
            continue
        clustered = resampled.kind == "clusters"
        units = view.groups if clustered else view.n
        p, law_of = _spread_p(statistic, k, units, "clusters" if clustered else "rows")
        source = f"covariance of {resampled.usable} refits in ({', '.join(names)}); {law_of}"
        cells += [
            Cell(
                "R2",
                f"Wald statistic, {resampled.kind}",
                computed=statistic,
                source=source,
                view=view.label,
            ),
            Cell("R2", f"Wald p, {resampled.kind}", computed=p, source=source, view=view.label),
        ]
        if np.isfinite(p):
            judged.append((p, statistic, f"{resampled.words} refits", law_of))
    if not judged:
        return joined(
            [
                Outcome(cells=tuple(cells)),
                grey("R2", "wald", "No covariance of refits for the Wald test."),
            ]
        )
    return _judge(case, view, "wald", "Wald", max(judged), tuple(cells))


def score(case: Case, view: View, point: dict[str, float]) -> Outcome:
    """Return the score test of the reported point, which assumes no density.

    Signs of the residuals where the loss is near absolute, so that their medians are zero; the
    residuals themselves where squares were minimised and means are.
    """
    k = len(case.law.params)
    r = view.residuals(case.law, point)
    slope = np.sign(r) if view.near_l1 else r
    title = "Sign-score" if view.near_l1 else "Score"
    jacobian = _jacobian(case, view, point)
    if not np.all(np.isfinite(jacobian)):
        why = "The law has no finite gradient at the reported point."
        return grey("R2", "sign_score", why)
    scores = jacobian * slope[:, None]
    score = scores.sum(axis=0)
    cells, judged = [], []
    # A row with a residual of exactly zero has a sign all the same: its variance is that of the others.
    forms = [("rows", jacobian.T @ jacobian if view.near_l1 else scores.T @ scores, 0)]
    if view.codes is not None and view.groups > k:
        sums = np.zeros((view.groups, k))
        np.add.at(sums, view.codes, scores)
        forms.append(("clusters", sums.T @ sums, view.groups))
    for kind, middle, groups in forms:
        scale = np.sqrt(np.diag(middle))
        if not np.all(scale > 0):
            continue
        unit = score / scale
        try:
            statistic = float(unit @ np.linalg.solve(middle / np.outer(scale, scale), unit))
        except np.linalg.LinAlgError:
            continue
        p, law_of = _score_p(statistic, k, groups)
        what = "signs of the residuals" if view.near_l1 else "residuals"
        source = f"{what} at the reported point; {law_of}"
        cells += [
            Cell(
                "R2",
                f"{title.lower()} statistic, {kind}",
                computed=statistic,
                source=source,
                view=view.label,
            ),
            Cell("R2", f"{title.lower()} p, {kind}", computed=p, source=source, view=view.label),
        ]
        if np.isfinite(p):
            judged.append((p, statistic, kind, law_of))
    cells.append(
        Cell(
            "R2",
            "share of rows fitted too high",
            counted=float(np.mean(r > 0)),
            source="at the reported point; one half is even",
            view=view.label,
        )
    )
    if not judged:
        return joined(
            [
                Outcome(cells=tuple(cells)),
                grey("R2", "sign_score", f"The {title.lower()} test is singular on these rows."),
            ]
        )
    return _judge(case, view, "sign_score", title, max(judged), tuple(cells))


def _spread_p(statistic: float, k: int, units: int, kind: str) -> tuple[float, str]:
    """Return p of a distance measured in an estimated covariance: Hotelling's F(k, units - k).

    With few rows chi-square calls one true claim in six false at 1e-4; for many the two agree.
    """
    from scipy import special

    if units <= k:
        return float("nan"), f"{units} {kind} for {k} parameters: no reference"
    scaled = (units - k) / (k * (units - 1)) * statistic
    return float(special.fdtrc(k, units - k, scaled)), f"F({k}, {units - k}) of {kind}"


def _score_p(statistic: float, k: int, groups: int) -> tuple[float, str]:
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


def _judge(
    case: Case,
    view: View,
    code: str,
    title: str,
    judged: tuple[float, float, str, str],
    cells: tuple[Cell, ...],
) -> Outcome:
    """Return the finding by the least significant form of a test: the benefit of the doubt."""
    p, statistic, kind, law_of = judged
    severity = falling(p, P_GREEN, P_RED)
    words = {
        "green": "does not contradict the reported point",
        "amber": "speaks against the reported point",
        "red": "rejects the reported point",
    }.get(severity, "could not be computed for the reported point")
    finding = Finding(
        f"R2.{code}",
        "R2",
        severity,
        f"{title} test{case.where(view)} {words}: {statistic:.3g} by {kind}, p = {p:.2g} "
        f"({law_of}).",
        statistic=statistic,
        threshold=P_RED if severity == "red" else P_GREEN,
        evidence={"view": view.label, "p": p, "by": kind},
    )
    return Outcome((finding,), cells)


def _jacobian(case: Case, view: View, point: dict[str, float]) -> Floats:
    """Return d residual / d natural parameter by central differences, n by k."""
    columns = []
    for name in case.law.params:
        step = STEP * max(abs(point[name]), 1e-8)
        high = view.residuals(case.law, {**point, name: point[name] + step})
        low = view.residuals(case.law, {**point, name: point[name] - step})
        with np.errstate(over="ignore", invalid="ignore"):
            columns.append((high - low) / (2 * step))
    return np.column_stack(columns)
