"""Programs run in a process of their own, and children that fork from them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

SETUP = """
import multiprocessing, os, signal, sys, threading, time
import numpy as np
import scaling_fast as sf

x = np.geomspace(1.0, 1e4, 20)
y = (1.5 + 3.0 * x**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))
frame = {"x": x, "loss": y}

REFUSED = "refused"

def work(threads=2):
    fit = sf.fit(frame, "E + A*x**(-alpha)", threads=threads)
    return sf.bootstrap(fit, n=2000, seed=9, threads=threads).digest

def forked(call, seconds=20):
    '''Return what `call` says in a forked child, which has a watchdog.'''
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = call()
        except sf.errors.ResourceError as error:
            answer = REFUSED if error.code == "forked" else repr(error)
        try:
            os.write(writer, answer.encode())
        finally:
            os._exit(0)
    os.close(writer)
    end = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise SystemExit("the child hangs")
        time.sleep(0.01)
    with os.fdopen(reader) as pipe:
        return pipe.read()
"""


def run(body, *, limit=90, environment=None):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SETUP + textwrap.dedent(body)],
        capture_output=True,
        text=True,
        timeout=limit,
        env=os.environ | (environment or {}),
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-500:], done.stderr[-2000:])
    assert "panicked" not in done.stderr
    return done.stdout.split()
