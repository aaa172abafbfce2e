"""Comparisons of laws: tables, tests, wording, and what is refused."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

X = np.geomspace(1e7, 1e10, 20)
ONE_INPUT = [
    "power_offset", "power", "log_power", "stretched_exp", "shifted_power", "log_quadratic",
    "double_power",
]  # fmt: skip


def runs(seed=3, curve=None, noise=0.005, x=X):
    values = (1.8 + 480.0 * x**-0.35) if curve is None else curve(x)
    error = noise * np.random.default_rng(seed).standard_normal(x.size)
    return {"x": x, "loss": values * np.exp(error)}


def fitted(data=None, law="power_offset", **options):
    return sf.fit(data or runs(), law, **{"loss": sf.Squared(), **options})


def surface(seed=3, noise=0.005):
    size = np.repeat(np.geomspace(1e7, 1e9, 8), 5)
    data = size * np.tile(np.geomspace(3.0, 100.0, 5), 8)
    error = noise * np.random.default_rng(seed).standard_normal(40)
    loss = (1.8 + 480.0 * size**-0.35 + 2100.0 * data**-0.37) * np.exp(error)
    return {"params": size, "tokens": data, "loss": loss}


@pytest.fixture(scope="module")
def usual():
    return sf.compare(fitted(), at=1e11, n=39)


def codes(found):
    return [finding.code for finding in found.findings]


def test_one_input_has_its_seven_laws_headline_first(usual):
    assert usual.table["law"].to_list() == ONE_INPUT
    assert usual.table.columns[:8] == [
        "law", "k", "aicc", "delta", "kept", "forecast", "lower", "upper"
    ]  # fmt: skip
    assert usual.table["k"].to_list() == [3, 2, 3, 4, 4, 3, 5]


def test_two_inputs_are_matched_by_role_whatever_their_names():
    fit = sf.fit(
        surface(), "E + A/params**a + B/tokens**b", loss=sf.Squared(),
        params={name: sf.Param(lower=0) for name in "EAaBb"},
    )  # fmt: skip
    found = sf.compare(fit, n=19)
    assert set(found.table["law"][1:]) == {
        "chinchilla, E = 0", "chinchilla_tied", "log_power pair", "kaplan", "log_quadratic"
    }  # fmt: skip


def test_aicc_is_that_of_the_residuals_on_the_density_of_the_target(usual):
    fit = fitted()
    residual, y = fit.residuals(), runs()["loss"]
    normal = 20 * np.log(2 * np.pi * (residual**2).mean()) + 20 + 2 * np.log(y).sum()
    assert usual.table["aicc"][0] == pytest.approx(normal + 8 + 2 * 4 * 5 / 15, abs=1e-8)
    assert usual.settings["mark"] + usual.table["delta"][0] == pytest.approx(usual.table["aicc"][0])


def test_residual_scales_are_compared_as_densities_of_the_target():
    """The same law and noise small beside it: log and raw residuals have nearly one likelihood."""
    level = {"x": X, "loss": 2.0 * np.exp(1e-4 * np.random.default_rng(2).standard_normal(20))}
    law = "c*x**(0*c)"
    fits = [
        sf.fit(level, sf.Law(law, columns=["x"], name=scale), loss=sf.Squared(), residual=scale)
        for scale in ("log", "raw")
    ]
    aicc = sf.compare(fits, n=9).table["aicc"]
    assert aicc[0] == pytest.approx(aicc[1], abs=1e-2)


def test_a_law_that_misses_is_rejected_and_says_by_what():
    found = sf.compare(fitted(law="power"), n=39)
    assert found.verdict == "rejected"
    assert found.findings[0].severity == "red"
    assert "AICc lower by" in found.findings[0].sentence


def test_a_law_alone_among_rejected_rivals_is_supported():
    found = sf.compare(fitted(), ["power", "log_quadratic"], n=39)
    assert found.verdict == "supported"
    assert found.table["verdict"].to_list()[1:] == ["rejected", "rejected"]


def test_a_law_with_a_rival_that_fits_as_well_is_not_distinguishable(usual):
    assert usual.verdict.startswith("not distinguishable from {")
    assert "shifted_power" in usual.verdict
    assert not usual.verdict.startswith("not distinguishable from {power_offset")


def test_a_law_whose_rivals_the_rows_do_not_determine_is_not_called_supported():
    two_sizes = np.repeat([1e7, 1e8], 10)
    found = sf.compare(fitted(runs(x=two_sizes), "power"), n=9)
    assert found.verdict == "not compared: no other law converged"
    assert found.findings[0].severity == "grey"


def test_a_law_that_the_rows_do_not_determine_is_not_compared():
    found = sf.compare(fitted(law="A*B*x**a"), ["power", "power_offset"], n=9)
    assert found.verdict == "not compared: not_identified"
    assert "unidentified" in codes(found)
    assert found.table["kept"].to_list() == [False, False, True]


@pytest.mark.parametrize(
    "law",
    ["log(loss) ~ a + b*log(x)", "log10(loss) ~ a + b*log10(x)", "a*x**b"],
)
def test_one_law_has_one_criterion_whatever_its_spelling(law):
    found = sf.compare([fitted(law="power"), fitted(law=law)], n=9)
    assert found.table["aicc"][0] == pytest.approx(found.table["aicc"][1], abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": sf.StudentT(4)},
        {"loss": sf.ScaledHuber(1.345)},
        {"loss": sf.Cauchy(0.01)},
        {"loss": sf.SoftL1(0.01)},
        {"loss": sf.Pinball(0.4)},
        {"residual": sf.LogExcess("E")},
        {"residual": "raw"},
    ],
)
def test_every_loss_with_a_density_and_every_residual_can_be_compared(options):
    found = sf.compare(fitted(**options), ["power", "log_power"], n=9)
    assert found.table["kept"].to_list()[:2] == [True, False]


def test_the_constant_is_tested_by_half_of_the_f_distribution():
    from scipy.stats import f as fisher

    data = runs(seed=8)
    fit = fitted(data)
    bare = fitted(data, params={"E": 0.0})
    found = sf.compare(fit, ["power"], n=9)
    (finding,) = [entry for entry in found.findings if entry.evidence.get("parameter") == "E"]
    ratio = (bare.residuals() ** 2).sum() / (fit.residuals() ** 2).sum()
    assert finding.statistic == pytest.approx(0.5 * fisher.sf(17 * (ratio - 1), 1, 17), rel=0.05)
    assert finding.severity == "green"
    no_floor = sf.compare(fitted(runs(curve=lambda x: 12.0 * x**-0.076)), ["power"], n=19)
    assert "no_constant" in codes(no_floor)
    assert no_floor.pairs["draws_b"].to_list() == [0]


def test_the_range_is_that_of_the_laws_that_are_kept(usual):
    kept = usual.table.filter("kept")
    (row,) = usual.range.iter_rows(named=True)
    assert row["lowest"] == kept["lower"].min()
    assert row["highest"] == kept["upper"].max()
    assert row["apart"] == pytest.approx(row["highest"] / row["lowest"] - 1)
    assert row["sentence"].startswith("two curves that fit equally well differ by ")
    assert row["decades_beyond"] == pytest.approx(1.0)


def test_several_targets_have_a_range_each():
    found = sf.compare(fitted(), at=[1e11, 1e12], n=9)
    assert found.range["x"].to_list() == [1e11, 1e12]
    assert found.forecasts.height == 2 * found.table["forecast"].count()
    assert found.range["apart"][1] > found.range["apart"][0]


@pytest.mark.parametrize(("at", "code"), [(1e9, "inside_the_runs"), (1e14, "far_beyond")])
def test_targets_that_say_little_are_a_finding(at, code):
    assert code in codes(sf.compare(fitted(), ["power"], at=at, n=9))


def test_a_budget_is_spent_as_the_law_would():
    fit = sf.fit(surface(), "chinchilla", columns={"N": "params", "D": "tokens"}, loss=sf.Squared())
    found = sf.compare(fit, ["chinchilla_tied"], at=1e22, n=9)
    size, data = (float(found.range[name][0]) for name in ("N", "D"))
    assert 6 * size * data == pytest.approx(1e22, rel=1e-9)


def test_fits_of_the_same_rows_are_compared_with_each_other():
    data = runs()
    fits = [fitted(data, law) for law in ("power_offset", "log_power", "shifted_power")]
    found = sf.compare(fits, pairs="all", n=19)
    assert found.table["law"].to_list() == ["power_offset", "log_power", "shifted_power"]
    assert found.pairs.height == 3


def test_formulas_and_laws_can_be_rivals():
    own = sf.Law("a + b*log(x)**(-2)", columns=["x"], name="mine")
    found = sf.compare(fitted(), [own, "a*x**b + 1.8"], n=9, at=1e11)
    assert found.table["law"].to_list() == ["power_offset", "mine", "a*x**b + 1.8"]
    assert found.table["forecast"].null_count() == 0


def test_the_answer_does_not_depend_on_threads_executors_or_the_order_of_rows():
    data = runs()
    fit = fitted(data)
    laws = ["log_power", "shifted_power"]
    plain = sf.compare(fit, laws, n=39, threads=1)
    with ThreadPoolExecutor(2) as executor:
        spread = sf.compare(fit, laws, n=39, threads=2, executor=executor)
    order = np.random.default_rng(1).permutation(20)
    moved = sf.compare(fitted({name: values[order] for name, values in data.items()}), laws, n=39)
    assert plain.pairs.equals(spread.pairs)
    assert plain.pairs.select("p_a", "p_b").equals(moved.pairs.select("p_a", "p_b"))


def test_p_is_never_0_and_a_small_one_is_counted_again():
    found = sf.compare(fitted(), ["log_quadratic"], n=19, pairs="headline")
    assert found.pairs.height in (0, 1)
    own = sf.compare([fitted(), fitted(law="power")], n=19)
    assert own.pairs.height == 0 or own.pairs["p_b"].min() > 0
    wrong = sf.compare([fitted(law="power"), fitted()], n=99)
    assert wrong.pairs["p_a"][0] == pytest.approx(1 / 1000)
    assert wrong.pairs["draws_a"][0] == 999


def test_runs_have_a_sign_each():
    data = {name: np.repeat(values, 3) for name, values in runs().items()}
    data["loss"] = data["loss"] * np.exp(1e-4 * np.random.default_rng(1).standard_normal(60))
    data["run"] = np.repeat(np.arange(20), 3)
    fit = fitted(data)
    alone = sf.compare(fit, ["log_quadratic"], n=19)
    grouped = sf.compare(fit, ["log_quadratic"], n=19, run="run")
    # Three rows of one run tell hardly more than one.
    assert 0.0 < grouped.table["delta"][1] < 0.5 * alone.table["delta"][1]


def test_a_diverged_run_is_named_and_moves_nothing():
    data = runs()
    bad = {**data, "loss": np.where(np.arange(20) == 12, 9.0, data["loss"])}
    for loss in (sf.Squared(), sf.Huber(1e-3)):
        clean, dirty = (sf.compare(fitted(rows, loss=loss), n=19, at=1e11) for rows in (data, bad))
        (finding,) = [entry for entry in dirty.findings if entry.code == "diverged_rows"]
        assert finding.evidence["rows"] == (12,) or finding.evidence["rows"] == [12]
        assert dirty.table["kept"].to_list() == clean.table["kept"].to_list()
        assert dirty.range["highest"][0] == pytest.approx(clean.range["highest"][0], rel=0.01)


def test_laws_that_did_not_converge_are_named_and_never_kept():
    found = sf.compare(fitted(), n=9)
    for row in found.table.filter(pl.col("status") != "converged").iter_rows(named=True):
        assert not row["kept"]
        assert row["verdict"].startswith("not compared")
        assert any(row["law"] == finding.evidence.get("law") for finding in found.findings)


def test_laws_with_too_many_parameters_for_the_rows_are_left_out_with_a_finding():
    x = np.geomspace(1e7, 1e10, 7)
    found = sf.compare(fitted(runs(x=x)), n=9)
    assert "double_power" not in found.table["law"].to_list()
    assert "few_rows" in codes(found)


def test_the_result_can_be_printed_saved_and_pickled(usual, tmp_path):
    usual.save(tmp_path / "comparison.json")
    saved = json.loads((tmp_path / "comparison.json").read_text())
    assert saved["verdict"] == usual.verdict
    assert saved["table"][0]["law"] == "power_offset"
    assert pickle.loads(pickle.dumps(usual)).table.equals(usual.table)
    assert "<table" in usual._repr_html_()
    assert usual.verdict in repr(usual)


@pytest.mark.parametrize(
    ("ask", "error", "code"),
    [
        (lambda: sf.compare([fitted()]), sf.ParameterError, "one_law"),
        (lambda: sf.compare(fitted(), ["power_offset"]), sf.ParameterError, "one_law"),
        (lambda: sf.compare([]), sf.ParameterError, "fit"),
        (lambda: sf.compare("power"), sf.ParameterError, "fit"),
        (lambda: sf.compare(fitted(), []), sf.ParameterError, "laws"),
        (lambda: sf.compare(fitted(), pairs="some"), sf.ParameterError, "pairs"),
        (lambda: sf.compare(fitted(), n=0), sf.ParameterError, "too_small"),
        (lambda: sf.compare(fitted(), ["step_law_lr"]), sf.ParameterError, "output"),
        (lambda: sf.compare(fitted(), ["chinchilla"]), sf.DataError, "missing_column"),
        (lambda: sf.compare(fitted(loss=sf.Tukey(0.1))), sf.ParameterError, "loss"),
        (lambda: sf.compare(fitted(weights=np.ones(20) * 2)), sf.ParameterError, "weights"),
        (lambda: sf.compare(fitted(sigma=np.ones(20))), sf.ParameterError, "sigma"),
        (
            lambda: sf.compare([fitted(), fitted(runs(seed=4), "power")]),
            sf.DataError,
            "unlike_rows",
        ),
        (
            lambda: sf.compare([fitted(), fitted({k: v[:-1] for k, v in runs().items()}, "power")]),
            sf.DataError,
            "unlike_rows",
        ),
        (
            lambda: sf.compare(fitted({**runs(), "g": [0, 1] * 10}, by="g")),
            sf.ParameterError,
            "grouped",
        ),
        (
            lambda: sf.compare(fitted({**runs(), "run": [0] * 20}), run="run"),
            sf.DataError,
            "no_dof",
        ),
        (lambda: sf.compare(fitted(), at=-1.0), sf.ParameterError, "at"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(ask, error, code):
    with pytest.raises(error) as caught:
        ask()
    assert caught.value.code == code


def test_a_law_of_three_inputs_has_no_rivals_unless_they_are_named():
    data = {**surface(), "z": np.tile([1.0, 2.0, 3.0, 4.0], 10)}
    fit = sf.fit(data, "E + A/params**a + B/tokens**b + c*z", loss=sf.Squared())
    with pytest.raises(sf.ParameterError) as caught:
        sf.compare(fit)
    assert caught.value.code == "inputs"
    named = sf.compare(fit, ["E + A/params**a + B/tokens**b"], n=9)
    assert named.table.height == 2


def test_a_column_named_as_the_table_names_its_own_is_kept():
    x = np.geomspace(1e7, 1e10, 20)
    loss = (1.8 + 480.0 * x**-0.35) * np.exp(0.005 * np.random.default_rng(1).standard_normal(20))
    bounds = dict.fromkeys(["E", "A", "alpha"], sf.Param(lower=0))
    fit = sf.fit({"law": x, "loss": loss}, "E + A/law**alpha", params=bounds, loss=sf.Squared())
    found = sf.compare(fit, at=1e11, n=19)
    assert found.forecasts["law"][0] == 1e11


def test_a_point_beside_the_runs_is_not_inside_them():
    size, data = (
        axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 6))
    )
    loss = (1.8 + 480.0 * size**-0.35 + 2100.0 * data**-0.37) * np.exp(
        0.003 * np.random.default_rng(1).standard_normal(36)
    )
    fit = sf.fit({"N": size, "D": data, "loss": loss}, "chinchilla", loss=sf.Squared())
    found = sf.compare(fit, at={"N": 1e10, "D": 1e10}, n=19)
    assert "inside_the_runs" not in [finding.code for finding in found.findings]
