"""Fit a law: any frame in, a certified optimum per group out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from scaling_fast.fitting.assembly import assembled
from scaling_fast.fitting.binding import (
    bound_law,
    check_excess,
    checked_loss,
    refuse_extreme_sigma,
    refuse_key_clash,
    refuse_lost_diagnostics,
    refuse_target_on_right,
    require_floor,
    requirements,
    target_and_residual,
    target_in_columns,
    with_params,
)
from scaling_fast.fitting.correlated import is_covariance, of_rows, refuse_with_covariance
from scaling_fast.fitting.failures import refuse_useless
from scaling_fast.fitting.missing_columns import column_hints
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.robust_scale import mad_scale
from scaling_fast.fitting.starts import starting_points
from scaling_fast.fitting.status import status_column
from scaling_fast.frames import as_frame, read, require
from scaling_fast.laws import Law, Param, as_law
from scaling_fast.losses.residual import LogExcess, residual_word
from scaling_fast.losses.sums import Absolute, Huber
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.runtime.progress import watched
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.validation import checked_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scaling_fast.fitting.assembly import Search
    from scaling_fast.frames import Table
    from scaling_fast.losses.registry import Loss

__all__ = ["fit"]


@ask_first
def fit(
    frame: Any,
    law: Law | str,
    *,
    target: str | None = None,
    columns: Mapping[str, str | pl.Expr] | None = None,
    loss: Loss | str | None = None,
    residual: Literal["log", "raw", "logit"] | LogExcess | None = None,
    weights: Any = None,
    sigma: Any = None,
    by: str | Sequence[str] | None = None,
    starts: Any = "auto",
    params: Mapping[str, Param | float] | None = None,
    seed: int = 0,
    threads: int | None = None,
    nulls: Literal["error", "drop"] = "error",
) -> Fit:
    """Return the certified optimum of a law on a frame, one per group.

    The objective is the sum over rows of weight x rho(residual / sigma); residuals are fitted
    minus observed. Under `ScaledHuber` and `StudentT` it is the negative log-likelihood of
    residual / sigma, each row counted with its weight, at the scale that fits best.

    Parameters
    ----------
    frame
        A polars frame, any frame that narwhals reads, or a mapping of name -> 1-D array. Copied once.
    law
        A `Law`, a name of the catalogue, or a formula such as "E + A/N**alpha + B/D**beta".
    target
        Column to be explained; by default what stands left of ~ in the formula, else "loss".
    columns
        Name in the law -> column of the frame, or polars expression. "y" is the target where the
        law has no y.
    loss
        Loss of a residual over sigma, or its text on the terminal such as "huber:1e-2";
        `Huber(1e-3)` by default. See `scaling_fast.losses`.
    residual
        "log" (ln f - ln y, the default), "raw" (f - y), "logit", or `LogExcess("E")`
        (ln(f - E) - ln(y - E)). A formula with a transformed target, "log(y) ~ ...", has raw
        residuals on the transformed scale.
    weights
        Column or array: how often each row counts, 0 or more; a row of weight 0 is left out.
    sigma
        Column or array: the standard deviation that each residual is divided by, above 0. Or the covariance
        of the errors, a square array with one row and column per row of the frame, as in scipy's
        `curve_fit`: with `Squared` only, without `by` and `weights`.
    by
        Columns whose equal values form a group: one fit per group, in one call.
    starts
        "auto" searches until at least three starts, and a quarter of them, agree; an int searches
        that many starts; a mapping is one start for a local fit, which is never called global, as a
        finding says; a `Grid` or a frame of starts tries all that differ, and its optimum is called global when at
        least three starts, and a quarter of them, agree and span a tenth of what "auto" would
        search (a factor of two in an exponent).
    params
        Parameter -> `Param` that replaces the one of the law, or a number that it keeps.
    seed
        Seed, from 0 to 2**64 - 1, kept with the result; automatic starts are a fixed sequence.
    threads
        Number of threads, from 1 to 1024; else SCALING_FAST_THREADS, else the cores of this process.
    nulls
        "error", or "drop" to leave out rows with a null or NaN in a column that is used.

    Returns
    -------
    Fit
        `.params`, `.table`, `.converged`, `.is_global`, `.findings`, `.predict(frame)` ...

    Raises
    ------
    DataError
        For rows that the law cannot take, too few of them, or rows that identify no parameter.
    FormulaError, ParameterError
        For a malformed formula or option.
    ConvergenceError
        When the law is not finite at any start.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> runs = {"x": [1.0, 10.0, 100.0, 1000.0], "loss": [3.0, 2.0, 1.5, 1.25]}
    >>> fit = sf.fit(runs, "E + A*x**(-alpha)")
    >>> {name: round(value, 6) for name, value in fit.params.items()}
    {'E': 1.0, 'A': 2.0, 'alpha': 0.30103}
    """
    require_usable_process()
    workers = checked_threads(threads)
    seed = checked_seed(seed)
    law = with_params(as_law(law), params)
    if isinstance(frame, pl.LazyFrame):
        frame = as_frame(frame, ())  # collected once
    columns, target = target_in_columns(law, columns, target)
    law = bound_law(law, columns, frame, target)
    target, scale_of_residual = target_and_residual(law, target, residual)
    refuse_target_on_right(law, target, columns)
    loss = checked_loss(loss)
    if isinstance(scale_of_residual, LogExcess):
        check_excess(law, loss, scale_of_residual)
    matrix = is_covariance(sigma)
    if matrix:
        refuse_with_covariance(loss, scale_of_residual, by=by, weights=weights)
    named = {"target": target, "by": by, "weights": weights, "sigma": None if matrix else sigma}
    with column_hints(law, columns, frame, named):
        table = read(
            frame,
            names=list(law.columns or ()),
            target=target,
            columns=columns,
            weights=weights,
            sigma=None if matrix else sigma,
            by=by,
            nulls=nulls,
        )
    request, scale = _request(law, table, loss, scale_of_residual, columns, workers)
    if matrix:
        request = replace(request, covariance=of_rows(sigma, table))
    wanted = starting_points(starts, request)
    with watched(None, "fitting") as progress:
        answer, interrupted = request.fit(wanted, threads=workers, progress=progress)
    if interrupted:
        raise KeyboardInterrupt
    if table.groups == 1 and not table.keys.width:
        refuse_useless(request, answer, status_column(answer.status)[0])
    return Fit(
        *assembled(request, answer, scale=scale, seed=seed, search=_search(wanted), threads=threads)
    )


def _search(starts: Any) -> Search:
    """Return how optima are searched from checked starts."""
    if starts is None:
        return "auto"
    return "local" if isinstance(starts, np.ndarray) and len(starts) == 1 else "starts"


def _request(
    law: Law,
    table: Table,
    loss: Loss,
    residual: str | LogExcess,
    columns: Mapping[str, Any] | None,
    threads: int,
) -> tuple[Request, float | None]:
    """Return the question that the rows allow, and the scale that `scale="mad"` measured, or None."""
    refuse_key_clash(law, table.keys.columns)
    refuse_extreme_sigma(table)
    scale = None
    if isinstance(loss, Huber) and loss.scale == "mad":
        scale = mad_scale(Request(law, table, Absolute(), residual), loss.delta, threads)
        loss = Huber(loss.delta * scale)
    request = Request(law, table, loss, residual, dict(columns or {}))
    refuse_lost_diagnostics(request)
    require(table, requirements(request), residual_word(residual))
    if isinstance(residual, LogExcess):
        require_floor(law, table, residual)
    return request, scale
