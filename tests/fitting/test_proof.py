"""The best optimum of one power beside a constant is proven, and nothing is proven that is not the best."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

LAW = "power_offset"
SMOOTH = {"squared": sf.Squared(), "soft_l1": sf.SoftL1(1e-2)}


def curves(count, *, hard=False, seed=0):
    """Return curves of 10 to 30 points, `curve` numbering them; hard ones have an amplitude near the noise."""
    random = np.random.default_rng(seed)
    frames = []
    for number in range(count):
        n = int(random.integers(10, 31))
        floor, amplitude = random.uniform(0.5, 3), random.uniform(0.2, 3)
        if hard:
            amplitude = floor * 0.005 * np.exp(random.uniform(np.log(0.5), np.log(5)))
        place = random.uniform(0, 1, n) if hard else np.arange(n) / (n - 1)
        x = 10 ** (3 * place)
        y = floor + amplitude * x ** -random.uniform(0.1, 0.6)
        y = y * np.exp(0.005 * random.standard_normal(n))
        frames.append(pl.DataFrame({"curve": number, "x": x, "y": y}))
    return pl.concat(frames)


def fitted(frame, **more):
    return sf.fit(frame, LAW, target="y", columns={"x": "x"}, **more)


@pytest.mark.parametrize("residual", ["log", "raw"])
@pytest.mark.parametrize("loss", SMOOTH)
def test_ordinary_curves_are_proven(loss, residual):
    """At least 95 of 100 for losses that curve everywhere."""
    fit = fitted(curves(100, seed=1), loss=SMOOTH[loss], residual=residual, by="curve")
    assert fit.proof.groups.sum() >= 95


def test_ordinary_curves_are_proven_under_a_loss_with_straight_tails():
    """At least 50 of 100 on raw residuals, where Huber(1e-3) is convex."""
    fit = fitted(curves(100, seed=2), loss=sf.Huber(1e-3), residual="raw", by="curve")
    assert fit.proof.groups.sum() >= 50


@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(1e-2)])
def test_nothing_proven_is_above_what_other_starts_find(loss):
    """Curves whose amplitude is near the noise, against 40 starts each."""
    frame = curves(40, hard=True, seed=3)
    fit = fitted(frame, loss=loss, residual="raw", by="curve")
    many = fitted(frame, loss=loss, residual="raw", by="curve", starts=40)
    proven = fit.proof.groups
    assert proven.any()
    best = np.fmin(many.table["objective"].to_numpy(), np.inf)
    assert (fit.table["objective"].to_numpy()[proven] <= best[proven] * (1 + 1e-9)).all()


def test_units_do_not_decide_a_proof():
    """Sizes in units of 1e12 and losses of 1e-6 are proven alike."""
    frame = curves(30, seed=4)
    other = frame.with_columns(pl.col("x") * 1e12, pl.col("y") * 1e-6)
    here, there = (fitted(f, loss=sf.Squared(), by="curve") for f in (frame, other))
    assert (here.proof.groups == there.proof.groups).all()


@pytest.mark.parametrize("law", ["exp(e) + exp(a)*x**(-c)", "E + A/x**c", "E + A*x**c"])
def test_other_spellings_are_proven_too(law):
    """Amplitudes in log form, a quotient, and a power that grows."""
    frame = curves(1, seed=5)
    if "A*x**c" in law:
        frame = frame.with_columns(y=frame["y"].reverse())
    bounds = {name: sf.Param(lower=0) for name in ("E", "A", "c") if name in law}
    fit = sf.fit(frame, sf.Law(law, params=bounds), target="y", loss=sf.Squared(), residual="raw")
    assert fit.is_global
    assert fit.certificate.basis == "proven"


def test_weights_and_sigma_enter_the_proof():
    frame = curves(1, seed=6).with_columns(w=pl.int_range(pl.len()) % 3 + 1.0, s=0.5 + pl.col("y"))
    for more in ({"weights": "w"}, {"sigma": "s"}):
        fit = fitted(frame, loss=sf.Squared(), residual="raw", **more)
        assert fit.certificate.basis == "proven", more


def test_a_given_start_proves_nothing():
    frame = curves(1, seed=7)
    start = {"E": 1.0, "A": 1.0, "alpha": 0.3}
    fit = fitted(frame, loss=sf.Squared(), starts=start)
    assert not fit.is_global
    assert fit.certificate.basis is None


def test_a_law_of_another_kind_is_agreed_on():
    frame = curves(1, seed=8)
    fit = sf.fit(frame, "power", target="y", columns={"x": "x"}, loss=sf.Squared())
    assert fit.certificate.basis == "agreed"


def test_the_basis_is_saved_with_the_fit(tmp_path):
    fit = fitted(curves(3, seed=9), loss=sf.Squared(), by="curve")
    fit.save(tmp_path / "fit.sf")
    assert (sf.load(tmp_path / "fit.sf").proof.groups == fit.proof.groups).all()


def test_proofs_are_looked_for_with_the_threads_of_the_fit(monkeypatch):
    asked = []

    def checked(threads):
        asked.append(threads)
        return 1

    monkeypatch.setattr("scaling_fast.fitting.proof.checked_threads", checked)
    fit = fitted(curves(3, seed=10), loss=sf.Squared(), by="curve", threads=2)
    assert fit.proof.groups.all()
    assert asked == [2]


def test_one_group_is_proven_alone():
    frame = curves(5, seed=11)
    fit = fitted(frame, loss=sf.Squared(), by="curve")
    assert fit.select(curve=2).certificate.basis == "proven"
    assert fit.proof.groups.all()
    assert fit.select(curve=3).certificate.basis == "proven"
