"""The arrays behind the figures of a report; drawing is the report's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.auditing.claim.printed import Printed
from scaling_fast.auditing.evidence.formulas import box_points, law_values, quantile_interval
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
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
    quantity = case.quantity
    rows: list[dict[str, Any]] = [
        _row(
            f"reported {100 * interval.level:g} % interval",
            "paper",
            None,
            Printed(interval.lower).value,
            Printed(interval.upper).value,
        )
        for interval in _drawable(case)
    ]
    for claim in case.paper.claims:
        if claim.kind == "exponent" and claim.expr == quantity and claim.value is not None:
            printed = Printed(claim.value)
            rows.append(
                _row(
                    f"reported bound, {printed.text}"
                    if printed.is_bound
                    else "reported value, as printed",
                    "paper",
                    printed.value,
                    None if printed.is_bound else printed.lower,
                    None if printed.is_bound else printed.upper,
                )
            )
    if case.reported.box is not None:
        points = box_points(case.reported.box)
        if points is not None:
            values = evaluate(quantity, points)
            rows.append(
                _row(
                    "printed parameters, all roundings",
                    "paper",
                    None,
                    float(np.min(values)),
                    float(np.max(values)),
                )
            )
    if case.reported.exact is not None:
        rows.append(
            _row(
                "unrounded parameters",
                "paper",
                float(evaluate(quantity, case.reported.exact)),
                None,
                None,
            )
        )
    levels = [i.level for i in case.paper.reported.intervals if i.of == quantity]
    level = levels[0] if levels else LEVEL
    for view in case.views:
        tag = f" ({view.label})" if len(case.views) > 1 else ""
        value = float(evaluate(quantity, view.estimates))
        if not view.resamples:
            rows.append(_row(f"refit{tag}", "audit", value, None, None))
        for resampled in view.resamples:
            low, high = quantile_interval(evaluate(quantity, resampled.draws), level)
            rows.append(
                _row(
                    f"refit, {100 * level:g} % interval of {resampled.label} refits{tag}",
                    "audit",
                    value,
                    low,
                    high,
                )
            )
    rows += [
        _row(
            f"refit, {other.rule}", "audit", float(evaluate(quantity, other.estimates)), None, None
        )
        for other in case.alternatives
        if other.stated.converged
    ]
    return {"quantity": quantity, "rows": rows}


def _drawable(case: Case) -> list[ReportedInterval]:
    """Return the reported intervals of the headline quantity whose ends are numbers and no bounds."""
    return [
        interval
        for interval in case.paper.reported.intervals
        if interval.of == case.quantity
        and not any(Printed(end).is_bound for end in (interval.lower, interval.upper))
    ]


def _row(
    label: str, origin: str, value: float | None, lower: float | None, upper: float | None
) -> dict[str, Any]:
    return {"label": label, "origin": origin, "value": value, "lower": lower, "upper": upper}


def _draws(case: Case) -> dict[str, Any] | None:
    """Return histograms of the headline quantity over the refits."""
    view = case.headline
    if view is None or not view.resamples:
        return None
    values = {r.kind: evaluate(case.quantity, r.draws) for r in view.resamples}
    finite = {kind: v[np.isfinite(v)] for kind, v in values.items()}
    finite = {kind: v for kind, v in finite.items() if v.size > 1}
    if not finite:
        return None
    low = min(float(np.quantile(v, TRIMMED[0])) for v in finite.values())
    high = max(float(np.quantile(v, TRIMMED[1])) for v in finite.values())
    edges = np.linspace(low, high, BINS + 1)
    # Refits of rows without noise differ by their rounding: that is no picture.
    if not np.diff(edges).min() > 0:
        return None
    intervals = _drawable(case)
    point = case.reported.best
    return {
        "quantity": case.quantity,
        "view": view.label,
        "edges": _list(edges),
        "density": {
            kind: _list(np.histogram(v, edges)[0] / (v.size * (edges[1] - edges[0])))
            for kind, v in finite.items()
        },
        "estimate": float(evaluate(case.quantity, view.estimates)),
        "reported_point": None if point is None else float(evaluate(case.quantity, point)),
        "reported_interval": [Printed(intervals[0].lower).value, Printed(intervals[0].upper).value]
        if intervals
        else None,
    }


def _list(values: Floats) -> list[float]:
    return [float(v) for v in np.asarray(values)]
