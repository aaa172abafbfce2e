"""Checks reach the published figures on the published rows, and each rule of the verdict holds."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from scaling_fast.auditing import audit, load_paper
from scaling_fast.auditing.checks import CHECKS
from scaling_fast.auditing.checks.check import Cell, Check, Measured, Threshold
from scaling_fast.auditing.checks.page import checks_page
from scaling_fast.auditing.evidence.formulas import LawView, box_points, optimum, require_names
from scaling_fast.auditing.run import audit_with
from scaling_fast.auditing.verdict import SCOPES, scope_severity, scopes, verdict
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
    assert found["R4.bias"] == ["amber"]
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
    assert "This audit chose these rows, following Besiroglu et al. 2024" in choice.sentence
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
    with pytest.raises(DataError, match=r"`claims\[0\].expr` .* `alpa`; did you mean `alpha`"):
        require_names("beta/(alpa+beta)", ["alpha", "beta"], "claims[0].expr")


def test_a_claim_of_unknown_names_is_refused_before_anything_is_fitted():
    paper = load_paper("hoffmann2022")
    interval = msgspec.structs.replace(paper.reported.intervals[0], of="beta/(alpa+beta)")
    reported = msgspec.structs.replace(paper.reported, intervals=[interval])
    with pytest.raises(DataError, match=r"`reported.intervals\[0\].of` .* `alpa`"):
        audit(dataclasses.replace(paper, reported=reported), n=20)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.1, "green"), (0.3, "amber"), (0.6, "red"), (math.nan, "grey")]
)
def test_thresholds_include_their_ends(value, expected):
    assert Threshold("x", green=0.1, red=0.5).severity(value) == expected
    assert Threshold("x", green=-0.1, red=-0.5, worse="smaller").severity(-value) == expected


def test_a_threshold_without_a_red_end_never_makes_red():
    endless = Threshold("x", green=0.1)
    assert endless.severity(math.inf) == "amber"
    assert endless.crossed("amber") == 0.1
    assert str(endless) == "<= 0.1; never red"


def weights():
    """Return the weights of rows that are the authors' own: what can decide, does."""
    named = {f"{c.code}.{name}": weight for c in CHECKS for name, weight in c.lighter.items()}
    return {c.code: "decisive" if callable(c.weight) else c.weight for c in CHECKS} | named


WEIGHTS = weights()


def finding(code, severity, **evidence):
    check, _, name = code.partition(".")
    return Finding(f"{check}.{name or 'x'}", check, severity, "found", evidence=evidence)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], "grey"),
        ([("R2", "green")], "green"),
        ([("R2", "red"), ("R7", "grey"), ("R6", "grey")], "red"),
        ([("R1", "red"), ("R2", "green")], "red"),
        ([("R4.target", "red")], "red"),
        ([("R6", "red")], "red"),
        ([("R7", "red")], "red"),
        # Whatever decides makes its scope amber alone; what only counts, in twos.
        ([("R1", "amber"), ("R2", "green")], "amber"),
        ([("R2", "amber"), ("R2", "green")], "amber"),
        ([("R6", "amber"), ("R7", "green")], "amber"),
        ([("R4.bias", "amber"), ("R4.target", "green")], "green"),
        ([("R4.bias", "amber"), ("R4.bias", "amber"), ("R4.target", "green")], "green"),
        ([("R4.bias", "amber"), ("H8", "amber"), ("R4.target", "green")], "amber"),
        ([("R4.across", "amber"), ("R4.target", "green")], "green"),
        # Not assessed: more than half of a scope.
        ([("R1", "grey"), ("R2", "grey"), ("R7", "green")], "grey"),
        ([("R6", "grey"), ("R7", "green"), ("R2", "green")], "green"),
        ([("R6", "grey"), ("R7", "grey"), ("R2", "amber")], "grey"),
        # A scope of which nothing is claimed, disclosure, extrapolation and advice do not enter.
        ([("R6.no_interval", "grey"), ("R7.no_interval", "grey"), ("R2", "green")], "green"),
        ([("failures", "red"), ("disclosure", "amber"), ("R2", "green")], "green"),
        ([("decades", "red"), ("R2", "green")], "green"),
        ([("data", "grey"), ("R7", "green")], "green"),
        ([("data", "grey"), ("R7.no_interval", "grey")], "grey"),
        ([("rows", "red"), ("R2", "green")], "green"),
    ],
)
def test_the_verdict_is_the_worst_of_fit_interval_and_decision(findings, expected):
    assert verdict([finding(*given) for given in findings], CHECKS, WEIGHTS) == expected


@pytest.mark.parametrize(("word", "expected"), [("red", "amber"), ("green", "grey")])
def test_extrapolation_enters_where_an_accuracy_beyond_the_rows_is_claimed(word, expected):
    given = [finding("R2", "green"), finding("decades", word)]
    assert verdict(given, CHECKS, WEIGHTS) == "green"
    assert verdict(given, CHECKS, WEIGHTS, is_extrapolated=True) == expected


def test_two_weak_tests_of_many_are_chance():
    weak = [finding("R4.bias", "amber", p=0.04), finding("H8", "amber", p=0.09)]
    held = finding("R4.noise_free", "green", p=0.9)
    strong = [finding("R4.bias", "amber", p=0.01), finding("H8", "amber", p=0.04)]
    assert scope_severity([*weak, held], WEIGHTS) == "green"
    assert scope_severity([*strong, held], WEIGHTS) == "amber"


def test_every_scope_has_an_answer_even_without_findings():
    answers = scopes([], CHECKS, WEIGHTS)
    assert [answer["scope"] for answer in answers] == [asked.scope for asked in SCOPES]
    assert {answer["severity"] for answer in answers} == {"grey"}


def test_wide_inputs_alone_certify_no_horizon():
    answers = scopes([finding("decades", "green")], CHECKS, WEIGHTS)
    severities = {answer["scope"]: answer["severity"] for answer in answers}
    assert severities["extrapolation"] == "grey"


def test_a_claimed_target_speaks_before_rounding_for_the_decision():
    bias = Finding("R4.bias", "R4", "amber", "Rounding moves the law.")
    target = Finding("R4.target", "R4", "red", "The claim is missed.")
    answers = scopes([bias, target], CHECKS, WEIGHTS)
    because = {answer["scope"]: answer["because"] for answer in answers}
    assert because["decision"] == target.sentence


def test_advice_speaks_for_no_scope():
    few = Finding("rows.per_parameter", "rows", "amber", "Few rows.")
    assert {answer["severity"] for answer in scopes([few], CHECKS, WEIGHTS)} == {"grey"}


def test_what_decides_is_what_the_page_says():
    decisive = {code for code, weight in WEIGHTS.items() if weight == "decisive"}
    assert decisive == {"R1", "R2", "R4", "R6", "R7"}
    assert {code for code, weight in WEIGHTS.items() if weight == "advisory"} == {"rows"}
    assert WEIGHTS["R4.bias"] == WEIGHTS["R4.across"] == "counts"


def test_the_page_of_checks_is_made_from_the_checks():
    path = Path(__file__).parents[3] / "docs" / "checks.md"
    assert path.read_text(encoding="utf-8") == checks_page()


def test_checks_have_codes_of_their_own_and_titles_without_them():
    codes = [check.code for check in CHECKS]
    assert len(set(codes)) == len(codes)
    assert all(check.title and check.about.endswith("?") for check in CHECKS)


NINES = Threshold("share of decimals of the objective that are nines", green=0.1, red=0.2)
MINE = Check(
    code="X9",
    title="Nines in the objective",
    scope="fit",
    about="Are there too many nines?",
    question={"nines": "Why are there so many nines?"},
    source="this test",
    thresholds=(NINES,),
    weight=lambda case: "decisive" if case.views else "counts",
    measure=lambda case: [
        Measured(
            name="nines",
            statistic=0.9,
            threshold=NINES,
            cells=(Cell("share of nines", counted=0.9),),
        )
    ],
    judge=lambda measured: NINES.severity(measured.statistic),
    say=lambda measured, severity: f"Nine of ten decimals are nines, which is {severity}.",
    advice="Count again.",
)


def test_a_check_added_at_run_time_is_in_verdict_docs_page_and_letter(tmp_path):
    before = audit_with(CHECKS, "cerebras2023", n=20)
    after = audit_with((*CHECKS, MINE), "cerebras2023", n=20)
    assert (before.verdict, after.verdict) == ("green", "red")
    added = after.findings[-1]
    assert (added.code, added.threshold, added.advice) == ("X9.nines", 0.2, "Count again.")
    assert after.findings[:-1] == before.findings
    assert after.report["checks"]["X9"]["weight"] == "decisive"
    fit = next(scope for scope in after.report["scopes"] if scope["scope"] == "fit")
    assert fit["because"] == added.sentence
    page = after.write_html(tmp_path / "page.html").read_text(encoding="utf-8")
    for text in (page, after.letter(), after.summary(), after._repr_html_()):
        assert "Nines in the objective" in text
        assert added.sentence in text
        assert "X9" not in text
    assert "share of nines" in page
    assert "Why are there so many nines?" in after.letter()
    row = "| X9 | **Nines in the objective.** Are there too many nines? | share of decimals"
    assert row in checks_page((*CHECKS, MINE))
    loaded = type(after).from_json(after.to_json())
    assert loaded.letter() == after.letter()
    assert loaded.findings == after.findings
