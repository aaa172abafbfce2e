"""Rows that cannot be fitted: a typed error that names column, row and the way out."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from decaying import X, Y, fit, listed, put
from outcomes import refusal
from power_runs import LAW

import scaling_fast as sf

ROWS = [
    # D1-D4: what is missing or infinite, wherever it stands
    ("NaN in y", {"y": put(Y, 7, math.nan)}, "nan", "loss", 7, ["NaN", "row 7", 'nulls="drop"']),
    ("NaN in x", {"x": put(X, 2, math.nan)}, "nan", "x", 2, ["NaN", "row 2", "1 row"]),
    ("null in y", {"y": listed(Y, 5, None)}, "null", "loss", 5, ["null", "row 5", 'nulls="drop"']),
    ("null in x", {"x": listed(X, 0, None)}, "null", "x", 0, ["null", "row 0"]),
    ("+inf in y", {"y": put(Y, 3, math.inf)}, "infinite", "loss", 3, ["+inf", "row 3"]),
    ("-inf in y", {"y": put(Y, 3, -math.inf)}, "infinite", "loss", 3, ["-inf", "row 3"]),
    ("+inf in x", {"x": put(X, 11, math.inf)}, "infinite", "x", 11, ["+inf", "row 11"]),
    ("-inf in x", {"x": put(X, 0, -math.inf)}, "infinite", "x", 0, ["-inf", "row 0"]),
    ("NaN weight", {"weights": put(np.ones(12), 4, math.nan)}, "weight", "weights", 4, ["row 4"]),
    ("inf weight", {"weights": put(np.ones(12), 4, math.inf)}, "weight", "weights", 4, ["row 4"]),
    ("negative weight", {"weights": put(np.ones(12), 4, -1)}, "weight", "weights", 4, ["`-1`"]),
    ("null weight", {"weights": listed(np.ones(12), 4, None)}, "weight", "weights", 4, ["row 4"]),
    ("no weight", {"weights": np.zeros(12)}, "all_zero", "weights", None, ["every row"]),
    ("short weights", {"weights": np.ones(11)}, "length", "weights", None, ["11", "12"]),
    ("NaN sigma", {"sigma": put(np.ones(12), 4, math.nan)}, "nan", "sigma", 4, ["row 4"]),
    ("inf sigma", {"sigma": put(np.ones(12), 4, math.inf)}, "infinite", "sigma", 4, ["row 4"]),
    ("zero sigma", {"sigma": put(np.ones(12), 4, 0)}, "sigma", "sigma", 4, ["positive", "`0`"]),
    ("negative sigma", {"sigma": put(np.ones(12), 4, -2)}, "sigma", "sigma", 4, ["`-2`"]),
    ("short sigma", {"sigma": np.ones(3)}, "length", "sigma", None, ["3", "12"]),
    # D5-D7: outside a logarithm or a power
    ("zero x", {"x": put(X, 3, 0)}, "domain", "x", 3, ["positive", "x**", "row 3"]),
    ("negative x", {"x": put(X, 3, -2)}, "domain", "x", 3, ["positive", "`-2`"]),
    ("log of 0", {"x": put(X, 3, 0), "law": "E + A*log(x)"}, "domain", "x", 3, ["log(x)"]),
    ("sqrt of -1", {"x": put(X, 3, -1), "law": "E + A*sqrt(x)"}, "domain", "x", 3, ["sqrt(x)"]),
    ("1/0", {"x": put(X, 3, 0), "law": "E + A/x"}, "domain", "x", 3, ["row 3"]),
    ("y = 0", {"y": put(Y, 6, 0)}, "domain", "loss", 6, ["positive", 'residual="raw"']),
    ("y < 0", {"y": put(Y, 6, -1)}, "domain", "loss", 6, ["`-1`", 'residual="raw"']),
    ("y = 1 logit", {"y": put(Y / 9, 6, 1), "residual": "logit"}, "domain", "loss", 6, ["between"]),
    # D8, D10: too few rows
    ("n < p", {"y": Y[:2], "x": X[:2]}, "too_few_rows", None, None, ["n=2", "p=3", "alpha"]),
    ("one row", {"y": Y[:1], "x": X[:1]}, "too_few_rows", None, None, ["n=1", "p=3"]),
    ("no row", {"y": Y[:0], "x": X[:0]}, "empty", None, None, ["no rows"]),
    (
        "nothing left",
        {"y": np.full(12, math.nan), "nulls": "drop"},
        "empty",
        None,
        None,
        ["no row is left", "12"],
    ),
    (
        "weights leave two",
        {"weights": [1, 1] + [0] * 10},
        "too_few_rows",
        None,
        None,
        ["n=2", "p=3"],
    ),
    # D20-D23: what is no column of numbers
    ("bool", {"y": [True] * 12}, "dtype", "loss", 0, ["cast"]),
    ("numpy bool", {"y": np.ones(12, bool)}, "dtype", "loss", 0, ["Boolean", "cast"]),
    ("text", {"y": [*"123", "N/A", *"56789012"]}, "dtype", "loss", 3, ["N/A", "row 3", "cast"]),
    ("digits", {"y": ["1e9"] * 12}, "dtype", "loss", 0, ["1e9", "cast"]),
    ("long text", {"y": ["z" * 999] * 12}, "dtype", "loss", 0, ["z" * 40 + "…"]),
    ("complex", {"y": X * 1j}, "dtype", "loss", None, ["complex128", "real"]),
    ("complex list", {"y": [1j] * 12}, "dtype", "loss", 0, ["complex"]),
    ("date", {"y": [dt.date(2020, 1, 1)] * 12}, "dtype", "loss", 0, ["unit"]),
    ("datetime64", {"y": np.full(12, np.datetime64("2020"))}, "dtype", "loss", 0, ["Datetime"]),
    ("timedelta", {"y": [dt.timedelta(1)] * 12}, "dtype", "loss", 0, ["Duration"]),
    ("category", {"y": pl.Series(["a"] * 12, dtype=pl.Categorical)}, "dtype", "loss", 0, ["by="]),
    ("nested", {"y": [[1.0]] * 12}, "dtype", "loss", 0, ["one number per row"]),
    ("objects", {"y": [object()] * 12}, "dtype", "loss", 0, ["object", "row 0"]),
    ("mixed", {"y": [1.0, "a"] * 6}, "dtype", "loss", 1, ["'a'", "row 1"]),
    ("two-dimensional", {"y": np.ones((12, 2))}, "shape", "loss", None, ["one-dimensional", "(12, 2)"]),
    ("scalar", {"y": 3.0}, "not_an_array", "loss", None, ["float", "1-D"]),
    ("a word", {"y": "abc"}, "not_an_array", "loss", None, ["str"]),
    ("generator", {"y": iter([1.0] * 12)}, "not_an_array", "loss", None, ["iterator"]),
    ("huge int", {"y": [10**400] * 12}, "overflow", "loss", None, ["rescale"]),
    ("huge Decimal", {"y": [Decimal("1e400")] * 12}, "infinite", "loss", 0, ["+inf"]),
    ("all null", {"y": [None] * 12}, "null", "loss", 0, ["12 rows"]),
    ("lengths", {"y": Y[:5]}, "length", "loss", None, ["`x`", "`loss`", "12", "5"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code", "column", "row", "words"),
    [case[1:] for case in ROWS],
    ids=[case[0] for case in ROWS],
)
def test_refusals_name_the_place(given, code, column, row, words):
    error = refusal(lambda: fit(**given))
    assert (error.code, error.column, error.row) == (code, column, row)
    for word in words:
        assert word in str(error)


FRAMES = {
    "None": None,
    "path": "runs.csv",
    "array": np.ones((3, 2)),
    "list": [1, 2],
    "number": 3,
    "series": pl.Series([1.0]),
    "no columns": {},
    "empty frame": pl.DataFrame(),
    "header only": pl.DataFrame({"x": [], "loss": []}),
    "number as name": {1: X, "loss": Y},
    "None as name": {None: X, "loss": Y},
    "broken lazy": pl.LazyFrame({"x": [1.0]}).select("nope"),
    "generator": (number for number in [1]),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_anything_but_a_frame_is_refused(frame):
    refusal(lambda: sf.fit(frame, LAW, columns={"x": "x"}))


def test_wrong_column_offers_the_nearest():
    error = refusal(lambda: sf.fit({"steps": X, "loss": Y}, LAW, columns={"x": "step"}))
    assert (error.code, error.column) == ("missing_column", "step")
    assert "did you mean `steps`" in str(error)


def test_missing_target_lists_at_most_twenty_columns():
    frame = {f"c{k}": X for k in range(100)} | {"x": X}
    error = refusal(lambda: sf.fit(frame, LAW, columns={"x": "x"}))
    assert error.column == "loss"
    assert str(error).count("`c") <= 20
    assert "more" in str(error)
