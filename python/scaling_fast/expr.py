"""Fits as polars expressions: one struct per group, all groups in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ParameterError, quote
from scaling_fast.fitting import run as fitting
from scaling_fast.fitting.binding import bound_law, with_params
from scaling_fast.fitting.fields import checked_fields
from scaling_fast.frames.room import require_room_for_rows
from scaling_fast.laws import as_law
from scaling_fast.runtime.memory import ask_first

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.laws import Law

__all__ = ["fit"]


GROUP = "(group)"
"""The key of the fit underneath; like "(weights)" it cannot be a name of a formula, so nothing clashes."""


@ask_first
def fit(
    target: str | pl.Expr,
    law: Law | str,
    *,
    columns: Mapping[str, str | pl.Expr] | None = None,
    weights: str | pl.Expr | None = None,
    sigma: str | pl.Expr | None = None,
    **options: Any,
) -> pl.Expr:
    """Return an expression whose value is the fit of its rows, one struct per group.

    In `group_by(...).agg(...)` and `.over(...)` every group is fitted, all in one call; in `select`
    all rows are one group. A fit that fails is a struct with its status, as in `Fit.table`.

    Parameters
    ----------
    target
        The column to be explained, or an expression.
    law
        A `Law`, a name of the catalogue, or a formula.
    columns
        Name in the law -> column or expression; a bare formula needs one entry per column, because
        an expression does not know its frame.
    weights, sigma
        Columns or expressions, as in `scaling_fast.fit`.
    options
        loss, residual, starts, params, threads and nulls of `scaling_fast.fit`.

    Returns
    -------
    polars.Expr
        A struct of parameters, derived quantities, objective, status, is_global, n, n_starts,
        agreement, gradient, condition, at_bound and findings.

    Raises
    ------
    ParameterError, FormulaError
        For an illegal argument. What is wrong with the rows is raised when polars runs, as its
        ComputeError with the message of scaling_fast.

    Examples
    --------
    >>> import polars as pl, scaling_fast as sf
    >>> runs = pl.DataFrame(
    ...     {"task": ["a"] * 4, "x": [1.0, 10.0, 100.0, 1000.0], "loss": [3.0, 2.0, 1.5, 1.25]}
    ... )
    >>> best = sf.expr.fit("loss", "E + A*x**(-alpha)", columns={"x": "x"})
    >>> table = runs.group_by("task").agg(best.alias("fit")).unnest("fit")
    >>> table.select("task", pl.col("E", "A").round(6), "status").row(0)
    ('a', 1.0, 2.0, 'converged')
    """
    law = with_params(as_law(law), options.get("params"))
    for option in ("by", "seed"):
        if option in options:
            raise ParameterError(
                f"{option} does not belong in an expression; group with group_by(...).agg or .over",
                code="option",
                param=option,
            )
    given = dict(columns or {})
    if law.columns is None and not given:
        raise ParameterError(
            "an expression does not know its frame: name the columns of the formula with "
            'columns={"x": "x"}',
            code="columns",
            param="columns",
        )
    law = bound_law(law, given, {}, None)
    names = list(law.columns or ())
    label = law.target if law.target is not None else _target_label(target)
    if label in names:
        label = "(target)"
    sources = {label: _column(target, "target")}
    sources |= {name: _column(given.get(name, name), name) for name in names}
    for option, source in (("weights", weights), ("sigma", sigma)):
        if source is not None:
            sources[f"({option})"] = _column(source, option)
    fitter = _GroupFitter(law, label, sources, options)
    rows = pl.struct(*(source.alias(name) for name, source in sources.items()))
    # One list per group, and all lists at once: one call of the solver for any number of groups.
    return rows.implode().map_batches(fitter, return_dtype=fitter.dtype(), is_elementwise=True)


def _target_label(target: Any) -> str:
    """Return what messages call the target: its column, if it has one."""
    return target if isinstance(target, str) else "(target)"


def _column(source: Any, name: str) -> pl.Expr:
    if isinstance(source, str):
        return pl.col(source)
    if isinstance(source, pl.Expr):
        return source
    raise ParameterError(
        f"{name} must be a column's name or a polars expression, got {quote(source)}",
        code="columns",
        param=name,
    )


class _GroupFitter:
    """The function under the expression: lists of rows in, one struct per list out."""

    def __init__(
        self, law: Law, target: str, sources: Mapping[str, pl.Expr], options: dict[str, Any]
    ) -> None:
        self._law, self._options = law, dict(options)
        self._target = None if law.target is not None else target
        self._options |= {
            name: f"({name})" for name in ("weights", "sigma") if f"({name})" in sources
        }
        self._names = list(sources)
        self._fields = checked_fields(law, options)

    def dtype(self) -> pl.Struct:
        """Return the type of the struct."""
        return pl.Struct(self._fields)

    @ask_first
    def __call__(self, lists: pl.Series) -> pl.Series:
        lengths = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
        full = np.flatnonzero(lengths)
        if not full.size:
            return pl.Series(lists.name, [None] * len(lists), dtype=self.dtype())
        require_room_for_rows("the groups", int(lengths.sum()), 2 * len(self._names) + 4)
        rows = lists.gather(pl.Series(full)).explode().struct.unnest()
        rows = rows.with_columns(pl.Series(GROUP, np.repeat(full, lengths[full])))
        found = fitting.fit(
            rows,
            self._law,
            target=self._target,
            by=GROUP,
            **self._options,
        ).table
        place: list[int | None] = [None] * len(lists)  # a group without rows has no fit
        for row, group in enumerate(found[GROUP].to_list()):
            place[group] = row
        table = found.select(pl.col(name).cast(kind) for name, kind in self._fields.items())
        return table.to_struct(lists.name).gather(pl.Series(place, dtype=pl.Int64))
