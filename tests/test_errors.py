"""Errors say what, where and how to mend it, travel between processes, and cannot draw."""

from __future__ import annotations

import copy
import pickle

import pytest
from decaying import X, Y
from hypothesis import given
from hypothesis import strategies as st
from power_runs import LAW

import scaling_fast as sf
from scaling_fast import errors
from scaling_fast.errors import nearest, quote, suggestion

FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}


def fit(**options):
    return sf.fit(FRAME, options.pop("law", LAW), **options)


ERRORS = [
    lambda: fit(target="los"),
    lambda: fit(law="E + ("),
    lambda: fit(threads=0),
    lambda: fit(law="A*x**1e308"),
    lambda: sf.bootstrap(fit(), n=10**13),
]


@pytest.mark.parametrize("call", ERRORS)
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
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


CLASSES = [
    errors.ScalingError,
    errors.DataError,
    errors.FormulaError,
    errors.ParameterError,
    errors.ConvergenceError,
    errors.ResourceError,
    errors.CheckpointError,
    errors.InternalError,
]
PLACES = {"code": "nan", "column": "y", "row": 7, "param": "alpha", "position": 3}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy]
)
def test_an_error_keeps_its_attributes_through_pickle_and_copy(kind, through):
    again = through(kind("column `y` holds NaN", **PLACES))
    assert type(again) is kind
    assert str(again) == "column `y` holds NaN"
    assert {name: getattr(again, name) for name in PLACES} == PLACES


@pytest.mark.parametrize("kind", CLASSES)
def test_attributes_are_none_unless_said(kind):
    assert all(getattr(kind("said"), name) is None for name in PLACES)


def test_a_callers_errors_are_value_errors_and_internal_ones_are_not():
    assert all(issubclass(kind, ValueError) for kind in CLASSES[:-1])
    assert issubclass(errors.InternalError, RuntimeError)
    assert not issubclass(errors.InternalError, errors.ScalingError)


def test_a_convergence_error_carries_the_fit_there_is():
    again = pickle.loads(pickle.dumps(errors.ConvergenceError("no", fit={"E": 1.0}, code="max")))
    assert again.fit == {"E": 1.0}
    assert again.code == "max"


@pytest.mark.parametrize(
    "name", ["\x1b[31mred\x1b[0m", "a\rb", "\u202eevil", "\x00", "a\nb", "\u2028", "\x9b31m"]
)
def test_names_cannot_colour_a_terminal_or_reverse_a_line(name):
    for text in (quote(name), str(errors.DataError(f"column {name} is odd"))):
        assert all(character.isprintable() or character == "\n" for character in text)
    assert quote(name).isprintable()


def test_long_values_are_cut():
    assert quote("x" * 1000) == "`" + "x" * 40 + "…`"


@given(st.text(), st.integers(1, 100))
def test_shown_is_printable_and_bounded(text, limit):
    out = quote(text, limit)
    assert out.isprintable()
    assert out.count("`") == 2
    # The longest escape of one character is \U0010ffff, ten characters.
    assert len(out) <= 10 * (limit + 1) + 2


def test_the_nearest_name_forgives_case_and_typing():
    assert nearest("LOSS", ["params", "loss"]) == "loss"
    assert nearest("chincilla", ["kaplan", "chinchilla"]) == "chinchilla"
    assert nearest("zzz", ["kaplan", "chinchilla"]) is None


def test_a_suggestion_lists_at_most_twenty_names():
    text = suggestion("loss", [f"column_{i}" for i in range(30)], kind="columns")
    assert text.count("`column_") == 20
    assert text.endswith("and 10 more")
    assert suggestion("loss", [], kind="columns") == "; there are no columns"
