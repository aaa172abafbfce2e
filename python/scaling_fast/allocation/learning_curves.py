"""Learning curves read off at common budgets: what an envelope of whole runs starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.allocation.budgets import FLOPS_PER_TOKEN
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.frames import read, require
from scaling_fast.validation import number_between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["losses_at_budgets"]


def losses_at_budgets(
    frame: Any,
    *,
    run: str | Sequence[str],
    budgets: Sequence[float] | NDArray[np.float64],
    columns: Mapping[str, str | pl.Expr] | None = None,
    target: str = "loss",
    flops: str | pl.Expr | None = None,
) -> pl.DataFrame:
    """Return the loss of every run at every budget within its curve, by interpolation.

    ln loss is interpolated linearly in ln C between the two checkpoints around a budget; nothing
    is extrapolated, so a run is absent from budgets it did not reach.

    Parameters
    ----------
    frame
        Any frame, a row a checkpoint.
    run
        Column, or columns, that name the run.
    budgets
        FLOP.
    columns
        {"N": parameters, "D": tokens so far}: columns of the frame or polars expressions.
    target
        The loss, positive.
    flops
        Column or expression of the FLOP so far; 6 N D without.

    Returns
    -------
    polars.DataFrame
        The columns of `run`, N, D, flops and the loss: what `approach1` takes with
        `flops="flops", budget="flops"`.

    Raises
    ------
    DataError, ParameterError
        For columns that are missing or not positive, or a run with two losses at one compute.

    Notes
    -----
    Checkpoints of a schedule that has not ended lie above the loss of a run that ends there; approach 1
    of Hoffmann et al. 2022 has the same fault.

    Examples
    --------
    >>> curve = {"run": ["a", "a"], "N": [1e8, 1e8], "D": [1e9, 4e9], "loss": [4.0, 2.0]}
    >>> losses_at_budgets(curve, run="run", budgets=[1.2e18, 9e18])["loss"].round(6).to_list()
    [2.828427]
    """
    listed: Any = budgets
    if not isinstance(listed, Sequence | np.ndarray) or isinstance(listed, str):
        raise ParameterError(
            f"budgets must be FLOP in a list, such as [1e18, 1e19], got {quote(budgets)}",
            code="budgets",
            param="budgets",
        )
    if not run:
        raise ParameterError(
            f'run must name the column of the runs, such as run="run", got {quote(run)}',
            code="run",
            param="run",
        )
    asked = np.log([number_between(one, "budgets") for one in budgets])
    mapped = dict(columns or {})
    names = ["N", "D"]
    if flops is not None:
        names.append("C")
        mapped["C"] = flops
    table = read(frame, names=names, target=target, columns=mapped, by=run)
    require(table, [(one, "positive", "its logarithm") for one in names], "log")
    ln_n, ln_d = np.log(table.arrays["N"]), np.log(table.arrays["D"])
    ln_c = np.log(FLOPS_PER_TOKEN) + ln_n + ln_d
    if flops is not None:
        ln_c = np.log(table.arrays["C"])
    groups, parts = [], []
    for group in range(table.groups):
        rows = np.arange(table.offsets[group], table.offsets[group + 1])
        rows = rows[np.argsort(ln_c[rows], kind="stable")]
        x = ln_c[rows]
        if (np.diff(x) == 0.0).any():
            again = int(np.argmax(np.diff(x) == 0.0)) + 1
            raise DataError(
                f"run {quote(table.keys.row(group))} has two losses at {np.exp(x[again]):.6g} FLOP",
                code="duplicate",
                row=int(table.order[rows[again]]),
            )
        inside = asked[(asked >= x[0]) & (asked <= x[-1])]
        values = (ln_n[rows], ln_d[rows], np.log(table.target[rows]))
        parts.append([*(np.interp(inside, x, one) for one in values), inside])
        groups += [group] * inside.size
    n, d, loss, c = (np.exp(np.concatenate([part[j] for part in parts])) for j in range(4))
    out = pl.DataFrame({"N": n, "D": d, "flops": c, target: loss})
    keys = table.keys[pl.Series(groups, dtype=pl.Int64)]
    for one in keys.columns:
        if one in out.columns and table.sources.get(one) != one:
            raise DataError(
                f"the run is named by a column {quote(one)}, which is a result too; rename it",
                code="name_clash",
                column=one,
            )
    # A run may be named by its own size, which the result has anyway.
    named = [one for one in keys.get_columns() if one.name not in out.columns]
    return pl.DataFrame([*named, *out.get_columns()])
