"""Findings say one cause in one sentence, name the caller's own columns, and give one remedy.

How often they speak, and how seldom without cause, is measured in tests/properties/test_findings.py.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from faulty_runs import (
    FAULTS,
    NOISE,
    curve,
    draws,
    generator,
    grid,
    grid_runs,
    line_runs,
    surface,
)
from honest_grids import HONEST
from outcomes import codes, refusal

import scaling_fast as sf

# A public learning curve: accuracy after each of the first 60 epochs (nni issue 2006).
ACCURACY = [
    *(0.03067, 0.1549, 0.24439, 0.2958, 0.32483, 0.34807, 0.36728, 0.37919, 0.38899, 0.39597),
    *(0.40227, 0.40688, 0.41147, 0.41503, 0.41848, 0.42127, 0.42405, 0.42626, 0.42857, 0.43035),
    *(0.43205, 0.43415, 0.43533, 0.43664, 0.4388, 0.44001, 0.44114, 0.44239, 0.44391, 0.44562),
    *(0.44621, 0.44746, 0.44948, 0.45023, 0.45154, 0.45291, 0.45439, 0.45492, 0.45603, 0.45782),
    *(0.45887, 0.45964, 0.46145, 0.46245, 0.46379, 0.46552, 0.46642, 0.46831, 0.46934, 0.47049),
    *(0.47181, 0.47378, 0.47434, 0.47594, 0.47746, 0.47924, 0.48024, 0.4814, 0.48303, 0.48461),
]


def finding(fit: sf.Fit, code: str):
    return next(found for found in fit.findings if found.code == code)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.codes[0]}: {fault.says}")
def test_a_finding_is_one_sentence_with_a_remedy(fault):
    runs = fault.make(generator(1))
    fit = sf.fit(runs.frame, runs.law, **runs.options)
    said = [found for found in fit.findings if found.code in fault.codes]
    for found in said:
        assert found.check == "fit"
        assert found.advice
        assert ". " not in found.sentence
        assert len(found.sentence) < 300
        assert found.severity == ("red" if found.code == "replicates_disagree" else "amber")
        found.as_dict()


def test_sentences_name_the_columns_of_the_caller():
    runs = grid_runs(generator(2), 6, 6).frame
    named = runs.select(model_params="N", train_tokens=pl.col("D") / 1e9, eval_loss="loss")
    columns = {"N": "model_params", "D": "train_tokens"}
    fit = sf.fit(named, "chinchilla", columns=columns, target="eval_loss")
    found = finding(fit, "units")
    assert "`train_tokens`" in found.sentence
    assert "billions of tokens" in found.sentence
    assert found.evidence["column"] == "train_tokens"


def test_rows_are_numbered_as_in_the_frame_of_the_caller():
    runs = line_runs(generator(3), 30).frame
    loss = runs["loss"].to_numpy().copy()
    loss[[4, 21]] *= 1.3
    weights = np.ones(30)
    weights[0] = 0.0  # left out before the fit
    fit = sf.fit(runs.with_columns(loss=pl.Series(loss)), "power_offset", weights=weights)
    assert sorted(finding(fit, "outliers").evidence["rows"]) == [4, 21]


def test_ten_runs_of_one_budget_do_not_look_precise():
    sizes = np.logspace(8, 9.5, 10)
    data = 1e20 / (6 * sizes)
    loss = surface(sizes, data) * np.exp(NOISE * draws(generator(4), 10))
    fit = sf.fit(
        {"params": sizes, "tokens": data, "loss": loss},
        "chinchilla",
        columns={"N": "params", "D": "tokens"},
    )
    assert {"one_budget", "weak"} <= set(codes(fit))
    assert "`params` x `tokens`" in finding(fit, "one_budget").sentence
    assert set(finding(fit, "weak").evidence["parameters"]) & {"E", "alpha", "beta"}


def test_a_learning_curve_that_no_law_follows_says_so():
    rows = {"epoch": np.arange(1.0, 61.0), "acc": ACCURACY}
    for law in ("acc ~ c - a*epoch**(-b)", "acc ~ c - a*exp(-epoch/t)"):
        fit = sf.fit(rows, law, residual="raw", loss=sf.Squared())
        assert {"autocorrelated", "lack_of_fit"} <= set(codes(fit)), law


def test_a_unit_that_the_caller_chose_is_no_mistake():
    runs = grid_runs(generator(5), 6, 6).frame
    scaled = {"N": pl.col("N") / 1e9, "D": pl.col("D") / 1e9}
    assert codes(sf.fit(runs, "E + A/N**alpha + B/D**beta", columns=scaled)) == []
    named = runs.select(params_b=pl.col("N") / 1e9, tokens_b=pl.col("D") / 1e9, loss="loss")
    law = "E + A/params_b**alpha + B/tokens_b**beta"
    assert codes(sf.fit(named, law)) == []


def test_a_catalogue_law_asks_for_its_units_whatever_the_name():
    runs = grid_runs(generator(6), 6, 6).frame.with_columns(params_b=pl.col("N") / 1e9)
    fit = sf.fit(runs, "chinchilla", columns={"N": "params_b"})
    assert "units" in codes(fit)


def test_columns_mapped_crosswise_are_swapped():
    runs = grid_runs(generator(7), 6, 6).frame.rename({"N": "params", "D": "tokens"})
    fit = sf.fit(runs, "chinchilla", columns={"N": "tokens", "D": "params"})
    assert "'N': 'params'" in finding(fit, "swapped").advice.replace('"', "'")


def test_few_tokens_per_parameter_are_not_swapped():
    """Large models on little data, as early studies trained them."""
    sizes, data = (
        column.ravel() for column in np.meshgrid(np.logspace(8, 10, 6), np.logspace(7.5, 9.5, 6))
    )
    loss = surface(sizes, data) * np.exp(NOISE * draws(generator(8), 36))
    assert "swapped" not in codes(sf.fit({"N": sizes, "D": data, "loss": loss}, "chinchilla"))


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_an_overflow_of_the_column_that_is_fitted_is_an_error_that_says_so(kind):
    sizes = np.array(
        [10**4, 10**5, 10**6] if kind is np.int32 else [10**8, 10**9, 10**10], dtype=kind
    )
    with np.errstate(over="ignore"):
        flops = kind(6) * sizes * (kind(200) * sizes)
    assert flops.min() < 0
    rows = {"C": flops, "loss": [3.0, 2.5, 2.2]}
    error = refusal(lambda: sf.fit(rows, "A*C**(-a)"))
    assert "wrap around below zero" in str(error)
    assert "`C`" in str(error)


def test_an_overflow_of_an_expression_is_found_where_it_stays_positive():
    sizes = np.array([10**6 * k for k in range(1, 13)])
    product = pl.col("n") * pl.col("n") * pl.col("n")
    values = pl.DataFrame({"n": sizes}).select(product)["n"]
    rows = pl.DataFrame({"n": sizes, "loss": 3.0 + np.cos(sizes)}).filter(values > 0)
    fit = sf.fit(rows, "a + b*log(C)", columns={"C": product}, residual="raw", loss=sf.Squared())
    found = finding(fit, "overflow")
    assert found.evidence["column"] == "C"
    assert found.evidence["rows"]


def test_equal_losses_of_few_digits_are_not_copies():
    """Losses of three digits agree by chance, and those of seventeen do not."""
    x = np.repeat(np.logspace(7, 10, 20), 3)
    loss = curve(x) * np.exp(NOISE * draws(generator(9), 60))
    assert "duplicates" not in codes(sf.fit({"x": x, "loss": loss.round(2)}, "power_offset"))
    loss[1] = loss[0]
    fit = sf.fit({"x": x, "loss": loss}, "power_offset")
    assert finding(fit, "duplicates").evidence["rows"] == [1]


def test_seeds_of_one_configuration_are_not_two_experiments():
    x = np.repeat(np.logspace(7, 10, 20), 2)
    for seed in range(10):
        loss = curve(x) * np.exp(NOISE * draws(generator(seed), 40))
        assert "replicates_disagree" not in codes(sf.fit({"x": x, "loss": loss}, "power_offset"))


def test_runs_of_one_size_on_more_data_are_not_checkpoints():
    """IsoFLOP runs of the same six sizes at each budget."""
    budget, size = (
        column.ravel() for column in np.meshgrid(np.logspace(18, 21, 6), np.logspace(7, 9, 6))
    )
    data = budget / (6 * size)
    loss = surface(size, data) * np.exp(NOISE * draws(generator(10), 36))
    assert "checkpoints" not in codes(sf.fit({"N": size, "D": data, "loss": loss}, "chinchilla"))


def test_a_warm_up_is_said_to_be_one():
    x = np.linspace(1e8, 1e10, 40)
    loss = curve(x) * np.exp(NOISE * draws(generator(11), 40))
    loss[:2] *= 1.3
    found = finding(
        sf.fit({"tokens": x, "loss": loss}, "power_offset", columns={"x": "tokens"}), "outliers"
    )
    assert "smallest values of `tokens`" in found.sentence
    assert "warm-up" in found.advice


def test_residuals_without_noise_say_nothing():
    sizes, data = grid(6, 6)
    assert codes(sf.fit({"N": sizes, "D": data, "loss": surface(sizes, data)}, "chinchilla")) == []


@pytest.mark.parametrize("factor", [1e-100, 1e100])
def test_extreme_targets_get_a_fit_and_no_error(factor):
    runs = line_runs(generator(12), 20).frame.with_columns(pl.col("loss") * factor)
    fit = sf.fit(runs, "A*x**(-a)", residual="raw", loss=sf.Squared())
    assert fit.n == 20


def test_one_wrong_row_among_exact_ones_is_named():
    x = np.logspace(7, 10, 30)
    loss = curve(x)
    loss[11] *= 1.1
    for options in ({}, {"loss": sf.Squared()}):
        fit = sf.fit({"x": x, "loss": loss}, "power_offset", **options)
        assert finding(fit, "outliers").evidence["rows"] == [11]


def test_rounding_of_large_targets_is_not_noise():
    x = np.arange(1.0, 41.0)
    fit = sf.fit({"x": x, "y": 3e12 + 2e12 / x}, "y ~ a + b/x", residual="raw", loss=sf.Squared())
    assert codes(fit) == []


def test_compute_that_wrapped_and_came_out_positive_is_found():
    """The product is compared with the sizes and data beside it, whatever its sign."""
    sizes = np.array([10**8 * k for k in range(1, 13)])
    data = 40 * sizes
    with np.errstate(over="ignore"):
        flops = 6 * sizes * data
    wrapped = 6.0 * sizes * data > 2.0**63
    assert wrapped.any()
    kept = flops > 0
    assert (wrapped & kept).any()
    rows = {"N": sizes[kept], "flops": flops[kept], "D": data[kept]}
    loss = surface(rows["N"].astype(float), rows["D"].astype(float))
    fit = sf.fit(
        rows | {"loss": loss * np.exp(NOISE * draws(generator(13), loss.size))}, "chinchilla"
    )
    found = finding(fit, "overflow")
    assert found.evidence["rows"] == np.flatnonzero(wrapped[kept]).tolist()


@pytest.mark.parametrize("design", HONEST)
def test_honest_grids_are_no_checkpoints_and_not_collinear(design):
    for seed in range(3):
        said = HONEST[design](generator(seed)).codes()
        assert not {"checkpoints", "collinear", "replicates_disagree"} & set(said)


def units_of(frame: dict[str, object], law: str = "chinchilla") -> list[tuple[str, str]]:
    fit = sf.fit(frame, law, columns={"N": "params", "D": "tokens"})
    return [(found.sentence, found.advice) for found in fit.findings if found.code == "units"]


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (1e6, "10 to 1e+04, presumably millions of parameters"),
        (1e9, "0.01 to 10, presumably billions of parameters"),
        (2e7, "0.5 to 500, presumably parameters in millions or billions"),
    ],
)
def test_the_unit_is_one_in_which_all_values_are_plausible(factor, says):
    size, data = np.repeat(np.logspace(7, 10, 6), 6), np.tile(np.logspace(9, 12, 6), 6)
    loss = surface(size, data) * np.exp(NOISE * draws(generator(14), 36))
    ((sentence, advice),) = units_of({"params": size / factor, "tokens": data, "loss": loss})
    assert sentence == f"`params` holds {says}"
    assert "or else its constants" in advice


@pytest.mark.parametrize(
    ("logarithm", "back"),
    [(np.log10, "10 ** {}"), (np.log, "exp({})"), (np.log2, "2 ** {}")],
    ids=["10", "e", "2"],
)
def test_logarithms_of_any_base_are_taken_back_by_the_callers_name(logarithm, back):
    size, data = np.repeat(np.logspace(7, 9.9, 6), 6), np.tile(np.logspace(9, 11.5, 6), 6)
    loss = surface(size, data) * np.exp(NOISE * draws(generator(15), 36))
    said = units_of({"params": logarithm(size), "tokens": logarithm(data), "loss": loss})
    for (sentence, advice), name in zip(said, ("params", "tokens"), strict=True):
        assert "logarithms of" in sentence
        assert advice.endswith(back.format(name))


def test_a_unit_that_the_package_chose_is_no_mistake():
    runs = {"flops": [1e20, 1e21, 1e22, 1e23], "score": [0.2, 0.31, 0.39, 0.5]}
    gain = sf.training.compute_equivalent_gain(runs, own_flops=1e21, own_score=0.45)
    assert codes(gain.baseline) == []


def test_losses_that_do_not_vary_say_nothing_about_units():
    sizes, data = grid(6, 6)
    for factor, loss in ((1.0, 20.0), (1e9, 3.0)):
        frame = {"params": sizes / factor, "tokens": data, "loss": np.full(36, loss)}
        assert units_of(frame) == []


def test_red_findings_come_first_and_green_ones_last():
    x = np.repeat(np.logspace(7, 10, 20), 2)
    loss = curve(x) * np.exp(NOISE * draws(generator(16), 40))
    loss[::2] *= 1.05
    frame = {"x": [*x, 1e9], "loss": [*loss, 3.0]}
    weights = np.ones(41)
    weights[40] = 0.0
    fit = sf.fit(
        frame, "power_offset", weights=weights, starts={"E": 1.8, "A": 480.0, "alpha": 0.35}
    )
    severities = [found.severity for found in fit.findings]
    assert severities == sorted(severities, key=["red", "amber", "green"].index)
    assert len(set(severities)) == 3


def test_names_are_listed_as_words_and_every_doubt_has_a_remedy():
    rows = {"x": [1.0, 2.0, 3.0, np.nan], "loss": [3.0, 2.0, 1.8, 1.0]}
    bounds = {"E": sf.Param(lower=0.0, upper=1.0), "A": sf.Param(lower=0.0, upper=1.5)}
    fit = sf.fit(rows, "E + A*x**-a", nulls="drop", params=bounds)
    assert {"rows_dropped", "no_dof", "at_bound"} <= set(codes(fit))
    assert finding(fit, "at_bound").sentence.startswith("`E` and `A` ended on a bound")
    groups = {"x": [1.0, 2.0, 3.0, 1.0], "loss": [3.0, 2.0, 1.8, 2.0], "run": ["a"] * 3 + ["b"]}
    many = sf.fit(groups, "A*x**-a", by="run")
    assert finding(many, "groups_failed").sentence.startswith("1 of 2 groups has no")
    for found in (*fit.findings, *many.findings):
        assert found.advice
        assert "[" not in found.sentence


def test_only_a_row_at_an_end_is_said_to_be_beyond_a_robust_loss():
    runs = line_runs(generator(17), 30).frame
    for row, is_end in ((15, False), (29, True)):
        factor = np.ones(30)
        factor[row] = 1.3
        fit = sf.fit(runs.with_columns(pl.col("loss") * pl.Series(factor)), "power_offset")
        found = finding(fit, "outliers")
        assert found.evidence["rows"] == [row]
        assert ("robust loss" in found.advice) == is_end
