"""`scaling-fast audit`: a report, a verdict, and an exit code that was asked for."""

from __future__ import annotations

import os
from pathlib import Path

from terminal import QUICK, call, error_of, strict_json, watched

from scaling_fast.reporting.words import SEVERITY


def test_an_audit_says_where_its_report_is_and_can_be_run_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        result = call("audit", *QUICK)
        assert f"report: {tmp_path.resolve() / 'audit-cerebras2023.html'}" in result.stderr
    assert "verdict: " in result.stderr
    assert result.stdout.startswith("severity\tcheck\t")
    assert Path("audit-cerebras2023.html").read_text("utf-8").lstrip().startswith("<!")


def test_an_audit_writes_what_is_asked_and_prints_its_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--html", "a.html", "--json-report", "a.json", "--letter", "a.md", "--json"]
    printed = strict_json(call("audit", *QUICK, *words).stdout)
    assert printed == strict_json(Path("a.json").read_text("utf-8"))
    assert Path("a.html").stat().st_size > 1000
    assert Path("a.md").stat().st_size > 100
    assert not Path("audit-cerebras2023.html").exists()


def test_findings_fail_only_when_asked(tmp_path, monkeypatch):
    import scaling_fast as sf

    monkeypatch.chdir(tmp_path)
    done = sf.audit("cerebras2023", n=60)
    counted = [found for found in done.findings if found.check != "rows"]
    severities = {found.severity for found in counted}
    for asked, failing in (
        ("red", {"red"}),
        ("grey", {"red", "grey"}),
        ("amber", {"red", "grey", "amber"}),
    ):
        call("audit", *QUICK, "--fail-on", asked, code=int(bool(severities & failing)))
    call("audit", *QUICK)


def test_advisory_findings_are_called_so_and_fail_nothing(tmp_path, monkeypatch):
    import scaling_fast as sf
    import scaling_fast.auditing.run

    monkeypatch.chdir(tmp_path)
    done = sf.audit("cerebras2023", n=60)
    for check in done.report["checks"].values():
        check["weight"] = "advisory"
    monkeypatch.setattr(scaling_fast.auditing.run, "audit", lambda *_, **__: done)
    lines = call("audit", "--fail-on", "amber").stdout.splitlines()[1:]
    assert all(line.partition("\t")[0].endswith(" (advisory)") for line in lines)
    assert any("\tImplied sample size\t" in line for line in lines)


def test_an_audit_works_where_nothing_can_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Root may write everywhere, so the system's answer is given in its place.
    monkeypatch.setattr(os, "access", lambda *_: False)
    result = call("audit", *QUICK)
    assert "no report is written" in result.stderr
    assert "verdict: " in result.stderr
    assert not list(tmp_path.iterdir())
    call("audit", *QUICK, "--html", "a.html", code=2)


def test_two_outputs_of_one_path_are_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    for words, says in (
        (["--html", "r", "--json-report", "r", "--letter", "r"], "--html and --json-report"),
        (["--json-report", "r", "--letter", "d/../r"], "--json-report and --letter"),
        (["--letter", "audit-cerebras2023.html"], "--html and --letter"),
    ):
        message = error_of(call("audit", *words, "--json", code=2))["message"]
        assert says in message
    assert [path.name for path in Path().iterdir()] == ["d"]


def test_an_audit_replaces_only_an_earlier_report_of_its_kind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["audit", *QUICK, "--html", "a.html", "--json-report", "a.json"]
    call(*words)
    call(*words)
    swapped = ["audit", *QUICK, "--html", "a.json", "--json-report", "b.json"]
    assert "--force" in call(*swapped, code=2).stderr
    Path("a.json").write_text("{}")
    assert "--force" in call(*words, code=2).stderr
    assert Path("a.json").read_text() == "{}"


def test_a_terminal_shows_the_verdict_the_answers_and_what_does_not_hold(tmp_path, monkeypatch):
    import scaling_fast as sf

    monkeypatch.chdir(tmp_path)
    seen = watched("audit", *QUICK, COLUMNS="120", NO_COLOR="1")
    done = sf.audit("cerebras2023", n=60)
    assert seen.startswith(f"Verdict: {SEVERITY[done.verdict][1]} ({done.verdict}): ")
    for scope in done.report["scopes"]:
        assert scope["question"] in seen
    held = sum(found.severity == "green" for found in done.findings)
    assert f"{held} findings hold; the report lists them" in seen
    shown = [line.split("│")[1].split()[:1] for line in seen.splitlines() if line.startswith("│")]
    words = ["Fails", "Not", "Doubtful", "Advisory"]
    order = [cells[0] for cells in shown if cells and cells[0] in words]
    ranked = [word for word in order if word != "Advisory"]
    assert ranked == sorted(ranked, key=words.index)
    assert len(order) == len(done.findings) - held
    assert "Advisory (amber)" in seen
