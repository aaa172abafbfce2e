"""Typed errors that say what is wrong, where, and how to fix it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "LISTED_NAMES",
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
    "quoted",
    "suggestion",
]

LISTED_NAMES = 20
"""Names in a message, at most."""


def _printable(text: str, *, keep: str = "") -> str:
    """Escape control characters, bidirectional overrides, surrogates and whatever else is invisible."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in keep
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def quote(value: object, limit: int = 40) -> str:
    r"""Return a value in backticks, safe to print and cut after `limit` characters.

    Control and format characters are escaped, so that the name of a column cannot recolour a
    terminal or reverse a line.

    Parameters
    ----------
    value
        Anything; its `str` is printed.
    limit
        Characters kept before an ellipsis.

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


def quoted(names: Iterable[object]) -> str:
    """Return names as a sentence lists them, each in backticks.

    Examples
    --------
    >>> quoted(["E"]), quoted(["E", "A", "B"])
    ('`E`', '`E`, `A` and `B`')
    """
    each = [quote(name) for name in names]
    return " and ".join([", ".join(each[:-1]), each[-1]] if len(each) > 1 else each)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name most similar to `name`, or None if none is similar.

    Case is ignored: a name that differs only by case is the nearest one.

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
    """Return the end of a sentence: the nearest name, and all names (at most 20).

    Examples
    --------
    >>> suggestion("los", ["loss", "params"], kind="columns")
    '; did you mean `loss`? The columns are `loss`, `params`'
    >>> suggestion("tokens", ["E"], kind="parameters")
    '; the only parameter is `E`'
    """
    known = list(dict.fromkeys(names))
    if not known:
        return f"; there are no {kind}"
    listed = ", ".join(quote(known_name) for known_name in known[:LISTED_NAMES])
    if len(known) > LISTED_NAMES:
        listed += f" and {len(known) - LISTED_NAMES} more"
    all_names = f"only {kind.removesuffix('s')} is" if len(known) == 1 else f"{kind} are"
    near = nearest(name, known)
    if near is None:
        return f"; the {all_names} {listed}"
    return f"; did you mean {quote(near)}? The {all_names} {listed}"


class _Located(Exception):
    """What every error of the package has: a code, and where the fault is."""

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
    r"""The base of every error that a caller can fix.

    Parameters
    ----------
    message
        One sentence: what is wrong, where, how to fix it. Terminal control characters are escaped.
    code
        Short, stable identifier of the fault.
    column
        Column at fault, as the caller wrote it.
    row
        Row at fault in the caller's frame, from 0.
    param
        Parameter or option at fault.
    position
        Character at fault in the formula, from 0.

    Examples
    --------
    >>> error = ScalingError("column `y` holds NaN in row 7", code="nan", column="y", row=7)
    >>> error.column, error.row, error.param
    ('y', 7, None)
    """


class DataError(ScalingError):
    """A frame that cannot be used as it is."""


class FormulaError(ScalingError):
    """A formula that cannot be read; `position` is the character at fault."""


class ParameterError(ScalingError):
    """An illegal parameter, bound, start or option."""


class ConvergenceError(ScalingError):
    """A fit that was needed and did not converge; `fit` is how far it came."""

    def __init__(self, message: str = "", *, fit: Any = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.fit = fit


class ResourceError(ScalingError):
    """Work that is too large for the machine, or a resource that cannot be reached."""


class CheckpointError(ScalingError):
    """A saved state that cannot be written or read back; `result` is what was computed nevertheless."""

    def __init__(self, message: str = "", *, result: Any = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.result = result


class InternalError(_Located, RuntimeError):
    """A bug in scaling_fast: please report it with the message."""
