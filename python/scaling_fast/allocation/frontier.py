"""The result of approaches 1 and 2: a table of budgets and two lines through their optima."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.allocation.lines import FEWEST_POINTS, PowerLine, fitted_line
from scaling_fast.allocation.optima import STATUSES
from scaling_fast.errors import DataError
from scaling_fast.findings import Finding, SummaryRepr, format_findings
from scaling_fast.laws.quantities import exp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs
    from scaling_fast.allocation.optima import Optima

__all__ = ["Frontier", "budget_findings", "budget_table", "frontier_lines"]

WHY = {
    "few_sizes": "fewer than 3 different sizes",
    "no_minimum": "a parabola that does not open upwards",
    "outside": "a parabola whose minimum lies beyond the sizes that were run",
    "edge": "their best run at the smallest or largest size",
}
"""Why a budget is left out, as a part of a sentence."""

SAME_BUDGET = 0.05
"""Range of ln C of the runs of one budget above which their losses differ visibly by compute."""

LISTED = 8
"""Budgets named in a message."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frontier(SummaryRepr):
    """Compute-optimal sizes and tokens by approach 1 or 2.

    Attributes
    ----------
    approach
        1 (envelope) or 2 (isoFLOP parabolas).
    table
        One row per budget, ascending: flops (geometric mean of its runs; for approach 1 that of the
        best run), runs, sizes, n_star, d_star, loss, status, and the columns of the approach.
        A budget whose status is not `used` keeps its row but stays out of the lines.
    size, tokens
        N* and D* as power laws of C: `.size.exponent` is a, `.tokens.exponent` is b.
    findings
        Budgets left out, known biases, and how compute was counted.
    resolution
        How far the grid of sizes alone may move the exponent of approach 1: half a step in ln N over
        the range of ln C. 0 for approach 2, which interpolates.
    """

    approach: int
    table: pl.DataFrame
    size: PowerLine
    tokens: PowerLine
    findings: tuple[Finding, ...]
    resolution: float = 0.0

    @property
    def exponents(self) -> dict[str, float]:
        """The exponents a (of N*) and b (of D*)."""
        return {"a": self.size.exponent, "b": self.tokens.exponent}

    def at(self, flops: float) -> dict[str, float]:
        """Return n_star and d_star at one budget, given in FLOP."""
        return {"n_star": self.size.at(flops), "d_star": self.tokens.at(flops)}

    def summary(self) -> str:
        """Return the exponents, the budgets used and the findings as text."""
        used = int((self.table["status"] == "used").sum())
        grid = f", resolution of the size grid +-{self.resolution:.2g}" if self.resolution else ""
        lines = [
            f"approach {self.approach}   {used} of {self.table.height} budgets used",
            f"  N* = {exp(self.size.ln_scale):.4g} C^{self.size.exponent:.4f}   "
            f"(standard error of the exponent {self.size.exponent_error:.2g}{grid})",
            f"  D* = {exp(self.tokens.ln_scale):.4g} C^{self.tokens.exponent:.4f}   "
            f"(standard error of the exponent {self.tokens.exponent_error:.2g})",
        ]
        lines += format_findings(self.findings, 8)
        return "\n".join(lines)


def budget_table(runs: Runs, optima: Optima) -> pl.DataFrame:
    """Return the columns that approaches 1 and 2 share, one row per budget."""
    counts = np.bincount(runs.budget, minlength=runs.budgets)
    sizes = [int(np.unique(runs.size[runs.budget == place]).size) for place in range(runs.budgets)]
    ln_c = np.where(np.isnan(optima.ln_c[0]), runs.ln_budget, optima.ln_c[0])
    # The vertex of a parabola that hardly bends may lie beyond all doubles; such a budget is not used.
    with np.errstate(over="ignore", under="ignore"):
        n_star, d_star = np.exp(optima.ln_n[0]), np.exp(optima.ln_d[0])
    beyond = ~((n_star > 0.0) & (d_star > 0.0) & np.isfinite(n_star) & np.isfinite(d_star))
    n_star[beyond] = d_star[beyond] = np.nan
    return pl.DataFrame(
        {
            "flops": np.exp(ln_c),
            "runs": counts,
            "sizes": sizes,
            "n_star": n_star,
            "d_star": d_star,
            "loss": optima.loss[0],
            "status": pl.Series(
                [STATUSES[code] for code in optima.status[0].tolist()], dtype=pl.Enum(STATUSES)
            ),
        }
    ).with_columns(pl.col("n_star", "d_star", "loss").fill_nan(None))


def budget_findings(runs: Runs, table: pl.DataFrame) -> tuple[Finding, ...]:
    """Return one finding per reason for which budgets are left out, and one for unequal budgets."""
    found = []
    ranges = [float(np.ptp(runs.ln_c[runs.budget == place])) for place in range(runs.budgets)]
    used = [
        spread for spread, status in zip(ranges, table["status"], strict=True) if status == "used"
    ]
    if used and max(used) > SAME_BUDGET:
        found.append(
            Finding(
                "unequal_budgets",
                "budgets",
                "amber",
                f"runs of one budget differ in FLOP by up to a factor of {exp(max(used)):.3g}: "
                "their losses differ by compute as well as by size",
                statistic=max(used),
                threshold=SAME_BUDGET,
                advice="Name the intended budgets with budget=, take a smaller width=, or fit the "
                "surface (approach 3), which needs no budgets.",
            )
        )
    for status, reason in WHY.items():
        out = table.filter(pl.col("status") == status)
        if out.height:
            listed = ", ".join(f"{flops:.3g}" for flops in out["flops"].head(LISTED))
            more = "" if out.height <= LISTED else f" and {out.height - LISTED} more"
            found.append(
                Finding(
                    f"budget_{status}",
                    "budgets",
                    "amber",
                    f"{out.height} of {table.height} budgets have {reason} and are left out: "
                    f"{listed}{more} FLOP",
                    statistic=float(out.height),
                    threshold=0.0,
                    evidence={"flops": out["flops"].to_list()},
                    advice="Train more sizes on both sides of the optimum of these budgets, name "
                    "the budgets with budget= if they were sorted wrongly, or pass a robust loss to "
                    "approach2 if a run went wrong.",
                )
            )
    return tuple(found)


def frontier_lines(
    optima: Optima, weight: NDArray[np.float64] | None = None
) -> tuple[PowerLine, PowerLine]:
    """Return N* and D* as power laws of C through the budgets that are used.

    Parameters
    ----------
    optima
        The optima of the runs themselves, one replicate.
    weight
        The weight of each budget, shape (budgets,); equal weights if None.

    Raises
    ------
    DataError
        With fewer than two usable budgets, saying why the others are not.
    """
    used = optima.used[0] > 0
    if used.sum() < FEWEST_POINTS:
        reasons = "; ".join(
            f"{int((optima.status[0] == code).sum())} with {WHY[status]}"
            for code, status in enumerate(STATUSES)
            if status in WHY and (optima.status[0] == code).any()
        )
        raise DataError(
            f"a line needs 2 budgets with a minimum between their sizes, got {int(used.sum())} of "
            f"{used.size}{reasons and f' ({reasons})'}; name the budgets with budget=, widen width=, or "
            "run more sizes",
            code="too_few_budgets",
        )
    chosen = np.ones(int(used.sum())) if weight is None else weight[used]
    ln_c = optima.ln_c[0][used]
    return (
        fitted_line(ln_c, optima.ln_n[0][used], chosen),
        fitted_line(ln_c, optima.ln_d[0][used], chosen),
    )
