"""Targets of absurd size hide neither the optimum nor a parameter."""

from __future__ import annotations

import numpy as np
import pytest

import scaling_fast as sf

X = np.logspace(0, 4, 12)
Y = 1.8 + 4 * X**-0.35
LAW = "E+A*x**(-alpha)"
TRUTH = {"E": 1.8, "A": 4.0, "alpha": 0.35}


def wild(target: float, at: int = 3) -> dict[str, np.ndarray]:
    loss = Y.copy()
    loss[at] = target
    return {"x": X, "loss": loss}


@pytest.mark.parametrize(
    "loss", [sf.Huber(1e-3), sf.Squared(), sf.Cauchy(1e-2)], ids=["huber", "square", "cauchy"]
)
@pytest.mark.parametrize(
    "target", [0.3, 0.1, 0.03, 1e-2, 1e-3, 1e-6, 1e-10, 1e-50, 1e-200, 1e-300, 1e10, 1e200]
)
def test_one_tiny_or_huge_target_does_not_hide_the_optimum_of_log_residuals(target, loss):
    frame = wild(target)
    fit = sf.fit(frame, LAW, loss=loss, residual="log")
    at_truth = sf.fit(frame, LAW, loss=loss, residual="log", starts=TRUTH)
    # Least squares of a logarithm of -460 has an optimum so far out that a search may say it did not get there.
    assert fit.converged or (isinstance(loss, sf.Squared) and not fit.is_global)
    assert fit.objective <= at_truth.objective * (1 + 1e-8)


@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared()], ids=["huber", "squared"])
@pytest.mark.parametrize("target", [1e-10, 1e-200])
def test_one_target_near_an_end_does_not_hide_the_optimum_of_logit_residuals(target, loss):
    frame = {"x": X, "loss": 0.3 + 0.5 * X**-0.35}
    frame["loss"][3] = target
    truth = {"E": 0.3, "A": 0.5, "alpha": 0.35}
    fit = sf.fit(frame, LAW, loss=loss, residual="logit")
    at_truth = sf.fit(frame, LAW, loss=loss, residual="logit", starts=truth)
    assert fit.converged or (isinstance(loss, sf.Squared) and not fit.is_global)
    assert fit.objective <= at_truth.objective * (1 + 1e-8)


def test_a_parameter_too_small_for_a_number_is_an_error_and_never_a_zero():
    with pytest.raises(sf.errors.ConvergenceError, match="other units") as caught:
        sf.fit({"x": X * 1e-150, "loss": Y * 1e-300}, LAW, loss=sf.Squared())
    assert caught.value.code == "not_finite"


def test_a_parameter_that_is_zero_stays_a_parameter():
    # E ends on its bound at zero, which no change of units moves.
    law = sf.Law(LAW, params={"E": sf.Param(lower=0.0)})
    fit = sf.fit({"x": X * 1e6, "loss": 4 * X**-0.35 - 0.1}, law, loss=sf.Squared())
    assert fit.converged
    assert fit.params["E"] == 0.0
