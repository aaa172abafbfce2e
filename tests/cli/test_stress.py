"""`scaling-fast stress`: what the library measures, as JSON."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from terminal import watched

import scaling_fast as sf


def test_the_terminal_measures_coverage(tmp_path, capsys):
    from scaling_fast.cli.command import main

    x = np.geomspace(1e7, 1e10, 24)
    noise = 0.01 * np.random.default_rng(0).standard_normal(24)
    pl.DataFrame({"x": x, "loss": (1.8 + 400 * x**-0.34) * np.exp(noise)}).write_csv(
        tmp_path / "r.csv"
    )
    said = ["stress", "coverage", str(tmp_path / "r.csv"), "E + A*x**(-alpha)", "--column", "x=x",
            "--loss", "squared", "--scheme", "wild:rademacher", "--n-sim", "30", "--n", "99",
            "--of", "alpha", "--json"]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(said)
    assert ended.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["test"] == "coverage"
    assert answer["table"][0]["name"] == "alpha"
    assert answer["settings"]["n_sim"] == 30


@pytest.fixture
def dated(tmp_path):
    x = np.geomspace(1e7, 1e11, 20)
    noise = 0.005 * np.random.default_rng(1).standard_normal(20)
    days = [f"2024-{1 + place // 2:02}-{1 + 14 * (place % 2):02}" for place in range(20)]
    path = tmp_path / "runs.csv"
    frame = {"x": x, "loss": (1.8 + 480 * x**-0.35) * np.exp(noise), "day": days}
    pl.DataFrame(frame | {"run": [f"r{place}" for place in range(20)]}).write_csv(path)
    return str(path)


def answer_of(capsys, *words):
    from scaling_fast.cli.command import main

    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_the_terminal_back_tests(dated, capsys):
    code, out, _ = answer_of(
        capsys, "stress", "backtest", dated, "power_offset", "--n", "19", "--run", "run", "--json"
    )
    assert code == 0
    answer = json.loads(out)
    assert answer["test"] == "backtest"
    assert 0 < answer["p"] <= 1
    assert answer["table"][0]["run"].startswith("r")
    assert answer["findings"][0]["check"] == "backtest"


def test_the_terminal_reads_dates_as_the_scale(dated, capsys):
    code, out, err = answer_of(
        capsys, "stress", "backtest", dated, "power_offset", "--n", "19", "--along", "day"
    )
    assert code == 0
    assert "median_error" in out
    assert "asked for the rest" in err
    assert "skill" in err


def test_the_terminal_names_a_scale_that_is_not_there(dated, capsys):
    code, out, err = answer_of(
        capsys, "stress", "backtest", dated, "power_offset", "--along", "dya"
    )
    assert code == 2
    assert not out
    assert "did you mean `day`" in err


def test_too_few_origins_fail_on_grey(tmp_path, capsys):
    path = tmp_path / "few.csv"
    x = np.geomspace(1e7, 1e8, 8)
    pl.DataFrame({"x": x, "loss": 1.8 + 480 * x**-0.35 + 0.001 * np.cos(np.arange(8))}).write_csv(
        path
    )
    words = ("stress", "backtest", str(path), "power_offset", "--json")
    code, out, _ = answer_of(capsys, *words)
    assert code == 0
    assert json.loads(out)["p"] is None
    assert answer_of(capsys, *words, "--fail-on", "grey")[0] == 1


def test_the_terminal_says_how_far_a_forecast_may_be_off(tmp_path, capsys):
    from scaling_fast.cli.command import main

    x = np.geomspace(1e7, 1e10, 9)
    noise = 0.004 * np.random.default_rng(1).standard_normal(9)
    pl.DataFrame({"x": x, "loss": (1.8 + 400 * x**-0.34) * np.exp(noise)}).write_csv(
        tmp_path / "r.csv"
    )
    said = [
        "stress",
        "allowance",
        str(tmp_path / "r.csv"),
        "power_offset",
        "--loss",
        "squared",
        "--at",
        "1e11",
    ]
    with pytest.raises(SystemExit) as ended:
        main([*said, "--json"])
    assert ended.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["test"] == "allowance"
    assert answer["table"][0]["status"].startswith("few_rows")
    assert "few_rows" in [finding["code"] for finding in answer["findings"]]
    with pytest.raises(SystemExit) as ended:
        main([*said, "--fail-on", "amber"])
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert "allow for" in shown.err
    assert "prediction" in shown.out
    with pytest.raises(SystemExit) as ended:
        main([*said[:-1], "N=1e11,x"])
    assert ended.value.code == 2


def test_no_number_is_cut_off_on_a_narrow_terminal(tmp_path):
    from scaling_fast.cli.output import format_cell

    size, data = (
        axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 3e9, 6), np.geomspace(1e9, 1e11, 8))
    )
    noise = np.exp(0.005 * np.random.default_rng(1).standard_normal(48))
    loss = (1.8 + 480.0 * size**-0.35 + 2100.0 * data**-0.37) * noise
    runs = pl.DataFrame({"N": size, "D": data, "loss": loss})
    runs.write_csv(tmp_path / "r.csv")
    words = ["r.csv", "chinchilla", "--loss", "squared"]
    asked = {"N": [1.234567e10], "D": [2.345678e11]}
    answer = sf.stress.allowance(sf.fit(runs, "chinchilla", loss=sf.Squared()), asked)
    for columns in ("60", "80", "120"):
        shown = watched("stress", "allowance", str(tmp_path / words[0]), *words[1:],
                        "--at", "N=1.234567e10,D=2.345678e11", COLUMNS=columns)  # fmt: skip
        for name in answer.drop("sentence", "status").columns:
            assert format_cell(answer[name][0]) in shown, (columns, name)
