"""A folder of another run, or damaged, is refused with its reason."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import scaling_fast as sf
from scaling_fast import _core
from scaling_fast.resampling.execution.messages import FORMAT, Damaged, Foreign, packed, unpacked

X = np.geomspace(1.0, 1e4, 20)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))
N = 2000


@pytest.fixture(scope="module")
def fit():
    return sf.fit({"x": X, "loss": Y}, "E + A*x**(-alpha)")


@pytest.fixture
def kept(fit, tmp_path):
    """A finished run in four shards."""
    folder = tmp_path / "run"
    sf.bootstrap(fit, n=N, seed=5, shards=4, keep=folder)
    return folder


def again(fit, folder, **options):
    return sf.bootstrap(fit, **({"n": N, "seed": 5, "keep": folder} | options))


def shards(folder):
    return sorted(folder.glob("shard-*"))


@pytest.mark.parametrize("name", ["run.scaling", "shard"])
def test_every_flipped_bit_is_noticed(fit, tmp_path, name):
    folder = tmp_path / "run"
    again(fit, folder, n=8, shards=1)
    path = folder / name if "." in name else shards(folder)[0]
    kind = "run" if "." in name else "shard"
    raw = path.read_bytes()
    for place in range(len(raw)):
        for bit in range(8):
            bad = bytearray(raw)
            bad[place] ^= 1 << bit
            with pytest.raises((Damaged, Foreign)):
                unpacked(kind, bytes(bad))


@pytest.mark.parametrize("place", [0, 14, 20, 30, 60, 200, -1])
def test_an_altered_shard_is_refused_with_its_reason(fit, kept, place):
    path = shards(kept)[1]
    bad = bytearray(path.read_bytes())
    bad[place] ^= 4
    path.write_bytes(bad)
    with pytest.raises(sf.errors.CheckpointError) as raised:
        again(fit, kept)
    assert raised.value.code in ("damaged", "foreign")
    assert path.name in str(raised.value)


@pytest.mark.parametrize("length", [0, 1, 20, 40, 60, 300, -1])
@pytest.mark.parametrize("name", ["run", "shard"])
def test_a_truncated_file_is_refused(fit, kept, length, name):
    path = kept / "run.scaling" if name == "run" else shards(kept)[2]
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(sf.errors.CheckpointError) as raised:
        again(fit, kept)
    assert raised.value.code in ("damaged", "foreign")


def test_a_run_with_anything_else_is_refused_and_says_what(fit, kept):
    other = np.array(Y)
    other[3] *= 1.001
    law = "E + A*x**(-alpha)"
    questions = {
        "data": sf.fit({"x": X, "loss": other}, law),
        "formula": sf.fit({"x": X, "loss": Y}, "E + A/x**alpha"),
        "loss": sf.fit({"x": X, "loss": Y}, law, loss=sf.Squared()),
        "bounds": sf.fit({"x": X, "loss": Y}, law, params={"E": sf.Param(lower=0.1)}),
    }
    for word, question in questions.items():
        with pytest.raises(sf.errors.CheckpointError, match=word) as raised:
            again(question, kept)
        assert raised.value.code == "other_run"
    for word, options in {
        "seed": {"seed": 6},
        "starts": {"starts": 2},
        "scheme": {"scheme": sf.Bayesian()},
    }.items():
        with pytest.raises(sf.errors.CheckpointError, match=word):
            again(fit, kept, **options)


def test_a_shard_of_another_run_is_refused(fit, kept, tmp_path):
    again(fit, tmp_path / "other", seed=6, shards=4)
    shutil.copy(shards(tmp_path / "other")[0], kept)
    with pytest.raises(sf.errors.CheckpointError, match="seed"):
        again(fit, kept)


def test_another_version_and_the_future_are_refused(fit, kept):
    path = kept / "run.scaling"
    raw = path.read_bytes()
    words, _ = unpacked("run", raw)
    path.write_bytes(
        packed("run", {"run": words["run"] | {"version of scaling_fast": "0.0.1"}}, {})
    )
    with pytest.raises(sf.errors.CheckpointError, match="version of scaling_fast"):
        again(fit, kept)
    path.write_bytes(raw.replace(b"run %d\n" % FORMAT, b"run %d\n" % (FORMAT + 1), 1))
    with pytest.raises(sf.errors.CheckpointError, match=f"format {FORMAT + 1}") as raised:
        again(fit, kept)
    assert raised.value.code == "foreign"
    assert _core.__version__ == words["run"]["version of scaling_fast"]


def test_a_folder_of_something_else_is_left_alone(fit, tmp_path):
    (tmp_path / "thesis.tex").write_text("chapter one")
    with pytest.raises(sf.errors.CheckpointError, match=r"thesis\.tex"):
        again(fit, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) in (
        ["thesis.tex"],
        ["lock", "thesis.tex"],
    )
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with pytest.raises(sf.errors.CheckpointError):
        again(fit, path)
    assert path.read_bytes() == b"x"
    with pytest.raises(sf.errors.CheckpointError):
        again(fit, tmp_path / "no" / "parent")
