"""Which columns of a law are sizes, data and compute: by their units, their names, or where they come from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaling_fast.fitting.request import Request

__all__ = ["is_called_loss", "role_of_name", "roles_of"]

BY_UNIT = {"parameters": "size", "tokens": "data", "FLOP": "compute"}
"""Units of the laws of the catalogue."""

BY_NAME = {"N": "size", "D": "data", "C": "compute"}
"""Letters of the field."""

WORDS = {
    "size": re.compile(
        r"^(n_?|num_?|model_?|total_?)?(params?|parameters|size)(_|$)|^N$", re.IGNORECASE
    ),
    "data": re.compile(r"^(n_?|num_?|train(ing)?_?|total_?)?tokens?(_|$)|^D$", re.IGNORECASE),
    "compute": re.compile(r"^(train(ing)?_?|total_?)?(flops?|compute)(_|$)|^C$", re.IGNORECASE),
}
"""Names that users give such columns."""


def roles_of(request: Request) -> dict[str, str]:
    """Return column of the law -> "size", "data" or "compute", of the columns that have such a meaning."""
    law, found = request.law, {}
    for name in request.table.arrays:
        unit = law.units.get(name, "")
        role = BY_UNIT.get(unit) or BY_UNIT.get(unit.split(" ")[0] if " without " in unit else "")
        if role is None and not unit:
            role = BY_NAME.get(name)
        if role is None and (not unit or name == "x"):
            role = role_of_name(request.table.sources.get(name, name))
        if role is not None:
            found[name] = role
    return found


def role_of_name(name: str) -> str | None:
    """Return what a column of this name holds: "size", "data", "compute", or None where the name does not say."""
    return next((role for role, words in WORDS.items() if words.search(name)), None)


LOSS = re.compile(r"loss|(^|_)(ce|nll|nats)($|_)|cross_?entropy", re.IGNORECASE)
"""Names that users give to losses."""


def is_called_loss(name: str) -> bool:
    """Return whether a target of this name is a loss in nats, or was meant to be one."""
    return LOSS.search(name) is not None
