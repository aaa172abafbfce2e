"""The bytes of a saved result, for tests that compare files or damage them."""

from __future__ import annotations

from scaling_fast.runtime import archive


def file_of(result) -> bytes:
    """Return the bytes that `save` writes."""
    return archive.to_bytes(result.kind, *result.archive_entry())
