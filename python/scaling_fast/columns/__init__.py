"""The only part that reads a caller's frame: any frame in, float64 columns and groups out."""

from scaling_fast.columns.containers import as_frame, as_series
from scaling_fast.columns.domain import require
from scaling_fast.columns.reading import read
from scaling_fast.columns.table import Table
from scaling_fast.columns.values import to_float64

__all__ = ["Table", "as_frame", "as_series", "read", "require", "to_float64"]
