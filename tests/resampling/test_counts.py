"""Weights that Python draws: common draws go on within one stream, counts are those of the draws."""

from __future__ import annotations

from itertools import repeat

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.fitting.near_absolute import is_nearly_absolute
from scaling_fast.frames.clusters import numbered
from scaling_fast.resampling.counts import drawn_units, unit_counts


def stream():
    return np.random.Generator(np.random.Philox(key=np.array([3, 1], np.uint64)))


@pytest.mark.parametrize("among", [1, 3, 42, 241])
def test_a_stream_that_comes_again_goes_on_where_it_stopped(among):
    once = stream()
    first = drawn_units(repeat(once, 5), among)
    second = drawn_units(repeat(once, 4), among)
    whole = stream().integers(0, among, (9, among))
    assert np.array_equal(np.concatenate([first, second]), whole)


def test_counts_are_those_of_the_draws():
    units = drawn_units(repeat(stream(), 20), 7)
    counts = unit_counts(units, 7)
    assert counts.shape == (20, 7)
    for drawn, count in zip(units, counts, strict=True):
        assert np.array_equal(count, np.bincount(drawn, minlength=7))


def test_no_replicates_are_no_rows():
    assert unit_counts(drawn_units([], 4), 4).shape == (0, 4)


def test_keys_are_numbered_in_their_order_within_each_group():
    size, name = pl.Series([2.0, 1.0, 2.0, 1.0]), pl.Series(["a", "a", "a", "b"])
    assert numbered([size]).tolist() == [1, 0, 1, 0]
    assert numbered([size, name]).tolist() == [2, 0, 2, 1]
    assert numbered([size], np.array([0, 0, 1, 1])).tolist() == [1, 0, 1, 0]
    assert numbered([size], np.array([0, 1, 2, 2])).tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("delta", [3e-3, 8e-3])
def test_a_row_that_counts_twice_is_two_rows_to_a_nearly_absolute_loss(delta):
    rng = np.random.default_rng(5)
    x = np.geomspace(1.0, 1e4, 24)
    y = (1.5 + 4.0 * x**-0.4) * np.exp(0.01 * rng.normal(size=24))
    weights = rng.integers(1, 5, 24)
    law, loss = "E + A*x**(-alpha)", sf.Huber(delta)
    weighted = sf.fit({"x": x, "loss": y}, law, loss=loss, columns={"x": "x"}, weights=weights)
    repeated = {"x": np.repeat(x, weights), "loss": np.repeat(y, weights)}
    rows = sf.fit(repeated, law, loss=loss, columns={"x": "x"})
    assert is_nearly_absolute(weighted.request, weighted.params) == is_nearly_absolute(
        rows.request, rows.params
    )
