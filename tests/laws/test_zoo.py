"""Every law of the catalogue is fitted to a design that identifies it, from no start at all."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import scaling_fast as sf
from scaling_fast import _core

NOISE = 0.002
"""Standard deviation of the log residual: seeds of one architecture differ by about as much."""


def line(name, low, high, n):
    """Return a design of one column, evenly spaced in its logarithm."""
    return {name: np.geomspace(low, high, n)}


def grid(**columns):
    """Return the product of the columns' values."""
    rows = np.array(list(itertools.product(*columns.values())))
    return dict(zip(columns, rows.T, strict=True))


def sizes(low=1e7, high=1e10, n=6):
    return np.geomspace(low, high, n)


def decayed():
    """Return S1 and S2 of three schedules: constant, cosine, and constant with a late decay."""
    found = {"S1": [], "S2": []}
    steps = 6000
    at = np.arange(steps) / steps
    cosine = 0.55 + 0.45 * np.cos(np.pi * at)
    late = np.where(at < 0.7, 1.0, 1.0 - 0.9 * (at - 0.7) / 0.3)
    for shape in (np.ones(steps), cosine, late):
        rate = 3e-4 * shape
        gathered = np.zeros(steps)
        for i in range(1, steps):
            gathered[i] = 0.999 * gathered[i - 1] + rate[i - 1] - rate[i]
        kept = np.arange(299, steps, 300)
        found["S1"] += np.cumsum(rate)[kept].tolist()
        found["S2"] += np.cumsum(gathered)[kept].tolist()
    return found


def published():
    """Return rows as those of a survey: sizes, data and years that vary apart, three benchmarks."""
    draw = np.random.default_rng(5)
    n = 240
    benchmark = draw.integers(0, 3, n)
    return {
        "N": 10 ** draw.uniform(6, 11, n),
        "D": 10 ** draw.uniform(6, 11.5, n),
        "t": draw.uniform(2012, 2023, n),
        "ptb": (benchmark == 1) * 1.0,
        "wt2": (benchmark == 2) * 1.0,
    }


def repeated():
    rows = grid(N=sizes(1e7, 1e10, 7), U=[1e8, 1e9, 1e10], epochs=[0.1, 0.4, 1, 4, 16, 60, 200])
    return {"N": rows["N"], "U": rows["U"], "D": rows["U"] * rows["epochs"]}


def quantised(post=None):
    """Return a factorial of bits over sizes and tokens, all rows trained on at least P_post bits."""
    bits = [3.0, 4.0, 6.0, 8.0, 12.0]
    full = 16.0
    varied = [(b, full, full) for b in bits] + [(full, b, full) for b in bits]
    varied += [(full, full, b) for b in bits] + [(b, b, b) for b in bits] + [(full,) * 3]
    rows = []
    for n, d, (w, a, kv) in itertools.product(sizes(3e7, 3e9, 4), sizes(1e9, 1e11, 4), varied):
        after = [0.0] if post is None else [p for p in post if p <= min(w, a, kv)]
        rows += [(n, d, w, a, kv, p) for p in after]
    names = ("N", "D", "P_w", "P_a", "P_kv", "P_post")
    design = dict(zip(names, np.array(rows).T, strict=True))
    if post is None:
        del design["P_post"]
    return design


LONG = line("x", 1e2, 1e8, 40)
TRAINED = {"A": 4299.0, "alpha": 0.4965, "B": 18060.0, "beta": 0.4965, "E": 2.7648}
TRAINED |= {"gamma_w": 2.7, "gamma_a": 2.2, "gamma_kv": 0.96}
CHINCHILLA = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
SIZE_AND_DATA = grid(N=sizes(), D=sizes(1e9, 1e12, 6))

ZOO = {
    "power": ({"A": 12.0, "alpha": 0.1}, line("x", 1e6, 1e9, 12)),
    "power_offset": ({"E": 1.7, "A": 60.0, "alpha": 0.25}, line("x", 1e5, 1e9, 16)),
    "m3": ({"A": 40.0, "gamma": 1e-6, "alpha": 0.2}, line("x", 1e3, 1e8, 24)),
    "m4": ({"E": 0.1, "H": 2.5, "A": 4e2, "alpha": 0.5, "k": 0.6}, line("x", 1e2, 1e9, 40)),
    "shifted_power": ({"E": 1.5, "A": 90.0, "s": 2e4, "alpha": 0.3}, line("x", 1e3, 1e8, 30)),
    "exp_saturation": ({"E": 0.8, "A": 2.0, "tau": 3e6}, line("x", 1e5, 3e7, 16)),
    "stretched_exp": (
        {"E": 0.8, "A": 2.0, "tau": 3e6, "kappa": 0.6},
        line("x", 1e4, 1e8, 30),
    ),
    "logarithmic": ({"c0": 9.0, "c1": 0.3}, line("x", 1e5, 1e9, 12)),
    "log_power": ({"E": 0.5, "A": 9.0, "alpha": 1.3}, line("x", 1e1, 1e9, 30)),
    "log_quadratic": ({"c0": 2.0, "c1": -0.15, "c2": 0.003}, line("x", 1e3, 1e9, 16)),
    "hill": ({"E": 0.5, "A": 2.0, "x0": 1e5, "alpha": 0.6}, line("x", 1e2, 1e8, 24)),
    "double_power": (
        {"E": 1.0, "A1": 12.0, "alpha1": 0.2, "A2": 900.0, "alpha2": 0.9},
        line("x", 1e1, 1e8, 40),
    ),
    "power_log": (
        {"E": 0.5, "A": 20.0, "alpha": 0.6, "gamma": 1.5},
        line("x", 1e-1, 1e7, 60),
    ),
    "bnsl": (
        {"E": 0.5, "B": 6.0, "c0": 0.08, "c1": 0.4, "f1": 0.3, "d1": 3e4},
        line("x", 1e1, 1e8, 40),
    ),
    "bnsl(breaks=2)": (
        {"E": 0.2, "B": 6.0, "c0": 0.05, "c1": 0.3, "f1": 0.3, "d1": 1e3}
        | {"c2": -0.25, "f2": 0.3, "d2": 1e6},
        line("x", 1e0, 1e9, 60),
    ),
    "hinge_power": (
        {"c0": 2.0, "alpha0": 0.05, "c1": 0.3, "d1": 11.0, "E": 0.5},
        line("x", 1e2, 1e8, 40),
    ),
    "hinge_power(breaks=2)": (
        {"c0": 2.0, "alpha0": 0.03, "c1": 0.3, "d1": 7.0, "c2": -0.2, "d2": 14.0, "E": 0.3},
        line("x", 1e0, 1e9, 60),
    ),
    "kaplan_n": ({"Nc": 8.8e13, "alpha_N": 0.076}, line("N", 1e6, 1e9, 12)),
    "kaplan_d": ({"Dc": 5.4e13, "alpha_D": 0.095}, line("D", 1e7, 1e10, 12)),
    "kaplan_c": ({"Cc": 3.1e8, "alpha_C": 0.05}, line("C", 1e-6, 1e2, 12)),
    "kaplan": (
        {"Nc": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "Dc": 1.8e13},
        grid(N=sizes(1e6, 1e9, 6), D=sizes(2e7, 2e10, 6)),
    ),
    "kaplan_steps": (
        {"Nc": 6.5e13, "alpha_N": 0.077, "Sc": 2.1e3, "alpha_S": 0.76},
        grid(N=sizes(1e6, 1e9, 5), S=sizes(1e3, 1e6, 10)),
    ),
    "chinchilla": (CHINCHILLA, SIZE_AND_DATA),
    "chinchilla_tied": ({"E": 1.87, "A": 520.0, "alpha": 0.35, "B": 1490.0}, SIZE_AND_DATA),
    "gadre": (
        {"E": 1.6, "A": 60.0, "eta": 0.13, "B": 220.0},
        grid(C=sizes(1e17, 1e22, 7), M=[2.0, 10.0, 40.0, 160.0, 640.0]),
    ),
    "data_constrained": (
        {"E": 2.1, "A": 300.0, "alpha": 0.31, "B": 4000.0, "beta": 0.4, "R_N": 8.0, "R_D": 10.0},
        repeated(),
    ),
    "clark": (
        {"a": -0.08, "b": -0.1, "c": 0.008, "d": 1.1, "E_s": 1.8, "E_m": 300.0},
        grid(N=sizes(1e7, 1.3e9, 6), experts=[1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
    ),
    "krajewski": (
        {"c": 0.47, "g": 2.1, "gamma": 0.58, "a": 18.1, "alpha": 0.115, "b": 30.8, "beta": 0.147},
        grid(N=sizes(1e6, 1e10, 6), D=sizes(1e8, 1e12, 6), G=[1.0, 2.0, 4.0, 8.0, 16.0]),
    ),
    "ludziejewski": (
        {"a": 36.0, "delta": 0.25, "alpha": -0.18, "gamma": -0.01, "b": 30.0, "omega": -0.03}
        | {"beta": -0.15, "zeta": 0.003, "c": 1.3},
        grid(
            N_act=sizes(1e7, 3e9, 5), D=sizes(1e9, 3e11, 5), E_hat=[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
        ),
    ),
    "abnar": (
        {"a": 20.0, "alpha": 0.2, "b": 900.0, "beta": 0.35, "c": 0.4, "lam": -0.3}
        | {"d": 300.0, "delta": 0.25, "gamma": 0.4, "e": 1.2},
        grid(N=sizes(1e7, 1e11, 7), D=sizes(1e9, 1e12, 5), S=[0.0, 0.5, 0.75, 0.9, 0.95, 0.98]),
    ),
    "precision": (TRAINED, quantised()),
    "precision_ptq": (
        TRAINED
        | {"C_T": 0.06, "gamma_D": 0.5, "gamma_N": 0.45, "gamma_post": 1.0}
        | {"C_w": 0.5, "C_a": 0.6, "C_kv": 0.7},
        quantised([3.0, 4.0, 5.0, 6.0, 8.0]),
    ),
    "transfer": (
        {"k": 1.9e4, "alpha": 0.18, "beta": 0.38},
        grid(D_F=sizes(1e5, 1e9, 5), N=sizes(1e6, 1e9, 5)),
    ),
    "annealing": ({"L0": 2.6, "A": 0.6, "alpha": 0.5, "C": 0.4}, decayed()),
    "step_law_lr": ({"c": 1.79, "a": -0.713, "b": 0.307}, SIZE_AND_DATA),
    "step_law_batch": ({"c": 0.58, "b": 0.571}, line("D", 1e9, 1e12, 10)),
    "farseer": (
        {"s": -0.04, "q": 0.15, "S": 0.2, "B": 150.0, "b": -0.16, "Q": -1.2}
        | {"A": -1.5, "a": 0.05, "E": 3.1},
        grid(N=sizes(1e8, 2.5e10, 10), D=sizes(1e9, 1e12, 8)),
    ),
    "exp_error": ({"eps": 0.85, "k": 2.0, "gamma": 0.8}, {"L": np.linspace(2.0, 6.0, 24)}),
    "logistic": ({"b": 0.25, "a": 0.7, "k": 1.4, "x0": 21.0}, {"x": np.linspace(17, 25, 30)}),
    "metric_artefact": ({"n": 1.0, "c": 1e8, "alpha": 0.3}, line("N", 1e7, 1e11, 16)),
    "coverage_power": ({"a": 2.0, "b": 0.4}, line("k", 1, 1e4, 16)),
    "algorithmic_progress": (
        {"alpha_c": 0.91, "alpha_ptb": 0.05, "alpha_wt2": 0.05, "alpha_year": 0.01}
        | {"alpha_p": 0.068, "beta_c": 0.77, "beta_ptb": 0.18, "beta_wt2": 0.1}
        | {"beta_year": 0.036, "beta_d": 0.04, "t0": 2012.0, "N0": 1e6, "D0": 1e6},
        published(),
    ),
}


def free(law, truth):
    return {name: value for name, value in truth.items() if law.params[name].fixed is None}


@pytest.fixture(scope="module")
def fits():
    """Return a function that fits a law of the zoo, once."""
    made = {}

    def fitted(name):
        if name not in made:
            truth, design = ZOO[name]
            law = sf.laws.get(name)
            runs = sf.datasets.simulate(law, truth, design, noise=NOISE, seed=11)
            made[name] = (law, runs, sf.fit(runs, law, loss=sf.Squared()))
        return made[name]

    return fitted


def test_the_zoo_holds_the_whole_catalogue():
    assert set(sf.laws.names()) <= set(ZOO)


@pytest.mark.parametrize("name", ZOO)
def test_the_automatic_fit_is_certified_and_never_worse_than_the_truth(name, fits):
    law, _, fit = fits(name)
    truth, _ = ZOO[name]
    assert fit.objective <= fit.request.objective(0, truth) * (1 + 1e-9)
    assert fit.status == "converged", fit.findings
    assert not [finding for finding in fit.findings if finding.code == "not_identified"]
    assert set(fit.params) == set(law.params)


@pytest.mark.parametrize("name", ZOO)
def test_a_design_that_identifies_a_law_meets_its_needs(name, fits):
    _, _, fit = fits(name)
    assert [finding.sentence for finding in fit.findings if finding.code == "design"] == []


@pytest.mark.parametrize("name", ZOO)
def test_a_law_is_read_back_from_its_own_text(name):
    law = sf.laws.get(name)
    once = _core.Program(law.formula, list(law.columns))
    again = _core.Program(once.formula, list(law.columns))
    assert again.formula == once.formula
    assert once.params == again.params == list(law.params)
    truth, design = ZOO[name]
    rewritten = sf.Law(once.formula, columns=law.columns)
    np.testing.assert_array_equal(rewritten.evaluate(design, truth), law.evaluate(design, truth))


@pytest.mark.parametrize("name", ZOO)
def test_a_law_is_finite_inside_its_domain(name):
    law = sf.laws.get(name)
    truth, design = ZOO[name]
    value = law.evaluate(design, truth)
    assert np.isfinite(value).all()
    assert (value > 0).all()
    for key, param in law.params.items():
        assert param.lower <= truth[key] <= param.upper
    assert all(math.isfinite(value) for value in law.derive(truth).values())


@pytest.mark.parametrize("name", ZOO)
def test_derivatives_are_those_of_finite_differences(name):
    law = sf.laws.get(name)
    truth, design = ZOO[name]
    runs = sf.datasets.simulate(law, truth, design, seed=0)
    fit = sf.fit(runs, law, loss=sf.Squared(), residual="raw", starts=free(law, truth))
    jacobian = fit.request.rows(0, truth)[3]
    for j, param in enumerate(fit.request.names):
        if law.params[param].fixed is not None:
            continue
        # Five points: truncation h^4/30 of the fifth derivative, rounding of 1e-16/h.
        step = 1e-3 * abs(truth[param])
        values = [
            law.evaluate(fit.request.table.arrays, truth | {param: truth[param] + i * step})
            for i in (-2, -1, 1, 2)
        ]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        kink = (
            np.abs(values[0] - 2 * values[1] + 2 * values[2] - values[3])
            > 1e-6 * np.abs(values[3] - values[0]).max()
            if "max(" in law.formula
            else np.zeros(slope.shape, dtype=bool)
        )
        scale = np.abs(slope).max()
        assert scale > 0
        np.testing.assert_allclose(
            jacobian[~kink, j] / scale, slope[~kink] / scale, atol=2e-8, err_msg=param
        )


@pytest.mark.parametrize("name", ["bnsl(breaks=2)", "hinge_power(breaks=2)"])
def test_breaks_come_back_in_the_order_of_their_places(name):
    """Both orders are the same curve; the search may end in either."""
    truth, design = ZOO[name]
    for seed in range(4):
        runs = sf.datasets.simulate(name, truth, design, noise=NOISE, seed=seed)
        fit = sf.fit(runs, name, loss=sf.Squared())
        assert fit.params["d1"] < fit.params["d2"]
        assert fit.params["c1"] == pytest.approx(truth["c1"], rel=0.2)
