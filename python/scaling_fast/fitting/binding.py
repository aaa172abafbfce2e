"""The arguments of a fit, bound together; what cannot be meant is refused before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import DataError, FormulaError, ParameterError, quote, suggestion
from scaling_fast.fitting.table import DIAGNOSTICS, column_name
from scaling_fast.frames import as_frame
from scaling_fast.laws import Param
from scaling_fast.losses.registry import DEFAULT_LOSS, LOSSES
from scaling_fast.losses.residual import ALLOWED, LogExcess
from scaling_fast.losses.words import loss_from_text
from scaling_fast.validation import finite_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.fitting.request import Request
    from scaling_fast.frames import Table
    from scaling_fast.laws import Law
    from scaling_fast.losses.registry import Loss

__all__ = [
    "bound_law",
    "check_excess",
    "checked_loss",
    "refuse_extreme_sigma",
    "refuse_key_clash",
    "refuse_lost_diagnostics",
    "refuse_target_on_right",
    "require_floor",
    "requirements",
    "target_and_residual",
    "target_in_columns",
    "with_params",
]

DEFAULT_TARGET = "loss"
TARGET_OF_PAPERS = "y"


def with_params(law: Law, params: Any) -> Law:
    """Return the law with the caller's `params=` in place of its own, by name."""
    if not params:
        return law
    if not isinstance(params, Mapping):
        raise ParameterError(
            f"params must be a mapping of name to Param, got {quote(params)}",
            code="params",
            param="params",
        )
    for name in params:
        if not isinstance(name, str) or name not in law.params:
            raise ParameterError(
                f"params names {quote(name)}, which is not a parameter of the law"
                f"{suggestion(name, law.params, kind='parameters')}",
                code="unknown_name",
                param=name,
            )
    declared = {name: law.params[name] for name in law.to_dict()["params"]}
    # A number is the value that the parameter keeps.
    given = {
        name: _kept(name, value, declared.get(name, Param()))
        if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        else value
        for name, value in params.items()
    }
    return replace(law, params=declared | given)


def _kept(name: str, value: Any, declared: Param) -> Param:
    """Return the parameter that keeps a number, which must lie within the law's own bounds."""
    kept = finite_number(value, f"params[{name!r}]")
    if not declared.lower <= kept <= declared.upper:
        raise ParameterError(
            f"params[{name!r}] is `{kept:g}`, outside the law's bounds `{declared.lower:g}` and "
            f"`{declared.upper:g}`; write Param(fixed={kept:g}) to replace the bounds too",
            code="out_of_bounds",
            param=name,
        )
    return Param(fixed=kept)


def target_in_columns(
    law: Law, columns: Mapping[str, Any] | None, target: str | None
) -> tuple[Mapping[str, Any] | None, str | None]:
    """Return `columns` and `target` with an entry for "y", where the law has no y, as the target."""
    is_target = (
        isinstance(columns, Mapping)
        and TARGET_OF_PAPERS in columns
        and TARGET_OF_PAPERS not in (*law.params, *(law.columns or ()))
        and law.target is None
        and target in (None, columns[TARGET_OF_PAPERS])
    )
    if columns is None or not is_target:
        return columns, target
    meant = columns[TARGET_OF_PAPERS]
    if not isinstance(meant, str):
        return columns, TARGET_OF_PAPERS  # an expression, under that name
    others = {name: source for name, source in columns.items() if name != TARGET_OF_PAPERS}
    return others, meant


def bound_law(law: Law, columns: Mapping[str, Any] | None, frame: Any, target: str | None) -> Law:
    """Return the law with its columns: those that `columns` names, or those that the frame has."""
    if columns is not None and not isinstance(columns, Mapping):
        raise ParameterError(
            f'columns must be a mapping such as {{"N": "params"}}, got {quote(columns)}',
            code="columns",
            param="columns",
        )
    aimed = target if target is not None else law.target
    aimed = aimed if aimed is not None else DEFAULT_TARGET
    names = law.columns if law.columns is not None else tuple(law.params)
    for name in columns or ():
        if name not in names and name != aimed:
            raise ParameterError(
                f"columns names {quote(name)}, which the formula does not have"
                f"{suggestion(str(name), names, kind='names')}",
                code="unknown_name",
                param=str(name),
            )
    if law.columns is not None:
        return law
    own = [name for name in columns or () if name in law.params]
    if own:
        return law.bind(own)
    # A column that cannot be read still counts as one: reading it says what is wrong with it.
    has = list(frame) if isinstance(frame, Mapping) else as_frame(frame, ()).columns
    return law.bind_frame(
        [name for name in has if isinstance(name, str) and (name != aimed or name in law.params)]
    )


def target_and_residual(
    law: Law, target: str | None, residual: str | LogExcess | None
) -> tuple[str, str | LogExcess]:
    """Return the name of the target and the residual, from the arguments or the left side of the formula."""
    if law.target is not None and target is not None and target != law.target:
        raise ParameterError(
            f"target is {quote(target)}, but the formula explains {quote(law.target)}",
            code="target",
            param="target",
        )
    if target is not None and not isinstance(target, str):
        raise ParameterError(
            f"target must be a column's name, got {quote(target)}", code="target", param="target"
        )
    if not isinstance(residual, LogExcess) and residual not in (None, "log", "raw", "logit"):
        raise ParameterError(
            f'residual must be "log", "raw", "logit" or LogExcess("E"), got {quote(residual)}',
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


def refuse_target_on_right(law: Law, target: str, columns: Mapping[str, Any] | None) -> None:
    """Refuse a law that uses its own target as a column."""
    if target in (law.columns or ()) and target not in (columns or {}):
        raise FormulaError(
            f"the target {quote(target)} stands on the right side of the formula {quote(law.formula, 80)}",
            code="target_on_right",
            column=target,
        )


def check_excess(law: Law, loss: Loss, residual: LogExcess) -> None:
    """Refuse a log-excess residual of a name that is not a parameter, or under a loss without a likelihood."""
    if residual.param not in law.params:
        raise ParameterError(
            f"LogExcess names {quote(residual.param)}, which is not a parameter of the law"
            f"{suggestion(residual.param, law.params, kind='parameters')}",
            code="unknown_name",
            param=residual.param,
        )
    if loss.name not in ALLOWED:
        raise ParameterError(
            f"{residual!r} needs loss=Squared(), ScaledHuber(delta) or StudentT(nu), got {loss!r}: "
            "the target is transformed by a parameter, and only a likelihood can be corrected for it",
            code="loss",
            param="loss",
        )


def require_floor(law: Law, table: Table, residual: LogExcess) -> None:
    """Refuse targets that do not lie above every legal value of the floor."""
    param = law.params[residual.param]
    least = param.lower if param.fixed is None else param.fixed
    bad = table.target <= least
    if bad.any():
        row = int(table.order[bad].min())
        limit = "lower bound" if param.fixed is None else "fixed value"
        raise DataError(
            f"column {quote(table.target_name)} must lie above the {limit} {least:g} of "
            f"{quote(residual.param)}, because LogExcess takes the logarithm of their difference; "
            f"row {row} does not{table.within_group(row)}",
            code="domain",
            column=table.target_name,
            param=residual.param,
            row=row,
        )


def checked_loss(loss: Any) -> Loss:
    """Return the loss; None stands for the default, text for what a command line means by it."""
    if loss is None:
        return DEFAULT_LOSS
    if isinstance(loss, str):
        return loss_from_text(loss)
    if isinstance(loss, type) and loss in LOSSES.values():
        if not fields(loss):  # Squared and Absolute have nothing to choose
            loss = loss()
        else:
            raise ParameterError(
                f"loss is the class {loss.__name__}; say its constant, for example "
                f"{loss.__name__}(1e-3)",
                code="loss",
                param="loss",
            )
    if getattr(loss, "name", None) not in LOSSES:
        raise ParameterError(
            f"loss must be a loss such as Huber(1e-3) or Squared(), got {quote(loss)}",
            code="loss",
            param="loss",
        )
    return loss  # type: ignore[no-any-return]


def refuse_key_clash(law: Law, keys: Sequence[str]) -> None:
    """Refuse a group column that has the name of a parameter: the table of fits could not hold both."""
    for name in keys:
        if name in law.params or name in law.derived:
            raise ParameterError(
                f"the group column {quote(name)} has the name of a parameter; rename the column",
                code="name_clash",
                param=name,
            )


def refuse_lost_diagnostics(request: Request) -> None:
    """Refuse names that take both `name` and `fit_name` from a diagnostic of the table of fits."""
    law = request.law
    taken = [*request.table.keys.columns, *request.names, *law.derived]
    for diagnostic in DIAGNOSTICS:
        own = column_name(diagnostic, taken)
        if own in taken and (diagnostic != "scale" or request.is_likelihood):
            raise ParameterError(
                f"{quote(diagnostic)} and {quote(own)} are both names of yours, so the fit's own column "
                f"{quote(diagnostic)} has no name; rename one of them",
                code="name_clash",
                param=own,
            )


SIGMA_RANGE = (1e-140, 1e140)
"""Beyond it the squares of residuals over sigma leave double precision."""


def refuse_extreme_sigma(table: Table) -> None:
    """Refuse a sigma whose residuals have squares outside double precision."""
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


def requirements(request: Request) -> list[tuple[str, str, str]]:
    """Return what the law requires of its columns and, through its transform, of its target."""
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
