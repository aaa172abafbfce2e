"""`scaling-fast stress`: what the library measures, as JSON."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest


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
