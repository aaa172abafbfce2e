"""The only room that reads a caller's frame: any frame in, float64 columns and groups out."""

from scaling_fast.frames.containers import as_frame, as_series
from scaling_fast.frames.domain import require
from scaling_fast.frames.reading import read
from scaling_fast.frames.table import Table
from scaling_fast.frames.values import to_float64

__all__ = ["Table", "as_frame", "as_series", "read", "require", "to_float64"]
