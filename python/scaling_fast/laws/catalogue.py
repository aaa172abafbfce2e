"""The catalogue: laws by name, and whatever a caller may write for a law."""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from scaling_fast.errors import FormulaError, ParameterError, nearest, quote, suggestion
from scaling_fast.laws._chinchilla import chinchilla, chinchilla_tied, gadre
from scaling_fast.laws._farseer import farseer
from scaling_fast.laws._kaplan import kaplan, kaplan_c, kaplan_d, kaplan_n, kaplan_steps
from scaling_fast.laws._precision import precision, precision_ptq
from scaling_fast.laws.broken import bnsl, hinge_power
from scaling_fast.laws.downstream import coverage_power, exp_error, logistic, metric_artefact
from scaling_fast.laws.experts import abnar, clark, krajewski, ludziejewski
from scaling_fast.laws.law import Law
from scaling_fast.laws.logarithms import log_power, log_quadratic, logarithmic
from scaling_fast.laws.powers import (
    double_power,
    m3,
    power,
    power_log,
    power_offset,
    shifted_power,
)
from scaling_fast.laws.progress import algorithmic_progress
from scaling_fast.laws.repetition import data_constrained
from scaling_fast.laws.saturating import exp_saturation, hill, m4, stretched_exp
from scaling_fast.laws.training import annealing, step_law_batch, step_law_lr, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["as_law", "get", "names"]

CATALOGUE: Mapping[str, Callable[[], Law]] = MappingProxyType(
    {
        law.__name__: law
        for law in (
            power,
            power_offset,
            m3,
            m4,
            shifted_power,
            exp_saturation,
            stretched_exp,
            logarithmic,
            log_power,
            log_quadratic,
            hill,
            double_power,
            power_log,
            bnsl,
            hinge_power,
            kaplan_n,
            kaplan_d,
            kaplan_c,
            kaplan,
            kaplan_steps,
            chinchilla,
            chinchilla_tied,
            gadre,
            data_constrained,
            clark,
            krajewski,
            ludziejewski,
            abnar,
            precision,
            precision_ptq,
            transfer,
            annealing,
            step_law_lr,
            step_law_batch,
            farseer,
            exp_error,
            logistic,
            metric_artefact,
            coverage_power,
            algorithmic_progress,
        )
    }
)
BROKEN: Mapping[str, Callable[..., Law]] = MappingProxyType(
    {"bnsl": bnsl, "hinge_power": hinge_power}
)
"""Laws with any number of breaks."""

SHORTEST = 4
"""Characters of the shortest word that is looked for in sources."""

BREAKS = re.compile(r"([a-z_]+)\(\s*(?:breaks\s*=\s*)?([0-9]{1,3})\s*\)", re.ASCII)
CALL = re.compile(r"([a-z_0-9]+)\(\s*((?:[a-z_]+\s*=\s*)?[-+.0-9e]*)\s*\)", re.ASCII)
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)


def names() -> list[str]:
    """Return the names of the catalogue, simple laws first.

    Examples
    --------
    >>> names()[:4]
    ['power', 'power_offset', 'm3', 'm4']
    """
    return list(CATALOGUE)


def get(name: str) -> Law:
    """Return a law of the catalogue; "bnsl" has one break, "bnsl(breaks=2)" two.

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
            f"there is no law {quote(name)}{_sources(str(name)) or suggestion(str(name), names(), kind='laws')}",
            code="unknown_law",
            param="name",
        )
    return law


def _sources(word: str) -> str:
    """Return the end of a sentence: the laws that have a word in their source or description."""
    wanted = word.strip().casefold()
    if len(wanted) < SHORTEST or nearest(word, names()) is not None:
        return ""
    found = []
    for name in names():
        law = _built(name)
        texts = [law.cite, law.description, law.notes]
        for label, entry in law.published.items():
            texts += [label, entry.get("cite")]
        if any(wanted in text.casefold() for text in texts if text):
            found.append(quote(name))
    return f"; {quote(word)} is in the source or description of {', '.join(found)}" if found else ""


def _find(name: str) -> Law | None:
    broken = BREAKS.fullmatch(name.strip())
    if broken and broken[1] in BROKEN:
        return BROKEN[broken[1]](breaks=int(broken[2]))
    called = CALL.fullmatch(name.strip())
    if called and called[1] in BROKEN:
        raise ParameterError(
            f"the breaks of {called[1]} must be a whole number from 1, got {quote(called[2])}; write "
            f"{called[1]}(breaks=2)",
            code="breaks",
            param="breaks",
        )
    if called and called[1] in CATALOGUE:
        if called[2]:
            raise ParameterError(
                f"the law {called[1]} takes no arguments, got {quote(called[2])}; write {called[1]}",
                code="arguments",
                param="name",
            )
        return _built(called[1])
    return _built(name.strip()) if name.strip() in CATALOGUE else None


@cache
def _built(name: str) -> Law:
    return CATALOGUE[name]()


def as_law(law: Law | str) -> Law:
    """Return the law that a caller means: a Law itself, a catalogue name, or else a formula.

    Parameters
    ----------
    law
        A Law, a name of the catalogue, or the text of a formula.

    Raises
    ------
    FormulaError
        For a formula that cannot be read, a Python function, or a single word that is not a law.

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
    if IDENTIFIER.fullmatch(law.strip()):
        near = nearest(law.strip(), names())
        meant = f"; did you mean {quote(near)}?" if near else "."
        few = ("power", "power_offset", "kaplan", "chinchilla", "bnsl")
        listed = ", ".join(quote(name) for name in few)
        raise FormulaError(
            f"{quote(law)} is neither a law of the catalogue nor a formula{meant} "
            f"laws.names() lists {len(names())} laws, among them {listed}; "
            'a formula looks like "E + A*x**(-alpha)"',
            code="unknown_law",
            position=0,
        )
    return Law(law)
