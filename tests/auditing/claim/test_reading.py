"""Claim files say what a paper prints; what breaks their format is named, with what is legal."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_fast.auditing import Printed, load_paper, paper_names
from scaling_fast.auditing.claim.reading import parse_paper
from scaling_fast.auditing.claim.schema import Claim
from scaling_fast.errors import DataError

CLAIM = """
schema = "scaling-claim/1"
[paper]
id = "x:1"
title = "A law"
[data]
file = "rows.csv"
columns = { x = "size", y = "loss" }
filters = [ { name = "all" }, { name = "kept", drop_largest = 2, column = "y" } ]
headline_filter = "kept"
[fit]
law = "power_offset"
residual = "log"
loss = { huber = 1e-3 }
[reported]
n = ">7"
params = { E = "1.69", A = "406.4", alpha = "0.34" }
intervals = [ { of = "alpha", level = 0.9, lower = "0.31", upper = "0.37" } ]
[[claims]]
id = "slope"
kind = "exponent"
expr = "alpha"
value = "0.34"
"""


def parse(text):
    return parse_paper(text.encode(), name="test")


@pytest.mark.parametrize("name", ["cerebras2023", "hoffmann2022"])
def test_embedded_claims_load_and_say_which_paper_they_are_about(name):
    paper = load_paper(name)
    assert paper.identity.id.startswith("arXiv:")
    assert name in paper_names()
    assert load_paper(paper) is paper


def test_hoffmann_has_the_digits_of_the_paper_and_of_its_source():
    paper = load_paper("hoffmann2022")
    assert paper.reported.params["A"] == "406.4"
    assert paper.reported.log_params["a"] == "6.0073404"
    assert {claim.kind for claim in paper.claims} == {"exponent", "equality", "optimum"}


def test_cerebras_has_one_claim_a_disclosure():
    claims = [claim for claim in load_paper("cerebras2023").claims if claim.kind == "fit"]
    assert [claim.y for claim in claims] == ["loss", "loss_model_card"]


def test_a_claim_file_is_read_from_a_path(tmp_path):
    path = tmp_path / "law.toml"
    path.write_text(CLAIM)
    paper = load_paper(path)
    assert (paper.name, paper.folder, len(paper.sha256)) == ("law", tmp_path, 64)
    assert load_paper(str(path)).sha256 == paper.sha256


@pytest.mark.parametrize(
    ("text", "value", "half_ulp", "digits"),
    [
        ("0.34", 0.34, 0.005, 2),
        ("0.340", 0.34, 0.0005, 3),
        ("406.4", 406.4, 0.05, 4),
        ("5.984e22", 5.984e22, 5e18, 4),
        (">400", 400.0, 0.5, 3),
        ("-1.5E-3", -1.5e-3, 5e-5, 2),
    ],
)
def test_printed_digits_say_how_much_is_known(text, value, half_ulp, digits):
    printed = Printed(text)
    assert printed.value == value
    assert printed.half_ulp == pytest.approx(half_ulp, rel=1e-15)
    assert printed.digits == digits
    assert printed.lower < printed.value < printed.upper


@given(st.floats(1e-30, 1e30), st.integers(1, 8))
def test_a_number_lies_in_the_box_of_what_prints_like_it(value, digits):
    printed = Printed(f"{value:.{digits - 1}e}")
    slack = 4 * math.ulp(value)
    assert printed.lower - slack <= value <= printed.upper + slack
    assert printed.upper - printed.lower == pytest.approx(2 * printed.half_ulp, rel=1e-6)


@pytest.mark.parametrize(
    "text", ["", "abc", "nan", "inf", "1e99999", "1,5", "1..2", "--1", "1e9999", "\x1b[31m1"]
)
def test_text_that_is_not_a_finite_decimal_is_refused(text):
    with pytest.raises(DataError, match="finite decimal"):
        Printed(text)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("file =", "fil =", ["`fil`", "[data]", "did you mean `file`", "`dataset`"]),
        ("drop_largest", "drop_largst", ["`drop_largst`", "did you mean `drop_largest`"]),
        ("[paper]", "[papr]", ["`papr`", "the top level", "`paper`"]),
        ("huber", "hubber", ["`hubber`", "`huber`"]),
        ('value = "0.34"', "value = 0.34", ["claims[0].value", "digits"]),
        ('alpha = "0.34"', "alpha = 0.34", ["reported.params", "digits"]),
        ('"406.4"', '"4o6.4"', ["reported.params.A", "`4o6.4`"]),
        ('residual = "log"', 'residual = "lgo"', ["fit.residual", "`raw`"]),
        ('kind = "exponent"', 'kind = "expnent"', ["claims[0].kind", "`exponent`"]),
        ('headline_filter = "kept"', 'headline_filter = "kepd"', ["did you mean `kept`"]),
        ('lower = "0.31"', 'lower = "0.41"', ["ends before it begins"]),
        ("level = 0.9", "level = 90", ["level"]),
        (', column = "y" }', " }", ["both `drop_largest` and `column`"]),
        ('expr = "alpha"\n', "", ["claims[0]", "needs `expr`"]),
        ("scaling-claim/1", "scaling-claim/9", ["`schema`", "scaling-claim/1"]),
        ("[fit]", "[fit", ["not TOML"]),
        ('schema = "scaling-claim/1"', "", ["`schema`", 'write schema = "scaling-claim/1"']),
        ('id = "x:1"\n', "", ["[paper]", "`id`", 'id = "arXiv:']),
        ('law = "power_offset"\n', "", ["[fit]", "`law`", 'law = "chinchilla"']),
        ('kind = "exponent"\n', "", ["claims[0]", "`kind`", '"extrapolation"']),
        ('name = "kept"', 'name = "all"', ["`data.filters`", "`all`"]),
        ('n = ">7"', 'n = "0"', ["`reported.n`", "positive"]),
        ('n = ">7"', 'n = "-7"', ["`reported.n`", "positive"]),
        (
            "intervals = [",
            'log_params = { E = "0.5267" }\nintervals = [',
            ["`reported.params.E`", "`reported.log_params.E`"],
        ),
        (
            'expr = "alpha"\n',
            'between = [{ approach = 1, value = "1", lower = "2", upper = "0" }]\nexpr = "alpha"\n',
            ["`claims[0].between[0]`", "ends before it begins"],
        ),
    ],
)
def test_a_broken_claim_file_is_told_which_key_and_what_is_legal(old, new, words):
    assert old in CLAIM
    with pytest.raises(DataError) as caught:
        parse(CLAIM.replace(old, new, 1))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"[" * 100_000, b"a = " + b"[" * 50_000, b"\x00", b"schema = 3", b""],
)
def test_garbage_is_a_typed_error(content):
    with pytest.raises(DataError):
        parse_paper(content, name="test")


def test_control_characters_never_reach_a_terminal():
    with pytest.raises(DataError) as caught:
        parse(CLAIM.replace("file =", '"fi\\u001b[31mle" =', 1))
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["hofman2022", "cerebras", "no/such/file.toml", "x\x00y", ""])
def test_an_unknown_paper_is_answered_with_the_names_there_are(name):
    with pytest.raises(DataError) as caught:
        load_paper(name)
    if name != "x\x00y":
        assert "the embedded papers are `cerebras2023`, `hoffmann2022`" in str(caught.value)


def test_a_claim_file_of_another_size_class_is_refused(tmp_path):
    path = tmp_path / "big.toml"
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(DataError, match="1 MiB"):
        load_paper(path)


def test_papers_survive_pickling_and_show_themselves():
    paper = parse(CLAIM)
    assert pickle.loads(pickle.dumps(paper)) == paper
    assert "x:1" in repr(paper)


def test_the_documented_example_is_a_claim_file_and_names_every_kind():
    text = (Path(__file__).parents[3] / "docs" / "audit" / "claims.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    paper = parse(example)
    assert paper.reported == load_paper("hoffmann2022").reported
    for kind in get_args(msgspec.structs.fields(Claim)[1].type):
        assert f"| `{kind}` |" in text
