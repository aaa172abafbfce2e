"""Options of `sf.fit`: what can mean a single thing is taken for it, the rest is refused by name, at once."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from decaying import X, Y
from outcomes import refusal
from power_runs import COLUMNS, LAW

import scaling_fast as sf


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"loss": "hubert"}, "loss"),
        ({"loss": "soft_l1"}, "loss"),
        ({"loss": sf.Huber}, "loss"),
        ({"loss": 1e-3}, "loss"),
        ({"residual": "cubic"}, "residual"),
        ({"target": 3}, "target"),
        ({"threads": 0}, "threads"),
        ({"seed": -1}, "seed"),
        ({"params": ["E"]}, "params"),
    ],
)
def test_absurd_options_are_refused_by_name(runs, options, param):
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.fit(runs, LAW, columns=COLUMNS, **options)
    assert caught.value.param == param


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


class Odd:
    """A value nobody expects, whose text is hostile."""

    def __str__(self):
        return "\x1b[31m" + "z" * 10_000

    __repr__ = __str__


FIT = [
    ({"threads": 0}, P, "threads", []),
    ({"threads": -1}, P, "threads", []),
    ({"threads": 10**6}, P, "threads", ["1024"]),
    ({"threads": 1.5}, P, "threads", []),
    ({"seed": -1}, P, "seed", []),
    ({"seed": 2**64}, P, "seed", []),
    ({"seed": "x"}, P, "seed", []),
    ({"loss": "hubre"}, P, "loss", ["did you mean `huber`"]),
    ({"loss": sf.Huber}, P, "loss", ["Huber(1e-3)"]),
    ({"loss": sf.SoftL1}, P, "loss", ["SoftL1(1e-3)"]),
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
    ({"params": {"E": (0, 3)}}, P, "E", ["Param(lower=0, upper=3)"]),
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
    ("options", "kind", "param", "words"), FIT, ids=lambda value: ascii(value)[:70]
)
def test_fit_refuses(options, kind, param, words):
    error = refusal(lambda: fit(**options), kind)
    if param is not None:
        assert error.param == param
    for word in words:
        assert word in str(error)


def test_unexpected_keywords_are_pythons_own():
    with pytest.raises(TypeError, match="unexpected keyword"):
        sf.fit(FRAME, LAW, wieghts="w")
    with pytest.raises(TypeError, match="positional"):
        sf.fit(FRAME, LAW, "loss")


@pytest.mark.parametrize(
    ("loose", "strict"),
    [
        ({"loss": "huber"}, {"loss": sf.Huber(1e-3)}),
        ({"loss": "Soft-L1:0.02"}, {"loss": sf.SoftL1(0.02)}),
        ({"loss": "huber:1.345:mad"}, {"loss": sf.Huber(1.345, scale="mad")}),
        ({"loss": sf.Squared}, {"loss": sf.Squared()}),
        ({"params": {"E": 1.5}}, {"params": {"E": sf.Param(fixed=1.5)}}),
        ({"params": {"E": np.float32(1.5)}}, {"params": {"E": sf.Param(fixed=1.5)}}),
        ({"starts": 2e1}, {"starts": 20}),
        ({"starts": np.float64(20)}, {"starts": 20}),
        ({"seed": 7.0}, {"seed": 7}),
        ({"columns": {"x": "x", "y": "loss"}}, {}),
        ({"columns": {"y": "loss"}, "target": "loss"}, {}),
        ({"columns": {"y": pl.col("loss") * 2}}, {"columns": {"loss": pl.col("loss") * 2}}),
    ],
)
def test_what_can_mean_a_single_thing_is_taken_for_it(runs, loose, strict):
    fits = [sf.fit(runs, "E + A*x**(-alpha)", **options) for options in (loose, strict)]
    assert dict(fits[0].params) == dict(fits[1].params)
    assert fits[0].objective == fits[1].objective
    assert fits[0].seed == fits[1].seed


def test_a_scheme_may_be_written_as_on_the_terminal(runs):
    fit = sf.fit(runs, "E + A*x**(-alpha)", loss=sf.Squared())
    for text, scheme in (("pairs", sf.Pairs()), ("wild:rademacher", sf.Wild("rademacher"))):
        digests = {sf.bootstrap(fit, each, n=1e1, progress=False).digest for each in (text, scheme)}
        assert len(digests) == 1


@pytest.mark.parametrize(
    "options", [{"n": 10.5}, {"n": 2.0**60}, {"n": math.nan}, {"n": "10"}, {"n": True}]
)
def test_a_number_of_replicates_that_is_not_whole_is_refused(runs, options):
    with pytest.raises(sf.errors.ParameterError, match="whole number"):
        sf.bootstrap(sf.fit(runs, "E + A*x**(-alpha)"), progress=False, **options)


def test_a_y_of_the_law_is_a_column_and_not_the_target(runs):
    frame = runs.rename({"x": "v"})
    fit = sf.fit(frame, "E + A*y**(-alpha)", columns={"y": "v"})
    assert (fit.law.columns, fit.converged) == (("y",), True)


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        (
            ("x", "val_loss", "run"),
            {},
            "column `loss` not found; the target is given by `target=`; did you mean `val_loss`?",
        ),
        (("x", "score"), {}, "the target is given by `target=`; did you mean `score`?"),
        (
            ("x", "first", "second"),
            {"target": "frist"},
            "column `frist` not found; the target is given by `target=`; did you mean `first`? "
            "The columns are `first`, `second`",
        ),
        (("x", "loss"), {"by": "run"}, "column `run` not found; groups are given by `by=`; the"),
        (("x", "loss", "weight"), {"weights": "w"}, "weights are given by `weights=`; the"),
        (("x", "loss"), {"sigma": "sd"}, "column `sd` not found; sigma is given by `sigma=`; the"),
    ],
)
def test_a_missing_column_names_the_option_that_gives_it(columns, options, words):
    frame = {name: [1.0, 2.0, 4.0, 8.0, 16.0] for name in columns}
    with pytest.raises(sf.errors.DataError) as caught:
        sf.fit(frame, "E + A*x**(-alpha)", **options)
    assert words in str(caught.value)
    assert caught.value.code == "missing_column"


def test_a_missing_column_of_the_law_names_columns():
    with pytest.raises(sf.errors.DataError, match="which column is which: columns=") as caught:
        sf.fit({"a": [1.0, 2.0], "b": [1.0, 2.0], "loss": [2.0, 1.0]}, "chinchilla")
    assert 'columns={"N": "..."}' in str(caught.value)
