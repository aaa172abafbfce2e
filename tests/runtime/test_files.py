"""What a hostile or hurried caller hands in: refused by a typed error, before any harm or work."""

from __future__ import annotations

import itertools
import os
import stat
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import scaling_fast as sf
from scaling_fast.auditing.result import Audit
from scaling_fast.runtime import archive
from scaling_fast.runtime.files import write_text
from scaling_fast.stress.result import Stress

P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)
X = np.geomspace(1.0, 1e4, 12)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=12))
FRAME = {"x": X, "loss": Y}


@pytest.fixture(scope="module")
def fit():
    return sf.fit(FRAME, "E + A*x**(-alpha)", seed=1)


@pytest.fixture(scope="module")
def boot(fit):
    return sf.bootstrap(fit, sf.Pairs(), n=20, seed=1)


# Files


def _pipe(folder):
    os.mkfifo(folder / "pipe.json")
    return folder / "pipe.json"


def test_no_writer_replaces_a_pipe(tmp_path, fit, boot):
    pipe = _pipe(tmp_path)
    test = Stress("coverage", fit.table, ())
    for writer in (fit, boot, test):
        with pytest.raises(sf.errors.CheckpointError, match="named pipe, not a regular file"):
            writer.save(pipe, force=True)
    with pytest.raises(D, match="named pipe, not a regular file"):
        write_text(pipe, "text", force=True)
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert [one.name for one in tmp_path.iterdir()] == ["pipe.json"]


@pytest.mark.parametrize("force", [False, True])
def test_a_result_is_not_saved_over_a_folder_or_a_link(tmp_path, fit, force):
    (tmp_path / "folder").mkdir()
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "loose").symlink_to("nowhere")
    for name in ("folder", "link", "loose"):
        with pytest.raises(sf.errors.CheckpointError, match="not a regular file") as caught:
            fit.save(tmp_path / name, force=force)
        assert caught.value.code == "path"
    assert (tmp_path / "kept").read_text() == "kept"
    assert not (tmp_path / "nowhere").exists()


def test_a_pipe_is_refused_before_it_is_read(tmp_path):
    pipe = _pipe(tmp_path)  # nobody writes: to open it would be to wait for ever
    with pytest.raises(sf.errors.CheckpointError, match="named pipe, not a regular file"):
        sf.load(pipe)
    with pytest.raises(D, match="named pipe, not a regular file"):
        Audit.load(pipe)
    with pytest.raises(sf.errors.CheckpointError, match="directory, not a regular file"):
        sf.load(tmp_path)


def test_an_enormous_file_is_refused_by_its_size(tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(archive.MOST_BYTES + 1)  # a hole: it takes no space
    with pytest.raises(sf.errors.CheckpointError, match="17,179,869,185 bytes"):
        sf.load(large)


# Keys


def _keyed(first, second):
    return {"x": np.tile(X, 2), "loss": np.tile(Y, 2), "run": [first] * 12 + [second] * 12}


@pytest.mark.parametrize(
    ("first", "second"), [(2**63, 2**63 + 1), (2**100, 2**100 + 1), (-(2**63) - 2, -1)]
)
def test_whole_numbers_stay_apart_as_keys(first, second, tmp_path):
    fit = sf.fit(_keyed(first, second), "E + A*x**(-alpha)", by="run")
    table = fit.table
    assert table["run"].to_list() == [first, second]
    fit.save(tmp_path / "fit")
    assert sf.load(tmp_path / "fit").table.equals(table)
    assert table["n"].to_list() == [12, 12]


@pytest.mark.parametrize(("first", "second"), [(2**64, 2**64 + 1), (-1, -(2**63) - 2)])
def test_whole_keys_beyond_64_bits_stay_apart(first, second):
    assert sf.fit(_keyed(first, second), "E + A*x**(-alpha)", by="run").table.height == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (2**130, 2**130 + 1),
        (Decimal("0.1"), Decimal("0.10000000000000000001")),
        (Fraction(1, 3), Fraction(3333333333333333333333, 10**22)),
        (2**53, Fraction(2**53 + 1)),
    ],
)
def test_keys_that_no_double_tells_apart_are_refused(first, second):
    with pytest.raises(D, match="which no double tells apart") as caught:
        sf.fit(_keyed(first, second), "E + A*x**(-alpha)", by="run")
    assert caught.value.column == "run"


# Limits


@pytest.mark.parametrize("values", [range(10**12), itertools.count(), itertools.repeat(1.0)])
def test_an_endless_grid_is_refused_before_it_is_listed(values):
    with pytest.raises(P, match="1 to 1,000,000 starts"):
        sf.Grid({"a": values})


def test_a_curve_of_a_billion_points_is_refused():
    surface = {"A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}
    with pytest.raises(R, match="points must be at most 1,000,000"):
        sf.allocation.isoflop_bias(surface, factor=8, points=10**9)
    with pytest.raises(R, match="points must be at most 1,000,000"):
        sf.allocation.counting_slope(surface, points=10**9)


@pytest.mark.parametrize("attempts", [2**61, 1e301])
def test_attempts_beyond_counting_are_refused(attempts):
    with pytest.raises(D, match="in row 1") as caught:
        sf.downstream.pass_at_k({"successes": [0, 1], "attempts": [4, attempts]}, k=2)
    assert caught.value.row == 1


# Statistics that are none


def test_problems_solved_always_or_never_have_no_best_beta():
    with pytest.raises(sf.errors.ConvergenceError, match="grows without end"):
        sf.downstream.beta_binomial({"successes": [0, 10], "attempts": [10, 10]})


@pytest.mark.parametrize("m", [1e300, -1, 0, float("nan"), "3", True, 10**13])
def test_the_best_of_no_number_is_refused(m):
    with pytest.raises(P):
        sf.allocation.expected_best(m)


def test_the_best_of_many_is_known():
    assert sf.allocation.expected_best(1) == 0.0
    assert sf.allocation.expected_best(10**6) == pytest.approx(4.8630, abs=1e-3)


@pytest.mark.parametrize("noise", [1e300, 1e4, 10**400])
def test_noise_that_leaves_doubles_is_refused(noise):
    truth = {"E": 1.8, "A": 400.0, "alpha": 0.34}
    with pytest.raises(P, match="noise"):
        sf.datasets.simulate("power_offset", truth, {"x": [1e7, 1e8, 1e9]}, noise=noise)


def _ladder(**options):
    sizes = [(n, n * m) for n in (2e8, 4e8, 8e8, 1.6e9) for m in (20, 60, 180)]
    task = np.array([0.5 + 400 / n**0.3 + 900 / d**0.33 for n, d in sizes])
    runs = {"N": [n for n, _ in sizes], "D": [d for _, d in sizes], "task_loss": task}
    runs["accuracy"] = options.pop("scale", 1.0) * (0.25 + 0.7 / (1 + np.exp(3 * (task - 1.5))))
    return sf.downstream.two_step_ladder(runs, **options)


def test_a_ladder_needs_scores_above_its_floor():
    with pytest.raises(P, match="floor must lie below the best of the scores"):
        _ladder(floor=0.99)
    with pytest.raises(D, match="accuracies from 0 to 1"):
        _ladder(scale=100.0)


# Numbers and kinds


HUGE = 10**400
LAW = sf.Law("E + A*x**(-alpha)", columns=["x"])
POINT = {"E": 1.0, "A": 2.0, "alpha": 0.5}
ENTRY = LAW.to_dict()
SURFACE = {"alpha": 0.34, "beta": 0.28}
CURVE = {"run": ["a", "a"], "N": [1e8, 1e8], "D": [1e9, 4e9], "loss": [4.0, 2.0]}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda _: sf.Param(start=HUGE), P),
        (lambda _: sf.Param(upper=HUGE), P),
        (lambda _: sf.Param(lower=Fraction(-HUGE)), P),
        (lambda _: sf.fit(FRAME, LAW, starts=POINT | {"A": HUGE}), P),
        (lambda _: sf.fit(FRAME, LAW, starts=sf.Grid({"E": [1], "A": [HUGE], "alpha": [1]})), P),
        (lambda fit: fit.objective_at(POINT | {"A": HUGE}), P),
        (lambda fit: fit.residuals(POINT | {"A": HUGE}), P),
        (lambda _: sf.allocation.isoflop_bias({"alpha": 0.3, "beta": 0.3}, factor=HUGE), P),
        (lambda _: sf.training.minimum_steps(CURVE, scale=HUGE), P),
        (lambda _: sf.Huber(HUGE), P),
        (lambda _: sf.StudentT(HUGE), P),
        (lambda _: sf.Pinball(HUGE), P),
        (lambda _: LAW.evaluate({"x": [HUGE]}, POINT), D),
        (lambda _: sf.Law("A*x", columns=[["x"]]), P),
        (lambda _: sf.Law("A*x").bind([["x"]]), P),
        (lambda _: sf.allocation.counting_slope({**SURFACE, "A": 4.0, "B": 4.0}, flops=5), P),
        (lambda _: sf.downstream.pass_at_k({"successes": [0], "attempts": [4]}, k=HUGE), D),
        (lambda _: sf.downstream.two_step_ladder(CURVE, columns=5), P),
        (lambda _: sf.datasets.simulate(LAW, POINT, {"x": [1.0]}, target=5), P),
        (lambda _: sf.Law("A*x", columns=5), P),
        (lambda _: sf.Law("A*x", needs=5), P),
        (lambda _: sf.Law("A*x", name=5), P),
        (lambda _: sf.Law("A*x", cite=b"me"), P),
        (lambda _: sf.Law("A*x").bind(5), P),
        (lambda _: sf.Law("A*x").bind_frame(5), P),
        (lambda _: sf.Law("A*x", derived={"q": "1/0"}), F),
        (lambda _: LAW.evaluate(5, {}), D),
        (lambda _: LAW.evaluate([1.0], POINT), D),
        (lambda _: LAW.evaluate({"x": [1.0]}, 5), P),
        (lambda _: LAW.evaluate({"x": [1.0]}, POINT | {"A": HUGE}), P),
        (lambda _: sf.datasets.simulate(LAW, 5, {"x": [1.0]}), P),
        (lambda _: sf.approaches(CURVE, columns=5), P),
        (lambda _: sf.allocation.losses_at_budgets(CURVE, run="run", budgets=1e18), P),
        (lambda _: sf.allocation.losses_at_budgets(CURVE, run="run", budgets=None), P),
        (lambda _: sf.allocation.losses_at_budgets(CURVE, run=[], budgets=[1e18]), P),
        (lambda _: sf.allocation.losses_at_budgets(CURVE, run=None, budgets=[1e18]), P),
        (lambda _: sf.training.minimum_steps({"steps": [1.0], "batch": [1.0]}, level=5), P),
        (lambda _: sf.Law.from_dict(5), P),
        (lambda _: sf.Law.from_dict(ENTRY | {"params": 5}), P),
        (lambda _: sf.Law.from_dict(ENTRY | {"params": {"A": 5}}), P),
        (lambda _: sf.Law.from_dict({k: v for k, v in ENTRY.items() if k != "params"}), P),
        (lambda _: sf.Law.from_dict({k: v for k, v in ENTRY.items() if k != "formula"}), P),
        (lambda _: sf.Law.from_dict(ENTRY | {"colour": "red"}), P),
        (lambda _: sf.Law.from_dict(ENTRY | {"needs": 5}), P),
        (lambda _: sf.Law.from_dict(ENTRY | {"needs": [{"colour": 1}]}), P),
    ],
)
def test_what_is_no_number_or_of_another_kind_is_a_typed_error(fit, call, error):
    with pytest.raises(error) as caught:
        call(fit)
    assert type(caught.value) is error


def test_a_constant_may_be_derived_and_a_frame_evaluated():
    import polars as pl

    law = sf.Law("A*x", derived={"two": "1 + 1"}, columns=["x"])
    assert law.derive({"A": 1.0}) == {"two": 2.0}
    assert LAW.evaluate(pl.DataFrame({"x": [4.0]}), POINT).tolist() == [2.0]
