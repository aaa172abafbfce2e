"""What a Fit holds: its table, derived quantities and Jacobian, none of which can change."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from decaying import X, Y
from power_runs import COLUMNS, LAW, NAMES, curve

import scaling_fast as sf


def test_derived_quantities(runs):
    law = sf.Law(LAW, derived={"half": "2**(-alpha)", "big": "E + A"})
    fit = sf.fit(runs, law, columns=COLUMNS, loss=sf.Squared())
    assert fit.derived["half"] == pytest.approx(2 ** -fit.params["alpha"], rel=1e-15)
    assert fit.table["big"].item() == pytest.approx(fit.params["E"] + fit.params["A"], rel=1e-15)
    interval = fit.interval(of="big")
    assert interval["estimate"].item() == fit.derived["big"]


def test_the_columns_of_the_table(fit):
    """Keys, parameters, derived, objective, status, n, n_starts, agreement, gradient ..."""
    assert fit.table.columns == [
        *NAMES,
        *("objective", "status", "n", "n_starts", "agreement", "gradient", "condition", "at_bound"),
    ]
    assert fit.table["gradient"].item() == fit.certificate.gradient
    assert fit.table["condition"].item() >= 1


def test_a_fit_keeps_the_frame_it_was_given(runs):
    """The caller's data is copied once, on entry."""
    x, y = runs["x"].to_numpy().copy(), runs["loss"].to_numpy().copy()
    fit = sf.fit({"x": x, "loss": y}, LAW, loss=sf.Squared())
    before = fit.residuals()
    x[:], y[:] = 1, 1
    np.testing.assert_array_equal(fit.residuals(), before)
    assert sf.bootstrap(fit, n=20).failures.height == 0


def test_a_fit_cannot_be_changed(fit):
    with pytest.raises(TypeError):
        fit.params["E"] = 3.0
    with pytest.raises(AttributeError):
        fit.seed = 4
    assert copy.deepcopy(fit).table.equals(fit.table)


def test_exchangeable_terms_come_back_in_ascending_order():
    """Same-variable sums in ascending order of their exponent, whatever the start."""
    x = np.geomspace(1, 1e4, 60)
    y = 3 * x**-0.2 + 5 * x**-0.9
    law = "A*x**(-a) + B*x**(-b)"
    fits = [
        sf.fit({"x": x, "loss": y}, law, loss=sf.Squared()),
        sf.fit(
            {"x": x, "loss": y},
            law,
            loss=sf.Squared(),
            starts=sf.Grid({"A": [5.0, 3.0], "a": [0.2, 0.9], "B": [3.0, 5.0], "b": [0.2, 0.9]}),
        ),
    ]
    for fit in fits:
        expected = {"A": 3.0, "a": 0.2, "B": 5.0, "b": 0.9}
        assert dict(fit.params) == pytest.approx(expected, rel=1e-8)


def test_the_jacobian_is_that_of_the_residual(runs, fit):
    """Derivatives of ln f - ln y, in the caller's row order, against the written-out one."""
    x = runs["x"].to_numpy()
    offset, scale, alpha = fit.params.values()
    f = curve(x, offset, scale, alpha)
    exact = np.column_stack([np.ones(30), x**-alpha, -scale * x**-alpha * np.log(x)]) / f[:, None]
    assert fit.jacobian() == pytest.approx(exact, rel=1e-11)


def test_an_infinite_derived_quantity_does_not_crash():
    law = sf.Law(LAW, derived={"bad": "1/(E-E)"})
    assert not math.isfinite(sf.fit({"x": X, "loss": Y}, law).derived["bad"])
