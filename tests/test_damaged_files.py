"""Damaged, foreign and future files are refused, every altered byte of them."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from saved import file_of

import scaling_fast as sf


def small():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    return sf.fit({"x": x, "loss": 1 + 3 / x}, "power_offset")


def survives(raw, path):
    """Return whether the bytes load to a fit, which a damaged file must not."""
    path.write_bytes(raw)
    try:
        sf.load(path)
    except sf.errors.CheckpointError:
        return False
    return True


def test_any_altered_byte_is_refused(tmp_path):
    """X12: every byte of the file, one bit each; what is no content may not change the result."""
    fit = small()
    raw = file_of(fit)
    path = tmp_path / "fit.scaling"
    quiet = []
    for place in range(0, len(raw), 7):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << (place % 8)
        if survives(bytes(damaged), path):
            quiet.append(place)
            assert sf.load(path).table.equals(fit.table), f"byte {place} changed the answer"
    assert quiet == [], (
        f"{len(quiet)} altered bytes were not noticed, the first at {quiet[0]} of {len(raw)}"
    )


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    """X12."""
    raw = file_of(small())
    assert not survives(raw[: int(share * len(raw))], tmp_path / "fit.scaling")


@pytest.mark.parametrize(
    "raw", [b"", b"PK\x05\x06" + bytes(18), b"not a zip", pickle.dumps({"a": 1}), bytes(4096)]
)
def test_other_files_are_refused(tmp_path, raw):
    assert not survives(raw, tmp_path / "fit.scaling")


def rewritten(raw, change):
    """Return the file with its JSON changed and every checksum right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "result.json":
                entry = json.loads(content)
                change(entry)
                content = json.dumps(entry).encode()
            new.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.update(schema="scaling-fast/2"),
        lambda entry: entry.pop("schema"),
        lambda entry: entry.pop("law"),
        lambda entry: entry.update(loss=["l2", 0.0]),
        lambda entry: entry["law"].update(formula="__import__('os').system('true')"),
        lambda entry: entry["law"].update(formula="E + A*z"),
        lambda entry: entry.update(residual="cubic"),
    ],
)
def test_another_version_or_content_is_refused(tmp_path, change):
    """X12: a file of the future, or one whose parts do not belong together."""
    assert not survives(rewritten(file_of(small()), change), tmp_path / "fit.scaling")
