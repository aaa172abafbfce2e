"""Digests of small runs, written down: the same bits on every machine, and no release that changes them unawares.

A change of the numerics that moves the last digit of a replicate changes these words. That is legitimate, and then
CHANGELOG.md says so: published digests of the release before cannot be met by the one after.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import scaling_fast as sf

# Decimal numbers alone: nothing here is computed by a library that may differ between machines.
SIZES = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0]
TOKENS = [3.0, 50.0, 7.0, 400.0, 90.0, 11.0, 2500.0, 30.0, 700.0, 160.0, 5000.0, 1200.0]
LOSS = [9.31, 6.02, 6.55, 4.28, 4.21, 5.37, 3.16, 4.05, 3.02, 3.22, 2.41, 2.58]
RUNS = pl.DataFrame({"N": SIZES, "D": TOKENS, "loss": LOSS, "lab": ["a", "b", "c"] * 4})

LAW = "E + A/N**alpha + B/D**beta"
SHORT = "E + A*N**(-alpha)"


def digest(law, scheme, *, by=None, **options) -> str:
    fit = sf.fit(RUNS, law, by=by, **options)
    return sf.bootstrap(fit, scheme, n=200, seed=1, progress=False).digest


CASES = {
    "pairs of a Chinchilla law": (
        lambda: digest(LAW, sf.Pairs(), loss=sf.Huber(0.01)),
        "3c106157e47451d303b8cbf103b8e2bc03b394aca0f2942818a9ccf0720cc242",
    ),
    "wild signs, raw residuals": (
        lambda: digest(SHORT, sf.Wild(), loss=sf.Squared(), residual="raw"),
        "b58faf43733b7db4bc051bd07547d7edf8c2c24b620cd20cc779417408fc3041",
    ),
    "clusters, a loss without curvature": (
        lambda: digest(SHORT, sf.Clusters("lab"), loss=sf.Absolute()),
        "67473b490fa53c6673d950fff71d5541d004a60c3d8168f91f00697fdf4cce97",
    ),
    "a likelihood with a scale": (
        lambda: digest(SHORT, sf.Bayesian(), loss=sf.StudentT(4.0)),
        "8f98478ca6664b302c8fc09ef3ad6c690142250f1fb25517604df3341a5ab0e2",
    ),
    "three curves": (
        lambda: digest(SHORT, sf.Pairs(), by="lab", loss=sf.Squared(), residual="raw"),
        "361ad187bb17e0a7e4f4c5b39bf94dec96713dfb92984dbc135cb20ea1946c39",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_digest_is_the_one_written_down(name):
    ask, expected = CASES[name]
    assert ask() == expected


@pytest.mark.parametrize("unit", ["avx2", "none"])
def test_narrower_registers_give_the_same_digests(unit):
    """What an older processor computes, as far as this one can show it."""
    words = "import test_same_bits as bits\nprint(*[ask() for ask, _ in bits.CASES.values()])"
    done = subprocess.run(
        [sys.executable, "-c", words],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parent,
        env=os.environ | {"SCALING_FAST_SIMD": unit},
        check=True,
    )
    assert done.stdout.split() == [expected for _, expected in CASES.values()]
