"""What a back-test finds: how far forecasts missed, whether a true law would, and which runs were pulled in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.findings import Finding
from scaling_fast.stress.diverged import scales_off
from scaling_fast.stress.ladder import FEWEST_PAIRS
from scaling_fast.stress.origins import shortfall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl
    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit
    from scaling_fast.stress.ladder import Ladder
    from scaling_fast.stress.scale import Scale

__all__ = ["backtest_findings"]

AMBER, RED = 0.10, 0.01
"""Largest p of a doubt, and of a failure."""

FAR = 6.0
"""Robust scales from the law beyond which a run is named."""

MOST_NAMED = 10
"""Most rows that one sentence names."""


def backtest_findings(
    refit: RobustRefit,
    scale: Scale,
    runs: NDArray[np.integer[Any]] | None,
    ladder: Ladder,
    sizes: pl.DataFrame,
    p: float,
    skill: Mapping[str, float],
) -> tuple[Finding, ...]:
    """Return the findings of a back-test.

    Parameters
    ----------
    refit, scale, runs, ladder
        What was asked.
    sizes
        Sizes of the errors of the forecasts, column error.
    p
        Share of data sets of a true law that miss as badly; NaN where it was not counted.
    skill
        Naive forecast in words -> skill against it.
    """
    found = [_verdict(refit, scale, runs, ladder, sizes, p)]
    asked = sum(int((~ladder.diverged[origin.held_out]).sum()) for origin in ladder.origins)
    if sizes.height < asked:
        found.append(
            Finding(
                "origins_without_fit",
                "backtest",
                "amber",
                f"{asked - sizes.height} of {asked} forecasts are missing: the fits of their origins ended at no "
                "finite curve",
                statistic=float(asked - sizes.height),
                threshold=0.0,
                evidence={"missing": asked - sizes.height, "asked": asked},
                advice="fix or bound a parameter that the smaller runs do not determine",
            )
        )
    if skill and all(value < 0.0 for value in skill.values()):
        found.append(
            Finding(
                "worse_than_naive",
                "backtest",
                "amber",
                "both naive forecasts were nearer than the law: "
                + ", ".join(
                    f"skill {value:.2f} against the {name}" for name, value in skill.items()
                ),
                statistic=max(skill.values()),
                threshold=0.0,
                evidence=dict(skill),
                advice="the law does not describe these runs, or they hardly change with scale",
            )
        )
    return (*found, *_far_rows(refit, ladder.diverged))


def _verdict(
    refit: RobustRefit,
    scale: Scale,
    runs: NDArray[np.integer[Any]] | None,
    ladder: Ladder,
    sizes: pl.DataFrame,
    p: float,
) -> Finding:
    if ladder.pairs < FEWEST_PAIRS or not sizes.height:
        why = shortfall(refit, scale, runs)
        if ladder.pairs >= FEWEST_PAIRS:
            why = "no fit of an origin ended at a finite curve"
        return Finding(
            "few_origins",
            "backtest",
            "grey",
            f"the back-test has {ladder.pairs} pairs of an origin and a size beyond it, and needs {FEWEST_PAIRS}: "
            f"{why}",
            statistic=float(ladder.pairs),
            threshold=float(FEWEST_PAIRS),
            evidence={"pairs": ladder.pairs, "origins": len(ladder.origins)},
            advice="add smaller runs, or order the runs by another scale with along=",
        )
    errors = sizes["error"].to_numpy()
    median, largest = float(np.median(errors)), float(np.max(errors))
    severity: Any = "red" if p <= RED else "amber" if p <= AMBER else "green"
    said = (
        f"Fitted to runs below {_range(scale, ladder)} and asked for the rest, the law missed by a median "
        f"{100 * median:.2g} %, up to {100 * largest:.2g} %"
    )
    if math.isfinite(p):
        said += f"; a true law on this design misses this badly in {100 * p:.3g} of 100 data sets."
    return Finding(
        "backtest" if severity == "green" else "backtest_miss",
        "backtest",
        severity,
        said,
        statistic=p,
        threshold=RED if severity == "red" else AMBER,
        evidence={"median_error": median, "largest_error": largest, "origins": len(ladder.origins)},
        advice=""
        if severity == "green"
        else "its forecasts beyond the runs are doubtful: compare it with other laws, and look for a bend",
    )


def _range(scale: Scale, ladder: Ladder) -> str:
    """Return the smallest and the largest origin, in words."""
    ends = [
        scale.text(float(scale.values[origin.fitted].max()))
        for origin in (ladder.origins[0], ladder.origins[-1])
    ]
    several = len(ladder.origins) > 1
    return f"{ends[0]} ({len(ladder.origins)} origins, up to {ends[1]})" if several else ends[0]


def _far_rows(refit: RobustRefit, diverged: NDArray[np.bool_]) -> Iterator[Finding]:
    """Give the findings that name runs left out, and runs that are pulled in from far off the law."""
    away = scales_off(refit)
    far = (np.abs(away) > FAR) & ~diverged
    for rows, done in (
        (diverged, "left out of the back-test"),
        (far, "pulled in to 3 so that little hangs on that"),
    ):
        if rows.any():
            yield _named(refit, away, np.flatnonzero(rows), done)


def _named(
    refit: RobustRefit, away: NDArray[np.float64], places: NDArray[np.intp], done: str
) -> Finding:
    places = places[np.argsort(-np.abs(away[places]), kind="stable")]
    rows = refit.request.table.order[places].tolist()
    named = ", ".join(str(row) for row in rows[:MOST_NAMED])
    named += f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    first = float(away[places[0]])
    return Finding(
        "outliers",
        "backtest",
        "amber",
        f"row{'' if len(rows) == 1 else 's'} {named}: {abs(first):.3g} robust scales "
        f"{'above' if first > 0 else 'below'} the law{'' if len(rows) == 1 else ' at the worst'}, {done}",
        statistic=abs(first),
        threshold=FAR,
        evidence={"rows": rows, "deviations": away[places].tolist()},
        advice="look whether this run diverged, and leave it out if it did"
        if len(rows) == 1
        else "look whether these runs diverged, and leave out those that did",
    )
