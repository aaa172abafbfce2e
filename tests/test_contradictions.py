"""A claim file that contradicts its rows or itself is told so, and a bound is no point."""

from __future__ import annotations

import math
from importlib import resources

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
import scaling_fast.datasets
from scaling_fast.auditing import Audit, Printed, audit
from scaling_fast.auditing.claim.reading import parse_paper
from scaling_fast.errors import CheckpointError, DataError, ParameterError

FEW = 30
CEREBRAS = (resources.files("scaling_fast.auditing") / "papers" / "cerebras2023.toml").read_text(
    encoding="utf-8"
)
HOFFMANN = (resources.files("scaling_fast.auditing") / "papers" / "hoffmann2022.toml").read_text(
    encoding="utf-8"
)


def changed(*pairs, text=CEREBRAS):
    """Return the claim file with parts replaced, each of which must be there."""
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return parse_paper(text.encode(), name="changed")


def found(result, code):
    return [finding for finding in result.findings if finding.code == code]


def rows(n=40):
    noise = np.exp(0.003 * np.random.default_rng(3).standard_normal(n))
    size = np.geomspace(1e1, 1e4, n)
    return pl.DataFrame({"size": size, "loss": (1.5 + 4.0 * size**-0.4) * noise})


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (">0.05", 0.05, math.inf),
        (">= 0.05", 0.05, math.inf),
        ("<5", -math.inf, 5.0),
        ("<=5", -math.inf, 5.0),
        ("~20", 19.5, 20.5),
        ("20", 19.5, 20.5),
    ],
)
def test_a_relation_says_which_numbers_are_meant(text, least, most):
    printed = Printed(text)
    assert printed.meant == (least, most)
    assert printed.is_bound == (not math.isfinite(least) or not math.isfinite(most))


@pytest.mark.parametrize(
    ("text", "low", "high", "expected"),
    [
        (">0.05", 0.05, 0.05, False),
        (">=0.05", 0.05, 0.05, True),
        ("<0.05", 0.05, 0.05, False),
        ("<=0.05", 0.05, 0.05, True),
        (">0.05", 0.04, 0.06, True),
        ("<0.05", 0.06, 0.07, False),
        ("~20", 20.4, 20.4, True),
        ("~20", 20.6, 21.0, False),
    ],
)
def test_a_relation_holds_where_the_range_reaches_its_side(text, low, high, expected):
    assert Printed(text).allows(low, high) is expected


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        (">0.05", "green"),
        (">=0.05", "green"),
        ("<0.05", "red"),
        ("<=0.1", "green"),
        (">0.1", "red"),
        (">0.0737", "green"),  # the box of what prints as 0.0737 reaches above it
        ("~0.0737", "green"),
        ("~0.05", "red"),
    ],
)
def test_a_claimed_bound_is_judged_by_its_side(value, severity):
    result = audit(changed(('value = "0.0737"', f'value = "{value}"')), n=FEW)
    assert [f.severity for f in found(result, "R4.target")] == [severity], result.summary()
    assert "inf" not in found(result, "R4.target")[0].sentence
    assert "<h1>" in result._repr_html_() or result.to_json()


def test_a_tolerance_widens_a_bound_on_its_own_side():
    result = audit(changed(('value = "0.0737"', 'value = ">0.08"\ntolerance = 0.1')), n=FEW)
    assert found(result, "R4.target")[0].severity == "green"


@pytest.mark.parametrize("bound", [">0.05", "<0.1", ">=0.05", "<=0.1"])
def test_a_parameter_printed_as_a_bound_is_no_point(bound):
    result = audit(changed(('alpha = "0.0737"', f'alpha = "{bound}"')), n=FEW)
    assert {f.severity for f in result.findings if f.check in {"R1", "R2", "R4"}} == {"grey"}
    for code in ("R1.incomplete", "R4.incomplete"):
        for finding in found(result, code):
            assert "bound" in finding.sentence
            assert f"alpha {bound}" in finding.sentence
    reported = result.table.filter(pl.col("quantity") == "refitted alpha")["reported"]
    assert reported.null_count() == reported.len()


def test_an_unrounded_bound_is_no_point_either():
    text = (('alpha = "0.33917084"', 'alpha = ">0.339"'),)
    result = audit(changed(*text, text=HOFFMANN), data=None, n=FEW)
    assert not found(result, "R7.unrounded")


@pytest.mark.parametrize(("key", "bound"), [("lower", '">0.454"'), ("upper", '"<0.455"')])
def test_an_interval_whose_end_is_a_bound_has_no_width(monkeypatch, key, bound):
    def absent(name):
        raise DataError("no network")

    old = {"lower": 'lower = "0.454", upper = "0.455", m', "upper": 'upper = "0.455", m'}[key]
    new = {
        "lower": f'lower = {bound}, upper = "0.455", m',
        "upper": f"upper = {bound}, m",
    }[key]
    monkeypatch.setattr(scaling_fast.datasets, "load", absent)
    result = audit(changed((old, new), text=HOFFMANN), n=FEW)
    assert found(result, "R7.bound")[0].severity == "grey"
    assert not found(result, "R7.rounded")
    assert "Which numbers are the ends of the interval?" in result.letter()
    with_rows = audit(changed((old, new), text=HOFFMANN), data=some_runs(), n=FEW)
    assert found(with_rows, "R6.bound")[0].severity == "grey"


def some_runs():
    generator = np.random.default_rng(0)
    n, d = np.exp(generator.uniform(17, 24, 60)), np.exp(generator.uniform(20, 27, 60))
    loss = (1.8 + 480.0 * n**-0.35 + 2000.0 * d**-0.37) * np.exp(
        0.003 * generator.standard_normal(60)
    )
    return pl.DataFrame({"params": n, "tokens": d, "flops": 6 * n * d, "loss": loss})


@pytest.mark.parametrize(
    ("n", "severity"),
    [
        ("7", None),
        ("7.0", None),
        ("~7", None),
        (">6", None),
        (">=7", None),
        ("<8", None),
        ("<=7", None),
        ("100", "amber"),
        ("1e30", "amber"),
        ("6", "amber"),
        (">7", "amber"),
        ("<7", "amber"),
        ("~9", "amber"),
    ],
)
def test_a_reported_number_of_rows_is_held_against_the_rows(n, severity):
    before = audit("cerebras2023", n=FEW)
    after = audit(changed(('n = "7"', f'n = "{n}"')), n=FEW)
    said = found(after, "data.reported_n")
    assert [f.severity for f in said] == ([] if severity is None else [severity])
    assert [f for f in after.findings if f not in said] == list(before.findings)
    assert after.verdict == before.verdict == "amber"
    for finding in said:
        assert n in finding.sentence
        assert "7" in finding.sentence
        assert "inf" not in finding.sentence


def test_about_so_many_rows_means_as_many_digits_as_are_not_zero():
    assert not found(audit(law("~40"), data=rows(44), n=FEW), "data.reported_n")
    assert found(audit(law("~40"), data=rows(46), n=FEW), "data.reported_n")
    assert found(audit(law("40"), data=rows(41), n=FEW), "data.reported_n")


def test_the_rows_before_a_filter_or_after_it_may_be_those_reported():
    filters = '[data]\nfilters = [ { name = "a", drop_largest = 2, column = "y" }, { name = "b" } ]'
    for n, said in (("40", 0), ("38", 0), ("39", 1)):
        assert (
            len(found(audit(law(n, data=filters), data=rows(), n=FEW), "data.reported_n")) == said
        )


@pytest.mark.parametrize(("n", "severity"), [(">400", "grey"), ("60", None), ("50", "amber")])
def test_digitised_rows_may_be_an_excerpt_and_never_more_than_there_were(n, severity):
    result = audit(changed(('n = ">400"', f'n = "{n}"'), text=HOFFMANN), data=some_runs(), n=FEW)
    said = found(result, "data.reported_n") + found(result, "data.excerpt")
    assert [f.severity for f in said] == ([] if severity is None else [severity])
    assert ("How many rows was the law" in result.letter()) == (severity == "amber")
    assert all("digitised" in f.sentence for f in said if f.severity == "grey")


def test_a_number_of_rows_is_whole():
    for n in ("7.5", ">7.5", "75e-1"):
        with pytest.raises(DataError, match=r"`reported.n` must be a whole number of rows"):
            changed(('n = "7"', f'n = "{n}"'))


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
    frame = rows().with_columns(twice=pl.col("size") * 2)
    paper = law(data=f'[data]\nderive = {{ {name} = "y*2" }}')
    if name == "x":
        frame = frame.rename({"size": "x"}).with_columns(size=pl.col("x"))
    with pytest.raises(DataError, match=f"`data.derive` makes `{name}`") as caught:
        audit(paper, data=frame, n=FEW)
    assert caught.value.column in {name, "size"}


def test_a_column_the_file_lacks_is_derived():
    paper = law(data='[data]\nderive = { z = "2*x" }')
    assert audit(paper, data=rows(), n=FEW).verdict


def test_a_byte_order_mark_is_read_over(tmp_path):
    path = tmp_path / "law.toml"
    path.write_bytes(b"\xef\xbb\xbf" + LAW.format(n="40", data="[data]").encode())
    assert audit(path, data=rows(), n=FEW).verdict


RUNS = {"x": [1.0, 10.0, 100.0, 1000.0] * 2, "loss": [3.0, 2.01, 1.49, 1.25, 3.02, 2.0, 1.5, 1.26]}


@pytest.fixture(scope="module")
def fitted():
    return sf.fit(RUNS, "power_offset", loss=sf.Squared())


@pytest.mark.parametrize("path", [3, None, 1.5, b"page", ["page"]])
def test_a_report_is_written_to_a_path(path):
    result = audit(law(), data=rows(), n=FEW)
    for write in (result.write_html, result.write_json, result.save, Audit.load):
        with pytest.raises(ParameterError, match="path must be") as caught:
            write(path)
        assert caught.value.param == "path"


def test_a_report_is_not_read_from_what_no_system_can_hold():
    with pytest.raises(DataError, match="cannot be read"):
        Audit.load("a\0b")


@pytest.mark.parametrize(
    "values", [["a"], [None], 1, "12", [[1.0]], ["1"], [1j], {"a": 1}, [10**400], None]
)
def test_a_grid_wants_numbers(values):
    with pytest.raises(ParameterError, match="`E`") as caught:
        sf.Grid({"E": values})
    assert caught.value.param == "starts"


@pytest.mark.parametrize("values", [[1, 2.0], (1.0,), np.arange(3), pl.Series([1.0]), range(4)])
def test_a_grid_takes_any_row_of_numbers(values):
    assert sf.Grid({"E": values}).size == len(values)


@pytest.mark.parametrize("cluster", [[], (), {}])
def test_clusters_are_of_at_least_one_column(fitted, cluster):
    for ask in (
        lambda: fitted.cov("sandwich", cluster=cluster),
        lambda: fitted.interval(cluster=cluster),
    ):
        with pytest.raises(ParameterError, match="cluster must name") as caught:
            ask()
        assert caught.value.param == "cluster"


@pytest.mark.parametrize("path", ["a\0b", "\ud800", ".", "/", ""])
@pytest.mark.parametrize("force", [False, True])
def test_a_fit_is_not_saved_where_no_file_can_be(fitted, path, force):
    with pytest.raises(CheckpointError):
        fitted.save(path, force=force)


@pytest.mark.parametrize("name", ["objective", "status", "n", "at_bound"])
def test_group_columns_that_leave_a_diagnostic_no_name_are_refused(name):
    keys = [name, f"fit_{name}"]
    frame = RUNS | dict.fromkeys(keys, ["a"] * 8)
    with pytest.raises(ParameterError, match=f"`fit_{name}`") as caught:
        sf.fit(frame, "power_offset", by=keys)
    assert caught.value.param == f"fit_{name}"
    assert sf.fit(frame, "power_offset", by=name).table.height == 1


def test_parameters_that_leave_a_diagnostic_no_name_are_refused():
    with pytest.raises(ParameterError, match="`fit_objective`"):
        sf.fit(RUNS, "objective + A*x**(-fit_objective)")
