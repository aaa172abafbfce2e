"""Schemes as text, as a command line has them: `pairs`, `clusters:run`, `blocks:5:run`."""

from __future__ import annotations

from typing import Any, get_args

from scaling_fast.errors import ParameterError, nearest, quote
from scaling_fast.resampling.schemes import Indices, Scheme, Weights

__all__ = ["SCHEMES", "as_scheme", "scheme_form"]

# Indices and Weights hold arrays, which a text cannot.
SCHEMES: dict[str, Any] = {
    scheme.name: scheme for scheme in get_args(Scheme) if scheme not in (Indices, Weights)
}
FIELDS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "clusters": (("by", "COLUMN", False),),
    "strata": (("by", "COLUMN", False),),
    "blocks": (("length", "LENGTH", False), ("within", "COLUMN", True)),
    "bayesian": (("cluster", "COLUMN", True),),
    "subsample": (("m", "M", False),),
    "wild": (("signs", "SIGNS", True), ("cluster", "COLUMN", True)),
    "parametric": (("sd", "SD", True),),
    "jackknife": (("cluster", "COLUMN", True),),
}
"""What follows the name of a scheme after colons: field, kind of value, whether it may be left out."""
EXAMPLES = {"COLUMN": "run", "LENGTH": "5", "M": "20"}


def scheme_form(name: str) -> str:
    """Return how a scheme is written; what stands in brackets may be left out.

    Examples
    --------
    >>> scheme_form("blocks")
    'blocks:LENGTH[:COLUMN]'
    """
    form = name
    for _, kind, optional in reversed(FIELDS.get(name, ())):
        tail = form.removeprefix(name)
        form = name + (f"[:{kind}{tail}]" if optional else f":{kind}{tail}")
    return form


def as_scheme(scheme: Any) -> Any:
    """Return the scheme that a text means; anything else as it is.

    Raises
    ------
    ParameterError
        For an unknown scheme, or a column or number that is missing or superfluous.

    Examples
    --------
    >>> as_scheme("clusters:run"), as_scheme("pairs")
    (Clusters(by=('run',)), Pairs())
    """
    return _from_text(scheme) if isinstance(scheme, str) else scheme


def _from_text(text: str) -> Any:
    word, colon, rest = text.partition(":")
    name = word.strip().lower()
    if name not in SCHEMES:
        near = nearest(name, list(SCHEMES))
        meant = f"; did you mean {quote(near)}?" if near else ";"
        raise ParameterError(
            f"scheme does not know {quote(word)}{meant} it takes {', '.join(SCHEMES)}",
            code="unknown_word",
            param="scheme",
        )
    wanted = FIELDS.get(name, ())
    if colon and not wanted:
        raise ParameterError(
            f"scheme {name} takes nothing after its name, got {quote(rest)}",
            code="form",
            param="scheme",
        )
    # The last part is a column, which may hold colons itself.
    parts = rest.split(":", len(wanted) - 1) if rest else []
    values: dict[str, Any] = {}
    for place, (field, kind, optional) in enumerate(wanted):
        part = parts[place] if place < len(parts) else ""
        if part:
            values[field] = _part(name, part, kind)
        elif not optional:
            what = "a column" if kind == "COLUMN" else f"a {kind}"
            raise ParameterError(
                f"scheme {name} needs {what}: write `{name}:{EXAMPLES[kind]}`",
                code="form",
                param="scheme",
            )
    return SCHEMES[name](**values)


def _part(name: str, text: str, kind: str) -> Any:
    """Return a part of a text as its field takes it: a column as it is, anything else as a number."""
    if kind in ("COLUMN", "SIGNS"):
        return text
    try:
        number = float(text)
    except ValueError:
        raise ParameterError(
            f"scheme {name} needs a number, got {quote(text)}", code="not_a_number", param="scheme"
        ) from None
    return int(number) if kind in ("LENGTH", "M") and number.is_integer() else number
