"""`scaling-fast doctor`: a sound installation passes, a broken one exits 3."""

from __future__ import annotations

from terminal import call, strict_json


def test_the_doctor_finds_this_installation_well(monkeypatch):
    monkeypatch.setenv("SCALING_FAST_THREADS", "2")
    entry = strict_json(call("doctor", "--json").stdout)
    assert entry["ok"]
    found = {check["what"]: check for check in entry["checks"]}
    assert found["self test"]["state"] == "ok"
    assert found["SCALING_FAST_THREADS"]["value"] == "2"
    assert {"python", "numpy", "polars", "compiled core", "threads", "vector unit"} <= set(found)
    assert "all is well" in call("doctor").stderr


def test_a_broken_installation_exits_3(monkeypatch):
    from scaling_fast.cli.verbs import doctor

    def broken():
        raise RuntimeError("no such unit")

    monkeypatch.setattr(doctor, "vector_unit", broken)
    result = call("doctor", "--json", code=3)
    entry = next(
        check for check in strict_json(result.stdout)["checks"] if check["state"] == "broken"
    )
    assert "no such unit" in entry["value"]
