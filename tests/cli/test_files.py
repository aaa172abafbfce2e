"""Files of the command: read and written by their suffix, never overwritten unasked."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import polars as pl
import pytest
from terminal import COLUMNS, QUICK, call, error_of, strict_json


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "arrow", "json", "jsonl"])
def test_a_table_is_written_and_read_by_its_suffix(runs, suffix):
    written = Path(f"fits.{suffix}")
    words = ["fit", runs, "E + A/N**alpha", "--column", "N=tokens", "--by", "run"]
    call(*words, "--output", written, "--param", "alpha:fixed=0.3")
    result = call("fit", written, "a + b*x", "--column", "x=run", "--target", "E", "--json")
    assert strict_json(result.stdout)["table"][0]["n"] == 12


def test_data_come_from_stdin(runs):
    content = Path(runs).read_bytes()
    result = call("fit", "-", "chinchilla", *COLUMNS, "--json", input=content)
    assert strict_json(result.stdout)["table"][0]["status"] == "converged"


def test_nothing_is_overwritten_unasked(runs):
    Path("audit-cerebras2023.html").write_text("<p>my notes</p>")
    result = call("audit", *QUICK, code=2)
    assert "--force" in result.stderr
    assert Path("audit-cerebras2023.html").read_text() == "<p>my notes</p>"
    call("audit", *QUICK, "--force")
    assert "my notes" not in Path("audit-cerebras2023.html").read_text("utf-8")
    Path("old.csv").write_text("kept")
    words = ["fit", runs, "chinchilla", *COLUMNS, "--output", "old.csv"]
    assert "--force" in call(*words, code=2).stderr
    assert Path("old.csv").read_text() == "kept"
    call(*words, "--force")
    assert not list(Path().glob(".*.tmp"))


def test_only_regular_files_are_written(runs):
    Path("link.csv").symlink_to("elsewhere.csv")
    os.mkfifo("pipe.csv")
    Path("folder.csv").mkdir()
    for name in ("link.csv", "pipe.csv", "folder.csv", f"{'x' * 4096}.csv", "nul\x00.csv"):
        for force in ([], ["--force"]):
            words = ["fit", runs, "chinchilla", *COLUMNS, "--output", name, *force]
            assert call(*words, code=2).stdout == ""
    assert not Path("elsewhere.csv").exists()


def test_the_name_of_a_file_is_not_a_pattern(runs, frame):
    for suffix, write in (
        ("csv", "write_csv"), ("parquet", "write_parquet"), ("arrow", "write_ipc"),
        ("json", "write_json"), ("jsonl", "write_ndjson"),
    ):  # fmt: skip
        getattr(frame, write)(f"r1.{suffix}")
        words = ["chinchilla", *COLUMNS, "--json"]
        for name in (f"r[1].{suffix}", f"r*.{suffix}"):
            assert "does not exist" in error_of(call("fit", name, *words, code=2))["message"]
        getattr(frame.head(40), write)(f"r[1].{suffix}")
        table = strict_json(call("fit", f"r[1].{suffix}", *words).stdout)["table"]
        assert table[0]["n"] == 40


def test_a_column_named_twice_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "\n1,2,3\n4,5,6\n"
    Path("a.csv").write_text("N,N,loss" + rows)
    Path("b.tsv").write_text(("N,loss,loss" + rows).replace(",", "\t"))
    Path("c.csv").write_text('\ufeffN,loss,"N"' + rows)
    Path("d.csv").write_bytes(gzip.compress(Path("a.csv").read_bytes()))
    for name, column in (("a.csv", "N"), ("b.tsv", "loss"), ("c.csv", "N"), ("d.csv", "N")):
        entry = error_of(call("fit", name, "power", "--json", code=2))
        assert (entry["code"], entry["column"]) == ("duplicate_column", column)
        assert name in entry["message"]
    entry = error_of(call("fit", "-", "power", "--json", code=2, input="N,N,loss" + rows))
    assert entry["code"] == "duplicate_column"


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_text_in_a_csv_is_not_a_formula(runs, frame, suffix):
    keys = ["=1+1", "+1", "-x", "@x", "\tx", "\rx", "x=1", "'x"]
    key = pl.Series("=key", keys).repeat_by(6).explode()
    frame.with_columns(key).write_parquet("k.parquet")
    words = ["fit", "k.parquet", "a + b*x", "--column", "x=run", "--by", "=key", "--force"]
    words += ["--param", "b:fixed=0", "--loss", "squared"]
    written = f"o.{suffix}"
    call(*words, "--output", written)
    read = pl.read_csv(written, separator="," if suffix == "csv" else "\t")
    assert sorted(read["'=key"]) == sorted([*(f"'{key}" for key in keys[:6]), *keys[6:]])
    assert read["a"].dtype == read["b"].dtype == pl.Float64
    call(*words, "--output", written, "--raw-cells")
    read = pl.read_csv(written, separator="," if suffix == "csv" else "\t")
    assert sorted(read["=key"]) == sorted(keys)
