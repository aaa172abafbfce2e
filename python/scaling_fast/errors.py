"""Typed errors that say what is wrong, where, and how to mend it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CheckpointError",
    "ConvergenceError",
    "DataError",
    "FormulaError",
    "InternalError",
    "ParameterError",
    "ResourceError",
    "ScalingError",
    "nearest",
    "quote",
    "suggestion",
]

LISTED_NAMES = 20  # At most this many names in a message


def _printable(text: str, *, keep: str = "") -> str:
    """Escape controls, bidirectional overrides, surrogates and all else that shows no glyph."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in keep else one.encode("unicode_escape").decode("ascii")
        for one in text
    )


def quote(value: object, limit: int = 40) -> str:
    r"""Return a value in backticks, fit for a terminal and no longer than `limit` characters.

    Control and format characters are escaped, so that a column's name cannot recolour a terminal
    or reverse a line.

    Parameters
    ----------
    value
        Anything; its `str` is shown.
    limit
        Characters kept before the text is cut, with an ellipsis.

    Examples
    --------
    >>> quote("los\x1b[31ms")
    '`los\\x1b[31ms`'
    >>> quote("a" * 50, limit=5)
    '`aaaaa…`'
    """
    text = str(value)
    cut = text if len(text) <= limit else text[:limit] + "…"
    return f"`{_printable(cut).replace('`', chr(39))}`"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name most like `name`, or None where nothing comes near.

    Case is forgiven first: a name that differs only by case is the nearest one.

    Examples
    --------
    >>> nearest("los", ["params", "loss"])
    'loss'
    >>> nearest("tokens", ["E", "alpha"]) is None
    True
    """
    candidates = list(dict.fromkeys(names))
    folded: dict[str, str] = {}
    for candidate in candidates:
        folded.setdefault(candidate.casefold(), candidate)
    match = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.6)
    return folded[match[0]] if match else None


def suggestion(name: str, names: Iterable[str], *, kind: str = "names") -> str:
    """Return the end of a sentence: the nearest name, and the names there are (at most 20).

    Examples
    --------
    >>> suggestion("los", ["loss", "params"], kind="columns")
    '; did you mean `loss`? The columns are `loss`, `params`'
    >>> suggestion("tokens", ["E"], kind="parameters")
    '; the parameters are `E`'
    """
    known = list(dict.fromkeys(names))
    if not known:
        return f"; there are no {kind}"
    listed = ", ".join(quote(one) for one in known[:LISTED_NAMES])
    if len(known) > LISTED_NAMES:
        listed += f" and {len(known) - LISTED_NAMES} more"
    near = nearest(name, known)
    if near is None:
        return f"; the {kind} are {listed}"
    return f"; did you mean {quote(near)}? The {kind} are {listed}"


class _Located(Exception):
    """What every error of the package carries: a code, and the place of the fault."""

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        column: str | None = None,
        row: int | None = None,
        param: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(_printable(message, keep="\n\t"))
        self.code = code
        self.column = column
        self.row = row
        self.param = param
        self.position = position


class ScalingError(_Located, ValueError):
    r"""The base of every error a caller can mend.

    Parameters
    ----------
    message
        One sentence: what, where, how to mend it. Terminal control characters are escaped.
    code
        A short, stable identifier of the kind of fault.
    column
        The column concerned, as the caller wrote it.
    row
        The caller's row, counted from 0.
    param
        The parameter or option concerned.
    position
        The character of the formula, counted from 0.

    Examples
    --------
    >>> error = ScalingError("column `y` holds NaN in row 7", code="nan", column="y", row=7)
    >>> error.column, error.row, error.param
    ('y', 7, None)
    """


class DataError(ScalingError):
    """A frame that cannot be used as it is."""


class FormulaError(ScalingError):
    """A formula that cannot be read, with the position of the character."""


class ParameterError(ScalingError):
    """A parameter, bound, start or option outside what is legal."""


class ConvergenceError(ScalingError):
    """A fit that was needed and did not converge; `fit` is what there is of it."""

    def __init__(self, message: str = "", *, fit: Any = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.fit = fit


class ResourceError(ScalingError):
    """Work too large for the machine, or a resource out of reach."""


class CheckpointError(ScalingError):
    """A saved state that cannot be written, or read back; `result` is what was computed all the same."""

    def __init__(self, message: str = "", *, result: Any = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.result = result


class InternalError(_Located, RuntimeError):
    """A bug of ours: please report it with the message."""
