"""A law read back from what `to_dict` wrote: every key known, none missing, each of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaling_fast.errors import ParameterError, quote, suggestion
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param

__all__ = ["entry_formula", "entry_options"]

NEEDED = ("formula", "params")
OPTIONAL = (
    *("columns", "derived", "name", "cite", "notes", "published", "description", "units"),
    "needs",
)


def entry_formula(entry: Any, schema: str) -> str:
    """Return the formula of an entry whose keys are those of a law.

    Raises
    ------
    ParameterError
        For anything but a mapping, another schema, a missing or unknown key.
    """
    if not isinstance(entry, Mapping):
        raise ParameterError(
            f"a law is read from a mapping such as `to_dict` writes, got {quote(entry)}",
            code="not_a_mapping",
            param="entry",
        )
    if entry.get("schema") != schema:
        raise ParameterError(
            f"a law's schema must be {quote(schema)}, got {quote(entry.get('schema'))}",
            code="schema",
            param="schema",
        )
    known = ("schema", *NEEDED, *OPTIONAL)
    for key in entry:
        if key not in known:
            raise ParameterError(
                f"a law has no key {quote(key)}{suggestion(str(key), known, kind='keys')}",
                code="unknown_name",
                param=str(key),
            )
    for key in NEEDED:
        if key not in entry:
            raise ParameterError(
                f"the entry of a law lacks the key {quote(key)}", code="missing_key", param=key
            )
    formula: str = entry["formula"]
    return formula


def entry_options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a law besides its formula.

    Raises
    ------
    ParameterError
        For parameters or needs that cannot be read.
    """
    options = {key: value for key, value in entry.items() if key not in ("schema", "formula")}
    if not isinstance(options["params"], Mapping):
        raise ParameterError(
            f"params must be a mapping of names, got {quote(options['params'])}",
            code="not_a_mapping",
            param="params",
        )
    options["params"] = {name: Param.from_dict(value) for name, value in options["params"].items()}
    needs = options.get("needs", ())
    try:
        options["needs"] = tuple(Need.from_dict(need) for need in needs)
    except TypeError as error:
        raise ParameterError(
            f"needs must be a list of needs such as `to_dict` writes, got {quote(needs)}",
            code="not_a_need",
            param="needs",
        ) from error
    return options
