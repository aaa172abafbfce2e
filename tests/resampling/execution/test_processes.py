"""Pools of processes give the bits of one process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from forked import SETUP

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX's")
POOL = """
import multiprocessing, sys
sys.path.insert(0, {folder!r})
import worker

if __name__ == "__main__":
    want = worker.work(0)
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        try:
            got = pool.map_async(worker.work, range(4)).get(timeout=40)
        except worker.sf.errors.ResourceError as error:
            # Only a forked worker may refuse: its copy of polars has no threads.
            assert error.code == "forked" and {method!r} == "fork"
            got = [want] * 4
    assert got == [want] * 4, got
    print("equal")
"""


@pytest.mark.parametrize("method", ["spawn", pytest.param("fork", marks=posix), "forkserver"])
def test_pools_of_processes_agree(tmp_path, method):
    if method == "forkserver" and os.name != "posix":
        pytest.skip("forkserver is POSIX's")
    worker = SETUP.replace("def work(threads=2):", "def work(_, threads=2):")
    (tmp_path / "worker.py").write_text(worker)
    main = tmp_path / "main.py"
    main.write_text(POOL.format(folder=str(tmp_path), method=method))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(main)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.stdout.strip() == "equal", done.stderr[-2000:]


def test_fits_travel_to_spawned_workers(tmp_path):
    (tmp_path / "worker.py").write_text(
        "import scaling_fast as sf\n\ndef go(fit):\n    return sf.bootstrap(fit, n=300).digest\n"
    )
    main = tmp_path / "main.py"
    main.write_text(
        "import multiprocessing, sys\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import worker\nimport scaling_fast as sf\n"
        "if __name__ == '__main__':\n"
        "    fit = sf.fit({'x': [1., 2, 4, 8, 16], 'loss': [3., 2.5, 2.1, 1.9, 1.8]}, 'E + A/x**b')\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(worker.go, (fit,)) == worker.go(fit))\n"
    )
    done = subprocess.run(
        [sys.executable, str(main)], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout.strip() == "True", done.stderr[-2000:]


JOBLIB = """
import sys
sys.path.insert(0, {folder!r})
import worker
from joblib import Parallel, delayed

if __name__ == "__main__":
    want = worker.work(0, 2)
    got = Parallel(n_jobs=2)(delayed(worker.told)(k) for k in range(4))
    assert [digest for digest, _ in got] == [want] * 4
    # One thread a worker, the worker's own: none of ours beside it.
    assert [ours for _, ours in got] == [0] * 4, got
    print("equal")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_of_joblib_keep_to_the_threads_they_are_told(tmp_path):
    worker = SETUP.replace("def work(threads=2):", "def work(_, threads=None):") + textwrap.dedent(
        """
        import pathlib
        def told(k):
            digest = work(k)
            names = [path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
            return digest, sum(name.startswith("scaling-") for name in names)
        """
    )
    (tmp_path / "worker.py").write_text(worker)
    (tmp_path / "main.py").write_text(JOBLIB.format(folder=str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(tmp_path / "main.py")],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"SCALING_FAST_THREADS": "1"},
        check=False,
    )
    assert done.stdout.strip() == "equal", done.stderr[-2000:]
