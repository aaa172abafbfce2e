"""A law is data: it knows its names, refuses what it does not have, and travels as JSON."""

from __future__ import annotations

import copy
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scaling_fast as sf
from scaling_fast import laws
from scaling_fast.errors import DataError, FormulaError, ParameterError
from scaling_fast.laws import Law, Param, as_law

BOUND = sf.Law("E + A*x**(-alpha)", columns=["x"])
POINT = {"E": 1.0, "A": 2.0, "alpha": 0.5}


def test_a_constant_may_be_derived_and_a_frame_evaluated():
    import polars as pl

    law = sf.Law("A*x", derived={"two": "1 + 1"}, columns=["x"])
    assert law.derive({"A": 1.0}) == {"two": 2.0}
    assert BOUND.evaluate(pl.DataFrame({"x": [4.0]}), POINT).tolist() == [2.0]


CHINCHILLA = "E + A/N**alpha + B/D**beta"
EVERY_NAME = [*laws.names(), "bnsl(breaks=2)", "bnsl(3)"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"lower": 1, "upper": 0}, "wrong order"),
        ({"lower": 1, "upper": 1}, "equal"),
        ({"lower": 0, "start": -1}, "start must lie between the bounds `0` and `inf`, got `-1`"),
        ({"upper": 0, "fixed": 1}, "fixed must lie between"),
        ({"lower": math.nan}, "lower must be a number"),
        ({"start": math.nan}, "start must be a number"),
        ({"start": math.inf}, "start must be finite"),
        ({"start": True}, "type bool"),
        ({"fixed": "1"}, "type str"),
        ({"lower": None}, "type NoneType"),
    ],
)
def test_a_param_says_what_is_wrong_with_it(fields, said):
    with pytest.raises(ParameterError, match=said):
        Param(**fields)


def test_a_start_on_a_bound_is_legal():
    """Scipy gh-19103."""
    assert Param(start=0, lower=0).start == 0.0
    assert Param(fixed=1, upper=1).fixed == 1.0


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_params_go_through_json_exactly(one, other):
    if one != other:
        param = Param(lower=min(one, other), upper=max(one, other))
        text = json.dumps(param.to_dict(), allow_nan=False)
        assert Param.from_dict(json.loads(text)) == param


def test_a_law_names_its_parameters_in_order_of_appearance():
    law = Law(CHINCHILLA, params={"alpha": Param(lower=0)}, columns=["D", "N"])
    assert law.columns == ("N", "D")
    assert list(law.params) == ["E", "A", "alpha", "B", "beta"]
    assert law.params["alpha"] == Param(lower=0)
    assert law.params["E"] == Param()


def test_a_law_waits_for_its_columns():
    """Without columns= the names the frame has are the columns."""
    law = Law(CHINCHILLA, params={"alpha": Param(lower=0)}, derived={"a": "beta/(alpha+beta)"})
    assert law.columns is None
    for bound in (law.bind(["N", "D"]), law.bind_frame(["loss", "D", "N", "run"])):
        assert bound.columns == ("N", "D")
        assert list(bound.params) == ["E", "A", "alpha", "B", "beta"]
        assert bound.params["alpha"].lower == 0
        assert dict(bound.derived) == {"a": "beta/(alpha+beta)"}
    assert law.columns is None


def test_a_described_parameter_stays_one_though_the_frame_has_such_a_column():
    law = Law("E + A*x**(-alpha)", params={"E": Param(lower=0)})
    assert law.bind_frame(["E", "x", "loss"]).columns == ("x",)
    with pytest.raises(ParameterError, match="`E` is described in params and named in columns"):
        law.bind(["E", "x"])


@pytest.mark.parametrize(
    ("make", "kind", "name"),
    [
        (lambda: Law("A*x", params={"alhpa": Param()}), ParameterError, "alhpa"),
        (lambda: Law("A*x", columns=["y"]), ParameterError, "y"),
        (lambda: Law("A*x", columns=["x"], params={"x": Param()}), ParameterError, "x"),
        (lambda: Law("A*x", derived={"a": "alpha*2"}), ParameterError, "alpha"),
        (lambda: Law("A*x", columns=["x"], derived={"a": "x*2"}), ParameterError, "x"),
        (lambda: Law("A*x", derived={"A": "A*2"}), ParameterError, "A"),
        (lambda: Law("A*x", params={"A": 3.0}), ParameterError, "A"),
        (lambda: Law("A*x", params=["A"]), ParameterError, "params"),
        (lambda: Law("A*x", derived={"a": "b ~ A"}), FormulaError, "a"),
        (lambda: Law("A*x", derived={"a": 3}), FormulaError, "a"),
        (lambda: Law("A*x").bind(["z"]), ParameterError, "z"),
        (lambda: laws.power().bind(["N"]), ParameterError, "N"),
    ],
)
def test_names_that_a_law_does_not_have_are_refused(make, kind, name):
    with pytest.raises(kind) as caught:
        make()
    assert caught.value.param == name
    assert name in str(caught.value)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ParameterError, match="did you mean `alpha`"):
        Law(CHINCHILLA, params={"alhpa": Param()})


@pytest.mark.parametrize(
    ("bind", "code"),
    [
        (lambda: Law("A*x").bind([]), "no_column"),
        (lambda: Law("A*x", columns=[]), "no_column"),
        (lambda: Law("1/2"), "no_column"),
        (lambda: Law("A*x + 1/0", columns=["x"]), "formula"),
        (lambda: Law("A*x + 1/0").bind(["x"]), "formula"),
        (lambda: Law("A*x", columns=["A", "x"]), "no_parameter"),
        (lambda: Law("y ~ A*x + y", columns=["x", "y"]), "target_on_right"),
        (lambda: Law("A*x").bind(["A", "x"]), "no_parameter"),
        (lambda: Law("A*x").bind_frame(["N", "loss"]), "no_column"),
        (lambda: Law("A*x").bind_frame(["A", "x"]), "no_parameter"),
        (lambda: Law("y ~ A*x + y").bind(["x", "y"]), "target_on_right"),
    ],
)
def test_a_law_has_a_column_and_a_parameter_and_no_target_on_the_right(bind, code):
    with pytest.raises(FormulaError) as caught:
        bind()
    assert caught.value.code == code


def test_a_python_function_is_refused_with_how_to_write_the_formula():
    def curve(x, a):
        return a * x

    for make in (Law, as_law):
        with pytest.raises(FormulaError, match="write what it returns as text"):
            make(curve)
        with pytest.raises(FormulaError):
            make(3)


def test_a_law_is_frozen():
    law = laws.chinchilla()
    with pytest.raises(AttributeError):
        law.formula = "x"
    for mapping in (law.params, law.derived, law.published, law.units):
        with pytest.raises(TypeError):
            mapping["E"] = None


@pytest.mark.parametrize(
    "law", [laws.get(name) for name in EVERY_NAME] + [Law("log(y) ~ a*x")], ids=repr
)
@pytest.mark.parametrize(
    "through",
    [
        lambda law: Law.from_dict(json.loads(json.dumps(law.to_dict(), allow_nan=False))),
        lambda law: pickle.loads(pickle.dumps(law)),
        copy.deepcopy,
    ],
)
def test_a_law_travels(law, through):
    again = through(law)
    assert again == law
    assert again.to_dict() == law.to_dict()
    assert list(again.params) == list(law.params)


def test_an_unbound_law_keeps_what_was_described_through_json():
    law = Law(CHINCHILLA, params={"N": Param()})
    again = Law.from_dict(json.loads(json.dumps(law.to_dict())))
    assert again.bind_frame(["N", "D"]).columns == ("D",)


def test_from_dict_refuses_another_schema():
    with pytest.raises(ParameterError, match="schema"):
        Law.from_dict({"schema": "scaling-law/99", "formula": "A*x"})


@pytest.mark.parametrize("name", EVERY_NAME)
def test_a_catalogue_law_is_complete(name):
    law = laws.get(name)
    assert law.columns
    assert law.name
    assert law.cite
    assert law.description
    assert set(law.units) <= {*law.columns, *law.params}
    assert set(law.columns) <= set(law.units)
    for entry in law.published.values():
        assert set(entry) == {"params", "cite", "verified"}
        assert set(entry["params"]) == set(law.params)
    assert law.name in law._repr_html_()
    assert law.formula in repr(law)


def test_names_and_functions_agree():
    for name in laws.names():
        assert laws.get(name) == getattr(laws, name)()
    assert laws.get("bnsl") == laws.bnsl(breaks=1)
    assert laws.get("bnsl(breaks=2)") == laws.bnsl(breaks=2)


@pytest.mark.parametrize("bad", [0, 9, -1, 1.0, True, "2"])
def test_the_number_of_breaks_is_a_small_whole_number(bad):
    with pytest.raises(ParameterError):
        laws.bnsl(breaks=bad)


def test_a_misspelt_law_gets_the_nearest_name():
    with pytest.raises(ParameterError, match="did you mean `chinchilla`"):
        laws.get("chincilla")
    with pytest.raises(FormulaError, match="did you mean `chinchilla`"):
        as_law("chincilla")
    with pytest.raises(FormulaError, match=r"`power`.*`bnsl`"):
        as_law("zzz")


def test_as_law_takes_a_law_a_name_or_a_formula():
    law = laws.chinchilla()
    assert as_law(law) is law
    assert as_law("chinchilla") == law
    assert as_law(CHINCHILLA).formula == CHINCHILLA
    with pytest.raises(FormulaError):
        as_law("A*x**")


def test_values_are_those_of_the_formula():
    n, d = np.array([1e8, 1e9, 7e10]), np.array([2e9, 2e10, 1.4e12])
    point = laws.chinchilla().published["hoffmann2022"]["params"]
    got = laws.chinchilla().evaluate({"N": n, "D": d, "run": ["a", "b", "c"]}, point)
    expected = point["E"] + point["A"] / n ** point["alpha"] + point["B"] / d ** point["beta"]
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    assert got.shape == (3,)


def test_kaplans_values_are_those_of_the_formula():
    n, d = np.array([1e8, 1e9]), np.array([2e9, 2e10])
    p = {"Nc": 5e13, "alpha_N": 0.08, "alpha_D": 0.1, "Dc": 2e13}
    expected = ((p["Nc"] / n) ** (0.08 / 0.1) + p["Dc"] / d) ** 0.1
    np.testing.assert_allclose(laws.kaplan().evaluate({"N": n, "D": d}, p), expected, rtol=1e-13)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 3), st.integers(0, 2**32))
def test_the_stable_form_of_bnsl_is_the_published_product(breaks, seed):
    """Both forms of the law, where the product does not overflow."""
    draw = np.random.default_rng(seed)
    law = laws.bnsl(breaks=breaks)
    p = {"E": 0.3, "B": 2.0, "c0": draw.uniform(0, 0.5)}
    for i in range(1, breaks + 1):
        p |= {f"c{i}": draw.uniform(-1, 2), f"f{i}": draw.uniform(0.2, 1), f"d{i}": 10.0 ** (2 * i)}
    x = np.geomspace(1, 1e8, 30)
    expected = p["B"] * x ** -p["c0"]
    for i in range(1, breaks + 1):
        c, f, d = (p[f"{letter}{i}"] for letter in "cfd")
        expected = expected * (1 + (x / d) ** (1 / f)) ** (-c * f)
    np.testing.assert_allclose(law.evaluate({"x": x}, p), p["E"] + expected, rtol=1e-11)


def test_a_published_bnsl_predicts_its_held_out_points():
    """Predictions at x = 800, 864, 928 with the parameters given there."""
    law = laws.bnsl()
    point = law.published["caballero2023_addition"]["params"]
    got = law.evaluate({"x": [800.0, 864.0, 928.0]}, point)
    np.testing.assert_allclose(got, [0.76019, 0.63750, 0.56260], atol=2e-5)


def test_a_published_bnsl_fits_the_points_it_was_fitted_to(reference):
    """RMSLE 5.98487e-4 on the first 14 points, 1.09157e-2 beyond."""
    import polars as pl

    runs = pl.read_csv(reference("bnsl_4digit_addition.csv"))
    law = laws.bnsl()
    x, y = runs.columns[:2]
    value = law.evaluate({"x": runs[x]}, law.published["caballero2023_addition"]["params"])
    squares = (np.log(value) - np.log(runs[y].to_numpy())) ** 2
    inside = runs["training"].to_numpy() == 1
    assert math.sqrt(squares[inside].mean()) == pytest.approx(5.98487e-4, rel=1e-3)
    assert math.sqrt(squares[~inside].mean()) == pytest.approx(1.09157e-2, rel=1e-3)


def test_the_published_cerebras_law_is_the_printed_one():
    """Dey et al. 2023: L(f) = (f / 5.984e22)^(-0.0737) + 0.5066."""
    law = laws.power_offset()
    flops = np.array([2.6e18, 2.3e22])
    got = law.evaluate({"x": flops}, law.published["dey2023"]["params"])
    np.testing.assert_allclose(got, (flops / 5.984e22) ** -0.0737 + 0.5066, rtol=1e-12)


def test_the_rounded_chinchilla_is_the_rounding_of_the_source():
    """E .5267228, a 6.0073404, b 6.0179186 in the source of the paper."""
    published = laws.chinchilla().published
    source = published["hoffmann2022_source"]["params"]
    for name, log in (("E", 0.5267228), ("A", 6.0073404), ("B", 6.0179186)):
        assert source[name] == pytest.approx(math.exp(log), rel=1e-14)
    for name, digits in (("E", 2), ("A", 1), ("alpha", 2), ("B", 1), ("beta", 2)):
        assert round(source[name], digits) == published["hoffmann2022"]["params"][name]


def test_the_derived_quantities_of_chinchilla_are_the_optimum():
    """N* = G (C/6)^a minimises the loss under C = 6 N D."""
    law = laws.chinchilla()
    point = law.published["besiroglu2024"]["params"]
    derived = law.derive(point)
    assert list(derived) == ["a", "b", "G", "gamma"]
    assert derived["a"] + derived["b"] == pytest.approx(1, abs=1e-15)
    budget = 1e23
    best = derived["G"] * (budget / 6) ** derived["a"]
    sizes = best * np.exp(np.linspace(-0.01, 0.01, 201))
    loss = law.evaluate({"N": sizes, "D": budget / 6 / sizes}, point)
    assert np.argmin(loss) == 100


def test_the_derived_exponents_of_kaplan_are_the_optimum():
    """K4: exponent alpha_D/(alpha_N + alpha_D), .5754 for the values there."""
    law = laws.kaplan()
    point = {"Nc": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "Dc": 1.8e13}
    assert law.derive(point)["a"] == pytest.approx(0.5754, abs=5e-5)
    p = point["alpha_N"] / point["alpha_D"]
    best = []
    for budget in (1e20, 1e22):
        sizes = np.geomspace(1e6, 1e13, 70_001)
        loss = law.evaluate({"N": sizes, "D": budget / 6 / sizes}, point)
        closed = (p * point["Nc"] ** p * budget / (6 * point["Dc"])) ** (1 / (1 + p))
        best.append(sizes[np.argmin(loss)])
        assert best[-1] == pytest.approx(closed, rel=1e-3)
    slope = math.log10(best[1] / best[0]) / 2
    assert slope == pytest.approx(law.derive(point)["a"], abs=1e-3)


def test_the_slope_beyond_a_break_is_the_sum_of_the_changes():
    law = laws.bnsl(breaks=2)
    p = {"E": 0.0, "B": 1.0, "c0": 0.1, "c1": 0.3, "f1": 0.1, "d1": 1e3, "c2": -0.2}
    p |= {"f2": 0.1, "d2": 1e6}
    values = np.log(law.evaluate({"x": [1e4, 3e4, 1e8, 1e9]}, p))
    assert law.derive(p) == pytest.approx({"slope1": 0.4, "slope2": 0.2})
    assert -(values[1] - values[0]) / math.log(3) == pytest.approx(0.4, abs=1e-8)
    assert -(values[3] - values[2]) / math.log(10) == pytest.approx(0.2, abs=1e-8)


def test_a_transformed_target_comes_back_in_its_own_units():
    """Predictions of g(column) ~ ... are in the target's units."""
    law = Law("log(y) ~ a - b*log(x)", columns=["x"])
    assert (law.target, law.transform) == ("y", "log")
    got = law.evaluate({"x": [1.0, 100.0]}, {"a": 1.0, "b": 0.5})
    np.testing.assert_allclose(got, [math.e, math.e / 10], rtol=1e-14)


def test_fixed_parameters_need_not_be_given():
    law = Law("E + A*x", columns=["x"], params={"E": Param(fixed=2.0)})
    assert law.evaluate({"x": [1.0]}, {"A": 3.0}).tolist() == [5.0]


@pytest.mark.parametrize(
    ("columns", "params", "kind"),
    [
        ({"x": [1.0]}, {"A": 1.0}, ParameterError),
        ({"x": [1.0]}, {"A": 1.0, "alpha": 1.0, "beta": 1.0}, ParameterError),
        ({"x": [1.0]}, {"A": 1.0, "alpha": math.nan}, ParameterError),
        ({"x": [1.0]}, {"A": 1.0, "alpha": "1"}, ParameterError),
        ({"N": [1.0]}, {"A": 1.0, "alpha": 1.0}, DataError),
        ({"x": ["a"]}, {"A": 1.0, "alpha": 1.0}, DataError),
    ],
)
def test_a_law_cannot_be_evaluated_without_its_numbers(columns, params, kind):
    with pytest.raises(kind):
        laws.power().evaluate(columns, params)


def test_columns_of_one_length_or_one_number_for_all():
    law = laws.chinchilla()
    point = law.published["besiroglu2024"]["params"]
    one = law.evaluate({"N": [1e9, 2e9], "D": 1e11}, point)
    assert np.array_equal(one, law.evaluate({"N": [1e9, 2e9], "D": [1e11, 1e11]}, point))
    with pytest.raises(DataError, match="one length"):
        law.evaluate({"N": [1e9, 2e9], "D": [1e11] * 3}, point)
