"""The rows of an audit: found, read from any container, or named as missing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from claims import FEW, claim, rows

from scaling_fast.auditing import audit
from scaling_fast.auditing.claim.reading import parse_paper
from scaling_fast.errors import DataError


def test_rows_that_cannot_be_found_make_a_table_only_audit(tmp_path):
    result = audit(claim(tmp_path, data='file = "missing.csv"'))
    codes = {f.code: f.severity for f in result.findings}
    assert codes["R7.rounded"] == "green"
    assert codes["R4.target"] == "green"
    assert result.table["computed"].null_count() == result.table.height
    assert "missing.csv" in result.summary()
    assert "Cannot be assessed without the rows." in result.summary()
    absent = next(f for f in result.findings if f.code == "data.absent")
    assert "SCALING_FAST_DATA" in absent.advice
    assert "publish the rows" not in result.letter()
    assert "rows: none used" in result.letter()


def test_without_rows_one_grey_line_says_so_and_is_not_counted(tmp_path):
    result = audit(claim(tmp_path))
    grey = [f.code for f in result.findings if f.severity == "grey"]
    assert grey == ["data.absent"]
    assert result.verdict == "green"
    assert result.report["basis"] == "table"
    page = result.write_html(tmp_path / "page.html").read_text(encoding="utf-8")
    for text in (page, result.letter(), result.summary(), result._repr_html_(), repr(result)):
        assert "from the printed numbers alone" in text
    with_rows = audit(claim(tmp_path), data=rows(), n=FEW)
    assert with_rows.report["basis"] == "rows"
    assert "from the printed numbers alone" not in with_rows.summary()


def test_numbers_that_nothing_can_be_held_against_are_grey(tmp_path):
    path = claim(tmp_path)
    text = path.read_text()
    path.write_text(text[: text.index("[[claims]]")].replace("intervals", "#"))
    assert audit(path).verdict == "grey"


def test_rows_no_claim_file_names_are_asked_of_the_authors(tmp_path):
    assert audit(claim(tmp_path)).letter().count("publish the rows") == 1


def test_released_rows_that_are_not_named_are_not_asked_for(tmp_path):
    path = claim(tmp_path)
    path.write_text(path.read_text() + '[disclosure]\ndata_released = "yes"\n')
    assert "publish the rows" not in audit(path).letter()


def test_ties_among_the_largest_are_refused_with_a_finding(tmp_path):
    frame = rows()
    top = float(frame["loss"].max())
    tied = pl.concat([frame, pl.DataFrame({"size": [12.0], "loss": [top]})])
    data = (
        'filters = [ { name = "all" }, { name = "cut", drop_largest = 1, column = "y" } ]\n'
        'headline_filter = "cut"'
    )
    result = audit(claim(tmp_path, data=data), data=tied, n=FEW)
    assert [f.severity for f in result.findings if f.code == "filter.ties"] == ["grey"]
    assert result.report["data"]["rows_used"] == tied.height
    apart = audit(claim(tmp_path, data=data), data=frame, n=FEW)
    assert apart.report["data"]["rows_used"] == frame.height - 1


@pytest.mark.parametrize("kind", ["mapping", "lazy", "pandas", "arrow", "csv", "parquet"])
def test_any_frame_gives_the_same_audit(tmp_path, kind):
    frame = rows()
    given = {
        "mapping": lambda: {c: frame[c].to_numpy() for c in frame.columns},
        "lazy": frame.lazy,
        "pandas": frame.to_pandas,
        "arrow": frame.to_arrow,
        "csv": lambda: _written(frame.write_csv, tmp_path / "rows.csv"),
        "parquet": lambda: _written(frame.write_parquet, tmp_path / "rows.parquet"),
    }[kind]()
    path = claim(tmp_path)
    found, wanted = audit(path, data=given, n=FEW), audit(path, data=frame, n=FEW)
    assert found.table.drop("source").equals(wanted.table.drop("source"))
    assert found.report["data"]["sha256"] == wanted.report["data"]["sha256"]


def _written(write, path):
    write(path)
    return path


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (
            pl.DataFrame({"size": [1.0], "los": [2.0]}),
            ["`loss`", "did you mean `los`", "[data]", 'columns = { y = "los" }'],
        ),
        (pl.DataFrame({"size": [1.0, 2.0], "loss": ["a", "b"]}), ["`"]),
        (pl.DataFrame({"size": [1.0, None], "loss": [1.0, 2.0]}), ["null", "row 1"]),
        (object(), ["not a frame"]),
        ("no/such/rows.csv", ["no/such/rows.csv"]),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path, frame, words):
    with pytest.raises(DataError) as caught:
        audit(claim(tmp_path), data=frame, n=FEW)
    for word in words:
        assert word in str(caught.value)


def test_a_file_is_read_by_its_name_and_not_by_a_pattern(tmp_path):
    import hashlib

    rows(seed=3).write_csv(tmp_path / "runs[1].csv")
    rows(seed=9).write_csv(tmp_path / "runs1.csv")
    digest = hashlib.sha256((tmp_path / "runs[1].csv").read_bytes()).hexdigest()
    data = f'file = "runs[1].csv"\nsha256 = "{digest}"'
    found = audit(claim(tmp_path, data=data), n=FEW)
    wanted = audit(claim(tmp_path), data=rows(seed=3), n=FEW)
    assert found.report["data"]["sha256"] == wanted.report["data"]["sha256"]
    assert "data.sha256" not in {f.code for f in found.findings}


@pytest.mark.parametrize("name", ["x" * 5000, "a\\u0000b", "a/" * 3000])
def test_a_file_no_system_can_hold_is_a_file_that_is_not_there(tmp_path, name):
    result = audit(claim(tmp_path, data=f'file = "{name}"'))
    assert "data.absent" in {f.code for f in result.findings}
    assert max(len(f.sentence) for f in result.findings) < 600


THIRTY = 30


def forty_rows(n=40):
    noise = np.exp(0.003 * np.random.default_rng(3).standard_normal(n))
    size = np.geomspace(1e1, 1e4, n)
    return pl.DataFrame({"size": size, "loss": (1.5 + 4.0 * size**-0.4) * noise})


LAW = """
schema = "scaling-claim/1"
[paper]
id = "x:1"
title = "A law"
{data}
columns = {{ x = "size", y = "loss" }}
[fit]
law = "power_offset"
residual = "log"
loss = "squared"
[reported]
n = "{n}"
"""


def law(n="40", *, data="[data]"):
    return parse_paper(LAW.format(n=n, data=data).encode(), name="law")


def test_two_sources_of_rows_are_refused():
    with pytest.raises(DataError) as caught:
        law(data='[data]\ndataset = "cerebras2023"\nfile = "rows.csv"')
    for word in ("`data.dataset`", "`cerebras2023`", "`data.file`", "`rows.csv`"):
        assert word in str(caught.value)


def test_a_digest_without_its_file_is_refused():
    with pytest.raises(DataError, match=r"`data.sha256`.*`data.dataset`"):
        law(data=f'[data]\ndataset = "cerebras2023"\nsha256 = "{"0" * 64}"')


@pytest.mark.parametrize("name", ["x", "size", "twice"])
def test_a_derived_column_that_the_file_has_is_refused(name):
    frame = forty_rows().with_columns(twice=pl.col("size") * 2)
    paper = law(data=f'[data]\nderive = {{ {name} = "y*2" }}')
    if name == "x":
        frame = frame.rename({"size": "x"}).with_columns(size=pl.col("x"))
    with pytest.raises(DataError, match=f"`data.derive` makes `{name}`") as caught:
        audit(paper, data=frame, n=THIRTY)
    assert caught.value.column in {name, "size"}


def test_a_column_the_file_lacks_is_derived():
    paper = law(data='[data]\nderive = { z = "2*x" }')
    assert audit(paper, data=forty_rows(), n=THIRTY).verdict


def test_a_byte_order_mark_is_read_over(tmp_path):
    path = tmp_path / "law.toml"
    path.write_bytes(b"\xef\xbb\xbf" + LAW.format(n="40", data="[data]").encode())
    assert audit(path, data=forty_rows(), n=THIRTY).verdict
