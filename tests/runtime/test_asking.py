"""Memory is asked for first, and whatever says that it ran out becomes `ResourceError`."""

from __future__ import annotations

import errno
import gzip
import io

import polars as pl
import pytest
from outcomes import refusal

from scaling_fast.errors import DataError, ResourceError
from scaling_fast.frames.file_sizes import require_room_for_file
from scaling_fast.runtime import memory

RAN_OUT = [
    MemoryError("Unable to allocate 9 TiB"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("can't start new thread"),
]


@pytest.mark.parametrize("error", RAN_OUT, ids=lambda error: type(error).__name__)
def test_what_says_that_memory_ran_out_is_a_resource_error(error):
    @memory.ask_first
    def entry():
        raise error

    found = refusal(entry, ResourceError)
    assert found.code == "memory"
    assert found.__cause__ is error


@pytest.mark.parametrize(
    "error", [DataError("out of memory"), OSError(errno.ENOENT, "no such file"), RuntimeError("x")]
)
def test_other_errors_stay_what_they_are(error):
    @memory.ask_first
    def entry():
        raise error

    with pytest.raises(type(error)) as found:
        entry()
    assert found.value is error


def test_a_panic_of_polars_is_about_memory_only_under_a_limit():
    panic = pl.exceptions.PanicException("could not spawn threads")
    assert memory.resource_error(panic, limited=False) is None
    assert isinstance(memory.resource_error(panic, limited=True), ResourceError)


def test_what_no_machine_has_is_refused_with_what_there_is():
    for needed in (2**50, 2**63, 10**30):
        error = refusal(
            lambda needed=needed: memory.require_memory("a table", needed), ResourceError
        )
        assert "`a table` needs" in str(error)
    memory.require_memory("a table", 2**20)


def test_a_container_counts_what_is_not_cache(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("anon 300\nfile 600\n")
    assert memory._in_the_container(tmp_path) == 700
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._in_the_container(tmp_path) == 2**62


TEXT = b"x,loss\n" + b"2,3\n" * 1000
FRAME = pl.DataFrame({"x": [2.0] * 1000, "loss": [3.0] * 1000})


def written(how):
    content = io.BytesIO()
    getattr(FRAME, how)(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", TEXT),
        (".csv", gzip.compress(TEXT)),
        (".tsv", TEXT.replace(b",", b"\t")),
        (".parquet", written("write_parquet")),
        (".arrow", written("write_ipc")),
        (".json", written("write_json")),
        (".ndjson", written("write_ndjson")),
    ],
)
def test_a_file_is_measured_in_rows_and_not_in_bytes(monkeypatch, suffix, content):
    asked = []
    monkeypatch.setattr(
        "scaling_fast.frames.file_sizes.require_memory", lambda _, needed: asked.append(needed)
    )
    require_room_for_file("f", suffix, content)
    assert 16 * 1000 <= asked[0] <= 2_000 * 1000


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow", ".json"])
def test_a_damaged_file_is_left_to_who_reads_it(suffix):
    require_room_for_file("f", suffix, b"\x78\x9cxx")
    require_room_for_file("f", suffix, b"")
