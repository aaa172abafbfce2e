"""Intervals as a table: one row per group and quantity, whatever computed their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.fitting.table import column_name, with_keys
from scaling_fast.laws.quantities import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates

__all__ = ["estimates_of", "interval_table"]


def estimates_of(estimates: Estimates, formulas: Mapping[str, str]) -> NDArray[np.float64]:
    """Return the estimate of each quantity in each group, shape (groups, quantities).

    Parameters
    ----------
    estimates
        The question, and the parameters of every group.
    formulas
        Name of the quantity -> formula of parameters.
    """
    values = [evaluate(formula, estimates.columns) for formula in formulas.values()]
    return np.array(values).T.reshape(estimates.groups, len(formulas))


def interval_table(
    estimates: Estimates,
    formulas: Mapping[str, str],
    ends: NDArray[np.float64],
    status: Sequence[str] = (),
) -> pl.DataFrame:
    """Return intervals: group keys, name, estimate, lower, upper; group after group, with a status each.

    A label that is the name of a key column becomes `fit_...`.

    Parameters
    ----------
    estimates
        The question, and the parameters of every group.
    formulas
        Name of the quantity -> formula of parameters.
    ends
        Lower and upper end of each interval, shape (groups, quantities, 2); NaN where there is none, which
        is null beside a status.
    status
        Why each group has an interval or none; for groups only.
    """
    keys = estimates.request.table.keys
    grouped = bool(keys.width)
    columns = {
        "name": pl.Series(list(formulas) * estimates.groups, dtype=pl.String),
        "estimate": pl.Series(estimates_of(estimates, formulas).ravel()),
        # Not filled later: a forked child has no threads of polars to fill with.
        "lower": pl.Series(ends[:, :, 0].ravel(), nan_to_null=grouped),
        "upper": pl.Series(ends[:, :, 1].ravel(), nan_to_null=grouped),
    }
    if grouped:
        columns["status"] = pl.Series([word for word in status for _ in formulas], dtype=pl.String)
    return with_keys(
        keys,
        np.repeat(np.arange(estimates.groups), len(formulas)),
        [column.alias(column_name(label, keys.columns)) for label, column in columns.items()],
    )
