"""Numbers of any type and layout in memory give the same fit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from decaying import X, Y, fit

WHOLE = np.array([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 100, 120])
AT_WHOLE = 1.5 + 3.0 * WHOLE**-0.4


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">f8", ">i4", "f2", "g"]
)
def test_numbers_of_any_width_fit_alike(dtype):
    got = fit(AT_WHOLE, WHOLE.astype(dtype), law="E + A/(x*x)**alpha")
    assert dict(got.params) == dict(fit(AT_WHOLE, WHOLE * 1.0, law="E + A/(x*x)**alpha").params)


EXACT = [Decimal, Fraction, int, np.int64, float]


@pytest.mark.parametrize("kind", EXACT, ids=lambda kind: kind.__name__)
def test_python_numbers_fit_alike(kind):
    got = fit(AT_WHOLE, [kind(int(number)) for number in WHOLE])
    assert dict(got.params) == dict(fit(AT_WHOLE, WHOLE * 1.0).params)


def test_whole_numbers_beyond_doubles_are_announced():
    x = np.array([2**60 + 1 + k * 2**58 for k in range(12)], dtype=np.uint64)
    got = fit(x=x)
    found = next(finding for finding in got.findings if finding.code == "inexact_integers")
    assert found.evidence["column"] == "x"


@pytest.mark.parametrize(
    "view",
    [
        lambda a: np.repeat(a, 2)[::2],
        lambda a: a[::-1].copy()[::-1],
        lambda a: np.asfortranarray(np.column_stack([a, a]))[:, 1],
        lambda a: np.column_stack([a, a])[:, 0],
        lambda a: a.astype(">f8"),
        lambda a: pl.concat([pl.Series([0.0]), pl.Series(a[:5]), pl.Series(a[5:])], rechunk=False)[1:],
    ],
    ids=["strided", "reversed", "fortran", "c-column", "swapped", "chunked slice"],
)  # fmt: skip
def test_layout_in_memory_changes_no_bit(view):
    got = fit(view(Y), view(X))
    assert dict(got.params) == dict(fit().params)


def test_read_only_arrays_are_fine_and_inputs_are_never_written():
    x, y = X.copy(), Y.copy()
    x.setflags(write=False)
    got = fit(y, x)
    y[:] = 0.0
    assert got.residuals() == pytest.approx(fit().residuals(), abs=0)
