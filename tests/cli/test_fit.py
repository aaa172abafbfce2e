"""`scaling-fast fit`: one row per group, every digit, every option of the library."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from terminal import COLUMNS, QUICK, call, strict_json, watched

import scaling_fast as sf


def test_a_fit_prints_one_row_a_group_with_full_precision(runs):
    lines = call("fit", runs, "chinchilla", *COLUMNS).stdout.splitlines()
    names, *rows = [line.split("\t") for line in lines]
    assert len(rows) == 1
    found = dict(zip(names, rows[0], strict=True))
    assert found["status"] == "converged"
    entry = strict_json(call("fit", runs, "chinchilla", *COLUMNS, "--json").stdout)
    assert float(found["alpha"]) == entry["table"][0]["alpha"]
    assert entry["table"][0]["alpha"] == pytest.approx(0.35, rel=0.2)


def test_json_carries_the_very_numbers_of_the_library(runs, frame):
    import scaling_fast as sf

    fit = sf.fit(frame, "chinchilla", columns={"N": "params", "D": "tokens"})
    entry = strict_json(call("fit", runs, "chinchilla", *COLUMNS, "--json").stdout)
    for name, value in fit.params.items():
        assert entry["table"][0][name] == value


def test_options_of_a_fit_reach_the_library(runs, frame):
    import scaling_fast as sf

    words = [
        "--loss", "soft_l1:0.02", "--residual", "raw", "--by", "run", "--nulls", "drop",
        "--param", "alpha:fixed=0.2", "--starts", "3", "--threads", "1", "--seed", "5",
    ]  # fmt: skip
    law = "E + A/N**alpha"
    entry = strict_json(call("fit", runs, law, "--column", "N=tokens", *words, "--json").stdout)
    fit = sf.fit(
        frame, law, columns={"N": "tokens"}, loss=sf.SoftL1(0.02), residual="raw", by="run",
        nulls="drop", params={"alpha": sf.Param(fixed=0.2)}, starts=3, threads=1, seed=5,
    )  # fmt: skip
    assert [row["A"] for row in entry["table"]] == fit.table["A"].to_list()
    assert len(entry["table"]) == 12


def test_whether_the_optimum_is_global_stands_beside_the_status(runs, frame):
    import scaling_fast as sf

    fit = sf.fit(frame, "chinchilla", columns={"N": "params", "D": "tokens"})
    row = strict_json(call("fit", runs, "chinchilla", *COLUMNS, "--json").stdout)["table"][0]
    assert row["is_global"] is fit.is_global is True
    names, line = call("fit", runs, "chinchilla", *COLUMNS).stdout.splitlines()
    assert dict(zip(names.split("\t"), line.split("\t"), strict=True))["is_global"] == "true"
    local = [*COLUMNS, "--starts", "E=1.8,A=480,alpha=0.35,B=2000,beta=0.37"]
    row = strict_json(call("fit", runs, "chinchilla", *local, "--json").stdout)["table"][0]
    assert row["is_global"] is False


def test_a_law_may_call_its_parameters_what_a_table_calls_its_columns(runs):
    words = ["fit", runs, "status + is_global/N**0.3", "--column", "N=params", "--loss", "squared"]
    row = strict_json(call(*words, "--json").stdout)["table"][0]
    assert row["fit_status"] == "converged"
    assert isinstance(row["fit_is_global"], bool)
    assert isinstance(row["status"], float)
    assert "did not converge" not in call(*words).stderr


def test_a_unit_can_be_changed_on_the_way_in(runs):
    law = "E + A/N**alpha + B/D**beta"
    plain = strict_json(call("fit", runs, law, *COLUMNS, "--json").stdout)["table"][0]
    words = ["--column", "N=params/1e9", "--column", "D=tokens*1e-9"]
    other = strict_json(call("fit", runs, law, *words, "--json").stdout)["table"][0]
    assert other["alpha"] == pytest.approx(plain["alpha"], rel=1e-5)
    assert other["A"] == pytest.approx(plain["A"] / 1e9 ** plain["alpha"], rel=1e-4)


def test_a_dataset_can_be_named_in_place_of_a_file():
    law = "C**(-alpha)*A"
    words = ["--column", "C=flops", "--json"]
    entry = strict_json(call("fit", "cerebras2023", law, *words).stdout)
    assert entry["table"][0]["n"] == 7


def test_groups_that_fail_are_counted_and_no_usable_fit_exits_3(runs, frame):
    frame.with_columns(run=pl.when(pl.col("run") < 1).then(0).otherwise(1)).write_csv("two.csv")
    some = call("fit", "two.csv", "chinchilla", *COLUMNS, "--by", "run", "--json")
    states = {row["status"] for row in strict_json(some.stdout)["table"]}
    assert "converged" in states
    assert len(states) == 2
    assert "1 of 2 fits" in some.stderr or some.stderr == ""
    frame.head(8).write_csv("few.csv")
    none = call("fit", "few.csv", "chinchilla", *COLUMNS, "--by", "run", code=3)
    assert "2 of 2 fits" in none.stderr
    call("bootstrap", "few.csv", "chinchilla", *COLUMNS, "--by", "run", *QUICK, code=3)


def test_a_terminal_shows_one_fit_as_names_values_and_intervals(runs):
    words = ("fit", runs, "chinchilla", *COLUMNS)
    seen = watched(*words, "--loss", "squared", COLUMNS="100")
    assert "95 %, delta method" in seen
    assert "is_global" in seen
    for loss in ("huber:1e-3", "absolute"):
        kinked = watched(*words, "--loss", loss, COLUMNS="100")
        assert "delta method" not in kinked
        assert "alpha" in kinked


FORMULA = "E + A*x**(-alpha)"


def heavy_tailed_runs(n=40, seed=5, sd=0.01):
    rng = np.random.default_rng(seed)
    x = np.geomspace(1e2, 1e7, n)
    noise = sd * rng.standard_t(3, n)
    return pl.DataFrame({"x": x, "loss": (1.7 + 40 * x**-0.35) * np.exp(noise)})


def test_the_terminal_shows_the_scale(tmp_path):
    heavy_tailed_runs().write_csv(tmp_path / "runs.csv")
    command = [sys.executable, "-m", "scaling_fast", "fit", str(tmp_path / "runs.csv"), FORMULA]
    ran = subprocess.run(
        [*command, "--loss", "student_t:4", "--json"], capture_output=True, text=True, check=True
    )
    row = json.loads(ran.stdout)["table"][0]
    assert row["scale"] == pytest.approx(
        sf.fit(heavy_tailed_runs(), FORMULA, loss=sf.StudentT(4)).scale, rel=1e-9
    )


@pytest.fixture
def some_flat(tmp_path):
    """Four curves of which one has a single size."""
    x = np.geomspace(1e6, 1e9, 8)
    y = (1.8 + 480 * x**-0.35) * np.exp(0.005 * np.random.default_rng(0).normal(size=(4, 8)))
    sizes = np.tile(x, (4, 1))
    sizes[2] = 1e7
    curve = np.repeat(["a", "b", "c", "d"], 8)
    path = tmp_path / "curves.csv"
    pl.DataFrame({"curve": curve, "x": sizes.ravel(), "loss": y.ravel()}).write_csv(path)
    return path


@pytest.mark.parametrize(("share", "code"), [(None, 0), ("0.25", 0), ("0.2", 3), ("0", 3)])
def test_a_share_of_fits_may_fail(some_flat, share, code):
    words = () if share is None else ("--max-failures", share)
    done = call("fit", some_flat, "power_offset", "--by", "curve", *words, code=code)
    assert "1 of 4 fits did not converge" in done.stderr
    assert ("--max-failures" in done.stderr) == (code == 3)
    assert len(done.stdout.splitlines()) == 5


def test_a_share_beyond_0_and_1_is_refused(some_flat):
    for verb in ("fit", "bootstrap"):
        done = call(verb, some_flat, "power_offset", "--max-failures", "2", code=2)
        assert "--max-failures must be a share between 0 and 1" in done.stderr


def test_findings_of_groups_are_codes_in_every_output(some_flat, tmp_path):
    words = ("fit", some_flat, "power_offset", "--by", "curve", "--loss", "squared")
    out = tmp_path / "fits.csv"
    done = call(*words, "--output", out)
    names, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    place = names.index("findings")
    assert rows[2][place] == "not_identified, design, ill_conditioned"
    written = pl.read_csv(out)
    assert written["findings"][2] == rows[2][place]
    assert written["is_global"].to_list() == [True, True, False, True]
    entry = strict_json(call(*words, "--json").stdout)
    assert entry["table"][2]["findings"] == rows[2][place].split(", ")
    failed = next(f for f in entry["findings"] if f["code"] == "groups_failed")
    assert failed["evidence"]["groups"] == [["c"]]
    assert "(`c`)" in done.stderr
