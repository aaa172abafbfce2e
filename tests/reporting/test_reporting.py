"""A report is one page that loads nothing, runs nothing, and shows what its JSON holds."""

from __future__ import annotations

import copy
import html.parser
import json
import re

import pytest

from scaling_fast.errors import DataError
from scaling_fast.reporting import letter, page
from scaling_fast.reporting.words import markdown, number, plain
from scaling_fast.runtime.files import write_text

HOSTILE = [
    "<script>alert(1)</script>",
    '" onload="alert(1)',
    "</style></title></script><!--<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "a\u2028b\u2029c",
    "\x1b[31mred\x1b[0m\x07",
    "{{ 7*7 }}{% raw %}",
    "$\\frac{1}{$",
    "]]><svg onload=alert(1)>",
    "\u202ereversed",
]


# Tags a browser would run, load or follow.
ACTING = {"script", "img", "iframe", "object", "embed", "link", "base", "form", "image", "a"}
ACTING |= {"foreignobject", "audio", "video", "source", "frame", "meta http-equiv=refresh"}


def row(**given):
    blank = {"check": "R1", "quantity": "q", "view": "", "computed": None, "counted": None,
             "reported": None, "cited": None, "unit": "", "source": "", "citation": ""}  # fmt: skip
    return {**blank, **given}


def report(text="A law", *, severity="red"):
    """Return a small report whose every text is `text`."""
    fit = {"label": text, "axis": text, "residual": "log", "rows": 3, "size": [1.0, 10.0, 100.0],
           "observed": [3.0, 2.0, 1.5], "refitted": [0.01, -0.02, None],
           "reported": [0.02, 0.0, 0.01], "curve": None}  # fmt: skip
    curve = {**fit, "inputs": [1.0, 10.0, 100.0],
             "curve": {"column": text, "x": [1.0, 10.0, 100.0], "refitted": [3.0, 2.0, 1.5],
                       "reported": [3.1, 2.0, 1.4]}}  # fmt: skip
    return {
        "schema": "scaling-audit/2", "name": text, "verdict": severity,
        "counts": {"red": 1, "grey": 0, "amber": 0, "green": 0},
        "checks": {text: {"title": text, "scope": "fit", "weight": "counts",
                          "questions": {"otherwise": text}}},
        "paper": {"id": text, "title": text, "version": text, "authors": text, "year": 2022},
        "law": {"name": text, "formula": text, "columns": [text], "params": [text]},
        "objective": text, "quantity": text, "views": [text],
        "scopes": [{"scope": "fit", "question": text, "severity": severity, "answer": text,
                    "because": text}],
        "findings": [{"code": text, "check": text, "severity": severity, "sentence": text,
                      "statistic": None, "threshold": None, "evidence": {text: text},
                      "advice": text}],
        "table": [row(check=text, quantity=text, view=text, computed=1.5, cited=2.0, unit=text,
                      source=text, citation=text), row(quantity="missing")],
        "figures": {
            "fits": [fit, curve],
            "exponent": {"quantity": text, "rows": [
                {"label": text, "origin": "paper", "value": None, "lower": 0.1, "upper": 0.2},
                {"label": text, "origin": "audit", "value": 0.3, "lower": None, "upper": None}]},
            "draws": {"quantity": text, "view": text, "edges": [0.0, 1.0, 2.0],
                      "density": {text: [0.5, 0.5]}, "estimate": 1.0, "reported_point": 0.5,
                      "reported_interval": [0.4, 0.6]},
        },
        "claims": [], "disclosure": {text: text}, "not_assessed": [text],
        "data": {"label": text, "absent": None, "source": text, "rows_read": 3, "rows_used": 3,
                 "rule": text, "sha256": None},
        "settings": {"n": 100, "seed": 0},
        "versions": {"scaling_fast": text}, "claim_file": {"name": text, "sha256": text},
    }  # fmt: skip


class Reader(html.parser.HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.meta = [], [], {}

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "meta":
            given = dict(attrs)
            if "http-equiv" in given:
                self.meta[given["http-equiv"]] = given["content"]


def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_report_becomes_markup(text):
    shown = page.render(report(text))
    reader = read(shown)
    assert not ACTING & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert all((value or "").startswith("#") for name, value in reader.attributes if name == "href")
    assert not [name for name, _ in reader.attributes if name in {"src", "srcset", "xlink:href"}]
    assert reader.tags.count("svg") == 4
    assert not set("\x1b\x07\u2028\u2029\u202e") & set(shown)
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", shown, re.DOTALL)[0]


def test_the_policy_forbids_everything_but_inline_styles():
    policy = read(page.render(report())).meta["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "script-src" not in policy


def test_nothing_is_loaded_from_anywhere():
    shown = page.render(report())
    assert "http:" not in shown
    assert "https:" not in shown
    assert "@import" not in shown
    assert not re.search(r"url\((?!#)", shown)


def test_a_report_is_known_by_its_generator():
    head = page.render(report())[:4096]
    assert '<meta name="generator" content="scaling_fast">' in head


def test_severity_is_said_in_words_and_signs_not_in_colour_alone():
    for severity, word in (("red", "Fails"), ("amber", "Doubtful"), ("green", "Holds"),
                           ("grey", "Not assessed")):  # fmt: skip
        shown = page.render(report(severity=severity))
        assert word in shown
        assert f"Verdict: {word} ({severity})" in shown


def test_advice_is_called_advice_and_checks_are_named():
    given = report()
    given["checks"]["rows"] = {"title": "Rows per parameter", "weight": "advisory"}
    given["findings"] = [{**given["findings"][0], "check": "rows"}]
    shown = page.render(given)
    listed = shown[shown.index('aria-label="findings"') : shown.index('aria-label="numbers"')]
    assert "Advisory" in listed
    assert "Fails" not in listed
    for text in (listed, page.fragment(given), letter.summary(given)):
        assert "Rows per parameter" in text


def test_captions_name_the_colours():
    figures = page.render(report())
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", figures)
    assert len(captions) == 4
    assert all("orange" in c.lower() and "blue" in c.lower() for c in captions)


def test_missing_numbers_are_said_to_be_missing():
    shown = page.render(report())
    assert "not available" in shown
    for word in ("None", "nan", "NaN", "inf"):
        assert not re.search(rf">\s*{word}\s*<", shown)


def test_the_same_json_gives_the_same_bytes():
    given = report()
    once = page.render(given)
    assert page.render(copy.deepcopy(given)) == once
    assert page.render(json.loads(json.dumps(given))) == once


def test_identifiers_on_a_page_are_unique():
    found = re.findall(r'\sid="([^"]+)"', page.render(report()))
    assert len(found) == len(set(found))


@pytest.mark.parametrize("figure", ["fits", "exponent", "draws"])
def test_a_report_without_figures_still_renders(figure):
    given = report()
    given["figures"][figure] = None
    assert "<h1>" in page.render(given)


def test_a_user_style_of_matplotlib_changes_nothing():
    import matplotlib as mpl

    once = page.render(report())
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert page.render(report()) == once
        assert mpl.rcParams["font.size"] == 30


def test_the_letter_numbers_its_questions_and_escapes_markdown():
    given = report("a*b_[c](x)<b>")
    text = letter.render(given)
    assert re.search(r"^1\. ", text, re.MULTILINE)
    assert not re.search(r"(?<!\\)<b>|(?<!\\)\]\(|(?<!\\)\*b", text)


@pytest.mark.parametrize(
    "text", ["` a `` <b> ``` c", "`<b>", "``<b>``", "a ~~b~~", "![x](y)", "[x][y]", "\\<b>"]
)
def test_unbalanced_backticks_hide_no_markup(text):
    shown = markdown(text).replace("\\\\", "")
    assert not re.search(r"(?<!\\)(<b|~~b|\]\(|\]\[)", shown)


def test_numbers_and_names_are_not_escaped():
    text = "`beta/(alpha+beta)` in [0.454, 0.455] of >400 rows, p = 1e-5 (F(5, 37)), scaling_fast"
    assert markdown(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_letter_and_summary_carry_no_terminal_codes(text):
    given = report(text)
    for shown in (letter.render(given), letter.summary(given)):
        assert not set("\x1b\x07\u2028\u202e") & set(shown)


def test_a_file_is_never_overwritten_unasked(tmp_path):
    path = tmp_path / "report.html"
    assert write_text(path, "one", force=False) == path
    with pytest.raises(DataError, match="force"):
        write_text(path, "two", force=False)
    assert path.read_text() == "one"
    write_text(path, "two", force=True)
    assert path.read_text() == "two"
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_a_link_is_replaced_not_followed(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link.html"
    target.write_text("keep")
    link.symlink_to(target)
    with pytest.raises(DataError):
        write_text(link, "new", force=False)
    write_text(link, "new", force=True)
    assert target.read_text() == "keep"
    assert link.read_text() == "new"


@pytest.mark.parametrize("name", ["no/such/folder/x.html", "x" * 5000, "a\x00b", "."])
def test_a_path_that_cannot_be_written_is_a_typed_error(tmp_path, name):
    with pytest.raises(DataError):
        write_text(f"{tmp_path}/{name}", "text", force=True)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "not available"),
        (float("nan"), "not available"),
        (0.0, "0"),
        (240.0, "240"),
        (581413.1, "581,413"),
        (1.2225e-16, "1.2225×10⁻¹⁶"),
        (0.34731, "0.34731"),
        (-4.4339, "-4.4339"),
        (5.984e22, "5.984×10²²"),
        (float("inf"), "∞"),
        ("inf", "∞"),
        ("-inf", "\u2212∞"),
        ("many", "not available"),
    ],
)
def test_numbers_are_shown_to_five_digits_with_points(value, shown):
    assert number(value) == shown


def test_plain_text_keeps_letters_and_drops_controls():
    assert plain("α ≥ 1") == "α ≥ 1"
    assert plain("a\x1bb") == "a\ufffdb"
    assert markdown("a_b *c* _d_") == "a_b \\*c\\* \\_d\\_"


def test_what_is_missing_for_one_reason_is_asked_once():
    given = report(severity="grey")
    given["findings"] = [
        {**given["findings"][0], "code": f"{check}.no_data", "check": check, "severity": "grey"}
        for check in ("R1", "R2", "R6")
    ]
    asked = {"no_data": "Could you publish the rows?", "otherwise": "Why?"}
    for check in ("R1", "R2", "R6"):
        given["checks"][check] = {"title": check, "weight": "counts", "questions": asked}
    found = [item["question"] for item in letter.questions(given)]
    assert found == ["Could you publish the rows?"]


def test_what_only_this_audit_lacks_is_not_asked():
    given = report()
    given["findings"][0] |= {"code": "R1.unavailable", "check": "R1"}
    asked = {"unavailable": "", "otherwise": "Why?"}
    given["checks"]["R1"] = {"title": "Re-optimised", "weight": "counts", "questions": asked}
    assert not letter.questions(given)
    assert "We have no questions." in letter.render(given)


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324, None, "inf", "-inf"])
def test_numbers_no_plot_can_hold_leave_the_report_standing(value):
    given = report()
    figures = given["figures"]
    figures["exponent"]["rows"][0].update(lower=value, upper=value)
    figures["draws"].update(estimate=value, reported_interval=[value, value])
    figures["fits"][0].update(size=[1e-300, 1.0, 1e308], reported=[value, 0.0, value])
    shown = page.render(given)
    assert "<h1>" in shown
    assert shown.count("<figcaption>") == 4


def test_powers_beyond_a_float_are_left_as_they_are():
    shown = page.render(report("3e+400 and 5e-324 and 2e+22"))
    assert "3e+400" in shown
    assert "5e-324" in shown
    assert "2×10²²" in shown
