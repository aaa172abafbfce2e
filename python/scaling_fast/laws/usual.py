"""Usual names of columns, to suggest which column of a frame a name of a law may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["TARGETS", "is_usual", "mapping_hint", "usual_column"]

USUAL = {
    "N": ("params", "parameters", "n_params", "model_size"),
    "D": ("tokens", "n_tokens", "training_tokens", "dataset_size"),
    "C": ("flops", "compute", "training_flops"),
}

TARGETS = (
    *("val_loss", "eval_loss", "valid_loss", "validation_loss", "test_loss", "final_loss"),
    *("train_loss", "loss", "Loss", "bpb", "perplexity", "ppl", "score", "accuracy", "error", "y"),
)
"""Usual names of what a law explains."""


def is_usual(column: str, name: str) -> bool:
    """Return whether a column is called what the thing that papers call `name` usually is; case does not count.

    Examples
    --------
    >>> is_usual("Params", "N"), is_usual("params", "D")
    (True, False)
    """
    return column.casefold() in USUAL[name]


def usual_column(name: str, columns: Collection[str]) -> str | None:
    """Return the column of a frame that holds what papers call `name`, or None.

    Examples
    --------
    >>> usual_column("N", ["run", "params"])
    'params'
    """
    return next((column for column in USUAL.get(name, ()) if column in columns), None)


def mapping_hint(names: Iterable[str], columns: Collection[str]) -> str | None:
    """Return `columns={...}` for the names of a law whose usual columns a frame has, or None.

    Examples
    --------
    >>> mapping_hint(["N", "D", "alpha"], ["params", "tokens"])
    'columns={"N": "params", "D": "tokens"}'
    """
    found = {name: usual_column(name, columns) for name in names if name not in columns}
    pairs = ", ".join(f'"{name}": "{column}"' for name, column in found.items() if column)
    return f"columns={{{pairs}}}" if pairs else None
