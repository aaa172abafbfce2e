"""The page of the laws is in step with the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scaling_fast as sf

PAGE = (Path(__file__).parents[2] / "docs" / "laws.md").read_text(encoding="utf-8")
SHOWN = 100
"""Characters of a formula beyond which the page sends the reader to the command."""


def row(law):
    """Return the line of the page that belongs to a law."""
    short = len(law.formula) <= SHOWN
    formula = f"`{law.formula}`" if short else f"`scaling-fast laws {law.name}`"
    columns = ", ".join(law.columns)
    return f"| `{law.name}` | {formula} | {columns} | {law.description} |"


@pytest.mark.parametrize("name", sf.laws.names())
def test_the_page_has_a_line_for_each_law(name):
    assert row(sf.laws.get(name)) in PAGE


def test_the_page_has_no_other_law():
    listed = re.findall(r"^\| `([a-z0-9_]+)` \| `", PAGE, flags=re.MULTILINE)
    assert listed == sf.laws.names()


def test_the_page_names_every_measure_of_a_need():
    from typing import get_args

    from scaling_fast.laws.need import Measure

    for measure in get_args(Measure):
        assert f"`{measure}`" in PAGE


def test_the_functions_of_the_page_can_be_called():
    from scaling_fast import _core

    listed = re.search(r"Functions:(.*?)\.\n", PAGE, flags=re.DOTALL)
    functions = re.findall(r"`([a-z0-9]+)\(([^`)]*)\)`", listed[1])
    assert len(functions) >= 22
    for name, arguments in functions:
        program = _core.Program(f"{name}({arguments})", ["x"])
        assert program.columns == ["x"]
