"""README keeps its two commands, and speaks to readers who do not know the codes of the checks."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_stand_in_readme():
    assert re.search(r"pip install \. && scaling-fast audit", TEXT)
    assert re.search(r"^make test\b", TEXT, flags=re.MULTILINE)


def test_readme_shows_at_least_three_python_examples():
    assert TEXT.count("```python") >= 3


def test_readme_names_no_check_by_its_code():
    assert not re.findall(r"\b[RH]\d{1,2}\b", TEXT)
