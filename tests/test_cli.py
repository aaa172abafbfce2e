"""The command: every verb, every exit code, hostile names, pipes, files and signals."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from scaling_fast.cli.command import main

COLUMNS = ["--column", "N=params", "--column", "D=tokens"]
VERBS = ("fit", "bootstrap", "stress", "audit", "laws", "datasets", "doctor")
QUICK = ["--n", "60"]  # replicates: the shape of the answer, not its precision


@pytest.fixture(scope="module")
def frame():
    """Return 48 runs of a known law with one per cent of noise, four to a group."""
    rng = np.random.default_rng(7)
    n = np.repeat(np.geomspace(1e7, 1e10, 12), 4)
    d = np.tile(np.geomspace(1e9, 1e11, 4), 12)
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(rng.normal(0, 0.01, n.size))
    run = np.repeat(np.arange(12), 4)
    return pl.DataFrame({"params": n, "tokens": d, "loss": loss, "run": run})


@pytest.fixture
def runs(frame, tmp_path, monkeypatch):
    """Return the name of a CSV of the runs in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    frame.write_csv("runs.csv")
    return "runs.csv"


def call(*words, code=0, **extra):
    """Run the command in this process and return its result, its exit code checked."""
    result = CliRunner().invoke(main, [str(one) for one in words], **extra)
    seen = f"{words}\n{result.stdout}\n{result.stderr}\n{result.exc_info}"
    assert result.exit_code == code, seen
    return result


def strict_json(text):
    """Parse JSON as RFC 8259 has it: no NaN, no Infinity."""

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def error_of(result):
    """Return the error object of a refused call, which leaves stdout empty."""
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    entry = strict_json(line)["error"]
    assert set(entry) == {"code", "message", "column", "row", "param", "position"}
    return entry


def command(*words):
    return [sys.executable, "-m", "scaling_fast", *map(str, words)]


def process(*words, timeout=120, **extra):
    """Run the command in a process of its own."""
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=timeout, check=False, **extra
    )


# --- every verb answers ---------------------------------------------------------------------


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


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "arrow", "json", "jsonl"])
def test_a_table_is_written_and_read_by_its_suffix(runs, suffix):
    written = Path(f"fits.{suffix}")
    words = ["fit", runs, "E + A/N**alpha", "--column", "N=tokens", "--by", "run"]
    call(*words, "--output", written, "--param", "alpha:fixed=0.3")
    result = call("fit", written, "a + b*x", "--column", "x=run", "--target", "E", "--json")
    assert strict_json(result.stdout)["table"][0]["n"] == 12


def test_data_come_from_stdin(runs):
    content = Path(runs).read_bytes()
    result = call("fit", "-", "chinchilla", *COLUMNS, "--json", input=content)
    assert strict_json(result.stdout)["table"][0]["status"] == "converged"


def test_a_dataset_can_be_named_in_place_of_a_file():
    law = "C**(-alpha)*A"
    words = ["--column", "C=flops", "--json"]
    entry = strict_json(call("fit", "cerebras2023", law, *words).stdout)
    assert entry["table"][0]["n"] == 7


def test_a_bootstrap_gives_an_interval_a_quantity(runs, frame):
    import scaling_fast as sf

    words = [*COLUMNS, *QUICK, "--of", "beta/(alpha+beta)", "--of", "E", "--level", "0.8"]
    entry = strict_json(call("bootstrap", runs, "chinchilla", *words, "--json").stdout)
    boot = sf.bootstrap(sf.fit(frame, "chinchilla", columns={"N": "params", "D": "tokens"}), n=60)
    expected = boot.interval(level=0.8, of=["beta/(alpha+beta)", "E"])
    assert [one["lower"] for one in entry["intervals"]] == expected["lower"].to_list()
    assert entry["digest"] == boot.digest
    table = call("bootstrap", runs, "chinchilla", *words).stdout.splitlines()
    assert len(table) == 3


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
    kept = sorted(one.name for one in Path("folder").iterdir())
    assert any(one.startswith("shard-") for one in kept)
    again = call(*words, "--n", "300", "--keep", "folder", "--shards", "3")
    assert strict_json(again.stdout)["digest"] == want
    other = call(*words, "--n", "300", "--keep", "folder", "--seed", "9", code=2)
    assert strict_json(other.stderr)["error"]["code"] == "other_run"


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


def test_laws_and_datasets_are_listed_and_shown():
    import scaling_fast as sf

    assert [one["name"] for one in strict_json(call("laws", "--json").stdout)["laws"]] == (
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
    assert [one["name"] for one in listed] == sf.datasets.names()


def test_a_dataset_is_written_as_csv(tmp_path, monkeypatch):
    import scaling_fast as sf

    monkeypatch.chdir(tmp_path)
    call("datasets", "cerebras2023", "--csv", "c.csv")
    assert pl.read_csv("c.csv").equals(sf.datasets.load("cerebras2023"))
    call("datasets", "cerebras2023", "--csv", "c.csv", code=2)
    call("datasets", "cerebras2023", "--csv", "c.csv", "--force")


def test_the_doctor_finds_this_installation_well(monkeypatch):
    monkeypatch.setenv("SCALING_FAST_THREADS", "2")
    entry = strict_json(call("doctor", "--json").stdout)
    assert entry["ok"]
    found = {one["what"]: one for one in entry["checks"]}
    assert found["self test"]["state"] == "ok"
    assert found["SCALING_FAST_THREADS"]["value"] == "2"
    assert {"python", "numpy", "polars", "compiled core", "threads", "vector unit"} <= set(found)
    assert "all is well" in call("doctor").stderr


def test_version_and_help():
    import scaling_fast

    assert call("--version").stdout.strip() == f"scaling-fast {scaling_fast.__version__}"
    assert set(main.commands) == set(VERBS)
    for verb in VERBS:
        text = call(verb, "--help").stdout
        assert "Examples:" in text
        assert "--json" in text
    assert "Commands:" in call().stdout


def test_help_offers_what_the_library_takes_and_nothing_else():
    from typing import get_args

    import scaling_fast as sf
    from scaling_fast.cli import fit_view as fits
    from scaling_fast.cli import parsing as words
    from scaling_fast.losses.registry import Loss
    from scaling_fast.resampling.result import METHODS

    text = " ".join(call("bootstrap", "--help").stdout.split())
    assert f"{', '.join(METHODS[:-1])} or {METHODS[-1]}" in text
    for loss in get_args(Loss):
        assert loss.name in text
    hint = sf.fitting.fit.__annotations__["residual"]  # Literal["log", ...] | None, not evaluated
    assert sorted(words.RESIDUALS) == sorted(re.findall(r"'(\w+)'", hint))
    assert "log|raw|logit" in text
    assert set(sf.fitted.DIAGNOSTICS) <= set(fits.MEANINGS)
    glossary = (Path(__file__).parents[1] / "docs/terminal.md").read_text("utf-8")
    for name in fits.MEANINGS:
        assert f"`{name}`" in glossary, name
        assert name in call("fit", "--help").stdout
    assert "..." not in call("--help").stdout.partition("Commands:")[2]  # as click cuts them


# --- exit codes and errors ------------------------------------------------------------------


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
        (["fit", "runs.csv", "chinchilla", *COLUMNS, "--loss", "huber"], "huber:DELTA"),
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
    ids=lambda one: " ".join(one[:1] + one[-2:]) if isinstance(one, list) else "",
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
        for one in says:
            assert one in message["message"]
        assert "['" not in message["message"]
        assert 'nulls="' not in message["message"]
    quoted = 'note,params,tokens,loss\n"a\nb",1e8,1e9,3.1\nc,2e8,,3.0\n'
    Path("quoted.csv").write_text(quoted)
    stderr = call("fit", "quoted.csv", "chinchilla", *COLUMNS, code=2).stderr
    assert "row 1 (the first is row 0)" in stderr


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

    monkeypatch.chdir(tmp_path)
    done = sf.audit("cerebras2023", n=60)
    for check in done.report["checks"].values():
        check["weight"] = "advisory"
    monkeypatch.setattr(sf, "audit", lambda *_, **__: done)
    lines = call("audit", "--fail-on", "amber").stdout.splitlines()[1:]
    assert all(line.partition("\t")[0].endswith(" (advisory)") for line in lines)
    assert any("\tImplied sample size\t" in line for line in lines)


def test_a_bug_of_ours_is_no_finding(monkeypatch):
    import scaling_fast.laws

    def broken():
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(scaling_fast.laws, "names", broken)
    result = call("laws", code=3)
    assert "please report" in result.stderr
    entry = strict_json(call("laws", "--json", code=3).stderr)["error"]
    assert entry["code"] == "internal"


def test_a_broken_installation_exits_3(monkeypatch):
    from scaling_fast.cli.verbs import doctor

    def broken():
        raise RuntimeError("no such unit")

    monkeypatch.setattr(doctor, "_vector_unit", broken)
    result = call("doctor", "--json", code=3)
    entry = next(one for one in strict_json(result.stdout)["checks"] if one["state"] == "broken")
    assert "no such unit" in entry["value"]


# --- files ----------------------------------------------------------------------------------


def test_nothing_is_overwritten_unasked(runs):
    Path("audit-cerebras2023.html").write_text("<p>my notes</p>")
    result = call("audit", *QUICK, code=2)
    assert "--force" in result.stderr
    assert Path("audit-cerebras2023.html").read_text() == "<p>my notes</p>"
    call("audit", *QUICK, "--force")
    assert "my notes" not in Path("audit-cerebras2023.html").read_text("utf-8")
    Path("old.csv").write_text("kept")
    words = ["fit", runs, "chinchilla", *COLUMNS, "--output", "old.csv"]
    assert "--force" in call(*words, code=2).stderr
    assert Path("old.csv").read_text() == "kept"
    call(*words, "--force")
    assert not list(Path().glob(".*.tmp"))


def test_only_regular_files_are_written(runs):
    Path("link.csv").symlink_to("elsewhere.csv")
    os.mkfifo("pipe.csv")
    Path("folder.csv").mkdir()
    for name in ("link.csv", "pipe.csv", "folder.csv", f"{'x' * 4096}.csv", "nul\x00.csv"):
        for force in ([], ["--force"]):
            words = ["fit", runs, "chinchilla", *COLUMNS, "--output", name, *force]
            assert call(*words, code=2).stdout == ""
    assert not Path("elsewhere.csv").exists()


def test_an_audit_works_where_nothing_can_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Root may write everywhere, so the system's answer is given in its place.
    monkeypatch.setattr(os, "access", lambda *_: False)
    result = call("audit", *QUICK)
    assert "no report is written" in result.stderr
    assert "verdict: " in result.stderr
    assert not list(tmp_path.iterdir())
    call("audit", *QUICK, "--html", "a.html", code=2)


def test_the_name_of_a_file_is_no_pattern(runs, frame):
    for suffix, write in (
        ("csv", "write_csv"), ("parquet", "write_parquet"), ("arrow", "write_ipc"),
        ("json", "write_json"), ("jsonl", "write_ndjson"),
    ):  # fmt: skip
        getattr(frame, write)(f"r1.{suffix}")
        words = ["chinchilla", *COLUMNS, "--json"]
        for name in (f"r[1].{suffix}", f"r*.{suffix}"):
            assert "does not exist" in error_of(call("fit", name, *words, code=2))["message"]
        getattr(frame.head(40), write)(f"r[1].{suffix}")
        table = strict_json(call("fit", f"r[1].{suffix}", *words).stdout)["table"]
        assert table[0]["n"] == 40


def test_a_column_named_twice_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "\n1,2,3\n4,5,6\n"
    Path("a.csv").write_text("N,N,loss" + rows)
    Path("b.tsv").write_text(("N,loss,loss" + rows).replace(",", "\t"))
    Path("c.csv").write_text('\ufeffN,loss,"N"' + rows)
    Path("d.csv").write_bytes(gzip.compress(Path("a.csv").read_bytes()))
    for name, column in (("a.csv", "N"), ("b.tsv", "loss"), ("c.csv", "N"), ("d.csv", "N")):
        entry = error_of(call("fit", name, "power", "--json", code=2))
        assert (entry["code"], entry["column"]) == ("duplicate_column", column)
        assert name in entry["message"]
    entry = error_of(call("fit", "-", "power", "--json", code=2, input="N,N,loss" + rows))
    assert entry["code"] == "duplicate_column"


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_text_in_a_csv_is_no_formula(runs, frame, suffix):
    keys = ["=1+1", "+1", "-x", "@x", "\tx", "\rx", "x=1", "'x"]
    key = pl.Series("=key", keys).repeat_by(6).explode()
    frame.with_columns(key).write_parquet("k.parquet")
    words = ["fit", "k.parquet", "a + b*x", "--column", "x=run", "--by", "=key", "--force"]
    words += ["--param", "b:fixed=0", "--loss", "squared"]
    written = f"o.{suffix}"
    call(*words, "--output", written)
    read = pl.read_csv(written, separator="," if suffix == "csv" else "\t")
    assert sorted(read["'=key"]) == sorted([*(f"'{one}" for one in keys[:6]), *keys[6:]])
    assert read["a"].dtype == read["b"].dtype == pl.Float64
    call(*words, "--output", written, "--raw-cells")
    read = pl.read_csv(written, separator="," if suffix == "csv" else "\t")
    assert sorted(read["=key"]) == sorted(keys)


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
    assert [one.name for one in Path().iterdir()] == ["d"]


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


# --- hostile names, streams and signals -----------------------------------------------------


def test_no_control_character_reaches_a_terminal(tmp_path, monkeypatch, frame):
    monkeypatch.chdir(tmp_path)
    hostile = "\x1b]0;owned\x07\x1b[31mloss\u202e\r"
    frame.with_columns(run=pl.lit(hostile)).rename({"params": hostile}).write_parquet("h.parquet")
    words = ["fit", "h.parquet", "chinchilla", "--column", f"N={hostile}", "--column", "D=tokens"]
    for extra in ([], ["--by", "run"], ["--target", hostile[:4]], ["--target", "\x1b[2J"]):
        result = CliRunner().invoke(main, [*words, *extra])
        for stream in (result.stdout, result.stderr):
            assert not [one for one in "\x1b\x07\u202e\r" if one in stream]
    # JSON escapes them, and gives the name back as it was.
    table = strict_json(call(*words, "--by", "run", "--json").stdout)["table"]
    assert table[0]["run"] == hostile
    for verb in ("laws", "datasets", "audit", "\x1b[2Jfit"):
        result = call(verb, "\x1b[31mred", code=2)
        assert "\x1b" not in result.stderr


def test_markup_in_a_name_is_only_text(frame, tmp_path):
    frame.with_columns(run=pl.lit("[bold red]x[/]")).write_csv(tmp_path / "m.csv")
    seen = watched("fit", tmp_path / "m.csv", "chinchilla", *COLUMNS, "--by", "run")
    assert "[bold red]x[/]" in seen


def watched(*words, **environment):
    """Return what a person at a terminal of 200 columns sees on stdout."""
    controller, terminal = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "200", **environment}
    running = subprocess.Popen(
        command(*words), stdout=terminal, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env
    )
    os.close(terminal)
    seen = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(controller)
    assert running.wait(timeout=60) == 0, running.stderr.read().decode()
    running.stderr.close()
    return seen.decode()


def test_a_terminal_shows_one_fit_as_names_values_and_intervals(runs):
    words = ("fit", runs, "chinchilla", *COLUMNS)
    seen = watched(*words, COLUMNS="100")
    assert "95 %, delta method" in seen
    assert "is_global" in seen
    kinked = watched(*words, "--loss", "absolute", COLUMNS="100")
    assert "delta method" not in kinked
    assert "alpha" in kinked


@pytest.mark.parametrize("width", [40, 60, 80, 300])
def test_a_narrow_terminal_breaks_no_number(runs, width):
    words = ["fit", runs, "E + A/N**alpha", "--column", "N=tokens", "--by", "run"]
    words += ["--param", "alpha:fixed=0.3"]
    rows = strict_json(call(*words, "--json").stdout)["table"]
    seen = watched(*words, COLUMNS=str(width), NO_COLOR="1")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen)
    assert max(len(line) for line in plain.split("\r\n")) <= width
    for row in rows:
        for name in ("E", "A"):
            assert f"{row[name]:.6g} " in seen
    assert "status" in seen
    assert ("gradient" in seen) == (width == 300)


def test_a_terminal_shows_the_verdict_the_answers_and_what_does_not_hold(tmp_path, monkeypatch):
    import scaling_fast as sf

    monkeypatch.chdir(tmp_path)
    seen = watched("audit", *QUICK, COLUMNS="120", NO_COLOR="1")
    done = sf.audit("cerebras2023", n=60)
    assert seen.startswith(f"Verdict: {done.verdict}: ")
    for scope in done.report["scopes"]:
        assert scope["question"] in seen
    held = sum(found.severity == "green" for found in done.findings)
    assert f"{held} more findings hold; see the report" in seen
    shown = [line.split("│")[1].split()[:1] for line in seen.splitlines() if line.startswith("│")]
    order = [one[0] for one in shown if one and one[0] in ("red", "grey", "amber")]
    assert order == sorted(order, key=["red", "grey", "amber"].index)
    assert len(order) == len(done.findings) - held
    assert "(advisory)" in seen


def test_a_terminal_gets_an_aligned_table_and_no_colour_when_asked():
    seen = watched("doctor", NO_COLOR="1")
    assert "self test" in seen
    assert "│" in seen
    assert "\x1b[3" not in seen
    assert "\t" not in seen


def test_a_closed_pipe_is_quiet():
    words = " ".join(command("laws"))
    run = subprocess.run(
        ["bash", "-c", f"{words} | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.stdout.startswith("name\tformula")
    assert run.stderr == ""
    assert run.returncode in {0, 141}  # 0 when all was written before the reader left


def test_a_reader_that_left_before_the_first_line_gives_141():
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        command("laws"), stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, check=False
    )
    os.close(writer)
    assert (run.returncode, run.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said():
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            command("laws"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-"])
def test_a_closed_stream_is_survived(closed):
    words = " ".join(command("laws", "power"))
    run = subprocess.run(
        ["bash", "-c", f"{words} {closed}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == (2 if closed == "1>&-" else 0), run.stderr
    assert run.stderr == ("error: stdout is closed, so the answer is lost\n" * bool(run.returncode))


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full", "1>&- 2>&-", "2</dev/null"])
def test_an_error_that_cannot_be_said_keeps_its_code(stream):
    for verb in (["laws", "nonsense"], ["nonsense"], ["laws", "nonsense", "--json"]):
        run = subprocess.run(
            ["bash", "-c", f"{' '.join(command(*verb))} {stream}"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (run.returncode, run.stdout, run.stderr) == (2, "", "")


def test_closed_stdin_is_said_when_data_were_to_come_from_it():
    words = " ".join(command("fit", "-", "power"))
    run = subprocess.run(
        ["bash", "-c", f"{words} 0<&-"], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 2
    assert "stdin" in run.stderr


def test_no_home_no_unicode_and_isolation_do_not_matter(tmp_path):
    env = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
    }
    for verb in (["laws"], ["datasets"], ["doctor"], ["audit", *QUICK]):
        code = "from scaling_fast.cli.command import main; main()"
        run = subprocess.run(
            [sys.executable, "-I", "-c", code, *verb],
            capture_output=True, text=True, env=env, cwd=tmp_path, timeout=300, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr


def test_ctrl_c_ends_quietly_with_130(runs):
    words = ["bootstrap", runs, "chinchilla", *COLUMNS, "--n", "3000000", "--threads", "1"]
    running = subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(4)
    assert running.poll() is None, running.communicate()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err


def test_json_has_no_nan_and_keeps_every_digit():
    from scaling_fast.findings import json_ready

    values = {"a": float("nan"), "b": [float("inf"), 0.1 + 0.2], "c": np.float64(1 / 3), 1: None}
    ready = json_ready({**values, "frame": pl.DataFrame({"x": [float("nan"), 5e-324]})})
    text = json.dumps(ready, allow_nan=False)
    assert strict_json(text) == {
        "a": None, "b": ["inf", 0.1 + 0.2], "c": 1 / 3, "1": None,
        "frame": [{"x": None}, {"x": 5e-324}],
    }  # fmt: skip
