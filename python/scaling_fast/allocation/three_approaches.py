"""Chinchilla's three approaches on one frame, with one bootstrap that goes through all three."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.allocation.agreement import (
    NUMBERS,
    differences,
    estimates,
    findings_of,
    quantity_of,
)
from scaling_fast.allocation.budgets import read_runs
from scaling_fast.allocation.common_draws import row_counts
from scaling_fast.allocation.envelope import winners_curse
from scaling_fast.allocation.frontier import budget_findings, budget_table, frontier_lines
from scaling_fast.allocation.lines import fit_lines
from scaling_fast.allocation.optima import best_runs, parabola_optima
from scaling_fast.errors import ParameterError, quote
from scaling_fast.findings import Finding, SummaryRepr, format_findings
from scaling_fast.fitting.run import fit
from scaling_fast.resampling.run import bootstrap
from scaling_fast.resampling.schemes import Pairs, Weights
from scaling_fast.validation import checked_level, checked_seed, number_between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs
    from scaling_fast.allocation.optima import Optima
    from scaling_fast.fitting.result import Fit
    from scaling_fast.losses.registry import Loss
    from scaling_fast.resampling.schemes import Clusters, Indices

__all__ = ["Approaches", "approaches"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Approaches(SummaryRepr):
    """Three estimates of the compute-optimal frontier, and how far apart they are.

    Attributes
    ----------
    table
        approach, quantity ("a", "b", "n_star", "d_star"), flops (null for exponents), estimate,
        error, lower, upper. `error` is the standard deviation of the draws, of their logarithms for n_star
        and d_star.
    disagreement
        quantity, flops, first, second, difference (first minus second; of logarithms for n_star and
        d_star), error (of the difference, over common draws), covariance (of the two), lower,
        upper, z.
    draws
        replicate, approach, status, budgets (how many entered the lines), a, ln_n0, b, ln_d0, where
        N* = exp(ln_n0) C^a and D* = exp(ln_d0) C^b. Unusable replicates keep their row.
    budgets
        The budgets of approaches 1 and 2, as `scaling_fast.allocation.approach1` shows them, with
        the column approach.
    fit
        The fit of approach 3.
    level
        Of the percentile intervals.
    seed
        The seed of the draws.
    findings
        Budgets left out, known biases of the three, replicates that failed, disagreements.
    """

    table: pl.DataFrame
    disagreement: pl.DataFrame
    draws: pl.DataFrame
    budgets: pl.DataFrame
    fit: Fit
    level: float
    seed: int
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> pl.DataFrame:
        """Unusable replicates: approach, status, count. Empty when there are none."""
        return (
            self.draws.filter(pl.col("status") != "converged")
            .group_by(["approach", "status"], maintain_order=True)
            .len(name="count")
        )

    def summary(self) -> str:
        """Return estimates with intervals, disagreements and findings as text."""
        count = self.draws["replicate"].n_unique()
        lines = [f"{count:,} common replicates, {100 * self.level:g} % percentile intervals"]
        for approach, quantity, flops, estimate, _, lower, upper in self.table.iter_rows():
            at = "" if flops is None else f" at {flops:.3g}"
            name = f"{quantity}{at}"
            lines.append(
                f"  approach {approach}  {name:<18} {estimate:>11.4g}  [{lower:.4g}, {upper:.4g}]"
            )
        lines += [
            f"  {row['quantity']}: {row['first']} minus {row['second']} is "
            f"{row['difference']:+.4f} (standard error {row['error']:.4f}, z {row['z']:+.2f})"
            for row in self.disagreement.iter_rows(named=True)
            if row["flops"] is None
        ]
        lines += format_findings(self.findings, 8)
        return "\n".join(lines)


def approaches(
    frame: Any,
    *,
    columns: Mapping[str, str | pl.Expr] | None = None,
    target: str = "loss",
    flops: str | pl.Expr | None = None,
    budget: str | None = None,
    width: float = 0.1,
    at: float | Sequence[float] = (),
    scheme: Pairs | Clusters | Indices = Pairs(),  # noqa: B008 (a frozen value)
    n: int | None = None,
    level: float = 0.95,
    loss: Loss | None = None,
    starts: str | int = "warm",
    seed: int | None = 0,
    threads: int | None = None,
) -> Approaches:
    """Return Chinchilla's approaches 1, 2 and 3 on one frame, and whether they disagree.

    The same resampled runs go through the envelope, the parabolas and the fitted surface, so that a
    difference between approaches has its own standard error: approaches that share their runs
    share most of their noise, and intervals that overlap may still disagree.

    Parameters
    ----------
    frame
        Any frame, a row a run.
    columns
        {"N": parameters, "D": tokens}: columns of the frame or polars expressions.
    target
        The loss, positive.
    flops
        Column or expression of the training FLOP; 6 N D without.
    budget, width
        How approaches 1 and 2 sort runs into budgets: see `scaling_fast.allocation.approach2`.
    at
        FLOP at which N* and D* are wanted: one or several.
    scheme
        `Pairs()`, `Clusters(column)` or `Indices(array)`: what is drawn with replacement.
    n
        Replicates, 1,000 by default.
    level
        Of the percentile intervals, between 0 and 1.
    loss
        Of approach 3's fit on log residuals; `Huber(1e-3)` by default, as Hoffmann et al. have it.
    starts
        Of approach 3's refits, as in `scaling_fast.bootstrap`: "multi" where the runs hardly
        identify the surface.
    seed
        Below 2**64; None draws one, kept in `.seed`.
    threads
        Threads of approach 3's refits. Results do not depend on it.

    Returns
    -------
    Approaches
        `.table`, `.disagreement`, `.draws`, `.failures`, `.findings`, `.summary()`.

    Raises
    ------
    DataError
        For a frame that cannot be used, or fewer than two budgets with a minimum.
    ParameterError
        For an option outside what is legal.

    Notes
    -----
    With more than 5 % unusable replicates an approach has no error and no interval, and a finding
    says so. Source: Hoffmann et al. 2022, arXiv:2203.15556.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> surface = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    >>> sizes = [(c, 0.09 * c**0.5 * k) for c in (1e18, 1e19, 1e20) for k in (0.25, 0.5, 1, 2, 4)]
    >>> design = {"N": [n for _, n in sizes], "D": [c / 6 / n for c, n in sizes]}
    >>> runs = sf.datasets.simulate("chinchilla", surface, design, noise=0.002, seed=1)
    >>> found = sf.approaches(runs, at=1e21, n=200)
    >>> [round(a, 2) for a in found.table.filter(quantity="a")["estimate"]]
    [0.5, 0.52, 0.52]
    """
    level = checked_level(level)
    seed = checked_seed(seed)
    wanted = _budgets_asked(at)
    runs = read_runs(frame, columns=columns, target=target, flops=flops, budget=budget, width=width)
    counts = row_counts(runs, scheme, n=n, seed=seed)
    ones = np.ones((1, runs.rows))
    envelope, parabolas = best_runs(runs, ones), parabola_optima(runs, ones)
    for one in (envelope, parabolas):
        frontier_lines(one)  # says what is missing where no line can be drawn
    ln_rate = float(np.median(runs.ln_rate))
    surface = fit(
        runs.frame,
        "chinchilla",
        target=target,
        columns=columns,
        loss=loss,
        threads=threads,
    )
    refits = bootstrap(
        surface, Weights(counts), starts=starts, seed=seed, threads=threads, progress=False
    )
    points = np.stack(
        [
            _line_numbers(envelope),
            _line_numbers(parabolas),
            _surface_numbers(surface.table, ln_rate),
        ]
    )[:, 0]
    status = refits.draws["status"].cast(pl.String)
    redrawn = (best_runs(runs, counts), parabola_optima(runs, counts))
    tables = [
        _draws(1, _line_numbers(redrawn[0]), used=redrawn[0].used),
        _draws(2, _line_numbers(redrawn[1]), used=redrawn[1].used),
        _draws(3, _surface_numbers(refits.draws, ln_rate), status=status),
    ]
    draws = pl.concat(tables)
    values = [one.select(NUMBERS).to_numpy() for one in tables]
    good = [(one["status"] == "converged").to_numpy() for one in tables]
    budgets = pl.concat(
        [
            budget_table(runs, one).select(pl.lit(place).cast(pl.Int64).alias("approach"), pl.all())
            for place, one in ((1, envelope), (2, parabolas))
        ]
    )
    table = estimates(points, values, good, wanted, level)
    disagreement = differences(points, values, good, wanted, level)
    findings = (
        *runs.findings,
        *(
            _of_approach(finding, place)
            for place, one in ((1, envelope), (2, parabolas))
            for finding in budget_findings(runs, budget_table(runs, one))
        ),
        *winners_curse(runs, envelope),
        *_bias_on_surface(runs, surface, points),
        *surface.findings,
        *findings_of(good, disagreement),
    )
    return Approaches(table, disagreement, draws, budgets, surface, level, seed, findings)


def _budgets_asked(at: Any) -> list[float]:
    listed = [at] if isinstance(at, int | float | np.number) else at
    if not isinstance(listed, Sequence | np.ndarray) or isinstance(listed, str):
        raise ParameterError(
            f"at must be FLOP, one number or several, got {quote(at)}", code="at", param="at"
        )
    return [number_between(one, "at") for one in listed]


def _line_numbers(optima: Optima) -> NDArray[np.float64]:
    """Return a, ln_n0, b, ln_d0 of each replicate's lines, NaN where fewer than two budgets are left."""
    used = optima.used
    a, ln_n0 = fit_lines(optima.ln_c, optima.ln_n, used)
    b, ln_d0 = fit_lines(optima.ln_c, optima.ln_d, used)
    return np.column_stack([a, ln_n0, b, ln_d0])


def _surface_numbers(table: pl.DataFrame, ln_rate: float) -> NDArray[np.float64]:
    """Return a, ln_n0, b, ln_d0 of fitted surfaces: N* = G (C/k)^a and D* = (C/k)^b/G."""
    a, b, g = (table[one].to_numpy() for one in ("a", "b", "G"))
    with np.errstate(all="ignore"):
        ln_g = np.log(g)
    return np.column_stack([a, ln_g - a * ln_rate, b, -ln_g - b * ln_rate])


def _draws(
    approach: int,
    numbers: NDArray[np.float64],
    *,
    used: NDArray[np.float64] | None = None,
    status: pl.Series | None = None,
) -> pl.DataFrame:
    usable = np.isfinite(numbers).all(axis=1)
    words = pl.Series("status", np.where(usable, "converged", "too_few_budgets"))
    if status is not None:
        # A refit may converge on a surface without an optimum, such as A = 0.
        words = (
            pl.DataFrame({"s": status, "u": usable})
            .select(
                pl.when((pl.col("s") == "converged") & ~pl.col("u"))
                .then(pl.lit("no_optimum"))
                .otherwise(pl.col("s"))
                .alias("status")
            )
            .to_series()
        )
    return pl.DataFrame(
        [
            pl.Series("replicate", np.arange(len(numbers))),
            pl.Series("approach", np.full(len(numbers), approach)),
            words,
            pl.Series(
                "budgets",
                [None] * len(numbers) if used is None else used.sum(axis=1).astype(int),
                dtype=pl.Int64,
            ),
            *(pl.Series(name, numbers[:, j]) for j, name in enumerate(NUMBERS)),
        ]
    )


def _of_approach(finding: Finding, place: int) -> Finding:
    return Finding(
        finding.code,
        f"approach {place}",
        finding.severity,
        f"approach {place}: {finding.sentence}",
        finding.statistic,
        finding.threshold,
        finding.evidence,
        finding.advice,
    )


def _bias_on_surface(runs: Runs, surface: Fit, points: NDArray[np.float64]) -> tuple[Finding, ...]:
    """Return how approaches 1 and 2 miss the fitted surface's own optimum with this design, no noise."""
    quiet = replace(runs, loss=surface.predict()["prediction"].to_numpy())
    ones = np.ones((1, runs.rows))
    found = []
    for place, pick in ((1, best_runs), (2, parabola_optima)):
        numbers = _line_numbers(pick(quiet, ones))[0]
        if not np.isfinite(numbers).all() or not np.isfinite(points[2]).all():
            continue
        centre = float(np.mean(runs.ln_c))
        slope = float(numbers[0] - points[2][0])
        shift = float(
            quantity_of(numbers, "d_star", math.exp(centre))
            - quantity_of(points[2], "d_star", math.exp(centre))
        )
        found.append(
            Finding(
                "bias_on_surface",
                f"approach {place}",
                "green" if abs(shift) <= 0.05 and abs(slope) <= 0.01 else "amber",
                f"approach {place}: on noise-free losses of the fitted surface this design gives an "
                f"exponent a off by {slope:+.3g} and a D* off by {100 * math.expm1(shift):+.2g} % at "
                f"{math.exp(centre):.2g} FLOP",
                statistic=slope,
                threshold=0.01,
                evidence={"a": slope, "ln_d": shift},
                advice="What is systematic does not show in an interval: narrow and centre the sizes "
                "of each budget, or rely on approach 3.",
            )
        )
    return tuple(found)
