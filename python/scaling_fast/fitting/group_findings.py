"""What is worth knowing about the fits of groups: the codes of each, and one finding for all that share a code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import quote, quoted
from scaling_fast.findings import Finding, most_severe_first
from scaling_fast.fitting.design import shortfalls
from scaling_fast.fitting.diagnostics import (
    AT_A_BOUND,
    LARGE_CONDITION,
    LOCAL_START,
    SPARE_ROWS,
    left_out_findings,
    mistyped_findings,
    on_the_margin,
)
from scaling_fast.fitting.marked import Marked, code_lists, naming_groups
from scaling_fast.fitting.mistakes.overflow import wrapped
from scaling_fast.fitting.status import status_code
from scaling_fast.fitting.zone import zones

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from scaling_fast.findings import Severity
    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request

    Mask = NDArray[np.bool_]

__all__ = ["group_findings"]

RED_ALONE = ("no_interior_optimum",)
"""Codes that are amber of groups and red of a single fit; how a fit ended is red as well."""

FAILED = "groups_failed"
"""The code of the finding that counts the groups that did not converge."""


def group_findings(
    request: Request,
    columns: FitColumns,
    status: pl.Series,
    *,
    disagreed: Mask,
    local: bool,
) -> tuple[tuple[Finding, ...], pl.Series]:
    """Return the findings of a grouped fit, and the codes of the findings that each group has by itself.

    A finding names the first ten of its groups, and is amber where it would be red of a single fit: the
    other groups are as good as without it. The codes are those that `fit_findings` gives for the rows of
    the group alone, but for `mistakes`, whose checks of the rows take hundreds of times as long as a fit: a
    group that is selected has them. Warnings about the whole frame stand in every group.

    Parameters
    ----------
    request, columns, status
        The question, the columns that the core answered, and the status of each group as a word.
    disagreed
        Whether an automatic search ended without starts that agree, shape (groups,).
    local
        Whether one start was given, and nothing searched.
    """
    table = request.table
    everywhere = np.ones(table.groups, dtype=bool)
    marked = [
        *(Marked(finding, everywhere) for finding in table.findings),
        *_left_out(request),
        _no_dof(request),
        *(Marked(finding, everywhere) for finding in mistyped_findings(request)),
        *shortfalls(request, columns.params),
        Marked(LOCAL_START, everywhere & local),
        *(Marked(finding, everywhere) for finding in wrapped(request)),
        _level(np.asarray(columns.level.any(axis=1))),
        _failed(status),
        _not_global(disagreed & columns.converged),
        *_bounds(request, columns),
        _condition(columns),
        *_zones(request, columns),
    ]
    codes: list[tuple[Severity, str, Mask]] = []
    for finding, groups in marked:
        # Of a group alone the code says how its fit ended, which `groups_failed` counts over all.
        if finding.code == FAILED:
            codes += [("red", code, ended) for code, ended in _ended(columns)]
        elif finding.code == "level_optimum":
            endless = _endless(columns)
            codes += [("red", finding.code, endless), ("amber", finding.code, groups & ~endless)]
        else:
            alone: Severity = "red" if finding.code in RED_ALONE else finding.severity
            codes.append((alone, finding.code, groups))
    named = (naming_groups(each, table.keys) for each in marked if each.groups.any())
    return tuple(most_severe_first(named)), code_lists(codes, table.groups)


def _endless(columns: FitColumns) -> Mask:
    """Return in which groups the best points have no end, shape (groups,)."""
    ends = np.isfinite(columns.level_lower) & np.isfinite(columns.level_upper)
    return np.asarray((columns.level & ~ends).any(axis=1))


def _left_out(request: Request) -> list[Marked]:
    """Return what is said of rows left out, each with the groups that lost some."""
    lost = request.table.lost
    nowhere = np.zeros(request.table.groups, dtype=bool)
    reasons = ("rows_dropped", "zero_weight")
    return [
        Marked(finding, nowhere if lost is None else lost[reasons.index(finding.code)] > 0)
        for finding in left_out_findings(request.table)
    ]


def _no_dof(request: Request) -> Marked:
    free = len(request.free)
    groups = np.diff(request.table.offsets) == free
    return _marked(
        "no_dof",
        groups,
        f"n = p = {free}: the curve passes through every row, so its error cannot be estimated",
        advice=SPARE_ROWS,
    )


def _failed(status: pl.Series) -> Marked:
    failed = (status != "converged").to_numpy()
    count = int(failed.sum())
    words = status.filter(failed).cast(str).value_counts(sort=True, name="count")
    finding = _finding(
        FAILED,
        "amber",
        f"{count} of {len(status)} groups {'has' if count == 1 else 'have'} no certified optimum; the status of "
        f"{'it' if count == 1 else 'each'} says why",
        advice="look at these groups with fit.select(...), and leave them out or fit them a simpler law",
        statistic=float(count),
        evidence={"statuses": dict(words.iter_rows())},
    )
    return Marked(finding, failed)


def _ended(columns: FitColumns) -> list[tuple[str, Mask]]:
    """Return the codes of fits that did not converge, and the groups of each."""
    lost = columns.status == status_code("not_identified")
    unbounded = columns.status == status_code("unbounded")
    degenerate = columns.status == status_code("degenerate")
    return [
        ("not_identified", lost & columns.unidentified.any(axis=1)),
        ("unbounded", unbounded),
        ("no_scale", degenerate),
        ("not_converged", ~(columns.converged | lost | unbounded | degenerate)),
    ]


def _level(groups: Mask) -> Marked:
    finding = _finding(
        "level_optimum",
        "amber",
        f"the loss is level around the optimum of {int(groups.sum())} of {groups.size} groups; "
        "the centre of their best points is given",
        statistic=float(groups.sum()),
        advice="use a smoother loss (a larger delta, or Squared) or an odd number of runs at each scale",
    )
    return Marked(finding, groups)


def _not_global(groups: Mask) -> Marked:
    return _marked(
        "not_global",
        groups,
        "too few starts ended at the optimum to call it the global one",
        advice='search more with starts=100, and resample with starts="multi"',
    )


def _bounds(request: Request, columns: FitColumns) -> list[Marked]:
    found = []
    at_bound = columns.at_bound
    margin = on_the_margin(request, columns)
    if margin.any():
        floor = getattr(request.residual, "param", "")
        at_bound = at_bound.copy()
        at_bound[margin, request.names.index(floor)] = False
        found.append(
            _marked(
                "no_interior_optimum",
                margin,
                f"the likelihood grows without limit as {quote(floor)} nears the smallest target, and has no "
                "optimum below it",
                advice=f"add rows, give {floor} an upper bound or a value, or use log residuals",
                evidence={"parameter": floor},
            )
        )
    names = [name for place, name in enumerate(request.names) if at_bound[:, place].any()]
    found.append(
        _marked(
            "at_bound",
            np.asarray(at_bound.any(axis=1)),
            f"{quoted(names)} ended on a bound; intervals and tests there need a boundary reference",
            advice=AT_A_BOUND,
            evidence={"parameters": names},
        )
    )
    return found


def _condition(columns: FitColumns) -> Marked:
    groups = columns.condition > LARGE_CONDITION
    return _marked(
        "ill_conditioned",
        groups,
        "the parameters trade off against one another almost exactly",
        statistic=float(np.max(columns.condition, where=groups, initial=0.0)),
        threshold=LARGE_CONDITION,
        advice="report quantities that the rows determine, or collect runs at other scales",
    )


def _zones(request: Request, columns: FitColumns) -> list[Marked]:
    """Return where a Huber delta acts as least squares or as least absolute deviations."""
    if request.loss.name != "huber":
        return []
    delta = request.loss.spec()[1]
    wide, narrow = zones(request, columns.params, delta)
    acts = (
        ("delta_wide", wide, "over 10 median residuals: the loss acts as least squares"),
        (
            "delta_narrow",
            narrow,
            "under 1/100 of the median residual: the loss acts as absolute deviations",
        ),
    )
    return [
        _marked(code, groups, f"delta = {delta:g} is {sentence}", severity="green")
        for code, groups, sentence in acts
    ]


def _marked(
    code: str, groups: Mask, sentence: str, *, severity: Any = "amber", **more: Any
) -> Marked:
    where = f"in {int(groups.sum())} of {groups.size} groups "
    return Marked(_finding(code, severity, f"{where}{sentence}", **more), groups)


def _finding(code: str, severity: Any, sentence: str, **more: Any) -> Finding:
    return Finding(code=code, check="fit", severity=severity, sentence=sentence, **more)
