"""Under any limit of address space an entry does its work or raises `ResourceError`: nothing ends the process."""

from __future__ import annotations

import gzip
import json
import sys

import polars as pl
import pytest
from limits import MEBI, UNDER, limits, outcomes, program, smallest_import

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS is Linux's")

ROWS = """
def runs(n, groups=1):
    x = np.tile(np.geomspace(1, 1e6, n // groups), groups)
    y = 1 + x**-.3 * (1 + .01*np.sin(np.arange(x.size)))
    return {"x": x, "loss": y, "g": np.repeat(np.arange(groups), n // groups)}

LAW, START = "E + A*x**(-alpha)", {"E": 1.0, "A": 1.0, "alpha": .3}
def fit(frame, **options):
    return sf.fit(frame, LAW, **({"loss": sf.Squared()} | options))
"""

BY_ROWS_AND_REPLICATES = """
order = np.arange(245, dtype=np.int32)
outcome("fit", lambda: runs(1_000_000), lambda made: fit(made, starts=START).table)
outcome("groups", lambda: runs(60_000, 6_000), lambda made: fit(made, by="g", residual="raw").table)
outcome("weights", lambda: np.ones((15_000, 245)),
        lambda made: sf.bootstrap(fit(runs(245)), sf.Weights(made)))
outcome("indices", lambda: np.tile(order, (15_000, 1)),
        lambda made: sf.bootstrap(fit(runs(245)), sf.Indices(made)))
"""

BY_THREADS_AND_FRAMES = """
power = "power", {"A": 5.0, "alpha": .1}
outcome("threads", lambda: runs(60), lambda made: sf.bootstrap(fit(made), n=64, threads=300))
outcome("coverage", lambda: runs(60), lambda made: sf.stress.coverage(fit(made), n_sim=4, n=49))
outcome("profile", lambda: runs(60), lambda made: sf.profile(fit(made), of="alpha"))
outcome("predict", lambda: {"x": np.geomspace(1, 9, 10**6)}, lambda made: fit(runs(60)).predict(made))
outcome("simulate", lambda: {"x": np.geomspace(1, 9, 10**6)},
        lambda made: sf.datasets.simulate(*power, made, noise=.01, seed=1))
outcome("list", lambda: {k: v.tolist() for k, v in runs(100_000).items()},
        lambda made: fit(made, starts=START))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entries", "count"), [(BY_ROWS_AND_REPLICATES, 20), (BY_THREADS_AND_FRAMES, 6)]
)
def test_entries_work_or_refuse_under_limits_up_to_8_gb(entries, count):
    found = [outcomes(ROWS + entries, limit) for limit in limits(count)]
    assert set(found[0].values()) <= {
        "refused",
        "unmade",
    }  # the smallest limit has room for nothing
    assert set(found[-1].values()) == {"done"}
    for name in found[0]:
        assert {seen[name] for seen in found} <= {"done", "refused", "unmade"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files that are small and hold very many rows."""
    folder = tmp_path_factory.mktemp("limits")
    part = pl.select(x=pl.repeat(2.0, 10**6), loss=pl.repeat(3.0, 10**6))
    part.write_parquet(folder / "part.parquet")
    parts = pl.scan_parquet([folder / "part.parquet"] * 120)
    parts.sink_parquet(folder / "big.parquet", row_group_size=2**22)
    (folder / "big.csv").write_bytes(b"x,loss\n" + b"2,3\n" * 20_000_000)
    with gzip.open(folder / "packed.csv", "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write((b"" if file.tell() else b"x,loss\n") + b"2,3\n" * 200_000)
    assert (folder / "big.parquet").stat().st_size < 2 * MEBI
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "most"),
    [("big.parquet", 20, 8192), ("big.csv", 3, 1600), ("packed.csv", 3, 1600)],
)
def test_the_terminal_says_in_one_line_that_a_file_does_not_fit(folder, name, count, most):
    """120 million equal rows are a file of less than a megabyte."""
    code = UNDER + "import scaling_fast.cli.command as c\nc.main(sys.argv[2:])"
    for limit in limits(count, most * MEBI, "scaling_fast.cli.command"):
        done = program(code, limit, "fit", folder / name, "E + A*x**(-alpha)")
        assert done.returncode == 2, (limit // MEBI, done.returncode, done.stderr[-800:])
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: "), line
        assert "Traceback" not in line


@pytest.mark.slow
def test_a_scan_is_measured_before_it_is_collected(folder):
    code = ROWS + (
        f"big = pl.scan_parquet({str(folder / 'big.parquet')!r})\n"
        'outcome("whole", lambda: big, fit)\n'
        'outcome("filtered", lambda: big.filter(pl.col("x") > 0), fit)\n'
        'outcome("text", lambda: pl.scan_csv('
        f"{str(folder / 'big.csv')!r}), fit)\n"
    )
    for limit in limits(4, 3072 * MEBI):
        assert set(outcomes(code, limit).values()) == {"refused"}


def test_a_small_fit_needs_little_more_than_the_import():
    """Threads of libraries do not reserve a heap each, which on many cores would be the whole address space."""
    found = outcomes(
        ROWS + 'outcome("fit", lambda: runs(60), fit)', smallest_import() + 2048 * MEBI
    )
    assert found == {"fit": "done"}


def test_the_terminal_names_memory_in_its_json(tmp_path):
    (tmp_path / "runs.csv").write_text("x,loss\n1,3\n2,2.5\n4,2.2\n8,2.1\n")
    code = UNDER + "import scaling_fast.cli.command as c\nc.main(sys.argv[2:])"
    words = ["fit", tmp_path / "runs.csv", "E + A*x**(-alpha)", "--json"]
    done = program(code, smallest_import() + 16 * MEBI, *words)
    assert done.returncode == 2, done.stderr[-800:]
    assert json.loads(done.stderr)["error"]["code"] == "memory"
