"""Messages: a header and arrays as bytes with a checksum, for another process or a checkpoint."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Damaged", "Foreign", "packed", "seal", "unpacked"]

FORMAT = 3
"""Number of this layout (kind, number, sha256 of the rest; length of the header, the header, the
arrays) and of what a refit is: draws of one format are never joined with those of another."""

KINDS = frozenset("biuf")
"""Kinds of arrays: booleans, whole and real numbers, and nothing that could run."""


class Damaged(Exception):
    """The bytes were truncated or altered."""


class Foreign(Exception):
    """The bytes are something else, or of another format."""


def packed(kind: str, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a message as bytes; equal content gives equal bytes.

    Parameters
    ----------
    kind
        Kind of message, such as "task".
    header
        Values that JSON can hold.
    arrays
        Name -> array of numbers, of any shape.
    """
    shapes, chunks = [], []
    for name, values in arrays.items():
        plain = np.ascontiguousarray(values)
        plain = plain.astype(plain.dtype.newbyteorder("<"), copy=False).reshape(values.shape)
        shapes.append([name, plain.dtype.str, list(plain.shape)])
        chunks.append(plain.tobytes())
    head = json.dumps({"words": header, "arrays": shapes}, sort_keys=True).encode()
    rest = b"".join([len(head).to_bytes(8, "little"), head, *chunks])
    return _magic(kind) + hashlib.sha256(rest).digest() + rest


def unpacked(kind: str, raw: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays of a message.

    Raises
    ------
    Foreign
        For another kind, or a format that this version does not read.
    Damaged
        For bytes that do not match their sha256.
    """
    magic = _magic(kind)
    if not raw.startswith(magic):
        stem = magic[: magic.rindex(b" ") + 1]
        other = raw[len(stem) : len(stem) + 8].split(b"\n")[0]
        if raw.startswith(stem) and other.isdigit():
            raise Foreign(f"it has format {other.decode()} and this version reads {FORMAT}")
        raise Foreign(f"it is not a scaling_fast {kind}")
    rest = memoryview(raw)[len(magic) + 32 :]
    if hashlib.sha256(rest).digest() != raw[len(magic) : len(magic) + 32]:
        raise Damaged("it was truncated or altered: its sha256 does not match")
    length = int.from_bytes(rest[:8], "little")
    head = json.loads(bytes(rest[8 : 8 + length]))
    place, arrays = 8 + length, {}
    for name, code, shape in head["arrays"]:
        dtype = np.dtype(code)
        if dtype.kind not in KINDS:
            raise Foreign(f"it holds an array of dtype {code}")
        count = int(np.prod(shape, dtype=np.int64))
        values = np.frombuffer(rest, dtype=dtype, count=count, offset=place).reshape(shape)
        # A copy, because the core needs numbers at aligned addresses.
        arrays[name] = values.astype(dtype.newbyteorder("="))
        place += count * dtype.itemsize
    return head["words"], arrays


def seal(*messages: bytes) -> str:
    """Return a name for messages: the sha256 of their checksums, in hexadecimal."""
    sums = [message[(start := message.index(b"\n") + 1) : start + 32] for message in messages]
    return hashlib.sha256(b"".join(sums)).hexdigest()


def _magic(kind: str) -> bytes:
    return f"scaling_fast {kind} {FORMAT}\n".encode()
