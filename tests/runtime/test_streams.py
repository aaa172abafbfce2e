"""Every random number of the package comes from a stream of the core, numbered there and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaling_fast import _core
from scaling_fast.runtime.streams import philox

PACKAGE = Path(_core.__file__).parent
PURPOSES = {
    name: purpose
    for name in dir(_core.Purpose)
    if isinstance(purpose := getattr(_core.Purpose, name), _core.Purpose)
}


def test_the_audit_and_the_bands_have_numbers_of_their_own():
    assert {name: int(purpose) for name, purpose in PURPOSES.items()} == {
        "ROWS": 1,
        "RESIDUALS": 2,
        "STARTS": 3,
        "CHECKS": 4,
        "SIMULATION": 5,
        "AUDIT_ROWS": 6,
        "AUDIT_CLUSTERS": 7,
        "BANDS": 8,
        "FINDINGS": 9,
    }


@pytest.mark.parametrize("name", PURPOSES)
def test_a_stream_has_the_words_of_the_core(name):
    words = philox(2**64 - 1, PURPOSES[name], replicate=7, group=3).random_raw(37)
    assert words.tolist() == _core.philox(2**64 - 1, PURPOSES[name], 7, 3, 37).tolist()


def test_no_other_file_makes_a_generator():
    # A simulated data set is published with the seed of its own generator.
    known = {"runtime/streams.py", "datasets/simulated.py"}
    made = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(word in path.read_text("utf-8") for word in ("random.Philox(", "default_rng("))
    }
    assert made == known
