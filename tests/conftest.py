"""What every test may ask for: the reference data, and a place for caches."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _hears_ctrl_c():
    """A shell starts background jobs deaf to SIGINT, and children inherit that: tests that send one would wait."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def reference():
    """Return a function from a file's name to its path in the reference data.

    The folder is named by SCALING_FAST_DATA. Without it tests skip with that reason, or fail
    where SCALING_FAST_REQUIRE_DATA=1 says that nothing may skip.
    """
    required = os.environ.get("SCALING_FAST_REQUIRE_DATA") == "1"
    folder = os.environ.get("SCALING_FAST_DATA")

    def find(name: str) -> Path:
        if not folder:
            reason = "SCALING_FAST_DATA is not set: no reference data"
        elif not (path := Path(folder) / name).is_file():
            reason = f"{name} is not in SCALING_FAST_DATA ({folder})"
        else:
            return path
        if required:
            pytest.fail(reason)
        pytest.skip(reason)

    return find
