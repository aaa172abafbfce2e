"""Columns by name: the nearest is proposed, none is folded, expressions stand in."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from scaling_fast.errors import DataError, ParameterError
from scaling_fast.frames import read

X = [1.0, 2.0, 4.0, 8.0, 16.0]
Y = [5.0, 4.0, 3.5, 3.25, 3.125]
ASK = {"names": ["x"], "target": "y"}


def refused(frame, /, kind=DataError, **options):
    with pytest.raises(kind) as caught:
        read(frame, **{**ASK, **options})
    return caught.value


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, pa.table, dict])
def test_a_wrong_name_suggests_the_nearest_and_lists_twenty(make):
    """D24."""
    error = refused(make({"x": X, "loss": Y}), target="los")
    assert error.column == "los"
    assert "did you mean `loss`?" in str(error)
    many = make({f"name_{i}": X for i in range(30)})
    message = str(refused(many))
    assert message.count("`name_") == 20
    assert "and 10 more" in message


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (pa.Table.from_arrays([pa.array(X)] * 2, names=["x", "x"]), "duplicate_column"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "duplicate_column"),
        (pd.DataFrame([[1, 2]]), "column_name"),
        ({1: X, "y": Y}, "column_name"),
        (
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
            "multi_index",
        ),
        (
            pd.DataFrame({"x": X, "y": Y}, index=pd.MultiIndex.from_product([["a"], range(5)])),
            "multi_index",
        ),
    ],
)
def test_names_that_do_not_name_one_column(frame, code):
    """D25."""
    assert refused(frame).code == code


def test_columns_come_under_other_names_and_from_expressions():
    runs = pl.DataFrame({"params": X, "tokens": [1e9] * 5, "loss": Y})
    got = read(
        runs,
        names=["N", "D"],
        target="loss",
        columns={"N": "params", "D": pl.col("tokens") / 1e9, "C": "flops"},
    )
    assert got.arrays["N"].tolist() == X
    assert got.arrays["D"].tolist() == [1.0] * 5
    assert dict(got.sources) == {"N": "params", "D": "D", "loss": "loss"}


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        (pl.col("x").filter(pl.col("x") > 2), "expression"),
        (pl.col("s") * 2, "expression"),
        (pl.col("absent") * 2, "missing_column"),
    ],
)
def test_an_expression_gives_one_number_a_row(expression, code):
    frame = pl.DataFrame({"x": X, "y": Y, "s": list("abcde")})
    assert refused(frame, columns={"x": expression}).code == code


def test_a_mapping_of_columns_is_a_mapping_to_names():
    assert refused({"x": X, "y": Y}, ParameterError, columns=["x"]).param == "columns"
    assert refused({"x": X, "y": Y}, ParameterError, columns={"x": 3}).param == "columns"
    assert refused({"x": X, "y": Y}, ParameterError, nulls="ignore").param == "nulls"


def test_names_are_never_folded():
    """D26: the wide letter is another name, and emoji, spaces and overrides are names too."""
    assert refused({"ｘ": X, "y": Y}).column == "x"
    for name in ("my column", "λ", "🚀", "\u202ex", "exp"):
        assert read({name: X, "y": Y}, names=["N"], target="y", columns={"N": name}).rows == 5


def test_columns_may_be_called_sigma_weights_and_target():
    frame = {"sigma": X, "weights": Y, "target": X, "y": Y}
    got = read(frame, names=["sigma", "weights"], target="target", sigma="y", weights=X)
    assert got.arrays["sigma"].tolist() == X
    assert got.sigma.tolist() == Y
    assert got.weights.tolist() == X
