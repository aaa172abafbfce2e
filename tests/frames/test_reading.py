"""Missing and infinite values are named with their row; weights of zero remove theirs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from scaling_fast.errors import DataError
from scaling_fast.frames import read, require

X = [1.0, 2.0, 4.0, 8.0, 16.0]
Y = [5.0, 4.0, 3.5, 3.25, 3.125]
NAN, INF = float("nan"), float("inf")
ASK = {"names": ["x"], "target": "y"}


def table(x=X, y=Y, /, *, frame=None, **options):
    return read({"x": x, "y": y} if frame is None else frame, **{**ASK, **options})


def refused(frame, /, kind=DataError, **options):
    with pytest.raises(kind) as caught:
        read(frame, **{**ASK, **options})
    return caught.value


FAULTS = {
    "NaN": (NAN, "nan"),
    "null": (None, "null"),
    "+inf": (INF, "infinite"),
    "-inf": (-INF,) * 2,
}


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table, dict, pd.DataFrame])
@pytest.mark.parametrize("place", ["x", "y"])
@pytest.mark.parametrize("what", ["NaN", "null", "+inf", "-inf"])
def test_values_that_are_not_finite_are_named_with_row_and_count(make, place, what):
    """D1, D2, D3, D4."""
    value = FAULTS[what][0]
    bad = [*X[:2], value, X[3], value]
    data = {"x": X, "y": Y} | {place: bad}
    if make is pd.DataFrame and value is None:
        data[place] = pd.array(bad, dtype="Float64")
    error = refused(make(data))
    assert (error.column, error.row) == (place, 2)
    assert f"holds {what} in row 2" in str(error)
    assert "2 rows" in str(error)


def test_nulls_and_nans_are_told_apart():
    """D4."""
    error = refused({"x": [1.0, None, NAN, NAN, 5.0], "y": Y})
    assert error.code == "null"
    assert "1 row of null and 2 rows of NaN" in str(error)


def test_drop_leaves_out_the_rows_a_caller_would_have_left_out():
    """D1: equal to dropping them by hand, with the count."""
    data = {"x": [1.0, NAN, 4.0, 8.0, 16.0], "y": [5.0, 4.0, None, 3.25, 3.125]}
    got = read(pl.DataFrame(data), **ASK, nulls="drop")
    assert got.arrays["x"].tolist() == [1.0, 8.0, 16.0]
    assert got.target.tolist() == [5.0, 3.25, 3.125]
    assert got.order.tolist() == [0, 3, 4]
    assert got.dropped == 2


def test_drop_does_not_forgive_infinities():
    error = refused({"x": [1.0, NAN, INF, 8.0, 16.0], "y": Y}, nulls="drop")
    assert (error.code, error.row) == ("infinite", 2)


def test_nothing_left_is_an_error():
    """D10."""
    assert refused({"x": X, "y": [NAN] * 5}, nulls="drop").code == "empty"
    assert refused({"x": X, "y": pl.Series([None] * 5)}).code == "null"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"x": [], "y": []}, "empty"),
        (pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64}), "empty"),
        (pd.DataFrame({"x": [], "y": []}), "empty"),
        ({}, "no_columns"),
        (pl.DataFrame(), "no_columns"),
    ],
)
def test_empty_frames(frame, code):
    """D10."""
    assert refused(frame).code == code


def test_unused_columns_are_ignored_whatever_they_hold():
    """D2, property 29."""
    data = {"x": X, "y": Y, "a": [NAN] * 5, "b": np.ones((2, 2)), "c": [object()], "d": 3.0}
    got = table(frame=data)
    assert got.target.tolist() == Y
    assert got.frame.columns == ["x", "y", "a"]
    wide = pl.DataFrame({"x": X, "y": Y, "s": ["a"] * 5, "n": [None] * 5})
    assert table(frame=wide).frame.columns == ["x", "y", "s", "n"]


def test_lengths_that_differ_name_both_columns():
    """D23."""
    message = str(refused({"x": X, "y": Y[:3]}))
    assert "`x` and `y` have different lengths, 5 and 3" in message
    assert "weights has 3 values and the frame 5 rows" in str(
        refused({"x": X, "y": Y}, weights=[1, 2, 3])
    )


def test_masked_values_are_nulls():
    masked = np.ma.array(X, mask=[0, 0, 1, 0, 0])
    assert refused({"x": masked, "y": Y}).code == "null"
    assert table(masked, nulls="drop").arrays["x"].tolist() == [1.0, 2.0, 8.0, 16.0]


def test_rows_of_weight_0_are_absent_before_anything_looks_at_them():
    """Property 3: deleting the row, with its NaN."""
    data = {"x": [1.0, NAN, 4.0, INF, 16.0], "y": [5.0, None, 3.5, 0.0, 3.1], "w": [1, 0, 2, 0, 1]}
    got = read(data, **ASK, weights="w")
    assert got.arrays["x"].tolist() == [1.0, 4.0, 16.0]
    assert got.weights.tolist() == [1.0, 2.0, 1.0]
    assert (got.zero_weight, got.dropped) == (2, 0)
    require(got, [("x", "positive", "log(x)")], "log")


@pytest.mark.parametrize(
    ("weights", "said", "row"),
    [
        ([1, 1, -1, 1, 1], "`-1`", 2),
        ([1, NAN, 1, 1, 1], "`nan`", 1),
        ([1, None, 1, 1, 1], "`nan`", 1),
        ([1, 1, 1, 1, INF], "`inf`", 4),
        ([0, 0, 0, 0, 0], "0 in every row", None),
        (2.0, "one value per row", None),
        ([True] * 5, "Boolean", 0),
    ],
)
def test_weights_are_finite_non_negative_and_not_all_zero(weights, said, row):
    """D15."""
    error = refused({"x": X, "y": Y}, weights=weights)
    assert said in str(error)
    assert error.row == row


@pytest.mark.parametrize("sigma", [[1, 1, 0, 1, 1], [1, 1, -2, 1, 1], [1, 1, NAN, 1, 1]])
def test_sigma_is_positive(sigma):
    assert refused({"x": X, "y": Y}, sigma=sigma).row == 2
    assert table(sigma=np.array(X)).sigma.tolist() == X
