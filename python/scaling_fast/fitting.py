"""Fit a law: any frame in, a certified optimum a group out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from scaling_fast import advice
from scaling_fast.asking import column_name
from scaling_fast.binding import (
    bound_law,
    check_excess,
    checked_loss,
    column_hints,
    refuse_extreme_sigma,
    refuse_key_clash,
    refuse_lost_diagnostics,
    require_floor,
    requirements,
    target_and_residual,
    with_params,
)
from scaling_fast.columns import as_frame, read, require
from scaling_fast.columns.values import first_bad
from scaling_fast.errors import (
    ConvergenceError,
    DataError,
    FormulaError,
    ParameterError,
    shown,
)
from scaling_fast.fitted import AGREEMENT_NEEDED, DIAGNOSTICS, Fit
from scaling_fast.laws import Law, Param, as_law
from scaling_fast.losses import Absolute, Huber
from scaling_fast.options import (
    checked_seed,
    checked_threads,
    require_usable_process,
)
from scaling_fast.progress import watched
from scaling_fast.request import Request, evaluate, status_column, status_sentence
from scaling_fast.residuals import LogExcess, residual_word
from scaling_fast.starts import starting_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.columns import Table
    from scaling_fast.losses import Loss

__all__ = ["fit"]

MAD_TO_SIGMA = 1.4826
"""1 / (the normal quantile of 3/4): the median absolute deviation of normal noise times this is its sd."""

MOST_ROUNDS, SCALE_TOLERANCE = 100, 1e-12
"""Rounds of `scale="mad"` at most, and the relative change of the scale that ends them."""


def fit(
    frame: Any,
    law: Law | str,
    *,
    target: str | None = None,
    columns: Mapping[str, str | pl.Expr] | None = None,
    loss: Loss | None = None,
    residual: Literal["log", "raw", "logit"] | LogExcess | None = None,
    weights: Any = None,
    sigma: Any = None,
    by: str | Sequence[str] | None = None,
    starts: Any = "auto",
    params: Mapping[str, Param] | None = None,
    seed: int = 0,
    threads: int | None = None,
    nulls: Literal["error", "drop"] = "error",
) -> Fit:
    """Return the certified optimum of a law on a frame, one a group.

    The objective is the sum over rows of weight x rho(residual / sigma); residuals are fitted
    minus observed. Under `ScaledHuber` and `StudentT` it is the negative log-likelihood of
    residual / sigma, each row counted with its weight, at the scale that fits best.

    Parameters
    ----------
    frame
        polars, anything narwhals reads, or a mapping of name -> 1-D array. Copied once.
    law
        A `Law`, a name of the catalogue, or a formula such as "E + A/N**alpha + B/D**beta".
    target
        The column to be explained; "loss", or what stands left of ~ in the formula.
    columns
        Name in the law -> column of the frame or polars expression.
    loss
        `Huber(1e-3)` by default; see `scaling_fast.losses`.
    residual
        "log" (ln f - ln y, the default), "raw" (f - y), "logit", or `LogExcess("E")`
        (ln(f - E) - ln(y - E)). A formula with a transformed
        target, "log(y) ~ ...", has raw residuals on the transformed scale.
    weights
        Column or array of what each row counts; a row of weight 0 is absent.
    sigma
        Column or array that each residual is divided by.
    by
        Columns whose equal values form a group: one fit a group, in one call.
    starts
        "auto" searches until a quarter of the starts, and three at least, agree; an int searches
        that many; a mapping is one given start and a local fit from exactly there, never called
        global; a `Grid` or a frame of starts tries all that differ. Those are called global when
        a quarter of them agree, three at least, which span a tenth of what "auto" would search
        (a factor of two in an exponent).
    params
        Overrides of the law's `Param`s by name.
    seed
        Kept with the result; the automatic starts are a fixed sequence and need none.
    threads
        Threads; else SCALING_FAST_THREADS, else the cores of this process.
    nulls
        "error", or "drop" to leave out rows with a null or NaN in a column that is used.

    Returns
    -------
    Fit
        `.params`, `.table`, `.converged`, `.is_global`, `.findings`, `.predict(frame)` ...

    Raises
    ------
    DataError
        Rows the question cannot be asked with, too few of them, or none that identify anything.
    FormulaError, ParameterError
        A malformed formula or option.
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
    law = bound_law(law, columns, frame, target)
    target, scale_of_residual = target_and_residual(law, target, residual)
    if target in (law.columns or ()) and target not in (columns or {}):
        raise FormulaError(
            f"the target {shown(target)} stands on the right side of the formula {shown(law.formula, 80)}",
            code="target_on_right",
            column=target,
        )
    loss = checked_loss(loss)
    if isinstance(scale_of_residual, LogExcess):
        check_excess(law, loss, scale_of_residual)
    with column_hints(law, columns, frame):
        table = read(
            frame,
            names=list(law.columns or ()),
            target=target,
            columns=columns,
            weights=weights,
            sigma=sigma,
            by=by,
            nulls=nulls,
        )
    refuse_key_clash(law, table.keys.columns)
    refuse_extreme_sigma(table)
    scale = None
    if isinstance(loss, Huber) and loss.scale == "mad":
        scale = _mad(Request(law, table, Absolute(), scale_of_residual), loss.delta, workers)
        loss = Huber(loss.delta * scale)
    request = Request(law, table, loss, scale_of_residual, dict(columns or {}))
    refuse_lost_diagnostics(request)
    require(table, requirements(request), residual_word(scale_of_residual))
    if isinstance(scale_of_residual, LogExcess):
        require_floor(law, table, scale_of_residual)
    wanted = starting_points(starts, request)
    with watched(None, "fitting") as progress:
        numbers, interrupted = request.fit(wanted, threads=workers, progress=progress)
    if interrupted:
        raise KeyboardInterrupt
    return _assemble(
        request,
        numbers,
        scale,
        seed,
        searched=not isinstance(wanted, np.ndarray) or len(wanted) > 1,
        automatic=wanted is None,
    )


def _mad(request: Request, delta: float, threads: int) -> float:
    """Return 1.4826 x median |r| of the very Huber fit whose delta it gives."""
    if request.table.groups != 1:
        raise ParameterError(
            'scale="mad" belongs to one fit; it has no meaning with by=', code="scale", param="loss"
        )
    scale = _scale(request, threads)
    # Each round is one more of the alternation of nlrob in R's robustbase, which contracts.
    for _ in range(MOST_ROUNDS):
        last, scale = scale, _scale(replace(request, loss=Huber(delta * scale)), threads)
        if abs(scale - last) <= SCALE_TOLERANCE * scale:
            break
    return scale


def _scale(request: Request, threads: int) -> float:
    numbers, _ = request.fit(None, threads=threads)
    point = dict(zip(request.names, numbers["params"][0].tolist(), strict=True))
    if not all(math.isfinite(one) for one in point.values()):
        raise ConvergenceError(status_sentence("not_finite"), code="not_finite")
    scale = MAD_TO_SIGMA * float(np.median(np.abs(request.rows(0, point)[0])))
    if scale <= 0.0:
        raise DataError(
            'the residuals have no scale, so scale="mad" cannot be used', code="no_scale"
        )
    return scale


def _assemble(
    request: Request,
    numbers: dict[str, NDArray[Any]],
    scale: float | None,
    seed: int,
    *,
    searched: bool,
    automatic: bool,
) -> Fit:
    """Return the Fit of the core's columns; a single fit without an answer is an error."""
    law, table = request.law, request.table
    values = {
        one: np.ascontiguousarray(numbers["params"][:, j]) for j, one in enumerate(request.names)
    }
    derived = {label: evaluate(text, values) for label, text in law.derived.items()}
    taken = [*table.keys.columns, *values, *derived]
    status = status_column(numbers["status"])
    diagnostics = {
        name: pl.Series(numbers[name])
        for name in ("objective", "n", "n_starts", "agreement", "gradient", "condition")
    }
    diagnostics["status"] = status
    if request.is_likelihood:
        diagnostics["scale"] = pl.Series(numbers["scale"])
    diagnostics["at_bound"] = _bounds(numbers["at_bound"], request.names)
    columns = [pl.Series(one, column) for one, column in (values | derived).items()]
    columns += [
        diagnostics[name].alias(column_name(name, taken))
        for name in DIAGNOSTICS
        if name in diagnostics
    ]
    frame = pl.DataFrame([*table.keys.get_columns(), *columns])
    single = table.groups == 1 and not table.keys.width
    if single:
        _refuse_useless(request, numbers, status[0])
        if request.is_likelihood:
            scale = float(numbers["scale"][0])
    certificates = np.column_stack(
        [numbers["gradient"], numbers["decrease"], numbers["multiplier"]]
    )
    proved = (numbers["agreement"] >= AGREEMENT_NEEDED) & searched & ~numbers["doubtful"]
    agreed = (proved | numbers["exhaustive"]) & (status == "converged").to_numpy()
    agreed &= ~advice.on_the_margin(request, numbers)
    disagreed = automatic and not bool(agreed[0])
    findings = advice.of_fit(request, numbers, status, single=single, disagreed=disagreed)
    return Fit(request, frame, findings, scale, seed, certificates, agreed)


def _bounds(flags: NDArray[np.bool_], names: Sequence[str]) -> pl.Series:
    """Return the names of the parameters on a bound, one list a group."""
    if not flags.any():
        return pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, len(flags))
    listed = [[one for one, on in zip(names, row, strict=True) if on] for row in flags.tolist()]
    return pl.Series(listed, dtype=pl.List(pl.String))


def _refuse_useless(request: Request, numbers: dict[str, NDArray[Any]], status: str) -> None:
    free = [one for one in request.names if request.law.params[one].fixed is None]
    if status == "too_few_rows":
        raise DataError(
            f"n={request.table.rows} rows are fewer than the p={len(free)} free parameters "
            f"{shown(free, 200)}; add rows or fix parameters",
            code="too_few_rows",
        )
    lost = [
        one for one, gone in zip(request.names, numbers["unidentified"][0], strict=True) if gone
    ]
    if status == "not_identified" and set(free) <= set(lost):
        raise DataError(
            f"the rows identify none of the parameters {shown(free, 200)} where the search ended: a column that "
            "does not vary, parameters that only occur together, or a search that lost its way; add rows at "
            "other scales, fix parameters or give starts",
            code="not_identified",
            param=free[0],
        )
    if status == "not_finite" and math.isfinite(float(numbers["objective"][0])):
        raise ConvergenceError(
            f"the best fit of the law {shown(request.law.formula, 80)} lies where a parameter is too large or "
            "too small for a number: the objective falls on and on towards there; give bounds, fix a "
            "parameter, or measure the columns in other units",
            code="not_finite",
        )
    if status == "not_finite":
        raise ConvergenceError(
            f"the law {shown(request.law.formula, 80)} has no finite objective at any start; give starts or "
            f"bounds inside its domain, or measure the columns in other units{_tiny(request.table)}",
            code="not_finite",
        )


def _tiny(table: Table) -> str:
    """Return the place of the first value so near 0 that doubles lose its digits, as the end of a sentence."""
    least = np.finfo(np.float64).tiny
    for name, values in ((table.target_name, table.target), *table.arrays.items()):
        bad = (values != 0.0) & (np.abs(values) < least)
        if bad.any():
            row, value = first_bad(values, bad, table.order)
            called = shown(table.sources.get(name, name))
            return f"; column {called} holds {shown(repr(value))} in row {row}, too near 0 for a double"
    return ""
