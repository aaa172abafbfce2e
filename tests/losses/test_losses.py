"""Losses refuse parameters that make no loss, and say their kind and parameter."""

from __future__ import annotations

import dataclasses
import math
import pickle

import numpy as np
import pytest
from decaying import X, Y
from outcomes import refusal
from power_runs import LAW

import scaling_fast as sf
from scaling_fast import losses
from scaling_fast.errors import ParameterError

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


POSITIVE = {
    losses.Huber: "delta",
    losses.SoftL1: "delta",
    losses.Cauchy: "delta",
    losses.Tukey: "c",
    losses.LogCosh: "scale",
}
SPECS = [
    (losses.Squared(), ("squared", 0.0)),
    (losses.Absolute(), ("absolute", 0.0)),
    (losses.Huber(1e-3), ("huber", 1e-3)),
    (losses.SoftL1(0.1), ("soft_l1", 0.1)),
    (losses.Cauchy(0.1), ("cauchy", 0.1)),
    (losses.Tukey(4.685), ("tukey", 4.685)),
    (losses.LogCosh(2), ("log_cosh", 2.0)),
    (losses.Pinball(0.25), ("pinball", 0.25)),
]


@pytest.mark.parametrize(("loss", "spec"), SPECS)
def test_a_loss_says_its_kind_and_parameter(loss, spec):
    assert loss.spec() == spec
    assert loss.name == spec[0]
    assert isinstance(loss.spec()[1], float)


@pytest.mark.parametrize(("loss", "spec"), SPECS)
def test_losses_are_frozen_equal_by_value_and_travel(loss, spec):
    again = pickle.loads(pickle.dumps(loss))
    assert again == loss
    assert hash(again) == hash(loss)
    assert again.spec() == spec
    for field in dataclasses.fields(loss):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(loss, field.name, 1.0)


@pytest.mark.parametrize("kind", POSITIVE)
@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), True, "1", None, [1.0]])
def test_a_scale_must_be_a_positive_finite_number(kind, bad):
    """Delta <= 0 and NaN are refused by name."""
    with pytest.raises(ParameterError) as caught:
        kind(bad)
    assert caught.value.param == POSITIVE[kind]


def test_the_sentence_names_the_legal_values_and_the_offending_one():
    with pytest.raises(ParameterError, match=r"^delta must be positive and finite, got `-1`$"):
        losses.Huber(-1)


@pytest.mark.parametrize("bad", [0, 1, -0.1, 2, float("nan"), True, "0.5"])
def test_a_quantile_lies_strictly_between_0_and_1(bad):
    with pytest.raises(ParameterError):
        losses.Pinball(bad)


def test_a_quantile_in_per_cent_is_recognised():
    """A level of 95 was meant as 0.95."""
    with pytest.raises(ParameterError, match=r"did you mean `0\.95`"):
        losses.Pinball(95)


def test_hubers_scale_is_none_or_mad():
    assert losses.Huber(1.345, scale="mad").scale == "mad"
    with pytest.raises(ParameterError, match="scale must be None"):
        losses.Huber(1.345, scale="iqr")


def test_numpy_numbers_are_numbers():
    assert losses.Huber(np.float64(0.5)) == losses.Huber(0.5)
    assert losses.Huber(np.int64(2)).spec() == ("huber", 2.0)
    with pytest.raises(ParameterError):
        losses.Huber(np.bool_(True))


@pytest.mark.parametrize(
    ("make", "name"), [(sf.ScaledHuber, "delta"), (sf.StudentT, "nu")], ids=["huber", "student"]
)
@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "4", True, 1e-9, 1e12])
def test_illegal_constants_are_refused_by_name(make, name, bad):
    with pytest.raises(sf.errors.ParameterError) as caught:
        make(bad)
    assert caught.value.param == name
