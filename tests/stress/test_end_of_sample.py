"""The end-of-sample F test: which rows are the last, the statistic, and what it sees."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from ladders import bend, chinchilla, isoflop, line, refitted

from scaling_fast.stress.end_of_sample import end_of_sample


def rng(*words):
    return np.random.default_rng(words)


@pytest.mark.parametrize(
    ("rows", "decades", "last"), [(12, 3.0, 2), (20, 3.0, 3), (20, 4.0, 2), (61, 3.0, 10)]
)
def test_the_last_rows_of_one_input_are_those_of_half_a_decade_but_one(rows, decades, last):
    assert end_of_sample(refitted(line(rows, decades, 0.003, rng(14, 1)))).rows == last


def test_the_last_rows_of_two_inputs_are_the_last_budget():
    runs = isoflop(6, 10, 2.5, 0.004, rng(14, 2))
    assert end_of_sample(refitted(runs, "chinchilla")).rows == 10
    # Two rows are too few: the budget before is added.
    assert end_of_sample(refitted(runs[:52], "chinchilla")).rows == 12


def test_the_statistic_is_chows():
    """By least squares on ln y of scipy, with all rows and without the last."""
    from scipy.optimize import least_squares
    from scipy.stats import f

    refit = refitted(line(20, 3.0, 0.005, rng(14, 3)))
    x, y = refit.columns["x"], np.log(refit.clipped)

    def squares(rows):
        answer = least_squares(
            lambda t: np.log(t[0] + np.exp(t[1] - t[2] * np.log(x[rows] / 1e7))) - y[rows],
            [1.8, 0.5, 0.35], x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15,
        )  # fmt: skip
        return 2 * answer.cost

    whole, rest = squares(slice(None)), squares(slice(None, 17))
    test = end_of_sample(refit)
    assert test.statistic == pytest.approx((whole - rest) / 3 / (rest / 14), rel=1e-5)
    assert test.p == pytest.approx(f.sf(test.statistic, 3, 14), rel=1e-9)


def test_a_plateau_in_the_last_half_decade_is_seen():
    found = [
        end_of_sample(refitted(line(20, 3.0, 0.005, rng(14, 4, place), bend(0.5, 0.0)))).p
        for place in range(20)
    ]
    assert max(found) < 0.10


def test_a_last_budget_one_per_cent_lower_is_seen():
    def truth(size, data):
        compute = size * data
        return chinchilla(size, data) * np.where(compute > 0.9 * compute.max(), 0.99, 1.0)

    found = [
        end_of_sample(
            refitted(isoflop(7, 10, 3.0, 0.003, rng(14, 5, place), truth), "chinchilla")
        ).p
        for place in range(12)
    ]
    assert np.median(found) < 0.01


def test_too_few_rows_before_give_no_figure():
    test = end_of_sample(refitted(line(6, 3.0, 0.003, rng(14, 6))))
    assert math.isnan(test.statistic)
    assert math.isnan(test.p)


def test_a_diverged_run_at_the_end_moves_nothing():
    runs = line(20, 3.0, 0.005, rng(14, 7))
    bad = runs.with_columns(loss=pl.when(pl.int_range(20) == 19).then(9.7).otherwise("loss"))
    with_it, without = end_of_sample(refitted(bad)), end_of_sample(refitted(runs[:19]))
    assert with_it.statistic == pytest.approx(without.statistic, rel=1e-6)
    assert with_it.rows == without.rows
