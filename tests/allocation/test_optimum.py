"""`sf.optimum`: what to train with a budget, what a loss costs, and when there is no answer."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import polars as pl
import pytest
from isoflop import NOISY, noisy_surface

import scaling_fast as sf
from scaling_fast.allocation.optimum_table import COLUMNS, QUANTITIES, optimum_findings

SQUARED = sf.Squared()
INFERENCE = "6*N*D + 2*N*1e13"


@pytest.fixture(scope="module")
def runs():
    return noisy_surface(noise=0.003, seed=4)


@pytest.fixture(scope="module")
def fit(runs):
    return sf.fit(runs, "chinchilla", loss=SQUARED)


@pytest.fixture(scope="module")
def boot(fit):
    return sf.bootstrap(fit, sf.Residuals(), n=400, seed=3)


def of(table, quantity, column="estimate"):
    return table.filter(pl.col("quantity") == quantity)[column].item()


def refused(code, *arguments, error=sf.ParameterError, **options):
    with pytest.raises(error) as caught:
        sf.optimum(*arguments, **options)
    assert caught.value.code == code
    return str(caught.value)


# -- the answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("flops", [1e20, 1e23, 1e25])
def test_the_optimum_of_chinchilla_is_its_closed_form(fit, flops):
    table = sf.optimum(fit, flops)
    assert tuple(table.columns) == COLUMNS
    assert tuple(table["quantity"]) == QUANTITIES
    assert set(table["status"]) == {"interior"}
    size = fit.derived["G"] * (flops / 6) ** fit.derived["a"]
    data = flops / 6 / size
    assert of(table, "N_opt") == pytest.approx(size, rel=1e-9)
    assert of(table, "D_opt") == pytest.approx(data, rel=1e-9)
    assert of(table, "D_per_N") == pytest.approx(data / size, rel=1e-9)
    law = fit.law.evaluate({"N": [size], "D": [data]}, fit.params)[0]
    assert of(table, "loss") == pytest.approx(law, rel=1e-12)
    assert (
        table.filter(quantity="flops").select("estimate", "lower", "upper").row(0) == (flops,) * 3
    )


def test_intervals_are_those_of_the_same_formula(fit, boot):
    closed = "G*(1e23/6)**a"
    for source, usual in ((fit, {}), (boot, {})):
        table = sf.optimum(source, 1e23, level=0.8)
        expected = source.interval(0.8, of=closed, **usual).row(0)[1:]
        ours = table.filter(quantity="N_opt").select("estimate", "lower", "upper").row(0)
        assert ours == pytest.approx(expected, rel=1e-7)
        named = source.interval(0.8, of=["D_opt(1e23)/N_opt(1e23)", "L_opt(1e23)"])
        assert named["lower"].to_list() == pytest.approx(
            [of(table, "D_per_N", "lower"), of(table, "loss", "lower")], rel=1e-9
        )


def test_decades_are_counted_in_compute_from_the_largest_run(fit, runs):
    largest = (6 * runs["N"] * runs["D"]).max()
    for flops, decades in ((largest * 100, 2.0), (largest, 0.0), (largest / 10, 0.0)):
        table = sf.optimum(fit, flops)
        assert table["decades_beyond"].to_list() == pytest.approx([decades] * 5, abs=1e-9)
    assert (sf.optimum(fit, largest)["decades_beyond"] == 0.0).all()


def test_inference_does_not_bring_an_optimum_nearer_to_the_runs(fit, runs):
    table = sf.optimum(fit, 1e24, cost=INFERENCE)
    trained = 6 * of(table, "N_opt") * of(table, "D_opt")
    assert trained + 2e13 * of(table, "N_opt") == pytest.approx(1e24, rel=1e-9)
    largest = (6 * runs["N"] * runs["D"]).max()
    assert table["decades_beyond"][0] == pytest.approx(math.log10(trained / largest), abs=1e-9)
    assert of(table, "D_per_N") > 5 * of(sf.optimum(fit, 1e24), "D_per_N")


@pytest.mark.parametrize("cost", ["6*N*D", INFERENCE])
def test_a_loss_is_the_way_back_from_its_budget(fit, boot, cost):
    there = sf.optimum(fit, 1e23, cost=cost)
    loss = of(there, "loss")
    back = sf.optimum(fit, loss=loss, cost=cost)
    assert back["flops"].to_list() == pytest.approx([1e23] * 5, rel=1e-7)
    for quantity in QUANTITIES:
        assert of(back, quantity) == pytest.approx(of(there, quantity), rel=1e-7)
    assert of(back, "flops", "lower") < 1e23 < of(back, "flops", "upper")
    assert of(back, "loss", "lower") == of(back, "loss", "upper") == loss
    drawn = sf.optimum(boot, loss=loss, cost=cost)
    assert of(drawn, "flops", "lower") < 1e23 < of(drawn, "flops", "upper")


def test_several_budgets_come_one_after_the_other(fit):
    table = sf.optimum(fit, np.array([1e22, 1e24, 1e22]))
    assert table["flops"].to_list() == [1e22] * 5 + [1e24] * 5
    assert table[5:].equals(sf.optimum(fit, 1e24))
    assert sf.optimum(fit, pl.Series([1e22, 1e24])).equals(table)
    assert sf.optimum(fit, loss=[2.1, 2.0])["estimate"].len() == 10


def test_columns_may_have_any_name_and_order(runs, fit):
    named = runs.rename({"N": "params", "D": "tokens"})
    expected = sf.optimum(fit, 1e23)["estimate"].to_list()
    mapped = sf.fit(named, "chinchilla", columns={"N": "params", "D": "tokens"}, loss=SQUARED)
    assert sf.optimum(mapped, 1e23)["estimate"].to_list() == pytest.approx(expected, rel=1e-6)
    bounds = {name: sf.Param(lower=0) for name in NOISY}
    own = sf.fit(named, "B/tokens**beta + E + A/params**alpha", params=bounds, loss=SQUARED)
    for cost in ("6*N*D", "6*params*tokens"):
        found = sf.optimum(own, 1e23, cost=cost)["estimate"].to_list()
        assert found == pytest.approx(expected, rel=1e-5)


def test_any_law_of_two_inputs_has_an_optimum(runs):
    for law in ("kaplan", "chinchilla_tied", "E + A/log(N)**a + B/log(D)**b"):
        fit = sf.fit(runs, law, loss=SQUARED, params={"E": 0.0} if "log" in law else None)
        assert fit.converged
        table = sf.optimum(fit, 1e22)
        assert set(table["status"]) == {"interior"}
        size = of(table, "N_opt")
        values = fit.predict(
            {
                "N": [size / 1.1, size, size * 1.1],
                "D": [1e22 / 6 / size * k for k in (1.1, 1, 1 / 1.1)],
            }
        )
        assert values["prediction"].arg_min() == 1
        assert of(table, "N_opt", "lower") < size < of(table, "N_opt", "upper")


def test_every_way_of_resampling_has_an_optimum(fit, boot):
    summary = sf.bootstrap(fit, sf.Residuals(), n=400, seed=3, keep="summary")
    assert sf.optimum(summary, 1e23).equals(sf.optimum(boot, 1e23))
    table = sf.optimum(sf.bootstrap(fit, sf.Jackknife()), 1e23)
    assert of(table, "N_opt", "lower") < of(table, "N_opt") < of(table, "N_opt", "upper")


def test_formulas_with_optima_are_legal_wherever_quantities_are(fit, boot):
    formulas = ["N_opt(1e23)", "log10(D_opt(1e23)/N_opt(1e23))", "L_opt(1e23) - E", "a"]
    for method in ("percentile", "basic", "normal", "bc", "bca", "studentized"):
        table = boot.interval(0.9, method, of=formulas)
        assert (table["lower"] < table["estimate"]).all()
        assert (table["estimate"] < table["upper"]).all()
    stress = sf.stress.coverage(
        fit, sf.Residuals(), ["delta", "percentile"], n_sim=20, n=49, of=formulas
    )
    assert stress.table["refused"].sum() == 0
    profile, delta = sf.profile(fit, "N_opt(1e23)"), fit.interval(of="N_opt(1e23)").row(0)
    assert (profile.lower, profile.upper) == pytest.approx(delta[2:], rel=0.02)


def test_a_law_without_a_closed_form_has_no_profile_of_its_optimum(runs):
    fit = sf.fit(runs, "kaplan", loss=SQUARED)
    with pytest.raises(sf.ParameterError, match="bootstrap"):
        sf.profile(fit, "N_opt(1e23)")
    with pytest.raises(sf.ParameterError, match="percentile"):
        sf.bootstrap(fit, n=50).interval(method="studentized", of="N_opt(1e23)")
    table = sf.bootstrap(fit, n=200).interval(method="bca", of="N_opt(1e23)")
    assert (table["lower"] < table["upper"]).all()


# -- groups -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grouped(runs):
    other = noisy_surface(noise=0.003, seed=5)
    few = runs.head(3)
    return pl.concat(
        frame.with_columns(curve=pl.lit(name))
        for name, frame in (("a", runs), ("b", other), ("c", few))
    )


def test_groups_have_an_optimum_each_and_a_poor_one_says_why(grouped, fit):
    every = sf.fit(grouped, "chinchilla", by="curve", loss=SQUARED)
    table = sf.optimum(every, 1e23)
    assert table.columns == ["curve", *COLUMNS]
    assert table["curve"].to_list() == ["a"] * 5 + ["b"] * 5 + ["c"] * 5
    assert table[:5].drop("curve").equals(sf.optimum(every.select(curve="a"), 1e23))
    assert set(table[10:]["status"]) == {"too_few_rows"}
    assert table[10:14]["estimate"].null_count() == 4
    drawn = sf.optimum(sf.bootstrap(every, n=100), 1e23)
    assert drawn["estimate"][:14].to_list() == pytest.approx(
        table["estimate"][:14].to_list(), nan_ok=True
    )
    assert set(drawn[10:]["status"]) == {"too_few_rows"}
    assert (drawn[:4]["lower"] < drawn[:4]["upper"]).all()


def test_a_group_that_never_reaches_the_loss_says_so(grouped):
    every = sf.fit(grouped, "chinchilla", by="curve", loss=SQUARED)
    floors = every.table["E"].to_list()
    between = 0.5 * (floors[0] + floors[1])
    low, high = (0, 1) if floors[0] < floors[1] else (1, 0)
    for source in (every, sf.bootstrap(every, n=50)):
        if isinstance(source, sf.Bootstrap):
            table = sf.optimum(source, loss=2.0)
            assert set(table[:10]["status"]) == {"interior"}
            continue
        table = sf.optimum(source, loss=between)
        assert set(table[5 * high : 5 * high + 5]["status"]) == {"unreachable"}
        assert set(table[5 * low : 5 * low + 5]["status"]) == {"interior"}
        assert table[5 * high : 5 * high + 3]["estimate"].null_count() == 3


# -- no optimum, and no answer ------------------------------------------------------------------------


@pytest.mark.parametrize("formula", ["E + A/N**alpha + 0*D", "E + A/(N*D)**alpha"])
def test_an_optimum_at_an_edge_is_flagged_and_has_no_interval(runs, formula):
    fit = sf.fit(runs, formula, columns={"N": "N", "D": "D"}, loss=SQUARED)
    for source in (fit, sf.bootstrap(fit, n=60)):
        table = sf.optimum(source, 1e23)
        assert set(table["status"]) == {"edge"}
        assert table[:4]["lower"].null_count() == table[:4]["upper"].null_count() == 4
        assert [finding.code for finding in optimum_findings(table)] == ["edge"]
        interval = source.interval(of="N_opt(1e23)")
        assert interval.select(pl.col("estimate", "lower", "upper").is_nan()).row(0) == (True,) * 3
    flat = "N*D" in formula
    assert table[:3]["estimate"].null_count() == (3 if flat else 0)


@pytest.mark.parametrize("share", [0.03, 0.1])
def test_draws_without_an_optimum_count_as_failures(boot, share):
    """Where the exponent of N is 0 no size is the best; more than 5 % of such draws refuse the interval."""
    flat = int(share * boot.n)
    alpha = boot.draws["alpha"].to_numpy().copy()
    alpha[:flat] = 0.0
    some = dataclasses.replace(boot, draws=boot.draws.with_columns(alpha=pl.Series(alpha)))
    if share > 0.05:
        assert f"{flat} of {boot.n}" in refused("failures", some, 1e23, error=sf.ConvergenceError)
        with pytest.raises(sf.ConvergenceError, match="no optimum within reach"):
            some.interval(of="N_opt(1e23)")
        assert some.interval(of="N_opt(1e23)", max_failures=0.2)["lower"].null_count() == 0
        return
    rest = dataclasses.replace(boot, draws=boot.draws[flat:], requested=boot.n - flat)
    assert sf.optimum(some, 1e23).equals(sf.optimum(rest, 1e23))


def test_a_straight_loss_has_no_local_errors(runs):
    fit = sf.fit(runs, "chinchilla")
    assert "bootstrap" in refused("kink", fit, 1e23)
    assert set(sf.optimum(sf.bootstrap(fit, n=60), 1e23)["status"]) == {"interior"}


def test_an_unreachable_loss_names_the_floor(fit, boot):
    for source in (fit, boot):
        said = refused("unreachable", source, loss=1.5)
        assert f"{fit.params['E']:.6g}" in said
    assert "less compute" in refused("unreachable", fit, loss=1e6)
    told = refused("unreachable", fit, loss=fit.params["E"])
    assert "floor" in told


def test_a_loss_near_the_floor_has_an_open_end(fit):
    """Half a standard error above the floor: the floor may lie above it, so no budget need be enough."""
    error = (fit.interval(0.9, of="E")["upper"] - fit.params["E"]).item()
    near = fit.params["E"] + 0.5 * error
    boot = sf.bootstrap(fit, sf.Residuals(), n=400, seed=3)
    for source in (fit, boot):
        table = sf.optimum(source, loss=near)
        assert of(table, "flops", "upper") == math.inf
        assert 0 < of(table, "flops", "lower") < of(table, "flops")
        assert "open_end" in [finding.code for finding in optimum_findings(table)]
    assert of(table, "D_per_N", "lower") is None


def test_laws_of_one_or_three_inputs_say_what_to_do(runs):
    single = sf.fit(runs, "E + A/N**alpha", loss=SQUARED)
    assert "fit a law of both" in refused("inputs", single, 1e23)
    more = runs.with_columns(P=pl.Series(np.linspace(4, 16, runs.height)))
    three = sf.fit(
        more,
        "E + A/(N*P)**alpha + B/D**beta",
        columns=dict.fromkeys("NDP") | {k: k for k in "NDP"},
        loss=SQUARED,
    )
    assert "as numbers" in refused("inputs", three, 1e23)
    with pytest.raises(sf.ParameterError, match="size and data"):
        single.interval(of="N_opt(1e23)")


def test_a_fit_that_did_not_converge_has_no_optimum(runs):
    flat = runs.with_columns(loss=2.0 + 1000 / pl.col("D") ** 0.35)
    fit = sf.fit(flat, "chinchilla", loss=SQUARED)
    assert not fit.converged
    refused("not_converged", fit, 1e23, error=sf.ConvergenceError)


def test_rows_without_degrees_of_freedom_have_no_interval(runs):
    few = sf.fit(runs.gather_every(14), "chinchilla", loss=SQUARED, params={"E": 1.8})
    assert few.n == 4
    with pytest.raises(sf.DataError) as caught:
        sf.optimum(few, 1e23)
    assert caught.value.code == "no_dof"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "target"),
        ({"flops": 1e23, "loss": 2.0}, "target"),
        ({"flops": -1e23}, "not_positive"),
        ({"flops": 0}, "not_positive"),
        ({"flops": math.inf}, "not_positive"),
        ({"flops": math.nan}, "nan"),
        ({"flops": "1e23"}, "not_a_number"),
        ({"flops": True}, "not_a_number"),
        ({"flops": []}, "empty"),
        ({"flops": [[1e23]]}, "not_a_number"),
        ({"flops": 1e90}, "out_of_reach"),
        ({"flops": 1e-5}, "out_of_reach"),
        ({"loss": "two"}, "not_a_number"),
        ({"loss": math.inf}, "not_finite"),
        ({"flops": 1e23, "level": 90}, "level"),
        ({"flops": 1e23, "cost": "6*N"}, "cost"),
        ({"flops": 1e23, "cost": "7"}, "cost"),
        ({"flops": 1e23, "cost": "6*N*M"}, "unknown_name"),
        ({"flops": 1e23, "cost": None}, "cost"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(fit, options, code):
    refused(code, fit, **options)


@pytest.mark.parametrize("source", [None, 3.0, "fit", {"alpha": 0.3}])
def test_only_fits_and_bootstraps_have_an_optimum(source):
    assert "sf.optimum(sf.fit(" in refused("fit", source, 1e23)


def test_wrong_units_are_found_by_the_budget(runs):
    small = sf.fit(
        runs, "chinchilla", columns={"N": pl.col("N") / 1e9, "D": pl.col("D") / 1e9}, loss=SQUARED
    )
    assert "units" in refused("out_of_reach", small, 1e23)
    assert of(sf.optimum(small, 1e23, cost="6e18*N*D"), "N_opt") == pytest.approx(
        of(sf.optimum(sf.fit(runs, "chinchilla", loss=SQUARED), 1e23), "N_opt") / 1e9, rel=1e-5
    )


def test_a_budget_far_beyond_the_runs_is_a_finding(fit):
    assert [finding.code for finding in optimum_findings(sf.optimum(fit, 1e26))] == ["far_beyond"]
    assert not optimum_findings(sf.optimum(fit, 1e23))


def test_a_diverged_run_moves_an_optimum_hardly(runs):
    """Under a robust loss; the run is named by the findings of the fit."""
    huber = sf.Huber(1.345, scale="mad")
    bad = runs.with_columns(
        loss=pl.when(pl.int_range(pl.len()) == 17).then(9.0).otherwise(pl.col("loss"))
    )
    clean, spoilt = (
        sf.bootstrap(sf.fit(frame, "chinchilla", loss=huber), n=200) for frame in (runs, bad)
    )
    before, after = (sf.optimum(source, 1e23) for source in (clean, spoilt))
    half = 0.5 * (of(before, "N_opt", "upper") - of(before, "N_opt", "lower"))
    assert abs(of(after, "N_opt") - of(before, "N_opt")) < 0.5 * half
    assert any("row 17" in finding.sentence for finding in spoilt.fit.findings)


def test_runs_at_one_budget_say_nothing_of_another():
    size = np.geomspace(1e8, 1e10, 20)
    data = 1e20 / 6.0 / size
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(20))
    loss = (1.8 + 480.0 * size**-0.35 + 2100.0 * data**-0.37) * noise
    fit = sf.fit({"N": size, "D": data, "loss": loss}, "chinchilla", loss=sf.Squared())
    far, near = sf.optimum(fit, 1e24), sf.optimum(fit, 1e20)
    assert set(far["status"]) == {"one_budget"}
    asked = far.filter(pl.col("quantity") != "flops")
    assert asked["lower"].null_count() == asked["upper"].null_count() == asked.height
    assert "one_budget" not in near["status"].to_list()


def test_a_loss_that_a_rising_law_reaches_between_is_not_called_out_of_reach():
    size = np.repeat(np.geomspace(1e8, 1e10, 7), 5)
    data = size * np.tile([3.0, 8.0, 20.0, 50.0, 120.0], 7)
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(35))
    loss = (1.8 + 480.0 * size**-0.35 + 2100.0 * data**-0.37) * noise
    law = "a + b*log(N) + c*log(D) + d*log(N)*log(D)"
    fit = sf.fit({"N": size, "D": data, "loss": loss}, law, loss=sf.Squared())
    # Its loss is low inside the runs and rises without end beyond them.
    assert fit.predict({"N": [1e10], "D": [1.2e12]})["prediction"][0] < 2.6
    with pytest.raises(sf.ParameterError, match="does not fall with compute") as refused:
        sf.optimum(fit, loss=2.6)
    assert refused.value.code == "not_decreasing"
