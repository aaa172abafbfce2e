"""A run kept in a folder: killed at any moment it goes on to the same bits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.resampling.execution import checkpoint
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.execution.messages import unpacked

X = np.geomspace(1.0, 1e4, 20)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))
N = 2000
posix = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
PROGRAM = """
import pathlib, sys
import numpy as np
import scaling_fast as sf

x = np.geomspace(1.0, 1e4, 20)
y = (1.5 + 3.0 * x**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))
fit = sf.fit({"x": x, "loss": y}, "E + A*x**(-alpha)")
print("go", flush=True)
boot = sf.bootstrap(fit, n=int(sys.argv[2]), seed=5, shards=200, keep=pathlib.Path(sys.argv[1]))
print(boot.digest, flush=True)
"""


@pytest.fixture(scope="module")
def fit():
    return sf.fit({"x": X, "loss": Y}, "E + A*x**(-alpha)")


@pytest.fixture(scope="module")
def want(fit):
    return sf.bootstrap(fit, n=N, seed=5, threads=1)


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


def no_work(*_, **__):
    raise AssertionError("computed again")


def test_a_finished_run_is_read_and_not_computed_again(fit, want, kept, monkeypatch):
    monkeypatch.setattr(Job, "here", no_work)
    boot = again(fit, kept)
    assert boot.digest == want.digest
    assert boot.draws.equals(want.draws)


@pytest.mark.parametrize("lost", [[0], [3], [1, 2], [0, 1, 2, 3]])
@pytest.mark.parametrize("parts", [None, 1, 3])
def test_what_is_missing_is_computed_and_nothing_else(fit, want, kept, lost, parts):
    files = shards(kept)
    for place in lost:
        files[place].unlink()
    calls = []
    boot = again(fit, kept, shards=parts, progress=lambda *one: calls.append(one))
    assert boot.digest == want.digest
    assert calls[0][0] >= N * (4 - len(lost)) // 4
    assert calls[-1] == (N, N)
    assert again(fit, kept).digest == want.digest


def test_a_larger_n_goes_on_from_a_smaller_one_and_a_smaller_one_is_its_head(fit, want, tmp_path):
    folder = tmp_path / "run"
    again(fit, folder, n=300, shards=2)
    again(fit, folder, n=1111, shards=3)
    assert again(fit, folder).digest == want.digest
    assert again(fit, folder, n=777).draws.equals(want.draws.head(777))


def test_groups_and_lists_of_fits(fit, tmp_path):
    frame = pl.DataFrame({"x": X, "loss": Y})
    both = pl.concat([frame.with_columns(g=pl.lit(key)) for key in "ab"])
    grouped = sf.fit(both, "E + A*x**(-alpha)", by="g")
    whole = sf.bootstrap(grouped, n=400, seed=5)
    folder = tmp_path / "grouped"
    again(grouped, folder, n=150)
    assert again(grouped, folder, n=400).draws.equals(whole.draws)
    folder = tmp_path / "list"
    assert [boot.digest for boot in again([fit, fit], folder, n=100)] == [
        sf.bootstrap(fit, n=100, seed=5).digest
    ] * 2
    assert sorted(path.name for path in folder.iterdir()) == ["fit-0", "fit-1"]


def test_an_executor_and_a_folder_together(fit, want, tmp_path):
    folder = tmp_path / "run"
    with ThreadPoolExecutor(2) as executor:
        again(fit, folder, n=500, executor=executor)
        assert again(fit, folder, executor=executor, shards=7).digest == want.digest


@pytest.mark.parametrize(
    "scheme", [sf.Jackknife(), sf.Bayesian(), sf.Indices(np.tile(np.arange(20), (30, 1)))]
)
def test_other_schemes(fit, tmp_path, scheme):
    n = 300 if scheme.name == "bayesian" else None
    folder = tmp_path / "run"
    whole = sf.bootstrap(fit, scheme, n=n, seed=5)
    assert sf.bootstrap(fit, scheme, n=n, seed=5, shards=3, keep=folder).digest == whole.digest
    shards(folder)[1].unlink()
    assert sf.bootstrap(fit, scheme, n=n, seed=5, keep=folder).digest == whole.digest


@posix
def test_a_run_killed_at_any_moment_goes_on_to_the_same_digest(fit, tmp_path):
    n = 60_000
    want = sf.bootstrap(fit, n=n, seed=5).digest
    folder = tmp_path / "run"
    rng = random.Random(11)
    held = 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), str(n)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.6))
        process.kill()
        process.wait(timeout=30)
        process.stdout.close()
        now = len(shards(folder)) if folder.exists() else 0
        assert now >= held, "what was written stays"
        held = now
    assert again(fit, folder, n=n).digest == want
    assert not list(folder.glob(".*.part"))


@posix
def test_ctrl_c_loses_nothing_that_was_finished(fit, tmp_path):
    folder = tmp_path / "run"
    sent = []

    def watch(done, total):
        if done > 3000 and not sent:
            sent.append(done)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stop:
        again(fit, folder, n=1_000_000, shards=4, progress=watch)
    part = stop.value.partial.draws
    assert 3000 < part.height < 1_000_000
    raw = [unpacked("shard", path.read_bytes()) for path in shards(folder)]
    on_disk = np.concatenate([np.arange(w["first"], w["first"] + w["count"]) for w, _ in raw])
    assert sorted(on_disk.tolist()) == sorted(part["replicate"].to_list())
    n = 5000
    assert again(fit, folder, n=n).digest == sf.bootstrap(fit, n=n, seed=5).digest


@pytest.mark.parametrize("bad", ["drawz", None, True, 3, "summary.scaling"])
def test_anything_but_a_way_of_keeping_is_refused(fit, bad):
    with pytest.raises(sf.errors.ParameterError) as raised:
        sf.bootstrap(fit, n=10, keep=bad)
    assert raised.value.param == "keep"


def test_two_runs_in_one_process_do_not_share_a_folder(fit, tmp_path):
    folder = tmp_path / "run"
    seen = []

    def watch(done, total):
        if not seen:
            with pytest.raises(sf.errors.CheckpointError) as raised:
                again(fit, folder, progress=False)
            seen.append(raised.value.code)

    again(fit, folder, progress=watch)
    assert seen == ["locked"]
    assert again(fit, folder).n == N


@posix
def test_two_processes_do_not_share_a_folder(fit, tmp_path):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), "3000000"], stdout=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 60
        while not (folder / "run.scaling").exists() and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(sf.errors.CheckpointError) as raised:
            again(fit, folder)
        assert raised.value.code == "locked"
    finally:
        process.kill()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()
    assert again(fit, folder).digest == sf.bootstrap(fit, n=N, seed=5).digest


def test_the_lock_is_given_back_after_an_error(fit, kept):
    def shout(done, total):
        raise ZeroDivisionError

    shards(kept)[0].unlink()
    with pytest.raises(ZeroDivisionError):
        again(fit, kept, progress=shout)
    assert again(fit, kept).n == N


def test_a_full_disk_leaves_the_result_with_the_exception(fit, want, tmp_path, monkeypatch):
    """The disk fills up after two shards: the system call that would write says so."""
    folder = tmp_path / "run"
    real, calls = os.fsync, []

    def full(number):
        calls.append(number)
        if len(calls) > 7:
            raise OSError(28, "No space left on device")
        real(number)

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(sf.errors.CheckpointError, match="No space left") as raised:
        again(fit, folder, shards=10)
    monkeypatch.undo()
    assert raised.value.code == "write"
    assert raised.value.result.digest == want.digest
    assert 0 < len(shards(folder)) < 10
    assert not list(folder.glob(".*"))
    assert again(fit, folder).digest == want.digest


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(fit, tmp_path, monkeypatch):
    monkeypatch.setattr(Job, "here", no_work)
    with pytest.raises(sf.errors.CheckpointError) as raised:
        again(fit, tmp_path / "a\0b")
    assert raised.value.code == "write"
    for place in ("/dev/full", "/proc/version/run", "/proc/run"):
        with pytest.raises(sf.errors.CheckpointError) as raised:
            again(fit, Path(place))
        assert raised.value.code == "write"


@posix
def test_a_limit_of_the_system_leaves_the_result_too(fit, tmp_path):
    """The system itself refuses files of more than 20,000 bytes, as it refuses them on a full disk."""
    body = PROGRAM.replace("import pathlib, sys", "import pathlib, resource, sys").replace(
        "boot = sf.bootstrap(",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n    sf.bootstrap(fit, n=int(sys.argv[2]), seed=5, shards=2, keep=pathlib.Path(sys.argv[1]))\n"
        "except sf.errors.CheckpointError as error:\n    print(error.code, error.result.digest)\n"
        "boot = sf.bootstrap(",
    )
    body = body.split("boot = sf.bootstrap(")[0]
    done = subprocess.run(
        [sys.executable, "-c", body, str(tmp_path / "run"), str(N)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    want = sf.bootstrap(fit, n=N, seed=5).digest
    assert done.stdout.split() == ["go", "write", want], done.stderr[-1000:]
    assert [path.name for path in (tmp_path / "run").glob(".*")] == []
    assert again(fit, tmp_path / "run").digest == want


def test_writing_is_whole_and_durable_in_this_order(tmp_path, monkeypatch):
    """The file is made durable before it takes its name, the name after."""
    said = []
    real_sync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (said.append("sync"), real_sync(descriptor))[1]
    )
    monkeypatch.setattr(
        Path, "replace", lambda a, b: (said.append("rename"), real_replace(a, b))[1]
    )
    checkpoint.write_whole(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert said == ["sync", "rename", "sync"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_one_of_several_threads_has_the_folder_and_the_others_are_told(fit, tmp_path):
    folder = tmp_path / "run"
    barrier = threading.Barrier(3, timeout=30)

    def one(_):
        barrier.wait()
        try:
            return again(fit, folder, n=20_000).digest
        except sf.errors.CheckpointError as error:
            return error.code

    with ThreadPoolExecutor(3) as pool:
        got = list(pool.map(one, range(3)))
    assert "locked" in got or len(set(got)) == 1
    assert set(got) - {"locked"} == {sf.bootstrap(fit, n=20_000, seed=5).digest}


def test_a_folder_of_somebody_elses_files_is_refused_and_left_as_it_is(fit, tmp_path):
    for name in ("runs.csv", "shard-list.txt", ".download.part"):
        (tmp_path / name).write_text("mine")
    before = sorted(file.name for file in tmp_path.iterdir())
    with pytest.raises(sf.errors.CheckpointError, match="no run of scaling_fast"):
        sf.bootstrap(fit, n=10, keep=tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) in (before, sorted([*before, "lock"]))
