"""Files of results: equal results are equal bytes, what comes back is what was saved, damage is refused.

What is saved comes back whole or not at all.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from decaying import X, Y
from power_runs import LAW
from saved import file_of

import scaling_fast as sf
import scaling_fast.datasets
from scaling_fast.auditing.result import Audit
from scaling_fast.errors import CheckpointError

FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}


def fit_of(**options):
    return sf.fit(FRAME, options.pop("law", LAW), **options)


@pytest.fixture(scope="module")
def good():
    return fit_of()


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_copies_of_results_and_laws_are_equal(good, again):
    other = again(good)
    assert dict(other.params) == dict(good.params)
    assert other.table.equals(good.table)
    boot = sf.bootstrap(good, n=20)
    assert again(boot).digest == boot.digest
    assert sf.bootstrap(other, n=20).digest == boot.digest
    assert again(good.law) == good.law


RUNS = {"x": [1.0, 10.0, 100.0, 1000.0] * 2, "loss": [3.0, 2.01, 1.49, 1.25, 3.02, 2.0, 1.5, 1.26]}


@pytest.fixture(scope="module")
def fitted():
    return sf.fit(RUNS, "power_offset", loss=sf.Squared())


@pytest.mark.parametrize("path", ["a\0b", "\ud800", ".", "/", ""])
@pytest.mark.parametrize("force", [False, True])
def test_a_fit_is_not_saved_where_no_file_can_be(fitted, path, force):
    with pytest.raises(CheckpointError):
        fitted.save(path, force=force)


LOSSES = [
    sf.Squared(),
    sf.Absolute(),
    sf.Huber(1e-3),
    sf.Huber(1.345, scale="mad"),
    sf.SoftL1(0.01),
    sf.Cauchy(0.01),
    sf.Tukey(0.1),
    sf.LogCosh(0.01),
    sf.Pinball(0.3),
]
SCHEMES = [
    sf.Pairs(),
    sf.Clusters("run"),
    sf.Clusters(["run", "key"]),
    sf.Bayesian(),
    sf.Bayesian("run"),
    sf.Jackknife(),
    sf.Jackknife("run"),
    sf.Indices(np.tile(np.arange(30), (4, 1))),
    sf.Weights(np.ones((3, 30))),
]


@pytest.fixture(scope="module")
def runs():
    rng = np.random.default_rng(1)
    n, d = 10 ** rng.uniform(7, 10, 30), 10 ** rng.uniform(9, 12, 30)
    y = (1.7 + 400 / n**0.34 + 900 / d**0.3) * np.exp(0.01 * rng.standard_normal(30))
    return pl.DataFrame(
        {
            "N": n,
            "D": d,
            "loss": y,
            "run": np.arange(30) // 3,
            "key": ["a", "b"] * 15,
            "w": 1.0 + (n > 1e9),
        }
    )


@pytest.fixture(scope="module")
def fit(runs):
    return sf.fit(runs, "chinchilla", weights="w", loss=sf.Squared())


@pytest.fixture(scope="module")
def grouped(runs):
    return sf.fit(runs, "E + A/N**alpha", columns={"N": "N"}, by="key", loss=sf.Squared())


def assert_same_fit(one, other):
    assert one.table.equals(other.table)
    assert one.table.schema == other.table.schema
    assert one.findings == other.findings
    assert (one.seed, one.scale, one.loss) == (other.seed, other.scale, other.loss)
    assert one.law == other.law
    np.testing.assert_array_equal(one.residuals(), other.residuals())
    if one.groups == 1:
        assert one.certificate == other.certificate
        assert one.is_global == other.is_global
    assert one.predict().equals(other.predict())
    assert one.summary() == other.summary()


def copies(result, tmp_path):
    path = tmp_path / "result.scaling"
    result.save(path)
    return {
        "load": sf.load(path),
        "pickle": pickle.loads(pickle.dumps(result)),
        "deepcopy": copy.deepcopy(result),
        "copy": copy.copy(result),
    }


@pytest.mark.parametrize("loss", LOSSES)
def test_a_fit_comes_back_as_it_was(runs, loss, tmp_path):
    """X14: saved, pickled and copied, bit for bit."""
    fit = sf.fit(runs, "E + A/N**alpha", columns={"N": "N"}, loss=loss)
    for again in copies(fit, tmp_path).values():
        assert_same_fit(fit, again)


def test_a_fit_with_weights_answers_every_question_again(fit, tmp_path):
    for again in copies(fit, tmp_path).values():
        assert_same_fit(fit, again)
        assert again.cov().equals(fit.cov())
        assert again.cov(cluster="run").equals(fit.cov(cluster="run"))
        assert again.interval(0.9, of="beta/(alpha+beta)").equals(
            fit.interval(0.9, of="beta/(alpha+beta)")
        )
        assert again.objective_at(fit.params) == fit.objective_at(fit.params)
        assert sf.bootstrap(again, n=30).digest == sf.bootstrap(fit, n=30).digest


def test_a_grouped_fit_comes_back_as_it_was(grouped, tmp_path):
    for again in copies(grouped, tmp_path).values():
        assert_same_fit(grouped, again)


def test_bounds_sigma_transforms_and_dropped_rows_come_back(runs, tmp_path):
    holed = runs.with_columns(loss=pl.when(pl.col("run") == 3).then(None).otherwise("loss"))
    fit = sf.fit(
        holed,
        "log(loss) ~ log(E + A*N**(-alpha))",
        columns={"N": pl.col("N") / 1e6},
        loss=sf.SoftL1(0.01),
        sigma=np.linspace(1, 2, 30),
        params={"E": sf.Param(lower=0, upper=3), "alpha": sf.Param(fixed=0.3)},
        nulls="drop",
    )
    assert fit.n == 27
    for again in copies(fit, tmp_path).values():
        assert_same_fit(fit, again)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_bootstrap_comes_back_as_it_was(fit, scheme, tmp_path):
    """X14; the digest is that of the same draws."""
    n = 40 if scheme.name in ("pairs", "clusters", "bayesian") else None
    boot = sf.bootstrap(fit, scheme, n=n, seed=11)
    for again in copies(boot, tmp_path).values():
        assert again.draws.equals(boot.draws)
        assert again.digest == boot.digest
        assert (again.n, again.seed, again.scheme) == (boot.n, boot.seed, boot.scheme)
        assert_same_fit(again.fit, boot.fit)
        assert again.failures.equals(boot.failures)
        method = "normal"
        assert again.interval(0.9, method).equals(boot.interval(0.9, method))
        assert again.summary() == boot.summary()


def test_a_grouped_bootstrap_comes_back_as_it_was(grouped, tmp_path):
    boot = sf.bootstrap(grouped, n=30)
    for again in copies(boot, tmp_path).values():
        assert again.digest == boot.digest
        assert again.interval(max_failures=1.0).equals(boot.interval(max_failures=1.0))


def test_equal_results_are_equal_files(runs, fit, tmp_path):
    """Nothing of the clock, the process or the path is in the bytes."""
    again = sf.fit(runs, "chinchilla", weights="w", loss=sf.Squared())
    assert file_of(again) == file_of(fit)
    boots = [
        sf.bootstrap(source, n=20, threads=threads) for source, threads in ((fit, 1), (again, 2))
    ]
    assert file_of(boots[0]) == file_of(boots[1])
    fit.save(tmp_path / "one.scaling")
    sf.load(tmp_path / "one.scaling").save(tmp_path / "two.scaling")
    assert (tmp_path / "one.scaling").read_bytes() == (tmp_path / "two.scaling").read_bytes()


def test_a_file_holds_json_and_arrow_only(fit):
    """X14: nothing that could run."""
    with zipfile.ZipFile(io.BytesIO(file_of(fit))) as archive:
        names = archive.namelist()
        entry = json.loads(archive.read("result.json"))
    assert "result.json" in names
    assert all(name == "result.json" or name.endswith(".arrow") for name in names)
    assert entry["schema"] == "scaling-fast/1"


def test_an_existing_file_is_kept(fit, tmp_path):
    """H4: no overwrite without force."""
    path = tmp_path / "fit.scaling"
    path.write_text("mine")
    with pytest.raises(sf.errors.CheckpointError, match="force"):
        fit.save(path)
    assert path.read_text() == "mine"
    fit.save(path, force=True)
    assert sf.load(path).table.equals(fit.table)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.scaling"], (
        "no part file stays behind"
    )


def test_a_folder_that_is_not_there_is_a_checkpoint_error(fit, tmp_path):
    """X11."""
    with pytest.raises(sf.errors.CheckpointError, match="cannot be written"):
        fit.save(tmp_path / "nowhere" / "fit.scaling")
    with pytest.raises(sf.errors.CheckpointError, match="cannot be read"):
        sf.load(tmp_path / "missing.scaling")
    with pytest.raises(sf.errors.CheckpointError):
        sf.load(tmp_path)


def test_errors_travel(fit):
    """X14: pickled and copied errors keep their fields."""
    with pytest.raises(sf.errors.DataError) as caught:
        sf.bootstrap(fit, sf.Clusters("rum"))
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.deepcopy(caught.value)):
        assert type(again) is sf.errors.DataError
        assert str(again) == str(caught.value)
        assert (again.code, again.column) == ("missing_column", "rum")


SAVED = Path(__file__).parent / "data" / "saved"
ANSWERS = json.loads((SAVED / "answers.json").read_text(encoding="utf-8"))


def lists(table):
    """Return a frame as a mapping from column to list."""
    return {name: table[name].to_list() for name in table.columns}


def saved(name):
    """Return a result that the version before saved."""
    return sf.load(SAVED / f"{name}.scaling")


@pytest.mark.parametrize("name", ["fit", "grouped-fit"])
def test_a_fit_saved_by_the_version_before_has_the_same_table(name):
    found = json.loads(saved(name).table.write_json())
    assert found == ANSWERS[name]["table"]


def test_a_grouped_fit_saved_by_the_version_before_gives_its_groups():
    fit = saved("grouped-fit")
    for row in fit.table.iter_rows(named=True):
        keys = {name: row[name] for name in fit.request.table.keys.columns}
        one = fit.select(**keys)
        assert (one.status, one.objective) == (row["status"], row["objective"])
        assert dict(one.params) == {name: row[name] for name in fit.request.names}


def test_a_fit_saved_by_the_version_before_gives_the_same_answers():
    fit, want = saved("fit"), ANSWERS["fit"]
    assert dict(fit.params) == want["params"]
    assert fit.objective == want["objective"]
    found = lists(fit.interval(0.9))
    # Intervals come from a factorisation whose last digits depend on the processor.
    for end in ("lower", "upper"):
        assert found.pop(end) == pytest.approx(want["interval"][end], rel=1e-12)
    assert found == {name: part for name, part in want["interval"].items() if name in found}
    assert fit.objective_at(fit.params) == pytest.approx(fit.objective, rel=1e-12)


@pytest.mark.parametrize("name", ["bootstrap-pairs", "bootstrap-indices"])
def test_a_bootstrap_saved_by_the_version_before_gives_the_same_draws(name):
    boot, want = saved(name), ANSWERS[name]
    assert (boot.digest, boot.n) == (want["digest"], want["n"])
    for column, values in want["draws"].items():
        assert boot.draws[column].to_list() == values
    assert lists(boot.interval(0.9, max_failures=1.0)) == want["interval"]
    # Another version may end a refit at other last digits.
    again = sf.bootstrap(boot.fit, boot.scheme, n=boot.n, seed=boot.seed)
    assert again.draws["status"].to_list() == boot.draws["status"].to_list()
    for column in want["draws"].keys() - {"status", "replicate"}:
        assert again.draws[column].to_numpy() == pytest.approx(
            boot.draws[column].to_numpy(), rel=1e-7, nan_ok=True
        )


def test_a_summary_saved_by_the_version_before_gives_the_same_interval():
    brief, want = saved("bootstrap-summary"), ANSWERS["bootstrap-summary"]
    assert (brief.digest, brief.n) == (want["digest"], want["n"])
    assert lists(brief.table) == want["table"]
    # Quantiles are made by refitting, which another version may end at other last digits.
    found = lists(brief.interval(0.9, max_failures=1.0))
    for end in ("lower", "upper"):
        assert found.pop(end) == pytest.approx(want["interval"][end], rel=1e-8)
    assert found == {name: part for name, part in want["interval"].items() if name in found}


def test_an_audit_saved_by_the_version_before_is_refused_with_its_version(tmp_path):
    """Its report lacks the titles, weights and questions that page and letter are now made of."""
    path = tmp_path / "audit.json"
    path.write_bytes(gzip.decompress((SAVED / "audit.json.gz").read_bytes()))
    with pytest.raises(sf.errors.DataError, match=r"`scaling-audit/2`.*`scaling-audit/1`"):
        Audit.load(path)


@pytest.mark.parametrize("key", ["status", "fit_status", "draw_status", "count"])
def test_a_key_of_groups_with_the_name_of_a_column_of_ours_comes_back(tmp_path, key):
    frame = {
        "x": np.tile(X[:10], 3),
        "loss": np.tile(Y[:10], 3),
        key: np.repeat(["a", "b", "c"], 10),
    }
    fit = sf.fit(frame, LAW, columns={"x": "x"}, by=key, loss=sf.Squared())
    boot = sf.bootstrap(fit, n=20, progress=False)
    brief = sf.bootstrap(fit, n=20, progress=False, keep="summary")
    for result in (fit, boot, brief):
        result.save(tmp_path / f"{result.kind}.scaling")
        again = sf.load(tmp_path / f"{result.kind}.scaling")
        assert repr(again) == repr(result)
    assert sf.load(tmp_path / "fit.scaling").table.equals(fit.table)
    assert sf.load(tmp_path / "bootstrap.scaling").draws.equals(boot.draws)
