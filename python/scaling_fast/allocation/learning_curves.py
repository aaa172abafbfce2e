"""Losses of learning curves at common budgets, the input of an envelope of whole runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.allocation.budgets import FLOPS_PER_TOKEN
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.frames import read, require
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import number_between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.frames import Table

__all__ = ["losses_at_budgets"]


@ask_first
def losses_at_budgets(
    frame: Any,
    *,
    run: str | Sequence[str],
    budgets: Sequence[float] | NDArray[np.float64],
    columns: Mapping[str, str | pl.Expr] | None = None,
    target: str = "loss",
    flops: str | pl.Expr | None = None,
) -> pl.DataFrame:
    """Return the loss of every run at every budget that its learning curve spans, by interpolation.

    ln loss is interpolated linearly in ln C between the two checkpoints around a budget; nothing
    is extrapolated, so a run is missing at budgets it did not reach.

    Parameters
    ----------
    frame
        Any frame, one row per checkpoint.
    run
        Column, or columns, that identify the run.
    budgets
        Compute budgets in FLOP, positive.
    columns
        {"N": parameters, "D": tokens so far}: columns of the frame or polars expressions.
    target
        The loss, positive.
    flops
        Column or expression of the FLOP so far; 6 N D if None.

    Returns
    -------
    polars.DataFrame
        The columns of `run`, N, D, flops and the loss, as `approach1` takes them with
        `flops="flops", budget="flops"`.

    Raises
    ------
    DataError, ParameterError
        For columns that are missing or not positive, or a run with two losses at one compute.

    Notes
    -----
    At a checkpoint in the middle of a learning-rate schedule the loss is higher than that of a run
    whose schedule ends there; approach 1 of Hoffmann et al. 2022 has the same fault.

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
    wanted = np.log([number_between(flop, "budgets") for flop in budgets])
    mapped = dict(columns or {}) | ({} if flops is None else {"C": flops})
    names = ["N", "D"] if flops is None else ["N", "D", "C"]
    table = read(frame, names=names, target=target, columns=mapped, by=run)
    require(table, [(name, "positive", "its logarithm") for name in names], "log")
    groups, values = _interpolated(table, wanted)
    n, d, loss, c = (np.exp(value) for value in values)
    found = pl.DataFrame({"N": n, "D": d, "flops": c, target: loss})
    keys = table.keys[pl.Series(groups, dtype=pl.Int64)]
    for name in keys.columns:
        if name in found.columns and table.sources.get(name) != name:
            raise DataError(
                f"the column {quote(name)} that names the runs has the name of a result column; rename it",
                code="name_clash",
                column=name,
            )
    # A run may be named by its own size, which the result has anyway.
    named = [key for key in keys.get_columns() if key.name not in found.columns]
    return pl.DataFrame([*named, *found.get_columns()])


def _interpolated(
    table: Table, wanted: NDArray[np.float64]
) -> tuple[list[int], NDArray[np.float64]]:
    """Return the run of each value, and ln N, ln D, ln loss and ln C, shape (4, values).

    Raises
    ------
    DataError
        For a run with two losses at one compute.
    """
    ln_n, ln_d = np.log(table.arrays["N"]), np.log(table.arrays["D"])
    ln_c = (
        np.log(table.arrays["C"]) if "C" in table.arrays else np.log(FLOPS_PER_TOKEN) + ln_n + ln_d
    )
    groups, parts = [], []
    for group in range(table.groups):
        rows = np.arange(table.offsets[group], table.offsets[group + 1])
        rows = rows[np.argsort(ln_c[rows], kind="stable")]
        x = ln_c[rows]
        if (np.diff(x) == 0.0).any():
            second = int(np.argmax(np.diff(x) == 0.0)) + 1
            raise DataError(
                f"run {quote(table.keys.row(group))} has two losses at {np.exp(x[second]):.6g} FLOP",
                code="duplicate",
                row=int(table.order[rows[second]]),
            )
        inside = wanted[(wanted >= x[0]) & (wanted <= x[-1])]
        curves = (ln_n[rows], ln_d[rows], np.log(table.target[rows]))
        parts.append([*(np.interp(inside, x, curve) for curve in curves), inside])
        groups += [group] * inside.size
    return groups, np.array([np.concatenate([part[j] for part in parts]) for j in range(4)])
