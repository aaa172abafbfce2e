"""What is asked of every result: a level, quantities of parameters, columns whose names are still free."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.laws import Law

__all__ = ["checked_level", "column_name", "named_formulas", "rows_of"]

_NAME = re.compile(r"(?<![0-9.])[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def column_name(diagnostic: str, taken: Sequence[str]) -> str:
    """Return the column of a table that holds a diagnostic: its name, or `fit_...` where the law uses it."""
    return f"fit_{diagnostic}" if diagnostic in taken else diagnostic


def rows_of(column: pl.Series, places: NDArray[np.integer[Any]]) -> pl.Series:
    """Return the rows of a column at `places`, whatever its name: polars takes some names for patterns."""
    return column.alias("rows").gather(pl.Series(places)).alias(column.name)


def checked_failures(share: object) -> float:
    """Return a share of replicates that may be unusable, from 0 to 1.

    Raises
    ------
    ParameterError
        For anything else.
    """
    number = isinstance(share, int | float | np.floating | np.integer)
    if not number or isinstance(share, bool) or not 0.0 <= share <= 1.0:  # type: ignore[operator]
        raise ParameterError(
            f"max_failures must be a share between 0 and 1, got {shown(share)}",
            code="max_failures",
            param="max_failures",
        )
    return float(share)  # type: ignore[arg-type]


def checked_level(level: object) -> float:
    """Return a level between 0 and 1.

    Raises
    ------
    ParameterError
        For anything else, with the value that was probably meant.
    """
    if isinstance(level, bool) or not isinstance(level, int | float | np.floating | np.integer):
        raise ParameterError(
            f"level must be a number, got {shown(level)}", code="level", param="level"
        )
    try:
        value = float(level)
    except OverflowError:
        value = math.inf
    if not 0.0 < value < 1.0:
        meant = f"; did you mean {value / 100:g}?" if 1.0 < value < 100.0 else ""
        raise ParameterError(
            f"level must lie between 0 and 1, got `{value:g}`{meant}", code="level", param="level"
        )
    if 0.5 + value / 2.0 == 1.0:
        raise ParameterError(
            f"level is {shown(repr(value))}, which no double tells from 1 when it is halved; take 0.999999 "
            "at most",
            code="level",
            param="level",
        )
    return value


def named_formulas(
    law: Law, names: Sequence[str], of: str | Sequence[str] | None
) -> dict[str, str]:
    """Return name -> formula of parameters for what is asked of a fit or its replicates.

    A derived quantity may be named, alone or within a formula of parameters.
    """
    derived: dict[str, Any] = dict(law.derived)
    if of is None:
        return {one: one for one in names} | derived
    wanted: Any = [of] if isinstance(of, str) else of
    if not isinstance(wanted, Iterable) or not all(isinstance(one, str) for one in wanted):
        raise ParameterError(
            f'of must be a formula such as "beta/(alpha+beta)", or a list of them, got {shown(of)}',
            code="of",
            param="of",
        )
    return {one: _expanded(one, derived) for one in wanted}


def _expanded(formula: str, derived: Mapping[str, str]) -> str:
    """Return a formula with every derived quantity written out."""
    return _NAME.sub(
        lambda found: f"({derived[found[0]]})" if found[0] in derived else found[0], formula
    )
