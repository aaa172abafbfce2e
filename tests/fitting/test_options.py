"""Options of `sf.fit` outside what is legal: refused by name, at once."""

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
        ({"loss": "huber"}, "loss"),
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
