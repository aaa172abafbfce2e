"""Fit a law: any frame in, a certified optimum a group out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from scaling_fast import advice
from scaling_fast.asking import column_name
from scaling_fast.columns import as_frame, read, require
from scaling_fast.errors import (
    ConvergenceError,
    DataError,
    FormulaError,
    ParameterError,
    shown,
    suggestion,
)
from scaling_fast.fitted import AGREEMENT_NEEDED, DIAGNOSTICS, Fit
from scaling_fast.laws import Law, Param, as_law
from scaling_fast.losses import WITH_SCALE, Absolute, Huber
from scaling_fast.options import (
    checked_seed,
    checked_threads,
    require_usable_process,
)
from scaling_fast.progress import watched
from scaling_fast.request import Request, evaluate, status_column, status_sentence
from scaling_fast.residuals import ALLOWED, LogExcess, residual_word
from scaling_fast.starts import starting_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.columns import Table
    from scaling_fast.losses import Loss

__all__ = ["fit"]

DEFAULT_TARGET = "loss"

MAD_TO_SIGMA = 1.4826
"""1 / (the normal quantile of 3/4): the median absolute deviation of normal noise times this is its sd."""

MOST_ROUNDS, SCALE_TOLERANCE = 100, 1e-12
"""Rounds of `scale="mad"` at most, and the relative change of the scale that ends them."""

LOSSES = (
    *("squared", "huber", "absolute", "soft_l1", "cauchy", "tukey", "log_cosh", "pinball"),
    *WITH_SCALE,
)


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
        "auto" searches until three starts agree; an int searches that many; a mapping is one given
        start and a local fit from exactly there; a `Grid` or a frame of starts tries them all.
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
    law = _with_params(as_law(law), params)
    if isinstance(frame, pl.LazyFrame):
        frame = as_frame(frame, ())  # collected once
    law = _bound(law, columns, frame, target)
    target, scale_of_residual = _target(law, target, residual)
    if target in (law.columns or ()) and target not in (columns or {}):
        raise FormulaError(
            f"the target {shown(target)} stands on the right side of the formula {shown(law.formula, 80)}",
            code="target_on_right",
            column=target,
        )
    loss = _checked_loss(loss)
    if isinstance(scale_of_residual, LogExcess):
        _check_excess(law, loss, scale_of_residual)
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
    _refuse_key_clash(law, table.keys.columns)
    _refuse_extreme_sigma(table)
    scale = None
    if isinstance(loss, Huber) and loss.scale == "mad":
        scale = _mad(Request(law, table, Absolute(), scale_of_residual), loss.delta, workers)
        loss = Huber(loss.delta * scale)
    request = Request(law, table, loss, scale_of_residual, dict(columns or {}))
    _refuse_lost_diagnostics(request)
    require(table, _requirements(request), residual_word(scale_of_residual))
    if isinstance(scale_of_residual, LogExcess):
        _require_floor(law, table, scale_of_residual)
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


def _with_params(law: Law, params: Any) -> Law:
    if not params:
        return law
    if not isinstance(params, Mapping):
        raise ParameterError(
            f"params must be a mapping of name to Param, got {shown(params)}",
            code="params",
            param="params",
        )
    for one in params:
        if not isinstance(one, str) or one not in law.params:
            raise ParameterError(
                f"params names {shown(one)}, which is no parameter of the law"
                f"{suggestion(one, law.params, kind='parameters')}",
                code="unknown_name",
                param=one,
            )
    declared = {one: law.params[one] for one in law.to_dict()["params"]}
    return replace(law, params=declared | dict(params))


def _bound(law: Law, columns: Mapping[str, Any] | None, frame: Any, target: str | None) -> Law:
    """Return the law with its columns: those `columns` names, or those the frame has."""
    aimed = target if target is not None else law.target
    aimed = aimed if aimed is not None else DEFAULT_TARGET
    names = law.columns if law.columns is not None else tuple(law.params)
    for one in columns or ():
        if one not in names and one != aimed:
            raise ParameterError(
                f"columns names {shown(one)}, which the formula does not have"
                f"{suggestion(str(one), names, kind='names')}",
                code="unknown_name",
                param=str(one),
            )
    if law.columns is not None:
        return law
    if columns:
        return law.bind([one for one in columns if one in law.params])
    # A column that cannot be read is a column all the same: what is wrong with it is said when it is read.
    has = list(frame) if isinstance(frame, Mapping) else as_frame(frame, ()).columns
    return law.bind_frame(
        [one for one in has if isinstance(one, str) and (one != aimed or one in law.params)]
    )


def _target(
    law: Law, target: str | None, residual: str | LogExcess | None
) -> tuple[str, str | LogExcess]:
    if law.target is not None and target is not None and target != law.target:
        raise ParameterError(
            f"target is {shown(target)}, but the formula explains {shown(law.target)}",
            code="target",
            param="target",
        )
    if target is not None and not isinstance(target, str):
        raise ParameterError(
            f"target must be a column's name, got {shown(target)}", code="target", param="target"
        )
    if not isinstance(residual, LogExcess) and residual not in (None, "log", "raw", "logit"):
        raise ParameterError(
            f'residual must be "log", "raw", "logit" or LogExcess("E"), got {shown(residual)}',
            code="residual",
            param="residual",
        )
    if law.transform is not None:
        if residual not in (None, "raw"):
            raise ParameterError(
                f"the formula explains {law.transform}({law.target}), so its residuals are raw on that "
                f"scale; leave residual={residual!r} out",
                code="residual",
                param="residual",
            )
        residual = "raw"
    named = target if target is not None else law.target
    return named if named is not None else DEFAULT_TARGET, residual or "log"


def _check_excess(law: Law, loss: Loss, residual: LogExcess) -> None:
    """Refuse a log-excess residual of a name that is no parameter, or under a loss that has no likelihood."""
    if residual.param not in law.params:
        raise ParameterError(
            f"LogExcess names {shown(residual.param)}, which is no parameter of the law"
            f"{suggestion(residual.param, law.params, kind='parameters')}",
            code="unknown_name",
            param=residual.param,
        )
    if loss.name not in ALLOWED:
        raise ParameterError(
            f"{residual!r} wants loss=Squared(), ScaledHuber(delta) or StudentT(nu), got {loss!r}: "
            "the target is transformed by a parameter, and only a likelihood can be corrected for it",
            code="loss",
            param="loss",
        )


def _require_floor(law: Law, table: Table, residual: LogExcess) -> None:
    """Refuse targets that do not lie above every legal value of the floor."""
    param = law.params[residual.param]
    least = param.lower if param.fixed is None else param.fixed
    bad = table.target <= least
    if bad.any():
        row = int(table.order[bad].min())
        said = "lower bound" if param.fixed is None else "fixed value"
        raise DataError(
            f"column {shown(table.target_name)} must lie above the {said} {least:g} of "
            f"{shown(residual.param)}, because LogExcess takes the logarithm of their difference; "
            f"row {row} does not",
            code="domain",
            column=table.target_name,
            param=residual.param,
            row=row,
        )


def _checked_loss(loss: Any) -> Loss:
    if loss is None:
        return Huber(1e-3)
    if isinstance(loss, type) or getattr(loss, "name", None) not in LOSSES:
        raise ParameterError(
            f"loss must be a loss such as Huber(1e-3) or Squared(), got {shown(loss)}",
            code="loss",
            param="loss",
        )
    return loss  # type: ignore[no-any-return]


def _refuse_key_clash(law: Law, keys: Sequence[str]) -> None:
    for one in keys:
        if one in law.params or one in law.derived:
            raise ParameterError(
                f"the group column {shown(one)} has the name of a parameter; rename the column",
                code="name_clash",
                param=one,
            )


def _refuse_lost_diagnostics(request: Request) -> None:
    """Refuse names that leave a column of the table of fits neither its own name nor `fit_...`."""
    law = request.law
    taken = [*request.table.keys.columns, *request.names, *law.derived]
    for one in DIAGNOSTICS:
        own = column_name(one, taken)
        if own in taken and (one != "scale" or request.is_likelihood):
            raise ParameterError(
                f"the names {shown(one)} and {shown(own)} are both taken, so the table has none left for "
                f"the {one} of a fit; rename one of them",
                code="name_clash",
                param=own,
            )


SIGMA_RANGE = (1e-140, 1e140)
"""Beyond it the squares of residuals over sigma leave double precision."""


def _refuse_extreme_sigma(table: Table) -> None:
    if table.sigma is None:
        return
    low, high = float(table.sigma.min()), float(table.sigma.max())
    if low < SIGMA_RANGE[0] or high > SIGMA_RANGE[1]:
        worst = low if low < SIGMA_RANGE[0] else high
        raise DataError(
            f"sigma must lie between {SIGMA_RANGE[0]:g} and {SIGMA_RANGE[1]:g}, got `{worst:g}`; "
            "measure the target and sigma in other units",
            code="sigma",
            column="sigma",
        )


def _requirements(request: Request) -> list[tuple[str, str, str]]:
    """Return what the law asks of its columns and, through its transform, of its target."""
    needs = [(column, kind, because) for column, kind, because in request.program.requirements]
    if request.program.transform in ("log", "ln", "log2", "log10"):
        needs.append(
            (
                request.table.target_name,
                "positive",
                f"{request.program.transform}({request.table.target_name})",
            )
        )
    return needs


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
            f"the rows identify none of the parameters {shown(free, 200)}: a column that does not vary, or "
            "parameters that only occur together; add rows at other scales or fix parameters",
            code="not_identified",
            param=free[0],
        )
    if status == "not_finite":
        raise ConvergenceError(
            f"the law {shown(request.law.formula, 80)} has no finite objective at any start; give starts or "
            "bounds inside its domain, or measure the columns in other units",
            code="not_finite",
        )
