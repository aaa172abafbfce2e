"""R2: the likelihood ratio of the reported point, judged by its own resampled distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.auditing.checks.check import Cell, Outcome, grey, joined
from scaling_fast.auditing.checks.thresholds import P_GREEN, P_RED, falling
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import Resampled, View

__all__ = ["likelihood_ratio"]

TAIL_SHARE = 0.1
"""Share of the replicates, the largest, that the fitted tail is drawn through."""

TAIL_REPLICATES = 1000
"""Replicates from which on the tail may decide: fewer leave too few exceedances for an order of magnitude."""


def likelihood_ratio(case: Case, view: View, point: dict[str, float]) -> Outcome:
    """Return the likelihood ratio, judged by its own resampled distribution.

    The chi-square reference is not calibrated near absolute losses: over pairs refits of the
    digitised Chinchilla rows the ratio has mean 11, where five degrees of freedom say 5.
    """
    from scipy import special

    law, k, label = case.law, len(case.law.params), view.label
    stated = view.ratio(law, point, view.hat)
    density = "Laplace" if view.near_l1 else "Gauss"
    cells = []
    best = stated
    if view.best != view.hat:
        best = view.ratio(law, point, view.best)
        cells.append(
            Cell(
                "R2",
                "likelihood ratio",
                computed=best,
                view=label,
                source="2 n ln(S/S_hat), S the sum of absolute residuals, against the "
                "least-absolute-deviations optimum",
            )
        )
    cells.append(
        Cell(
            "R2",
            "likelihood ratio against the stated optimum",
            computed=stated,
            view=label,
            source=f"{density} likelihood, scale re-estimated at both points",
        )
    )
    centre = case.reported.centre
    if centre is not None and centre != point:
        cells.append(
            Cell(
                "R2",
                "likelihood ratio of the rounded parameters",
                view=label,
                computed=view.ratio(law, centre, view.best),
                source="the same, at the parameters as printed",
            )
        )
    cells.append(
        Cell(
            "R2",
            "chi-square p of the likelihood ratio",
            view=label,
            computed=float(special.chdtrc(k, best)),
            source=f"chi-square with {k} df: the published reference, not calibrated "
            "here and not decisive",
        )
    )
    judged: list[tuple[float, str]] = []
    for resampled in view.resamples:
        if np.sum(np.isfinite(resampled.ratio)) < 2:
            continue
        p, tail, count, more = _reference(resampled, stated, label)
        cells += more
        by_tail = count == 0 and resampled.usable >= TAIL_REPLICATES
        decided = tail if by_tail else p
        how = (
            f"no replicate of {resampled.usable} reaches it; fitted tail"
            if by_tail
            else f"{count} of {resampled.usable} replicates reach it"
        )
        judged.append((decided, f"{resampled.words} refits: {how}"))
    judged = [one for one in judged if np.isfinite(one[0])]
    if np.isnan(stated) or not judged:
        why = (
            "The reported parameters give no finite law on the rows, so no likelihood ratio."
            if np.isnan(stated)
            else "No resample to judge the likelihood ratio by."
        )
        return joined([Outcome(cells=tuple(cells)), grey("R2", "likelihood_ratio", why)])
    if not view.near_l1 and view.n > k:
        # Refits of few rows scatter too little: of 12, p is below .05 in 11 of 100 true claims, this one in 5.
        ratio = (np.exp(stated / view.n) - 1.0) * (view.n - k) / k
        p_exact = float(special.fdtrc(k, view.n - k, ratio))
        judged.append((p_exact, f"F({k}, {view.n - k}), normal residuals"))
        cells.append(
            Cell(
                "R2",
                "F test p of the reported point",
                computed=p_exact,
                view=label,
                source=f"F({k}, {view.n - k}), normal residuals",
            )
        )
    p, how = max(judged)
    severity = falling(p, P_GREEN, P_RED)
    size = f"{stated:.4g}" if stated < np.inf else "infinite"
    digitised = case.paper.data.source == "digitised"
    rows = "the digitised rows" if digitised else "the rows they are said to fit"
    open_ = " Digitisation error is not included." if digitised else ""
    sentence = (
        f"The reported parameters{case.where(view)} are compatible with the rows "
        f"(likelihood ratio {stated:.3g}, p = {p:.2g}); compatible is not replicated.{open_}"
        if severity == "green"
        else f"The reported parameters{case.where(view)} do not fit {rows}: "
        f"likelihood ratio {size}, p = {p:.1g} ({how}).{open_}"
    )
    finding = Finding(
        "R2.likelihood_ratio",
        "R2",
        severity,
        sentence,
        statistic=stated,
        threshold=P_RED if severity == "red" else P_GREEN,
        evidence={"view": label, "p": p, "reference": how, "density": density, "rows": view.n},
        advice=""
        if severity == "green"
        else "Publish unrounded parameters, the objective and the tolerance used.",
    )
    return Outcome((finding,), tuple(cells))


def _reference(
    resampled: Resampled, observed: float, label: str
) -> tuple[float, float, int, list[Cell]]:
    """Return the resampled p, its fitted tail, the exceedances, and their cells.

    Beyond the largest replicate the tail goes on as an exponential through the exceedances of the
    upper tenth. For the digitised Chinchilla rows 200,000 refits put 2e-5 beyond 83.6; from 4,000
    the exponential says 1e-6 to 8e-6, and a c chi-square(nu) with their mean and variance 1e-6.
    """
    values = resampled.ratio[np.isfinite(resampled.ratio)]
    count = int(np.sum(values >= observed))
    p = (1 + count) / (values.size + 1)
    mean = float(np.mean(values))
    start = float(np.quantile(values, 1.0 - TAIL_SHARE))
    beyond = values[values > start] - start
    tail = float("nan")
    if beyond.size and observed > start:
        tail = TAIL_SHARE * float(np.exp(-(observed - start) / np.mean(beyond)))
    kind = resampled.kind
    why = (
        f"likelihood ratio of {values.size} {resampled.words} refits against the full-data optimum"
    )
    return (
        p,
        tail,
        count,
        [
            Cell("R2", f"mean of the reference, {kind}", computed=mean, source=why, view=label),
            Cell(
                "R2",
                f"95 % point of the reference, {kind}",
                view=label,
                computed=float(np.quantile(values, 0.95)),
                source=why,
            ),
            Cell(
                "R2",
                f"replicates at or beyond, {kind}",
                counted=float(count),
                source=why,
                view=label,
            ),
            Cell(
                "R2",
                f"bootstrap p, {kind}",
                counted=p,
                source="(1 + replicates beyond)/(B + 1)",
                view=label,
            ),
            Cell(
                "R2",
                f"fitted tail p, {kind}",
                computed=tail,
                view=label,
                source="exponential through the upper tenth of the replicates; an order of magnitude",
            ),
        ],
    )
