"""What is said where the best points are many: a loss with straight parts is level between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import quoted
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request

__all__ = ["level_findings"]


def level_findings(request: Request, columns: FitColumns) -> list[Finding]:
    """Return the finding of a single fit whose optimum is not one point.

    Parameters
    ----------
    request, columns
        The question and what the core answered.
    """
    names = columns.flagged(columns.level, request.names)
    if not names:
        return []
    places = [request.names.index(name) for name in names]
    lower, upper = columns.level_lower[0, places], columns.level_upper[0, places]
    if not np.isfinite(lower).all() or not np.isfinite(upper).all():
        return [_without_end(names, lower, upper)]
    ranges = [
        f"{name} from {_digits(low, high)} to {_digits(high, low)}"
        for name, low, high in zip(names, lower.tolist(), upper.tolist(), strict=True)
    ]
    if len(ranges) == 1:
        sentence = (
            f"every {ranges[0]} is optimal: the loss is level between them, and the centre is given"
        )
    else:
        sentence = (
            f"the optimum is not one point: the loss is level over {', '.join(ranges)}, "
            "and the centre is given"
        )
    return [
        Finding(
            code="level_optimum",
            check="fit",
            severity="amber",
            sentence=sentence,
            advice="use a smoother loss (a larger delta, or Squared) or an odd number of runs at each scale",
            evidence={
                "parameters": names,
                "lower": dict(zip(names, lower.tolist(), strict=True)),
                "upper": dict(zip(names, upper.tolist(), strict=True)),
            },
        )
    ]


def _without_end(
    names: list[str], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> Finding:
    """Return the finding of best points that go on without end, or whose ends are not known."""
    endless = [
        name
        for name, low, high in zip(names, lower.tolist(), upper.tolist(), strict=True)
        if math.isinf(low) or math.isinf(high)
    ]
    end = f", for {quoted(endless)} without end" if endless else ""
    return Finding(
        code="level_optimum",
        check="fit",
        severity="red",
        sentence=f"the optimum is not one point: along {quoted(names)} the loss stays the same{end}",
        advice="use a smoother loss (a larger delta, or Squared), give bounds, or add rows",
        evidence={"parameters": names},
    )


def _digits(value: float, other: float) -> str:
    """Return a number with four digits, or as many as tell it from another."""
    for digits in range(4, 18):
        text = f"{value:.{digits}g}"
        if text != f"{other:.{digits}g}":
            return text
    return repr(value)
