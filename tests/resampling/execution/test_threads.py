"""Threads: the same bits for any number, and no more of them than asked for."""

from __future__ import annotations

import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from forked import run
from power_runs import LAW

import scaling_fast as sf

X = np.geomspace(1.0, 1e4, 20)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))


def test_sixteen_threads_at_once_agree():
    want_fit = sf.fit({"x": X, "loss": Y}, LAW, threads=1)
    want = sf.bootstrap(want_fit, n=1000, seed=4, threads=1).digest
    barrier = threading.Barrier(16, timeout=30)

    def one(k):
        barrier.wait()
        fit = sf.fit({"x": X, "loss": Y}, LAW, threads=1 + k % 4)
        return dict(fit.params), sf.bootstrap(fit, n=1000, seed=4, threads=1 + k % 5).digest

    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(one, range(16)))
    assert got == [(dict(want_fit.params), want)] * 16


@pytest.mark.parametrize("threads", [1, 2, 3, 7, 64])
def test_the_number_of_threads_changes_no_bit(threads):
    want = sf.fit({"x": X, "loss": Y}, LAW, threads=1)
    fit = sf.fit({"x": X, "loss": Y}, LAW, threads=threads)
    assert dict(fit.params) == dict(want.params)
    for scheme in (sf.Pairs(), sf.Bayesian(), sf.Jackknife()):
        n = None if isinstance(scheme, sf.Jackknife) else 777
        one = sf.bootstrap(want, scheme, n=n, seed=8, threads=1)
        assert sf.bootstrap(fit, scheme, n=n, seed=8, threads=threads).digest == one.digest


def test_a_replicate_does_not_depend_on_how_many_there_are():
    fit = sf.fit({"x": X, "loss": Y}, LAW)
    whole = sf.bootstrap(fit, n=1000, seed=2).draws
    for n in (1, 2, 63, 64, 65, 257):
        assert sf.bootstrap(fit, n=n, seed=2).draws.equals(whole.head(n))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_threads_are_as_many_as_asked_for_and_do_not_pile_up():
    words = run(
        """
        def alive():
            return len(os.listdir("/proc/self/task"))
        os.environ["POLARS_MAX_THREADS"] = "1"
        work(2)
        before = alive()
        for k in range(30):
            work(1 + k % 4)
        print(before, alive())
        """
    )
    before, after = map(int, words)
    assert after - before <= 16


def test_data_changed_by_another_thread_meanwhile_are_a_snapshot():
    x, y = X.copy(), Y.copy()
    fit = sf.fit({"x": x, "loss": y}, LAW)
    want = sf.bootstrap(fit, n=3000).digest
    stop = threading.Event()

    def scribble():
        while not stop.is_set():
            x[:] = -1.0
            y[:] = math.nan

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        assert sf.bootstrap(fit, n=3000).digest == want
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("threads", [None, 1, 2])
def test_a_run_adds_no_more_threads_than_asked_for_and_four(threads):
    """Counted while a bootstrap runs, beyond those that polars and numpy had started by then."""
    words = run(
        f"""
        def alive():
            status = open("/proc/self/status").read()
            return int(status.split("Threads:")[1].split()[0])
        fit = sf.fit(frame, "E + A*x**(-alpha)", threads=1)
        before, seen = alive(), []
        sf.bootstrap(fit, n=60_000, threads={threads}, progress=lambda *_: seen.append(alive()))
        print(before, max(seen), len(os.sched_getaffinity(0)))
        """
    )
    before, most, cores = map(int, words)
    assert most - before <= (threads or cores) + 4
