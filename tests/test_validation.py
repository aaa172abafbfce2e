"""Options outside what is legal: refused by name, before any work and any memory."""

from __future__ import annotations

import copy
import math
import os
import pickle
import subprocess
import sys
import textwrap
import time

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

LAW = "E + A*x**(-alpha)"
X = np.geomspace(1.0, 1e4, 12)
Y = (1.5 + 3.0 * X**-0.4) * np.exp(0.01 * np.random.default_rng(1).normal(size=12))
FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}

BIG = {"E": 1.5, "A": 3.0, "alpha": 0.4}
P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


def fit(**options):
    return sf.fit(FRAME, options.pop("law", LAW), **options)


@pytest.fixture(scope="module")
def good():
    return fit()


def refusal(call, kind):
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        call()
    assert time.monotonic() - began < 2.0
    error = caught.value
    assert type(error) is kind
    assert error.code
    assert len(str(error)) < 700
    return error


class Odd:
    """A value nobody expects, whose text is hostile."""

    def __str__(self):
        return "\x1b[31m" + "z" * 10_000

    __repr__ = __str__


# -- bootstrap ------------------------------------------------------------------------------------

BOOT = [
    ({"n": 10**12}, R, None, ["bytes", "available"]),
    ({"n": 2**62}, R, None, ["bytes"]),
    ({"n": 2**63}, R, None, ["bytes"]),
    ({"n": 2**64 + 1}, R, None, ["bytes"]),
    ({"n": 10**400}, R, None, ["bytes"]),
    ({"n": -1}, P, "n", ["at least 1", "-1"]),
    ({"n": -(2**70)}, P, "n", ["at least 1"]),
    ({"n": 0}, P, "n", ["at least 1"]),
    ({"n": 1.5}, P, "n", ["whole number", "1.5", "float"]),
    ({"n": 1e3}, P, "n", ["whole number", "float"]),
    ({"n": True}, P, "n", ["True", "bool"]),
    ({"n": "1000"}, P, "n", ["1000", "str"]),
    ({"n": math.nan}, P, "n", ["nan"]),
    ({"n": [5]}, P, "n", ["list"]),
    ({"n": Odd()}, P, "n", ["Odd"]),
    ({"n": np.float64(5)}, P, "n", ["float64"]),
    ({"n": np.array([5, 6])}, P, "n", []),
    ({"threads": 0}, P, "threads", ["at least 1"]),
    ({"threads": -1}, P, "threads", ["at least 1"]),
    ({"threads": 10**6}, P, "threads", ["at most"]),
    ({"threads": 2**80}, P, "threads", ["at most"]),
    ({"threads": 1.5}, P, "threads", ["whole"]),
    ({"threads": True}, P, "threads", ["bool"]),
    ({"threads": "all"}, P, "threads", ["all"]),
    ({"seed": -1}, P, "seed", ["at least 0"]),
    ({"seed": 2**64}, P, "seed", ["2**64"]),
    ({"seed": 0.5}, P, "seed", ["whole"]),
    ({"seed": "x"}, P, "seed", ["str"]),
    ({"seed": False}, P, "seed", ["bool"]),
    ({"starts": "cold"}, P, "starts", ["warm", "multi"]),
    ({"starts": 0}, P, "starts", ["at least 1"]),
    ({"starts": -3}, P, "starts", ["at least 1"]),
    ({"starts": 10**9}, P, "starts", ["at most"]),
    ({"starts": 2**70}, P, "starts", ["at most"]),
    ({"starts": 1.5}, P, "starts", ["whole"]),
    ({"starts": None}, P, "starts", []),
    ({"starts": {"E": 1}}, P, "starts", []),
    ({"progress": "loud"}, P, "progress", ["loud"]),
    ({"progress": 3}, P, "progress", ["3"]),
    ({"scheme": "pairs"}, P, "scheme", ["Pairs()"]),
    ({"scheme": sf.Pairs}, P, "scheme", ["Pairs()"]),
    ({"scheme": None}, P, "scheme", []),
    ({"scheme": Odd()}, P, "scheme", []),
    ({"scheme": sf.Clusters("runs")}, D, None, ["`run`", "did you mean"]),
    ({"scheme": sf.Clusters("one")}, D, None, ["one cluster"]),
    ({"scheme": sf.Clusters("gap")}, D, None, ["null"]),
    ({"scheme": sf.Bayesian("runs")}, D, None, ["did you mean"]),
    ({"scheme": sf.Bayesian("one")}, D, None, ["one cluster"]),
    ({"scheme": sf.Bayesian("gap")}, D, None, ["null"]),
    ({"scheme": sf.Jackknife("runs")}, D, None, ["did you mean"]),
    ({"scheme": sf.Jackknife("one")}, D, None, ["one cluster"]),
    ({"scheme": sf.Jackknife(), "n": 5}, P, "n", ["12"]),
    ({"scheme": sf.Indices([[0, 1, 12]])}, P, "scheme", ["row 12", "12 rows"]),
    ({"scheme": sf.Indices([[0, 2**62]])}, P, "scheme", ["12 rows"]),
    ({"scheme": sf.Indices([[0] * 12] * 3), "n": 4}, P, "n", ["3 replicates"]),
    ({"scheme": sf.Weights(np.ones((2, 11)))}, P, "scheme", ["11", "12"]),
    ({"scheme": sf.Weights(np.ones((2, 13)))}, P, "scheme", ["13", "12"]),
    ({"scheme": sf.Weights(np.ones((2, 12))), "n": 10**12}, P, "n", ["2 replicates"]),
]


@pytest.mark.parametrize(
    ("options", "kind", "param", "words"), BOOT, ids=lambda one: ascii(one)[:60]
)
def test_bootstrap_refuses(good, options, kind, param, words):
    given = dict(options)
    scheme = given.pop("scheme") if "scheme" in given else sf.Pairs()
    error = refusal(lambda: sf.bootstrap(good, scheme, **given), kind)
    if param is not None:
        assert error.param == param
    for word in words:
        assert word in str(error)
    assert str(error).replace("\n", "").isprintable()


@pytest.mark.parametrize("what", [None, 3, "fit", [], [1], {}, np.ones(3), [None]], ids=str)
def test_only_fits_are_resampled(what):
    assert refusal(lambda: sf.bootstrap(what), P).param == "fit"


SCHEMES = [
    (lambda: sf.Indices([]), "array"),
    (lambda: sf.Indices([[]]), "array"),
    (lambda: sf.Indices([0, 1]), "array"),
    (lambda: sf.Indices([[[0]]]), "array"),
    (lambda: sf.Indices(3), "array"),
    (lambda: sf.Indices(None), "array"),
    (lambda: sf.Indices("abc"), "array"),
    (lambda: sf.Indices([[0.5]]), "array"),
    (lambda: sf.Indices([[0, -1]]), "array"),
    (lambda: sf.Indices([[True, False]]), "array"),
    (lambda: sf.Indices([[0, 1], [2]]), "array"),
    (lambda: sf.Indices(np.array([[2**63]], dtype=np.uint64)), "array"),
    (lambda: sf.Weights([[1.0, -1.0]]), "array"),
    (lambda: sf.Weights([[1.0, math.nan]]), "array"),
    (lambda: sf.Weights([[1.0, math.inf]]), "array"),
    (lambda: sf.Weights([[1.0], [0.0]]), "array"),
    (lambda: sf.Weights([["a"]]), "array"),
    (lambda: sf.Weights([[1j]]), "array"),
    (lambda: sf.Weights([1.0]), "array"),
    (lambda: sf.Clusters(3), "by"),
    (lambda: sf.Clusters(None), "by"),
    (lambda: sf.Clusters(""), "by"),
    (lambda: sf.Clusters([]), "by"),
    (lambda: sf.Clusters([1]), "by"),
    (lambda: sf.Clusters(["a", "a"]), "by"),
    (lambda: sf.Bayesian(3), "cluster"),
    (lambda: sf.Jackknife([]), "cluster"),
]


@pytest.mark.parametrize(("make", "param"), SCHEMES)
def test_schemes_refuse_at_once(make, param):
    assert refusal(make, P).param == param


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
    (lambda fit, boot: fit.cov("robust"), P, "kind"),
    (lambda fit, boot: fit.cov("hessian"), P, "kind"),
    (lambda fit, boot: fit.cov(noise="x"), P, "noise"),
    (lambda fit, boot: fit.cov(cluster="runs"), D, None),
    (lambda fit, boot: fit.cov(cluster="one"), D, None),
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


# -- fit -----------------------------------------------------------------------------------------

FIT = [
    ({"threads": 0}, P, "threads", []),
    ({"threads": -1}, P, "threads", []),
    ({"threads": 10**6}, P, "threads", ["1024"]),
    ({"threads": 1.5}, P, "threads", []),
    ({"seed": -1}, P, "seed", []),
    ({"seed": 2**64}, P, "seed", []),
    ({"seed": "x"}, P, "seed", []),
    ({"loss": "huber"}, P, "loss", ["Huber(1e-3)"]),
    ({"loss": sf.Huber}, P, "loss", ["Huber(1e-3)"]),
    ({"loss": sf.Squared}, P, "loss", ["Squared()"]),
    ({"loss": 1e-3}, P, "loss", []),
    ({"loss": lambda r: r * r}, P, "loss", []),
    ({"loss": Odd()}, P, "loss", []),
    ({"residual": "ln"}, P, "residual", ["log", "raw", "logit"]),
    ({"residual": 3}, P, "residual", []),
    ({"residual": ["log"]}, P, "residual", []),
    ({"residual": "log", "law": "log(loss) ~ a - b*log(x)"}, P, "residual", ["leave"]),
    ({"nulls": "ignore"}, P, "nulls", ["error", "drop"]),
    ({"nulls": None}, P, "nulls", []),
    ({"nulls": ["drop"]}, P, "nulls", []),
    ({"starts": "many"}, P, "starts", ["auto"]),
    ({"starts": 0}, P, "starts", ["at least 1"]),
    ({"starts": -1}, P, "starts", []),
    ({"starts": 2.5}, P, "starts", []),
    ({"starts": True}, P, "starts", []),
    ({"starts": 10**9}, P, "starts", ["at most"]),
    ({"starts": 2**80}, P, "starts", ["at most"]),
    ({"starts": {}}, P, None, []),
    ({"starts": {"E": 1.0}}, P, "A", ["gives no value"]),
    ({"starts": BIG | {"beta": 1.0}}, P, "beta", ["beta"]),
    ({"starts": BIG | {"alpah": 1.0}}, P, "alpah", ["did you mean `alpha`"]),
    ({"starts": BIG | {"E": math.nan}}, P, "E", ["`E`", "nan"]),
    ({"starts": BIG | {"E": math.inf}}, P, "E", ["`E`", "inf"]),
    ({"starts": BIG | {"E": "1"}}, P, "E", ["`E`", "str"]),
    ({"starts": BIG | {"E": None}}, P, "E", ["`E`"]),
    ({"starts": BIG | {"E": True}}, P, "E", ["`E`"]),
    ({"starts": BIG | {"E": 1j}}, P, "E", ["`E`"]),
    ({"starts": {1.0: 2.0}}, P, None, ["1.0"]),
    ({"starts": {None: 2.0}}, P, None, ["None"]),
    ({"starts": {"E": [1.0, 2.0], "A": [1.0], "alpha": [1.0]}}, D, None, ["length"]),
    ({"starts": {"E": [], "A": [], "alpha": []}}, P, "starts", ["no rows"]),
    ({"starts": {"E": ["a"], "A": [1.0], "alpha": [1.0]}}, P, "E", ["`E`"]),
    ({"starts": {"E": [None], "A": [1.0], "alpha": [1.0]}}, P, "E", ["`E`"]),
    ({"starts": pl.DataFrame({"E": [1.0]})}, D, None, ["`A`"]),
    ({"starts": pl.DataFrame({"E": ["a"], "A": [1.0], "alpha": [1.0]})}, P, "E", ["`E`"]),
    ({"starts": sf.Grid({"E": [1.0]})}, P, "A", ["gives no value"]),
    ({"starts": sf.Grid({"E": [1.0], "A": [1.0], "alpha": [math.nan]})}, P, "alpha", ["nan"]),
    ({"starts": [1.0, 2.0, 3.0]}, P, "starts", []),
    ({"starts": np.ones((2, 3))}, P, "starts", []),
    ({"params": {"alpah": sf.Param(lower=0)}}, P, "alpah", ["did you mean `alpha`"]),
    ({"params": {"E": 3.0}}, P, "E", ["Param"]),
    ({"params": {1.0: sf.Param()}}, P, None, ["1.0"]),
    ({"params": [sf.Param()]}, P, "params", ["mapping"]),
    ({"params": "E"}, P, "params", ["mapping"]),
    ({"params": {"x": sf.Param()}}, F, None, ["uses no column"]),
    (
        {"params": {"E": sf.Param(lower=2), "A": sf.Param(lower=0)}, "starts": BIG},
        P,
        "E",
        ["between"],
    ),
    ({"params": {"E": sf.Param(fixed=2.0)}, "starts": BIG}, P, "E", ["free"]),
    ({"columns": {"x": "nope"}}, D, None, ["nope"]),
    ({"columns": {"z": "x"}}, P, "z", ["`z`"]),
    ({"columns": {1: "x"}}, P, None, []),
    ({"columns": {"x": 1}}, P, "columns", []),
    ({"columns": {"x": None}}, P, "columns", []),
    ({"columns": {"x": X}}, P, "columns", []),
    ({"columns": "x"}, P, "columns", []),
    ({"columns": ["x"]}, P, "columns", []),
    ({"columns": {"x": pl.col("nope")}}, D, None, ["nope"]),
    ({"columns": {"x": pl.col("x").sum()}}, D, None, []),
    ({"columns": {"x": pl.col("x").head(3)}}, D, None, []),
    ({"columns": {"x": pl.col("run") + 1}}, D, None, []),
    ({"columns": {"x": pl.col("x").cast(pl.String)}}, D, None, ["String"]),
    ({"columns": {"x": pl.all()}}, D, None, []),
    ({"target": "los"}, D, None, ["did you mean `loss`"]),
    ({"target": 3}, P, "target", []),
    ({"target": ["loss"]}, P, "target", []),
    ({"target": ""}, D, None, []),
    ({"target": "run"}, D, None, ["String"]),
    ({"target": "x", "law": "loss ~ E + A*x"}, P, "target", []),
    ({"by": "runs"}, D, None, ["did you mean `run`"]),
    ({"by": 3}, P, "by", []),
    ({"by": ["run", 3]}, P, "by", []),
    ({"by": "gap"}, D, None, ["null"]),
    ({"weights": "w"}, D, None, ["`w`"]),
    ({"weights": "run"}, D, None, ["String"]),
    ({"weights": 2.0}, D, None, ["weights"]),
    ({"weights": {"w": 1}}, D, None, ["weights"]),
    ({"sigma": "s"}, D, None, ["`s`"]),
    ({"sigma": 0.1}, D, None, ["sigma"]),
    ({"law": "chinchila"}, F, None, ["did you mean `chinchilla`"]),
]


@pytest.mark.parametrize(
    ("options", "kind", "param", "words"), FIT, ids=lambda one: ascii(one)[:70]
)
def test_fit_refuses(options, kind, param, words):
    error = refusal(lambda: fit(**options), kind)
    if param is not None:
        assert error.param == param
    for word in words:
        assert word in str(error)


LOSSES = [
    ("delta", sf.Huber), ("delta", sf.SoftL1), ("delta", sf.Cauchy), ("c", sf.Tukey), ("scale", sf.LogCosh),
]  # fmt: skip


@pytest.mark.parametrize(
    "value", [0, -1, math.nan, math.inf, -math.inf, "1", None, True, [1.0], 1j]
)
@pytest.mark.parametrize(("name", "kind"), LOSSES)
def test_loss_constants_are_positive_and_finite(name, kind, value):
    error = refusal(lambda: kind(value), P)
    assert error.param in (name, "delta")
    assert error.param in str(error)


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, math.nan, "x", None, True])
def test_pinball_levels(value):
    assert refusal(lambda: sf.Pinball(value), P).param == "tau"


@pytest.mark.parametrize("delta", [5e-324, 1e-300, 1e-30, 1e30, 1e300])
def test_extreme_deltas_never_lie(delta):
    """A tiny delta is least absolute deviations, a huge one least squares; else an honest status."""
    want = fit(loss=sf.Absolute() if delta < 1 else sf.Squared())
    try:
        loss = sf.Huber(delta)
    except sf.errors.ParameterError:
        return  # beyond what a double can square: refused by name
    got = fit(loss=loss)
    if got.converged:
        for name, value in want.params.items():
            assert got.params[name] == pytest.approx(value, rel=1e-8)


BOUNDS = [
    ({"lower": 2, "upper": 1}, "lower"),
    ({"lower": 1, "upper": 1}, "lower"),
    ({"lower": math.nan}, "lower"),
    ({"upper": "1"}, "upper"),
    ({"start": 5, "upper": 1}, "start"),
    ({"start": math.nan}, "start"),
    ({"start": math.inf}, "start"),
    ({"start": True}, "start"),
    ({"fixed": 5, "upper": 1}, "fixed"),
    ({"fixed": math.inf}, "fixed"),
    ({"lower": math.inf}, "lower"),
]


@pytest.mark.parametrize(("options", "param"), BOUNDS)
def test_bounds_refuse(options, param):
    assert refusal(lambda: sf.Param(**options), P).param == param


def test_infinite_bound_on_the_wrong_side():
    for options in ({"upper": -math.inf}, {"lower": math.inf}):
        refusal(lambda options=options: sf.Param(**options), P)


def test_a_start_on_its_bound_is_legal(good):
    """Scipy gh-19103."""
    got = fit(params={"alpha": sf.Param(lower=0)}, starts={"E": 1.0, "A": 1.0, "alpha": 0.0})
    assert got.converged
    assert got.params["alpha"] == pytest.approx(good.params["alpha"], rel=1e-8)


def test_an_optimum_on_a_bound_is_announced(good):
    got = fit(params={"alpha": sf.Param(lower=0.5)})
    assert got.params["alpha"] == 0.5
    assert got.table["at_bound"].to_list() == [["alpha"]]
    assert got.objective >= good.objective
    boot = sf.bootstrap(got, n=50)
    assert (boot.draws["alpha"] >= 0.5).all()


def test_bounds_that_exclude_the_data_end_with_a_status():
    got = fit(params={"E": sf.Param(lower=1e6), "A": sf.Param(lower=1e6)})
    assert got.params["E"] >= 1e6
    assert "E" in got.table["at_bound"][0]


def test_everything_fixed_is_only_an_evaluation_or_refused():
    fixed = {one: sf.Param(fixed=value) for one, value in BIG.items()}
    try:
        got = fit(params=fixed)
    except sf.ScalingError as error:
        text = str(error)
    else:
        assert dict(got.params) == BIG
        text = "fixed"
    assert "fixed" in text


def test_declared_bounds_survive_a_fixed_parameter(good):
    got = fit(params={"alpha": sf.Param(fixed=good.params["alpha"])})
    assert got.converged
    assert got.params["alpha"] == good.params["alpha"]
    assert got.objective == pytest.approx(good.objective, rel=1e-9)


def test_mad_scale_needs_residuals_and_one_group():
    level = {"x": X, "loss": 1.5 + 3.0 * X**-0.4}
    with pytest.raises(sf.ScalingError):
        sf.fit(FRAME, LAW, loss=sf.Huber(1.0, scale="mad"), by="run")
    with pytest.raises(P):
        sf.Huber(1.0, scale="std")
    try:
        got = sf.fit(level, LAW, loss=sf.Huber(1.0, scale="mad"))
    except sf.errors.DataError as error:
        code = error.code
    else:
        code = "no_scale" if got.scale > 0 else "zero"
    assert code == "no_scale"


@pytest.mark.parametrize(
    "junk", ["x", "-1", "0", "1.5", "1e3", "99999999", "²", "1_0", "0x2", "\x1b"]
)
def test_environment_junk_is_named(monkeypatch, good, junk):
    monkeypatch.setenv("SCALING_FAST_THREADS", junk)
    for call in (fit, lambda: sf.bootstrap(good, n=5)):
        error = refusal(call, P)
        assert "SCALING_FAST_THREADS" in str(error)
        assert error.param == "SCALING_FAST_THREADS"


@pytest.mark.parametrize("fine", ["", "  ", "1", " 2 ", "8"])
def test_environment_counts(monkeypatch, good, fine):
    monkeypatch.setenv("SCALING_FAST_THREADS", fine)
    want = dict(good.params)
    assert dict(fit().params) == want


def test_the_argument_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("SCALING_FAST_THREADS", "junk")
    assert fit(threads=1).converged


# -- memory: refused before it is taken -------------------------------------------------------------

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


# -- copies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_of_results_and_laws_are_equal(good, again):
    other = again(good)
    assert dict(other.params) == dict(good.params)
    assert other.table.equals(good.table)
    boot = sf.bootstrap(good, n=20)
    assert again(boot).digest == boot.digest
    assert sf.bootstrap(other, n=20).digest == boot.digest
    assert again(good.law) == good.law


ERRORS = [
    lambda: fit(target="los"),
    lambda: fit(law="E + ("),
    lambda: fit(threads=0),
    lambda: fit(law="A*x**1e308"),
    lambda: sf.bootstrap(fit(), n=10**13),
]


@pytest.mark.parametrize("call", ERRORS)
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_of_errors_keep_their_place(call, again):
    with pytest.raises(sf.ScalingError) as caught:
        call()
    error = caught.value
    other = again(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    for name in ("code", "column", "row", "param", "position"):
        assert getattr(other, name) == getattr(error, name)


def test_unexpected_keywords_are_pythons_own():
    with pytest.raises(TypeError, match="unexpected keyword"):
        sf.fit(FRAME, LAW, wieghts="w")
    with pytest.raises(TypeError, match="positional"):
        sf.fit(FRAME, LAW, "loss")
