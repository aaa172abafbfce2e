"""The laws of the catalogue have the values, limits and optima that their sources give."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scaling_fast as sf
from scaling_fast import laws


def at(law, columns, params):
    return law.evaluate(columns, params)


def test_repeated_data_have_the_values_of_the_authors_code():
    law = laws.data_constrained()
    params = law.published["muennighoff2023"]["params"]
    got = at(law, {"N": [6.34e9, 8.67e9], "D": [242e9, 178e9], "U": 25e9}, params)
    np.testing.assert_allclose(got, [2.2256440889984477, 2.2269634075087867], rtol=1e-12)


def test_unique_data_are_not_discounted():
    """With D <= U and parameters that U tokens can use, the law is Chinchilla's."""
    law = laws.data_constrained()
    params = dict(law.published["muennighoff2023"]["params"])
    plain = {name: params[name] for name in ("E", "A", "alpha", "B", "beta")}
    design = {"N": [1e7, 1e8], "D": [1e9, 1e10]}
    got = at(law, design | {"U": [1e11, 1e11]}, params)
    np.testing.assert_allclose(got, at(laws.chinchilla(), design, plain), rtol=1e-13)


def test_farseer_has_the_values_of_its_published_parameters():
    law = laws.farseer()
    design = {"N": [1e8, 1e9, 6.37e9, 2.51e10], "D": [1e9, 2e10, 1e11, 5e11]}
    expected = [0.7348459990, 0.5394086439, 0.4612865720, 0.4092107366]
    np.testing.assert_allclose(
        at(law, design, law.published["li2025"]["params"]), expected, atol=1e-9
    )


def test_the_step_law_gives_its_printed_example():
    """Learning rate and batch for 7e9 parameters on 1.4e12 tokens."""
    rate, batch = laws.step_law_lr(), laws.step_law_batch()
    size = {"N": [7e9], "D": [1.4e12]}
    assert at(rate, size, rate.published["li2025"]["params"])[0] == pytest.approx(
        9.166e-4, rel=1e-4
    )
    assert at(batch, size, batch.published["li2025"]["params"])[0] == pytest.approx(
        4.999e6, rel=1e-4
    )


def test_the_optimum_of_kaplan_is_its_closed_form():
    """At one PF-day: N* = 1.5227e9 and 6.21 tokens a parameter; the exponent is .5754."""
    law = laws.kaplan()
    params = {"Nc": 6.4e13, "alpha_N": 0.076, "alpha_D": 0.103, "Dc": 1.8e13}
    derived, budget = law.derive(params), 8.64e19
    best = derived["G"] * (budget / 6) ** derived["a"]
    data = (budget / 6) ** derived["b"] / derived["G"]
    assert best == pytest.approx(1.5227e9, rel=1e-4)
    assert data / best == pytest.approx(6.21, abs=5e-3)
    assert best * data == pytest.approx(budget / 6, rel=1e-12)
    sizes = best * np.exp(np.linspace(-0.01, 0.01, 201))
    loss = at(law, {"N": sizes, "D": budget / 6 / sizes}, params)
    assert np.argmin(loss) == 100


@pytest.mark.parametrize("name", ["chinchilla_tied", "chinchilla"])
def test_the_optimum_of_chinchilla_is_its_closed_form(name):
    law = laws.get(name)
    params = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0}
    if name == "chinchilla":
        params |= {"beta": 0.37}
    derived, budget = law.derive(params), 1e22
    exponent = derived.get("a", 0.5)
    best = derived["G"] * (budget / 6) ** exponent
    sizes = best * np.exp(np.linspace(-0.01, 0.01, 201))
    loss = at(law, {"N": sizes, "D": budget / 6 / sizes}, params)
    assert np.argmin(loss) == 100
    if name == "chinchilla_tied":
        ratio = (budget / 6 / best) / best
        assert ratio == pytest.approx(derived["tokens_per_parameter"], rel=1e-12)
    reducible = [
        at(
            law,
            {"N": [derived["G"] * c**exponent], "D": [c ** (1 - exponent) / derived["G"]]},
            params,
        )[0]
        - params["E"]
        for c in (1e20, 1e22)
    ]
    assert math.log(reducible[0] / reducible[1]) / math.log(100) == pytest.approx(
        derived["gamma"], rel=1e-9
    )


def test_gadre_is_chinchilla_with_equal_exponents():
    tied = {"E": 1.87, "A": 520.0, "alpha": 0.35, "B": 1490.0}
    eta = tied["alpha"] / 2
    params = {"E": 1.87, "A": 520.0 * 6**eta, "B": 1490.0 * 6**eta, "eta": eta}
    n, d = np.array([1e8, 1e9]), np.array([1e9, 3e11])
    got = at(laws.gadre(), {"C": 6 * n * d, "M": d / n}, params)
    np.testing.assert_allclose(got, at(laws.chinchilla_tied(), {"N": n, "D": d}, tied), rtol=1e-12)
    best = laws.gadre().derive(params)["M_best"]
    around = best * np.exp(np.linspace(-0.1, 0.1, 201))
    assert np.argmin(at(laws.gadre(), {"C": 1e21, "M": around}, params)) == 100


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_the_smoothly_broken_power_law_of_astropy_is_bnsl(seed):
    """A (x/x_b)^-a1 (1/2 + (x/x_b)^(1/w)/2)^((a1 - a2) w): astropy's SmoothlyBrokenPowerLaw1D."""
    draw = np.random.default_rng(seed)
    amplitude, place = draw.uniform(0.5, 5), 10 ** draw.uniform(1, 5)
    first, second, width = draw.uniform(-1, 2), draw.uniform(-1, 2), draw.uniform(0.05, 1)
    x = np.geomspace(1, 1e6, 25)
    ratio = x / place
    inner = np.logaddexp(0.0, np.log(ratio) / width) - math.log(2)
    expected = amplitude * ratio**-first * np.exp((first - second) * width * inner)
    params = {"E": 0.0, "c0": first, "c1": second - first, "d1": place, "f1": width}
    params["B"] = amplitude * place**first * 2 ** ((second - first) * width)
    np.testing.assert_allclose(at(laws.bnsl(), {"x": x}, params), expected, rtol=1e-11)


@pytest.mark.parametrize("breaks", [1, 2, 3])
def test_a_sharp_bnsl_is_a_hinge(breaks):
    smooth = {"E": 0.2, "B": math.exp(1.5), "c0": 0.1}
    sharp = {"E": 0.2, "c0": 1.5, "alpha0": 0.1}
    for i in range(1, breaks + 1):
        smooth |= {f"c{i}": 0.3 * (-1) ** i, f"f{i}": 1e-6, f"d{i}": 10.0 ** (2 * i)}
        sharp |= {f"c{i}": 0.3 * (-1) ** i, f"d{i}": 2 * i * math.log(10)}
    x = np.geomspace(1, 1e8, 30)
    got = at(laws.hinge_power(breaks=breaks), {"x": x}, sharp)
    np.testing.assert_allclose(got, at(laws.bnsl(breaks=breaks), {"x": x}, smooth), rtol=1e-6)
    derived = laws.hinge_power(breaks=breaks).derive(sharp)
    assert derived["break1"] == pytest.approx(100)
    assert derived["slope1"] == pytest.approx(-0.2)


def test_breaks_are_named_in_text():
    assert laws.get("hinge_power(breaks=3)") == laws.hinge_power(breaks=3)
    assert laws.get("hinge_power(2)").name == "hinge_power(breaks=2)"
    for bad in ("power(2)", "hinge(2)", "bnsl(0)", "hinge_power(9)"):
        with pytest.raises(sf.errors.ParameterError):
            laws.get(bad)


@pytest.mark.parametrize("k", [0.0, 1e-9, 0.3, 1.0, 2.5, 30.0])
def test_m4_solves_its_equation(k):
    params = {"E": 0.4, "H": 3.0, "A": 50.0, "alpha": 0.6, "k": k}
    x = np.geomspace(1e3, 1e9, 60)
    y = at(laws.m4(), {"x": x}, params)
    left = np.log(y - 0.4) - k * np.log(3.0 - y)
    np.testing.assert_allclose(left, math.log(50.0) - 0.6 * np.log(x), rtol=0, atol=1e-11 * (1 + k))


def test_m4_without_saturation_is_the_power_law_with_a_floor():
    x = np.geomspace(1, 1e9, 40)
    plain = {"E": 0.4, "A": 2.0, "alpha": 0.3}
    got = at(laws.m4(), {"x": x}, plain | {"H": 3.0, "k": 0.0})
    np.testing.assert_allclose(got, at(laws.power_offset(), {"x": x}, plain), rtol=1e-14)


def test_m4_with_k_1_is_logistic_in_the_logarithm():
    x = np.geomspace(1e-3, 1e9, 40)
    params = {"E": 0.4, "H": 3.0, "A": 50.0, "alpha": 0.6, "k": 1.0}
    got = at(laws.m4(), {"x": x}, params)
    other = {"E": 0.4, "A": 2.6, "x0": 50.0 ** (1 / 0.6), "alpha": 0.6}
    np.testing.assert_allclose(got, at(laws.hill(), {"x": x}, other), rtol=1e-13)
    curve = {"b": 0.4, "a": 2.6, "k": -0.6, "x0": math.log(50.0) / 0.6}
    np.testing.assert_allclose(got, at(laws.logistic(), {"x": np.log(x)}, curve), rtol=1e-13)


def test_the_derivatives_of_m4_are_those_of_the_implicit_function():
    """With w = y - E, d = H - E and q = 1/(1/w + k/(d - w)): q/A, -q ln x, q ln(d - w), ..."""
    params = {"E": 0.4, "H": 3.0, "A": 50.0, "alpha": 0.6, "k": 0.8}
    x = np.geomspace(1e-2, 1e7, 30)
    law = laws.m4()
    runs = sf.datasets.simulate(law, params, {"x": x})
    fit = sf.fit(runs, law, residual="raw", loss=sf.Squared(), starts=params)
    got = dict(zip(fit.request.names, fit.request.rows(0, params)[3].T, strict=True))
    w = at(law, {"x": x}, params) - 0.4
    rest = 2.6 - w
    q = 1 / (1 / w + 0.8 / rest)
    expected = {
        "A": q / 50.0,
        "alpha": -q * np.log(x),
        "k": q * np.log(rest),
        "H": q * 0.8 / rest,
        "E": 1 - q * 0.8 / rest,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-9, atol=1e-11, err_msg=name)


def test_m3_levels_off_at_its_limit():
    params = {"A": 3.0, "gamma": 1e-6, "alpha": 0.2}
    assert at(laws.m3(), {"x": [1e20]}, params)[0] == pytest.approx(
        laws.m3().derive(params)["limit"], rel=1e-12
    )


def test_clark_begins_at_e_s_and_saturates_at_e_m():
    law = laws.clark()
    params = {"a": -0.08, "b": -0.1, "c": 0.008, "d": 1.1, "E_s": 1.8, "E_m": 300.0}

    def bilinear(n, experts):
        n, e = math.log10(n), math.log10(experts)
        p = params
        return 10 ** (p["a"] * n + p["b"] * e + p["c"] * n * e + p["d"])

    got = at(law, {"N": [1e8, 1e8], "experts": [1.0, 1e15]}, params)
    assert got[0] == pytest.approx(bilinear(1e8, params["E_s"]), rel=1e-12)
    assert got[1] == pytest.approx(bilinear(1e8, params["E_m"]), rel=1e-10)
    cutoff = law.derive(params)["N_cutoff"]
    same = at(law, {"N": [cutoff] * 2, "experts": [1.0, 512.0]}, params)
    assert same[0] == pytest.approx(same[1], rel=1e-12)


def test_rounding_after_training_makes_more_data_a_loss():
    """The loss after rounding to 3 bits has a minimum in D; without rounding it falls on."""
    params = {"A": 4299.0, "alpha": 0.4965, "B": 18060.0, "beta": 0.4965, "E": 2.7648}
    params |= {"gamma_w": 2.7, "gamma_a": 2.2, "gamma_kv": 0.96, "C_T": 0.06, "gamma_D": 0.5}
    params |= {"gamma_N": 0.45, "gamma_post": 1.0, "C_w": 0.5, "C_a": 0.6, "C_kv": 0.7}
    bits = {"P_w": 16.0, "P_a": 16.0, "P_kv": 16.0}
    data = np.geomspace(1e8, 1e13, 200)
    rounded = at(laws.precision_ptq(), {"N": 1e8, "D": data, **bits, "P_post": 3.0}, params)
    assert 0 < np.argmin(rounded) < 199
    same = at(laws.precision_ptq(), {"N": 1e8, "D": data, **bits, "P_post": 16.0}, params)
    plain = {name: params[name] for name in laws.precision().params}
    np.testing.assert_allclose(
        same, at(laws.precision(), {"N": 1e8, "D": data, **bits}, plain), rtol=1e-13
    )
    assert (np.diff(same) < 0).all()


def test_progress_halves_compute_in_the_harmonic_time():
    """Ho et al.: .003938, .067982, .035620, .039587 give 8.68 months."""
    law = laws.algorithmic_progress()
    rates = {"alpha_year": 0.003938, "alpha_p": 0.067982, "beta_year": 0.035620, "beta_d": 0.039587}
    params = dict.fromkeys((name for name in law.params if law.params[name].fixed is None), 0.5)
    derived = law.derive(params | rates)
    size, data = 0.067982 / 0.003938 * math.log(2), 0.039587 / 0.035620 * math.log(2)
    assert derived["years"] == pytest.approx(1 / (1 / size + 1 / data), rel=1e-12)
    assert 12 * derived["years"] == pytest.approx(8.68, abs=0.01)
    # After `years` half of both size and data give the same loss at a rate that is shared.
    params |= {"alpha_year": 0.05, "alpha_p": 0.07, "beta_year": 0.03, "beta_d": 0.042}
    years = {name: law.derive(params)[name] for name in ("years_size", "years_data")}
    start = {"N": 1e9, "D": 1e10, "t": 2015.0, "ptb": 0.0, "wt2": 1.0}
    assert years["years_size"] == pytest.approx(0.07 / 0.05 * math.log(2))
    assert years["years_data"] == pytest.approx(0.042 / 0.03 * math.log(2))
    later = start | {"N": 5e8, "D": 5e9, "t": 2015.0 + years["years_data"]}
    assert years["years_size"] == pytest.approx(years["years_data"])
    assert at(law, later, params)[0] == pytest.approx(at(law, start, params)[0], rel=1e-12)


def test_an_all_or_nothing_score_is_the_power_of_the_score_per_token():
    one, five = laws.metric_artefact(), laws.metric_artefact(tokens=5)
    design, params = {"N": np.geomspace(1e7, 1e11, 9)}, {"c": 1e8, "alpha": 0.3}
    np.testing.assert_allclose(at(five, design, params), at(one, design, params) ** 5, rtol=1e-12)
    half = five.derive(params)["N_half"]
    assert at(five, {"N": [half]}, params)[0] == pytest.approx(0.5, rel=1e-12)
    for bad in (0, -1, math.inf):
        with pytest.raises(sf.errors.ParameterError):
            laws.metric_artefact(tokens=bad)


def test_special_cases_of_one_variable_agree():
    x = {"x": np.geomspace(1, 1e6, 20)}
    floor = {"E": 0.5, "A": 2.0, "alpha": 0.3}
    plain = at(laws.power_offset(), x, floor)
    for other, extra in (
        ("shifted_power", {"s": 0.0}),
        ("power_log", {"gamma": 0.0}),
    ):
        np.testing.assert_allclose(at(laws.get(other), x, floor | extra), plain, rtol=1e-13)
    two = {"E": 0.5, "A1": 2.0, "alpha1": 0.3, "A2": 0.0, "alpha2": 1.0}
    np.testing.assert_allclose(at(laws.double_power(), x, two), plain, rtol=1e-13)
    decay = {"E": 0.5, "A": 2.0, "tau": 1e3}
    np.testing.assert_allclose(
        at(laws.stretched_exp(), x, decay | {"kappa": 1.0}),
        at(laws.exp_saturation(), x, decay),
        rtol=1e-13,
    )
    line = at(laws.log_quadratic(), x, {"c0": 1.0, "c1": -0.2, "c2": 0.0})
    np.testing.assert_allclose(line, at(laws.power(), x, {"A": math.e, "alpha": 0.2}), rtol=1e-13)


def test_published_values_say_whether_they_were_checked():
    entries = list(
        itertools.chain.from_iterable(laws.get(name).published.values() for name in laws.names())
    )
    assert len(entries) >= 14
    for entry in entries:
        assert isinstance(entry["verified"], bool)
        assert entry["verified"] or "not checked" in entry["cite"]


def test_every_law_says_what_it_needs():
    for name in (*laws.names(), "bnsl(breaks=3)", "hinge_power(breaks=2)"):
        law = laws.get(name)
        assert law.needs
        assert all(need.says for need in law.needs)
