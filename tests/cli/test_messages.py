"""Errors at a terminal: one sentence, exit code 2, options spelled as they are typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from terminal import COLUMNS, QUICK, VERBS, call, error_of

from scaling_fast.cli.command import main


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonsense"], "nonsense"),
        (["fit", "runs.csv"], "LAW"),
        (["fit", "runs.csv", "chinchilla", "--no-such"], "--no-such"),
        (["fit", "missing.csv", "chinchilla"], "does not exist"),
        (["fit", "cerebras203", "chinchilla"], "did you mean `cerebras2023`?"),
        (["fit", "notes.txt", "chinchilla"], "can be read"),
        (["fit", "empty.csv", "chinchilla"], "empty.csv"),
        (["fit", "runs.csv", "chinchila", *COLUMNS], "did you mean `chinchilla`?"),
        (["fit", "runs.csv", "E + A/N**", *COLUMNS], "character 9"),
        (
            ["fit", "runs.csv", "chinchilla", "--column", "N=parms", "--column", "D=tokens"],
            "params",
        ),
        (["fit", "runs.csv", "chinchilla", "--column", "N"], "--column"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--target", "los"], "did you mean `loss`?"),
        (
            ["fit", "runs.csv", "chinchilla", *COLUMNS, "--loss", "hubert:1"],
            "did you mean `huber`?",
        ),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--loss", "soft_l1"], "soft_l1:DELTA"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--loss", "huber:-1"], "positive"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--residual", "lot"], "residual"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--param", "alpha"], "alpha:lower=0"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--param", "alpha:lwer=0"], "`lower`"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--param", "gama:lower=0"], "gama"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--starts", "many"], "auto"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--threads", "0"], "threads"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--output", "x.xlsx"], ".parquet"),
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--output", "no/x.csv"], "directory"),
        (["bootstrap", "runs.csv", "chinchilla", *COLUMNS, "--scheme", "pair"], "`pairs`"),
        (["bootstrap", "runs.csv", "chinchilla", *COLUMNS, "--scheme", "clusters"], "clusters:run"),
        (["bootstrap", "runs.csv", "chinchilla", *COLUMNS, "--n", "0"], "n "),
        (["bootstrap", "runs.csv", "chinchilla", *COLUMNS, *QUICK, "--level", "95"], "level"),
        (["bootstrap", "runs.csv", "chinchilla", *COLUMNS, *QUICK, "--of", "gama"], "gama"),
        (["audit", "hofmann2022"], "did you mean `hoffmann2022`?"),
        (["audit", "missing.toml"], "missing.toml"),
        (["audit", "--html", "runs.csv"], "--force"),
        (["laws", "chinchila"], "did you mean `chinchilla`?"),
        (["datasets", "chinchila"], "did you mean `chinchilla`?"),
        (["datasets", "--download"], "name"),
    ],
    ids=lambda given: " ".join(given[:1] + given[-2:]) if isinstance(given, list) else "",
)
def test_a_question_that_cannot_be_asked_exits_2_with_one_sentence(runs, words, says):
    Path("notes.txt").write_text("hello")
    Path("empty.csv").write_text("")
    result = call(*words, code=2)
    assert says in result.stderr, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "error: " in result.stderr
    if words[0] in VERBS:
        # The object's message is the sentence a person is shown.
        assert error_of(call(*words, "--json", code=2))["message"] in result.stderr


def test_an_error_names_the_place_of_the_fault(runs):
    formula = error_of(call("fit", runs, "E + A/N** ", *COLUMNS, "--json", code=2))
    assert isinstance(formula["position"], int)
    frame = pl.read_csv(runs).with_columns(loss=pl.Series([-1.0]).append(pl.Series([2.0] * 47)))
    frame.write_csv("negative.csv")
    data = error_of(call("fit", "negative.csv", "chinchilla", *COLUMNS, "--json", code=2))
    assert (data["column"], data["row"]) == ("loss", 0)


def test_errors_are_said_in_the_words_of_a_terminal(runs):
    Path("gap.csv").write_text("params,tokens,loss\n1e8,1e9,3.1\n2e8,,3.0\n4e8,4e9,2.9\n")
    Path("gap.jsonl").write_text(pl.read_csv("gap.csv").write_ndjson())
    for words, says in (
        (["gap.csv", *COLUMNS], ("in line 3 (", "--nulls drop")),
        (["gap.jsonl", *COLUMNS], ("in row 1 (the first is row 0)",)),
        ([runs], ("--column N=params",)),
        ([runs, "--column", "N=params,D=tokens"], ("`--column N=params --column D=tokens`",)),
        (["gap.csv", *COLUMNS, "--nulls", "drop"], ("`E`, `A`, `alpha`",)),
        ([runs, *COLUMNS, "--threads", "0"], ("--threads must",)),
    ):
        message = error_of(call("fit", words[0], "chinchilla", *words[1:], "--json", code=2))
        for part in says:
            assert part in message["message"]
        assert "['" not in message["message"]
        assert 'nulls="' not in message["message"]
    quoted = 'note,params,tokens,loss\n"a\nb",1e8,1e9,3.1\nc,2e8,,3.0\n'
    Path("quoted.csv").write_text(quoted)
    stderr = call("fit", "quoted.csv", "chinchilla", *COLUMNS, code=2).stderr
    assert "row 1 (the first is row 0)" in stderr


N = np.geomspace(1e7, 1e10, 5).repeat(5)
D = np.tile(np.geomspace(1e9, 1e12, 5), 5)
NOISE = 0.01 * np.random.default_rng(3).normal(size=25)
RUNS = {"params": N, "tokens": D, "loss": (1.7 + 400 / N**0.34 + 410 / D**0.28) * np.exp(NOISE)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(RUNS).write_csv("runs.csv")
    return tmp_path


def fit_at_a_terminal(*words):
    return CliRunner().invoke(main, ["fit", *words])


def test_the_target_and_its_scale_come_from_the_formula(folder):
    frame = {"G": [2.0, 4.0, 8.0, 16.0, 32.0], "x": [1.0, 3.0, 2.0, 5.0, 4.0]}
    frame["n_star"] = [g * 3.0 * x**0.5 for g, x in zip(frame["G"], frame["x"], strict=True)]
    pl.DataFrame(frame).write_csv("star.csv")
    result = fit_at_a_terminal("star.csv", "log(n_star) ~ log(G) + b + a*log(x)", "--json")
    assert result.exit_code == 0, result.stderr
    assert '"a": 0.5' in result.stdout or '"a": 0.49999' in result.stdout
    clash = fit_at_a_terminal("star.csv", "log(n_star) ~ log(G) + b + a*log(x)", "--target", "x")
    assert "but the formula explains `n_star`" in clash.stderr


def test_errors_are_in_the_words_of_the_terminal(folder):
    result = fit_at_a_terminal("runs.csv", "chinchilla", "--residual", "log_excess:E",
                  "--column", "N=params", "--column", "D=tokens")  # fmt: skip
    assert result.exit_code == 2
    assert "--loss squared" in result.stderr
    assert "Squared()" not in result.stderr
    named = fit_at_a_terminal("runs.csv", "E + A/N**alpha + B/D**beta")
    assert "--column N=params --column D=tokens" in named.stderr
    assert "columns=" not in named.stderr
    missing = fit_at_a_terminal("runs.csv", "chinchilla")
    assert missing.stderr.count("--column N=params") == 1
    assert "columns=" not in missing.stderr


def test_errors_of_files_say_how_to_fix_them(folder):
    Path("semicolon.csv").write_text("a;b\n1,5;2\n")
    Path("ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    Path("wide.csv").write_bytes("a,b\n1,2\n".encode("utf-16"))
    assert "write it with commas" in fit_at_a_terminal("semicolon.csv", "power").stderr
    assert "more cells than the header has names" in fit_at_a_terminal("ragged.csv", "power").stderr
    assert "save it as UTF-8" in fit_at_a_terminal("wide.csv", "power").stderr
