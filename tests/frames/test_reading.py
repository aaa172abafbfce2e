"""Reading a frame: every container gives the same doubles, every fault is named with its row.

The cases D1 ... D31 are those of the project's reliability table (section 2, Data).
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_fast.errors import DataError, ParameterError
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


CONTAINERS = {
    "mapping of arrays": lambda d: {k: np.array(v) for k, v in d.items()},
    "mapping of lists": dict,
    "mapping of series": lambda d: {k: pl.Series(v) for k, v in d.items()},
    "mapping of pandas": lambda d: {k: pd.Series(v) for k, v in d.items()},
    "mapping of arrow": lambda d: {k: pa.array(v) for k, v in d.items()},
    "polars": pl.DataFrame,
    "polars lazy": pl.LazyFrame,
    "polars in chunks": lambda d: pl.concat(
        [pl.DataFrame(d)[:2], pl.DataFrame(d)[2:]], rechunk=False
    ),
    "pandas": pd.DataFrame,
    "pandas of arrow": lambda d: pd.DataFrame(d).convert_dtypes(dtype_backend="pyarrow"),
    "pandas nullable": lambda d: pd.DataFrame(d).astype("Float64"),
    "pandas of objects": lambda d: pd.DataFrame(d).astype(object),
    "arrow": pa.table,
    "arrow slice": lambda d: pa.table({k: [9.0, *v, 9.0] for k, v in d.items()}).slice(1, len(X)),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_every_container_gives_the_same_bits(make):
    """D29, D31, property 21."""
    got = table(frame=make({"x": X, "y": Y}))
    assert got.arrays["x"].tolist() == X
    assert got.target.tolist() == Y
    assert got.offsets.tolist() == [0, 5]
    assert got.order.tolist() == [0, 1, 2, 3, 4]
    assert (got.rows, got.groups, got.dropped, got.zero_weight) == (5, 1, 0, 0)
    assert isinstance(got.frame, pl.DataFrame)
    assert got.frame.columns == ["x", "y"]


def test_pandas_without_pyarrow():
    """Issue 2: pandas is read with or without pyarrow."""
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import pandas as pd\n"
        "from scaling_fast.frames import read\n"
        "frame = pd.DataFrame({'x': [1, 2], 'y': pd.array([3, 4], dtype='Int64'),"
        " 'run': pd.Series(['a', 'b'], dtype=object)})\n"
        "got = read(frame, names=['x'], target='y', by='run')\n"
        "assert got.target.tolist() == [3.0, 4.0], got\n"
        "assert got.keys['run'].to_list() == ['a', 'b']\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f8", ">i4", "<f4"]


@pytest.mark.parametrize("dtype", [*DTYPES, "longdouble"])
def test_every_number_is_promoted_to_the_same_double(dtype):
    """D18, D19, D27: no arithmetic happens before the promotion."""
    values = np.array([1, 100, 3, 100, 5], dtype=dtype)
    got = table(values)
    assert got.arrays["x"].dtype == np.float64
    assert got.arrays["x"].tolist() == [float(one) for one in values]
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
def test_a_column_that_is_no_number_is_refused_by_its_dtype(values, said, place):
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


FAULTS = {
    "NaN": (NAN, "nan"),
    "null": (None, "null"),
    "+inf": (INF, "infinite"),
    "-inf": (-INF,) * 2,
}


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table, dict, pd.DataFrame])
@pytest.mark.parametrize("place", ["x", "y"])
@pytest.mark.parametrize("what", ["NaN", "null", "+inf", "-inf"])
def test_what_is_no_finite_number_is_named_with_row_and_count(make, place, what):
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


@pytest.mark.parametrize(
    "frame",
    [
        "runs.csv",
        b"runs",
        None,
        3,
        ({"x": 1.0} for _ in range(2)),
        iter([]),
        [{"x": 1.0, "y": 2.0}],
        np.ones((5, 2)),
        pl.Series(X),
        pd.Series(X),
        object(),
        print,
    ],
)
def test_what_is_no_frame_is_refused_with_what_is(frame):
    """D31."""
    assert refused(frame).code == "not_a_frame"


def test_a_path_is_told_how_to_be_read(tmp_path):
    assert "pl.read_csv" in str(refused(tmp_path / "runs.csv"))


@pytest.mark.parametrize("bad", [np.ones((5, 1)), 3.0, "12345", iter(X), {"a": 1}])
def test_a_column_of_a_mapping_is_one_dimensional(bad):
    assert refused({"x": bad, "y": Y}).column == "x"


def test_masked_values_are_nulls():
    masked = np.ma.array(X, mask=[0, 0, 1, 0, 0])
    assert refused({"x": masked, "y": Y}).code == "null"
    assert table(masked, nulls="drop").arrays["x"].tolist() == [1.0, 2.0, 8.0, 16.0]


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
        (2.0, "one value a row", None),
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


def test_columns_may_be_called_sigma_weights_and_target():
    frame = {"sigma": X, "weights": Y, "target": X, "y": Y}
    got = read(frame, names=["sigma", "weights"], target="target", sigma="y", weights=X)
    assert got.arrays["sigma"].tolist() == X
    assert got.sigma.tolist() == Y
    assert got.weights.tolist() == X


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
    first, second, values = (list(one) for one in zip(*rows, strict=True))
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


def test_arrays_are_contiguous_read_only_copies():
    """D28: what a caller changes afterwards changes nothing."""
    x, y = np.array(X), np.array(Y)
    frame = pl.DataFrame({"x": X, "y": Y})
    got, from_frame = table(x, y), read(frame, **ASK)
    x[:], y[:] = 0, 0
    frame[0, "x"] = 99.0
    for one in (got, from_frame):
        assert one.arrays["x"].tolist() == X
        assert one.target.tolist() == Y
        assert one.frame["x"].to_list() == X
    for array in (*got.arrays.values(), got.target, got.offsets, got.order):
        assert not array.flags.writeable
        assert array.flags.c_contiguous
    with pytest.raises(TypeError):
        got.arrays["x"] = y


def test_an_array_changed_by_another_thread_gives_some_snapshot():
    """D28: never anything but finite numbers that were there at some time."""
    x = np.ones(50_000)
    stop = threading.Event()

    def change():
        while not stop.is_set():
            x[:] = 3.0 - x

    thread = threading.Thread(target=change)
    thread.start()
    try:
        got = read({"x": x, "y": np.ones(50_000)}, **ASK)
    finally:
        stop.set()
        thread.join()
    assert set(np.unique(got.arrays["x"])) <= {1.0, 2.0}
    assert got.frame["x"].to_numpy().tolist() == got.arrays["x"].tolist()


def test_a_table_travels():
    got = table(by="g", frame={"x": X, "y": Y, "g": list("babab")}, weights=X)
    again = pickle.loads(pickle.dumps(got))
    assert again.arrays["x"].tolist() == got.arrays["x"].tolist()
    assert again.keys.equals(got.keys)
    assert not again.target.flags.writeable


@pytest.mark.parametrize(
    ("kind", "value", "shows"),
    [
        ("positive", 0.0, "`0`"),
        ("positive", -2.5, "`-2.5`"),
        ("non-negative", -1.0, "`-1`"),
        ("non-zero", 0.0, "`0`"),
    ],
)
def test_a_value_outside_the_laws_domain_is_named_with_the_reason(kind, value, shows):
    """D5, D6: by analysis of the law, not a failure of the solver."""
    got = table([1.0, 2.0, 4.0, value, 16.0])
    with pytest.raises(DataError) as caught:
        require(got, [("x", kind, "x**alpha")])
    said = f"column `x` must be {kind} because the law uses x**alpha; row 3 holds {shows}"
    assert str(caught.value) == said
    assert (caught.value.column, caught.value.row) == ("x", 3)


def test_the_row_is_the_callers_and_so_is_the_columns_name():
    data = {"params": [0.0, 2.0, 0.0], "y": Y[:3], "g": ["b", "a", "a"]}
    got = read(data, names=["N"], target="y", columns={"N": "params"}, by="g")
    with pytest.raises(DataError) as caught:
        require(got, [("N", "positive", "log(N)")])
    assert (caught.value.column, caught.value.row) == ("params", 0)
    assert "`N` (`params` in the frame)" in str(caught.value)
    assert "and 1 more such" in str(caught.value)


def test_a_target_without_a_logarithm_is_told_of_raw_residuals():
    """D7."""
    got = table(X, [5.0, 4.0, 0.0, -1.0, 3.0])
    with pytest.raises(DataError, match=r'row 2 holds `0`.*residual="raw"'):
        require(got, [], "log")
    require(got, [], "raw")
    with pytest.raises(DataError, match=r"strictly between 0 and 1.*row 0 holds `5`"):
        require(got, [], "logit")


def test_a_law_within_its_domain_passes():
    require(table(), [("x", "positive", "log(x)"), ("elsewhere", "positive", "log")], "log")


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
