"""Progress callbacks: upwards to the end, in the caller's thread, and what they raise comes through."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

import scaling_fast as sf


def test_progress_is_reported(squared):
    seen = []
    sf.bootstrap(squared, n=60_000, progress=lambda done, total: seen.append((done, total)))
    assert seen
    assert {total for _, total in seen} == {60_000}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
X = np.geomspace(1.0, 1e4, 40)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=40))
HANG = 10.0
"""Seconds: the promise is one, and a loaded machine gets ten."""


@pytest.fixture(scope="module")
def good():
    return sf.fit({"x": X, "loss": Y}, "E + A*x**(-alpha)")


class Mine(Exception):
    pass


class MineBase(BaseException):
    pass


@pytest.mark.parametrize("kind", [Mine, MineBase, ZeroDivisionError, SystemExit])
def test_what_a_callback_raises_comes_through_once(good, kind):
    calls = []

    def shout(done, total):
        calls.append((done, total))
        raise kind("mine")

    began = time.monotonic()
    with pytest.raises(kind, match="mine"):
        sf.bootstrap(good, n=2_000_000, threads=2, progress=shout)
    assert time.monotonic() - began < HANG
    assert len(calls) == 1
    want = sf.bootstrap(good, n=200, threads=1).digest
    assert sf.bootstrap(good, n=200, threads=2, progress=False).digest == want


def test_a_callback_interrupting_keeps_the_partial_result(good):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sf.bootstrap(good, n=2_000_000, threads=2, progress=stop)
    assert sf.bootstrap(good, n=10).draws.height == 10


def test_callbacks_count_upwards_to_the_end_and_change_nothing(good):
    calls = []
    n = 30_000
    boot = sf.bootstrap(
        good, n=n, threads=2, progress=lambda done, total: calls.append((done, total))
    )
    assert all(total == n for _, total in calls)
    done = [count for count, _ in calls]
    assert done == sorted(done)
    assert all(0 <= count <= n for count in done)
    assert boot.digest == sf.bootstrap(good, n=n, threads=1, progress=False).digest


def test_callbacks_run_in_the_callers_thread(good):
    threads = set()
    sf.bootstrap(good, n=20_000, threads=2, progress=lambda *_: threads.add(threading.get_ident()))
    assert threads <= {threading.get_ident()}


def test_a_callback_may_call_back_in(good):
    inner = []

    def again(done, total):
        if len(inner) < 3:
            inner.append(sf.bootstrap(good, n=50, threads=2, progress=False).digest)

    boot = sf.bootstrap(good, n=30_000, threads=2, progress=again)
    assert boot.draws.height == 30_000
    assert set(inner) <= {sf.bootstrap(good, n=50, threads=2).digest}


@pytest.mark.parametrize("bad", [lambda: None, lambda done: None, lambda *, done: None])
def test_a_callback_of_another_shape_is_pythons_typeerror(good, bad):
    with pytest.raises(TypeError):
        sf.bootstrap(good, n=500_000, threads=2, progress=bad)
    assert sf.bootstrap(good, n=10).draws.height == 10
