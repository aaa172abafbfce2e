"""Chinchilla's three approaches on one frame, with one bootstrap through all three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.allocation.agreement import (
    LINE_COLUMNS,
    Spread,
    agreement_findings,
    differences,
    estimates,
)
from scaling_fast.allocation.approach_lines import (
    draws_of_all,
    estimates_of_all,
    optima_lines,
    optima_of_both,
)
from scaling_fast.allocation.budgets import read_runs
from scaling_fast.allocation.common_draws import CommonDraws
from scaling_fast.allocation.envelope import grid_resolution
from scaling_fast.allocation.frontier import budget_table, frontier_lines
from scaling_fast.allocation.known_biases import bias_on_surface, optima_findings
from scaling_fast.allocation.power_cost import PowerCost
from scaling_fast.errors import ParameterError, quote
from scaling_fast.findings import Finding, SummaryRepr, format_findings
from scaling_fast.fitting.run import fit
from scaling_fast.resampling.diagnostics import scheme_findings
from scaling_fast.resampling.schemes import Residuals
from scaling_fast.resampling.schemes.words import as_scheme
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import checked_level, checked_seed, number_between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs
    from scaling_fast.allocation.optima import Optima
    from scaling_fast.fitting.result import Fit
    from scaling_fast.losses.registry import Loss
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["Approaches", "approaches"]


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
    scheme
        How the replicates were made.
    level
        Confidence level of the intervals. Under schemes that make up losses around the surface they
        are percentiles of how far draws lie from what each approach makes of the noise-free surface,
        around its own estimate; else percentiles of the draws. Those of a jackknife are normal.
    seed
        The seed of the draws.
    resolution
        How far the grid of sizes alone may move the exponent of approach 1: half a step in ln N over
        the range of ln C.
    findings
        Budgets left out, known biases of the approaches, replicates that failed, disagreements.
    """

    table: pl.DataFrame
    disagreement: pl.DataFrame
    draws: pl.DataFrame
    budgets: pl.DataFrame
    fit: Fit
    scheme: Scheme
    level: float
    seed: int
    resolution: float
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
        lines = [
            f"{count:,} common replicates of {self.scheme!r}, {100 * self.level:g} % intervals"
        ]
        for approach, quantity, flops, estimate, _, lower, upper in self.table.iter_rows():
            at = "" if flops is None else f" at {flops:.3g}"
            name = f"{quantity}{at}"
            line = (
                f"  approach {approach}  {name:<18} {estimate:>11.4g}  [{lower:.4g}, {upper:.4g}]"
            )
            if approach == 1 and quantity == "a":
                line += f"   resolution of the size grid +-{self.resolution:.2g}"
            lines.append(line)
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
    scheme: Scheme | str = Residuals(),  # noqa: B008 (a frozen value)
    n: int | None = None,
    level: float = 0.95,
    loss: Loss | None = None,
    starts: str | int = "warm",
    seed: int | None = 0,
    threads: int | None = None,
) -> Approaches:
    """Return Chinchilla's approaches 1, 2 and 3 on one frame, and whether they disagree.

    The same replicates go through the envelope, the parabolas and the fitted surface, so a
    difference between approaches has a standard error of its own. Approaches that share their runs
    share most of their noise: they may disagree although their intervals overlap.

    By default a replicate keeps every run and has losses of the surface of approach 3 plus its
    residuals, drawn again: sizes and budgets were chosen, and would be the same in another study.
    Drawing runs (`Pairs()`) changes the window of every parabola, which makes differences between
    approaches two to four times too wide where a budget has few runs.

    Parameters
    ----------
    frame
        Any frame, one row per run.
    columns
        {"N": parameters, "D": tokens}: columns of the frame or polars expressions. With `flops` one of
        the two may be missing: it is C/6 over the other.
    target
        The loss, positive.
    flops
        Column or expression of the training FLOP; 6 N D if None.
    budget, width
        How approaches 1 and 2 sort runs into budgets: see `scaling_fast.allocation.approach2`.
    at
        Budgets in FLOP, one or several, at which N* and D* are wanted.
    scheme
        How replicates are made: `Residuals()`, or any other scheme of `scaling_fast.bootstrap`. Use
        `Wild()` where the noise changes along the runs, `Wild(cluster="run")` or `Clusters("run")`
        where rows share a run.
    n
        Number of replicates, from 2; 1,000 by default. `Jackknife`, `Indices` and `Weights` fix it
        themselves.
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
    says so. Where C/(N D) differs between runs by more than 5 %, the optimum of the surface is that at a
    cost of k N^p D^q, fitted to their FLOP. Source: Hoffmann et al. 2022, arXiv:2203.15556.

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
    optima = optima_of_both(runs)
    for found in optima:
        frontier_lines(found)  # refuses runs through whose optima no line can be drawn
    surface = fit(
        runs.frame, "chinchilla", target=target, columns=runs.columns, loss=loss, threads=threads
    )
    drawn: Scheme = as_scheme(scheme)
    draws = CommonDraws.of(runs, surface, drawn, n=n, starts=starts, seed=seed, threads=threads)
    cost = PowerCost.of(runs)
    of_surface = cost.optimum(surface.table)
    points = np.concatenate([*map(optima_lines, optima), of_surface])
    quiet = np.concatenate([*_noise_free(runs, surface), of_surface])
    resolution = grid_resolution(runs, optima[0])
    tables = draws_of_all(runs, draws, cost)
    three = estimates_of_all(points, quiet if draws.moved else points, tables)
    spread = Spread(level, draws.shrink, leaves_out=draws.leaves_out)
    disagreement = differences(three, wanted, spread)
    return Approaches(
        table=estimates(three, wanted, spread),
        disagreement=disagreement,
        draws=pl.concat(tables),
        budgets=_budgets(runs, optima),
        fit=surface,
        scheme=drawn,
        level=level,
        seed=seed,
        resolution=resolution,
        findings=(
            *runs.findings,
            *optima_findings(runs, optima),
            *bias_on_surface(runs, quiet[:2], points[2]),
            *surface.findings,
            *scheme_findings(surface.estimates, drawn),
            *agreement_findings(three, disagreement, spread, resolution),
        ),
    )


def _checked_budgets(at: Any) -> list[float]:
    listed = [at] if isinstance(at, int | float | np.number) else at
    if not isinstance(listed, Sequence | np.ndarray) or isinstance(listed, str):
        raise ParameterError(
            f"at must be FLOP, one number or several, got {quote(at)}", code="at", param="at"
        )
    return [number_between(flops, "at") for flops in listed]


def _noise_free(runs: Runs, surface: Fit) -> list[NDArray[np.float64]]:
    """Return LINE_COLUMNS of approaches 1 and 2 on losses of the fitted surface; NaN without a surface."""
    if not surface.converged:
        return [np.full((1, len(LINE_COLUMNS)), np.nan)] * 2
    quiet = replace(runs, loss=surface.predict()["prediction"].to_numpy())
    return [optima_lines(optima) for optima in optima_of_both(quiet)]


def _budgets(runs: Runs, optima: Sequence[Optima]) -> pl.DataFrame:
    return pl.concat(
        [
            budget_table(runs, found).select(
                pl.lit(place).cast(pl.Int64).alias("approach"), pl.all()
            )
            for place, found in enumerate(optima, 1)
        ]
    )
