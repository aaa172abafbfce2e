"""The lines of approaches 1, 2 and 3: on the runs themselves, on noise-free losses, and in every replicate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.allocation.agreement import LINE_COLUMNS, Estimate
from scaling_fast.allocation.common_draws import as_run
from scaling_fast.allocation.lines import fit_lines
from scaling_fast.allocation.optima import best_runs, parabola_optima

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs
    from scaling_fast.allocation.common_draws import CommonDraws
    from scaling_fast.allocation.optima import Optima
    from scaling_fast.allocation.power_cost import PowerCost

__all__ = ["draws_of_all", "estimates_of_all", "optima_lines", "optima_of_both"]

FINDERS = (best_runs, parabola_optima)
"""How approaches 1 and 2 find the best size of each budget."""


def optima_of_both(runs: Runs) -> list[Optima]:
    """Return the optima of approaches 1 and 2 on the runs themselves."""
    return [find(runs, as_run(runs)) for find in FINDERS]


def optima_lines(optima: Optima) -> NDArray[np.float64]:
    """Return a, ln_n0, b, ln_d0 of each replicate's lines; NaN where fewer than two budgets are left."""
    used = optima.used
    a, ln_n0 = fit_lines(optima.ln_c, optima.ln_n, used)
    b, ln_d0 = fit_lines(optima.ln_c, optima.ln_d, used)
    return np.column_stack([a, ln_n0, b, ln_d0])


def estimates_of_all(
    points: NDArray[np.float64], quiet: NDArray[np.float64], tables: Sequence[pl.DataFrame]
) -> list[Estimate]:
    """Return the three approaches with their draws.

    Parameters
    ----------
    points
        LINE_COLUMNS of each approach on the runs themselves, shape (3, 4).
    quiet
        What its draws lie around, the same shape; where that is NaN, the median of its usable draws.
    tables
        The draws of each approach.
    """
    found = []
    for point, centre, table in zip(points, quiet, tables, strict=True):
        values = table.select(LINE_COLUMNS).to_numpy()
        good = (table["status"] == "converged").to_numpy()
        around = centre
        if not np.isfinite(centre).all() and good.any():
            around = np.median(values[good], axis=0)
        found.append(Estimate(point, around, values, good))
    return found


def draws_of_all(runs: Runs, draws: CommonDraws, cost: PowerCost) -> list[pl.DataFrame]:
    """Return the draws of the three approaches, in the columns of `Approaches.draws`."""
    tables = []
    for place, find in enumerate(FINDERS, 1):
        optima = find(runs, draws.rows)
        tables.append(_draws(place, optima_lines(optima), used=optima.used))
    status = draws.refits["status"].cast(pl.String)
    return [*tables, _draws(3, cost.optimum(draws.refits), status=status)]


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
