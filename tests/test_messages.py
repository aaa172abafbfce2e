"""What a newcomer types and is told: the sentence says what to write instead."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import scaling_fast as sf
from scaling_fast.cli.command import main

N = np.geomspace(1e7, 1e10, 5).repeat(5)
D = np.tile(np.geomspace(1e9, 1e12, 5), 5)
NOISE = 0.01 * np.random.default_rng(3).normal(size=25)
RUNS = {"params": N, "tokens": D, "loss": (1.7 + 400 / N**0.34 + 410 / D**0.28) * np.exp(NOISE)}
COLUMNS = {"N": "params", "D": "tokens"}


def sentence_of(call):
    with pytest.raises(sf.ScalingError) as caught:
        call()
    return str(caught.value)


@pytest.fixture(scope="module")
def surface():
    return sf.fit(RUNS, "chinchilla", columns=COLUMNS, seed=1)


@pytest.mark.parametrize("law", ["chinchilla", "E + A/N**alpha + B/D**beta"])
def test_the_columns_of_a_frame_are_proposed(law):
    assert 'columns={"N": "params", "D": "tokens"}' in sentence_of(lambda: sf.fit(RUNS, law))
    half = sentence_of(lambda: sf.fit(RUNS, "chinchilla", columns={"N": "params"}))
    assert half.endswith('columns={"D": "tokens"}')


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sf.fit(RUNS, sf.laws.power), "did you mean sf.laws.power()?"),
        (lambda: sf.laws.get("chinchilla(breaks=1)"), "takes no arguments"),
        (lambda: sf.fit(RUNS, "chinchilla(breaks=1)"), "takes no arguments"),
        (lambda: sf.laws.get("bnsl(breaks=-1)"), "breaks of bnsl must be a whole number from 1"),
        (lambda: sf.fit(RUNS, "bnsl(breaks=1.5)"), "breaks of bnsl must be a whole number from 1"),
        (lambda: sf.laws.get("hoffmann"), "in the source or description of `chinchilla`"),
        (lambda: sf.Law("a + b*x", params={"b": (0, 5)}), "write Param(lower=0, upper=5)"),
        (lambda: sf.Law("a + b*x", params={"b": 2}), "Param(start=2) or Param(fixed=2)"),
        (lambda: sf.Law("pow(x, -a)"), "a power is written x**(-a)"),
        (lambda: sf.Law(r"E + \frac{A}{N^\alpha}"), "not LaTeX"),
        (lambda: sf.fit(RUNS, "chinchilla", columns=5), "columns must be a mapping"),
    ],
)
def test_a_refusal_says_what_to_write(call, said):
    assert said in sentence_of(call)


def test_a_law_without_breaks_may_be_called():
    assert sf.laws.get("chinchilla()") == sf.laws.chinchilla()


def test_predictions_want_lists_and_the_names_of_the_frame(surface):
    said = sentence_of(lambda: surface.predict({"params": 7e10, "tokens": 1.4e12}))
    assert "give lists" in said
    assert "column `tokens` not found" in sentence_of(lambda: surface.predict({"params": [7e10]}))
    own = surface.predict({"N": [7e10], "D": [1.4e12]})
    assert own.equals(surface.predict({"params": [7e10], "tokens": [1.4e12]}))


@pytest.mark.parametrize("name", ["x", "loss"])
def test_a_denormal_value_names_its_row(name):
    frame = {"x": [1.0, 2, 3, 4, 5], "loss": [5.0, 4, 3, 2, 1]}
    frame[name][2] = 5e-324
    said = sentence_of(lambda: sf.fit(frame, "power"))
    assert f"column `{name}` holds `5e-324` in row 2" in said


def call(*words):
    return CliRunner().invoke(main, ["fit", *words])
