"""Rows without noise or without information: exact answers, or the names of what is not identified."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from decaying import CLEAN, X, fit
from outcomes import refusal
from power_runs import NAMES

import scaling_fast as sf


def test_as_many_rows_as_parameters_is_exact_and_says_so():
    got = fit(CLEAN[::4], X[::4])
    assert got.params["alpha"] == pytest.approx(0.4, rel=1e-9)
    assert "no_dof" in [finding.code for finding in got.findings]
    error = refusal(got.interval)
    assert error.code == "no_dof"


def test_constant_x_identifies_nothing():
    error = refusal(lambda: fit(x=np.full(12, 3.0)))
    assert error.code == "not_identified"
    for name in NAMES:
        assert name in str(error)


def test_constant_second_column_names_its_parameters():
    rng = np.random.default_rng(3)
    frame = {"N": np.geomspace(1e6, 1e9, 12), "D": np.full(12, 1e9)}
    frame["loss"] = 1.7 + 400 * frame["N"] ** -0.34 + rng.normal(size=12) * 1e-3
    got = sf.fit(frame, "E + A/N**alpha + B/D**beta")
    assert not got.converged
    assert not got.is_global
    lost = next(finding for finding in got.findings if finding.code == "not_identified")
    assert {"B", "beta"} <= set(lost.evidence["parameters"])
    assert "alpha" not in lost.evidence["parameters"]


@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(1e-3), sf.Absolute()], ids=repr)
def test_constant_y_identifies_its_level_alone(loss):
    got = fit(np.full(12, 3.0), loss=loss)
    assert got.residuals() == pytest.approx(np.zeros(12), abs=1e-9)
    assert not got.converged, "alpha can be anything where A is 0"
    lost = next(finding for finding in got.findings if finding.code == "not_identified")
    assert "alpha" in lost.evidence["parameters"]


@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(1e-3)], ids=repr)
def test_constant_y_has_no_spread(loss):
    level = sf.fit({"x": X, "loss": np.full(12, 3.0)}, "E + 0.5*x**0*E", loss=loss)
    assert level.params["E"] == pytest.approx(2.0, rel=1e-12)
    draws = sf.bootstrap(level, n=200).draws
    assert draws["E"].std() <= 1e-12
    assert (draws["status"] == "converged").all()


LOSSES = (
    sf.Squared(),
    sf.Huber(1e-3),
    sf.Absolute(),
    sf.Cauchy(1e-2),
    sf.Tukey(1e-2),
    sf.SoftL1(1e-3),
    sf.LogCosh(1e-3),
    sf.Pinball(0.3),
)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("residual", ["log", "raw"])
def test_perfect_data_are_recovered_and_resampled(loss, residual):
    got = fit(CLEAN, loss=loss, residual=residual)
    assert got.converged
    for name, value in zip(NAMES, (1.5, 3.0, 0.4), strict=True):
        assert got.params[name] == pytest.approx(value, rel=1e-10)
    assert got.objective >= 0
    for number in (got.certificate.gradient, got.certificate.decrease, got.certificate.multiplier):
        assert math.isfinite(number)
    boot = sf.bootstrap(got, n=300)
    assert boot.failures.height == 0 or boot.failures["count"].sum() <= 3
    draws = boot.draws.filter(pl.col("status") == "converged")
    for name in NAMES:
        assert (draws[name] - got.params[name]).abs().max() <= 1e-9
    # Nothing shows an error: an interval without width would be a claim.
    for ask in (boot.interval, boot.predict, boot.cov):
        with pytest.raises(sf.errors.DataError, match="passes through every row"):
            ask()


def test_a_line_of_optima_has_a_centre_and_a_finding():
    """Signs - - - + + + + + + - - - balance on a geometric grid: checked by hand on 12 rows."""
    got = fit(law="A*x**(-alpha)")
    assert got.converged
    assert [finding.severity for finding in got.findings if finding.code == "level_optimum"] == [
        "amber"
    ]
    assert {"A", "alpha"} <= {
        name for finding in got.findings for name in finding.evidence.get("parameters", ())
    }
