"""Fits of record batches as they pass: any cut of the same rows gives the same table."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import scaling_fast as sf


@pytest.fixture
def folder_of_curves(tmp_path):
    for number in range(20):
        x = np.geomspace(1.0, 100.0, 24)
        frame = pl.DataFrame({"task": [number] * 24, "x": x, "loss": 2.0 + number * x**-0.5})
        frame.write_parquet(tmp_path / f"{number:02d}.parquet")
    return tmp_path


def spoil(path, how):
    raw = bytearray(path.read_bytes())
    if how == "cut short":
        raw = raw[: len(raw) // 2]
    elif how == "altered":
        raw[60:90] = b"\xff" * 30
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("how", ["cut short", "altered"])
def test_a_damaged_file_among_good_ones_is_an_error_of_the_data(folder_of_curves, how):
    spoil(folder_of_curves / "07.parquet", how)
    scan = pl.scan_parquet(folder_of_curves / "*.parquet")
    for ask in (
        lambda: sf.arrow.fit_scan(scan, "power_offset", by="task"),
        lambda: sf.fit(scan, "power_offset", by="task"),
    ):
        with pytest.raises(sf.errors.DataError) as raised:
            ask()
        assert raised.value.code == "lazy", str(raised.value)


def test_files_of_another_schema_and_none_at_all_are_errors_of_the_data(folder_of_curves):
    pl.DataFrame({"task": ["a"], "x": ["b"]}).write_parquet(folder_of_curves / "30.parquet")
    for pattern in ("*.parquet", "nothing/*.parquet"):
        with pytest.raises(sf.errors.DataError):
            sf.arrow.fit_scan(
                pl.scan_parquet(folder_of_curves / pattern), "power_offset", by="task"
            )


def test_batches_are_matched_by_name_and_must_be_alike():
    x = [1.0, 2.0, 4.0, 8.0]
    one = pa.record_batch({"task": ["a"] * 4, "x": x, "loss": [3.0, 2.5, 2.2, 2.1]})
    two = pa.record_batch({"loss": [4.0, 3.0, 2.4, 2.2], "x": x, "task": ["b"] * 4})
    fitter = sf.arrow.batch_fitter("power_offset", by="task", rows=100)
    assert sum(batch.num_rows for batch in fitter([one, two])) == 2
    words = pa.record_batch({"task": ["c"], "x": ["1"], "loss": [1.0]})
    for odd in ([one, words], [one, 3], [one, "text"]):
        with pytest.raises(sf.errors.DataError) as raised:
            list(fitter(odd))
        assert raised.value.code in ("schema", "batches")


LAW = "E + A*x**(-alpha)"


def made(k, seed=4):
    rng = np.random.default_rng(seed)
    x = np.tile(np.geomspace(1.0, 1e4, 12), k)
    task = np.repeat(np.arange(k), 12)
    loss = (1 + 0.01 * task + 3 * x**-0.4) * np.exp(0.01 * rng.normal(size=x.size))
    return pl.DataFrame({"task": task, "x": x, "loss": loss})


@pytest.fixture(scope="module")
def curves():
    return made(60)


@pytest.fixture(scope="module")
def want(curves):
    table = sf.fit(curves, LAW, by="task").table
    lists = pl.col("at_bound", "findings").list.join(",")
    return table.with_columns(pl.col("status").cast(pl.String), lists)


def joined(batches):
    return pl.concat([pl.DataFrame(pl.from_arrow(batch)) for batch in batches])


@pytest.mark.parametrize("size", [1, 5, 12, 100, 10_000])
@pytest.mark.parametrize("rows", [1, 50, 100_000])
def test_any_cut_into_batches_gives_the_same_fits(curves, want, size, rows):
    fitter = sf.arrow.batch_fitter(LAW, by="task", columns={"x": "x"}, rows=rows)
    batches = curves.to_arrow().to_batches(max_chunksize=size)
    got = list(fitter(iter(batches)))
    assert all(isinstance(batch, pa.RecordBatch) for batch in got)
    assert joined(got).equals(want)


def test_it_travels_by_pickle_and_takes_tables(curves, want):
    law = sf.Law(LAW, columns=["x"])
    fitter = pickle.loads(pickle.dumps(sf.arrow.batch_fitter(law, by="task", loss=sf.Huber(1e-3))))
    table = fitter(curves.to_arrow())
    assert isinstance(table, pa.Table)
    assert pl.DataFrame(pl.from_arrow(table)).equals(want)


def test_no_batches_give_no_fits():
    fitter = sf.arrow.batch_fitter("power_offset", by="task")
    assert list(fitter(iter([]))) == []


def test_a_curve_that_comes_back_is_refused(curves):
    shuffled = pl.concat([curves, curves.head(3)])
    fitter = sf.arrow.batch_fitter(LAW, by="task", rows=20)
    with pytest.raises(sf.errors.DataError, match="sort by") as raised:
        list(fitter(iter(shuffled.to_arrow().to_batches())))
    assert raised.value.code == "split_curve"


def test_the_schema_for_spark_is_that_of_the_batches(curves):
    law = sf.Law(LAW, columns=["x"], derived={"half": "alpha/2"})
    for options in ({}, {"loss": sf.StudentT(4.0)}):
        fitter = sf.arrow.batch_fitter(law, by="task", **options)
        [batch] = fitter(iter(curves.head(24).to_arrow().to_batches()))
        words = [column.split() for column in fitter.ddl("task bigint").split(", ")]
        assert [name for name, _ in words] == batch.schema.names
        kinds = {"bigint": pa.int64(), "double": pa.float64(), "string": pa.large_string()}
        kinds["boolean"] = pa.bool_()
        assert [kinds[kind] for _, kind in words] == batch.schema.types


@pytest.mark.parametrize(
    "options",
    [{"by": []}, {"by": 3}, {"rows": 0}, {"rows": True}, {"columns": {"x": pl.col("x")}}],
)
def test_what_cannot_be_asked_is_refused(options):
    with pytest.raises(sf.errors.ParameterError):
        sf.arrow.batch_fitter(LAW, **({"by": "task"} | options))
    fitter = sf.arrow.batch_fitter(LAW, by="task")
    with pytest.raises(sf.errors.ParameterError):
        fitter(3)
    with pytest.raises(sf.errors.DataError, match="task"):
        list(fitter(iter(pa.table({"x": [1.0], "loss": [1.0]}).to_batches())))
    with pytest.raises(sf.errors.ParameterError):
        sf.arrow.fit_scan(pl.DataFrame({"x": [1.0]}), LAW, by="task")


def test_a_scan_of_many_files_is_fitted_without_being_held(tmp_path):
    for k in range(6):
        part = made(50, seed=k).with_columns(pl.col("task") + 50 * k)
        part.write_parquet(tmp_path / f"part-{k}.parquet")
    scan = pl.scan_parquet(tmp_path / "*.parquet")
    whole = sf.fit(scan.collect(), LAW, by="task").table
    for rows in (1, 100, 10**6):
        assert sf.arrow.fit_scan(scan, LAW, by="task", rows=rows).equals(whole)
    files = pl.scan_parquet(tmp_path / "*.parquet", include_file_paths="file")
    by_file = sf.arrow.fit_scan(files.filter(pl.col("task") % 50 == 0), LAW, by="file", rows=20)
    assert by_file.height == 6


def test_windows_serve_where_polars_hands_out_no_batches(curves, want, monkeypatch):
    monkeypatch.delattr(pl.LazyFrame, "collect_batches", raising=False)
    got = sf.arrow.fit_scan(curves.lazy(), LAW, by="task", rows=25)
    assert got["alpha"].to_list() == want["alpha"].to_list()


def test_memory_holds_a_batch_and_not_the_whole():
    fitter = sf.arrow.batch_fitter("power_offset", by="task", columns={"x": "x"}, rows=600)

    def peak(parts):
        def batches():
            for k in range(parts):
                yield from (
                    made(50, seed=k).with_columns(pl.col("task") + 50 * k).to_arrow().to_batches()
                )

        tracemalloc.start()
        try:
            assert sum(batch.num_rows for batch in fitter(batches())) == 50 * parts
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2)
    assert peak(16) < 2 * peak(4)
