"""Options of `sf.bootstrap` outside what is legal: refused by name, before any work and any memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from decaying import X, Y
from outcomes import refusal
from power_runs import LAW

import scaling_fast as sf

FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}
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


class Odd:
    """A value nobody expects, whose text is hostile."""

    def __str__(self):
        return "\x1b[31m" + "z" * 10_000

    __repr__ = __str__


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
    ({"n": 1e3 + 0.5}, P, "n", ["whole number", "float"]),
    ({"n": True}, P, "n", ["True", "bool"]),
    ({"n": "1000"}, P, "n", ["1000", "str"]),
    ({"n": math.nan}, P, "n", ["nan"]),
    ({"n": [5]}, P, "n", ["list"]),
    ({"n": Odd()}, P, "n", ["Odd"]),
    ({"n": np.float64(5.5)}, P, "n", ["float64"]),
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
    ({"scheme": "pears"}, P, "scheme", ["did you mean `pairs`"]),
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
    ("options", "kind", "param", "words"), BOOT, ids=lambda value: ascii(value)[:60]
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


def test_one_cluster_is_refused(runs):
    """B10: a typed error."""
    fit = sf.fit(runs.with_columns(one=1), LAW, columns={"x": "x"})
    with pytest.raises(sf.errors.DataError, match="one cluster"):
        sf.bootstrap(fit, sf.Clusters("one"), n=10)


def test_a_missing_cluster_column_is_named(squared):
    with pytest.raises(sf.errors.DataError) as caught:
        sf.bootstrap(squared, sf.Clusters("budgets"), n=10)
    assert caught.value.column == "budgets"
    assert "budget" in str(caught.value)


@pytest.mark.parametrize(
    "scheme", [sf.Jackknife(), sf.Indices([[0, 1, 2, 3]]), sf.Weights(np.ones((3, 24)))]
)
def test_n_that_conflicts_with_the_scheme_is_refused(squared, scheme):
    """For Jackknife, Indices and Weights n follows; a conflicting n raises."""
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.bootstrap(squared, scheme, n=1_000)
    assert caught.value.param == "n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n": 0}, sf.errors.ParameterError),
        ({"n": -1}, sf.errors.ParameterError),
        ({"n": 1.5}, sf.errors.ParameterError),
        ({"n": True}, sf.errors.ParameterError),
        ({"n": 10**12}, sf.errors.ResourceError),
        ({"n": 2**70}, sf.errors.ResourceError),
        ({"threads": 0}, sf.errors.ParameterError),
        ({"seed": -1}, sf.errors.ParameterError),
        ({"seed": 2**64}, sf.errors.ParameterError),
        ({"seed": 1.5}, sf.errors.ParameterError),
        ({"starts": "hot"}, sf.errors.ParameterError),
        ({"starts": 0}, sf.errors.ParameterError),
    ],
)
def test_absurd_options_are_refused_before_work(squared, options, error):
    """O3, O6."""
    with pytest.raises(error):
        sf.bootstrap(squared, **options)


def test_a_bootstrap_of_something_else_is_refused(squared):
    with pytest.raises(sf.errors.ParameterError):
        sf.bootstrap("fit")
    with pytest.raises(sf.errors.ParameterError):
        sf.bootstrap(squared, "pears")
