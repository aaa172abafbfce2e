"""Values of a wrong kind, or outside what is legal, are refused by name."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from click.testing import CliRunner
from decaying import X, Y
from outcomes import refusal
from power_runs import LAW

import scaling_fast as sf
from scaling_fast.cli.command import main

SIZES = np.geomspace(1e7, 1e10, 5).repeat(5)
TOKENS = np.tile(np.geomspace(1e9, 1e12, 5), 5)
NOISE = 0.01 * np.random.default_rng(3).normal(size=25)
RUNS = {
    "params": SIZES,
    "tokens": TOKENS,
    "loss": (1.7 + 400 / SIZES**0.34 + 410 / TOKENS**0.28) * np.exp(NOISE),
}
COLUMNS = {"N": "params", "D": "tokens"}


def sentence_of(call):
    with pytest.raises(sf.ScalingError) as caught:
        call()
    return str(caught.value)


@pytest.fixture(scope="module")
def surface():
    return sf.fit(RUNS, "chinchilla", columns=COLUMNS, seed=1)


@pytest.mark.parametrize("level", [1 - 1e-16, 10**400])
def test_a_level_of_one_is_refused(surface, level):
    boot = sf.bootstrap(surface, n=20, seed=1)
    assert "level" in sentence_of(lambda: boot.interval(level=level))
    assert "level" in sentence_of(lambda: sf.profile(surface, "a", level=level))


def call(*words):
    return CliRunner().invoke(main, ["fit", *words])


@pytest.fixture(scope="module")
def decaying():
    x = np.geomspace(1e7, 1e10, 24)
    y = (1.8 + 400 * x**-0.34) * np.exp(0.01 * np.random.default_rng(3).normal(size=24))
    return sf.fit({"x": x, "loss": y}, "E + A*x**(-alpha)", loss=sf.Squared())


@pytest.mark.parametrize("share", [float("nan"), -1.0, 1.5, float("inf"), "all", None, True])
def test_a_share_of_failures_lies_between_none_and_all(decaying, share):
    boot = sf.bootstrap(decaying, n=50)
    brief = sf.bootstrap(decaying, n=50, keep="summary")
    for ask in (
        lambda: boot.interval(0.9, max_failures=share),
        lambda: boot.cov(max_failures=share),
        lambda: brief.interval(0.9, max_failures=share),
        lambda: brief.cov(max_failures=share),
        lambda: sf.stress.coverage(decaying, n_sim=2, n=20, max_failures=share),
    ):
        with pytest.raises(sf.errors.ParameterError) as raised:
            ask()
        assert raised.value.code == "max_failures"


@pytest.mark.parametrize("n_sim", [10_000_001, 2**31, 2**63, 10**30])
def test_more_simulations_than_anybody_can_wait_for_are_refused(decaying, n_sim):
    with pytest.raises(sf.errors.ParameterError, match="n_sim must be at most 10,000,000"):
        sf.stress.coverage(decaying, n_sim=n_sim, n=20)


P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)
TWELVE = {"x": X, "loss": Y}


@pytest.fixture(scope="module")
def fitted():
    return sf.fit(TWELVE, "E + A*x**(-alpha)", seed=1)


HUGE = 10**400
BOUND = sf.Law("E + A*x**(-alpha)", columns=["x"])
POINT = {"E": 1.0, "A": 2.0, "alpha": 0.5}
ENTRY = BOUND.to_dict()
SURFACE = {"alpha": 0.34, "beta": 0.28}
CURVE = {"run": ["a", "a"], "N": [1e8, 1e8], "D": [1e9, 4e9], "loss": [4.0, 2.0]}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda _: sf.Param(start=HUGE), P),
        (lambda _: sf.Param(upper=HUGE), P),
        (lambda _: sf.Param(lower=Fraction(-HUGE)), P),
        (lambda _: sf.fit(TWELVE, BOUND, starts=POINT | {"A": HUGE}), P),
        (lambda _: sf.fit(TWELVE, BOUND, starts=sf.Grid({"E": [1], "A": [HUGE], "alpha": [1]})), P),
        (lambda fitted: fitted.objective_at(POINT | {"A": HUGE}), P),
        (lambda fitted: fitted.residuals(POINT | {"A": HUGE}), P),
        (lambda _: sf.allocation.isoflop_bias({"alpha": 0.3, "beta": 0.3}, factor=HUGE), P),
        (lambda _: sf.training.minimum_steps(CURVE, scale=HUGE), P),
        (lambda _: sf.Huber(HUGE), P),
        (lambda _: sf.StudentT(HUGE), P),
        (lambda _: sf.Pinball(HUGE), P),
        (lambda _: BOUND.evaluate({"x": [HUGE]}, POINT), D),
        (lambda _: sf.Law("A*x", columns=[["x"]]), P),
        (lambda _: sf.Law("A*x").bind([["x"]]), P),
        (lambda _: sf.allocation.counting_slope({**SURFACE, "A": 4.0, "B": 4.0}, flops=5), P),
        (lambda _: sf.downstream.pass_at_k({"successes": [0], "attempts": [4]}, k=HUGE), D),
        (lambda _: sf.downstream.two_step_ladder(CURVE, columns=5), P),
        (lambda _: sf.datasets.simulate(BOUND, POINT, {"x": [1.0]}, target=5), P),
        (lambda _: sf.Law("A*x", columns=5), P),
        (lambda _: sf.Law("A*x", needs=5), P),
        (lambda _: sf.Law("A*x", name=5), P),
        (lambda _: sf.Law("A*x", cite=b"me"), P),
        (lambda _: sf.Law("A*x").bind(5), P),
        (lambda _: sf.Law("A*x").bind_frame(5), P),
        (lambda _: sf.Law("A*x", derived={"q": "1/0"}), F),
        (lambda _: BOUND.evaluate(5, {}), D),
        (lambda _: BOUND.evaluate([1.0], POINT), D),
        (lambda _: BOUND.evaluate({"x": [1.0]}, 5), P),
        (lambda _: BOUND.evaluate({"x": [1.0]}, POINT | {"A": HUGE}), P),
        (lambda _: sf.datasets.simulate(BOUND, 5, {"x": [1.0]}), P),
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
def test_a_value_of_another_kind_is_a_typed_error(fitted, call, error):
    with pytest.raises(error) as caught:
        call(fitted)
    assert type(caught.value) is error


FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}


def fit(**options):
    return sf.fit(FRAME, options.pop("law", LAW), **options)


def least_squares():
    return fit(loss=sf.Squared())


@pytest.fixture(scope="module")
def good():
    return fit()


@pytest.mark.parametrize("kind", [int, np.int8, np.int64, np.uint64])
def test_whole_numbers_of_any_kind_count(good, kind):
    want = sf.bootstrap(good, n=5, seed=3, threads=2).digest
    assert sf.bootstrap(good, n=kind(5), seed=kind(3), threads=kind(2)).digest == want


def test_the_largest_seed_works_and_none_is_remembered(good):
    assert sf.bootstrap(good, n=5, seed=2**64 - 1).seed == 2**64 - 1
    drawn = sf.bootstrap(good, n=20, seed=None)
    assert isinstance(drawn.seed, int)
    assert sf.bootstrap(good, n=20, seed=drawn.seed).digest == drawn.digest
    assert sf.bootstrap(good, n=20, seed=None).seed != drawn.seed


@pytest.mark.parametrize(
    "level", [0, 1, 95, -0.1, 1.1, math.nan, math.inf, "x", "0.95", None, True, [0.9]]
)
def test_levels_lie_between_zero_and_one(good, level):
    boot = sf.bootstrap(good, n=50)
    for ask in (
        lambda: good.interval(level),
        lambda: boot.interval(level),
        lambda: boot.predict(level=level),
    ):
        error = refusal(ask, P)
        assert error.param == "level"
        if level == 95:
            assert "0.95" in str(error)


ASKED = [
    (lambda fit, boot: boot.interval(method="zzz"), P, "method"),
    (lambda fit, boot: boot.interval(method=None), P, "method"),
    (lambda fit, boot: boot.interval(method=["percentile"]), P, "method"),
    (lambda fit, boot: boot.interval(of="gamma"), P, "gamma"),
    (lambda fit, boot: boot.interval(of="alpha +"), F, None),
    (lambda fit, boot: boot.interval(of=3), P, "of"),
    (lambda fit, boot: boot.interval(of=[3]), P, "of"),
    (lambda fit, boot: boot.interval(of=b"E"), P, "of"),
    (lambda fit, boot: boot.interval(of="x"), P, "x"),
    (lambda fit, boot: boot.interval(of="E ~ A"), F, None),
    (lambda fit, boot: fit.interval(of="gamma"), P, "gamma"),
    (lambda fit, boot: fit.interval(of=3), P, "of"),
    (lambda fit, boot: fit.cov(), P, "loss"),
    (lambda fit, boot: least_squares().cov("robust"), P, "kind"),
    (lambda fit, boot: least_squares().cov(noise="x"), P, "noise"),
    (lambda fit, boot: least_squares().cov(noise="given"), P, "noise"),
    (lambda fit, boot: least_squares().cov(cluster="runs"), D, None),
    (lambda fit, boot: least_squares().cov(cluster="one"), D, None),
    (lambda fit, boot: fit.cov(cluster=3), P, "cluster"),
    (lambda fit, boot: boot.predict(interval="zzz"), P, "interval"),
    (lambda fit, boot: fit.objective_at({"E": 1.0}), P, None),
    (lambda fit, boot: fit.objective_at({"E": 1.0, "A": 1.0, "alpha": 1.0, "b": 1.0}), P, "b"),
    (lambda fit, boot: fit.residuals({"E": "x", "A": 1.0, "alpha": 1.0}), P, "E"),
    (lambda fit, boot: fit.residuals(3), P, None),
]


@pytest.mark.parametrize(("ask", "kind", "param"), ASKED)
def test_questions_about_a_result_refuse(good, ask, kind, param):
    boot = sf.bootstrap(good, n=50)
    error = refusal(lambda: ask(good, boot), kind)
    if param is not None:
        assert error.param == param
