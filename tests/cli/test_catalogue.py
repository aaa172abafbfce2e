"""`scaling-fast laws` and `scaling-fast datasets`: all that the library lists."""

from __future__ import annotations

import polars as pl
from terminal import call, strict_json


def test_laws_and_datasets_are_listed_and_shown():
    import scaling_fast as sf

    assert [entry["name"] for entry in strict_json(call("laws", "--json").stdout)["laws"]] == (
        sf.laws.names()
    )
    for name in sf.laws.names():
        assert name in call("laws").stdout
        assert sf.laws.get(name).formula in call("laws", name).stdout
        assert strict_json(call("laws", name, "--json").stdout)["formula"]
    for name in sf.datasets.names():
        assert name in call("datasets").stdout
        assert sf.datasets.about(name).source in call("datasets", name).stdout
    listed = strict_json(call("datasets", "--json").stdout)["datasets"]
    assert [entry["name"] for entry in listed] == sf.datasets.names()


def test_a_dataset_is_written_as_csv(tmp_path, monkeypatch):
    import scaling_fast as sf

    monkeypatch.chdir(tmp_path)
    call("datasets", "cerebras2023", "--csv", "c.csv")
    assert pl.read_csv("c.csv").equals(sf.datasets.load("cerebras2023"))
    call("datasets", "cerebras2023", "--csv", "c.csv", code=2)
    call("datasets", "cerebras2023", "--csv", "c.csv", "--force")
