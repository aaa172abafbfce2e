"""Groups are ranges in sorted order of their keys, and keys that differ stay apart."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from decaying import X as SIZES
from decaying import Y as LOSSES
from hypothesis import given, settings
from hypothesis import strategies as st

import scaling_fast as sf
from scaling_fast.errors import DataError, ParameterError
from scaling_fast.frames import read

X = [1.0, 2.0, 4.0, 8.0, 16.0]
Y = [5.0, 4.0, 3.5, 3.25, 3.125]
ASK = {"names": ["x"], "target": "y"}


def refused(frame, /, kind=DataError, **options):
    with pytest.raises(kind) as caught:
        read(frame, **{**ASK, **options})
    return caught.value


def test_groups_are_ranges_sorted_by_key_with_the_way_back():
    data = {"x": X, "y": Y, "run": list("babab"), "seed": [1, 2, 1, 1, 2], "tag": list("pqrst")}
    got = read(data, **ASK, by=["run", "seed"], extra=["tag"])
    assert got.keys.rows() == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert got.offsets.tolist() == [0, 1, 2, 4, 5]
    assert got.order.tolist() == [3, 1, 0, 2, 4]
    assert got.arrays["x"].tolist() == [X[i] for i in got.order]
    assert got.extra["tag"].to_list() == ["s", "q", "p", "r", "t"]


@pytest.mark.parametrize("key", [[3, 1, 2], ["c", "a", "b"], [0.5, 0.1, 0.2], [True, False, True]])
def test_a_missing_key_is_a_null_like_any_other(key):
    data = {"x": X[:3], "y": Y[:3], "g": key}
    assert read(data, **ASK, by="g").groups == len(set(key))
    data["g"] = pl.Series([key[0], None, key[2]])
    assert refused(data, by="g").column == "g"
    assert read(data, **ASK, by="g", nulls="drop").dropped == 1


def test_categories_group_and_nested_values_do_not():
    for dtype in (pl.Categorical, pl.Enum(["b", "a"])):
        got = read({"x": X, "y": Y, "g": pl.Series(list("babab"), dtype=dtype)}, **ASK, by="g")
        assert got.groups == 2
        first = got.keys["g"][0]
        assert got.order[: got.offsets[1]].tolist() == [i for i in range(5) if "babab"[i] == first]
    assert refused({"x": X, "y": Y, "g": pl.Series([[1]] * 5)}, by="g").code == "dtype"
    assert refused({"x": X, "y": Y}, ParameterError, by=3).param == "by"
    assert refused({"x": X, "y": Y}, by="run").column == "run"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(-2, 2), st.sampled_from("ab"), st.floats(1, 9)),
        min_size=1,
        max_size=30,
    )
)
def test_grouping_is_a_stable_sort(rows):
    """The oracle is Python's own stable sort."""
    first, second, values = (list(column) for column in zip(*rows, strict=True))
    got = read({"x": values, "y": values, "i": first, "s": second}, **ASK, by=["i", "s"], extra="i")
    expected = sorted(range(len(rows)), key=lambda row: rows[row][:2])
    assert got.order.tolist() == expected
    assert got.keys.rows() == sorted({row[:2] for row in rows})
    assert got.arrays["x"].tolist() == [values[row] for row in expected]
    starts = [expected.index(row) for row in expected if rows[row][:2] != rows[expected[0]][:2]]
    assert got.offsets[0] == 0
    assert got.offsets[-1] == len(rows)
    assert set(got.offsets[1:-1].tolist()) <= set(starts)
    again = read(got.frame[got.order], **ASK, by=["i", "s"])
    assert again.order.tolist() == list(range(len(rows)))


def test_a_hundred_thousand_groups_are_ranges_too():
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(100_000), 3))
    ones = np.ones(groups.size)
    got = read({"x": ones, "y": ones, "g": groups}, **ASK, by="g")
    assert got.groups == 100_000
    assert np.array_equal(np.diff(got.offsets), np.full(100_000, 3))
    assert np.array_equal(groups[got.order], np.repeat(np.arange(100_000), 3))


def test_large_keys_stay_apart_and_keys_that_would_be_rounded_are_refused():
    def read_by(keys):
        frame = {"x": [1.0, 2.0], "loss": [2.0, 1.0], "key": keys}
        return read(frame, names=["x"], target="loss", by="key")

    large = read_by([2**63, 2**63 + 1])
    assert large.groups == 2
    assert large.keys["key"].to_list() == [2**63, 2**63 + 1]
    third = Decimal("0.33333333333333333333")
    for keys in (
        [third, third + Decimal("1e-20")],
        [Fraction(1, 3), Fraction(10**20 + 3, 3 * 10**20)],
        [2**200, 2**200 + 1],
    ):
        with pytest.raises(DataError, match="text"):
            read_by(keys)


P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


def _keyed(first, second):
    return {"x": np.tile(SIZES, 2), "loss": np.tile(LOSSES, 2), "run": [first] * 12 + [second] * 12}


@pytest.mark.parametrize(
    ("first", "second"), [(2**63, 2**63 + 1), (2**100, 2**100 + 1), (-(2**63) - 2, -1)]
)
def test_whole_numbers_stay_apart_as_keys(first, second, tmp_path):
    fit = sf.fit(_keyed(first, second), "E + A*x**(-alpha)", by="run")
    table = fit.table
    assert table["run"].to_list() == [first, second]
    fit.save(tmp_path / "fit")
    assert sf.load(tmp_path / "fit").table.equals(table)
    assert table["n"].to_list() == [12, 12]


@pytest.mark.parametrize(("first", "second"), [(2**64, 2**64 + 1), (-1, -(2**63) - 2)])
def test_whole_keys_beyond_64_bits_stay_apart(first, second):
    assert sf.fit(_keyed(first, second), "E + A*x**(-alpha)", by="run").table.height == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (2**130, 2**130 + 1),
        (Decimal("0.1"), Decimal("0.10000000000000000001")),
        (Fraction(1, 3), Fraction(3333333333333333333333, 10**22)),
        (2**53, Fraction(2**53 + 1)),
    ],
)
def test_keys_that_no_double_tells_apart_are_refused(first, second):
    with pytest.raises(D, match="the same in double precision") as caught:
        sf.fit(_keyed(first, second), "E + A*x**(-alpha)", by="run")
    assert caught.value.column == "run"
