"""Checks of the names beside a formula: its columns, its parameters, its derived quantities, its needs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scaling_fast._core import Program
from scaling_fast._core import names as formula_names
from scaling_fast.errors import DataError, FormulaError, ParameterError, quote, quoted, suggestion
from scaling_fast.laws.need import Need

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "checked_derived",
    "checked_needs",
    "listed_names",
    "names_of",
    "no_function",
    "no_param",
    "ordered_columns",
    "read_only",
    "require_columns",
    "require_split",
    "require_text",
    "unknown_name",
]


HINTS = (
    ("pow", "; a power is written x**(-a)"),
    ("\\", "; a formula is written as in Python, not LaTeX: E + A/N**alpha"),
    ("^", "; a power is written x**(-a)"),
)
"""What the core could not read -> how to write it."""


def names_of(formula: str) -> tuple[str | None, str | None, list[str]]:
    """Return the target, its transform and the names of a formula.

    Raises
    ------
    FormulaError
        For a formula that cannot be read; common mistakes get a hint.
    """
    try:
        return formula_names(formula)
    except FormulaError as error:
        at = error.position
        rest = formula[at:] if at is not None else ""
        hint = next((text for word, text in HINTS if rest.startswith(word)), "")
        if hint and "**" not in str(error):
            error.args = (f"{error}{hint}",)
        raise


def no_function(given: Any) -> FormulaError:
    """Return the error for a function where a formula is expected."""
    if str(getattr(given, "__module__", "")).startswith("scaling_fast.laws"):
        name = getattr(given, "__name__", "chinchilla")
        return FormulaError(
            f"{name} is the function that makes the law; did you mean sf.laws.{name}()?",
            code="callable",
        )
    return FormulaError(
        "a law is a formula, not a Python function: write what it returns as text, for "
        'example Law("E + A*x**(-alpha)")',
        code="callable",
    )


def no_param(name: str, given: Any) -> ParameterError:
    """Return the error for something else where a Param is expected; a pair is read as bounds."""
    example = "Param(start=...)"
    if isinstance(given, tuple | list) and len(given) == 2:
        ends = zip(("lower", "upper"), given, strict=True)
        example = (
            f"Param({', '.join(f'{end}={bound}' for end, bound in ends if bound is not None)})"
        )
    elif isinstance(given, int | float):
        example = f"Param(start={given}) or Param(fixed={given})"
    return ParameterError(
        f"params[{name!r}] must be a Param, got {quote(given)}; write {example}",
        code="not_a_param",
        param=name,
    )


def require_text(**texts: object) -> None:
    """Return None when every argument is text or None."""
    for what, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise ParameterError(
                f"{what} of a law must be text, got {quote(text)} of type {type(text).__name__}",
                code="not_text",
                param=what,
            )


def require_columns(columns: object) -> None:
    """Return None for a mapping or a frame, which give columns by name."""
    if not isinstance(columns, Mapping) and not hasattr(columns, "columns"):
        raise DataError(
            f'columns must be a mapping of name to values such as {{"x": [1.0, 2.0]}}, got '
            f"{quote(columns)}",
            code="not_a_frame",
        )


def listed_names(names: Any, what: str) -> list[Any]:
    """Return one name or several as a list."""
    if isinstance(names, str):
        return [names]
    if not isinstance(names, Iterable) or isinstance(names, bytes):
        raise ParameterError(
            f"{what} must be names in a list, got {quote(names)}", code="not_a_name", param=what
        )
    listed = list(names)
    for name in listed:
        if what == "columns" and not isinstance(name, str):
            raise ParameterError(
                f"columns must be names in a list, got {quote(name)} among them",
                code="not_a_name",
                param=what,
            )
    return listed


def read_only(entries: Any, what: str) -> Mapping[str, Any]:
    """Return a read-only copy of a mapping with names as keys."""
    if entries is None:
        return MappingProxyType({})
    if not isinstance(entries, Mapping) or not all(isinstance(name, str) for name in entries):
        raise ParameterError(
            f"{what} must be a mapping of names, got {quote(entries)}",
            code="not_a_mapping",
            param=what,
        )
    return MappingProxyType(dict(entries))


def ordered_columns(
    columns: Sequence[str] | str | None, names: Sequence[str]
) -> tuple[str, ...] | None:
    """Return the columns in the order of the formula."""
    if columns is None:
        return None
    wanted = listed_names(columns, "columns")
    for name in wanted:
        if name not in names:
            raise unknown_name(name, names, "columns")
    return tuple(name for name in names if name in wanted)


def _count(names: Sequence[str], what: str) -> str:
    """Return names of one kind in words: "no column", "the column `x`", "the columns `x` and `y`"."""
    if not names:
        return f"no {what}"
    return f"the {what}{'s' if len(names) > 1 else ''} {quoted(names)}"


def require_split(
    formula: str, columns: Sequence[str], free: Sequence[str], target: str | None
) -> None:
    """Return None for a law with a column and a parameter, and without its target on the right side."""
    for none, what in ((not columns, "column"), (not free, "parameter")):
        if none:
            raise FormulaError(
                f"the formula {quote(formula, 80)} has no {what}: it has "
                f"{_count(columns, 'column')} and {_count(free, 'parameter')}",
                code=f"no_{what}",
            )
    if target is not None and target in columns:
        raise FormulaError(
            f"the target {quote(target)} is also on the right side of its formula",
            code="target_on_right",
            column=target,
        )


def checked_derived(
    derived: Mapping[str, str] | None, free: Sequence[str], names: Sequence[str]
) -> Mapping[str, str]:
    """Return the derived quantities, each checked to be a formula of parameters with a new name.

    Parameters
    ----------
    derived
        Name -> formula.
    free
        The parameters that a formula may use.
    names
        All names of the law's right side; a derived quantity must have another.
    """
    entries = read_only(derived, "derived")
    for label, text in entries.items():
        if label in names:
            raise ParameterError(
                f"derived quantity {quote(label)} has the name of a parameter or column; rename it",
                code="name_clash",
                param=label,
            )
        if not isinstance(text, str):
            raise FormulaError(
                f"derived quantity {quote(label)} must be a formula in text, got {quote(text)}",
                code="not_text",
                param=label,
            )
        target, _, used = formula_names(text)
        if target is not None:
            raise FormulaError(
                f"derived quantity {quote(label)} must be a formula of parameters, without ~",
                code="derived_target",
                param=label,
            )
        for name in used:
            if name not in free:
                raise unknown_name(name, free, f"derived[{label!r}]")
        if not used and not math.isfinite(Program(text, []).evaluate([], [])[0]):
            raise FormulaError(
                f"derived quantity {quote(label)} is not a finite number: {quote(text, 80)}",
                code="not_finite",
                param=label,
            )
    return entries


def checked_needs(needs: Iterable[Need] | Need, names: Sequence[str]) -> tuple[Need, ...]:
    """Return the needs of a law, each a formula of its columns and parameters."""
    listed = (needs,) if isinstance(needs, Need) else tuple(listed_names(needs, "needs"))
    for need in listed:
        if not isinstance(need, Need):
            raise ParameterError(
                f'needs holds {quote(need)}; write Need("decades", 1.5, "x")',
                code="not_a_need",
                param="needs",
            )
        for text in need.formulas:
            target, _, used = formula_names(text)
            if target is not None:
                raise FormulaError(
                    f"the need {quote(text, 80)} must be a formula of columns and parameters, "
                    "without ~",
                    code="need_target",
                    param="needs",
                )
            for name in used:
                if name not in names:
                    raise unknown_name(name, names, "needs")
    return listed


def unknown_name(name: object, names: Iterable[str], where: str) -> ParameterError:
    """Return the error for a name that the formula does not have, with the nearest one."""
    ending = suggestion(str(name), names, kind="names")
    return ParameterError(
        f"{where} names {quote(name)}, which the formula does not have{ending}",
        code="unknown_name",
        param=str(name),
    )
