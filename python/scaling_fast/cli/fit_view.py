"""How a fit is shown: the table of all of them, or one fit as names, values and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaling_fast.cli import output
from scaling_fast.errors import ScalingError
from scaling_fast.fitting.diagnostics import LARGE_CONDITION
from scaling_fast.fitting.near_absolute import is_nearly_absolute
from scaling_fast.fitting.table import AGREEMENT_NEEDED, column_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from scaling_fast.fitting.result import Fit

MEANINGS = {
    "objective": "what was minimised: the sum over rows of weight x loss",
    "scale": "the scale of the residuals, estimated with the law",
    "status": "`converged` when the certificate of the optimum holds",
    "is_global": f"converged, and {AGREEMENT_NEEDED} searched starts or more agree on it",
    "n": "rows that count",
    "n_starts": "starts the search tried",
    "agreement": "how many of them ended at this optimum",
    "gradient": "what is left of the slope, as a cosine; at most 1e-8 when converged",
    "condition": f"how far parameters can be told apart; above {LARGE_CONDITION:g} rounding decides",
    "at_bound": "parameters that ended on a bound",
}
LEVEL = 0.95


def _taken(fit: Fit, keys: Sequence[str]) -> list[str]:
    return [*keys, *fit.law.params, *fit.law.derived]


def statuses(fit: Fit, keys: Sequence[str]) -> list[str]:
    """Return how each fit ended, in a word."""
    return [str(one) for one in fit.table[column_name("status", _taken(fit, keys))]]


def table(fit: Fit, keys: Sequence[str]) -> pl.DataFrame:
    """Return the table of a fit with `is_global` after the status."""
    import polars as pl

    taken = _taken(fit, keys)
    name = column_name("is_global", taken)
    if name in fit.table.columns:
        return fit.table
    place = fit.table.get_column_index(column_name("status", taken)) + 1
    return fit.table.clone().insert_column(
        place, pl.Series(name, fit.global_groups, dtype=pl.Boolean)
    )


def emit(fit: Fit, keys: Sequence[str]) -> None:
    """Print a fit: on a terminal a block for one, a table for many; elsewhere the whole table."""
    whole = table(fit, keys)
    if not output.on_terminal():
        output.emit_table(whole)
        return
    taken = _taken(fit, keys)
    if whole.height == 1:
        _emit_one(fit, whole.row(0, named=True), taken)
        return
    wanted = [*taken, column_name("status", taken)]
    cut = output.emit_table(whole, title=fit.law.formula, essential=wanted, keys=keys)
    if cut:
        output.note(f"not shown at this width: {', '.join(cut)}; a pipe or --output has them")


def _emit_one(fit: Fit, row: dict[str, Any], taken: Sequence[str]) -> None:
    intervals = _intervals(fit)
    meanings = {column_name(name, taken): said for name, said in MEANINGS.items()}
    lines = [
        (name, output.cell(value), intervals.get(name) or meanings.get(name, ""))
        for name, value in row.items()
    ]
    output.print_table(("name", "value", ""), lines, title=fit.law.formula)
    if intervals:
        caution = "`scaling-fast bootstrap` resamples the intervals, which assumes less"
        if is_nearly_absolute(fit.request, fit.params):
            caution = (
                "under a loss that is nearly absolute these intervals are off by tens of per cent: use those "
                "of `scaling-fast bootstrap`"
            )
        output.note(caution)
    elif row[column_name("status", taken)] == "converged":
        output.note("no delta-method intervals for this fit: `scaling-fast bootstrap` resamples it")


def _intervals(fit: Fit) -> dict[str, str]:
    """Return the delta-method interval of each quantity, where the fit has them."""
    try:
        found = fit.interval(LEVEL) if fit.converged else None
    except ScalingError:  # a loss with a kink, no degree of freedom left, one group of a column
        return {}
    if found is None:
        return {}
    said = {}
    for name, _, lower, upper in found.iter_rows():
        if lower < upper:  # not so for what is fixed, on a bound, or not determined
            ends = f"{output.cell(lower)} to {output.cell(upper)}"
            said[name] = f"{ends} ({100 * LEVEL:g} %, delta method)"
    return said
