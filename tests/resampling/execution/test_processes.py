"""Forks, threads, spawned workers and random input: equal bits, no hang, no panic."""

from __future__ import annotations

import contextlib
import math
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.runtime import process, resources

X = np.geomspace(1.0, 1e4, 20)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=20))
LAW = "E + A*x**(-alpha)"

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

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX's")


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


# Polars' threads do not survive a fork that comes after their start. Reading a frame in such a child is
# refused within seconds; refitting what was read before it gives what the parent gets.
FORKS = {
    "before the pool": "child = forked(work)\nassert child == work()",
    "before the pool, twice": "assert forked(lambda: forked(work)) == forked(work) == work()",
    "polars started by somebody else": """
        import polars as pl
        pl.DataFrame({"a": [1, 2]}).filter(pl.col("a") > 1).group_by("a").len()
        assert forked(work) == REFUSED
        """,
    "after the pool": "want = work()\nassert forked(work) in (want, REFUSED)\nassert work() == want",
    "other number of threads": "want = work(2)\nassert forked(lambda: work(3)) in (want, REFUSED)",
    "one thread": "want = work(1)\nassert forked(lambda: work(1)) in (want, REFUSED)",
    "twice": "want = work()\nassert {forked(work) for _ in range(3)} <= {want, REFUSED}",
    "grandchild": "want = work()\nassert forked(lambda: forked(work)) in (want, REFUSED)",
    "frames while computing": """
        want = work()
        fit = sf.fit(frame, "E + A*x**(-alpha)")
        busy = threading.Thread(target=lambda: sf.bootstrap(fit, n=60_000, threads=2))
        busy.start()
        time.sleep(0.05)
        assert {forked(work) for _ in range(2)} <= {want, REFUSED}
        busy.join()
        assert work() == want
        """,
    "fit made before": """
        fit = sf.fit(frame, "E + A*x**(-alpha)", threads=2)
        want = sf.bootstrap(fit, n=500, threads=2).digest
        assert forked(lambda: sf.bootstrap(fit, n=500, threads=2).digest) == want
        assert forked(lambda: sf.bootstrap(fit, n=500, threads=1).digest) == want
        """,
    "fit made before, first pool in the child": """
        fit = sf.fit(frame, "E + A*x**(-alpha)", threads=1)
        got = forked(lambda: sf.bootstrap(fit, n=500, threads=3).digest)
        assert got == sf.bootstrap(fit, n=500, threads=2).digest
        """,
    "every scheme of a fit made before": """
        fit = sf.fit(frame, "E + A*x**(-alpha)", threads=2)
        for scheme in (sf.Bayesian(), sf.Jackknife(), sf.Residuals(), sf.Wild(), sf.Parametric(), sf.Subsample(9)):
            n = None if scheme.name == "jackknife" else 200
            ask = lambda: sf.bootstrap(fit, scheme, n=n, threads=2).digest
            want = ask()
            assert forked(ask) == want, scheme
        """,
    "bootstraps while the parent computes": """
        fit = sf.fit(frame, "E + A*x**(-alpha)")
        want = sf.bootstrap(fit, n=2000, threads=2).digest
        busy = [
            threading.Thread(target=lambda: [sf.bootstrap(fit, n=500, threads=k) for _ in range(60)])
            for k in (1, 2, 3)
        ]
        for one in busy:
            one.start()
        for _ in range(12):
            time.sleep(0.01)
            assert forked(lambda: sf.bootstrap(fit, n=2000, threads=2).digest) == want
        for one in busy:
            one.join()
        assert sf.bootstrap(fit, n=2000, threads=2).digest == want
        """,
    "groups, summaries, folders and executors": """
        import pathlib, tempfile
        from concurrent.futures import ThreadPoolExecutor
        three = {name: np.tile(values, 3) for name, values in frame.items()} | {"g": np.repeat(["a", "b", "c"], 20)}
        many = sf.fit(three, "E + A*x**(-alpha)", by="g", threads=2)
        fit = sf.fit(frame, "E + A*x**(-alpha)")
        def kept():
            with tempfile.TemporaryDirectory() as folder:
                return sf.bootstrap(fit, n=300, keep=pathlib.Path(folder) / "run").digest
        def executed():
            with ThreadPoolExecutor(2) as executor:
                return sf.bootstrap(fit, n=300, executor=executor).digest
        for ask in (
            kept, executed,
            lambda: sf.bootstrap(many, n=300, threads=2).digest,
            lambda: sf.bootstrap(fit, n=3000, keep="summary").digest,
            lambda: repr(sf.bootstrap(many, n=300, threads=2).interval(0.9)["upper"].to_list()),
            lambda: repr(sf.bootstrap(fit, n=300).interval(0.9, "bca")["upper"].to_list()),
            lambda: repr(sf.bootstrap(fit, n=300, keep="summary").interval(0.9)["upper"].to_list()),
        ):
            want = ask()
            assert forked(ask) == want
        """,
}


@posix
@pytest.mark.parametrize("body", FORKS.values(), ids=FORKS)
def test_a_forked_child_computes_what_its_parent_does(body):
    run(body)


@posix
def test_an_interrupt_in_the_child_is_the_childs():
    run(
        """
        want = work()
        fit = sf.fit(frame, "E + A*x**(-alpha)", threads=2)
        def stopped():
            begun = threading.Event()
            def interrupt():
                begun.wait(30)
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=interrupt, daemon=True).start()
            # From the first finished replicates on, however busy the machine is.
            progress = lambda done, total: begun.set() if done else None
            try:
                sf.bootstrap(fit, n=3_000_000, threads=2, progress=progress)
            except KeyboardInterrupt as stop:
                return "kept" if stop.partial.draws.height else "nothing"
            return "late"
        assert forked(stopped) == "kept"
        assert work() == want
        """
    )


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


def test_leaving_with_a_run_in_a_daemon_thread_is_no_crash():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SETUP + "fit = sf.fit(frame, 'E + A*x**(-alpha)')\n"
            "threading.Thread(target=lambda: sf.bootstrap(fit, n=3_000_000), daemon=True).start()\n"
            "time.sleep(0.3)\n",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    assert "panicked" not in done.stderr


# -- import -------------------------------------------------------------------------------------------


def test_import_is_light_and_quick():
    out = run(
        """
        heavy = ["scipy.stats", "matplotlib", "jinja2", "pooch", "pandas", "rich", "click"]
        print(",".join(one for one in heavy if one in sys.modules) or "none")
        """
    )
    assert out == ["none"]
    timed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import time, numpy, polars\nbegan = time.perf_counter()\nimport scaling_fast\n"
            "print(time.perf_counter() - began)",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert float(timed.stdout) < 5.0  # a hang guard: the promise is half a second


@pytest.mark.parametrize("options", [["-I"], ["-O"], ["-OO"], ["-X", "utf8=0"]], ids=str)
def test_import_under_unusual_interpreters(options, tmp_path):
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\nimport scaling_fast as sf\n"
        "print(sf.fit({'x': [1., 2, 4, 8, 16], 'loss': [3., 2.5, 2.1, 1.9, 1.8]}, 'A*x**b').status)"
    )
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=bare,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.strip() == "converged", done.stderr[-1000:]


# -- random input -----------------------------------------------------------------------------------

EXTREME = [0.0, -0.0, 1.0, -1.0, 5e-324, 1e-300, 1e300, -1e300, 1.7e308, 1e-8, 1e8, math.pi]
CALLS = ["exp", "log", "log10", "log1p", "expm1", "sqrt", "abs", "tanh", "sigmoid", "softplus", "lgamma",
         "sin", "cos", "arctan", "erf", "log2"]  # fmt: skip


def random_formula(rng, depth=3):
    kind = rng.random()
    if depth == 0 or kind < 0.25:
        leaves = ["x", "z", "A", "B", "c", "2", "0.5", "pi", "1e-3", "0", "1e300", "3"]
        return rng.choice(leaves)
    inner = lambda: random_formula(rng, depth - 1)  # noqa: E731
    if kind < 0.45:
        return f"{rng.choice(CALLS)}({inner()})"
    if kind < 0.52:
        return f"{rng.choice(['min', 'max', 'logaddexp'])}({inner()}, {inner()})"
    if kind < 0.57:
        sign = rng.choice(["<", "<=", ">", ">=", "==", "!="])
        return f"where({inner()} {sign} {inner()}, {inner()}, {inner()})"
    if kind < 0.63:
        return f"-({inner()})"
    return f"({inner()}){rng.choice(['+', '-', '*', '/', '**'])}({inner()})"


def random_values(rng, n):
    kind = rng.randrange(7)
    if kind == 0:
        return [rng.choice(EXTREME) for _ in range(n)]
    if kind == 1:
        return [3.0] * n
    if kind == 2:
        return [10 ** rng.uniform(-300, 300) for _ in range(n)]
    if kind == 3:
        return [float(rng.randrange(1, 4)) for _ in range(n)]
    if kind == 4:
        return [rng.choice([None, math.nan, math.inf, 1.0, 2.0]) for _ in range(n)]
    return [10 ** rng.uniform(-1, 3) for _ in range(n)]


def random_question(rng):
    """Return keyword arguments of a random fit, most of them absurd."""
    n = rng.choice([1, 2, 3, 5, 8, 13])
    frame = {one: random_values(rng, n) for one in ("x", "z", "loss")}
    frame["g"] = [rng.choice("ab") for _ in range(n)]
    losses = [sf.Huber(10 ** rng.uniform(-12, 3)), sf.Squared(), sf.Absolute(), sf.Cauchy(1e-2),
              sf.Tukey(1.0), sf.SoftL1(0.1), sf.LogCosh(0.1), sf.Pinball(0.9)]  # fmt: skip
    law = random_formula(rng)
    given = {
        "loss": rng.choice(losses),
        "starts": rng.choice([1, 2, 3]),
        "threads": rng.choice([1, 2]),
    }
    given["residual"] = rng.choice(["log", "raw", "raw", "raw", "logit"])
    given["nulls"] = rng.choice(["error", "drop"])
    if rng.random() < 0.2:
        given["weights"] = [rng.choice([0.0, 1.0, 5e-324, 1e300, 2.0]) for _ in range(n)]
    if rng.random() < 0.2:
        given["sigma"] = [rng.choice([1.0, 1e-300, 1e300, 2.0]) for _ in range(n)]
    if rng.random() < 0.2:
        given["by"] = "g"
    if rng.random() < 0.2:
        lower = rng.choice([-1e300, -1.0, 0.0, 1.0])
        given["params"] = {"A": sf.Param(lower=lower, upper=rng.choice([2.0, 1e300]))}
    return frame, f"{rng.choice(['A*', 'A+', ''])}({law})", given


def ask(seed):
    """Ask one random question; return its error's class, or None. Anything but a ScalingError fails."""
    rng = random.Random(seed)
    frame, law, given = random_question(rng)
    try:
        fit = sf.fit(frame, law, **given)
    except sf.ScalingError as error:
        return type(error)
    if "by" not in given:
        if fit.converged:
            assert math.isfinite(fit.objective), (seed, law)
            assert all(math.isfinite(one) for one in fit.params.values()), (seed, law)
        with contextlib.suppress(sf.ScalingError):
            fit.interval()
        with contextlib.suppress(sf.ScalingError):
            fit.predict()
        fit.summary()
    for scheme in (sf.Pairs(), sf.Bayesian(), sf.Jackknife()):
        with contextlib.suppress(sf.ScalingError):
            boot = sf.bootstrap(fit, scheme, n=None if isinstance(scheme, sf.Jackknife) else 5)
            assert len(boot.digest) == 64
            with contextlib.suppress(sf.ScalingError):
                boot.interval(method="normal")
    return None


def test_random_questions_end_in_an_answer_or_a_typed_error():
    """Derandomised: the same few hundred questions each time, for as long as five seconds."""
    began = time.monotonic()
    outcomes = []
    for seed in range(1500):
        asked = time.monotonic()
        outcomes.append(ask(seed))
        assert time.monotonic() - asked < 20.0, seed
        if time.monotonic() - began > 5.0 and seed > 150:
            break
    assert outcomes.count(None) > len(outcomes) / 20
    assert sf.fit({"x": X, "loss": Y}, LAW).converged


FOUND = (35, 472, 716, 951, 952, 1309, 2033, 2102, 2604, 3520, 8419, 9443, 10294)
"""Questions that once gave a numpy warning, or "converged" with a number that is not finite."""


@pytest.mark.parametrize("seed", FOUND)
def test_questions_that_were_answered_wrongly_once(seed):
    ask(seed)


def test_every_replicate_is_accounted_for():
    rng = random.Random(5)
    frame = pl.DataFrame(
        {"x": [1.0, 1.0, 1.0, 2.0, 3.0], "loss": [rng.random() + 1 for _ in range(5)]}
    )
    boot = sf.bootstrap(sf.fit(frame, LAW), n=2000)
    assert boot.draws.height == 2000
    good = boot.draws.filter(pl.col("status") == "converged")
    assert good.height + boot.failures["count"].sum() == 2000
    assert boot.failures.height > 0, "a resample of fewer than three distinct x identifies nothing"
    with pytest.raises(sf.errors.ConvergenceError):
        boot.interval()


@posix
@pytest.mark.parametrize(
    "call",
    [
        "lambda: str(fit.predict().height)",
        "lambda: str(fit.cov().height)",
        "lambda: str(fit.interval().height)",
        "lambda: str(boot.interval().height)",
        "lambda: str(boot.cov().height)",
        "lambda: str(boot.predict().height)",
        "lambda: str(boot.failures.height)",
        "lambda: boot._repr_html_()[:5]",
        "lambda: fit.save('/nonexistent/x')",
        "lambda: str(sf.datasets.load('cerebras2023').height)",
        "lambda: sf.audit('cerebras2023', n=20).verdict",
    ],
)
def test_what_is_asked_of_a_result_in_a_forked_child_is_answered_or_refused(call):
    run(
        f"""
        fit = sf.fit(frame, "E + A*x**(-alpha)", threads=2)
        boot = sf.bootstrap(fit, n=200, seed=9, threads=2)
        here = {call}
        if "save" not in {call!r}:
            assert forked(here) in (here(), REFUSED)
        else:
            assert forked(here) == REFUSED
        """
    )


def test_a_thread_without_a_name_yet_is_waited_for(tmp_path, monkeypatch):
    """Threads name themselves once they run; until then one of polars is not to be told from others."""
    for number, name in enumerate(["python", "python"]):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "comm").write_text(name + "\n")
        switches = f"voluntary_ctxt_switches:\t{2 - 2 * number}\nnonvoluntary_ctxt_switches:\t0\n"
        (tmp_path / str(number) / "status").write_text(switches)
    looks = []

    def schedule(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            (tmp_path / "1" / "comm").write_text("polars-0\n")

    monkeypatch.setattr(process.time, "sleep", schedule)
    assert process._polars_has_started(tmp_path)
    assert len(looks) == 3
    (tmp_path / "1" / "comm").write_text("other\n")
    assert process._polars_has_started(tmp_path), "a thread that never runs may be anybody's"
    (tmp_path / "1" / "status").write_text("voluntary_ctxt_switches:\t1\n")
    assert not process._polars_has_started(tmp_path)
    assert process._polars_has_started(tmp_path / "nowhere")


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
            names = [one.read_text() for one in pathlib.Path("/proc/self/task").glob("*/comm")]
            return digest, sum(one.startswith("scaling-") for one in names)
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


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", 1024), ("50000 100000", 1), ("250000 100000", 3), ("", 1024), ("x y", 1024)],
)
def test_a_containers_quota_counts_as_cores(tmp_path, text, cores):
    path = tmp_path / "cpu.max"
    path.write_text(text)
    assert resources._quota(path) == cores
    assert resources._quota(tmp_path / "none") == 1024
