"""README's examples run and say what they say, and its commands exist."""

from __future__ import annotations

import doctest
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def text():
    return README.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_examples_run_as_written(name, tmp_path, monkeypatch):
    path = ROOT / name
    source = path.read_text(encoding="utf-8")
    if "SCALING_FAST_DATA" not in os.environ and 'load("chinchilla")' in source:
        pytest.skip("SCALING_FAST_DATA is not set: the examples load the chinchilla data")
    monkeypatch.chdir(tmp_path)
    # A closing fence directly under an expected output would be read as part of it.
    fenced = re.sub(r"^```\s*$", "", source, flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(fenced, {}, name, str(path), 0)
    if name == "README.md":
        assert len(examples.examples) >= 3
    report: list[str] = []
    failed = doctest.DocTestRunner(optionflags=FLAGS).run(examples, out=report.append).failed
    assert not failed, "".join(report)


def test_the_two_commands_stand_in_readme(text):
    assert re.search(r"pip install \. && scaling-fast audit", text)
    assert "make test" in text


def test_every_verb_readme_shows_is_a_verb(text):
    from scaling_fast.cli.command import main

    shown = set(re.findall(r"scaling-fast ([a-z]+)", text))
    assert shown <= set(main.commands), shown - set(main.commands)


def test_every_make_target_readme_shows_is_a_target(text):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets


def test_every_local_link_leads_somewhere(text):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    assert not [link for link in links if not (ROOT / link).exists()]
