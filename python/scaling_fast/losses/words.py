"""Losses as text, as a command line has them: `squared`, `huber:1e-3`, `huber:1.345:mad`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from scaling_fast.errors import ParameterError, nearest, quote
from scaling_fast.losses.registry import DEFAULT_LOSS, LOSSES

if TYPE_CHECKING:
    from scaling_fast.losses.registry import Loss

__all__ = ["loss_form", "loss_from_text"]


def loss_form(name: str) -> str:
    """Return how a loss is written.

    Examples
    --------
    >>> loss_form("squared"), loss_form("huber")
    ('squared', 'huber:DELTA')
    """
    return ":".join([name, *(field.name.upper() for field in fields(LOSSES[name])[:1])])


def loss_from_text(text: str) -> Loss:
    """Return the loss that a text means; the name of the default loss alone is the default.

    Raises
    ------
    ParameterError
        For an unknown loss, or a number that is missing, superfluous or not a number.

    Examples
    --------
    >>> loss_from_text("huber"), loss_from_text("Soft-L1:0.01"), loss_from_text("huber:1.345:mad")
    (Huber(delta=0.001, scale=None), SoftL1(delta=0.01), Huber(delta=1.345, scale='mad'))
    """
    word, *parts = (part.strip() for part in text.split(":"))
    name = word.lower().replace("-", "_")
    if name not in LOSSES:
        near = nearest(name, list(LOSSES))
        meant = f"; did you mean {quote(near)}?" if near else ";"
        raise ParameterError(
            f"loss does not know {quote(word)}{meant} it takes {', '.join(map(loss_form, LOSSES))}",
            code="unknown_word",
            param="loss",
        )
    if name == DEFAULT_LOSS.name and not parts:
        return DEFAULT_LOSS
    known = fields(LOSSES[name])
    if len(parts) > len(known) or (known and not parts):
        raise ParameterError(
            f"loss {name} must be written {quote(loss_form(name))}, got {quote(text)}",
            code="form",
            param="loss",
        )
    values: list[float | str] = [*parts]
    if parts:
        try:
            values[0] = float(parts[0])
        except ValueError:
            raise ParameterError(
                f"loss {name} needs a number, got {quote(parts[0])}",
                code="not_a_number",
                param="loss",
            ) from None
    made: Loss = LOSSES[name](*values)
    return made
