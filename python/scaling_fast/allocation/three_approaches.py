"""Chinchilla's three approaches on one frame, with one bootstrap through all three."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.allocation.agreement import (
    LINE_COLUMNS,
    agreement_findings,
    differences,
    estimates,
    line_quantity,
)
from scaling_fast.allocation.budgets import read_runs
from scaling_fast.allocation.common_draws import row_counts
from scaling_fast.allocation.envelope import selection_findings
from scaling_fast.allocation.frontier import budget_findings, budget_table, frontier_lines
from scaling_fast.allocation.lines import fit_lines
from scaling_fast.allocation.optima import best_runs, parabola_optima
from scaling_fast.errors import ParameterError, quote
from scaling_fast.findings import Finding, SummaryRepr, format_findings
from scaling_fast.fitting.run import fit
from scaling_fast.resampling.run import bootstrap
from scaling_fast.resampling.schemes import Pairs, Weights
from scaling_fast.runtime.memory import ask_first
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

SLOPE_TOLERANCE, SHIFT_TOLERANCE = 0.01, 0.05
"""Errors of the exponent a and of ln D* up to which an approach recovers a noise-free surface."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Approaches(SummaryRepr):
    """Three estimates of the compute-optimal frontier, and how far apart they are.

    Attributes
    ----------
    table
        approach, quantity ("a", "b", "n_star", "d_star"), flops (null for exponents), estimate,
        error, lower, upper. `error` is the standard deviation of the draws; for n_star and d_star
        that of their logarithms.
    disagreement
        quantity, flops, first, second, difference (first minus second; of logarithms for n_star and
        d_star), error (of the difference, over common draws), covariance (of the two), lower,
        upper, z.
    draws
        replicate, approach, status, budgets (how many entered the lines), a, ln_n0, b, ln_d0, where
        N* = exp(ln_n0) C^a and D* = exp(ln_d0) C^b. Unusable replicates keep their rows.
    budgets
        The budgets of approaches 1 and 2, as in the table of `scaling_fast.allocation.approach1`,
        with a column `approach`.
    fit
        The fit of approach 3.
    level
        Confidence level of the percentile intervals.
    seed
        The seed of the draws.
    findings
        Budgets left out, known biases of the approaches, replicates that failed, disagreements.
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


@ask_first
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

    The same resampled runs go through the envelope, the parabolas and the fitted surface, so a
    difference between approaches has a standard error of its own. Approaches that share their runs
    share most of their noise: they may disagree although their intervals overlap.

    Parameters
    ----------
    frame
        Any frame, one row per run.
    columns
        {"N": parameters, "D": tokens}: columns of the frame or polars expressions.
    target
        The loss, positive.
    flops
        Column or expression of the training FLOP; 6 N D if None.
    budget, width
        How approaches 1 and 2 sort runs into budgets: see `scaling_fast.allocation.approach2`.
    at
        Budgets in FLOP, one or several, at which N* and D* are wanted.
    scheme
        `Pairs()`, `Clusters(column)` or `Indices(array)`: what is drawn with replacement.
    n
        Number of replicates, from 2; 1,000 by default.
    level
        Confidence level of the percentile intervals, between 0 and 1.
    loss
        Loss of approach 3, on log residuals; `Huber(1e-3)` by default, as in Hoffmann et al.
    starts
        Starts of approach 3's refits, as in `scaling_fast.bootstrap`: "multi" where the runs hardly
        identify the surface.
    seed
        Seed of the draws, from 0, below 2**64; None draws one, kept in `.seed`.
    threads
        Number of threads of approach 3's refits; results do not depend on it.

    Returns
    -------
    Approaches
        `.table`, `.disagreement`, `.draws`, `.failures`, `.findings`, `.summary()`.

    Raises
    ------
    DataError
        For a frame that cannot be used, or fewer than two budgets with a minimum.
    ParameterError
        For an illegal option.

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
    wanted = _checked_budgets(at)
    runs = read_runs(frame, columns=columns, target=target, flops=flops, budget=budget, width=width)
    counts = row_counts(runs, scheme, n=n, seed=seed)
    optima = _optima(runs)
    surface = fit(
        runs.frame, "chinchilla", target=target, columns=columns, loss=loss, threads=threads
    )
    refits = bootstrap(
        surface, Weights(counts), starts=starts, seed=seed, threads=threads, progress=False
    )
    ln_rate = float(np.median(runs.ln_rate))
    lines = [*map(_optima_lines, optima), _surface_lines(surface.table, ln_rate)]
    points = np.stack(lines)[:, 0]
    tables = _draws_of_all(runs, counts, refits.draws, ln_rate)
    values = [table.select(LINE_COLUMNS).to_numpy() for table in tables]
    good = [(table["status"] == "converged").to_numpy() for table in tables]
    disagreement = differences(points, values, good, wanted, level)
    return Approaches(
        table=estimates(points, values, good, wanted, level),
        disagreement=disagreement,
        draws=pl.concat(tables),
        budgets=_budgets(runs, optima),
        fit=surface,
        level=level,
        seed=seed,
        findings=(
            *runs.findings,
            *_optima_findings(runs, optima),
            *_bias_on_surface(runs, surface, points),
            *surface.findings,
            *agreement_findings(good, disagreement),
        ),
    )


FINDERS = (best_runs, parabola_optima)
"""How approaches 1 and 2 find the best size of each budget."""


def _checked_budgets(at: Any) -> list[float]:
    listed = [at] if isinstance(at, int | float | np.number) else at
    if not isinstance(listed, Sequence | np.ndarray) or isinstance(listed, str):
        raise ParameterError(
            f"at must be FLOP, one number or several, got {quote(at)}", code="at", param="at"
        )
    return [number_between(flops, "at") for flops in listed]


def _optima(runs: Runs) -> list[Optima]:
    """Return the optima of approaches 1 and 2 on the runs themselves.

    Raises
    ------
    DataError
        Where no line can be drawn through them.
    """
    optima = [find(runs, np.ones((1, runs.rows))) for find in FINDERS]
    for found in optima:
        frontier_lines(found)
    return optima


def _budgets(runs: Runs, optima: Sequence[Optima]) -> pl.DataFrame:
    return pl.concat(
        [
            budget_table(runs, found).select(
                pl.lit(place).cast(pl.Int64).alias("approach"), pl.all()
            )
            for place, found in enumerate(optima, 1)
        ]
    )


def _optima_findings(runs: Runs, optima: Sequence[Optima]) -> list[Finding]:
    """Return the findings about the budgets of approaches 1 and 2."""
    return [
        *(
            _of_approach(finding, place)
            for place, found in enumerate(optima, 1)
            for finding in budget_findings(runs, budget_table(runs, found))
        ),
        *selection_findings(runs, optima[0]),
    ]


def _optima_lines(optima: Optima) -> NDArray[np.float64]:
    """Return a, ln_n0, b, ln_d0 of each replicate's lines; NaN where fewer than two budgets are left."""
    used = optima.used
    a, ln_n0 = fit_lines(optima.ln_c, optima.ln_n, used)
    b, ln_d0 = fit_lines(optima.ln_c, optima.ln_d, used)
    return np.column_stack([a, ln_n0, b, ln_d0])


def _surface_lines(table: pl.DataFrame, ln_rate: float) -> NDArray[np.float64]:
    """Return a, ln_n0, b, ln_d0 of fitted surfaces: N* = G (C/k)^a and D* = (C/k)^b/G, k = exp(ln_rate)."""
    a, b, g = (table[name].to_numpy() for name in ("a", "b", "G"))
    with np.errstate(all="ignore"):
        ln_g = np.log(g)
    return np.column_stack([a, ln_g - a * ln_rate, b, -ln_g - b * ln_rate])


def _draws_of_all(
    runs: Runs, counts: NDArray[np.float64], refits: pl.DataFrame, ln_rate: float
) -> list[pl.DataFrame]:
    """Return the draws of the three approaches."""
    tables = []
    for place, find in enumerate(FINDERS, 1):
        optima = find(runs, counts)
        tables.append(_draws(place, _optima_lines(optima), used=optima.used))
    status = refits["status"].cast(pl.String)
    return [*tables, _draws(3, _surface_lines(refits, ln_rate), status=status)]


def _draws(
    approach: int,
    lines: NDArray[np.float64],
    *,
    used: NDArray[np.float64] | None = None,
    status: pl.Series | None = None,
) -> pl.DataFrame:
    """Return the draws of one approach, one row per replicate, in the columns of `Approaches.draws`.

    Parameters
    ----------
    approach
        1, 2 or 3.
    lines
        LINE_COLUMNS of each replicate.
    used
        Which budgets entered the lines of approaches 1 and 2.
    status
        The status of each refit of approach 3.
    """
    usable = np.isfinite(lines).all(axis=1)
    statuses = pl.Series("status", np.where(usable, "converged", "too_few_budgets"))
    if status is not None:
        # A refit may converge on a surface without an optimum, such as A = 0.
        statuses = (
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
            pl.Series("replicate", np.arange(len(lines))),
            pl.Series("approach", np.full(len(lines), approach)),
            statuses,
            pl.Series(
                "budgets",
                [None] * len(lines) if used is None else used.sum(axis=1).astype(int),
                dtype=pl.Int64,
            ),
            *(pl.Series(name, lines[:, j]) for j, name in enumerate(LINE_COLUMNS)),
        ]
    )


def _of_approach(finding: Finding, place: int) -> Finding:
    name = f"approach {place}"
    return replace(finding, check=name, sentence=f"{name}: {finding.sentence}")


def _bias_on_surface(runs: Runs, surface: Fit, points: NDArray[np.float64]) -> tuple[Finding, ...]:
    """Return how far approaches 1 and 2 miss the optimum of the fitted surface with this design and no noise."""
    if not surface.converged:
        return ()  # its own findings say so
    quiet = replace(runs, loss=surface.predict()["prediction"].to_numpy())
    found = []
    for place, find in enumerate(FINDERS, 1):
        line = _optima_lines(find(quiet, np.ones((1, runs.rows))))[0]
        if not np.isfinite(line).all() or not np.isfinite(points[2]).all():
            continue
        compute = math.exp(float(np.mean(runs.ln_c)))
        slope = float(line[0] - points[2][0])
        ours, exact = (line_quantity(at, "d_star", compute) for at in (line, points[2]))
        shift = float(ours - exact)
        is_small = abs(shift) <= SHIFT_TOLERANCE and abs(slope) <= SLOPE_TOLERANCE
        found.append(
            Finding(
                "bias_on_surface",
                f"approach {place}",
                "green" if is_small else "amber",
                f"approach {place}: on noise-free losses of the fitted surface this design gives an "
                f"exponent a off by {slope:+.3g} and a D* off by {100 * math.expm1(shift):+.2g} % at "
                f"{compute:.2g} FLOP",
                statistic=slope,
                threshold=SLOPE_TOLERANCE,
                evidence={"a": slope, "ln_d": shift},
                advice="An interval does not include systematic errors: narrow and centre the sizes "
                "of each budget, or rely on approach 3.",
            )
        )
    return tuple(found)
