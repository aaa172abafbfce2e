"""Files of results: equal results are equal bytes, what comes back is what was saved, damage is refused.

What is saved comes back whole or not at all.
"""

from __future__ import annotations

import copy
import io
import json
import pickle
import zipfile

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.runtime import archive

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


def to_bytes(result) -> bytes:
    """Return the bytes of the file that `save` writes."""
    return archive.to_bytes(result.kind, *result.archive_entry())


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
    return sf.fit(runs, "chinchilla", weights="w")


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
    again = sf.fit(runs, "chinchilla", weights="w")
    assert to_bytes(again) == to_bytes(fit)
    boots = [sf.bootstrap(one, n=20, threads=threads) for one, threads in ((fit, 1), (again, 2))]
    assert to_bytes(boots[0]) == to_bytes(boots[1])
    fit.save(tmp_path / "one.scaling")
    sf.load(tmp_path / "one.scaling").save(tmp_path / "two.scaling")
    assert (tmp_path / "one.scaling").read_bytes() == (tmp_path / "two.scaling").read_bytes()


def test_a_file_holds_json_and_arrow_only(fit):
    """X14: nothing that could run."""
    with zipfile.ZipFile(io.BytesIO(to_bytes(fit))) as archive:
        names = archive.namelist()
        entry = json.loads(archive.read("result.json"))
    assert "result.json" in names
    assert all(one == "result.json" or one.endswith(".arrow") for one in names)
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
    assert [one.name for one in tmp_path.iterdir()] == ["fit.scaling"], "no part file stays behind"


def test_a_folder_that_is_not_there_is_a_checkpoint_error(fit, tmp_path):
    """X11."""
    with pytest.raises(sf.errors.CheckpointError, match="cannot be written"):
        fit.save(tmp_path / "nowhere" / "fit.scaling")
    with pytest.raises(sf.errors.CheckpointError, match="cannot be read"):
        sf.load(tmp_path / "missing.scaling")
    with pytest.raises(sf.errors.CheckpointError):
        sf.load(tmp_path)


def small():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    return sf.fit({"x": x, "loss": 1 + 3 / x}, "power_offset")


def survives(raw, path):
    """Return whether the bytes load to a fit, which a damaged file must not."""
    path.write_bytes(raw)
    try:
        sf.load(path)
    except sf.errors.CheckpointError:
        return False
    return True


def test_any_altered_byte_is_refused(tmp_path):
    """X12: every byte of the file, one bit each; what is no content may not change the result."""
    fit = small()
    raw = to_bytes(fit)
    path = tmp_path / "fit.scaling"
    quiet = []
    for place in range(0, len(raw), 7):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << (place % 8)
        if survives(bytes(damaged), path):
            quiet.append(place)
            assert sf.load(path).table.equals(fit.table), f"byte {place} changed the answer"
    assert quiet == [], (
        f"{len(quiet)} altered bytes were not noticed, the first at {quiet[0]} of {len(raw)}"
    )


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    """X12."""
    raw = to_bytes(small())
    assert not survives(raw[: int(share * len(raw))], tmp_path / "fit.scaling")


@pytest.mark.parametrize(
    "raw", [b"", b"PK\x05\x06" + bytes(18), b"not a zip", pickle.dumps({"a": 1}), bytes(4096)]
)
def test_other_files_are_refused(tmp_path, raw):
    assert not survives(raw, tmp_path / "fit.scaling")


def rewritten(raw, change):
    """Return the file with its JSON changed and every checksum right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "result.json":
                entry = json.loads(content)
                change(entry)
                content = json.dumps(entry).encode()
            new.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.update(schema="scaling-fast/2"),
        lambda entry: entry.pop("schema"),
        lambda entry: entry.pop("law"),
        lambda entry: entry.update(loss=["l2", 0.0]),
        lambda entry: entry["law"].update(formula="__import__('os').system('true')"),
        lambda entry: entry["law"].update(formula="E + A*z"),
        lambda entry: entry.update(residual="cubic"),
    ],
)
def test_another_version_or_content_is_refused(tmp_path, change):
    """X12: a file of the future, or one whose parts do not belong together."""
    assert not survives(rewritten(to_bytes(small()), change), tmp_path / "fit.scaling")


def test_errors_travel(fit):
    """X14: pickled and copied errors keep their fields."""
    with pytest.raises(sf.errors.DataError) as caught:
        sf.bootstrap(fit, sf.Clusters("rum"))
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.deepcopy(caught.value)):
        assert type(again) is sf.errors.DataError
        assert str(again) == str(caught.value)
        assert (again.code, again.column) == ("missing_column", "rum")


def test_only_regular_files_are_read_and_replaced(tmp_path):
    import os
    import stat

    fit = sf.fit({"x": [1.0, 2.0, 4.0, 8.0], "loss": [4.0, 3.0, 2.5, 2.2]}, "power_offset")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for force in (False, True):
        with pytest.raises(sf.errors.CheckpointError, match="not a regular file"):
            fit.save(pipe, force=force)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    for other in (pipe, tmp_path):
        with pytest.raises(sf.errors.CheckpointError, match="not a regular file"):
            sf.load(other)


def test_a_file_larger_than_any_result_is_refused_before_it_is_read(tmp_path):
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(2**34 + 1)  # sparse: it takes no space
    with pytest.raises(sf.errors.CheckpointError, match="more than"):
        sf.load(huge)
