"""Second basins: a fit claims no more than its search has seen, and never ends higher than it began."""

from __future__ import annotations

import numpy as np
import pytest

import scaling_fast as sf

LAW = "E+A*x**(-alpha)"


def noisy(
    kind: str, seed: int
) -> tuple[dict[str, np.ndarray], str, dict[str, float], dict[str, str]]:
    """Rows of a law with noise of heavy tails, its formula, its truth and its columns."""
    random = np.random.default_rng(seed)
    x, z = np.exp(random.uniform(0, 9, 30)), np.exp(random.uniform(0, 9, 30))
    noise = np.exp(0.03 * random.standard_t(3, 30))
    if kind == "power":
        law, truth = LAW, {"E": 1.5, "A": 15.0, "alpha": 0.3}
        clean = 1.5 + 15 * x**-0.3
    elif kind == "chinchilla":
        law, truth = (
            LAW + "+B*z**(-beta)",
            {"E": 2.0, "A": 15.0, "alpha": 0.25, "B": 10.0, "beta": 0.3},
        )
        clean = 2 + 15 * x**-0.25 + 10 * z**-0.3
    else:
        law = LAW + "*(1+(x/d)**(1/f))**(-c*f)"
        truth = {"E": 0.3, "A": 20.0, "alpha": 0.15, "d": 150.0, "f": 0.2, "c": 0.5}
        clean = 0.3 + 20 * x**-0.15 * (1 + (x / 150) ** 5) ** -0.1
    columns = {"x": "x", "z": "z"} if kind == "chinchilla" else {"x": "x"}
    return {"x": x, "z": z, "loss": clean * noise}, law, truth, columns


@pytest.mark.parametrize(
    ("kind", "loss", "seeds"),
    [
        ("power", sf.Tukey(0.15), [2, 3, 31, 35]),
        ("power", sf.Cauchy(0.02), [2, 18]),
        ("chinchilla", sf.Cauchy(0.02), [10, 13, 15, 17, 74]),
        ("broken", sf.Squared(), [6, 26]),
        ("broken", sf.Huber(1e-3), [2, 26, 45]),
    ],
    ids=["tukey", "cauchy", "chinchilla", "broken", "broken-huber"],
)
def test_no_start_at_the_truth_is_lower_than_a_fit_called_global(kind, loss, seeds):
    for seed in seeds:
        frame, law, truth, columns = noisy(kind, seed)
        fit = sf.fit(frame, law, loss=loss, residual="raw", columns=columns)
        at_truth = sf.fit(frame, law, loss=loss, residual="raw", columns=columns, starts=truth)
        assert not fit.is_global or fit.objective <= at_truth.objective * (1 + 1e-6), seed


RIPPLE = np.arange(20) * 7.0
SMOOTH = {
    "x": np.geomspace(1, 1e4, 20),
    "loss": 1.5 + 3 * np.geomspace(1, 1e4, 20) ** -0.4 * (1 + 0.003 * np.sin(RIPPLE)),
}


def waves(power=1):
    x = np.arange(1.0, 21.0)
    noise = 0.1 * np.random.default_rng(0).standard_normal(20)
    return {"x": x, "loss": 2 + np.sin(1.7 * x**power) + noise}


@pytest.mark.parametrize(
    "starts",
    [
        {"a": [0.5] * 3},
        {"a": [0.5, 0.5 + 1e-9, 0.5 - 1e-9]},
        {"a": [0.5, 0.5001, 0.5002]},
        {"a": [0.5, 0.5001, 0.5002, 9.0]},
        sf.Grid({"a": [0.5, 0.5, 0.5]}),
    ],
)
def test_starts_next_to_one_another_prove_nothing(starts):
    fit = sf.fit(waves(), "2+sin(a*x)", residual="raw", loss=sf.Squared(), starts=starts)
    assert not fit.is_global


def test_a_start_given_again_is_counted_once():
    fit = sf.fit(
        SMOOTH, "E+A*x**-alpha", starts={"E": [1.0] * 4, "A": [1.0] * 4, "alpha": [0.1] * 4}
    )
    assert (fit.table["n_starts"][0], fit.table["agreement"][0]) == (1, 1)


def test_starts_that_span_the_exponent_prove_an_optimum():
    grid = sf.Grid({"E": [1.0], "A": [1.0, 4.0], "alpha": [0.05, 0.3, 1.5]})
    fit = sf.fit(SMOOTH, "E+A*x**-alpha", starts=grid, loss=sf.Squared())
    assert fit.is_global
    assert fit.objective == pytest.approx(
        sf.fit(SMOOTH, "E+A*x**-alpha", loss=sf.Squared()).objective
    )


HILL_X = [2.2616, 10.7497, 17.3488, 27.3956, 537.29, 2794.2, 14059.0, 28179.0, 30096.0, 42561.0]
HILL_Y = [5.44482, 3.5899, 2.8054, 2.22458, 0.85079, 0.53269, 0.81051, 0.78103, 0.80419, 0.81361]


@pytest.mark.parametrize("loss", [sf.StudentT(1.0), sf.StudentT(2.0), sf.ScaledHuber(1.345)])
def test_a_local_fit_of_a_likelihood_never_ends_above_its_start(loss):
    data = {"x": HILL_X, "loss": HILL_Y}
    found = sf.fit(data, "hill", loss=loss)
    random = np.random.default_rng(3)
    for _ in range(12):
        start = {
            name: v * np.exp(0.3 * random.standard_normal()) for name, v in found.params.items()
        }
        before = found.objective_at(start)
        local = sf.fit(data, "hill", loss=loss, starts=start)
        assert local.objective <= before + 1e-9 * abs(before)
        if found.is_global:
            assert found.objective <= local.objective + 1e-6 * abs(local.objective)


def test_a_curve_through_most_rows_is_found_under_student_t():
    # All but the first row of a clean power law are moved by much: the search must see the subset that agrees.
    fit = sf.fit({"x": HILL_X, "loss": HILL_Y}, "hill", loss=sf.StudentT(1.0))
    searched = sf.fit({"x": HILL_X, "loss": HILL_Y}, "hill", loss=sf.StudentT(1.0), starts=300)
    assert fit.objective <= searched.objective + 1e-6 * abs(searched.objective)


def test_a_loss_whose_squares_have_no_digits_is_refused():
    for loss in (sf.LogCosh, sf.Cauchy, sf.Tukey):
        for width in (1e155, 1e200, 1e-200):
            with pytest.raises(sf.errors.ParameterError, match="must lie between"):
                loss(width)
    wide = sf.fit(SMOOTH, "power_offset", loss=sf.LogCosh(1e100))
    squared = sf.fit(SMOOTH, "power_offset", loss=sf.Squared())
    assert wide.params["alpha"] == pytest.approx(squared.params["alpha"], rel=1e-9)
    assert wide.objective == pytest.approx(squared.objective, rel=1e-9)


def test_an_offset_bounded_just_below_the_smallest_target_is_held_there():
    lower = SMOOTH["loss"].min() - 1e-7
    fit = sf.fit(
        SMOOTH,
        "power_offset",
        residual=sf.LogExcess("E"),
        loss=sf.Squared(),
        params={"E": sf.Param(lower=lower)},
    )
    assert fit.params["E"] == lower
    assert fit.table["at_bound"][0].to_list() == ["E"]


@pytest.mark.parametrize(
    "law", ["2+sin(a*x)", "2+sin(a*x**2)", "2+cos(a*x**2-1)", "2.5*abs(sin(a*x))"]
)
def test_a_period_is_global_only_where_no_search_finds_better(law):
    data = waves(2 if "**2" in law else 1)
    fit = sf.fit(data, law, loss=sf.Squared(), residual="raw")
    if fit.is_global:
        wide = sf.fit(data, law, loss=sf.Squared(), residual="raw", starts=3000)
        assert fit.objective <= wide.objective * (1 + 1e-6)


def test_an_absolute_value_is_searched_on_both_sides_of_every_row():
    fit = sf.fit(SMOOTH, "abs(x-a)", loss=sf.Squared())
    assert fit.objective <= fit.objective_at({"a": 13.804846}) * (1 + 1e-6) or not fit.is_global


@pytest.mark.parametrize("law", ["power_log", "shifted_power", "logistic"])
@pytest.mark.parametrize("loss", [sf.Pinball(0.05), sf.Pinball(0.9), sf.Absolute()])
def test_corners_are_global_only_where_no_search_finds_a_better_one(law, loss):
    for seed in range(3):
        random = np.random.default_rng(seed)
        x = np.sort(np.exp(random.uniform(0, 9, 16)))
        y = (1.2 + 3 * (x + 5) ** -0.4) * np.exp(0.05 * random.standard_normal(16))
        fit = sf.fit({"x": x, "loss": y}, law, loss=loss)
        if fit.is_global:
            wide = sf.fit({"x": x, "loss": y}, law, loss=loss, starts=100)
            assert fit.objective <= wide.objective * (1 + 1e-6)


FALLING = {
    "C": [
        5.44281e17,
        3.40686e19,
        7.53819e17,
        2.72065e17,
        1.3754e19,
        2.38358e18,
        1.95227e20,
        1.6497e20,
        6.6602e19,
        7.39309e17,
        7.06626e18,
        7.75585e19,
        6.56835e17,
        1.57243e18,
        2.52865e19,
        1.88904e19,
        3.32072e19,
        2.33917e20,
        5.49571e19,
        1.04187e19,
        4.52793e20,
        4.93143e18,
        1.02353e20,
        1.74161e19,
        7.17015e19,
        1.516e20,
        1.09042e18,
        8.06012e20,
        1.72721e19,
        1.92713e20,
    ],
    "M": [
        458.145,
        10.1062,
        6.47726,
        60.1112,
        200.832,
        6.96372,
        40.7881,
        14.7757,
        61.9864,
        66.7747,
        32.2972,
        14.8696,
        113.028,
        13.4572,
        109.837,
        54.7617,
        166.241,
        19.6633,
        550.875,
        30.4432,
        19.6267,
        160.481,
        14.1256,
        151.301,
        268.046,
        76.9364,
        111.623,
        469.896,
        12.1857,
        12.7772,
    ],
    "loss": [
        1.38007,
        1.18737,
        1.28012,
        0.731625,
        1.23745,
        1.24518,
        1.16857,
        1.166,
        1.18833,
        1.30919,
        1.22369,
        1.17268,
        1.32705,
        0.704523,
        1.21084,
        1.21031,
        1.21136,
        1.15898,
        1.21872,
        1.21691,
        1.6552,
        1.26145,
        1.16927,
        1.22573,
        1.20264,
        1.17551,
        1.30722,
        1.16706,
        1.19963,
        1.16037,
    ],
}


def test_a_fit_that_runs_off_to_infinity_says_so():
    fit = sf.fit(FALLING, "gadre", loss=sf.Squared(), residual="log")
    assert fit.status == "unbounded"
    assert all(np.isfinite(value) for value in fit.params.values())
    assert "unbounded" in [finding.code for finding in fit.findings]
