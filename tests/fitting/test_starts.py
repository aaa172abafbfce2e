"""Starts: a mapping, a grid, a frame or a number, each used as given."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from decaying import X, Y
from power_runs import COLUMNS, LAW

import scaling_fast as sf
import scaling_fast.datasets
from scaling_fast.errors import ParameterError


def test_a_mapping_is_a_local_fit_from_exactly_there():
    """All its values used. Two valleys: each start ends in its own, neither is global."""
    x = np.linspace(0, 6, 60)
    data = {"x": x, "y": np.sin(2.0 * x) + 3}
    law = "3 + sin(w*x)"
    options = {"columns": COLUMNS, "target": "y", "residual": "raw", "loss": sf.Squared()}
    near = sf.fit(data, law, starts={"w": 1.9}, **options)
    far = sf.fit(data, law, starts={"w": 5.0}, **options)
    assert near.params["w"] == pytest.approx(2.0, rel=1e-9)
    assert far.objective > 1
    assert far.objective <= far.objective_at({"w": 5.0})
    for fit in (near, far):
        assert fit.converged
        assert not fit.is_global
        assert fit.table["n_starts"].item() == 1
    grid = sf.fit(data, law, starts=sf.Grid({"w": np.linspace(0.5, 6, 23)}), **options)
    assert grid.params["w"] == pytest.approx(2.0, rel=1e-9)
    assert grid.table["n_starts"].item() == 23


def test_a_start_at_the_optimum_stays(runs, fit):
    again = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), starts=dict(fit.params))
    assert again.objective == pytest.approx(fit.objective, rel=1e-12)
    assert list(again.params.values()) == pytest.approx(list(fit.params.values()), rel=1e-9)


@pytest.mark.parametrize(
    ("starts", "count"),
    [
        (sf.Grid({"E": [1.0, 2.0], "A": [100.0, 500.0], "alpha": [0.2, 0.4]}), 8),
        (
            pl.DataFrame(
                {"alpha": [0.2, 0.3, 0.4], "A": [100.0, 200.0, 300.0], "E": [1.0, 1.5, 2.0]}
            ),
            3,
        ),
        ({"E": [1.0, 2.0], "A": [100.0, 300.0], "alpha": [0.2, 0.4]}, 2),
        (7, 7),
        (1, 1),
    ],
)
def test_every_kind_of_starts_reaches_the_optimum(runs, fit, starts, count):
    """A Grid, a frame of starts (columns in any order), a number of automatic ones."""
    other = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), starts=starts)
    assert other.converged
    assert other.table["n_starts"].item() == count
    assert other.objective == pytest.approx(fit.objective, rel=1e-10)
    agreement = other.table["agreement"].item()
    assert 1 <= agreement <= count
    assert other.is_global == (agreement >= 3)


@pytest.mark.parametrize(
    ("starts", "param"),
    [
        ({"E": 1.0, "A": 2.0}, "alpha"),
        ({"E": 1.0, "A": 2.0, "alpha": 0.3, "beta": 1.0}, "beta"),
        ({"E": 1.0, "A": 2.0, "alpha": float("nan")}, None),
        ({"E": -1.0, "A": 2.0, "alpha": 0.3}, "E"),
        ("best", "starts"),
        (0, "starts"),
        (2.5, "starts"),
        (pl.DataFrame({"E": [], "A": [], "alpha": []}), "starts"),
    ],
)
def test_malformed_starts_are_refused_by_name(runs, starts, param):
    """The user's parameter is named."""
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.fit(runs, LAW, columns=COLUMNS, starts=starts, params={"E": sf.Param(lower=0)})
    if param is not None:
        assert caught.value.param == param


P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)


@pytest.mark.parametrize("values", [range(10**12), itertools.count(), itertools.repeat(1.0)])
def test_an_endless_grid_is_refused_before_it_is_listed(values):
    with pytest.raises(P, match="1 to 1,000,000 starts"):
        sf.Grid({"a": values})


FRAME = {
    "x": X,
    "loss": Y,
    "run": ["a", "b", "c", "d"] * 3,
    "one": ["z"] * 12,
    "gap": [None, "b"] * 6,
}


def fit(**options):
    return sf.fit(FRAME, options.pop("law", LAW), **options)


@pytest.fixture(scope="module")
def good():
    return fit()


def test_a_start_on_its_bound_is_legal(good):
    """Scipy gh-19103."""
    got = fit(params={"alpha": sf.Param(lower=0)}, starts={"E": 1.0, "A": 1.0, "alpha": 0.0})
    assert got.converged
    assert got.params["alpha"] == pytest.approx(good.params["alpha"], rel=1e-8)


@pytest.mark.parametrize(
    "values", [["a"], [None], 1, "12", [[1.0]], ["1"], [1j], {"a": 1}, [10**400], None]
)
def test_a_grid_wants_numbers(values):
    with pytest.raises(ParameterError, match="`E`") as caught:
        sf.Grid({"E": values})
    assert caught.value.param == "starts"


@pytest.mark.parametrize("values", [[1, 2.0], (1.0,), np.arange(3), pl.Series([1.0]), range(4)])
def test_a_grid_takes_any_row_of_numbers(values):
    assert sf.Grid({"E": values}).size == len(values)
