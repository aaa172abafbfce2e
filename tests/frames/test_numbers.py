"""Numbers of every dtype become the same doubles; what is not a number is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest

from scaling_fast.errors import DataError
from scaling_fast.frames import read

X = [1.0, 2.0, 4.0, 8.0, 16.0]
Y = [5.0, 4.0, 3.5, 3.25, 3.125]
ASK = {"names": ["x"], "target": "y"}


def table(x=X, y=Y, /, *, frame=None, **options):
    return read({"x": x, "y": y} if frame is None else frame, **{**ASK, **options})


def refused(frame, /, kind=DataError, **options):
    with pytest.raises(kind) as caught:
        read(frame, **{**ASK, **options})
    return caught.value


DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f8", ">i4", "<f4"]


@pytest.mark.parametrize("dtype", [*DTYPES, "longdouble"])
def test_every_number_is_promoted_to_the_same_double(dtype):
    """D18, D19, D27: no arithmetic happens before the promotion."""
    values = np.array([1, 100, 3, 100, 5], dtype=dtype)
    got = table(values)
    assert got.arrays["x"].dtype == np.float64
    assert got.arrays["x"].tolist() == [float(number) for number in values]
    assert got.findings == ()


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::-1][::-1],
        lambda a: np.repeat(a, 3)[::3],
        lambda a: np.asfortranarray(np.stack([a, a], axis=1))[:, 1],
        lambda a: np.frombuffer(a.tobytes()),
        lambda a: np.lib.stride_tricks.as_strided(a, a.shape, a.strides, writeable=False),
    ],
)
def test_strides_and_flags_of_an_array_do_not_matter(view):
    """D27."""
    assert table(view(np.array(X))).arrays["x"].tolist() == X


def test_whole_numbers_beyond_2_53_are_counted_in_a_finding():
    """D18: uint64 and int64 above 2^53."""
    for big in (
        np.array([2**53 + 1, 2**53 + 2, 1, 2, 2**63 - 1]),
        np.array([2**53 + 1, 2**53 + 2, 1, 2, 2**64 - 1], dtype=np.uint64),
    ):
        (finding,) = table(big).findings
        assert finding.code == "inexact_integers"
        assert finding.severity == "amber"
        assert finding.statistic == 2.0
        assert "`x`" in finding.sentence
    assert table(np.array([2**53, 2**60, 1, 2, 3])).findings == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([Decimal("1.5"), 2, 3, 4, 5], 1.5),
        ([Fraction(1, 4), 2, 3, 4, 5], 0.25),
        (np.array([10**30, 2, 3, 4, 5], dtype=object), 1e30),
        (pl.Series([Decimal("1.5")] * 5), 1.5),
    ],
)
def test_exact_numbers_are_converted(values, expected):
    """D20."""
    assert table(values).arrays["x"][0] == expected


TEMPORAL = np.arange("2020-01-01", "2020-01-06", dtype="M8[D]")
BAD_DTYPES = {
    "bool": (np.array([True] * 5), "Boolean"),
    "python bool": ([True] * 5, "Boolean"),
    "complex": (np.array(X) + 1j, "complex128"),
    "datetime": (TEMPORAL, "Date"),
    "timedelta": (TEMPORAL - TEMPORAL[0], "Duration"),
    "category": (pl.Series(list("abcde"), dtype=pl.Categorical), "Categorical"),
    "pandas category": (pd.Series([1, 2, 3, 4, 5], dtype="category"), "Categorical"),
    "enum": (pl.Series(list("aabab"), dtype=pl.Enum(["a", "b"])), "Enum"),
    "list": (pl.Series([[1.0]] * 5), "List"),
    "struct": (pl.Series([{"a": 1.0}] * 5), "Struct"),
    "bytes": (pl.Series([b"1"] * 5), "Binary"),
    "object": (np.array([1, 2, {}, 4, 5], dtype=object), "object"),
    "mixed": ([1, 2, "3", 4, 5], "list"),
    "structured": (np.zeros(5, dtype=[("a", "f8")]), "dtype"),
}


@pytest.mark.parametrize(("values", "said"), BAD_DTYPES.values(), ids=BAD_DTYPES.keys())
@pytest.mark.parametrize("place", ["x", "y"])
def test_a_column_that_is_not_of_numbers_is_refused_by_its_dtype(values, said, place):
    """D21."""
    error = refused({"x": X, "y": Y} | {place: values})
    assert error.column == place
    assert said in str(error)


@pytest.mark.parametrize(
    ("values", "row", "shows"),
    [
        (["1e9", "2", "3", "4", "5"], 0, "`1e9`"),
        (["1", "1,000", "N/A", "4", "5"], 1, "`1,000`"),
        (["1", "2", "N/A", "4", "5"], 2, "`N/A`"),
        (["1", "2", "3", "x" * 100, "5"], 3, "`" + "x" * 40 + "…`"),
    ],
)
def test_text_is_refused_with_its_row_and_value(values, row, shows):
    """D22."""
    error = refused({"x": X, "y": values})
    assert (error.column, error.row) == ("y", row)
    assert shows in str(error)
    assert "cast(pl.Float64)" in str(error)
