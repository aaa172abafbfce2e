"""Which of a law's two inputs is the size of a model, and which is the data that it is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.errors import ParameterError, quote, quoted
from scaling_fast.laws.usual import is_usual

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.laws.law import Law

__all__ = ["size_and_data"]

UNITS = {"N": "parameters", "D": "tokens"}
"""How the unit of a size, and of an amount of data, begins."""


def size_and_data(
    law: Law, sources: Mapping[str, str] | None = None, *, any_inputs: bool = False
) -> tuple[str, str]:
    """Return the columns that are the size and the data of a law of two inputs.

    The usual names of parameters and tokens say which is which, those of the law or of the frame that it
    was fitted to, and so do the units of the law. Where they leave it open, the first column of the
    formula is the size.

    Parameters
    ----------
    law
        A law with its columns bound.
    sources
        Column of the law -> what the frame calls it.
    any_inputs
        Whether other inputs than a size and data will do, because a cost formula says what they cost.

    Raises
    ------
    ParameterError
        For one input, or three; and for inputs that are something else by their name or unit.

    Examples
    --------
    >>> from scaling_fast.laws import Law
    >>> size_and_data(Law("B/tokens**b + A/params**a", columns=["tokens", "params"]))
    ('params', 'tokens')
    """
    columns = tuple(law.columns or ())
    if len(columns) != 2:
        raise ParameterError(
            f"an optimum splits compute between two inputs, size and data, and this law has {_count(columns)}"
            f"{_remedy(columns)}",
            code="inputs",
            param="fit",
        )
    roles = [_role(law, name, (sources or {}).get(name, name)) for name in columns]
    if not any_inputs:
        for name, role in zip(columns, roles, strict=True):
            if role == "other":
                raise ParameterError(
                    f"column {quote(name)} of this law is {quote(law.units.get(name) or 'compute')}, neither a "
                    "size nor an amount of data, so 6*N*D is not its compute; say what a run costs with "
                    f'cost="..." (a formula of {quoted(columns)})',
                    code="inputs",
                    param="cost",
                )
        if roles[0] == roles[1] and roles[0] is not None:
            what = "sizes" if roles[0] == "N" else "amounts of data"
            raise ParameterError(
                f"both columns of this law, {quoted(columns)}, are {what}; say what a run costs with "
                'cost="..."',
                code="inputs",
                param="cost",
            )
    first, second = columns
    is_swapped = (roles[0] == "D" and roles[1] != "D") or (roles[1] == "N" and roles[0] != "N")
    return (second, first) if is_swapped else (first, second)


def _role(law: Law, name: str, source: str) -> str | None:
    """Return "N", "D", "other" for what is neither, or None where nothing says."""
    unit = law.units.get(name)
    if unit is not None:
        return next((role for role, word in UNITS.items() if unit.startswith(word)), "other")
    for role in ("N", "D", "C"):
        if any(label == role or is_usual(label, role) for label in (name, source)):
            return "other" if role == "C" else role
    return None


def _count(columns: tuple[str, ...]) -> str:
    if len(columns) == 1:
        return f"one, {quote(columns[0])}"
    return f"{len(columns)}: {quoted(columns)}" if columns else "none"


def _remedy(columns: tuple[str, ...]) -> str:
    if len(columns) < 2:
        return '; fit a law of both, such as "chinchilla"'
    return (
        "; write the others as numbers into the formula, or fit a law of size and data alone, such as "
        '"chinchilla"'
    )
