"""The properties of reliability that need no knowledge of the law, over laws x losses x residuals.

`test_fits.py` holds P1 to P30 on power laws; here the same questions are put to laws with ridges and
bends. Parameters are held to 1e-6 of their own standard error, objectives and fitted values to 1e-9.
`make deep` (SCALING_FAST_DEEP=1) takes fifteen times as many examples.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scaling_fast as sf

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"

many = settings(
    deadline=None,
    derandomize=True,
    max_examples=300 if DEEP else 20,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def positive(formula, columns, *names):
    return sf.Law(formula, columns=columns, params={name: sf.Param(lower=0) for name in names})


LAWS = {
    "kaplan": sf.laws.get("kaplan"),
    "bnsl": sf.laws.get("bnsl"),
    "hill": positive("E + A/(1 + (x/x0)**alpha)", ["x"], "E", "A", "x0", "alpha"),
    "double": positive("E + A*x**(-a) + B*x**(-b)", ["x"], "E", "A", "a", "B", "b"),
    "m3": positive("A*(1/x + gamma)**alpha", ["x"], "A", "gamma", "alpha"),
}
LOSSES = [sf.Squared(), sf.Huber(5e-3), sf.SoftL1(0.01), sf.LogCosh(0.01), sf.Cauchy(0.05)]
RESIDUALS = ["log", "raw", "logit"]


def on_grid(_, draw):
    """Kaplan's law on 7 x 7 sizes, both terms within 10^0.5 of one another in the middle."""
    by_size, by_tokens, size = draw(0.05, 0.15), draw(0.05, 0.15), 10 ** draw(12, 14)
    tokens = 10**10.25 * (size / 10**8.75) ** (by_size / by_tokens) * 10 ** draw(-0.5, 0.5)
    n, d = np.meshgrid(np.geomspace(1e7, 3e10, 7), np.geomspace(3e8, 1e12, 7))
    truth = {"Nc": size, "Dc": tokens, "alpha_N": by_size, "alpha_D": by_tokens}
    return {"N": n.ravel(), "D": d.ravel()}, truth


SPANS = {
    "bnsl": {
        "E": (0.5, 1),
        "B": (2, 5),
        "c0": (0.05, 0.3),
        "c1": (0.4, 1.2),
        "f1": (0.2, 0.5),
        "d1": (300, 6000),
    },
    "hill": {"E": (0.5, 2), "A": (1, 4), "x0": (150, 6000), "alpha": (0.6, 1.5)},
    "double": {"E": (0.5, 2), "A": (1, 3), "a": (0.1, 0.15), "B": (4, 10), "b": (0.5, 0.8)},
    "m3": {"A": (1, 8), "gamma": (1e-3, 0.03), "alpha": (0.2, 0.6)},
}
"""Where truths are drawn, on 48 rows from 3 to 3e5."""


def on_line(name, draw):
    truth = {param: draw(*span) for param, span in SPANS[name].items()}
    return {"x": np.geomspace(3, 3e5, 48)}, truth


@dataclasses.dataclass(frozen=True)
class Asked:
    """Runs of a law, and the question asked of them."""

    name: str
    seed: int
    loss: object
    residual: str

    @property
    def law(self):
        return LAWS[self.name]

    @property
    def frame(self):
        rng = np.random.default_rng([self.seed, *self.name.encode()])
        design, truth = (on_grid if self.name == "kaplan" else on_line)(self.name, rng.uniform)
        share = 0.1 if self.residual == "logit" else 1.0  # targets inside (0, 1)
        f = self.law.evaluate(design, truth) * share
        noise = 0.005 * rng.standard_normal(len(f))
        y = f * np.exp(noise)
        if self.residual == "logit":
            y = 1 / (1 + (1 - f) / f * np.exp(-noise))
        return pl.DataFrame(design | {"loss": y})

    def fit(self, frame=None, **options):
        asked = {"loss": self.loss, "residual": self.residual} | options
        return sf.fit(self.frame if frame is None else frame, self.law, **asked)


# Kaplan's law is one of nats: it has no amplitude by which it could become a share.
PAIRS = [
    (name, residual)
    for name in LAWS
    for residual in RESIDUALS
    if (name, residual) != ("kaplan", "logit")
]
QUESTIONS = st.builds(
    lambda pair, seed, loss: Asked(pair[0], seed, loss, pair[1]),
    st.sampled_from(PAIRS),
    st.integers(0, 10_000),
    st.sampled_from(LOSSES),
)


def fitted(fit, frame):
    return fit.predict(frame.select(fit.law.columns))["prediction"].to_numpy()


def rough_errors(fit):
    """Return the size of the errors of the parameters, s (J'J)^-1/2, whether or not the loss has local ones."""
    jacobian, residual = fit.jacobian(), fit.residuals()
    scale = np.linalg.norm(jacobian, axis=0)
    scale[scale == 0.0] = 1.0
    inverse = np.linalg.pinv(jacobian / scale)
    return np.linalg.norm(inverse, axis=1) / scale * np.sqrt(np.mean(residual**2))


def assert_same(one, other, frame, objective=1.0):
    """Same fit, up to a known factor of the objective."""
    assert other.status == one.status
    assert other.objective == pytest.approx(one.objective * objective, rel=1e-9)
    if one.status != "converged":  # the loss is level there: nothing more is promised
        return
    assert fitted(other, frame) == pytest.approx(fitted(one, frame), rel=1e-9)
    for name, error in zip(one.params, rough_errors(one), strict=True):
        assert abs(other.params[name] - one.params[name]) <= 1e-6 * error + 1e-9 * abs(
            one.params[name]
        )


@given(QUESTIONS, st.randoms(use_true_random=False))
@many
def test_p1_the_order_of_rows(one, random):
    frame = one.frame
    order = list(range(frame.height))
    random.shuffle(order)
    assert_same(one.fit(frame), one.fit(frame[order]), frame)


@given(QUESTIONS, st.integers(0, 10_000))
@many
def test_p2_p3_weights_are_repeated_and_absent_rows(one, seed):
    frame = one.frame
    weights = np.random.default_rng(seed).integers(0, 3, frame.height)
    weights[np.linspace(0, frame.height - 1, 12).astype(int)] = 1
    repeated = frame[np.repeat(np.arange(frame.height), weights).tolist()]
    assert_same(one.fit(repeated), one.fit(frame, weights=weights), frame)


@given(QUESTIONS, st.sampled_from([1e-6, 0.3, 1e6]))
@many
def test_p4_p19_the_scale_of_weights(one, c):
    frame = one.frame
    assert_same(one.fit(frame), one.fit(frame, weights=np.full(frame.height, c)), frame, c)


@given(QUESTIONS, st.integers(0, 10_000))
@many
def test_p11_no_point_is_below_the_optimum(one, seed):
    fit = one.fit()
    rng = np.random.default_rng(seed)
    for size in 10 ** rng.uniform(-6, -0.3, 100):
        point = {
            name: value * np.exp(size * rng.standard_normal()) for name, value in fit.params.items()
        }
        value = fit.objective_at(point)
        assert not value < fit.objective * (1 - 1e-10)


@given(QUESTIONS)
@many
def test_p15_a_point_on_the_surface(one):
    frame = one.frame
    base = one.fit(frame)
    point = frame.head(1).with_columns(loss=pl.lit(fitted(base, frame)[0]))
    more = one.fit(pl.concat([frame, point]))
    assert more.objective == pytest.approx(base.objective, rel=1e-9)
    if base.converged:
        assert fitted(more, frame) == pytest.approx(fitted(base, frame), rel=1e-8)


@given(QUESTIONS)
@many
def test_p18_a_parameter_fixed_at_its_optimum(one):
    frame = one.frame
    base = one.fit(frame)
    name = list(base.params)[one.seed % len(base.params)]
    held = one.fit(frame, params={name: sf.Param(fixed=base.params[name])})
    assert held.objective == pytest.approx(base.objective, rel=1e-9)
    if base.converged:
        assert fitted(held, frame) == pytest.approx(fitted(base, frame), rel=1e-8)


@given(QUESTIONS)
@many
def test_p20_derivatives_are_those_of_central_differences(one):
    """Truncation h^2 and rounding eps/h balance near 1e-10 with Richardson's extrapolation."""
    fit = one.fit()
    jacobian = fit.jacobian()
    for j, (name, value) in enumerate(fit.params.items()):
        step = 1e-3 * max(abs(value), 1e-3)

        def slope(h, name=name, value=value):
            ends = [fit.residuals(dict(fit.params) | {name: value + s * h}) for s in (1, -1)]
            return (ends[0] - ends[1]) / (2 * h)

        expected = (4 * slope(step / 2) - slope(step)) / 3
        scale = np.abs(expected).max()
        assert np.abs(jacobian[:, j] - expected).max() <= 1e-6 * scale + 1e-12


@given(QUESTIONS)
@many
def test_p21_p29_containers_and_unused_columns(one):
    frame = one.frame
    base = one.fit(frame).table
    more = frame.with_columns(unused=pl.lit("text")).select(["unused", *frame.columns[::-1]])
    assert one.fit(more).table.equals(base)
    assert one.fit({name: frame[name].to_numpy() for name in frame.columns}).table.equals(base)


@given(QUESTIONS)
@many
def test_p30_repeated_data(one):
    frame = one.frame
    assert_same(one.fit(frame), one.fit(pl.concat([frame] * 3)), frame, 3)
