"""Findings cannot be changed, are ready for JSON, and the worst of them decides."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_fast.errors import ParameterError
from scaling_fast.findings import Finding, SummaryRepr, worst
from scaling_fast.stress.result import Stress


def test_advice_stands_below_its_finding():
    found = Finding("few", "rows", "amber", "6 rows", advice="Add rows.")
    text = Stress("coverage", pl.DataFrame({"a": [1]}), (found,)).summary()
    assert text.endswith("amber      6 rows\n           Add rows.")


SEVERITIES = ["red", "grey", "amber", "green"]


def found(severity="amber", **fields):
    return Finding("code", "R1", severity, "something was found", **fields)


@given(st.lists(st.sampled_from(SEVERITIES), min_size=1))
def test_red_outranks_grey_outranks_amber_outranks_green(severities):
    expected = min(severities, key=SEVERITIES.index)
    assert worst(found(severity) for severity in severities) == expected


def test_nothing_assessed_is_grey():
    assert worst([]) == "grey"


def test_as_dict_is_valid_json_even_with_numbers_json_lacks():
    finding = found(
        statistic=float("nan"),
        threshold=float("inf"),
        evidence={
            "array": np.array([1.0, np.nan]),
            "int": np.int64(3),
            "pair": (1, -np.inf),
            "nested": {"flag": np.bool_(True)},
            "set": frozenset({1}),
        },
    )
    text = json.dumps(finding.as_dict(), allow_nan=False)
    again = json.loads(text)
    assert again["statistic"] is None
    assert again["threshold"] == "inf"
    assert again["evidence"] == {
        "array": [1.0, None],
        "int": 3,
        "pair": [1, "-inf"],
        "nested": {"flag": True},
        "set": [1],
    }


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_go_through_json_exactly(number):
    text = json.dumps(found(statistic=number).as_dict(), allow_nan=False)
    assert json.loads(text)["statistic"] == number


def test_a_finding_is_frozen_and_takes_a_copy_of_its_evidence():
    evidence = {"n": 3}
    finding = found(evidence=evidence)
    evidence["n"] = 4
    assert finding.evidence["n"] == 3
    with pytest.raises(TypeError):
        finding.evidence["n"] = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.code = "other"


@pytest.mark.parametrize("again", [lambda f: pickle.loads(pickle.dumps(f)), copy.deepcopy])
def test_a_finding_travels(again):
    finding = found(evidence={"n": 3}, statistic=1.5)
    assert again(finding) == finding


@pytest.mark.parametrize("fields", [("c", "R1", "yellow", "s"), ("", "R1", "red", "s")])
def test_malformed_findings_are_refused(fields):
    with pytest.raises(ParameterError):
        Finding(*fields)


def test_a_result_prints_its_summary_and_escapes_it_for_a_notebook():
    @dataclasses.dataclass(frozen=True, slots=True, repr=False)
    class Result(SummaryRepr):
        exponent: float

        def summary(self):
            return f"a < {self.exponent}"

    assert repr(Result(0.5)) == "<Result>\na < 0.5"
    assert Result(0.5)._repr_html_() == "<pre>a &lt; 0.5</pre>"
