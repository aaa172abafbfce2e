"""The arrays behind the figures of a report; `reporting` draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import box_points, law_values, quantile_interval
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scaling_fast.auditing.claim.schema import ReportedInterval
    from scaling_fast.auditing.evidence.case import Case
    from scaling_fast.auditing.evidence.refits import View

    Floats = NDArray[np.float64]

MOST_POINTS = 2000  # rows drawn; beyond it an even selection in order of size
CURVE_POINTS = 160
BINS = 60
TRIMMED = (0.001, 0.999)  # part of the draws a histogram spans
LEVEL = 0.80  # of intervals drawn where the paper reports none


def figure_data(case: Case) -> dict[str, Any]:
    """Return the arrays behind the figures."""
    return {
        "fits": [_fit(case, view) for view in case.views],
        "exponent": _exponent(case),
        "draws": _draws(case),
    }


def _fit(case: Case, view: View) -> dict[str, Any]:
    """Return rows by size with residuals at both points, and curves if there is one input."""
    name, size = view.size_axis
    order = np.argsort(size, kind="stable")
    if order.size > MOST_POINTS:
        order = order[np.linspace(0, order.size - 1, MOST_POINTS).astype(int)]
    point = case.reported.best
    out: dict[str, Any] = {
        "label": view.label,
        "axis": name,
        "residual": view.residual,
        "rows": view.n,
        "size": _list(size[order]),
        "observed": _list(view.y[order]),
        "refitted": _list(view.residuals(case.law, view.estimates)[order]),
        "reported": None if point is None else _list(view.residuals(case.law, point)[order]),
        "curve": None,
    }
    if len(case.law.columns) == 1:
        column = case.law.columns[0]
        x = view.x[column]
        grid = np.geomspace(np.min(x) / 1.6, np.max(x) * 1.6, CURVE_POINTS)
        out["curve"] = {
            "column": column,
            "x": _list(grid),
            "refitted": _list(law_values(case.law, {column: grid}, view.estimates)),
            "reported": None
            if point is None
            else _list(law_values(case.law, {column: grid}, point)),
        }
        out["inputs"] = _list(x[order])
    return out


def _exponent(case: Case) -> dict[str, Any]:
    """Return every statement about the headline quantity, as points and ranges."""
    return {"quantity": case.quantity, "rows": [*_by_the_paper(case), *_by_refits(case)]}


def _by_the_paper(case: Case) -> Iterator[dict[str, Any]]:
    """Return what the paper says of the quantity, and what its parameters give."""
    quantity, reported = case.quantity, case.reported
    for interval in _drawable(case):
        label = f"reported {100 * interval.level:g} % interval"
        lower, upper = Printed(interval.lower).value, Printed(interval.upper).value
        yield _row(label, "paper", lower=lower, upper=upper)
    for claim in case.paper.claims:
        if claim.kind != "exponent" or claim.expr != quantity or claim.value is None:
            continue
        printed = Printed(claim.value)
        if printed.is_bound:
            yield _row(f"reported bound, {printed.text}", "paper", value=printed.value)
        else:
            label = "reported value, as printed"
            ends = {"lower": printed.lower, "upper": printed.upper}
            yield _row(label, "paper", value=printed.value, **ends)
    points = None if reported.box is None else box_points(reported.box)
    if points is not None:
        values = evaluate(quantity, points)
        label = "printed parameters, all roundings"
        yield _row(label, "paper", lower=float(np.min(values)), upper=float(np.max(values)))
    if reported.exact is not None:
        value = float(evaluate(quantity, reported.exact))
        yield _row("unrounded parameters", "paper", value=value)


def _by_refits(case: Case) -> Iterator[dict[str, Any]]:
    """Return the quantity at every refit, with the interval of its resamples."""
    quantity = case.quantity
    levels = [
        interval.level for interval in case.paper.reported.intervals if interval.of == quantity
    ]
    level = levels[0] if levels else LEVEL
    for view in case.views:
        where = case.where(view)
        value = float(evaluate(quantity, view.estimates))
        if not view.resamples:
            yield _row(f"refit{where}", "audit", value=value)
        for resampled in view.resamples:
            low, high = quantile_interval(evaluate(quantity, resampled.draws), level)
            label = f"refit, {100 * level:g} % interval of {resampled.label} refits{where}"
            yield _row(label, "audit", value=value, lower=low, upper=high)
    for other in case.alternatives:
        if other.stated.converged:
            value = float(evaluate(quantity, other.estimates))
            yield _row(f"refit, {other.rule}", "audit", value=value)


def _drawable(case: Case) -> list[ReportedInterval]:
    """Return the reported intervals of the headline quantity whose ends are numbers, not bounds."""
    return [
        interval
        for interval in case.paper.reported.intervals
        if interval.of == case.quantity
        and not any(Printed(end).is_bound for end in (interval.lower, interval.upper))
    ]


def _row(
    label: str,
    origin: str,
    *,
    value: float | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> dict[str, Any]:
    return {"label": label, "origin": origin, "value": value, "lower": lower, "upper": upper}


def _draws(case: Case) -> dict[str, Any] | None:
    """Return histograms of the headline quantity over the refits."""
    view = case.headline
    if view is None or not view.resamples:
        return None
    finite = {}
    for resampled in view.resamples:
        values = evaluate(case.quantity, resampled.draws)
        values = values[np.isfinite(values)]
        if values.size > 1:
            finite[resampled.kind] = values
    if not finite:
        return None
    low = min(float(np.quantile(values, TRIMMED[0])) for values in finite.values())
    high = max(float(np.quantile(values, TRIMMED[1])) for values in finite.values())
    edges = np.linspace(low, high, BINS + 1)
    # Refits of rows without noise differ only by rounding: there is nothing to draw.
    if not np.diff(edges).min() > 0:
        return None
    intervals = _drawable(case)
    point = case.reported.best
    return {
        "quantity": case.quantity,
        "view": view.label,
        "edges": _list(edges),
        "density": {
            kind: _list(np.histogram(values, edges)[0] / (values.size * (edges[1] - edges[0])))
            for kind, values in finite.items()
        },
        "estimate": float(evaluate(case.quantity, view.estimates)),
        "reported_point": None if point is None else float(evaluate(case.quantity, point)),
        "reported_interval": [Printed(intervals[0].lower).value, Printed(intervals[0].upper).value]
        if intervals
        else None,
    }


def _list(values: Floats) -> list[float]:
    return [float(value) for value in np.asarray(values)]
