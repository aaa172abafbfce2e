"""Every page: its examples run and say what they say, its links lead somewhere, and what it names exists."""

from __future__ import annotations

import doctest
import os
import re
from pathlib import Path

import pytest

from scaling_fast._core import statuses

ROOT = Path(__file__).parents[2]
PAGES = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")

NEEDS_AN_ENGINE = {"docs/guide/clusters.md"}
"""Pages whose programs need a cluster, Spark or Ray; `benches/engines` holds programs that were run there."""

RETIRED = {"CHANGELOG.md": {"recipes"}}
"""Names of earlier versions that a page still has to mention."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def python_blocks(page: str) -> list[str]:
    return [code for language, code in FENCED.findall(text_of(page)) if language == "python"]


def prose_of(page: str) -> str:
    """Return a page without its blocks of code."""
    return FENCED.sub("", text_of(page))


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)])
def test_examples_run_as_written(page, tmp_path, monkeypatch):
    source = text_of(page)
    if "SCALING_FAST_DATA" not in os.environ and 'load("chinchilla")' in source:
        pytest.skip("SCALING_FAST_DATA is not set: the examples load the chinchilla data")
    monkeypatch.chdir(tmp_path)
    # A closing fence directly under an expected output would be read as part of it.
    fenced = re.sub(r"^```\s*$", "", source, flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(fenced, {}, page, str(ROOT / page), 0)
    report: list[str] = []
    failed = doctest.DocTestRunner(optionflags=FLAGS).run(examples, out=report.append).failed
    assert not failed, "".join(report)


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)])
def test_a_python_block_that_does_not_run_here_needs_an_engine(page):
    programs = [code for code in python_blocks(page) if ">>>" not in code]
    for program in programs:
        compile(program, page, "exec")
    assert not programs or page in NEEDS_AN_ENGINE


def test_the_page_of_findings_has_every_finding_of_a_fit():
    made = re.compile(r'\b(?:amber|Finding)\(\s*(?:code=)?"(\w+)"')
    said = re.compile(r'\b_finding\(\s*"(\w+)"')
    rooms = [ROOT / "python/scaling_fast" / room for room in ("fitting", "frames")]
    files = [path for room in rooms for path in room.rglob("*.py")]
    codes = {code for path in files for code in made.findall(path.read_text("utf-8"))}
    codes |= set(said.findall((rooms[0] / "diagnostics.py").read_text("utf-8")))
    page = text_of("docs/guide/findings.md")
    assert len(codes) > 20
    assert not {code for code in codes if f"`{code}`" not in page}


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page):
    broken = []
    for link in LINK.findall(prose_of(page)):
        target, _, place = link.partition("#")
        path = (ROOT / page).parent / target if target else ROOT / page
        if not path.exists():
            broken.append(link)
        elif place:
            headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), flags=re.MULTILINE)
            broken += [] if place in {anchor(heading) for heading in headings} else [link]
    assert not broken


def test_every_page_can_be_reached_from_the_index():
    seen: set[Path] = set()
    waiting = [ROOT / "docs/index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = LINK.findall(prose_of(str(page.relative_to(ROOT))))
        waiting += [page.parent / link.partition("#")[0] for link in links if link[0] != "#"]
    assert {(ROOT / page).resolve() for page in PAGES} <= seen


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page):
    places = (ROOT, ROOT / "python/scaling_fast", ROOT / "rust/core/src")
    named = set(re.findall(r"`(\.?[a-z_]+(?:/\w+)*(?:/|/\w+\.(?:py|rs|md|toml)))`", prose_of(page)))
    assert not {name for name in named if not any((place / name).exists() for place in places)}


@pytest.mark.parametrize("page", PAGES)
def test_every_verb_and_make_target_that_a_page_shows_exists(page):
    from scaling_fast.cli.command import main

    shown = set(re.findall(r"^scaling-fast ([a-z]+)", text_of(page), flags=re.MULTILINE))
    shown |= set(re.findall(r"`scaling-fast ([a-z]+)", text_of(page)))
    assert shown <= set(main.commands), shown - set(main.commands)
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", text_of(page))) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_no_page_calls_a_name_that_the_package_lacks(page):
    import scaling_fast as sf

    missing = set()
    for name in re.findall(r"\bsf\.([a-zA-Z_][\w.]*\w|[a-zA-Z_])", text_of(page)):
        place: object = sf
        for part in name.split("."):
            if not hasattr(place, part):
                missing.add(name)
                break
            place = getattr(place, part)
    assert missing <= RETIRED.get(page, set())


def test_decisions_are_numbered_without_a_gap_and_listed():
    folder = ROOT / "docs/decisions"
    files = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    index = (folder / "README.md").read_text("utf-8")
    for name in files:
        assert f"({name})" in index
        text = (folder / name).read_text("utf-8")
        assert text.startswith(f"# {int(name[:4])}. ")
        assert text.index("## Decision") < text.index("## Why")


def test_the_page_on_certificates_lists_every_status():
    listed = re.findall(
        r"^\| `([a-z_]+)` \|", text_of("docs/why/certificate.md"), flags=re.MULTILINE
    )
    assert sorted(listed) == sorted(word for word, _ in statuses())
