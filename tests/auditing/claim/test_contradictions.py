"""A claim file that contradicts its rows or itself is told so, and a bound is no point."""

from __future__ import annotations

import math
from importlib import resources

import numpy as np
import polars as pl
import pytest

import scaling_fast.datasets
from scaling_fast.auditing import Printed, audit
from scaling_fast.auditing.claim.reading import parse_paper
from scaling_fast.errors import DataError

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
def test_a_parameter_printed_as_a_bound_is_not_a_point(bound):
    result = audit(changed(('alpha = "0.0737"', f'alpha = "{bound}"')), n=FEW)
    assert {f.severity for f in result.findings if f.check in {"R1", "R2", "R4"}} == {"grey"}
    for code in ("R1.incomplete", "R4.incomplete"):
        for finding in found(result, code):
            assert "bound" in finding.sentence
            assert f"alpha {bound}" in finding.sentence
    reported = result.table.filter(pl.col("quantity") == "refitted alpha")["reported"]
    assert reported.null_count() == reported.len()


def test_an_unrounded_bound_is_not_a_point_either():
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
    assert after.verdict == before.verdict == "green"
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
