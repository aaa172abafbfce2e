"""Covariances are those of the draws."""

from __future__ import annotations

import numpy as np
import pytest
from power_runs import NAMES

import scaling_fast as sf


def test_the_covariance_is_that_of_the_draws(boot):
    """With ddof 1, in the law's order; `log=True` of logarithms."""
    cov, draws = boot.cov(), boot.draws.select(NAMES).to_numpy()
    assert cov["parameter"].to_list() == NAMES
    assert cov.drop("parameter").to_numpy() == pytest.approx(np.cov(draws.T), rel=1e-9)
    logs = boot.cov(log=True).drop("parameter").to_numpy()
    assert logs == pytest.approx(np.cov(np.log(draws).T), rel=1e-9)


def test_logarithms_of_draws_that_are_not_positive_are_refused():
    x = np.linspace(1, 2, 12)
    y = np.random.default_rng(0).standard_normal(12)
    fit = sf.fit(
        {"x": x, "y": y}, "m*x", columns={"x": "x"}, target="y", residual="raw", loss=sf.Squared()
    )
    with pytest.raises(sf.errors.ParameterError, match="m"):
        sf.bootstrap(fit, n=200).cov(log=True)
