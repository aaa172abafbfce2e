"""Searches that leave a law's domain end in a number or a typed error, never in NaN."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from decaying import X, Y

import scaling_fast as sf


def attempt(call):
    """Return (the typed error, None) or (None, the result)."""
    try:
        return None, call()
    except sf.ScalingError as error:
        return error, None


SEARCHES = ["sqrt(E + A*x**(-alpha))", "log(a + b*x**c)", "E + A*sqrt(x - k)", "E + A*log(x + k)",
            "E + A*abs(x - k)**c", "max(E, A*x**(-alpha))", "E + A*arctan(b*x)", "E + A*lgamma(x + k)"]  # fmt: skip


@pytest.mark.parametrize("law", SEARCHES)
@pytest.mark.parametrize("residual", ["log", "raw"])
def test_leaving_the_domain_during_search_never_ends_in_nan(law, residual):
    began = time.monotonic()
    refused, fit = attempt(lambda: sf.fit({"x": X, "loss": Y}, law, residual=residual, starts=20))
    assert time.monotonic() - began < 20.0
    if refused is not None:
        assert isinstance(refused, sf.errors.ConvergenceError | sf.errors.DataError)
    elif fit.converged:
        assert math.isfinite(fit.objective)
        assert all(math.isfinite(value) for value in fit.params.values())
        assert np.isfinite(fit.residuals()).all()
        again = fit.objective_at(fit.params)
        assert again == pytest.approx(fit.objective, rel=1e-12)


@pytest.mark.parametrize(
    "law", ["A*x**1e308", "A*exp(x**9)", "A*exp(exp(x))", "E + A/(x - x)", "log(-x)*A"]
)
def test_laws_that_are_never_finite_say_so(law):
    with pytest.raises(sf.ScalingError):
        sf.fit({"x": X, "loss": Y}, law, residual="raw")
