"""The report of an audit: strict JSON, ordered findings, a letter that asks only what applies."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from claims import FEW, KEYS, claim, rows

from scaling_fast.auditing import Audit, audit
from scaling_fast.auditing.claim.reading import parse_paper
from scaling_fast.errors import DataError, ParameterError


def test_failed_refits_are_asked_about_only_of_those_who_refitted(tmp_path):
    import copy

    result = audit(claim(tmp_path), data=rows(), n=FEW)
    report = copy.deepcopy(result.report)
    failures = next(f for f in report["findings"] if f["check"] == "failures")
    failures["severity"] = "red"
    assert "refits failed" not in Audit(report).letter()
    report["intervals"][0]["method"] = "bootstrap"
    assert "refits failed" in Audit(report).letter()


def test_advice_is_neither_counted_nor_called_a_failure():
    result = audit("cerebras2023", n=FEW)
    advice = next(f for f in result.findings if f.check == "rows")
    assert advice.severity == "amber"
    counted = [f.severity for f in result.findings if f.check != "rows"]
    assert result.report["counts"]["amber"] == counted.count("amber")
    line = next(x for x in result.summary().splitlines() if "rows per parameter" in x)
    assert "Advisory" in line
    assert not any(word in line for word in ("Fails", "Doubtful"))


def test_a_summary_lists_the_severest_first(tmp_path):
    result = audit(claim(tmp_path, lower="0.4101", upper="0.4102"), data=rows(), n=FEW)
    words = ["Fails", "Doubtful", "Not assessable", "Holds", "Advisory"]
    order = [
        words.index(word)
        for line in result.summary().splitlines()
        for word in words
        if line[2:].startswith(word)
    ]
    assert order == sorted(order)
    assert len(order) == len(result.findings)


def test_shifts_of_scales_are_measured_by_their_logarithms():
    table = audit("cerebras2023", n=200).table.filter(pl.col("unit") == "standard errors")
    # Some refits have a negative offset, so E is compared as it is.
    assert {"shift of ln C0", "shift of alpha", "shift of E"} == set(table["quantity"])
    assert table["computed"].abs().min() > 1e-6


def test_no_number_of_the_refit_stands_twice(tmp_path):
    for table in (audit("cerebras2023", n=FEW).table, audit(claim(tmp_path), data=rows()).table):
        refitted = table.filter(pl.col("quantity").str.starts_with("refitted"))
        assert refitted.select(KEYS).is_unique().all()
        assert refitted.select("view", "computed").is_unique().all()


def test_an_earlier_report_is_replaced_and_nothing_else(tmp_path):
    result = audit(claim(tmp_path), data=rows(), n=FEW)
    for write, name in ((result.write_html, "a.html"), (result.write_json, "a.json")):
        path = write(tmp_path / name)
        assert write(path) == path
        path.write_text("mine")
        with pytest.raises(DataError, match="force"):
            write(path)
        assert write(path, force=True) == path
    with pytest.raises(DataError, match="force"):
        result.write_html(tmp_path / "a.json")


def test_objectives_read_as_english(tmp_path):
    assert audit("cerebras2023", n=FEW).report["objective"] == "sum of squared raw residuals"
    assert audit(claim(tmp_path)).report["objective"] == "sum of squared log residuals"


def test_json_is_strict_and_comes_back_whole(tmp_path):
    result = audit(claim(tmp_path), data=rows(), n=FEW)
    text = result.to_json()

    def refuse(word):
        raise AssertionError(word)

    assert json.loads(text, parse_constant=refuse) == result.report
    path = result.write_json(tmp_path / "audit.json")
    back = Audit.load(path)
    assert back.to_json() == text
    assert back.findings == result.findings
    assert back.table.equals(result.table)
    for broken in ("{}", "[", '{"schema": "other"}', "null"):
        with pytest.raises(DataError):
            Audit.from_json(broken)


def test_an_audit_shows_itself(tmp_path):
    result = audit(claim(tmp_path), data=rows(), n=FEW)
    assert result.verdict in repr(result)
    assert "A law" in result._repr_html_()
    assert all(math.isfinite(v) for v in result.table["computed"].drop_nulls())


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


@pytest.mark.parametrize("path", [3, None, 1.5, b"page", ["page"]])
def test_a_report_is_written_to_a_path(path):
    result = audit(law(), data=forty_rows(), n=THIRTY)
    for write in (result.write_html, result.write_json, result.save, Audit.load):
        with pytest.raises(ParameterError, match="path must be") as caught:
            write(path)
        assert caught.value.param == "path"


def test_a_report_is_not_read_from_what_no_system_can_hold():
    with pytest.raises(DataError, match="cannot be read"):
        Audit.load("a\0b")
