"""What a newcomer types and is told: the sentence says what to write instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import scaling_fast as sf
from scaling_fast.cli.command import main
from scaling_fast.findings import Finding
from scaling_fast.stress.result import Stress

N = np.geomspace(1e7, 1e10, 5).repeat(5)
D = np.tile(np.geomspace(1e9, 1e12, 5), 5)
NOISE = 0.01 * np.random.default_rng(3).normal(size=25)
RUNS = {"params": N, "tokens": D, "loss": (1.7 + 400 / N**0.34 + 410 / D**0.28) * np.exp(NOISE)}
COLUMNS = {"N": "params", "D": "tokens"}


def format_findings(call):
    with pytest.raises(sf.ScalingError) as caught:
        call()
    return str(caught.value)


@pytest.fixture(scope="module")
def surface():
    return sf.fit(RUNS, "chinchilla", columns=COLUMNS, seed=1)


@pytest.mark.parametrize("law", ["chinchilla", "E + A/N**alpha + B/D**beta"])
def test_the_columns_of_a_frame_are_proposed(law):
    assert 'columns={"N": "params", "D": "tokens"}' in format_findings(lambda: sf.fit(RUNS, law))
    half = format_findings(lambda: sf.fit(RUNS, "chinchilla", columns={"N": "params"}))
    assert half.endswith('columns={"D": "tokens"}')


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sf.fit(RUNS, sf.laws.power), "did you mean sf.laws.power()?"),
        (lambda: sf.laws.get("chinchilla(breaks=1)"), "takes no arguments"),
        (lambda: sf.fit(RUNS, "chinchilla(breaks=1)"), "takes no arguments"),
        (lambda: sf.laws.get("bnsl(breaks=-1)"), "breaks of bnsl must be a whole number from 1"),
        (lambda: sf.fit(RUNS, "bnsl(breaks=1.5)"), "breaks of bnsl must be a whole number from 1"),
        (lambda: sf.laws.get("hoffmann"), "in the source or description of `chinchilla`"),
        (lambda: sf.Law("a + b*x", params={"b": (0, 5)}), "write Param(lower=0, upper=5)"),
        (lambda: sf.Law("a + b*x", params={"b": 2}), "Param(start=2) or Param(fixed=2)"),
        (lambda: sf.Law("pow(x, -a)"), "a power is written x**(-a)"),
        (lambda: sf.Law(r"E + \frac{A}{N^\alpha}"), "not LaTeX"),
        (lambda: sf.fit(RUNS, "chinchilla", columns=5), "columns must be a mapping"),
    ],
)
def test_a_refusal_says_what_to_write(call, said):
    assert said in format_findings(call)


def test_a_law_without_breaks_may_be_called():
    assert sf.laws.get("chinchilla()") == sf.laws.chinchilla()


def test_predictions_want_lists_and_the_names_of_the_frame(surface):
    said = format_findings(lambda: surface.predict({"params": 7e10, "tokens": 1.4e12}))
    assert "give lists" in said
    assert "column `tokens` not found" in format_findings(
        lambda: surface.predict({"params": [7e10]})
    )
    own = surface.predict({"N": [7e10], "D": [1.4e12]})
    assert own.equals(surface.predict({"params": [7e10], "tokens": [1.4e12]}))


@pytest.mark.parametrize("name", ["x", "loss"])
def test_a_denormal_value_names_its_row(name):
    frame = {"x": [1.0, 2, 3, 4, 5], "loss": [5.0, 4, 3, 2, 1]}
    frame[name][2] = 5e-324
    said = format_findings(lambda: sf.fit(frame, "power"))
    assert f"column `{name}` holds `5e-324` in row 2" in said


@pytest.mark.parametrize("level", [1 - 1e-16, 10**400])
def test_a_level_of_one_is_refused(surface, level):
    boot = sf.bootstrap(surface, n=20, seed=1)
    assert "level" in format_findings(lambda: boot.interval(level=level))
    assert "level" in format_findings(lambda: sf.profile(surface, "a", level=level))


def test_one_budget_is_too_few_and_has_no_other_fault():
    size = 1e8 * np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    loss = 3 + 0.1 * np.log(size / 1e8) ** 2
    runs = {"N": size, "D": 1e19 / 6 / size, "loss": loss}
    assert "got 1 of 1; name the budgets" in format_findings(lambda: sf.allocation.approach2(runs))


def test_one_row_is_one_row():
    frame = {"x": [1, 2, None, 4, 5], "loss": [5.0, 4, 3, 2, 1]}
    fit = sf.fit(frame, "power", nulls="drop")
    found = next(one for one in fit.findings if one.code == "rows_dropped")
    assert found.sentence == "1 row with a null or NaN was dropped"


def test_as_many_runs_at_every_budget_tilt_nothing():
    grid = [(c, 0.09 * c**0.5 * k) for c in (1e18, 1e19, 1e20) for k in (0.25, 0.5, 1, 2, 4)]
    design = {"N": [n for _, n in grid], "D": [c / 6 / n for c, n in grid]}
    truth = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    runs = sf.datasets.simulate("chinchilla", truth, design, noise=0.002, seed=1)
    found = sf.allocation.approach1(runs)
    curse = next(finding for finding in found.findings if finding.code == "winners_curse")
    assert curse.sentence.startswith("picking the best run does not change")
    assert curse.statistic == 0.0
    assert f"         {curse.advice}" in found.summary()
    both = sf.approaches(runs, n=20)
    for one in both.findings:
        assert one.sentence in both.summary()
        assert one.advice in both.summary()


def test_advice_stands_below_its_finding():
    found = Finding("few", "rows", "amber", "6 rows", advice="Add rows.")
    text = Stress("coverage", pl.DataFrame({"a": [1]}), (found,)).summary()
    assert text.endswith("amber      6 rows\n           Add rows.")


# The terminal


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(RUNS).write_csv("runs.csv")
    return tmp_path


def call(*words):
    return CliRunner().invoke(main, ["fit", *words])


def test_the_target_and_its_scale_come_from_the_formula(folder):
    frame = {"G": [2.0, 4.0, 8.0, 16.0, 32.0], "x": [1.0, 3.0, 2.0, 5.0, 4.0]}
    frame["n_star"] = [g * 3.0 * x**0.5 for g, x in zip(frame["G"], frame["x"], strict=True)]
    pl.DataFrame(frame).write_csv("star.csv")
    result = call("star.csv", "log(n_star) ~ log(G) + b + a*log(x)", "--json")
    assert result.exit_code == 0, result.stderr
    assert '"a": 0.5' in result.stdout or '"a": 0.49999' in result.stdout
    clash = call("star.csv", "log(n_star) ~ log(G) + b + a*log(x)", "--target", "x")
    assert "but the formula explains `n_star`" in clash.stderr


def test_errors_are_in_the_words_of_the_terminal(folder):
    result = call("runs.csv", "chinchilla", "--residual", "log_excess:E",
                  "--column", "N=params", "--column", "D=tokens")  # fmt: skip
    assert result.exit_code == 2
    assert "--loss squared" in result.stderr
    assert "Squared()" not in result.stderr
    named = call("runs.csv", "E + A/N**alpha + B/D**beta")
    assert "--column N=params --column D=tokens" in named.stderr
    assert "columns=" not in named.stderr
    missing = call("runs.csv", "chinchilla")
    assert missing.stderr.count("--column N=params") == 1
    assert "columns=" not in missing.stderr


def test_files_say_how_they_are_mended(folder):
    Path("semicolon.csv").write_text("a;b\n1,5;2\n")
    Path("ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    Path("wide.csv").write_bytes("a,b\n1,2\n".encode("utf-16"))
    assert "write it with commas" in call("semicolon.csv", "power").stderr
    assert "more cells than the header has names" in call("ragged.csv", "power").stderr
    assert "save it as UTF-8" in call("wide.csv", "power").stderr
