"""What a call ended with: its findings' codes, or the one error that it may raise."""

from __future__ import annotations

import time

import pytest

import scaling_fast as sf


def codes(result):
    """Return the codes of the findings of a result, in their order."""
    return [finding.code for finding in result.findings]


def refusal(call, kind=sf.errors.DataError):
    """Return the error of a call: raised within two seconds, of exactly that class, short and printable."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        call()
    assert time.monotonic() - began < 2.0
    error = caught.value
    assert type(error) is kind
    assert error.code
    assert len(str(error)) < 700
    assert str(error).replace("\n", "").isprintable()
    return error
