"""`scaling-fast bootstrap`: the intervals, draws and digests of the library."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from terminal import COLUMNS, QUICK, call, command, strict_json


def test_a_bootstrap_gives_an_interval_a_quantity(runs, frame):
    import scaling_fast as sf

    words = [*COLUMNS, *QUICK, "--of", "beta/(alpha+beta)", "--of", "E", "--level", "0.8"]
    entry = strict_json(call("bootstrap", runs, "chinchilla", *words, "--json").stdout)
    boot = sf.bootstrap(sf.fit(frame, "chinchilla", columns={"N": "params", "D": "tokens"}), n=60)
    expected = boot.interval(level=0.8, of=["beta/(alpha+beta)", "E"])
    assert [row["lower"] for row in entry["intervals"]] == expected["lower"].to_list()
    assert entry["digest"] == boot.digest
    table = call("bootstrap", runs, "chinchilla", *words).stdout.splitlines()
    assert len(table) == 3


def test_whole_numbers_may_be_written_as_floats(runs):
    words = [*COLUMNS, "--json", "--param", "E=1.8"]
    draws = [
        strict_json(call("bootstrap", runs, "chinchilla", *words, "--n", n, "--seed", seed).stdout)
        for n, seed in (("2e1", "3.0"), ("20", "3"))
    ]
    assert draws[0]["digest"] == draws[1]["digest"]
    assert (
        "whole number" in call("bootstrap", runs, "chinchilla", *words, "--n", "2.5", code=2).stderr
    )


@pytest.mark.parametrize(
    "scheme", ["pairs", "clusters:run", "bayesian", "bayesian:run", "jackknife"]
)
def test_every_scheme_runs_and_its_draws_are_written(runs, scheme):
    n = [] if scheme == "jackknife" else ["--n", "40"]
    words = ["--scheme", scheme, *n, "--draws", "draws.parquet", "--json"]
    entry = strict_json(call("bootstrap", runs, "chinchilla", *COLUMNS, *words).stdout)
    draws = pl.read_parquet("draws.parquet")
    assert draws.height == entry["n"] == (48 if scheme == "jackknife" else 40)


def test_a_kept_run_goes_on_and_shards_change_no_digit(runs):
    words = ["bootstrap", runs, "chinchilla", *COLUMNS, "--json"]
    want = strict_json(call(*words, "--n", "300").stdout)["digest"]
    call(*words, "--n", "100", "--keep", "folder")
    kept = sorted(path.name for path in Path("folder").iterdir())
    assert any(name.startswith("shard-") for name in kept)
    again = call(*words, "--n", "300", "--keep", "folder", "--shards", "3")
    assert strict_json(again.stdout)["digest"] == want
    other = call(*words, "--n", "300", "--keep", "folder", "--seed", "9", code=2)
    assert strict_json(other.stderr)["error"]["code"] == "other_run"


def test_ctrl_c_ends_quietly_with_130_and_says_how_to_resume(runs):
    words = ["bootstrap", runs, "chinchilla", *COLUMNS, "--n", "3000000", "--threads", "1"]
    running = subprocess.Popen(
        command(*words, "--keep", "folder"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not list(Path().glob("folder/shard-*")) and time.monotonic() < until:
        time.sleep(0.1)
    assert running.poll() is None, running.communicate()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert out == ""
    assert "interrupted" in err
    assert f"resume from {Path('folder').resolve()}" in err
    assert "Traceback" not in err


def test_a_group_without_an_interval_has_empty_ends_and_a_status(tmp_path):
    x = np.geomspace(1e6, 1e9, 8)
    y = (1.8 + 480 * x**-0.35) * np.exp(0.005 * np.random.default_rng(0).normal(size=(2, 8)))
    sizes = np.stack([x, np.full(8, 1e7)])
    path = tmp_path / "curves.csv"
    frame = {"curve": np.repeat(["good", "flat"], 8), "x": sizes.ravel(), "loss": y.ravel()}
    pl.DataFrame(frame).write_csv(path)
    words = ("bootstrap", path, "power_offset", "--by", "curve", "--loss", "squared", "--n", "30")
    done = call(*words, "--of", "alpha")
    names, flat, good = [line.split("\t") for line in done.stdout.splitlines()]
    assert names == ["curve", "name", "estimate", "lower", "upper", "status"]
    assert flat[3:] == ["", "", "not_identified"]
    assert good[5] == "converged"
    assert "1 of 2 groups has no interval (not_identified)" in done.stderr
    entry = strict_json(call(*words, "--json").stdout)
    assert [row["lower"] is None for row in entry["intervals"]] == [True] * 3 + [False] * 3


def test_a_larger_share_of_unusable_replicates_may_be_accepted(tmp_path):
    """Three rows of five: many resamples have too few sizes."""
    path = tmp_path / "few.csv"
    pl.DataFrame({"x": [1.0, 10, 100, 1000], "loss": [3.0, 2.01, 1.49, 1.25]}).write_csv(path)
    words = ("bootstrap", path, "power_offset", "--loss", "squared", "--n", "60", "--of", "alpha")
    assert "--max-failures 0.05 allows" in call(*words, code=3).stderr
    assert "alpha" in call(*words, "--max-failures", "1").stdout
