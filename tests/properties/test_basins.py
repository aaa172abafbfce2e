"""`starts="auto"` finds the basin: random truths of seven laws, against 200 searched starts.

Five truths a law by default; `make deep` (SCALING_FAST_DEEP=1) takes fifty. Designs identify their
law: four decades or more, both terms of a sum within a decade of one another somewhere, breaks and
bends inside the rows. The last tests take designs that do not.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import scaling_fast as sf

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
TRUTHS = 50 if DEEP else 5
STARTS = 200
NEEDED = 0.98
AGREED = 1e-8

LOSSES = {"squared": sf.Squared(), "huber": sf.Huber(1e-3)}


def law(formula, *names):
    return sf.Law(formula, columns=["x"], params={one: sf.Param(lower=0) for one in names})


HILL = law("E + A/(1 + (x/x0)**alpha)", "E", "A", "x0", "alpha")
DOUBLE = law("E + A*x**(-a) + B*x**(-b)", "E", "A", "a", "B", "b")
M3 = law("A*(1/x + gamma)**alpha", "A", "gamma", "alpha")


def line(low, high, rows):
    return {"x": np.geomspace(low, high, rows)}


def grid(sizes, tokens):
    n, d = np.meshgrid(np.geomspace(1e7, 3e10, sizes), np.geomspace(3e8, 1e12, tokens))
    return {"N": n.ravel(), "D": d.ravel()}


def power_offset(draw):
    return {"E": draw(0.5, 3), "A": draw(1, 8), "alpha": draw(0.15, 0.6)}


def m3(draw):
    return {"A": draw(1, 8), "gamma": 10 ** draw(-3, -1), "alpha": draw(0.15, 0.6)}


def chinchilla(draw):
    alpha, beta = draw(0.25, 0.5), draw(0.25, 0.5)
    scales = {"A": draw(0.5, 2) * 10 ** (8.5 * alpha), "B": draw(0.5, 2) * 10 ** (10 * beta)}
    return {"E": draw(1, 2.5), "alpha": alpha, "beta": beta} | scales


def kaplan(draw):
    """Both terms within 10^0.7 of one another in the middle of the grid."""
    by_size, by_tokens, size = draw(0.05, 0.15), draw(0.05, 0.15), 10 ** draw(12, 14)
    middle = (size / 10**8.75) ** (by_size / by_tokens)
    tokens = 10**10.25 * middle * 10 ** draw(-0.7, 0.7)
    return {"Nc": size, "Dc": tokens, "alpha_N": by_size, "alpha_D": by_tokens}


def bnsl(draw):
    bend = {"c1": draw(0.3, 1.5), "f1": draw(0.1, 0.6), "d1": 10 ** draw(2.3, 3.7)}
    return {"E": draw(0.2, 1), "B": draw(2, 6), "c0": draw(0.05, 0.3)} | bend


def hill(draw):
    return {"E": draw(0.5, 2), "A": draw(1, 4), "x0": 10 ** draw(2, 4), "alpha": draw(0.5, 1.5)}


def double(draw):
    a = draw(0.08, 0.25)
    return {"E": draw(0.5, 2), "A": draw(1, 3), "a": a, "B": draw(3, 10), "b": a * draw(3, 6)}


IDENTIFIED = {
    "power_offset": ("power_offset", power_offset, line(1, 1e4, 20)),
    "m3": (M3, m3, line(1, 1e5, 25)),
    "chinchilla": ("chinchilla", chinchilla, grid(8, 8)),
    "kaplan": ("kaplan", kaplan, grid(8, 8)),
    "bnsl": ("bnsl", bnsl, line(10, 1e5, 40)),
    "hill": (HILL, hill, line(1, 1e6, 30)),
    "double_power": (DOUBLE, double, line(1, 1e6, 40)),
}


def runs(name, seed, noise):
    known, truth, design = IDENTIFIED[name]
    rng = np.random.default_rng([seed, *name.encode()])
    return known, sf.datasets.simulate(known, truth(rng.uniform), design, noise, seed=seed)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("noise", [0.002, 0.02])
@pytest.mark.parametrize("name", IDENTIFIED)
def test_automatic_starts_end_no_higher_than_200(name, loss, noise):
    """Within 1e-8 relative of the best of 200 searched starts, in 98 % of the truths or more."""
    missed = []
    for seed in range(TRUTHS):
        known, frame = runs(name, seed, noise)
        automatic = sf.fit(frame, known, loss=LOSSES[loss])
        many = sf.fit(frame, known, loss=LOSSES[loss], starts=STARTS)
        if automatic.objective > many.objective * (1 + AGREED):
            missed.append((seed, automatic.objective / many.objective - 1))
    assert len(missed) <= (1 - NEEDED) * TRUTHS, missed


@pytest.mark.parametrize("name", IDENTIFIED)
def test_random_starts_find_nothing_lower(name):
    """The same against a frame of random starts around the truth, a decade to either side."""
    known, truth, _ = IDENTIFIED[name]
    for seed in range(max(1, TRUTHS // 5)):
        known, frame = runs(name, seed, 0.02)
        rng = np.random.default_rng([seed, *name.encode()])
        centre = truth(rng.uniform)
        starts = {one: value * 10 ** rng.uniform(-1, 1, STARTS) for one, value in centre.items()}
        automatic = sf.fit(frame, known, loss=sf.Squared())
        given = sf.fit(frame, known, loss=sf.Squared(), starts=starts)
        assert automatic.objective <= given.objective * (1 + AGREED)


def named(frame, known, **options):
    """Return the parameters that the fit says the rows do not determine."""
    fit = sf.fit(frame, known, loss=sf.Squared(), **options)
    assert fit.status == "not_identified"
    [finding] = [one for one in fit.findings if one.code == "not_identified"]
    return {one for one in fit.law.params if f"'{one}'" in finding.sentence}


def test_one_size_does_not_identify_the_term_of_the_size():
    """Every run with the same N: E, A and alpha only occur together."""
    truth = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 2000.0, "beta": 0.37}
    design = {"N": np.full(20, 1e9), "D": np.geomspace(1e9, 1e12, 20)}
    frame = sf.datasets.simulate("chinchilla", truth, design, 0.002, seed=1)
    assert {"A", "alpha"} <= named(frame, "chinchilla")


def test_a_fixed_ratio_of_inputs_does_not_identify_two_terms():
    """D = 20 N with one exponent: A and B only occur as one sum."""
    truth = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 2000.0}
    size = np.geomspace(1e7, 1e10, 20)
    tied = sf.Law("E + A/N**alpha + B/D**alpha", columns=["N", "D"])
    frame = sf.datasets.simulate(tied, truth, {"N": size, "D": 20 * size}, 0.002, seed=1)
    assert {"A", "B"} <= named(frame, tied)


def test_a_break_beyond_the_rows_is_not_identified():
    """A straight line in log-log axes has no bend: its change of slope and sharpness are free."""
    frame = sf.datasets.simulate("power", {"A": 5.0, "alpha": 0.2}, line(10, 1e5, 30), 0.0, seed=1)
    assert {"c1", "f1", "d1"} & named(frame, "bnsl")


def test_a_doubled_parameter_is_named():
    frame = sf.datasets.simulate(
        "power_offset", {"E": 1.0, "A": 5.0, "alpha": 0.3}, line(1, 1e4, 20), 0.002, seed=1
    )
    assert named(frame, "E + A*B*x**(-alpha)", columns={"x": "x"}) == {"A", "B"}
