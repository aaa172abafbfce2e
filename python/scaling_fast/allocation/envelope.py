"""Approach 1: the best run of each budget, and the bias of choosing the best of several noisy runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.allocation.budgets import FEWEST_SIZES, Runs, read_runs
from scaling_fast.allocation.common_draws import as_run
from scaling_fast.allocation.frontier import Frontier, budget_findings, budget_table, frontier_lines
from scaling_fast.allocation.lines import fit_lines
from scaling_fast.allocation.optima import best_runs
from scaling_fast.findings import Finding
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.allocation.optima import Optima
    from scaling_fast.findings import Severity

__all__ = [
    "approach1",
    "expected_best",
    "grid_finding",
    "grid_resolution",
    "loss_noise",
    "selection_findings",
]

NO_TILT = 1e-9
"""Share of the slope below which a tilt is rounding."""

MOST_RUNS = 10**12
"""Runs of which the best is taken, at most: the integral ends at 12 standard deviations."""

VISIBLE_TILT = 0.1
"""Share of the slope above which a tilt is worth a warning."""

VISIBLE_STEP = 0.01
"""Resolution of the exponent above which the grid of sizes is worth a warning."""

FEWEST_RUNS = 4
"""Runs of a budget that leave a degree of freedom beside a parabola."""


@ask_first
def approach1(
    frame: Any,
    *,
    columns: Mapping[str, str | pl.Expr] | None = None,
    target: str = "loss",
    flops: str | pl.Expr | None = None,
    budget: str | None = None,
    width: float = 0.1,
) -> Frontier:
    """Return N*(C) and D*(C) through the best run of each budget (Chinchilla's approach 1).

    Parameters
    ----------
    frame
        Any frame, one row per run. Pass whole learning curves through `losses_at_budgets` first.
    columns
        {"N": parameters, "D": tokens}: columns of the frame or polars expressions. With `flops` one of
        the two may be missing: it is C/6 over the other.
    target
        The loss, positive.
    flops
        Column or expression of the training FLOP; 6 N D if None.
    budget
        Column whose equal values make a budget; if None, runs whose log10 FLOP round to the same
        multiple of `width` make one.
    width
        Width of a budget in decades, above 0 and below 10.

    Returns
    -------
    Frontier
        Its table adds `run`, the caller's row of the best run, and `e_m`: how many standard
        deviations of the noise the best of that many equal runs lies below their mean.

    Raises
    ------
    DataError, ParameterError
        For a frame that cannot be used, or fewer than two budgets whose best run lies between the
        smallest and the largest size.

    Notes
    -----
    The lowest of m losses lies e_m sigma below their mean (the winner's curse), so where the number
    of runs grows or falls with compute the frontier's slope d ln L*/d ln C is off by
    -sigma d e_m/d ln C. The finding `winners_curse` gives this bias, with sigma from the residuals
    of parabolas, as if all runs of a budget were equally good: an upper limit. A larger error is often
    that of the grid of sizes: the finding `size_grid` and `.resolution` give it.
    Source: Hoffmann et al. 2022, arXiv:2203.15556.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> n = [n for c in (1e18, 1e19) for n in (c**0.5 / 10, c**0.5 / 6**0.5, c**0.5 / 0.6)]
    >>> d = [c / 6 / n for c, n in zip([1e18] * 3 + [1e19] * 3, n)]
    >>> loss = [2 + 400 / a**0.3 + 400 / b**0.3 for a, b in zip(n, d)]
    >>> found = sf.allocation.approach1({"N": n, "D": d, "loss": loss})
    >>> {name: round(value, 6) for name, value in found.exponents.items()}
    {'a': 0.5, 'b': 0.5}
    """
    runs = read_runs(frame, columns=columns, target=target, flops=flops, budget=budget, width=width)
    optima = best_runs(runs, as_run(runs))
    size, tokens = frontier_lines(optima)
    counts = np.bincount(runs.budget, minlength=runs.budgets)
    best = optima.run[0]
    table = budget_table(runs, optima).with_columns(
        pl.Series("run", np.where(best >= 0, runs.order[best], -1)),
        pl.Series("e_m", [expected_best(int(count)) for count in counts]),
    )
    resolution = grid_resolution(runs, optima)
    findings = (
        *runs.findings,
        *budget_findings(runs, table),
        *selection_findings(runs, optima),
        grid_finding(resolution),
    )
    return Frontier(1, table, size, tokens, findings, resolution)


def grid_resolution(runs: Runs, optima: Optima) -> float:
    """Return how far the grid of sizes alone may move the exponent: half a step of ln N over the range of ln C.

    The step is the mean distance from the best sizes of the used budgets to their neighbours.
    """
    used = optima.used[0] > 0
    steps = []
    for place in np.flatnonzero(used).tolist():
        rows, best = runs.budget == place, optima.run[0, place]
        ln_n, size = runs.ln_n[rows], runs.size[rows]
        # A budget is used where there are sizes on both sides of its best run.
        steps += [
            runs.ln_n[best] - ln_n[size < runs.size[best]].max(),
            ln_n[size > runs.size[best]].min() - runs.ln_n[best],
        ]
    return float(np.mean(steps) / 2.0 / np.ptp(optima.ln_c[0][used]))


def grid_finding(resolution: float) -> Finding:
    """Return what the grid of sizes does to the exponent, as a finding."""
    return Finding(
        "size_grid",
        "envelope",
        "amber" if resolution > VISIBLE_STEP else "green",
        f"the best run is the nearest size that was trained: the resolution of the size grid is "
        f"+-{resolution:.2g} in the exponent `a`, half a step in ln N over the range of ln C",
        statistic=resolution,
        threshold=VISIBLE_STEP,
        advice="Train more sizes around the optimum, or take approach 2 or 3, which interpolate.",
    )


@ask_first
def expected_best(m: int) -> float:
    """Return how far the lowest of m standard normal numbers lies below 0 on average.

    Parameters
    ----------
    m
        How many numbers, from 1 to 1e12.

    Raises
    ------
    ParameterError
        For anything but a whole number from 1 to 1e12.

    Examples
    --------
    >>> [round(expected_best(m), 2) for m in (1, 3, 5, 10, 20, 50)]
    [0.0, 0.85, 1.16, 1.54, 1.87, 2.25]
    """
    from scipy.integrate import quad
    from scipy.special import log_ndtr

    m = whole_number(m, "m", 1, MOST_RUNS)
    if m == 1:
        return 0.0

    def weighted(x: float) -> float:
        density = -0.5 * x * x - 0.5 * np.log(2.0 * np.pi) + (m - 1) * log_ndtr(x)
        return float(x * m * np.exp(density))

    return float(quad(weighted, -12.0, 12.0, epsabs=1e-12, epsrel=1e-10, limit=200)[0])


def loss_noise(runs: Runs) -> tuple[float, int]:
    """Return the spread of ln loss around the parabolas of the budgets, and its degrees of freedom."""
    residual_sum, freedom = 0.0, 0
    for place in range(runs.budgets):
        rows = runs.budget == place
        sizes = np.unique(runs.size[rows]).size
        if sizes < FEWEST_SIZES or rows.sum() < FEWEST_RUNS:
            continue
        u = runs.ln_n[rows] - runs.ln_n[rows].mean()
        design = np.vander(u / np.abs(u).max(), 3)
        ln_loss = np.log(runs.loss[rows])
        coefficients = np.linalg.lstsq(design, ln_loss, rcond=None)[0]
        residual_sum += float(((ln_loss - design @ coefficients) ** 2).sum())
        freedom += int(rows.sum()) - FEWEST_SIZES
    return (np.sqrt(residual_sum / freedom) if freedom else np.nan), freedom


def selection_findings(runs: Runs, optima: Optima) -> tuple[Finding, ...]:
    """Return how far choosing the best of several runs may tilt the frontier of losses, as a finding."""
    used = optima.used
    sigma, freedom = loss_noise(runs)
    if not freedom:
        return (
            Finding(
                "winners_curse_unknown",
                "envelope",
                "grey",
                "no budget has more than 3 runs, so the noise of the best run is unknown",
                advice="Train at least 4 models at each budget, or repeat runs.",
            ),
        )
    counts = np.bincount(runs.budget, minlength=runs.budgets)
    e_m = np.array([[expected_best(int(count)) for count in counts]])
    growth = float(fit_lines(optima.ln_c, e_m, used)[0][0])
    slope = float(fit_lines(optima.ln_c, np.log(optima.loss), used)[0][0])
    bias = -sigma * growth
    effect = f"may bias the slope of ln loss ({slope:.3g}) by up to {bias:+.2g}"
    if abs(bias) < NO_TILT * abs(slope):  # as many runs at every budget
        bias, effect = 0.0, f"does not bias the slope of ln loss ({slope:.3g})"
    threshold = VISIBLE_TILT * abs(slope)
    severity: Severity = "amber" if abs(bias) > threshold else "green"
    return (
        Finding(
            "winners_curse",
            "envelope",
            severity,
            f"picking the best run {effect} "
            f"(noise {sigma:.2g} in ln loss, {int(counts[used[0] > 0].min())} to "
            f"{int(counts[used[0] > 0].max())} runs per budget)",
            statistic=bias,
            threshold=threshold,
            evidence={
                "sigma": sigma,
                "growth_of_e_m": growth,
                "slope": slope,
                "slope_corrected": slope - bias,
            },
            advice="Train the same number of models at every budget, or use approach 2 or 3, which "
            "use all runs.",
        ),
    )
