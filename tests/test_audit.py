"""An audit computes what it shows from the rows it is given, and says what it could not."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

import scaling_fast.datasets
from scaling_fast.auditing import Audit, audit, load_paper
from scaling_fast.errors import DataError, ParameterError

KEYS = ["check", "quantity", "view"]
FEW = 60

CLAIM = """
schema = "scaling-claim/1"
[paper]
id = "x:1"
title = "A law"
[data]
columns = {{ x = "size", y = "loss" }}
{data}
[fit]
law = "power_offset"
residual = "log"
loss = "squared"
[reported]
n = "40"
params = {{ E = "{E}", A = "{A}", alpha = "{alpha}" }}
intervals = [ {{ of = "alpha", level = 0.9, lower = "{lower}", upper = "{upper}" }} ]
[[claims]]
id = "slope"
kind = "exponent"
expr = "alpha"
value = "{alpha}"
[[claims]]
id = "large"
kind = "extrapolation"
at = {{ x = 1e6 }}
value = "{large}"
"""


def rows(n=40, seed=3, noise=0.003):
    generator = np.random.default_rng(seed)
    size = np.geomspace(1e1, 1e4, n)
    loss = (1.5 + 4.0 * size**-0.4) * np.exp(noise * generator.standard_normal(n))
    return pl.DataFrame({"size": size, "loss": loss})


def claim(tmp_path, *, data="", E="1.500", A="4.00", alpha="0.400", lower="0.39", upper="0.41",
          large="1.516"):  # fmt: skip
    text = CLAIM.format(data=data, E=E, A=A, alpha=alpha, lower=lower, upper=upper, large=large)
    path = tmp_path / "claim.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def chinchilla(reference):
    reference("svg_extracted_data.csv")
    return scaling_fast.datasets.load("chinchilla")


def test_every_computed_cell_moves_with_the_rows_and_no_cited_one(chinchilla):
    noise = np.exp(0.01 * np.random.default_rng(1).standard_normal(chinchilla.height))
    moved = chinchilla.with_columns(loss=pl.col("loss") * noise)
    before = audit("hoffmann2022", data=chinchilla, n=FEW).table
    after = audit("hoffmann2022", data=moved, n=FEW).table
    both = before.join(after, on=KEYS, how="full", coalesce=True, suffix="_after")
    computed = both.filter(pl.col("computed").is_not_null())
    assert computed.height > 40
    still = computed.filter(pl.col("computed") == pl.col("computed_after"))
    assert still.is_empty(), still.select(KEYS).rows()
    for column in ("reported", "cited"):
        assert both[column].equals(both[f"{column}_after"])


def test_cited_figures_never_enter_a_computation(chinchilla):
    import msgspec

    paper = load_paper("hoffmann2022")
    fakes = tuple(msgspec.structs.replace(r, value=12345.0) for r in paper.references)
    from dataclasses import replace

    ours = audit(paper, data=chinchilla, n=FEW)
    theirs = audit(replace(paper, references=fakes), data=chinchilla, n=FEW)
    assert ours.table.drop("cited").equals(theirs.table.drop("cited"))
    assert ours.findings == theirs.findings


def test_an_honest_claim_is_green(tmp_path):
    frame = rows()
    first = audit(claim(tmp_path), data=frame, n=200)
    cell = {r["quantity"]: r for r in first.table.iter_rows(named=True)}
    fitted = {name: f"{cell[f'refitted {name}']['computed']:.8g}" for name in ("E", "A", "alpha")}
    ends = [
        cell[f"90 % interval of alpha, {side}, pairs"]["computed"] for side in ("lower", "upper")
    ]
    large = float(fitted["E"]) + float(fitted["A"]) * 1e6 ** -float(fitted["alpha"])
    honest = audit(
        claim(
            tmp_path, **fitted, lower=f"{ends[0]:.5f}", upper=f"{ends[1]:.5f}", large=f"{large:.4f}"
        ),
        data=frame,
        n=200,
    )
    assert honest.verdict == "green", honest.summary()


def test_an_interval_too_narrow_and_beside_its_point_is_red(tmp_path):
    result = audit(claim(tmp_path, lower="0.4101", upper="0.4102"), data=rows(), n=200)
    severities = {f.code: f.severity for f in result.findings}
    assert severities["R6.implied_size"] == "red"
    assert severities["R7.rounded"] == "red"
    assert result.verdict == "red"


def test_a_target_the_digits_cannot_give_is_red(tmp_path):
    result = audit(claim(tmp_path, large="1.700"), data=rows(), n=FEW)
    wrong = [f for f in result.findings if f.code == "R4.target" and f.severity == "red"]
    assert [f.evidence["claim"] for f in wrong] == ["large"]


def test_rows_that_cannot_be_found_make_a_table_only_audit(tmp_path):
    result = audit(claim(tmp_path, data='file = "missing.csv"'))
    codes = {f.code: f.severity for f in result.findings}
    assert codes["data.absent"] == "grey"
    assert codes["R2.unavailable"] == "grey"
    assert codes["R7.rounded"] == "green"
    assert codes["R4.target"] == "green"
    assert result.table["computed"].null_count() == result.table.height
    assert result.verdict == "grey"
    assert "missing.csv" in result.summary()
    assert "Cannot be assessed without the rows." in result.summary()
    assert "SCALING_FAST_DATA" in next(f.advice for f in result.findings if f.check == "R2")
    assert "publish the rows" not in result.letter()
    assert "rows: none used" in result.letter()


def test_rows_no_claim_file_names_are_asked_of_the_authors(tmp_path):
    result = audit(claim(tmp_path))
    assert {"R1.no_data", "R2.no_data", "R6.no_data"} <= {f.code for f in result.findings}
    assert result.letter().count("publish the rows") == 1


def test_released_rows_that_are_not_named_are_not_asked_for(tmp_path):
    path = claim(tmp_path)
    path.write_text(path.read_text() + '[disclosure]\ndata_released = "yes"\n')
    assert "publish the rows" not in audit(path).letter()


@pytest.mark.parametrize(("method", "asked"), [("", False), (', method = "bootstrap"', True)])
def test_failed_refits_are_asked_about_only_of_those_who_refitted(tmp_path, method, asked):
    path = claim(tmp_path)
    path.write_text(path.read_text().replace('upper = "0.41"', f'upper = "0.41"{method}'))
    report = json.loads(audit(path, data=rows(), n=FEW).to_json())
    failures = next(entry for entry in report["findings"] if entry["check"] == "failures")
    failures["severity"] = "red"
    assert ("refits failed" in Audit(report).letter()) == asked


def test_advice_is_neither_counted_nor_called_a_failure():
    result = audit("cerebras2023", n=FEW)
    advice = next(f for f in result.findings if f.check == "rows")
    assert advice.severity == "amber"
    counted = [f.severity for f in result.findings if f.check != "rows"]
    assert result.report["counts"]["amber"] == counted.count("amber")
    line = next(x for x in result.summary().splitlines() if "Rows per parameter" in x)
    assert "Advisory" in line
    assert not any(word in line for word in ("Fails", "Doubtful"))


def test_a_summary_lists_the_severest_first(tmp_path):
    result = audit(claim(tmp_path, lower="0.4101", upper="0.4102"), data=rows(), n=FEW)
    words = ["Fails", "Not assessed", "Doubtful", "Holds", "Advisory"]
    order = [
        words.index(word)
        for line in result.summary().splitlines()
        for word in words
        if line[2:].startswith(word)
    ]
    assert order == sorted(order)
    assert len(order) == len(result.findings)


def test_shifts_of_scales_are_measured_by_their_logarithms():
    table = audit("cerebras2023", n=200).table.filter(pl.col("unit") == "standard errors")
    # Some refits have a negative offset, so E is compared as it is.
    assert {"shift of ln C0", "shift of alpha", "shift of E"} == set(table["quantity"])
    assert table["computed"].abs().min() > 1e-6


def test_no_number_of_the_refit_stands_twice(tmp_path):
    for table in (audit("cerebras2023", n=FEW).table, audit(claim(tmp_path), data=rows()).table):
        refitted = table.filter(pl.col("quantity").str.starts_with("refitted"))
        assert refitted.select(KEYS).is_unique().all()
        assert refitted.select("view", "computed").is_unique().all()


def test_an_earlier_report_is_replaced_and_nothing_else(tmp_path):
    result = audit(claim(tmp_path), data=rows(), n=FEW)
    for write, name in ((result.write_html, "a.html"), (result.write_json, "a.json")):
        path = write(tmp_path / name)
        assert write(path) == path
        path.write_text("mine")
        with pytest.raises(DataError, match="force"):
            write(path)
        assert write(path, force=True) == path
    with pytest.raises(DataError, match="force"):
        result.write_html(tmp_path / "a.json")


def test_objectives_read_as_english(tmp_path):
    assert audit("cerebras2023", n=FEW).report["objective"] == "sum of squared raw residuals"
    assert audit(claim(tmp_path)).report["objective"] == "sum of squared log residuals"


def test_hoffmann_without_rows_is_still_red_by_its_own_numbers(monkeypatch):
    def offline(name):
        raise DataError("no network")

    monkeypatch.setattr(scaling_fast.datasets, "load", offline)
    result = audit("hoffmann2022")
    codes = {f.code: f.severity for f in result.findings}
    assert codes["R7.unrounded"] == "red"
    assert codes["R7.rounded"] == "grey"
    assert codes["R6.unavailable"] == "grey"
    assert result.verdict == "red"


def test_a_table_of_rounded_numbers_alone_leaves_the_point_open(monkeypatch):
    from dataclasses import replace

    import msgspec

    paper = load_paper("hoffmann2022")
    rounded = msgspec.structs.replace(paper.reported, log_params={})
    monkeypatch.setattr(
        scaling_fast.datasets, "load", lambda name: (_ for _ in ()).throw(DataError("offline"))
    )
    result = audit(replace(paper, reported=rounded))
    codes = {f.code: f.severity for f in result.findings}
    assert "R7.unrounded" not in codes
    assert codes["R7.rounded"] == "grey"


def test_ties_among_the_largest_are_refused_with_a_finding(tmp_path):
    frame = rows()
    top = float(frame["loss"].max())
    tied = pl.concat([frame, pl.DataFrame({"size": [12.0], "loss": [top]})])
    data = (
        'filters = [ { name = "all" }, { name = "cut", drop_largest = 1, column = "y" } ]\n'
        'headline_filter = "cut"'
    )
    result = audit(claim(tmp_path, data=data), data=tied, n=FEW)
    assert [f.severity for f in result.findings if f.code == "filter.ties"] == ["grey"]
    assert result.report["data"]["rows_used"] == tied.height
    apart = audit(claim(tmp_path, data=data), data=frame, n=FEW)
    assert apart.report["data"]["rows_used"] == frame.height - 1


def test_the_same_question_gives_the_same_bytes(tmp_path):
    path = claim(tmp_path)
    once = audit(path, data=rows(), n=FEW, threads=1)
    again = audit(path, data=rows(), n=FEW, threads=2)
    other = audit(path, data=rows(), n=FEW, seed=1)
    assert once.to_json() == again.to_json()
    assert once.to_json() != other.to_json()


def test_json_is_strict_and_comes_back_whole(tmp_path):
    result = audit(claim(tmp_path), data=rows(), n=FEW)
    text = result.to_json()

    def refuse(word):
        raise AssertionError(word)

    assert json.loads(text, parse_constant=refuse) == result.report
    path = result.write_json(tmp_path / "audit.json")
    back = Audit.load(path)
    assert back.to_json() == text
    assert back.findings == result.findings
    assert back.table.equals(result.table)
    for broken in ("{}", "[", '{"schema": "other"}', "null"):
        with pytest.raises(DataError):
            Audit.from_json(broken)


def test_a_report_of_an_earlier_version_is_refused_by_its_schema(tmp_path):
    report = json.loads(audit(claim(tmp_path)).to_json()) | {"schema": "scaling-audit/1"}
    with pytest.raises(DataError, match=r"`scaling-audit/2`.*`scaling-audit/1`"):
        Audit.from_json(json.dumps(report))


def test_an_infinite_number_of_a_report_comes_back(tmp_path):
    report = json.loads(audit(claim(tmp_path), data=rows(), n=FEW).to_json())
    report["table"][0]["computed"] = report["findings"][0]["statistic"] = "inf"
    report["figures"]["fits"][0]["refitted"][0] = "-inf"
    endless = Audit.from_json(json.dumps(report))
    assert endless.table["computed"][0] == math.inf
    assert endless.findings[0].statistic == math.inf
    assert "\u221e" in endless.write_html(tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["mapping", "lazy", "pandas", "arrow", "csv", "parquet"])
def test_any_frame_gives_the_same_audit(tmp_path, kind):
    frame = rows()
    given = {
        "mapping": lambda: {c: frame[c].to_numpy() for c in frame.columns},
        "lazy": frame.lazy,
        "pandas": frame.to_pandas,
        "arrow": frame.to_arrow,
        "csv": lambda: _written(frame.write_csv, tmp_path / "rows.csv"),
        "parquet": lambda: _written(frame.write_parquet, tmp_path / "rows.parquet"),
    }[kind]()
    path = claim(tmp_path)
    found, wanted = audit(path, data=given, n=FEW), audit(path, data=frame, n=FEW)
    assert found.table.drop("source").equals(wanted.table.drop("source"))
    assert found.report["data"]["sha256"] == wanted.report["data"]["sha256"]


def _written(write, path):
    write(path)
    return path


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (
            pl.DataFrame({"size": [1.0], "los": [2.0]}),
            ["`loss`", "did you mean `los`", "[data]", 'columns = { y = "los" }'],
        ),
        (pl.DataFrame({"size": [1.0, 2.0], "loss": ["a", "b"]}), ["`"]),
        (pl.DataFrame({"size": [1.0, None], "loss": [1.0, 2.0]}), ["null", "row 1"]),
        (object(), ["not a frame"]),
        ("no/such/rows.csv", ["no/such/rows.csv"]),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path, frame, words):
    with pytest.raises(DataError) as caught:
        audit(claim(tmp_path), data=frame, n=FEW)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("n", [0, -1, 19, 10**9, 1.5, True, "many"])
def test_an_impossible_number_of_replicates_is_refused(tmp_path, n):
    with pytest.raises(ParameterError, match="n must be"):
        audit(claim(tmp_path), data=rows(), n=n)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, None, True])
def test_an_impossible_seed_is_refused(tmp_path, seed):
    with pytest.raises(ParameterError, match="seed must be"):
        audit(claim(tmp_path), data=rows(), n=FEW, seed=seed)


def test_the_embedded_claim_on_seven_points_is_audited_without_network():
    result = audit("cerebras2023", n=200)
    assert result.verdict in {"amber", "grey"}
    codes = {f.code: f.severity for f in result.findings}
    assert codes["disclosure.objective"] == "amber"
    assert codes["R6.no_interval"] == "grey"
    ratios = [f for f in result.findings if f.code == "R2.likelihood_ratio"]
    assert len(ratios) == 2
    table = result.table.filter(pl.col("quantity") == "refitted alpha").unique("view")
    assert table.height == 2
    # Squared raw residuals of the paper's table, minimised with scipy: alpha 0.0732928.
    paper = table.filter(pl.col("view") == "table of the paper")["computed"].item()
    assert paper == pytest.approx(0.07329276, abs=1e-6)


def test_progress_is_told_and_ends_at_one(tmp_path):
    told = []
    audit(claim(tmp_path), data=rows(), n=FEW, progress=lambda words, share: told.append(share))
    assert told[-1] == 1.0
    assert all(0 <= share <= 1 for share in told)
    assert told == sorted(told)


def test_an_audit_shows_itself(tmp_path):
    result = audit(claim(tmp_path), data=rows(), n=FEW)
    assert result.verdict in repr(result)
    assert "A law" in result._repr_html_()
    assert all(math.isfinite(v) for v in result.table["computed"].drop_nulls())


def test_a_file_is_read_by_its_name_and_not_by_a_pattern(tmp_path):
    import hashlib

    rows(seed=3).write_csv(tmp_path / "runs[1].csv")
    rows(seed=9).write_csv(tmp_path / "runs1.csv")
    digest = hashlib.sha256((tmp_path / "runs[1].csv").read_bytes()).hexdigest()
    data = f'file = "runs[1].csv"\nsha256 = "{digest}"'
    found = audit(claim(tmp_path, data=data), n=FEW)
    wanted = audit(claim(tmp_path), data=rows(seed=3), n=FEW)
    assert found.report["data"]["sha256"] == wanted.report["data"]["sha256"]
    assert "data.sha256" not in {f.code for f in found.findings}


@pytest.mark.parametrize("noise", [0.0, 1e-15])
@pytest.mark.parametrize("alpha", ["0.400", "0.390"])
def test_rows_without_noise_are_grey_and_said_to_be(tmp_path, noise, alpha):
    result = audit(claim(tmp_path, alpha=alpha), data=rows(noise=noise), n=FEW)
    judged = [f for f in result.findings if f.code.endswith("noise_free")]
    assert {f.check for f in judged} == {"R1", "R2", "R4"}
    assert {f.severity for f in judged} == {"grey"}
    assert all("no noise" in f.sentence for f in judged)
    text = result.summary()
    assert "nan" not in text
    assert not [f for f in result.findings if "e+" in f.sentence and f.check in {"R1", "R2", "R4"}]


def test_an_interval_of_what_is_not_finite_is_grey(tmp_path):
    path = claim(tmp_path)
    text = path.read_text()
    for of in ("E/0", "log(-E)"):
        path.write_text(text.replace('of = "alpha"', f'of = "{of}"'))
        for data in (rows(), None):
            result = audit(path, data=data, n=FEW)
            said = [f for f in result.findings if f.check in {"R6", "R7"}]
            assert {f.severity for f in said} == {"grey"}, said
            assert "R7.not_finite" in {f.code for f in said}
            result.write_html(tmp_path / "page.html")


@pytest.mark.parametrize("n", [3, 4])
def test_as_many_rows_as_parameters_are_audited(tmp_path, n):
    result = audit(claim(tmp_path), data=rows(n), n=FEW)
    assert "nan" not in " ".join(f.sentence for f in result.findings)
    assert result.to_json()


@pytest.mark.parametrize(
    "given",
    [
        {"E": "1e308"},
        {"A": "1e308"},
        {"E": "1e308", "A": "1.7e308"},
        {"alpha": "1e308"},
        {"alpha": "-300"},
        {"lower": "1e308", "upper": "1.1e308"},
        {"upper": "1e308"},
        {"large": "1e308"},
        {"E": "5e-324", "A": "1e-4000"},
    ],
)
def test_a_huge_reported_number_never_loses_the_report(tmp_path, given):
    result = audit(claim(tmp_path, **given), data=rows(), n=FEW)
    said = " ".join(f.sentence for f in result.findings)
    assert "nan" not in said
    assert " inf " not in said
    assert "<h1>" in result.write_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert Audit.from_json(result.to_json()).letter()


@pytest.mark.parametrize("name", ["x" * 5000, "a\\u0000b", "a/" * 3000])
def test_a_file_no_system_can_hold_is_a_file_that_is_not_there(tmp_path, name):
    result = audit(claim(tmp_path, data=f'file = "{name}"'))
    assert "data.absent" in {f.code for f in result.findings}
    assert max(len(f.sentence) for f in result.findings) < 600


def test_an_optimum_certified_only_locally_is_held_against_nothing(tmp_path, monkeypatch):
    from scaling_fast.fitting.result import Fit

    monkeypatch.setattr(Fit, "is_global", property(lambda self: False))
    result = audit(claim(tmp_path), data=rows(), n=FEW)
    found = {f.code: f for f in result.findings if f.check in {"R1", "R2"}}
    assert set(found) == {"R1.local", "R2.local"}
    assert all("certified only locally" in f.sentence for f in found.values())
