"""`scaling-fast optimum`: the table of the library, its findings, and its exit codes."""

from __future__ import annotations

import polars as pl
import pytest
from terminal import COLUMNS, call, error_of, strict_json

import scaling_fast as sf

SQUARED = ["--loss", "squared"]


def asked(runs, *words, code=0):
    return call("optimum", runs, "chinchilla", *COLUMNS, *words, code=code)


def test_the_table_is_that_of_the_library(runs, frame):
    fit = sf.fit(frame, "chinchilla", columns={"N": "params", "D": "tokens"})
    expected = sf.optimum(sf.bootstrap(fit, n=60), [1e22, 1e23], level=0.8)
    words = ["--flops", "1e22", "--flops", "1e23", "--n", "60", "--level", "0.8"]
    entry = strict_json(asked(runs, *words, "--json").stdout)
    assert entry["table"] == expected.to_dicts()
    assert (entry["cost"], entry["n"], entry["scheme"]) == ("6*N*D", 60, "pairs")
    lines = asked(runs, *words).stdout.splitlines()
    assert lines[0].split("\t") == expected.columns
    assert len(lines) == 11


def test_a_loss_is_reached_by_either_option(runs):
    words = ["--n", "60", "--json", "--cost", "6*params*tokens"]
    asked(runs, "--flops", "1e22", *words, code=2)
    words[-1] = "6*N*D + 2*N*1e13"
    tables = [
        strict_json(asked(runs, option, "2.1", *words).stdout)["table"]
        for option in ("--reach", "--loss")
    ]
    assert tables[0] == tables[1]
    assert {row["status"] for row in tables[0]} == {"interior"}


def test_delta_method_intervals_need_a_curved_loss(runs):
    said = asked(runs, "--flops", "1e22", "--n", "0", "--json", code=2)
    assert error_of(said)["code"] == "kink"
    entry = strict_json(asked(runs, "--flops", "1e22", "--n", "0", *SQUARED, "--json").stdout)
    assert entry["scheme"] is None
    assert all(row["lower"] <= row["estimate"] <= row["upper"] for row in entry["table"])


def test_what_to_know_of_an_optimum_is_a_finding(runs, frame, tmp_path):
    words = ["--flops", "1e27", "--n", "0", *SQUARED]
    said = asked(runs, *words, "--json", "--fail-on", "amber", code=1)
    assert "far_beyond" in [finding["code"] for finding in strict_json(said.stdout)["findings"]]
    assert "decades beyond the largest run" in asked(runs, *words).stderr
    law = "E + A/N**alpha + 0*D"
    edge = call("optimum", runs, law, *COLUMNS, "--flops", "1e22", "--n", "0", *SQUARED, "--json")
    entry = strict_json(edge.stdout)
    assert {row["status"] for row in entry["table"]} == {"edge"}
    assert entry["table"][0]["lower"] is None
    assert "edge" in [finding["code"] for finding in entry["findings"]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "usage"),
        (["--flops", "1e22", "--reach", "2.0"], "usage"),
        (["--flops", "many"], "usage"),
        (["--flops", "-1"], "not_positive"),
        (["--flops", "nan"], "nan"),
        (["--flops", "1e99"], "out_of_reach"),
        (["--reach", "0.5"], "unreachable"),
        (["--flops", "1e22", "--cost", "6*N"], "cost"),
        (["--flops", "1e22", "--cost", "6*N*"], "formula"),
        (["--flops", "1e22", "--level", "90"], "level"),
        (["--flops", "1e22", "--n", "-1"], "too_small"),
        (["--flops", "1e22", "--n", "1"], "too_few"),
        (["--flops", "1e22", "--scheme", "dice"], "unknown_word"),
    ],
)
def test_a_question_that_cannot_be_asked_exits_with_2(runs, words, code):
    assert error_of(asked(runs, *words, "--json", code=2))["code"] == code


def test_a_law_of_one_input_exits_with_2_and_a_failed_fit_with_3(runs, frame):
    said = call("optimum", runs, "E + A/N**a", *COLUMNS[:2], "--flops", "1e22", "--json", code=2)
    assert error_of(said)["code"] == "inputs"
    frame.with_columns(loss=2.0 + 1e3 / pl.col("tokens") ** 0.35).write_csv("flat.csv")
    said = call("optimum", "flat.csv", "chinchilla", *COLUMNS, "--flops", "1e22", "--json", code=3)
    assert error_of(said)["code"] == "not_converged"
    call("optimum", "flat.csv", "chinchilla", *COLUMNS, "--flops", "1e22", code=3)


def test_groups_have_a_block_each(runs, frame):
    frame.with_columns(part=pl.col("run") % 2).write_csv("parts.csv")
    words = [*COLUMNS, "--by", "part", "--flops", "1e22", "--n", "60", "--json"]
    table = strict_json(call("optimum", "parts.csv", "chinchilla", *words).stdout)["table"]
    assert [row["part"] for row in table] == [0] * 5 + [1] * 5


def test_optima_are_legal_in_of(runs, frame):
    fit = sf.fit(frame, "chinchilla", columns={"N": "params", "D": "tokens"})
    formulas = ["N_opt(1e22)", "log10(D_opt(1e22)/N_opt(1e22))"]
    words = [
        *COLUMNS,
        "--n",
        "60",
        *(word for text in formulas for word in ("--of", text)),
        "--json",
    ]
    entry = strict_json(call("bootstrap", runs, "chinchilla", *words).stdout)
    assert entry["intervals"] == sf.bootstrap(fit, n=60).interval(of=formulas).to_dicts()
