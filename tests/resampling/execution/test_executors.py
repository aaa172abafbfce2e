"""Real engines: threads, processes, loky, dask and MPI give the bits of one process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.resampling.execution.executors import cut
from scaling_fast.resampling.execution.messages import unpacked

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


@pytest.fixture(scope="module")
def grouped():
    frame = pl.DataFrame({"x": X, "loss": Y})
    both = pl.concat([frame.with_columns(g=pl.lit(key)) for key in "ab"])
    return sf.fit(both, "E + A*x**(-alpha)", by="g")


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


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 64, 5000, None])
def test_threads_give_the_same_draws_for_any_number_of_shards(fit, want, shards):
    with ThreadPoolExecutor(3) as executor:
        boot = sf.bootstrap(fit, n=N, seed=5, executor=executor, shards=shards)
    assert boot.digest == want.digest
    assert boot.draws.equals(want.draws)


def test_shards_without_an_executor_change_nothing(fit, want):
    assert sf.bootstrap(fit, n=N, seed=5, shards=5).digest == want.digest


def test_spawned_processes(fit, want, grouped):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        assert sf.bootstrap(fit, n=N, seed=5, executor=executor).digest == want.digest
        assert sf.bootstrap(fit, n=N, seed=5, executor=executor, threads=2).digest == want.digest
        apart = sf.bootstrap(grouped, n=500, seed=5, executor=executor, shards=3)
        pair = sf.bootstrap([fit, fit], n=200, seed=5, executor=executor)
    assert apart.draws.equals(sf.bootstrap(grouped, n=500, seed=5).draws)
    assert [boot.digest for boot in pair] == [sf.bootstrap(fit, n=200, seed=5).digest] * 2


def test_loky(fit, want):
    from loky import ProcessPoolExecutor as Loky

    executor = Loky(max_workers=2)
    try:
        assert sf.bootstrap(fit, n=N, seed=5, executor=executor).digest == want.digest
    finally:
        executor.shutdown(kill_workers=True)


def test_a_dask_cluster_of_two_processes(tmp_path):
    """In a program of its own: dask's threads and warnings are none of this suite's."""
    program = written(
        tmp_path,
        """
        from dask.distributed import Client, LocalCluster

        if __name__ == "__main__":
            fit = fitted()
            want = sf.bootstrap(fit, n=3000, seed=5).digest
            with LocalCluster(
                n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
            ) as cluster, Client(cluster) as client:
                assert len(client.run(lambda: None)) == 2
                for shards in (None, 2, 11):
                    boot = sf.bootstrap(
                        fit, n=3000, seed=5, executor=client.get_executor(), shards=shards
                    )
                    print(boot.digest == want)
        """,
    )
    assert script(program, before=[sys.executable]) == ["True"] * 3


def test_mpi_with_three_processes(tmp_path):
    program = written(
        tmp_path,
        """
        from mpi4py.futures import MPIPoolExecutor

        if __name__ == "__main__":
            fit = fitted()
            with MPIPoolExecutor() as executor:
                boot = sf.bootstrap(fit, n=3000, seed=5, executor=executor)
                print(executor.num_workers, boot.digest == sf.bootstrap(fit, n=3000, seed=5).digest)
        """,
    )
    mpiexec = Path(sys.executable).with_name("mpiexec")
    before = [str(mpiexec), "--oversubscribe", "-n", "3", sys.executable, "-m", "mpi4py.futures"]
    assert script(program, before=before) == ["2", "True"]


def test_schemes_travel_whole(fit):
    rng = np.random.default_rng(3)
    frame = pl.DataFrame(
        {"x": X, "loss": Y, "run": np.arange(20) // 2, "w": 1.0 + np.arange(20) % 2}
    )
    heavy = sf.fit(frame, "E + A*x**(-alpha)", weights="w", loss=sf.ScaledHuber(1.345))
    excess = sf.fit(frame, "E + A*x**(-alpha)", residual=sf.LogExcess("E"), loss=sf.Squared())
    logged = sf.fit(
        frame, "log(loss) ~ log(E + A*x**(-alpha))", params={"alpha": sf.Param(lower=0, upper=2)}
    )
    schemes = [
        sf.Clusters("run"),
        sf.Bayesian(),
        sf.Jackknife(),
        sf.Strata("run"),
        sf.Blocks(3),
        sf.Subsample(9),
        sf.Residuals(),
        sf.Wild("webb", cluster="run"),
        sf.Parametric(),
        sf.Indices(rng.integers(0, 20, (40, 20))),
        sf.Weights(rng.exponential(size=(40, 20))),
    ]
    with ThreadPoolExecutor(2) as executor:
        for fitted in (heavy, excess, logged):
            for scheme in schemes:
                n = None if scheme.name in ("jackknife", "indices", "weights") else 40
                if fitted is excess and scheme.name in ("residuals", "wild", "parametric"):
                    continue  # a log-excess takes no replaced targets
                alone = sf.bootstrap(fitted, scheme, n=n)
                assert (
                    sf.bootstrap(fitted, scheme, n=n, executor=executor, shards=7).digest
                    == alone.digest
                )


def test_a_task_without_a_thread_count_of_its_own_has_one(fit):
    asked = []

    class Spy:
        def submit(self, call, question, part):
            asked.append(unpacked("part", part)[0]["threads"])
            return _Ended(call(question, part))

    sf.bootstrap(fit, n=200, executor=Spy(), shards=2)
    sf.bootstrap(fit, n=200, executor=Spy(), shards=2, threads=3)
    assert asked == [1, 1, 3, 3]


class _Ended:
    """The least a future can be."""

    def __init__(self, value):
        self.value = value

    def result(self):
        return self.value


@pytest.mark.parametrize("bad", [3, "threads", object(), ThreadPoolExecutor])
def test_anything_but_an_executor_is_refused(fit, bad):
    with pytest.raises(sf.errors.ParameterError) as raised:
        sf.bootstrap(fit, n=10, executor=bad)
    assert raised.value.param == "executor"


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "4"])
def test_anything_but_a_number_of_shards_is_refused(fit, bad):
    with pytest.raises(sf.errors.ParameterError) as raised:
        sf.bootstrap(fit, n=10, shards=bad)
    assert raised.value.param == "shards"


@pytest.mark.parametrize("shards", [None, 1, 2, 7, 100, 10**6])
@pytest.mark.parametrize("block", [1, 64])
def test_shards_cover_every_gap_once(shards, block):
    gaps = [(0, 10), (64, 1000), (4096, 130)]
    ranges = cut(gaps, 3, shards, block)
    held = np.concatenate([np.arange(a, a + b) for a, b in ranges])
    want = np.concatenate([np.arange(a, a + b) for a, b in gaps])
    assert held.tolist() == want.tolist()
    if shards is not None:
        assert len(ranges) <= shards + len(gaps)


def test_progress_counts_upwards_to_the_end(fit):
    calls = []
    with ThreadPoolExecutor(2) as executor:
        sf.bootstrap(fit, n=N, executor=executor, progress=lambda *one: calls.append(one))
    done = [count for count, _ in calls]
    assert {total for _, total in calls} == {N}
    assert done == sorted(done)
    assert done[-1] == N


def test_what_a_callback_raises_comes_through(fit):
    def shout(done, total):
        raise ZeroDivisionError("mine")

    with ThreadPoolExecutor(2) as executor, pytest.raises(ZeroDivisionError, match="mine"):
        sf.bootstrap(fit, n=N, executor=executor, progress=shout)


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
def test_ctrl_c_keeps_the_shards_that_were_finished(fit):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        sent = []

        def watch(done, total):
            if done > 2000 and not sent:
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt) as stop:
            sf.bootstrap(fit, n=2_000_000, seed=5, executor=executor, shards=2000, progress=watch)
        assert time.monotonic() - sent[0] < 10.0
        draws = stop.value.partial.draws
    assert 2000 < draws.height < 2_000_000
    head = draws.filter(pl.col("replicate") < 2000)
    whole = sf.bootstrap(fit, n=2000, seed=5).draws
    assert head.equals(whole[head["replicate"].to_numpy()])


def test_one_threaded_callers_do_not_wait_for_each_other(fit):
    """Two tasks of one thread each are under way at once: each waits inside for the other to begin."""
    barrier = threading.Barrier(2, timeout=30)

    def one(_):
        met = []

        def meet(done, total):
            if not met:
                met.append(barrier.wait())

        sf.bootstrap(fit, n=60_000, threads=1, progress=meet)
        return len(met)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(2))) == [1, 1]
