"""Every container gives the same doubles, copied once and read-only."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
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
    """Pandas is read with or without pyarrow."""
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
def test_anything_but_a_frame_is_refused_with_what_a_frame_is(frame):
    """D31."""
    assert refused(frame).code == "not_a_frame"


def test_a_path_is_told_how_to_be_read(tmp_path):
    assert "pl.read_csv" in str(refused(tmp_path / "runs.csv"))


@pytest.mark.parametrize("bad", [np.ones((5, 1)), 3.0, "12345", iter(X), {"a": 1}])
def test_a_column_of_a_mapping_is_one_dimensional(bad):
    assert refused({"x": bad, "y": Y}).column == "x"


def test_arrays_are_contiguous_read_only_copies():
    """D28: what a caller changes afterwards changes nothing."""
    x, y = np.array(X), np.array(Y)
    frame = pl.DataFrame({"x": X, "y": Y})
    got, from_frame = table(x, y), read(frame, **ASK)
    x[:], y[:] = 0, 0
    frame[0, "x"] = 99.0
    for copied in (got, from_frame):
        assert copied.arrays["x"].tolist() == X
        assert copied.target.tolist() == Y
        assert copied.frame["x"].to_list() == X
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
