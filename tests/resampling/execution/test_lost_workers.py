"""Workers that die, lie or lack the package: the same bits, or one typed error."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import Future, ProcessPoolExecutor

import numpy as np
import pytest

import scaling_fast as sf
from scaling_fast.fitting.estimates import Estimates
from scaling_fast.resampling.execution import worker
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.execution.messages import Foreign, packed, seal, unpacked
from scaling_fast.resampling.execution.worker import run
from scaling_fast.resampling.plan import plan_for

X = np.geomspace(1.0, 1e4, 20)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))
N = 3000
SETUP = """
import sys
import numpy as np
import scaling_fast as sf

def fitted():
    x = np.geomspace(1.0, 1e4, 20)
    y = (1.5 + 3.0 * x**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))
    return sf.fit({"x": x, "loss": y}, "E + A*x**(-alpha)")
"""


@pytest.fixture(scope="module")
def fit():
    return sf.fit({"x": X, "loss": Y}, "E + A*x**(-alpha)")


@pytest.fixture(scope="module")
def want(fit):
    return sf.bootstrap(fit, n=N, seed=5, threads=1)


def script(body, *, before=(), limit=120):
    """Run a program of its own, on this machine alone, and return what it printed."""
    given = {
        # One machine, its loopback device, more processes than cores: what MPI asks leave for.
        "PYTHONWARNINGS": "ignore",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_btl": "self,sm",
        "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder),
    }
    done = subprocess.run(
        [*before, str(body)],
        capture_output=True,
        text=True,
        timeout=limit,
        env=os.environ | given,
        check=False,
    )
    assert done.returncode == 0, (done.stdout[-1000:], done.stderr[-3000:])
    return done.stdout.split()


def written(folder, body):
    path = folder / "program.py"
    path.write_text(SETUP + textwrap.dedent(body))
    return path


def test_a_killed_process_changes_nothing(fit):
    want = sf.bootstrap(fit, n=40_000, seed=5).digest
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        victim = executor.submit(os.getpid).result(timeout=60)
        killed = []

        def watch(done, total):
            if done and not killed:
                killed.append(victim)
                os.kill(victim, signal.SIGKILL)

        boot = sf.bootstrap(fit, n=40_000, seed=5, executor=executor, shards=20, progress=watch)
    assert killed
    assert boot.digest == want


def test_a_killed_dask_worker_changes_nothing(tmp_path):
    program = written(
        tmp_path,
        """
        import os, signal
        from dask.distributed import Client, LocalCluster

        if __name__ == "__main__":
            fit = fitted()
            want = sf.bootstrap(fit, n=40_000, seed=5).digest
            with LocalCluster(
                n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
            ) as cluster, Client(cluster) as client:
                victims = list(client.run(os.getpid).values())
                def watch(done, total):
                    if done and len(victims) > 1:
                        os.kill(victims.pop(), signal.SIGKILL)
                boot = sf.bootstrap(
                    fit, n=40_000, seed=5, executor=client.get_executor(), shards=20, progress=watch
                )
                print(len(victims), boot.digest == want)
        """,
    )
    assert script(program, before=[sys.executable]) == ["1", "True"]


class Moody:
    """An executor whose every future fails the first `times`, or that takes nothing."""

    def __init__(self, times=0, *, takes=True):
        self.times, self.takes, self.calls = times, takes, 0

    def submit(self, call, *args):
        self.calls += 1
        if not self.takes:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future = Future()
        if self.calls <= self.times:
            future.set_exception(OSError("the worker is gone"))
        else:
            future.set_result(call(*args))
        return future


@pytest.mark.parametrize("times", [1, 5, 1000])
def test_a_shard_whose_worker_died_is_handed_in_again_and_then_computed_here(fit, want, times):
    moody = Moody(times)
    assert sf.bootstrap(fit, n=N, seed=5, executor=moody, shards=5).digest == want.digest
    assert moody.calls == min(5 + times, 10)


@pytest.mark.parametrize("garbage", [b"garbage", b"", 12, "text", "flipped", "another shard"])
def test_an_answer_that_is_not_one_counts_as_a_lost_worker(fit, want, garbage):
    first = []

    class Liar:
        def submit(self, run, question, part):
            answer = Future()
            raw = bytearray(run(question, part))
            first.append(bytes(raw))
            raw[len(raw) // 2] ^= 1
            lies = {"flipped": bytes(raw), "another shard": first[0]}
            answer.set_result(lies.get(garbage, garbage) if len(first) < 9 else first[-1])
            return answer

    boot = sf.bootstrap(fit, n=N, seed=5, executor=Liar(), shards=4)
    assert boot.digest == want.digest


def test_an_executor_that_takes_nothing_leaves_the_work_to_this_process(fit, want):
    moody = Moody(takes=False)
    assert sf.bootstrap(fit, n=N, seed=5, executor=moody, shards=4).digest == want.digest


def test_an_error_of_the_question_is_raised_once_and_not_retried(fit, monkeypatch):
    def broken(*_):
        raise sf.errors.ParameterError("threads must be fewer", code="threads", param="threads")

    monkeypatch.setattr(worker, "_computed", broken)
    moody = Moody()
    with pytest.raises(sf.errors.ParameterError, match="fewer") as raised:
        sf.bootstrap(fit, n=N, executor=moody, shards=1)
    assert (raised.value.code, raised.value.param, moody.calls) == ("threads", "threads", 1)


def test_a_worker_of_another_version_is_refused(fit):
    estimates = Estimates(fit.request, np.array([[1.0, 1.0, 1.0]]))
    job = Job(estimates, plan_for(estimates, sf.Pairs()), seed=0, starts=0)
    header, arrays = unpacked("task", job.to_bytes())
    question = packed("task", header | {"version": "99.0.0"}, arrays)
    with pytest.raises(sf.errors.ResourceError, match=r"99\.0\.0") as raised:
        job.answer(run(question, job.part(0, 10, 1)), seal(question, job.part(0, 10, 1)))
    assert raised.value.code == "version"


def test_a_task_that_was_altered_is_refused(fit):
    estimates = Estimates(fit.request, np.array([[1.5, 3.0, 0.4]]))
    job = Job(estimates, plan_for(estimates, sf.Pairs()), seed=0, starts=0)
    question, part = job.to_bytes(), job.part(0, 10, 1)
    asked = seal(question, part)
    job.answer(run(question, part), asked)
    for place in range(0, len(question), 37):
        bad = bytearray(question)
        bad[place] ^= 16
        with pytest.raises(Foreign):
            job.answer(run(bytes(bad), part), asked)
    with pytest.raises(Foreign):
        job.answer(run(question[:-1], part), asked)


class Mixed:
    """An executor that keeps answers by their number: whoever asks next gets those of the first run."""

    def __init__(self):
        self.held, self.asked = {}, 0

    def submit(self, function, *bytes_):
        answer = Future()
        answer.set_result(self.held.setdefault(self.asked, function(*bytes_)))
        self.asked += 1
        return answer


@pytest.mark.parametrize("seed", [5, 6])
def test_the_answer_to_another_run_is_not_used(fit, seed):
    other = sf.fit(
        {"x": [1.0, 2.0, 4.0, 8.0, 16.0], "loss": [9.0, 7.0, 6.1, 5.4, 5.2]}, "power_offset"
    )
    mixed = Mixed()
    sf.bootstrap(fit if seed == 6 else other, n=90, seed=5, executor=mixed, shards=3)
    mixed.asked = 0
    boot = sf.bootstrap(fit, n=90, seed=seed, executor=mixed, shards=3)
    assert boot.digest == sf.bootstrap(fit, n=90, seed=seed).digest


def test_an_executor_whose_handles_have_no_result_is_refused(fit):
    class Mute:
        def submit(self, *_):
            return object()

    with pytest.raises(sf.errors.ParameterError, match=r"which has no result\(\)"):
        sf.bootstrap(fit, n=50, executor=Mute())


def test_a_worker_that_exits_is_a_lost_one(fit):
    class Exits:
        def submit(self, *_):
            answer = Future()
            answer.set_exception(SystemExit(3))
            return answer

    boot = sf.bootstrap(fit, n=50, seed=5, executor=Exits(), shards=2)
    assert boot.digest == sf.bootstrap(fit, n=50, seed=5).digest


def test_a_worker_without_the_package_says_so(fit):
    class Bare:
        def submit(self, call, *args):
            future: Future = Future()
            future.set_exception(ModuleNotFoundError("No module named 'scaling_fast'"))
            return future

    with pytest.raises(sf.errors.ResourceError, match="install the same version"):
        sf.bootstrap(fit, n=N, executor=Bare())
