"""What runs are often recorded in: the column a law's name probably is in the caller's frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["mapping_hint", "usual_column"]

USUAL = {
    "N": ("params", "parameters", "n_params", "model_size"),
    "D": ("tokens", "n_tokens", "training_tokens", "dataset_size"),
    "C": ("flops", "compute", "training_flops"),
}


def usual_column(name: str, columns: Collection[str]) -> str | None:
    """Return the column of a frame that papers would call `name`, or None.

    Examples
    --------
    >>> usual_column("N", ["run", "params"])
    'params'
    """
    return next((one for one in USUAL.get(name, ()) if one in columns), None)


def mapping_hint(names: Iterable[str], columns: Collection[str]) -> str | None:
    """Return `columns={...}` for those of a law's names that have their usual column, or None.

    Examples
    --------
    >>> mapping_hint(["N", "D", "alpha"], ["params", "tokens"])
    'columns={"N": "params", "D": "tokens"}'
    """
    found = {one: usual_column(one, columns) for one in names if one not in columns}
    pairs = ", ".join(f'"{one}": "{column}"' for one, column in found.items() if column)
    return f"columns={{{pairs}}}" if pairs else None
