"""What is printed: tables that fit the terminal, no control character, JSON without NaN."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from terminal import COLUMNS, call, strict_json, watched

from scaling_fast.cli.command import main


def test_no_control_character_reaches_a_terminal(tmp_path, monkeypatch, frame):
    monkeypatch.chdir(tmp_path)
    hostile = "\x1b]0;owned\x07\x1b[31mloss\u202e\r"
    frame.with_columns(run=pl.lit(hostile)).rename({"params": hostile}).write_parquet("h.parquet")
    words = ["fit", "h.parquet", "chinchilla", "--column", f"N={hostile}", "--column", "D=tokens"]
    for extra in ([], ["--by", "run"], ["--target", hostile[:4]], ["--target", "\x1b[2J"]):
        result = CliRunner().invoke(main, [*words, *extra])
        for stream in (result.stdout, result.stderr):
            assert not [character for character in "\x1b\x07\u202e\r" if character in stream]
    # JSON escapes them, and gives the name back as it was.
    table = strict_json(call(*words, "--by", "run", "--json").stdout)["table"]
    assert table[0]["run"] == hostile
    for verb in ("laws", "datasets", "audit", "\x1b[2Jfit"):
        result = call(verb, "\x1b[31mred", code=2)
        assert "\x1b" not in result.stderr


def test_markup_in_a_name_is_only_text(frame, tmp_path):
    frame.with_columns(run=pl.lit("[bold red]x[/]")).write_csv(tmp_path / "m.csv")
    seen = watched("fit", tmp_path / "m.csv", "chinchilla", *COLUMNS, "--by", "run")
    assert "[bold red]x[/]" in seen


@pytest.mark.parametrize("width", [40, 60, 80, 300])
def test_a_narrow_terminal_breaks_no_number(runs, width):
    words = ["fit", runs, "E + A/N**alpha", "--column", "N=tokens", "--by", "run"]
    words += ["--param", "alpha:fixed=0.3"]
    rows = strict_json(call(*words, "--json").stdout)["table"]
    seen = watched(*words, COLUMNS=str(width), NO_COLOR="1")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen)
    assert max(len(line) for line in plain.split("\r\n")) <= width
    for row in rows:
        for name in ("E", "A"):
            assert f"{row[name]:.6g} " in seen
    assert "status" in seen
    assert ("gradient" in seen) == (width == 300)


def test_a_terminal_gets_an_aligned_table_and_no_colour_when_asked():
    seen = watched("doctor", NO_COLOR="1")
    assert "self test" in seen
    assert "│" in seen
    assert "\x1b[3" not in seen
    assert "\t" not in seen


def test_json_has_no_nan_and_keeps_every_digit(capsys):
    import datetime as dt

    from scaling_fast.cli import output

    day = dt.datetime(2024, 2, 29, 12, 30)
    frame = pl.DataFrame({"x": [float("nan"), 5e-324], "when": [day, None]})
    values = {"a": float("nan"), "b": [float("inf"), -np.inf, 0.1 + 0.2], "c": np.float64(1 / 3)}
    output.emit_json({**values, 1: None, "frame": output.json_rows(frame)})
    assert strict_json(capsys.readouterr().out) == {
        "a": None, "b": ["inf", "-inf", 0.1 + 0.2], "c": 1 / 3, "1": None,
        "frame": [{"x": None, "when": "2024-02-29T12:30:00"}, {"x": 5e-324, "when": None}],
    }  # fmt: skip
