"""How fits are shown: all in one table, or one fit as names, values and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from scaling_fast.cli import output, streams
from scaling_fast.errors import ScalingError
from scaling_fast.fitting.diagnostics import LARGE_CONDITION
from scaling_fast.fitting.near_absolute import is_nearly_absolute, no_local_errors
from scaling_fast.fitting.table import AGREEMENT_NEEDED, column_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.fitting.result import Fit

MEANINGS = {
    "objective": "what was minimised: the sum over rows of weight times loss",
    "scale": "scale of the residuals, estimated with the law",
    "status": "`converged` when the certificate of the optimum holds",
    "is_global": f"converged, and at least {AGREEMENT_NEEDED} searched starts agree on it",
    "n": "rows that count",
    "n_starts": "starts that the search tried",
    "agreement": "how many of those starts ended at this optimum",
    "gradient": "slope that is left, as a cosine; at most 1e-8 when converged",
    "condition": f"how hard the parameters are to tell apart; above {LARGE_CONDITION:g} rounding decides",
    "at_bound": "parameters that ended on a bound",
    "findings": "codes of what to know before the numbers are used; stderr has the sentences",
}
"""Column of the table of fits -> what it means."""
LEVEL = 0.95  # of the delta-method intervals beside the parameters


def _law_names(fit: Fit, keys: Sequence[str]) -> list[str]:
    """Return the names that keys, parameters and derived quantities take in the table."""
    return [*keys, *fit.law.params, *fit.law.derived]


def statuses(fit: Fit, keys: Sequence[str]) -> list[str]:
    """Return how each fit ended, in a word."""
    return [str(status) for status in fit.table[column_name("status", _law_names(fit, keys))]]


def table(fit: Fit, keys: Sequence[str]) -> pl.DataFrame:
    """Return the table of a fit; that of a single fit with the columns that groups have beside."""
    if fit.request.table.keys.width:
        return fit.table
    law_names = _law_names(fit, keys)
    place = fit.table.get_column_index(column_name("status", law_names)) + 1
    is_global = pl.Series(column_name("is_global", law_names), [fit.is_global])
    codes = list(dict.fromkeys(finding.code for finding in fit.findings))
    findings = pl.Series(column_name("findings", law_names), [codes], dtype=pl.List(pl.String))
    return fit.table.clone().insert_column(place, is_global).with_columns(findings)


def emit(fit: Fit, keys: Sequence[str]) -> None:
    """Print a fit: on a terminal a block for one group, a table for several; elsewhere the whole table."""
    whole = table(fit, keys)
    if not streams.on_terminal():
        output.emit_table(whole)
        return
    law_names = _law_names(fit, keys)
    if whole.height == 1:
        single = fit.of_group(0) if fit.request.table.keys.width else fit
        _emit_one(single, whole.row(0, named=True), law_names)
        return
    wanted = [*law_names, column_name("status", law_names)]
    cut = output.emit_table(whole, title=fit.law.formula, essential=wanted, keys=keys)
    if cut:
        output.note(
            f"not shown at this width: {', '.join(cut)}; a pipe or --output has all columns"
        )


def _emit_one(fit: Fit, row: dict[str, Any], law_names: Sequence[str]) -> None:
    intervals = _intervals(fit)
    meanings = {column_name(name, law_names): meaning for name, meaning in MEANINGS.items()}
    lines = [
        (name, output.format_cell(value), intervals.get(name) or meanings.get(name, ""))
        for name, value in row.items()
    ]
    output.print_table(("name", "value", ""), lines, title=fit.law.formula)
    if intervals:
        output.note("`scaling-fast bootstrap` gives intervals that assume less, by resampling")
    elif row[column_name("status", law_names)] != "converged":
        return
    elif is_nearly_absolute(fit.request, fit.point(0)):
        reason = no_local_errors(fit.loss).partition(";")[0]
        output.note(f"{reason}; `scaling-fast bootstrap` gives intervals")
    else:
        output.note(
            "this fit has no delta-method intervals; `scaling-fast bootstrap` gives resampled ones"
        )


def _intervals(fit: Fit) -> dict[str, str]:
    """Return the delta-method interval of each quantity, where the fit has them."""
    try:
        found = fit.interval(LEVEL) if fit.converged else None
    except ScalingError:  # a loss with a kink, no degree of freedom left
        return {}
    if found is None:
        return {}
    shown = {}
    for name, _, lower, upper in found.iter_rows():
        if lower < upper:  # what is fixed, on a bound or not determined has no width
            ends = f"{output.format_cell(lower)} to {output.format_cell(upper)}"
            shown[name] = f"{ends} ({100 * LEVEL:g} %, delta method)"
    return shown
