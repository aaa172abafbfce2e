"""What is worth knowing of a comparison before its verdicts are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.comparison.forecast_range import AICC_KEPT
from scaling_fast.comparison.likelihood_tests import SIZE
from scaling_fast.comparison.verdicts import constant_sentence
from scaling_fast.errors import quoted
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from scaling_fast.comparison.candidates import Candidate
    from scaling_fast.comparison.criteria import Criteria
    from scaling_fast.comparison.likelihood_tests import NoConstant
    from scaling_fast.comparison.ranges import Targets
    from scaling_fast.findings import Severity

__all__ = [
    "constant_finding",
    "diverged_finding",
    "fit_findings_of",
    "range_findings",
    "runs_finding",
    "verdict_finding",
]

SEVERITIES: dict[str, Severity] = {
    "supported": "green",
    "not distinguishable": "amber",
    "rejected": "red",
    "not compared": "grey",
}
"""What a verdict begins with -> its severity."""

FEWEST_RUNS = 8
"""Runs below which signs of whole runs have too few patterns: 2^7 leave a p of .01 within reach."""


def verdict_finding(laws: Sequence[Candidate], words: Sequence[str], criteria: Criteria) -> Finding:
    """Return the finding that says what holds of the first law."""
    severity = SEVERITIES[next(start for start in SEVERITIES if words[0].startswith(start))]
    delta = float(criteria.aicc[0] - criteria.mark)
    better = ""
    if words[0] == "rejected":
        best = int(np.nanargmin(criteria.aicc))
        better = (
            f": {laws[best].label} has an AICc lower by {delta:.3g}"
            if delta > AICC_KEPT and best
            else ": data sets drawn from it seldom look like these"
        )
    missing = [law.label for law, word in zip(laws, words, strict=True) if "not compared" in word]
    if words[0] == "supported" and missing:
        better = f", beside the laws that could be compared; {', '.join(missing)} could not"
    advice = {
        "green": "",
        "grey": "compare with other laws by laws=, or fit a law that the rows determine",
        "amber": "do not call this form established; report the range of forecasts of the laws that are kept",
        "red": "forecast with a law that is kept, or look for the break or the shift that this law misses",
    }[severity]
    return Finding(
        "verdict",
        "compare",
        severity,
        f"{laws[0].label}: {words[0]}{better}",
        statistic=delta,
        threshold=6.0,
        evidence={"law": laws[0].label, "verdict": words[0]},
        advice=advice,
    )


def fit_findings_of(laws: Sequence[Candidate]) -> list[Finding]:
    """Return the findings of laws that did not converge, or whose parameters the rows do not tell apart."""
    found = []
    for law in laws:
        names = law.fit.answer.flagged(law.fit.answer.unidentified, law.request.names)
        if law.converged:
            continue
        code = "unidentified" if law.status in ("not_identified", "unbounded") else "not_converged"
        which = f" ({quoted(names)} among them)" if names else ""
        sentence = {
            "unidentified": f"the rows do not determine all parameters of {law.label}{which}: it is not compared",
            "not_converged": f"the fit of {law.label} ended {law.status!r}, so it is not compared",
        }[code]
        found.append(
            Finding(
                code,
                "compare",
                "grey",
                sentence,
                evidence={"law": law.label, "status": law.status, "parameters": names},
                advice="add runs at other scales, or fix a parameter; a law in its limit is a simpler law, "
                "which may be in the table",
            )
        )
    return found


def diverged_finding(rows: NDArray[np.intp], law: Candidate) -> list[Finding]:
    """Return the finding that names runs pulled in."""
    if not rows.size:
        return []
    places = [int(law.request.table.order[row]) for row in rows]
    named = ", ".join(map(str, places))
    few = len(places) == 1
    return [
        Finding(
            "diverged_rows",
            "compare",
            "amber",
            f"{'row' if few else 'rows'} {named} {'lies' if few else 'lie'} more than 10 robust scales from most "
            "laws: "
            f"{'its target counts' if few else 'their targets count'} as three scales here, and "
            f"{'decides' if few else 'decide'} nothing",
            statistic=float(len(places)),
            evidence={"rows": places},
            advice="look at the run: if it diverged or is mistyped, leave it out of the fit too",
        )
    ]


def runs_finding(count: int) -> list[Finding]:
    """Return the finding of too few runs."""
    if count >= FEWEST_RUNS:
        return []
    least = 1.0 / 2 ** (count - 1)
    return [
        Finding(
            "few_runs",
            "compare",
            "amber",
            f"{count} runs have {2**count} patterns of signs, so no p can be far below {least:.2g}",
            statistic=float(count),
            threshold=float(FEWEST_RUNS),
            advice="add runs; until then only the criterion rejects laws",
        )
    ]


def constant_finding(found: NoConstant | None, label: str) -> list[Finding]:
    """Return the finding of the constant of the first law."""
    if found is None:
        return []
    rejected = found.p <= SIZE
    return [
        Finding(
            "constant" if rejected else "no_constant",
            "compare",
            "green" if rejected else "amber",
            constant_sentence(found, label),
            statistic=found.p,
            threshold=SIZE,
            evidence={"parameter": found.name, "ratio": found.ratio},
            advice=""
            if rejected
            else "do not quote the constant as an irreducible loss; add larger runs",
        )
    ]


def range_findings(
    table: pl.DataFrame | None, targets: Targets | None, kept: int, without: Sequence[str]
) -> list[Finding]:
    """Return the findings of the range of forecasts."""
    if table is None or targets is None:
        return []
    found = [
        Finding(
            "range",
            "compare",
            "amber" if apart > 0.0 and kept > 1 else "grey",
            sentence,
            statistic=apart,
            advice="quote the range, not the forecast of one law"
            if kept > 1
            else "one law alone is kept: the range is its own band",
        )
        for apart, sentence in zip(table["apart"], table["sentence"], strict=True)
    ]
    inside = [place for place, far in enumerate(targets.decades) if far <= 0.0]
    beyond = [place for place, far in enumerate(targets.decades) if far > targets.span + 1e-6]
    if inside:
        found.append(
            Finding(
                "inside_the_runs",
                "compare",
                "grey",
                f"{len(inside)} of {targets.count} targets lie within the runs, where laws that fit agree",
                advice="the range there is noise alone; ask beyond the largest run for that of an extrapolation",
            )
        )
    if beyond:
        found.append(
            Finding(
                "far_beyond",
                "compare",
                "red",
                f"{len(beyond)} of {targets.count} targets lie further beyond the runs than the {targets.span:.2g} "
                "decades that they span: the laws of the table are not all that fit, and the truth may lie outside",
                statistic=float(targets.decades.max()),
                threshold=targets.span,
                advice="add larger runs, or ask nearer to them",
            )
        )
    if without:
        found.append(
            Finding(
                "no_band",
                "compare",
                "grey",
                f"{', '.join(without)} {'is' if len(without) == 1 else 'are'} kept and left out of the range: "
                "no band was found at the target",
                advice="give the columns of the law in at=, or leave the law out",
            )
        )
    return found
