"""What is worth knowing about a fit before its numbers are used."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import quote, quoted
from scaling_fast.findings import Finding, most_severe_first
from scaling_fast.fitting.design import shortfalls
from scaling_fast.fitting.level import level_findings
from scaling_fast.fitting.mistakes.every import mistakes
from scaling_fast.fitting.runs_off import runs_off_finding
from scaling_fast.fitting.status import status_sentence
from scaling_fast.losses.residual import LogExcess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request
    from scaling_fast.frames import Table

__all__ = [
    "AT_A_BOUND",
    "LARGE_CONDITION",
    "LOCAL_START",
    "SPARE_ROWS",
    "fit_findings",
    "left_out_findings",
    "mistyped_findings",
    "on_the_margin",
]

AT_A_BOUND = "widen the bound if nothing demands it, or fix the parameter there and fit the others"
"""What to do about a parameter that ended on a bound."""

SPARE_ROWS = "add rows, or fix a parameter"
"""What to do where no degrees of freedom are left."""

TRY_AGAIN = "try other starts, or a simpler law"
"""What to do about a search that found no optimum, where its status does not say."""

LARGE_CONDITION = 1e12
"""Condition of the scaled J'J above which a direction of the parameters is determined by rounding."""


def fit_findings(
    request: Request,
    columns: FitColumns,
    status: str,
    *,
    disagreed: bool,
    local: bool,
) -> tuple[Finding, ...]:
    """Return the findings of a single fit, in the order in which they matter.

    `group_findings` says the same of groups.

    Parameters
    ----------
    request, columns, status
        The question, the columns that the core answered, and the status as a word.
    disagreed
        Whether the automatic search ended without starts that agree.
    local
        Whether one start was given, and nothing searched.
    """
    found = list(request.table.findings)
    found += left_out_findings(request.table)
    found += _no_dof(request)
    found += mistyped_findings(request)
    design = [marked.finding for marked in shortfalls(request, columns.params)]
    found += design
    found += [LOCAL_START] if local else []
    found += _optimum(request, columns, status)
    found += _agreement(columns, status) if disagreed else []
    found += _bounds(request, columns)
    found += _condition(columns)
    found += _zone(request, columns)
    found += mistakes(request, columns, design)
    return tuple(most_severe_first(found))


def _optimum(request: Request, columns: FitColumns, status: str) -> list[Finding]:
    """Return findings where the optimum is not one point, or does not exist."""
    found = level_findings(request, columns)
    lost = columns.flagged(columns.unidentified, request.names)
    if status == "not_identified" and lost:
        found.append(
            _finding(
                "not_identified",
                "red",
                f"the rows do not determine {quoted(lost)}",
                advice=status_sentence("not_identified").partition("; ")[2],
                evidence={"parameters": lost},
            )
        )
    elif status == "unbounded":
        found.append(runs_off_finding(request, columns))
    elif status == "degenerate":
        found.append(
            _finding(
                "no_scale",
                "red",
                "the residuals have no scale: the likelihood grows without limit as the scale goes to 0",
                advice="use Squared() or Huber(delta) or a larger nu, or add rows",
            )
        )
    elif status not in ("converged", "not_identified"):
        says, _, advice = status_sentence(status).partition("; ")
        found.append(_finding("not_converged", "red", says, advice=advice or TRY_AGAIN))
    return found


LOCAL_START = Finding(
    "local_start",
    "fit",
    "amber",
    "only the start given was tried: the optimum is a local one, and a better one may exist",
    advice='search with starts="auto", or give a Grid of starts',
)
"""The finding of a fit that searched nothing."""


def _agreement(columns: FitColumns, status: str) -> list[Finding]:
    if status != "converged":
        return []
    agreement, starts = int(columns.agreement[0]), int(columns.n_starts[0])
    return [
        _finding(
            "not_global",
            "amber",
            f"{agreement} of {starts} starts ended at this optimum, too few to call it the global one",
            advice='search more with starts=100, and resample with starts="multi"',
            statistic=float(agreement),
        )
    ]


def _bounds(request: Request, columns: FitColumns) -> list[Finding]:
    """Return findings for parameters that ended on a bound, of the caller or of the search."""
    found = []
    bound = columns.flagged(columns.at_bound, request.names)
    if on_the_margin(request, columns)[0]:
        floor = getattr(request.residual, "param", "")
        bound.remove(floor)
        found.append(
            _finding(
                "no_interior_optimum",
                "red",
                f"the likelihood grows without limit as {quote(floor)} nears the smallest target, and has no "
                "optimum below it",
                advice=f"add rows, give {floor} an upper bound or a value, or use log residuals",
                evidence={"parameter": floor},
            )
        )
    if bound:
        found.append(
            _finding(
                "at_bound",
                "amber",
                f"{quoted(bound)} ended on a bound; intervals and tests there need a boundary reference",
                advice=AT_A_BOUND,
                evidence={"parameters": bound},
            )
        )
    return found


def _condition(columns: FitColumns) -> list[Finding]:
    condition = float(columns.condition[0])
    if not condition > LARGE_CONDITION:
        return []
    return [
        _finding(
            "ill_conditioned",
            "amber",
            "the parameters trade off against one another almost exactly",
            statistic=condition,
            threshold=LARGE_CONDITION,
            advice="report quantities that the rows determine, or collect runs at other scales",
        )
    ]


def on_the_margin(request: Request, columns: FitColumns) -> NDArray[np.bool_]:
    """Return for each group whether the floor of a log-excess is as close to the targets as the search goes.

    The caller set no bound there: the likelihood grows without limit as the floor nears the smallest
    target (Hill 1963), which is not an optimum.
    """
    residual = request.residual
    if not isinstance(residual, LogExcess) or not residual.jacobian:
        return np.zeros(columns.groups, dtype=bool)
    place = request.names.index(residual.param)
    param, value = request.law.params[residual.param], columns.params[:, place]
    own = (value > param.lower) & (value < param.upper)
    return np.asarray(columns.at_bound[:, place] & own)


SHORTEST = 3
"""Length below which the name of a parameter is a symbol that resembles too many columns."""


def mistyped_findings(request: Request) -> list[Finding]:
    """Return findings for parameters that look like columns of the frame that the law does not use."""
    used = set(request.table.sources.values()) | set(request.law.columns or ())
    unused = {name.casefold(): name for name in request.table.frame.columns if name not in used}
    found = []
    for name in request.names:
        close = difflib.get_close_matches(name.casefold(), unused, n=1, cutoff=0.8)
        if len(name) >= SHORTEST and close:
            found.append(
                _finding(
                    "parameter_like_column",
                    "amber",
                    f"{quote(name)} is taken for a parameter; did you mean the column {quote(unused[close[0]])}?",
                    advice="write the name of the column, or map the names of the law to columns with columns=",
                    evidence={"parameter": name, "column": unused[close[0]]},
                )
            )
    return found


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _were(rows: int) -> str:
    return "was" if rows == 1 else "were"


def left_out_findings(table: Table) -> list[Finding]:
    """Return findings for rows that were dropped, and for rows of weight 0."""
    found = []
    if table.dropped:
        found.append(
            _finding(
                "rows_dropped",
                "amber",
                f"{_counted(table.dropped)} with a null or NaN {_were(table.dropped)} dropped",
                advice="look at what these rows have in common: runs that failed are missing for a reason",
            )
        )
    if table.zero_weight:
        found.append(
            _finding(
                "zero_weight",
                "green",
                f"{_counted(table.zero_weight)} of weight 0 {_were(table.zero_weight)} left out",
            )
        )
    return found


def _no_dof(request: Request) -> list[Finding]:
    free = len(request.free)
    if request.table.rows != free:
        return []
    return [
        _finding(
            "no_dof",
            "amber",
            f"n = p = {free}: the curve passes through every row, so its error cannot be estimated",
            advice=SPARE_ROWS,
        )
    ]


def _zone(request: Request, columns: FitColumns) -> list[Finding]:
    """Return a finding where a Huber delta acts as least squares or as least absolute deviations."""
    if request.loss.name != "huber":
        return []
    delta = request.loss.spec()[1]
    point = dict(zip(request.names, columns.params[0].tolist(), strict=True))
    if not all(np.isfinite(value) for value in point.values()):
        return []
    size = np.abs(request.rows(0, point)[0])
    median = float(np.median(size))
    share = float(np.mean(size > delta))
    evidence = {"share_linear": share, "mad": median, "delta": delta}
    if median == 0.0 or median < 1e-12:
        return []
    if delta > 10 * median:
        sentence = f"delta = {delta:g} is over 10 median residuals: the loss acts as least squares"
        return [_finding("delta_wide", "green", sentence, statistic=share, evidence=evidence)]
    if delta < median / 100:
        sentence = f"delta = {delta:g} is under 1/100 of the median residual: the loss acts as absolute deviations"
        return [_finding("delta_narrow", "green", sentence, statistic=share, evidence=evidence)]
    return []


def _finding(code: str, severity: Any, sentence: str, **more: Any) -> Finding:
    return Finding(code=code, check="fit", severity=severity, sentence=sentence, **more)
