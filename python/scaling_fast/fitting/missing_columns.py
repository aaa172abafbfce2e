"""A column that a frame does not have: which option names it, and which column of the frame may be meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scaling_fast.errors import DataError, quote, suggestion
from scaling_fast.frames import as_frame
from scaling_fast.laws.usual import TARGETS, mapping_hint

if TYPE_CHECKING:
    from scaling_fast.laws import Law

__all__ = ["column_hints"]


@contextmanager
def column_hints(
    law: Law, columns: Mapping[str, Any] | None, frame: Any, options: Mapping[str, Any]
) -> Iterator[None]:
    """Add to the error of a missing column which option names it, and what is probably meant.

    Parameters
    ----------
    law
        The law, its columns bound.
    columns
        The caller's `columns=`.
    frame
        The caller's frame.
    options
        "target", "by", "weights" and "sigma" -> what each names.
    """
    try:
        yield
    except DataError as error:
        name = error.column
        if error.code == "missing_column" and name is not None:
            has = list(frame) if isinstance(frame, Mapping) else as_frame(frame, ()).columns
            sentence = _sentence(name, law, columns or {}, [str(column) for column in has], options)
            if sentence is not None:
                error.args = (sentence,)
        raise


def _sentence(
    name: str,
    law: Law,
    columns: Mapping[str, Any],
    has: list[str],
    options: Mapping[str, Any],
) -> str | None:
    """Return the whole sentence about a missing column, or None where nothing can be added."""
    known = law.columns or ()
    start = f"column {quote(name)} not found"
    if name == options["target"] and name not in known:
        return f"{start}; the target is given by `target=`{_target(name, known, columns, has)}"
    for option, what in (("by", "groups are"), ("weights", "weights are"), ("sigma", "sigma is")):
        named = options[option]
        if (isinstance(named, str) and name == named) or (option == "by" and name in (named or ())):
            return f"{start}; {what} given by `{option}=`{suggestion(name, has, kind='columns')}"
    if name in known and name not in columns:
        unmapped = [column for column in known if column not in columns]
        hint = mapping_hint(unmapped, has) or f'columns={{"{name}": "..."}}'
        return f"{start}{suggestion(name, has, kind='columns')}; say which column is which: {hint}"
    return None


def _target(name: str, known: tuple[str, ...], columns: Mapping[str, Any], has: list[str]) -> str:
    """Return the end of the sentence about a target: the column that is probably meant, or all of them."""
    used = {source for source in columns.values() if isinstance(source, str)} | set(known)
    free = [column for column in has if column not in used]
    usual = [column for column in TARGETS if column in free]
    if usual or len(free) == 1:
        meant = (usual or free)[0]
        return f"; did you mean {quote(meant)}?"
    return suggestion(name, free or has, kind="columns")
