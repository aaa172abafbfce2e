"""The command itself: its help, its version, and the exit code of a bug in scaling_fast."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from terminal import VERBS, call, strict_json

from scaling_fast.cli.command import main


def test_version_and_help():
    import scaling_fast

    assert call("--version").stdout.strip() == f"scaling-fast {scaling_fast.__version__}"
    assert set(main.commands) == set(VERBS)
    for verb in VERBS:
        text = call(verb, "--help").stdout
        assert "Examples:" in text
        assert "--json" in text
    assert "Commands:" in call().stdout


def test_help_offers_what_the_library_takes_and_nothing_else():
    from typing import get_args

    import scaling_fast as sf
    from scaling_fast.cli import fit_view, parsing
    from scaling_fast.fitting.table import DIAGNOSTICS
    from scaling_fast.losses.registry import Loss
    from scaling_fast.resampling.result import METHODS

    text = " ".join(call("bootstrap", "--help").stdout.split())
    assert f"{', '.join(METHODS[:-1])} or {METHODS[-1]}" in text
    for loss in get_args(Loss):
        assert loss.name in text
    hint = sf.fit.__annotations__["residual"]  # Literal["log", ...] | None, not evaluated
    assert sorted(parsing.RESIDUALS) == sorted(re.findall(r"'(\w+)'", hint))
    assert "log|raw|logit" in text
    assert set(DIAGNOSTICS) <= set(fit_view.MEANINGS)
    glossary = (Path(__file__).parents[2] / "docs/terminal.md").read_text("utf-8")
    for name in fit_view.MEANINGS:
        assert f"`{name}`" in glossary, name
        assert name in call("fit", "--help").stdout
    assert "..." not in call("--help").stdout.partition("Commands:")[2]  # as click cuts them


def test_a_bug_in_scaling_fast_is_not_a_finding(monkeypatch):
    import scaling_fast.laws

    def broken():
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(scaling_fast.laws, "names", broken)
    result = call("laws", code=3)
    assert "please report" in result.stderr
    entry = strict_json(call("laws", "--json", code=3).stderr)["error"]
    assert entry["code"] == "internal"


def test_the_examples_of_the_page_run(runs):
    page = (Path(__file__).parents[2] / "docs/terminal.md").read_text("utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line) for line in block.splitlines()]
    assert {line[1] for line in lines} >= {"fit", "bootstrap", "stress", "audit"}
    for name, *words in lines:
        assert name == "scaling-fast"
        assert call(*words).stdout
    assert Path("letter.md").stat().st_size > 100
