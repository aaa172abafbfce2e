"""Approach 2: a parabola of the loss in ln N for each budget, and a line through their minima."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from scaling_fast.allocation.budgets import Runs, read_runs
from scaling_fast.allocation.common_draws import as_run
from scaling_fast.allocation.frontier import Frontier, budget_findings, budget_table, frontier_lines
from scaling_fast.allocation.isoflop_error import WIDEST_FACTOR, isoflop_bias
from scaling_fast.allocation.optima import parabola_optima
from scaling_fast.allocation.robust_parabolas import median_noise, robust_optima
from scaling_fast.allocation.surface import surface_exponents
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.findings import Finding
from scaling_fast.laws.quantities import exp
from scaling_fast.runtime.memory import ask_first

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.allocation.optima import Optima
    from scaling_fast.losses.registry import Loss

__all__ = ["approach2"]

HOFFMANN = {"alpha": 0.34, "beta": 0.28}
"""The published exponents of Hoffmann et al. 2022, used where no surface is given."""

VISIBLE_BIAS = 0.02
"""Relative error of D* above which the bias of parabolas is worth a warning."""


@ask_first
def approach2(
    frame: Any,
    *,
    columns: Mapping[str, str | pl.Expr] | None = None,
    target: str = "loss",
    flops: str | pl.Expr | None = None,
    budget: str | None = None,
    width: float = 0.1,
    weights: Literal["equal", "precision"] = "equal",
    surface: Any = None,
    loss: Loss | None = None,
) -> Frontier:
    """Return N*(C) and D*(C) through the minima of isoFLOP parabolas (Chinchilla's approach 2).

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
    budget
        Column whose equal values make a budget; if None, runs whose log10 FLOP round to the same
        multiple of `width` make one.
    width
        Width of a budget in decades, above 0 and below 10.
    weights
        "equal" to give every budget the same weight in the lines, or "precision" for 1/variance of
        its ln N*, by the delta method with one noise for all budgets.
    surface
        A fit of the Chinchilla law, or a mapping with alpha and beta, whose bias is reported; the
        published exponents of Hoffmann et al. if None.
    loss
        What the parabolas minimise, on raw residuals in the unit of the target; least squares if None.
        `Absolute()` or `Huber(1.345, scale="mad")` hold against a run that went wrong, in budgets of
        five runs or more; of four, they leave out the one that bends its parabola most.

    Returns
    -------
    Frontier
        Its table adds `curvature` (second derivative of the loss by ln N), `ln_n_error` (standard error
        of ln N*), `window` (half the range of sizes as a ratio) and `bias` (the relative error of
        D* by `isoflop_bias`, for many sizes centred on N*).

    Raises
    ------
    DataError, ParameterError
        For a frame that cannot be used, or fewer than two budgets with a minimum.

    Notes
    -----
    A budget enters the lines when its parabola opens upwards and has its vertex between its
    smallest and largest size. D* is C/(k N*) with k = C/(N D): the geometric mean over the budget's
    runs, and where it changes with N a parabola of ln k in ln N, taken at N*. Under a robust loss
    `ln_n_error` takes the noise from the median residual. Source: Hoffmann et al. 2022, arXiv:2203.15556.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> n = [n for c in (1e18, 1e19) for n in (c**0.5 / 10, c**0.5 / 6**0.5, c**0.5 / 0.6)]
    >>> d = [c / 6 / n for c, n in zip([1e18] * 3 + [1e19] * 3, n)]
    >>> loss = [2 + 400 / a**0.3 + 400 / b**0.3 for a, b in zip(n, d)]
    >>> found = sf.allocation.approach2({"N": n, "D": d, "loss": loss})
    >>> {name: round(value, 6) for name, value in found.exponents.items()}
    {'a': 0.5, 'b': 0.5}
    """
    if weights not in ("equal", "precision"):
        raise ParameterError(
            f'weights must be "equal" or "precision", got {quote(weights)}',
            code="weights",
            param="weights",
        )
    alpha, beta = surface_exponents(HOFFMANN if surface is None else surface)
    runs = read_runs(frame, columns=columns, target=target, flops=flops, budget=budget, width=width)
    optima = parabola_optima(runs, as_run(runs)) if loss is None else robust_optima(runs, loss)
    error = _optimum_errors(runs, optima, robust=loss is not None)
    weight = None
    used = optima.used[0] > 0
    if weights == "precision" and used.any():
        if not (np.isfinite(error) & (error > 0))[used].all():
            raise DataError(
                'weights="precision" needs an estimate of the noise: more than 3 runs in some budget, '
                'and not all exactly on their parabolas; use weights="equal"',
                code="no_noise",
            )
        # In units of the smallest error, so that no square overflows or underflows.
        weight = (error[used].min() / error) ** 2
    size, tokens = frontier_lines(optima, weight)
    windows = np.array(
        [exp(np.ptp(runs.ln_n[runs.budget == place]) / 2) for place in range(runs.budgets)]
    )
    biases = [
        isoflop_bias({"alpha": alpha, "beta": beta}, factor=window).d_star
        if 1 < window < WIDEST_FACTOR
        else None
        for window in windows.tolist()
    ]
    table = budget_table(runs, optima).with_columns(
        pl.Series("curvature", optima.curvature[0]).fill_nan(None),
        pl.Series("ln_n_error", error).fill_nan(None),
        pl.Series("window", windows),
        pl.Series("bias", biases, dtype=pl.Float64),
    )
    findings = (
        *runs.findings,
        *budget_findings(runs, table),
        _known_bias(table, alpha, beta, fitted=surface is not None),
    )
    return Frontier(2, table, size, tokens, findings)


def _optimum_errors(runs: Runs, optima: Optima, *, robust: bool) -> NDArray[np.float64]:
    """Return standard errors of ln N*, delta method, noise of the loss pooled over budgets.

    Parameters
    ----------
    runs
        The runs.
    optima
        The minima of their parabolas, one replicate.
    robust
        Whether the parabolas minimise another loss than squares: then the noise is that of the
        median residual.
    """
    # The unit of the loss cancels; in this one no square overflows or underflows.
    unit = runs.loss.max()
    residual_sum, freedom = 0.0, 0
    spread = np.full(runs.budgets, np.nan)
    residuals: list[NDArray[np.float64]] = []
    for place in range(runs.budgets):
        rows = runs.budget == place
        vertex = optima.ln_n[0, place]
        if not np.isfinite(vertex):
            continue
        # Around the vertex itself, where the slope is 0, the error of the vertex is that of the slope.
        design = np.vander(runs.ln_n[rows] - vertex, 3)
        scale = np.abs(design).max(axis=0)
        q, r = np.linalg.qr(design / scale)
        loss = runs.loss[rows] / unit
        bend, level = optima.curvature[0, place] / 2.0 / unit, optima.loss[0, place] / unit
        fitted = design @ np.array([bend, 0.0, level]) if robust else q @ (q.T @ loss)
        residuals.append(loss - fitted)
        residual_sum += float(((loss - fitted) ** 2).sum())
        freedom += int(rows.sum()) - 3
        slope_variance = float((np.linalg.inv(r)[1] ** 2).sum()) / scale[1] ** 2
        spread[place] = math.sqrt(slope_variance) / (2.0 * bend)
    if robust:
        return median_noise(residuals) * spread
    noise = math.sqrt(residual_sum / freedom) if freedom else math.nan
    return noise * spread


def _known_bias(table: pl.DataFrame, alpha: float, beta: float, *, fitted: bool) -> Finding:
    used = table.filter(pl.col("status") == "used")
    widest = int(np.argmax(used["window"].to_numpy()))
    window = float(used["window"][widest])
    if used["bias"][widest] is None:
        return Finding(
            "parabola_too_wide",
            "isoflop",
            "red",
            f"the sizes of one budget extend to a factor of {window:.3g} on both sides, where a parabola says "
            "nothing about the minimum",
            statistic=window,
            threshold=WIDEST_FACTOR,
            advice="Keep the sizes within a factor of 10 of the best one.",
        )
    worst = float(used["bias"][widest])
    source = "the given" if fitted else "Hoffmann et al.'s"
    return Finding(
        "parabola_bias",
        "isoflop",
        "green" if abs(worst) <= VISIBLE_BIAS else "amber",
        f"a parabola is off by {100 * worst:+.2g} % in D* on a surface with {source} exponents "
        f"(alpha {alpha:.3g}, beta {beta:.3g}) and a window of a factor of "
        f"{window:.3g} around N*; equal windows do not bias the exponents",
        statistic=worst,
        threshold=VISIBLE_BIAS,
        evidence={"alpha": alpha, "beta": beta, "windows": used["window"].to_list()},
        advice="Narrow the windows, keep them equal at every budget, or fit the surface itself "
        "(approach 3).",
    )
