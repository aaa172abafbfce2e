"""Memory: refused before it is taken, and given back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from decaying import X, Y

import scaling_fast as sf

LIMITED = """
import resource, time
import numpy as np, scaling_fast as sf
x = np.geomspace(1, 1e4, 12)
fit = sf.fit({"x": x, "loss": 1.5 + 3*x**-.4 + .01*np.sin(x)}, "E + A*x**(-alpha)", threads=2)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for extra in (2**27, 2**28, 2**29):
    resource.setrlimit(resource.RLIMIT_AS, (used + extra, resource.RLIM_INFINITY))
    for call in (
        lambda: sf.bootstrap(fit, n=10**8, threads=2),
        lambda: sf.bootstrap(fit, n=5*10**7, threads=2),
        lambda: sf.bootstrap(fit, n=10**7, threads=2),
        lambda: sf.bootstrap(fit, n=2, starts=10**6, threads=2),
    ):
        began = time.monotonic()
        try:
            call()
        except (sf.errors.ResourceError, sf.errors.ParameterError, MemoryError) as error:
            assert time.monotonic() - began < 2, "late"
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert sf.bootstrap(fit, n=10, threads=2).draws.height == 10
print("alive")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS is Linux's")
def test_memory_limits_refuse_and_never_abort():
    """Under RLIMIT_AS a request that cannot be met is an error, and the process lives on."""
    code = LIMITED.replace("10**7,", "3*10**7,")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
        check=False,
    )
    assert done.stdout.strip() == "alive", (done.returncode, done.stderr[-600:])


def resident():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@needs_proc
def test_twenty_thousand_formulas_leave_nothing_behind():
    def compile_all(first, last):
        for k in range(first, last):
            sf.Law(f"E{k} + A*x**(-{k}.5*alpha) + B*log(x + {k})", columns=["x"])

    compile_all(0, 1000)
    gc.collect()
    before = resident()
    compile_all(1000, 21_000)
    gc.collect()
    assert resident() - before < 30


@needs_proc
def test_ten_thousand_errors_and_fits_leave_nothing_behind():
    def again(count):
        for k in range(count):
            with pytest.raises(sf.errors.FormulaError):
                sf.Law(f"E{k} + (A*x")
        for _ in range(count // 20):
            sf.fit({"x": X, "loss": Y}, "E + A*x**(-alpha)", starts=1)

    again(500)
    gc.collect()
    before = resident()
    again(10_000)
    gc.collect()
    assert resident() - before < 30
