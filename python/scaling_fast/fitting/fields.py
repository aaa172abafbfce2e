"""The columns of a fit as fields of a polars struct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from scaling_fast.errors import ParameterError
from scaling_fast.fitting.binding import bound_law, checked_loss, with_params
from scaling_fast.fitting.table import DIAGNOSTICS, column_name
from scaling_fast.laws import as_law
from scaling_fast.losses.residual import is_likelihood

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.laws import Law

__all__ = ["DTYPES", "result_fields"]


DTYPES = {
    "status": pl.String,
    "is_global": pl.Boolean,
    "n": pl.Int64,
    "n_starts": pl.Int64,
    "agreement": pl.Int64,
    "at_bound": pl.List(pl.String),
    "findings": pl.List(pl.String),
}
"""Polars types of the diagnostics that are not doubles."""


def checked_fields(law: Law, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a table of fits, without keys, and their polars types."""
    loss = checked_loss(options.get("loss"))
    scaled = is_likelihood(loss.name, options.get("residual") or "log")
    taken = [*law.params, *law.derived]
    fields: dict[str, Any] = dict.fromkeys(taken, pl.Float64)
    for diagnostic in DIAGNOSTICS:
        if diagnostic != "scale" or scaled:
            fields[column_name(diagnostic, taken)] = DTYPES.get(diagnostic, pl.Float64)
    return fields


def result_fields(
    law: Law | str, columns: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the columns that a table of fits of a law has beside its keys, and their polars types.

    Raises
    ------
    ParameterError
        For a bare formula without `columns`: nothing then says which of its names are parameters.
    """
    known = with_params(as_law(law), options.get("params"))
    if known.columns is None and not columns:
        raise ParameterError(
            'say which names of the formula are columns with columns={"x": "x"}',
            code="columns",
            param="columns",
        )
    return checked_fields(bound_law(known, dict(columns or {}), {}, None), options)
