"""What the names beside a formula may be: its columns, its parameters, what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scaling_fast.errors import FormulaError, ParameterError, shown, suggestion
from scaling_fast.laws.need import Need

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "checked_derived",
    "checked_needs",
    "ordered_columns",
    "read_only",
    "require_split",
    "unknown_name",
]


def read_only(entries: Any, what: str) -> Mapping[str, Any]:
    """Return a read-only copy of a mapping with names as keys."""
    if entries is None:
        return MappingProxyType({})
    if not isinstance(entries, Mapping) or not all(isinstance(one, str) for one in entries):
        raise ParameterError(
            f"{what} must be a mapping of names, got {shown(entries)}",
            code="not_a_mapping",
            param=what,
        )
    return MappingProxyType(dict(entries))


def ordered_columns(
    columns: Sequence[str] | str | None, names: Sequence[str]
) -> tuple[str, ...] | None:
    """Return the columns in the order in which the formula has them."""
    if columns is None:
        return None
    wanted = (columns,) if isinstance(columns, str) else tuple(columns)
    for one in wanted:
        if one not in names:
            raise unknown_name(one, names, "columns")
    return tuple(one for one in names if one in wanted)


def require_split(
    formula: str, columns: Sequence[str], free: Sequence[str], target: str | None
) -> None:
    """Return None for a law with a column, a parameter, and no target on its right side."""
    for none, what in ((not columns, "column"), (not free, "parameter")):
        if none:
            raise FormulaError(
                f"the formula {shown(formula, 80)} has no {what}: its columns are "
                f"{shown(list(columns), 200)}, its parameters {shown(list(free), 200)}",
                code=f"no_{what}",
            )
    if target is not None and target in columns:
        raise FormulaError(
            f"the target {shown(target)} stands on the right side of its own formula",
            code="target_on_right",
            column=target,
        )


def checked_derived(
    derived: Mapping[str, str] | None, free: Sequence[str], names: Sequence[str]
) -> Mapping[str, str]:
    """Return the derived quantities, each a formula of parameters under a name of its own.

    Parameters
    ----------
    derived
        Name -> formula.
    free
        The parameters that a formula may use.
    names
        All names of the law's right side, which a derived quantity may not bear.
    """
    from scaling_fast import _core

    entries = read_only(derived, "derived")
    for label, text in entries.items():
        if label in names:
            raise ParameterError(
                f"derived quantity {shown(label)} has the name of a parameter or column; "
                "call it otherwise",
                code="name_clash",
                param=label,
            )
        if not isinstance(text, str):
            raise FormulaError(
                f"derived quantity {shown(label)} must be a formula in text, got {shown(text)}",
                code="not_text",
                param=label,
            )
        target, _, used = _core.names(text)
        if target is not None:
            raise FormulaError(
                f"derived quantity {shown(label)} must be a formula of parameters, without ~",
                code="derived_target",
                param=label,
            )
        for one in used:
            if one not in free:
                raise unknown_name(one, free, f"derived[{label!r}]")
    return entries


def checked_needs(needs: Iterable[Need] | Need, names: Sequence[str]) -> tuple[Need, ...]:
    """Return the needs of a law, each a formula of its columns and parameters."""
    from scaling_fast import _core

    listed = (needs,) if isinstance(needs, Need) else tuple(needs)
    for need in listed:
        if not isinstance(need, Need):
            raise ParameterError(
                f'needs holds {shown(need)}; write Need("decades", 1.5, "x")',
                code="not_a_need",
                param="needs",
            )
        for text in need.formulas:
            target, _, used = _core.names(text)
            if target is not None:
                raise FormulaError(
                    f"the need {shown(text, 80)} must be a formula of columns and parameters, "
                    "without ~",
                    code="need_target",
                    param="needs",
                )
            for one in used:
                if one not in names:
                    raise unknown_name(one, names, "needs")
    return listed


def unknown_name(name: object, names: Iterable[str], where: str) -> ParameterError:
    """Return the error for a name the formula does not have, with the nearest it has."""
    ending = suggestion(str(name), names, kind="names")
    return ParameterError(
        f"{where} names {shown(name)}, which the formula does not have{ending}",
        code="unknown_name",
        param=str(name),
    )
