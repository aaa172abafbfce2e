"""Checks reach the published figures on the published rows, and each rule of the verdict holds."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from scaling_fast.auditing import audit
from scaling_fast.auditing.checks import thresholds
from scaling_fast.auditing.checks.thresholds import falling, rising
from scaling_fast.auditing.evidence.formulas import LawView, box_points, evaluate, optimum
from scaling_fast.auditing.verdict import scopes, verdict
from scaling_fast.errors import DataError
from scaling_fast.findings import Finding

# Besiroglu et al. 2024 (arXiv:2404.10102) audited Hoffmann et al. 2022; figures recomputed from
# the same 240 rows in extended precision. Bands cover 4,000 replicates of any seed.
REPLICATES = 4000
CHINCHILLA = LawView(
    "chinchilla", "E + A/N**alpha + B/D**beta", ("N", "D"), ("E", "A", "alpha", "B", "beta"), ""
)
UNROUNDED = {
    "E": math.exp(0.5267228),
    "A": math.exp(6.0073404),
    "alpha": 0.33917084,
    "B": math.exp(6.0179186),
    "beta": 0.2849083,
}


@pytest.fixture(scope="module")
def hoffmann(reference):
    reference("svg_extracted_data.csv")
    return audit("hoffmann2022", n=REPLICATES, seed=0)


@pytest.fixture(scope="module")
def cells(hoffmann):
    rows = hoffmann.table.iter_rows(named=True)
    return {(row["check"], row["quantity"], row["view"]): row for row in rows}


def value(cells, check, quantity, view="besiroglu2024", column="computed"):
    return cells[check, quantity, view][column]


@pytest.mark.parametrize(
    ("quantity", "view", "expected", "tolerance"),
    [
        ("likelihood ratio", "besiroglu2024", 83.9955, 1e-3),
        ("likelihood ratio against the stated optimum", "besiroglu2024", 83.57, 0.01),
        ("likelihood ratio of the rounded parameters", "besiroglu2024", 635.04, 0.01),
        ("sign-score statistic, rows", "besiroglu2024", 45.7, 0.05),
        ("sign-score statistic, clusters", "besiroglu2024", 25.8, 0.05),
        ("Wald statistic, pairs", "besiroglu2024", 230.0, 25.0),
        ("Wald statistic, clusters", "besiroglu2024", 150.0, 25.0),
    ],
)
def test_the_published_tests_of_the_reported_point_are_reached(
    cells, quantity, view, expected, tolerance
):
    assert value(cells, "R2", quantity, view) == pytest.approx(expected, abs=tolerance)


def test_all_rows_give_the_published_likelihood_ratios(cells):
    with_headline = value(cells, "H8", "likelihood ratio with the headline fit", "all")
    refitted = value(cells, "H8", "likelihood ratio with its own refit", "all")
    assert with_headline == pytest.approx(86.75, abs=0.01)
    assert refitted == pytest.approx(112.42, abs=0.01)


def test_the_reference_of_the_likelihood_ratio_is_resampled_not_chi_square(cells):
    # Five degrees of freedom say 5 and 11.07; refits say about 11 and 24 to 29.
    assert 9 < value(cells, "R2", "mean of the reference, pairs") < 13
    assert 21 < value(cells, "R2", "95 % point of the reference, pairs") < 33
    assert value(cells, "R2", "bootstrap p, pairs", column="counted") == pytest.approx(
        1 / (REPLICATES + 1)
    )
    published = cells["R2", "chi-square p of the likelihood ratio", "besiroglu2024"]
    assert published["computed"] == pytest.approx(1.22e-16, rel=0.01)
    assert published["cited"] == 1.22e-16


def test_the_interval_and_the_rows_it_would_need_are_reached(cells):
    name = "80 % interval of beta/(alpha+beta), {}, pairs"
    assert value(cells, "R6", name.format("lower")) == pytest.approx(0.492, abs=0.002)
    assert value(cells, "R6", name.format("upper")) == pytest.approx(0.543, abs=0.002)
    assert value(cells, "R6", "implied sample size") == pytest.approx(616_000, rel=0.1)
    assert value(cells, "R6", "implied sample size, at least") == pytest.approx(154_000, rel=0.1)


def test_the_refit_is_the_certified_optimum(cells):
    assert value(cells, "R1", "objective at the optimum") == pytest.approx(
        1.018274017800603736e-3, rel=1e-12
    )
    assert value(cells, "R1", "refitted alpha") == pytest.approx(0.347310498881754934, abs=1e-7)
    assert value(cells, "R1", "relative gap of the objective") == pytest.approx(
        1.23116260258e-3 / 1.0182740178e-3 - 1, rel=1e-7
    )


def test_the_reported_digits_are_held_against_the_reported_decision(cells):
    a, ratio = "claim `a3`, {}", "claim `tokens per parameter` from the unrounded parameters"
    assert value(cells, "R4", a.format("smallest"), "", "reported") == pytest.approx(
        0.4435, abs=5e-5
    )
    assert value(cells, "R4", a.format("largest"), "", "reported") == pytest.approx(
        0.4597, abs=5e-5
    )
    assert value(cells, "R4", ratio, "", "reported") == pytest.approx(58.9, abs=0.05)
    assert value(cells, "R1", "refitted claim `tokens per parameter`") == pytest.approx(
        17.92, abs=0.01
    )
    assert value(cells, "R4", "median residual at the printed parameters") == pytest.approx(
        0.0175, abs=1e-4
    )


def test_findings_have_the_severities_of_the_published_audit(hoffmann):
    found = {}
    for finding in hoffmann.findings:
        found.setdefault(finding.code, []).append(finding.severity)
    assert found["R1.objective_gap"] == ["amber"]
    assert found["R2.likelihood_ratio"] == ["red"]
    assert found["R2.wald"] == ["red"]
    assert found["R4.bias"] == ["red"]
    assert found["R4.target"] == ["green"]
    assert found["R4.across"] == ["amber"]
    assert found["R6.implied_size"] == ["red"]
    assert found["R7.unrounded"] == ["red"]
    assert found["R7.rounded"] == ["grey"]
    assert hoffmann.verdict == "red"


def test_a_recommendation_of_all_approaches_is_not_held_against_one(hoffmann):
    found = next(f for f in hoffmann.findings if f.code == "R4.across")
    for words in ("unrounded", "58.9", "all its approaches", "was 20"):
        assert words in found.sentence


def test_digitised_rows_and_the_audits_own_filter_are_called_so(hoffmann):
    ratio = next(f for f in hoffmann.findings if f.code == "R2.likelihood_ratio")
    assert "the digitised rows" in ratio.sentence
    assert "Digitisation error is not included" in ratio.sentence
    assert "said to fit" not in ratio.sentence
    choice = next(f for f in hoffmann.findings if f.code == "H8.filter")
    assert "this audit's own after Besiroglu et al. 2024" in choice.sentence
    assert "did you leave out" not in hoffmann.letter()


def test_clusters_are_the_forty_two_sizes(cells):
    assert value(cells, "rows", "clusters", column="counted") == 42
    assert value(cells, "rows", "rows fitted", column="counted") == 240


def test_the_optimum_of_an_allocation_is_that_of_its_closed_form():
    p = UNROUNDED
    found = optimum(CHINCHILLA, 5.76e23, p)
    scale = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    expected = scale * (5.76e23 / 6) ** (p["beta"] / (p["alpha"] + p["beta"]))
    assert found["N_opt"][0] == pytest.approx(expected, rel=1e-6)
    assert 6 * found["N_opt"][0] * found["D_opt"][0] == pytest.approx(5.76e23)


def test_a_law_without_an_optimum_inside_has_none():
    assert np.isnan(optimum(CHINCHILLA, 5.76e23, {**UNROUNDED, "B": 0.0})["N_opt"][0])


def test_a_box_holds_all_its_corners():
    points = box_points({"x": (0.0, 1.0), "y": (2.0, 3.0)})
    corners = {(x, y) for x, y in zip(points["x"], points["y"], strict=True)}
    assert {(0.0, 2.0), (0.0, 3.0), (1.0, 2.0), (1.0, 3.0)} <= corners
    assert box_points({str(k): (0.0, 1.0) for k in range(13)}) is None


def test_a_formula_of_unknown_names_is_refused_by_name():
    with pytest.raises(DataError, match="`alpa`"):
        evaluate("beta/(alpa+beta)", {"alpha": 1.0, "beta": 2.0})


@pytest.mark.parametrize(
    ("value", "expected"), [(0.1, "green"), (0.3, "amber"), (0.6, "red"), (math.nan, "grey")]
)
def test_thresholds_include_their_ends(value, expected):
    assert rising(value, 0.1, 0.5) == expected
    assert falling(-value, -0.1, -0.5) == expected


def finding(check, severity):
    return Finding(f"{check}.x", check, severity, "found")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], "grey"),
        ([("R2", "green")], "green"),
        ([("R2", "red"), ("R7", "grey"), ("R6", "grey")], "red"),
        ([("R4", "red")], "red"),
        ([("R6", "red")], "red"),
        ([("R7", "red")], "red"),
        ([("R1", "amber"), ("R2", "green"), ("R4", "green")], "green"),
        ([("R1", "amber"), ("R2", "amber"), ("R4", "green")], "amber"),
        ([("failures", "red"), ("R2", "green"), ("R4", "green")], "amber"),
        ([("decades", "red"), ("R2", "green")], "amber"),
        ([("R6", "grey"), ("R2", "green"), ("R4", "green")], "green"),
        ([("R6", "grey"), ("R7", "grey"), ("R2", "green"), ("R4", "green")], "grey"),
        ([("R6", "grey"), ("R7", "grey"), ("R1", "amber"), ("R2", "amber")], "grey"),
        ([("rows", "red"), ("R2", "green")], "green"),
        ([("rows", "grey"), ("R2", "green")], "green"),
    ],
)
def test_the_verdict_follows_the_rubric(findings, expected):
    assert verdict(finding(*case) for case in findings) == expected


def test_every_scope_has_an_answer_even_without_findings():
    answers = scopes([])
    assert [entry["scope"] for entry in answers] == ["fit", "interval", "extrapolation", "decision"]
    assert {entry["severity"] for entry in answers} == {"grey"}


def test_wide_inputs_alone_certify_no_horizon():
    answer = next(s for s in scopes([finding("decades", "green")]) if s["scope"] == "extrapolation")
    assert answer["severity"] == "grey"


def test_the_documented_table_holds_the_thresholds_of_the_code():
    text = (Path(__file__).parents[3] / "docs" / "checks.md").read_text(encoding="utf-8")
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines()
            if line.startswith("| ")][1:]  # fmt: skip
    weights = {row[0]: row[4] for row in rows}
    assert {c for c, w in weights.items() if w == "decisive"} == thresholds.DECISIVE
    assert {c for c, w in weights.items() if w == "advisory"} == thresholds.ADVISORY
    for code, *ends in (
        ("R2", thresholds.P_GREEN, thresholds.P_RED),
        ("R6", thresholds.IMPLIED_GREEN, thresholds.IMPLIED_RED),
        ("failures", thresholds.FAILURES_GREEN, thresholds.FAILURES_RED),
        ("decades", thresholds.DECADES_GREEN, thresholds.DECADES_RED),
        ("rows", thresholds.ROWS_GREEN),
        ("R4", thresholds.ROUNDING_GREEN, thresholds.ROUNDING_RED),
        ("R1", thresholds.OBJECTIVE_GAP_GREEN, thresholds.SHIFT_GREEN),
    ):
        said = next(row[3] for row in rows if row[0] == code)
        for end in ends:
            assert f"{end:.4f}".rstrip("0").rstrip(".") in said, (code, said)
