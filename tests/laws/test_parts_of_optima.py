"""What the best split of a budget is made of: roles of inputs, costs, closed forms, valleys, roots, formulas."""

from __future__ import annotations

import numpy as np
import pytest

import scaling_fast as sf
from scaling_fast.laws.optima.cost import Cost
from scaling_fast.laws.optima.minimum import ConstrainedMinimum
from scaling_fast.laws.optima.power_sums import PowerSum
from scaling_fast.laws.optima.reach import Reach
from scaling_fast.laws.optima.roles import size_and_data
from scaling_fast.laws.optima.roots import increasing_root, nearby_root, sign_change
from scaling_fast.laws.optima.valleys import INTERIOR, lowest_points
from scaling_fast.laws.quantities import evaluate, named_formulas

ROWS = {"N": np.geomspace(1e8, 1e10, 5), "D": np.geomspace(1e9, 1e12, 5)}
HOFFMANN = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}
INFERENCE = "6*N*D + 2*N*1e13"


def minimum_of(law, cost="6*N*D"):
    return ConstrainedMinimum.of(law, ROWS, cost=cost)


# -- formulas -----------------------------------------------------------------------------------------


def asked(of):
    law = sf.laws.chinchilla()
    return named_formulas(law, list(law.params), of, lambda: minimum_of(law))[of]


def test_optima_are_legal_in_formulas_beside_parameters_and_derived_quantities():
    law = sf.laws.chinchilla()
    derived = law.derive(HOFFMANN)
    size = derived["G"] * (1e24 / 6) ** derived["a"]
    for of, expected in [
        ("N_opt(1e24)", size),
        ("N_opt( 10 ^ 24 )", size),
        ("D_opt (2*5e23)", 1e24 / 6 / size),
        ("log10(D_opt(1e24)/N_opt(1e24)) + alpha", np.log10(1e24 / 6 / size**2) + 0.34),
        ("a*N_opt(1e24)", derived["a"] * size),
        ("L_opt(1e24) - E", 406.4 * size**-0.34 + 410.7 * (1e24 / 6 / size) ** -0.28),
    ]:
        assert evaluate(asked(of), HOFFMANN).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "of", ["N_opt()", "N_opt(C)", "N_opt(-1)", "N_opt(0)", "N_opt(1e400)", "N_opt(1, 2)",
           "N_opt(N_opt(1e24))", "N_opt(1e24", "D_opt(alpha)", "N_opt(1e24)*zeta", "N_opt"]
)  # fmt: skip
def test_a_budget_that_is_not_a_number_is_refused(of):
    with pytest.raises(sf.ScalingError) as refused:
        evaluate(asked(of), HOFFMANN)
    assert refused.value.code in ("budget", "formula", "unknown_name")
    assert "optimum_0" not in str(refused.value)


def test_a_budget_that_no_run_in_reach_costs_is_refused():
    with pytest.raises(sf.ParameterError, match="units of flops") as refused:
        asked("N_opt(1e60)")
    assert refused.value.code == "out_of_reach"


# -- which input is which -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "columns", "expected"),
    [
        ("E + A/N**a + B/D**b", ["N", "D"], ("N", "D")),
        ("E + B/D**b + A/N**a", ["N", "D"], ("N", "D")),
        ("E + B/tokens**b + A/params**a", ["params", "tokens"], ("params", "tokens")),
        ("E + B/T**b + A/N**a", ["T", "N"], ("N", "T")),
        ("E + B/D**b + A/P**a", ["D", "P"], ("P", "D")),
        ("E + A/x**a + B/z**b", ["z", "x"], ("x", "z")),
    ],
)
def test_the_size_is_known_by_its_name_or_else_comes_first(formula, columns, expected):
    assert size_and_data(sf.Law(formula, columns=columns)) == expected


def test_the_names_of_the_frame_say_which_input_is_the_size():
    law = sf.Law("E + B/x**b + A/z**a", columns=["x", "z"])
    assert size_and_data(law, {"x": "n_tokens", "z": "n_params"}) == ("z", "x")


@pytest.mark.parametrize(
    "name", ["gadre", "clark", "power", "precision", "annealing", "kaplan_steps"]
)
def test_laws_of_other_inputs_are_refused(name):
    with pytest.raises(sf.ParameterError) as refused:
        size_and_data(sf.laws.get(name))
    assert refused.value.code == "inputs"


def test_a_cost_of_both_inputs_says_what_others_cost():
    rows = {"N": np.geomspace(1e6, 1e9, 5), "S": np.geomspace(1e3, 1e6, 5)}
    minimum = ConstrainedMinimum.of(sf.laws.get("kaplan_steps"), rows, cost="6*N*S*2e6")
    assert (minimum.cost.size, minimum.cost.data) == ("N", "S")


# -- costs, closed forms, valleys, roots --------------------------------------------------------------


@pytest.mark.parametrize(
    "cost",
    [
        "6*N",
        "6*D",
        "6*N/D",
        "6*N*D - 1e60",
        "7",
        "N*X",
        "C ~ 6*N*D",
        "6*N*",
        6.0,
        "-N*D",
        "log(N*D/1e20)",
    ],
)
def test_a_cost_that_does_not_increase_with_both_is_refused(cost):
    with pytest.raises(sf.ScalingError):
        minimum_of(sf.laws.chinchilla(), cost)


def test_the_names_n_and_d_stand_for_size_and_data_in_a_cost():
    reach = Reach.around(ROWS["N"], ROWS["D"])
    u, v = np.log(1e9), np.log(1e10)
    for formula in ("6*N*D", "6*params*tokens", "6*params*D"):
        cost = Cost(formula, "params", "tokens", reach)
        assert cost.of(u, v) == pytest.approx(np.log(6e19))
        assert cost.power == pytest.approx((np.log(6), 1.0, 1.0))
    assert Cost(INFERENCE, "N", "D", reach).power is None


@pytest.mark.parametrize("cost", ["6*N*D", INFERENCE])
def test_runs_of_equal_cost_cost_what_was_asked(cost):
    known = Cost(cost, "N", "D", Reach.around(ROWS["N"], ROWS["D"]))
    goal = np.log([1e18, 1e21, 1e25])
    low, high = known.ends(goal)
    for share in (0.0, 0.3, 1.0):
        w = low + share * (high - low)
        u = known.ln_size(w, goal)
        assert known.of(u, u - w) == pytest.approx(goal, abs=1e-10)


@pytest.mark.parametrize(
    ("formula", "is_sum"),
    [
        ("E + A/N^alpha + B/D^beta", True),
        ("A*N**(-alpha) + B*D**-beta + E", True),
        ("(Nc/N)**a + (Dc/D)**b + E", True),
        ("E*2 - -A/N**a + B/D", True),
        ("E + A/(N**a)**2 + 1/D**0.5", True),
        ("E + A/N**a + B/D**b + F/N**c", False),
        ("E + A/N**a*D**b", False),
        ("E + A/(N + 1)**a + B/D**b", False),
        ("(A/N**a + B/D**b)**c", False),
        ("E + A/N**a", False),
        ("E + A*N**N + B/D**b", False),
    ],
)
def test_sums_of_two_powers_are_known_in_any_spelling(formula, is_sum):
    law = sf.Law(formula, columns=["N", "D"] if "D" in formula else ["N"])
    form = PowerSum.of(law, "N", "D")
    assert (form is not None) == is_sum
    if form is None:
        return
    params = {name: np.array([0.3 + 0.1 * place]) for place, name in enumerate(law.params)}
    n, d = 7.0, 11.0
    parts = [
        evaluate(text, params).item()
        for text in (form.floor, form.scale_n, form.power_n, form.scale_d, form.power_d)
    ]
    value = parts[0] + parts[1] * n ** -parts[2] + parts[3] * d ** -parts[4]
    expected = law.evaluate({"N": [n], "D": [d]}, {k: v.item() for k, v in params.items()})
    assert value == pytest.approx(expected[0], rel=1e-13)


def test_valleys_are_found_whatever_their_form():
    curves = [
        lambda x: (x - 1.0) ** 2,
        lambda x: np.abs(x + 2.0),
        lambda x: np.cosh(x - 0.1) + 5.0 * (x > 3.0),
        lambda x: np.where(np.abs(x) < 0.4, np.nan, (x - 2.0) ** 2),
    ]

    def values(x, which):
        rows = np.broadcast_to(x, (len(which), x.shape[1]))
        return np.array([curves[curve](row) for curve, row in zip(which, rows, strict=True)])

    found = lowest_points(values, np.full(4, -10.0), np.full(4, 11.0))
    assert found.at == pytest.approx([1.0, -2.0, 0.1, 2.0], abs=1e-8)
    assert (found.state == INTERIOR).all()


def test_roots_of_many_functions_lie_within_their_brackets():
    goal = np.array([1e-3, 2.0, 700.0, 1e9, 1e-9])
    root = increasing_root(lambda x, at: x**3 - goal[at], np.full(5, 0.0), np.full(5, 100.0))
    assert root == pytest.approx([0.1, 2 ** (1 / 3), 700 ** (1 / 3), 100.0, 1e-3], rel=1e-9)
    low, high = np.zeros(3), np.full(3, 50.0)
    root = sign_change(
        lambda x, at: np.exp(-x) - 10.0 ** -(at + 1.0),
        low,
        high,
        np.full(3, 0.9),
        np.full(3, -1e-4),
    )
    assert root == pytest.approx(np.log(10.0) * np.arange(1.0, 4.0), rel=1e-9)
    near = nearby_root(lambda x, at: x**3 - goal[at], goal ** (1 / 3) + 0.01)
    assert near[:3] == pytest.approx(goal[:3] ** (1 / 3), rel=1e-12)
