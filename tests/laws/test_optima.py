"""The best split of a cost between two inputs: closed forms, the search, slopes, and formulas that hold optima."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import scaling_fast as sf
from scaling_fast.laws.optima.minimum import ConstrainedMinimum
from scaling_fast.laws.optima.valleys import EDGE, FLAT, INTERIOR
from scaling_fast.laws.quantities import evaluate, formula_gradient, named_formulas

ROWS = {"N": np.geomspace(1e8, 1e10, 5), "D": np.geomspace(1e9, 1e12, 5)}
HOFFMANN = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}
INFERENCE = "6*N*D + 2*N*1e13"


def minimum_of(law, cost="6*N*D", rows=ROWS):
    return ConstrainedMinimum.of(law, rows, cost=cost)


def arrays(params):
    return {name: np.array([float(value)]) for name, value in params.items()}


def best_by_scipy(law, params, flops, data_of=lambda n, c: c / (6 * n)):
    """Return ln N of least loss at a budget: a scan, then Brent's method."""
    grid = np.linspace(np.log(1e5), np.log(1e14), 20_001)
    n = np.exp(grid)
    d = data_of(n, flops)
    values = np.full(grid.size, np.inf)
    values[d > 0] = law.evaluate({"N": n[d > 0], "D": d[d > 0]}, params)
    place = int(np.argmin(values))

    def loss(u):
        size = np.exp(u)
        data = data_of(size, flops)
        return law.evaluate({"N": [size], "D": [data]}, params)[0] if data > 0 else np.inf

    bracket = tuple(grid[place - 1 : place + 2])
    return minimize_scalar(loss, bracket=bracket, options={"xtol": 1e-14}).x


# -- closed forms and the search ----------------------------------------------------------------------


@pytest.mark.parametrize("flops", [1e18, 5.76e23, 1e24, 1e27])
@pytest.mark.parametrize("name", list(sf.laws.chinchilla().published))
def test_the_closed_form_and_the_search_agree(name, flops):
    law = sf.laws.chinchilla()
    minimum = minimum_of(law)
    params = law.published[name]["params"]
    closed = minimum.at(np.array([np.log(flops)]), arrays(params))
    searched = ConstrainedMinimum(
        sf.Law(f"1*({law.formula})", columns=["N", "D"]), minimum.cost
    ).at(np.array([np.log(flops)]), arrays(params))
    derived = law.derive(params)
    assert np.exp(closed.ln_size[0]) == pytest.approx(
        derived["G"] * (flops / 6) ** derived["a"], rel=1e-10
    )
    assert closed.state[0] == searched.state[0] == INTERIOR
    for ours, theirs in zip(closed[:4], searched[:4], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("formula", "params"),
    [
        ("E + A/N**alpha + B/D**beta", HOFFMANN),
        ("E + max(A/N**alpha, B/D**beta)", HOFFMANN),
        ("E + A/N**alpha + B/D**beta + 10/(N*D)**0.1", HOFFMANN),
        ("E + A/log(N)**1.5 + B/log(D)**1.7", HOFFMANN),
        ("log(y) ~ 0.7 + 0.01*(log(N) - c*log(D))**2", {"c": 0.9}),
        ("E + 0.1*abs(log(N) - log(D) + r)", {"E": 1.7, "r": 3.0}),
        ("((Nc/N)**(a/b) + Dc/D)**b", {"Nc": 8.8e13, "a": 0.076, "Dc": 5.4e13, "b": 0.095}),
    ],
)
def test_the_search_agrees_with_scipy_for_laws_of_any_form(formula, params):
    names = {"E", "A", "alpha", "B", "beta", *params}
    law = sf.Law(formula, columns=["N", "D"])
    params = {name: value for name, value in params.items() if name in law.params}
    assert set(law.params) <= names
    found = minimum_of(law).at(np.array([np.log(1e23)]), arrays(params))
    assert found.state[0] == INTERIOR
    assert found.ln_size[0] == pytest.approx(best_by_scipy(law, params, 1e23), abs=1e-6)


@pytest.mark.parametrize(
    ("cost", "data_of"),
    [
        (INFERENCE, lambda n, c: (c - 2e13 * n) / (6 * n)),
        ("6*N*D*(1 + 0.001*log(N))", lambda n, c: c / (6 * n * (1 + 0.001 * np.log(n)))),
        ("20*N**1.1*D**0.9", lambda n, c: (c / 20 / n**1.1) ** (1 / 0.9)),
        ("6*N*D + 1e22", lambda n, c: (c - 1e22) / (6 * n)),
    ],
)
def test_the_search_agrees_with_scipy_for_any_cost(cost, data_of):
    law = sf.laws.chinchilla()
    found = minimum_of(law, cost).at(np.array([np.log(1e24)]), arrays(HOFFMANN))
    expected = best_by_scipy(law, HOFFMANN, 1e24, data_of)
    assert found.ln_size[0] == pytest.approx(expected, abs=1e-6)
    cost_there = minimum_of(law, cost).cost.of(found.ln_size, found.ln_data)
    assert cost_there == pytest.approx(np.log(1e24), abs=1e-11)


@pytest.mark.parametrize(("depth", "deepest"), [(0.0, 1.42e10), (0.05, 1.42e10), (0.4, 1e9)])
def test_the_deepest_of_two_valleys_counts(depth, deepest):
    """A dent at N = 1e9: shallow it is not the optimum, deep it is."""
    law = sf.Law("E + A/N**alpha + B/D**beta - h*exp(-(log10(N) - 9)**2/0.02)", columns=["N", "D"])
    params = HOFFMANN | {"h": depth}
    found = minimum_of(law).at(np.array([np.log(1e23)]), arrays(params))
    assert np.exp(found.ln_size[0]) == pytest.approx(deepest, rel=0.05)
    assert found.ln_size[0] == pytest.approx(best_by_scipy(law, params, 1e23), abs=1e-6)


@pytest.mark.parametrize("flops", [1e20, 1e22, 1e24, 1e26])
def test_farseers_optimum_is_near_its_runs_and_not_where_the_law_runs_wild(flops):
    law = sf.laws.get("farseer")
    params = law.published["li2025"]["params"]
    found = minimum_of(law).at(np.array([np.log(flops)]), arrays(params))
    assert found.state[0] == INTERIOR
    assert 0.5 < (found.ln_data - found.ln_size)[0] / np.log(10) < 3.6


def test_every_draw_has_the_optimum_that_it_has_alone():
    rng = np.random.default_rng(5)
    draws = {
        name: value * np.exp(0.05 * rng.standard_normal(40)) for name, value in HOFFMANN.items()
    }
    law = sf.Law("1*(E + A/N**alpha + B/D**beta)", columns=["N", "D"])
    for cost in ("6*N*D", INFERENCE):
        minimum = minimum_of(law, cost)
        together = minimum.at(np.full(40, np.log(1e24)), draws)
        back = minimum.reaching(1.95, draws)
        for draw in (0, 17, 39):
            own = {name: values[draw : draw + 1] for name, values in draws.items()}
            alone = minimum.at(np.array([np.log(1e24)]), own)
            assert together.ln_size[draw] == pytest.approx(alone.ln_size[0], abs=1e-9)
            assert back.ln_flops[draw] == pytest.approx(
                minimum.reaching(1.95, own).ln_flops[0], abs=1e-9
            )


# -- edges --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "state"),
    [
        ("E + A/N**alpha + 0*D", EDGE),
        ("E + 0*N + A/D**alpha", EDGE),
        ("E + A/N**alpha - D*1e-13", EDGE),
        ("E + A/(N*D)**alpha", FLAT),
        ("E + A + 0*N*D*alpha", FLAT),
    ],
)
def test_a_law_without_a_valley_has_its_optimum_at_an_edge(formula, state):
    law = sf.Law(formula, columns=["N", "D"])
    params = {name: HOFFMANN[name] for name in law.params}
    found = minimum_of(law).at(np.array([np.log(1e23)]), arrays(params))
    assert found.state[0] == state
    assert np.isfinite(found.loss[0])
    assert np.isnan(found.ln_size[0]) == (state == FLAT)


@pytest.mark.parametrize("power", ["alpha", "beta"])
def test_an_exponent_of_zero_leaves_the_optimum_at_an_edge(power):
    law = sf.laws.chinchilla()
    found = minimum_of(law).at(np.array([np.log(1e23)]), arrays(HOFFMANN | {power: 0.0}))
    assert found.state[0] == EDGE


def test_a_law_that_is_nowhere_finite_has_no_optimum():
    law = sf.Law("E + sqrt(-A*N*D)", columns=["N", "D"])
    found = minimum_of(law).at(np.array([np.log(1e23)]), arrays({"E": 1.0, "A": 1.0}))
    assert np.isnan(found.loss[0])
    assert found.state[0] == EDGE


# -- the inverse --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["6*N*D", INFERENCE, "20*N**1.1*D**0.9"])
@pytest.mark.parametrize(
    "formula", ["E + A/N**alpha + B/D**beta", "1*(E + A/N**alpha + B/D**beta)"]
)
def test_the_least_cost_of_a_loss_is_the_inverse_of_the_least_loss_of_a_cost(formula, cost):
    minimum = minimum_of(sf.Law(formula, columns=["N", "D"]), cost)
    for flops in (1e21, 1e24):
        there = minimum.at(np.array([np.log(flops)]), arrays(HOFFMANN))
        back = minimum.reaching(float(there.loss[0]), arrays(HOFFMANN))
        assert back.ln_flops[0] == pytest.approx(np.log(flops), abs=1e-8)
        assert back.ln_size[0] == pytest.approx(there.ln_size[0], abs=1e-8)
        assert back.state[0] == INTERIOR


def test_a_loss_below_the_floor_costs_infinitely_much():
    for formula in ("E + A/N**alpha + B/D**beta", "1*(E + A/N**alpha + B/D**beta)"):
        minimum = minimum_of(sf.Law(formula, columns=["N", "D"]))
        found = minimum.reaching(1.6, arrays(HOFFMANN))
        assert np.isposinf(found.ln_flops[0])
        assert np.isposinf(found.ln_size[0])
        assert found.state[0] == EDGE
        assert np.isnan(minimum.reaching(1e6, arrays(HOFFMANN)).ln_flops[0])


# -- slopes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["6*N*D", INFERENCE])
@pytest.mark.parametrize("wanted", ["flops", "loss"])
@pytest.mark.parametrize(
    "formula", ["log(y) ~ log(E + A/N**alpha + B/D**beta)", "E + A/N**alpha + B/D**beta"]
)
def test_slopes_are_those_of_differences(formula, wanted, cost):
    from scaling_fast.allocation.optimum_table import QUANTITIES, Target

    minimum = minimum_of(sf.Law(formula, columns=["N", "D"]), cost)
    target = Target(1e23, None) if wanted == "flops" else Target(None, 1.95)
    for quantity in QUANTITIES:
        asked = target.formula(quantity, minimum)
        value, slopes = formula_gradient(asked, HOFFMANN)
        assert value == pytest.approx(evaluate(asked, HOFFMANN).item(), rel=1e-14)
        # Two shifted sets for each parameter, all at once.
        shifted = {name: np.array([value] * 10) for name, value in HOFFMANN.items()}
        for place, name in enumerate(HOFFMANN):
            shifted[name][2 * place : 2 * place + 2] *= [1 + 1e-4, 1 - 1e-4]
        values = evaluate(asked, shifted)
        steps = 2e-4 * np.array(list(HOFFMANN.values()))
        assert slopes == pytest.approx(
            (values[::2] - values[1::2]) / steps, rel=2e-5, abs=1e-6 * value
        )


def test_slopes_are_those_of_the_closed_form():
    law = sf.laws.chinchilla()
    formulas = named_formulas(
        law,
        list(law.params),
        ["N_opt(1e24)", "D_opt(1e24)", "L_opt(1e24)"],
        lambda: minimum_of(law),
    )
    for formula in formulas.values():
        value, slopes = formula_gradient(formula, HOFFMANN)
        closed, theirs = formula_gradient(formula.written_out, HOFFMANN)
        assert value == pytest.approx(closed, rel=1e-12)
        assert slopes == pytest.approx(theirs, rel=1e-6)
