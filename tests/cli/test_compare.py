"""The verb `compare`."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from terminal import call, error_of, strict_json

X = np.geomspace(1e7, 1e10, 20)


@pytest.fixture
def runs(tmp_path):
    error = 0.005 * np.random.default_rng(3).standard_normal(20)
    path = tmp_path / "runs.csv"
    loss = (1.8 + 480.0 * X**-0.35) * np.exp(error)
    pl.DataFrame({"size": X, "loss": loss, "run": range(20)}).write_csv(path)
    return path


WORDS = ("--column", "x=size", "--loss", "squared", "--n", "9")


def test_a_comparison_is_one_object_of_json(runs):
    words = ("--at", "1e11", "--laws", "power", "--laws", "shifted_power", "--json")
    answer = strict_json(call("compare", runs, "power_offset", *WORDS, *words).stdout)
    assert [row["law"] for row in answer["table"]] == ["power_offset", "power", "shifted_power"]
    assert answer["verdict"] == answer["table"][0]["verdict"]
    assert answer["range"][0]["sentence"].startswith("two curves")


def test_a_pipe_has_the_table_of_laws_and_stderr_the_findings(runs):
    result = call("compare", runs, "power", *WORDS, "--laws", "power_offset")
    head, first, *_ = result.stdout.splitlines()
    assert head.split("\t")[:5] == ["law", "k", "aicc", "delta", "kept"]
    assert first.split("\t")[0] == "power"
    assert "red: power: rejected" in result.stderr


def test_a_rejected_law_can_fail_a_script(runs):
    call("compare", runs, "power", *WORDS, "--laws", "power_offset", "--fail-on", "red", code=1)


def test_runs_and_all_pairs_are_options(runs):
    words = (
        "--laws",
        "power",
        "--laws",
        "shifted_power",
        "--pairs",
        "all",
        "--run",
        "run",
        "--json",
    )
    answer = strict_json(call("compare", runs, "power_offset", *WORDS, *words).stdout)
    assert answer["settings"]["pairs"] == "all"
    assert answer["settings"]["run"] == ["run"]


def test_a_law_that_is_no_rival_is_refused(runs):
    words = (*WORDS, "--laws", "chinchilla", "--json")
    entry = error_of(call("compare", runs, "power_offset", *words, code=2))
    assert entry["code"] == "missing_column"
