"""Check that columns hold values that a law's logarithms, powers and divisions can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError, InternalError, quote
from scaling_fast.frames.values import FAR_BELOW, describe, first_bad, has_wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from scaling_fast.frames.table import Table

__all__ = ["require"]


def require(
    table: Table, requirements: Iterable[tuple[str, str, str]], residual: str = "raw"
) -> None:
    """Return None when the law and the residual can take every value.

    Parameters
    ----------
    table
        What `read` returned.
    requirements
        (column, "positive" | "non-negative" | "non-zero", the part of the formula that needs it),
        as the compiled law lists them; a column that the table does not have is ignored.
    residual
        "log" needs a positive target, "logit" one strictly between 0 and 1, others nothing.

    Raises
    ------
    DataError
        Naming the column, the caller's row, the value and the reason.

    Examples
    --------
    >>> from scaling_fast.frames import read
    >>> table = read({"N": [1.0, 0.0], "loss": [3.0, 2.0]}, names=["N"], target="loss")
    >>> require(table, [("N", "positive", "N**alpha")])
    Traceback (most recent call last):
        ...
    scaling_fast.errors.DataError: column `N` must be positive because the law uses N**alpha; \
row 1 holds `0`
    """
    for column, kind, because in requirements:
        values = table.target if column == table.target_name else table.arrays.get(column)
        if values is not None:
            _refuse(
                table,
                column,
                values,
                _bad(values, kind),
                f"{kind} because the law uses {because}",
                "",
            )
    target = table.target_name
    hint = '; for a target that may be 0 or less use residual="raw"'
    if residual == "log":
        bad = table.target <= 0
        rule = "positive because the log residual takes its logarithm"
        _refuse(table, target, table.target, bad, rule, hint)
    elif residual == "logit":
        bad = ~((table.target > 0) & (table.target < 1))
        rule = "strictly between 0 and 1 because of the logit residual"
        _refuse(table, target, table.target, bad, rule, hint.replace("0 or less", "0 or 1"))


def _bad(values: NDArray[np.float64], kind: str) -> NDArray[np.bool_]:
    match kind:
        case "positive":
            return np.asarray(values <= 0)
        case "non-negative":
            return np.asarray(values < 0)
        case "non-zero":
            return np.asarray(values == 0)
        case _:
            raise InternalError(f"a law asks for {quote(kind)}", code="requirement")


def _refuse(
    table: Table,
    column: str,
    values: NDArray[np.float64],
    bad: NDArray[np.bool_],
    rule: str,
    hint: str,
) -> None:
    if not bad.any():
        return
    row, value = first_bad(values, bad, table.order)
    count = int(bad.sum())
    more = "" if count == 1 else f", and {count - 1} more such"
    source = table.sources.get(column, column)
    called = (
        quote(column) if source == column else f"{quote(column)} ({quote(source)} in the frame)"
    )
    hint = _overflow(table, source, value) or hint
    raise DataError(
        f"column {called} must be {rule}; row {row} holds {describe(value)}"
        f"{table.within_group(row)}{more}{hint}",
        code="domain",
        column=source,
        row=row,
    )


def _overflow(table: Table, source: str, value: float) -> str:
    """Return the end of a sentence where the value is a product of whole numbers that wrapped around."""
    frame = table.frame
    if source in frame.columns:
        wrapped = has_wrapped(frame[source])
    else:
        # An expression: only products of whole numbers come out whole and so far below zero.
        whole = any(dtype.is_integer() for dtype in frame.dtypes)
        wrapped = whole and value < -FAR_BELOW * 2.0**31 and value == round(value)
    if not wrapped:
        return ""
    return (
        "; products of whole numbers too large for their type wrap around below zero: multiply floats, "
        "for example cast(pl.Float64) before the product"
    )
