"""The compute-optimal run of any law of two inputs: what to train with a budget, or what a loss costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Program
from scaling_fast.allocation.optimum_table import (
    QUANTITIES,
    OptimumTable,
    Target,
    group_words,
    refuse_unreachable,
)
from scaling_fast.errors import ConvergenceError, ParameterError, ScalingError, quote
from scaling_fast.fitting.failures import refuse_unconverged
from scaling_fast.fitting.result import Fit
from scaling_fast.laws.optima.cost import DEFAULT_COST
from scaling_fast.resampling.result import Bootstrap
from scaling_fast.resampling.streaming.summary import BootstrapSummary
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.validation import checked_level, finite_number, positive_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from scaling_fast.allocation.optimum_table import Ends
    from scaling_fast.laws.optima.formula import OptimumFormula
    from scaling_fast.laws.optima.minimum import ConstrainedMinimum

__all__ = ["optimum"]


@ask_first
def optimum(
    fit: Fit | Bootstrap | BootstrapSummary,
    flops: float | Sequence[float] | None = None,
    *,
    loss: float | Sequence[float] | None = None,
    cost: str = DEFAULT_COST,
    level: float = 0.9,
) -> pl.DataFrame:
    """Return the best split of a budget between size and data, or the least budget that reaches a loss.

    For a law of any form with two inputs. Where the law is E + A N^-alpha + B D^-beta and the cost k N^p D^q the
    optimum has a closed form; elsewhere it is searched along the runs of equal cost, from 4 decades below the
    smallest to 8 decades above the largest row of each column. Of several valleys the deepest counts. The
    two ways agree to 1e-6.

    Parameters
    ----------
    fit
        A fit, whose intervals are those of the delta method, or a bootstrap, whose are percentiles.
    flops
        One budget or several, in FLOP: in the units in which `cost` counts. Either `flops` or `loss`.
    loss
        One loss or several, in the units of the target.
    cost
        What a run costs, as a formula of the law's columns, or of N and D for its size and data:
        "6*N*D + 2*N*1e13" adds the inference of 1e13 tokens. It must increase with both.
    level
        Confidence level, between 0 and 1.

    Returns
    -------
    polars.DataFrame
        Group keys, flops, quantity, estimate, lower, upper, decades_beyond, status; five rows per budget or loss:
        N_opt, D_opt, D_per_N, loss and flops. `decades_beyond` is how far the optimum lies beyond the largest
        compute among the rows, in log10 units (under a cost that counts more than training, beyond the
        largest N D). `status` is "interior"; "one_budget" where all runs lie at one budget and the optimum at
        another, of which they say nothing, so that there is no interval; or "edge" where the loss falls as far
        as the search reaches:
        N and D are then that end, or null where any split is as good, and there is no interval. A draw
        of a bootstrap that never reaches the loss counts as infinite, so that an upper end may be
        infinite. Of groups without an optimum `status` says why: how their fit ended, or the code of
        the refusal.

    Raises
    ------
    ParameterError, FormulaError
        For a law without a size and data, a cost that does not increase with both, a budget out of reach or a
        loss that is never reached; and for a `Fit` under a loss that is straight for most rows
        (`code="kink"`): use `scaling_fast.bootstrap`.
    ConvergenceError
        For a fit that did not converge, and more than 5 % of replicates without an optimum in reach.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> surface = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    >>> sizes, ratios = [1e8, 3e8, 1e9, 3e9], [5.0, 20.0, 80.0]
    >>> design = {
    ...     "N": [n for n in sizes for r in ratios],
    ...     "D": [n * r for n in sizes for r in ratios],
    ... }
    >>> runs = sf.datasets.simulate("chinchilla", surface, design, noise=0.002, seed=1)
    >>> fit = sf.fit(runs, "chinchilla", loss=sf.Squared())
    >>> best = sf.optimum(fit, 1e23)
    >>> best["quantity"].to_list()
    ['N_opt', 'D_opt', 'D_per_N', 'loss', 'flops']
    >>> closed = fit.derived["G"] * (1e23 / 6) ** fit.derived["a"]
    >>> bool(abs(best["estimate"][0] / closed - 1) < 1e-6)
    True
    """
    require_usable_process()
    source = _fit_of(fit)
    level = checked_level(level)
    targets = _targets(flops, loss)
    if isinstance(fit, Fit) and fit.request.table.keys.width:
        return _each_group(fit, targets, cost, level)
    minimum = source.request.minimum(cost)
    for target in targets:
        if target.flops is not None:
            minimum.cost.require_in_reach(math.log(target.flops))
    table = OptimumTable(source, minimum, targets)
    if not source.request.table.keys.width:
        refuse_unconverged(source.status, "optimum")
        refuse_unreachable(minimum, targets, table.best, source.estimates.columns)
    ends, words = _intervals(fit, minimum, targets, level)
    return table.frame(ends, words)


def _fit_of(fit: Any) -> Fit:
    if isinstance(fit, Bootstrap | BootstrapSummary):
        return fit.fit
    if isinstance(fit, Fit):
        return fit
    raise ParameterError(
        f"optimum needs a fit or a bootstrap, got {quote(fit)} of type {type(fit).__name__}; fit the runs "
        "first: sf.optimum(sf.fit(runs, law), 1e24)",
        code="fit",
        param="fit",
    )


def _targets(flops: Any, loss: Any) -> list[Target]:
    """Return the budgets or the losses, each once."""
    if (flops is None) == (loss is None):
        both = "both are given" if flops is not None else "none is given"
        raise ParameterError(
            "optimum takes exactly one of flops= (a budget, such as 1e24) and loss= (a loss to be reached), and "
            f"{both}",
            code="target",
            param="flops",
        )
    if flops is not None:
        budgets = [positive_number(value, "flops") for value in _several(flops, "flops")]
        return [Target(value, None) for value in dict.fromkeys(budgets)]
    losses = [finite_number(value, "loss") for value in _several(loss, "loss")]
    return [Target(None, value) for value in dict.fromkeys(losses)]


def _several(given: Any, name: str) -> list[Any]:
    """Return one number or several as a list."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        return [given]
    values = given.ravel().tolist() if isinstance(given, np.ndarray) else list(given)
    if not values:
        raise ParameterError(
            f"{name} is an empty list; give a number, or several", code="empty", param=name
        )
    return values


def _intervals(
    fit: Fit | Bootstrap | BootstrapSummary,
    minimum: ConstrainedMinimum,
    targets: Sequence[Target],
    level: float,
) -> tuple[Ends, list[str]]:
    """Return the ends of every interval, and of each group "converged" or why it has none."""
    asked = [
        target.formula(quantity, minimum)
        for target in targets
        for quantity in QUANTITIES
        if quantity not in (target.given, "D_per_N")
    ]
    ends, words = _interval_ends(fit, asked, level)
    ratios = [target.formula("D_per_N", minimum) for target in targets]
    try:
        ends |= _interval_ends(fit, ratios, level)[0]
    except ConvergenceError as error:
        # Draws that never reach a loss have infinite N and D, and no ratio of them.
        if error.code != "failures":
            raise
    if isinstance(fit, Fit):
        _open_where_the_floor_may_lie(fit, minimum, targets, level, ends)
    return ends, words


def _interval_ends(
    fit: Fit | Bootstrap | BootstrapSummary, formulas: Sequence[OptimumFormula], level: float
) -> tuple[Ends, list[str]]:
    """Return the ends of each formula in each group, and why a group has none."""
    if isinstance(fit, Fit):
        found = fit.interval(level, of=formulas)
    else:
        usual = "normal" if fit.scheme.name == "jackknife" else "percentile"
        found = fit.interval(level, usual, of=formulas)
    # By place: the columns have other names where a key of the groups is called so.
    keys = found.columns[: _fit_of(fit).request.table.keys.width]
    columns = [found[name].to_list() for name in found.columns[len(keys) :]]
    names, _, lower, upper = columns[:4]
    words = columns[4] if len(columns) > 4 else ["converged"] * len(names)
    ends: Ends = {}
    for row, name in enumerate(names):
        low, high = lower[row], upper[row]
        ends[row // len(formulas), name] = (
            math.nan if low is None else low,
            math.nan if high is None else high,
        )
    return ends, words[:: len(formulas)]


def _open_where_the_floor_may_lie(
    fit: Fit, minimum: ConstrainedMinimum, targets: Sequence[Target], level: float, ends: Ends
) -> None:
    """Open the upper ends of budgets for a loss that the interval of the floor of the law holds."""
    form = minimum.power_sum
    losses = [target for target in targets if target.loss is not None]
    if form is None or not losses or not Program(form.floor, []).params:
        return
    floor = fit.interval(level, of=form.floor)["upper"]
    for target in losses:
        if float(minimum.in_target_units(floor.to_numpy())[0]) >= float(target.loss or 0.0):
            for quantity in ("N_opt", "D_opt", "flops"):
                label = f"{quantity}({target.label})"
                ends[0, label] = (ends[0, label][0], math.inf)


def _each_group(fit: Fit, targets: Sequence[Target], cost: str, level: float) -> pl.DataFrame:
    """Return the table of a grouped fit; a group that is refused says why in its status."""
    minimum = fit.request.minimum(cost)
    ends: Ends = {}
    words = group_words(fit)
    first: ScalingError | None = None
    for group, word in enumerate(words):
        if word != "converged":
            continue
        try:
            own = _intervals(fit.of_group(group), minimum, targets, level)[0]
        except ScalingError as error:
            words[group], first = error.code or "refused", first or error
        else:
            ends |= {(group, name): pair for (_, name), pair in own.items()}
    if first is not None and "converged" not in words:
        raise first
    return OptimumTable(fit, minimum, targets).frame(ends, words)
