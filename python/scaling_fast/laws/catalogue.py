"""The catalogue: laws by name, and anything a caller may write for a law."""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from scaling_fast.errors import FormulaError, ParameterError, nearest, shown, suggestion
from scaling_fast.laws.broken import bnsl
from scaling_fast.laws.chinchilla import chinchilla
from scaling_fast.laws.kaplan import kaplan
from scaling_fast.laws.law import Law
from scaling_fast.laws.powers import power, power_offset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["as_law", "get", "names"]

CATALOGUE: Mapping[str, Callable[[], Law]] = MappingProxyType(
    {
        "power": power,
        "power_offset": power_offset,
        "chinchilla": chinchilla,
        "kaplan": kaplan,
        "bnsl": bnsl,
    }
)
_BREAKS = re.compile(r"bnsl\(\s*(?:breaks\s*=\s*)?([0-9]{1,3})\s*\)", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)


def names() -> list[str]:
    """Return the names of the catalogue, simple laws first.

    Examples
    --------
    >>> names()
    ['power', 'power_offset', 'chinchilla', 'kaplan', 'bnsl']
    """
    return list(CATALOGUE)


def get(name: str) -> Law:
    """Return the law of that name; "bnsl" has one break, "bnsl(breaks=2)" two.

    Parameters
    ----------
    name
        One of `names()`.

    Raises
    ------
    ParameterError
        For another name, with the nearest one.

    Examples
    --------
    >>> get("chinchilla").formula
    'E + A/N**alpha + B/D**beta'
    """
    law = _find(str(name))
    if law is None:
        raise ParameterError(
            f"there is no law {shown(name)}{suggestion(str(name), names(), kind='laws')}",
            code="unknown_law",
            param="name",
        )
    return law


def _find(name: str) -> Law | None:
    broken = _BREAKS.fullmatch(name.strip())
    if broken:
        return bnsl(breaks=int(broken[1]))
    return _built(name.strip()) if name.strip() in CATALOGUE else None


@cache
def _built(name: str) -> Law:
    return CATALOGUE[name]()


def as_law(law: Law | str) -> Law:
    """Return the law a caller means: a Law as it is, a catalogue name, or else a formula.

    Parameters
    ----------
    law
        A Law, a name of the catalogue, or the text of a formula.

    Raises
    ------
    FormulaError
        For a formula that cannot be read, a Python function, or a single word that is no law.

    Examples
    --------
    >>> as_law("power").name
    'power'
    >>> as_law("A*x**(-alpha)").name is None
    True
    """
    if isinstance(law, Law):
        return law
    if not isinstance(law, str):
        return Law(law)  # refused there, with a sentence for functions
    known = _find(law)
    if known is not None:
        return known
    if _IDENTIFIER.fullmatch(law.strip()):
        near = nearest(law.strip(), names())
        meant = f"; did you mean {shown(near)}?" if near else "."
        listed = ", ".join(shown(one) for one in names())
        raise FormulaError(
            f"{shown(law)} is neither a law of the catalogue nor a formula{meant} "
            f'The laws are {listed}; a formula looks like "E + A*x**(-alpha)"',
            code="unknown_law",
            position=0,
        )
    return Law(law)
