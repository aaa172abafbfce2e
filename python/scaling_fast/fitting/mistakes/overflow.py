"""Products of whole numbers that did not fit into their type and came out below zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.errors import quote
from scaling_fast.fitting.mistakes.roles import roles_of
from scaling_fast.fitting.mistakes.sample import amber, listed_rows
from scaling_fast.frames.values import EXACT_INTEGERS, WRAPS, has_wrapped

if TYPE_CHECKING:
    from scaling_fast.findings import Finding
    from scaling_fast.fitting.request import Request

__all__ = ["wrapped"]

EQUAL = 1e-6
"""Relative difference within which two products are the same."""


def wrapped(request: Request) -> list[Finding]:
    """Return the findings of columns with products that wrapped, whether the law uses them or not."""
    table = request.table
    found = []
    for name, source in request.columns.items():
        if isinstance(source, pl.Expr) and name in table.sources:
            found += _of_expression(request, name, source)
    for name in table.frame.columns:
        column = table.frame[name]
        if has_wrapped(column):
            bad = np.flatnonzero((column < 0).fill_null(value=False).to_numpy())
            found.append(_finding(name, bad.tolist(), str(column.dtype)))
        elif type(column.dtype) in WRAPS and (rows := _wrapped_above_zero(request, column)):
            found.append(_finding(name, rows, str(column.dtype)))
    return found


def _wrapped_above_zero(request: Request, column: pl.Series) -> list[int]:
    """Return the rows in which a column is 6*N*D of the law, less a multiple of the range of its type."""
    table = request.table
    named = {role: table.arrays[name] for name, role in roles_of(request).items()}
    if column.null_count() or not {"size", "data"} <= set(named):
        return []
    product = 6.0 * named["size"] * named["data"]
    far = product > WRAPS[type(column.dtype)]
    whole = far & (named["size"] < EXACT_INTEGERS) & (named["data"] < EXACT_INTEGERS)
    if not whole.any():
        return []
    bits = np.uint64 if column.dtype == pl.Int64 else np.uint32
    values = column.to_numpy()[table.order].astype(np.int64).astype(bits)
    sizes, data = (named[role][whole].astype(np.uint64) for role in ("size", "data"))
    with np.errstate(over="ignore"):
        same = (np.uint64(6) * sizes * data).astype(bits) == values[whole]
    return sorted(table.order[whole][same].tolist())


def _of_expression(request: Request, name: str, source: pl.Expr) -> list[Finding]:
    """Return the finding of an expression that gives other numbers in doubles than in its own type."""
    table = request.table
    roots = [root for root in source.meta.root_names() if table.frame.schema[root].is_integer()]
    if not roots:
        return []
    try:
        doubles = table.frame.with_columns(
            pl.col(root).cast(pl.Float64) for root in dict.fromkeys(roots)
        )
        values = doubles.select(source.alias("v"))["v"].cast(pl.Float64).to_numpy()[table.order]
    except pl.exceptions.PolarsError:
        return []  # what only whole numbers can do does not wrap silently
    used = table.arrays.get(name, table.target)
    bad = np.abs(values - used) > EQUAL * np.abs(values) + 1.0
    rows = sorted(table.order[bad].tolist())
    return [_finding(name, rows, "its type")] if rows else []


def _finding(name: str, rows: list[int], dtype: str) -> Finding:
    where = listed_rows(rows)
    return amber(
        "overflow",
        f"{quote(name)} holds products of whole numbers too large for {dtype}, which wrapped around in {where}",
        "multiply floats: cast to Float64 (astype(float) in pandas) before the product",
        statistic=float(len(rows)),
        evidence={"column": name, "rows": rows[:100]},
    )
