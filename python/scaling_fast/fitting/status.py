"""How a fit ended: the word, its sentence, and the code the core gives it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from scaling_fast._core import statuses

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "status_code",
    "status_column",
    "status_dtype",
    "status_sentence",
    "with_status_type",
]


@cache
def _statuses() -> tuple[tuple[str, str], ...]:
    return tuple(statuses())


def status_dtype() -> pl.Enum:
    """Return the polars type of a status column."""
    return pl.Enum([word for word, _ in _statuses()])


def status_sentence(word: str) -> str:
    """Return what a status means and what to try."""
    return dict(_statuses())[word]


def status_column(codes: NDArray[np.uint8]) -> pl.Series:
    """Return status codes as words; many of them without a Python loop over rows."""
    words = [word for word, _ in _statuses()]
    if codes.size <= FEW:
        return pl.Series("status", [words[code] for code in codes.tolist()], dtype=status_dtype())
    return pl.Series("status", words, dtype=status_dtype()).gather(pl.Series(codes))


FEW = 32
"""Number of codes up to which spelling them out one by one is faster than a gather."""


def status_code(word: str) -> int:
    """Return the code that the core gives a status."""
    return [known for known, _ in statuses()].index(word)


def with_status_type(frame: pl.DataFrame, taken: Sequence[str]) -> pl.DataFrame:
    """Return a saved frame with its status words as the enum of this version.

    Parameters
    ----------
    frame
        A table of fits or of draws.
    taken
        Names that the law uses itself, so that they hold no status.
    """
    names = [
        name
        for name in ("status", "fit_status", "draw_status")
        if name in frame.columns and name not in taken
    ]
    return (
        frame.with_columns(pl.col(names).cast(pl.String).cast(status_dtype())) if names else frame
    )
