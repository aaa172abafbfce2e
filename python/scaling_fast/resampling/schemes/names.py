"""The column names that a scheme is given."""

from __future__ import annotations

from collections.abc import Sequence

from scaling_fast.errors import ParameterError, quote

__all__ = ["column_names"]


def column_names(value: object, param: str) -> tuple[str, ...]:
    """Return one or several column names as a tuple."""
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise ParameterError(
            f"{param} must be a column name or a sequence of them, got {quote(value)}",
            code="not_a_name",
            param=param,
        )
    if not names or "" in names:
        raise ParameterError(f"{param} names no column", code="empty", param=param)
    if len(set(names)) != len(names):
        raise ParameterError(
            f"{param} names a column twice: {quote(list(names))}", code="duplicate", param=param
        )
    return tuple(names)
