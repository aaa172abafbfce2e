"""The page of the laws is in step with the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import scaling_fast as sf
from scaling_fast.laws.page import updated_page, write_page

FILE = Path(__file__).parents[2] / "docs" / "laws.md"
PAGE = FILE.read_text(encoding="utf-8")
WRITE = "python -c 'from scaling_fast.laws.page import write_page; write_page(\"docs/laws.md\")'"


def test_the_table_of_the_page_is_the_catalogue():
    assert updated_page(PAGE) == PAGE, f"docs/laws.md is out of date; write it with: {WRITE}"


def test_the_page_has_a_line_for_each_law_and_no_other():
    listed = re.findall(r"^\| `([a-z0-9_]+)` \| `", PAGE, flags=re.MULTILINE)
    assert listed == sf.laws.names()


def test_a_page_out_of_date_is_brought_up_to_date(tmp_path):
    page = tmp_path / "laws.md"
    page.write_text(PAGE.replace("| `power` |", "| `powers` |"), encoding="utf-8")
    write_page(page)
    assert page.read_text(encoding="utf-8") == PAGE


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
