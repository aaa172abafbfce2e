"""Ctrl-C: the run ends at once, what was finished is kept, all works on."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import textwrap
import time

import polars as pl
import pytest

import scaling_fast as sf


def test_ctrl_c_keeps_the_finished_replicates(huber):
    """It ends early, the interpreter is usable, and `.partial` holds what was finished."""
    pressed = []

    def press(done, total):
        # When some are done, however long the machine took for them.
        if done and not pressed:
            pressed.append(done)
            _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt) as caught:
        sf.bootstrap(huber, n=3_000_000, seed=1, progress=press)
    partial = caught.value.partial
    assert 0 < partial.draws.height < 3_000_000
    head = sf.bootstrap(huber, n=200, seed=1)
    known = partial.draws.filter(pl.col("replicate") < 200)
    assert known.equals(head.draws.filter(pl.col("replicate").is_in(known["replicate"].implode())))
    assert partial.interval(0.9).height == 3


pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
SETUP = """
import os, random, signal, sys, threading, time
import numpy as np, polars as pl
import scaling_fast as sf

x = np.geomspace(1.0, 1e4, 40)
y = (1.5 + 3.0 * x**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=40))
frame = {"x": x, "loss": y}
fit = sf.fit(frame, "E + A*x**(-alpha)", threads=2)

def interrupt_after(delay):
    sent = []
    def fire():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    timer = threading.Timer(delay, fire)
    timer.start()
    return sent, timer
"""
HANG = 10.0
"""Seconds: the promise is one, and a loaded machine gets ten."""


def run(body, *, limit=60, environment=None):
    """Run Python in a process of its own and return its last line."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + textwrap.dedent(body)],
        capture_output=True,
        text=True,
        timeout=limit,
        env=os.environ | (environment or {}),
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-500:], done.stderr[-2000:])
    return done.stdout.split()


def test_ctrl_c_keeps_what_was_finished_eight_times_over():
    """Each replicate of a partial result equals, bit for bit, that of an uninterrupted run."""
    words = run(
        """
        rng = random.Random(7)
        for _ in range(8):
            sent, timer = interrupt_after(rng.uniform(0.02, 0.8))
            try:
                sf.bootstrap(fit, n=3_000_000, seed=5, threads=2)
            except KeyboardInterrupt as stop:
                late = time.monotonic() - sent[0]
                part = stop.partial
            else:
                raise SystemExit("never interrupted")
            timer.join()
            assert late < 10.0, late
            draws = part.draws
            assert part.requested == 3_000_000 and draws.height < 3_000_000, draws.height
            assert not (draws["status"] == "unfinished").any()
            numbers = draws["replicate"].to_numpy()
            assert len(np.unique(numbers)) == len(numbers)
            head = draws.filter(pl.col("replicate") < 3000).sort("replicate")
            whole = sf.bootstrap(fit, n=3000, seed=5, threads=1).draws
            assert head.equals(whole[head["replicate"].to_numpy()]), "other values"
            assert len(part.digest) == 64
            if draws.height > 10:
                part.interval()
                part.cov()
            part.summary()
            assert sf.fit(frame, "E + A*x**(-alpha)").params == fit.params
            print(f"{late:.3f}", draws.height)
        """,
        limit=150,
    )
    assert len(words) == 16
    assert max(int(word) for word in words[1::2]) > 100, "something must have been finished"


def test_ctrl_c_during_a_fit_of_many_groups():
    run(
        """
        k = 60_000
        many = {"g": np.repeat(np.arange(k), 12), "x": np.tile(x[::4][:10].tolist() + [2e4, 3e4], k)}
        many["loss"] = (1.5 + 3 * many["x"]**-0.4) * np.exp(0.01*np.random.default_rng(2).normal(size=12*k))
        sent, timer = interrupt_after(1.0)
        try:
            sf.fit(many, "E + A*x**(-alpha)", by="g", starts=200)
        except KeyboardInterrupt:
            late = time.monotonic() - sent[0]
            assert late < 10.0, late
        else:
            raise SystemExit("never interrupted")
        assert sf.fit(frame, "E + A*x**(-alpha)").params == fit.params
        """
    )


def test_ctrl_c_of_a_grouped_bootstrap_keeps_keys():
    run(
        """
        three = pl.concat([pl.DataFrame(frame).with_columns(g=pl.lit(key)) for key in "abc"])
        grouped = sf.fit(three, "E + A*x**(-alpha)", by="g")
        sent, timer = interrupt_after(0.5)
        try:
            sf.bootstrap(grouped, n=2_000_000, threads=2)
        except KeyboardInterrupt as stop:
            draws = stop.partial.draws
        else:
            raise SystemExit("never interrupted")
        assert set(draws["g"].unique()) <= set("abc")
        whole = sf.bootstrap(grouped, n=1000).draws
        head = draws.filter(pl.col("replicate") < 1000)
        assert head.join(whole, on=["g", "replicate"], how="inner").height == head.height
        both = head.join(whole, on=["g", "replicate"], how="inner")
        for name in ("objective", "E", "A", "alpha"):
            assert (both[name] == both[name + "_right"]).all()
        assert len(stop_digest := sf.bootstrap(grouped, n=10).digest) == 64
        """
    )


def test_two_presses_are_one_interrupt():
    run(
        """
        first, one = interrupt_after(0.3)
        second, two = interrupt_after(0.302)
        count = 0
        try:
            try:
                sf.bootstrap(fit, n=3_000_000, threads=2)
            except KeyboardInterrupt:
                count += 1
            one.join(); two.join()
            time.sleep(0.05)
        except KeyboardInterrupt:
            count += 1
        assert count >= 1
        assert sf.bootstrap(fit, n=100).draws.height == 100
        """
    )


def test_uncaught_ctrl_c_ends_the_process_as_pythons_own():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SETUP + "interrupt_after(0.3)\nsf.bootstrap(fit, n=3_000_000, threads=2)\n",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (-2, 130), done.returncode
    assert "KeyboardInterrupt" in done.stderr
    assert "panicked" not in done.stderr


def test_sigterm_ends_a_long_run():
    began = time.monotonic()
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            SETUP + "print('go', flush=True)\nsf.bootstrap(fit, n=20_000_000)\n",
        ],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.2)
    process.terminate()
    assert process.wait(timeout=HANG) == -15
    process.stdout.close()
    assert time.monotonic() - began < 30


def test_ctrl_c_while_another_thread_computes_harms_nothing():
    run(
        """
        want = sf.bootstrap(fit, n=200_000, seed=3, threads=1).digest
        got = []
        worker = threading.Thread(
            target=lambda: got.append(sf.bootstrap(fit, n=200_000, seed=3, threads=2).digest)
        )
        worker.start()
        caught = 0
        sent, timer = interrupt_after(0.1)
        while worker.is_alive():
            try:
                worker.join()
            except KeyboardInterrupt:
                caught += 1
        assert got == [want], "the other thread's run is not the one that was interrupted"
        assert caught == 1, caught
        """
    )


def test_a_handler_of_ones_own_is_called_and_decides():
    """A SIGINT handler that does not raise leaves the run alone."""
    run(
        """
        seen = []
        signal.signal(signal.SIGINT, lambda *_: seen.append(1))
        interrupt_after(0.1)
        boot = sf.bootstrap(fit, n=60_000, seed=3, threads=2)
        time.sleep(0.2)
        assert boot.draws.height == 60_000
        assert seen == [1]
        """
    )


def test_a_handlers_exception_comes_through():
    run(
        """
        class Alarm(Exception):
            pass
        def ring(*_):
            raise Alarm("enough")
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        began = time.monotonic()
        try:
            sf.bootstrap(fit, n=3_000_000, threads=2)
        except Alarm as error:
            assert str(error) == "enough"
        except KeyboardInterrupt:
            raise SystemExit("an alarm is no Ctrl-C")
        else:
            raise SystemExit("the handler's exception was lost")
        assert time.monotonic() - began < 10
        assert sf.bootstrap(fit, n=100).draws.height == 100
        """
    )


def test_ctrl_c_works_inside_a_replicate():
    """One replicate of 200,000 rows from many starts takes seconds: it ends in the middle and is not kept."""
    words = run(
        """
        many = {"x": np.geomspace(1.0, 1e4, 200_000)}
        many["loss"] = (1.5 + 3 * many["x"]**-0.4) * np.exp(0.01*np.random.default_rng(2).normal(size=200_000))
        big = sf.fit(many, "E + A*x**(-alpha)", threads=2)
        sent, timer = interrupt_after(0.5)
        try:
            sf.bootstrap(big, n=400, starts="multi", seed=1, threads=2)
        except KeyboardInterrupt as stop:
            late = time.monotonic() - sent[0]
            assert late < 10.0, late
            part = stop.partial
            assert not (part.draws["status"] == "unfinished").any()
            print(f"{late:.3f}", part.draws.height)
        else:
            raise SystemExit("never interrupted")
        """,
        limit=120,
    )
    assert len(words) == 2
