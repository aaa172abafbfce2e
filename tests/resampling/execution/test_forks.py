"""A forked child computes what its parent does, or refuses within seconds."""

from __future__ import annotations

import os

import pytest
from forked import run

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX's")


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
        for thread in busy:
            thread.start()
        for _ in range(12):
            time.sleep(0.01)
            assert forked(lambda: sf.bootstrap(fit, n=2000, threads=2).digest) == want
        for thread in busy:
            thread.join()
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
        fit = sf.fit(frame, "E + A*x**(-alpha)", loss=sf.Squared(), threads=2)
        boot = sf.bootstrap(fit, n=200, seed=9, threads=2)
        here = {call}
        if "save" not in {call!r}:
            assert forked(here) in (here(), REFUSED)
        else:
            assert forked(here) == REFUSED
        """
    )
