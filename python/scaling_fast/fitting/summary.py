"""A fit as lines of text: the question, the estimates of a single fit, the statuses of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from scaling_fast.fitting.request import Request

__all__ = ["estimate_lines", "group_lines", "question_lines"]


def question_lines(request: Request) -> list[str]:
    """Return the formula and how its names were read, the target, the residual and the loss."""
    law, residual = request.law, request.residual
    form = residual if isinstance(residual, str) else repr(residual)
    return [
        f"law        {law.name or 'formula'}: {law.formula}",
        f"columns    {', '.join(law.columns or ())}",
        f"parameters {', '.join(law.params)}",
        f"target     {request.table.target_name}, {form} residuals, {request.loss!r}",
    ]


def estimate_lines(
    params: Mapping[str, float], derived: Mapping[str, float], scale: float | None
) -> list[str]:
    """Return the scale, where there is one, and one line per parameter and derived quantity."""
    lines = [] if scale is None else [f"scale      {scale:.8g}"]
    lines += [f"  {name:<12} {value:.8g}" for name, value in params.items()]
    return lines + [f"  {name:<12} {value:.8g}   (derived)" for name, value in derived.items()]


def group_lines(status: pl.Series, rows: int) -> list[str]:
    """Return the numbers of groups and rows, and one line per status with its number of groups."""
    counts = status.value_counts(sort=True)
    return [
        f"groups     {len(status)}   rows {rows}",
        *(f"  {word:<16} {count}" for word, count in counts.iter_rows()),
    ]
