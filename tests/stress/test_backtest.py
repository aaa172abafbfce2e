"""The back-test: its origins, its figures, what it says of true and of broken laws, and what it refuses."""

from __future__ import annotations

import datetime as dt
import json
import math
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ladders import ROBUST, bend, isoflop, line, refitted

import scaling_fast as sf
from scaling_fast.stress.ladder import ladder_test
from scaling_fast.stress.naive import naive_forecasts
from scaling_fast.stress.origins import budgets, origins
from scaling_fast.stress.scale import scale_of

COLUMNS = [
    "origin", "scale", "n_fitted", "held_out", "decades", "observed", "forecast", "error", "z", "inside",
    "naive_last", "naive_line",
]  # fmt: skip


def fitted(runs, law="power_offset", **options):
    return sf.fit(runs, law, **{"loss": ROBUST} | options)


def rng(*words):
    return np.random.default_rng(words)


@pytest.fixture(scope="module")
def curve():
    return line(20, 4.0, 0.005, rng(13, 1))


@pytest.fixture(scope="module")
def grid():
    return isoflop(6, 10, 2.5, 0.005, rng(13, 2))


@pytest.fixture(scope="module")
def tested(curve):
    return sf.stress.backtest(fitted(curve), n=99)


def codes(result):
    return [finding.code for finding in result.findings]


# -- the figures ------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_forecast(tested):
    assert set(COLUMNS) <= set(tested.table.columns)
    assert tested.table.height == tested.pairs == 55
    assert tested.test == "backtest"
    assert isinstance(tested, sf.stress.Stress)


def test_z_and_t_are_what_their_formulas_say(curve, tested):
    """The first origin again, by least squares on ln y of scipy."""
    from scipy.optimize import least_squares

    x, y = curve["x"].to_numpy(), refitted(curve).clipped
    first = tested.table.filter(pl.col("origin") == tested.table["origin"][0])
    inside = x <= first["origin"][0] * (1 + 1e-12)
    assert inside.sum() == first["n_fitted"][0]
    assert first["held_out"].to_list() == [first.height] * first.height

    def ln(theta, at):
        return np.log(theta[0] + np.exp(theta[1] - theta[2] * np.log(at / 1e7)))

    start = [1.8, math.log(480 * 1e7**-0.35), 0.35]
    answer = least_squares(
        lambda theta: ln(theta, x[inside]) - np.log(y[inside]), start,
        x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15,
    )  # fmt: skip
    spare = inside.sum() - 3
    scale = math.sqrt(2 * answer.cost / spare)
    ahead = first["scale"].to_numpy()
    step = 1e-6 * np.eye(3)
    slopes = np.array([(ln(answer.x + h, ahead) - ln(answer.x - h, ahead)) / 2e-6 for h in step]).T
    inverse = np.linalg.inv(answer.jac.T @ answer.jac)
    widening = np.sqrt(1 + np.einsum("ij,jk,ik->i", slopes, inverse, slopes))
    observed = np.array([y[np.argmin(abs(x - place))] for place in ahead])
    z = (np.log(observed) - ln(answer.x, ahead)) / (scale * widening)
    np.testing.assert_allclose(first["forecast"], np.exp(ln(answer.x, ahead)), rtol=1e-6)
    np.testing.assert_allclose(first["z"], z, rtol=1e-4, atol=1e-5)
    assert tested.statistic == pytest.approx(math.sqrt((tested.table["z"] ** 2).mean()))


def test_the_error_is_that_of_the_forecast_and_grows_no_leak(tested):
    table = tested.table
    np.testing.assert_allclose(table["error"], table["observed"] / table["forecast"] - 1.0)
    # The floor of an origin is one number, and not that of all rows.
    floor = (table["observed"] - table["forecast"] * (1 + table["excess_error"])) / -table[
        "excess_error"
    ]
    for _, of_origin in table.with_columns(floor=floor).group_by("origin"):
        assert np.ptp(of_origin["floor"].to_numpy()) < 1e-8
    assert floor.round(9).n_unique() == tested.origins


def test_a_row_that_is_held_out_moves_no_forecast_of_it(curve):
    """Whatever the last run says, the forecasts of it are the same."""
    other = curve.with_columns(
        loss=pl.when(pl.int_range(pl.len()) == 19).then(pl.col("loss") * 1.002).otherwise("loss")
    )
    one, two = (sf.stress.backtest(fitted(runs), n=9).table for runs in (curve, other))
    same = one["scale"] == one["scale"].max()
    # Residuals are pulled in around the fit of all rows; none of these is.
    assert not one["pulled_in"].any()
    assert not two["pulled_in"].any()
    np.testing.assert_allclose(
        one.filter(same)["forecast"], two.filter(same)["forecast"], rtol=1e-9
    )


def test_naive_forecasts_are_the_last_value_and_the_line_through_three():
    at = np.array([0.0, 1.0, 1.0, 2.0, 3.0])
    values = np.array([9.0, 3.0, 5.0, 2.0, 1.0])
    last, through = naive_forecasts(at, values, np.array([4.0]), single=True, falls=True)
    assert last.tolist() == [1.0]
    assert through == pytest.approx([-0.6666667])  # of (1, 4), (2, 2), (3, 1)
    last, through = naive_forecasts(at, values, np.array([4.0]), single=False, falls=True)
    assert through == pytest.approx([0.0])  # of the least of each budget: (1, 3), (2, 2), (3, 1)
    last, _ = naive_forecasts(at, values, np.array([4.0]), single=False, falls=False)
    assert last.tolist() == [1.0]


# -- origins ----------------------------------------------------------------------------------------


def test_a_new_budget_begins_a_tenth_of_a_decade_below_the_largest():
    assert budgets(np.array([0.0, 0.95, 1.0, 2.0, 1.92])).tolist() == [2, 1, 1, 0, 0]
    many = budgets(np.linspace(0.0, 3.0, 31))
    assert many.max() == 7  # .1 makes more than 12, so .3


def test_origins_of_one_input_hold_sizes_and_a_decade_and_a_half(curve):
    refit = refitted(curve)
    found = origins(refit, scale_of(refit.request))
    x = np.log10(curve["x"].to_numpy())
    for origin in found:
        assert len(origin.fitted) >= 5
        assert np.ptp(x[origin.fitted]) >= 1.5 - 1e-6
        assert (x[origin.held_out] >= x[origin.fitted].max() + 0.3 - 1e-6).all()


@pytest.mark.parametrize(
    ("design", "count", "pairs"),
    [((6, 10, 2.5), 2, 3), ((7, 10, 3.0), 3, 6), ((9, 8, 2.7), 4, 10)],
)
def test_origins_of_two_inputs_hold_whole_budgets(design, count, pairs):
    refit = refitted(isoflop(*design, 0.003, rng(13, 3)), "chinchilla")
    found = origins(refit, scale_of(refit.request))
    assert len(found) == count
    assert sum(origin.places for origin in found) == pairs


def test_a_run_is_never_on_both_sides():
    x = np.tile(np.geomspace(1e7, 1e9, 4), 20) * np.repeat(np.geomspace(1.0, 100.0, 20), 4)
    loss = (1.8 + 480 * x**-0.35) * np.exp(0.004 * rng(13, 4).standard_normal(80))
    runs = pl.DataFrame({"x": x, "loss": loss, "run": np.repeat(np.arange(20), 4)})
    result = sf.stress.backtest(fitted(runs), run="run", n=19)
    refit = refitted(runs)
    for origin in origins(refit, scale_of(refit.request), runs["run"].to_numpy()):
        assert not set(runs["run"][origin.fitted]) & set(runs["run"][origin.held_out])
    last = runs.group_by("run").agg(pl.col("x").max())
    ends = result.table.join(last, on="run")
    assert (ends["x"] > ends["origin"]).all()


def test_runs_of_one_row_are_rows(curve):
    named = curve.with_columns(run=pl.int_range(20))
    plain, by_run = (sf.stress.backtest(fitted(named), n=19, run=run) for run in (None, "run"))
    assert plain.p == by_run.p
    assert by_run.table["run"].to_list() == by_run.table["row"].to_list()


# -- the scale --------------------------------------------------------------------------------------


def test_a_date_orders_the_runs_and_distances_are_days(curve):
    first = dt.date(2024, 1, 1)
    days = [first + dt.timedelta(days=30 * place) for place in range(20)]
    dated = curve.with_columns(day=pl.Series(days))
    result = sf.stress.backtest(fitted(dated), "day", n=19)
    assert result.settings["unit"] == "days"
    assert result.settings["counts_as_decades"] == 3.0
    assert result.table["origin"].dtype == pl.Date
    assert result.table["decades"].null_count() == result.table.height
    assert result.table["distance"].min() >= 57.0 - 1e-6  # a tenth of 570 days
    assert result.table["distance"].to_list() == pytest.approx(
        (result.table["scale"] - result.table["origin"]).dt.total_days().to_list()
    )


def test_the_scale_may_be_a_formula_or_a_column(grid):
    fit = fitted(grid.with_columns(flops=6 * pl.col("N") * pl.col("D")), "chinchilla")
    default, formula, column = (
        sf.stress.backtest(fit, along, n=19) for along in (None, "6*N*D", "flops")
    )
    assert default.settings["along"] == "6*N*D"
    assert default.p == formula.p == column.p
    assert sf.stress.backtest(fit, "N", n=19).table["scale"].max() == grid["N"].max()


def test_values_of_0_and_below_have_no_decades(curve):
    result = sf.stress.backtest(fitted(curve.with_columns(t=pl.int_range(20) - 5)), "t", n=19)
    assert result.settings["unit"] == "shares of the range"
    assert result.table["distance"].max() <= 1.0


def test_years_are_no_decades(curve):
    fit = fitted(curve.with_columns(year=2004 + pl.int_range(20)))
    assert sf.stress.backtest(fit, "year", n=19).settings["unit"] == "shares of the range"


# -- the verdict ------------------------------------------------------------------------------------


def test_a_law_that_bends_two_decades_before_the_end_is_red():
    result = sf.stress.backtest(fitted(line(20, 4.0, 0.005, rng(13, 5), bend(2.0, 0.05))))
    assert result.p <= 0.01
    assert result.draws == 1999
    assert result.findings[0].severity == "red"
    assert "asked for the rest, the law missed by a median" in result.findings[0].sentence


def test_the_true_law_is_green(tested):
    assert tested.findings[0].severity == "green"
    assert "a true law on this design misses this badly in" in tested.findings[0].sentence
    assert tested.draws == 99


def test_a_law_that_cannot_beat_the_last_value_is_amber():
    truth = lambda x: np.where(x < 1e9, 1.8 + 480 * x**-0.35, 1.8 + 480 * 1e9**-0.35)  # noqa: E731
    result = sf.stress.backtest(fitted(line(20, 4.0, 0.001, rng(13, 6), truth), "power"), n=19)
    assert all(value < 0 for value in result.skill.values())
    assert "worse_than_naive" in codes(result)


@pytest.mark.parametrize("row", [0, 3, 10, 19])
def test_a_diverged_run_is_named_and_moves_nothing(curve, row):
    bad = curve.with_columns(loss=pl.when(pl.int_range(20) == row).then(9.7).otherwise("loss"))
    without = sf.stress.backtest(fitted(curve.filter(pl.int_range(20) != row)), n=99)
    result = sf.stress.backtest(fitted(bad), n=99)
    (found,) = [finding for finding in result.findings if finding.code == "outliers"]
    assert found.evidence["rows"] == [row]
    assert result.statistic == pytest.approx(without.statistic, rel=1e-6)
    assert result.p == pytest.approx(without.p, abs=0.1)
    counted = result.table.filter("counts")
    np.testing.assert_allclose(counted["error"], without.table["error"], atol=1e-6)
    if row == 19:
        seen = result.table.filter(pl.col("row") == row)
        assert seen["observed"].to_list() == [9.7] * seen.height
        assert not seen["counts"].any()


def test_two_bad_runs_beside_each_other_are_no_accident(curve):
    bad = curve.with_columns(loss=pl.when(pl.int_range(20) >= 18).then(3.0).otherwise("loss"))
    result = sf.stress.backtest(fitted(bad))
    assert result.table["counts"].all()
    assert result.p <= 0.10


def test_ignoring_runs_makes_noise_look_like_a_miss():
    """Rows of a run share most of their noise: whole runs are drawn, so the true law is not accused."""
    ignored, named = [], []
    for place in range(10):
        noise = rng(13, 7, place)
        runs = line(12, 3.0, 0.0, noise).select(pl.all().repeat_by(3).explode())
        shared = np.repeat(0.9 * noise.standard_normal(12), 3) + 0.44 * noise.standard_normal(36)
        runs = runs.with_columns(
            loss=pl.col("loss") * pl.Series(np.exp(0.005 * shared)), run=pl.int_range(36) // 3
        )
        refit = refitted(runs)
        ignored.append(ladder_test(refit, n=39).p)
        named.append(ladder_test(refit, n=39, run="run").p)
    # .1 % and .999 of Binomial(10, .1) are 0 and 5.
    assert (np.array(ignored) <= 0.10).sum() > (np.array(named) <= 0.10).sum() <= 5


# -- what cannot be asked ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "why"),
    [(4, "4 different sizes"), (5, "5 different sizes"), (6, "too few"), (12, "span 1 decades")],
)
def test_too_few_origins_are_grey(rows, why):
    runs = line(rows, 1.0 if rows == 12 else 3.0, 0.003, rng(13, 8))
    result = sf.stress.backtest(fitted(runs))
    assert math.isnan(result.p)
    assert result.findings[0].severity == "grey"
    assert why in result.findings[0].sentence
    assert result.findings[0].advice
    assert result.as_dict()["p"] is None
    assert set(COLUMNS) <= set(result.table.columns)
    assert "grey" in result.summary()


@pytest.mark.parametrize(("count", "why"), [(10, "one place"), (30, "budgets are 3")])
def test_few_budgets_are_grey(grid, count, why):
    result = sf.stress.backtest(fitted(grid[:count], "chinchilla"))
    assert result.findings[0].severity == "grey"
    assert why in result.findings[0].sentence


def test_one_run_is_grey(curve):
    result = sf.stress.backtest(fitted(curve.with_columns(run=pl.lit("a"))), run="run")
    assert "one run" in result.findings[0].sentence


def test_one_ratio_is_grey():
    runs = isoflop(9, 3, 3.0, 0.003, rng(13, 9)).filter(pl.int_range(27) % 3 == 1)
    result = sf.stress.backtest(fitted(runs, "E + A/N**alpha + 2100/D**0.37"), n=19)
    assert "data per parameter" in result.findings[0].sentence


def test_as_many_parameters_as_rows_are_refused(curve):
    with pytest.raises(sf.DataError, match="no degree of freedom"):
        sf.stress.backtest(fitted(curve[::9], loss=sf.Squared()))


def test_a_law_of_three_inputs_needs_a_scale_it_can_find(grid):
    three = grid.with_columns(q=pl.Series(rng(13, 10).uniform(1.0, 2.0, 60)))
    law = "E + A/N**alpha + B/D**beta + c*q"
    assert sf.stress.backtest(fitted(three, law), "6*N*D", n=19).origins == 2
    unknown = three.rename({"N": "u", "D": "v"})
    fit = fitted(unknown, "E + A/u**alpha + B/v**beta + c*q")
    with pytest.raises(sf.errors.ParameterError, match="say what orders the runs") as refused:
        sf.stress.backtest(fit)
    assert refused.value.param == "along"
    assert sf.stress.backtest(fit, "u*v", n=19).origins == 2


@pytest.mark.parametrize(
    ("along", "code"),
    [
        ("words", "dtype"), ("texts", "dtype"), ("nulls", "null"), ("nowhere", "missing_column"),
        ("x*nowhere", "missing_column"), ("day*2", "dtype"), ("3", "along"), ("", "along"), (5, "along"),
        ("1/(x-x)", "not_finite"), ("x +* 2", "formula"), ("flag", "dtype"),
    ],
)  # fmt: skip
def test_a_scale_that_orders_nothing_is_refused(curve, along, code):
    days = [dt.date(2024, 1, 1 + place) for place in range(20)]
    runs = curve.with_columns(
        words=pl.Series([f"w{place}" for place in range(20)]),
        texts=pl.Series([str(day) for day in days]),
        day=pl.Series(days),
        nulls=pl.Series([None, *days[1:]]),
        flag=pl.int_range(20) > 10,
    )
    with pytest.raises(sf.ScalingError) as refused:
        sf.stress.backtest(fitted(runs), along)
    assert refused.value.code == code


def test_dates_in_text_are_told_how_to_become_dates(curve):
    runs = curve.with_columns(day=pl.Series([f"2024-01-{place + 1:02}" for place in range(20)]))
    with pytest.raises(sf.DataError, match=r"str\.to_date\(\)"):
        sf.stress.backtest(fitted(runs), "day")


@pytest.mark.parametrize(
    "options",
    [
        {"n": 0},
        {"n": 1.5},
        {"level": 1.0},
        {"run": "nowhere"},
        {"run": 3},
        {"executor": 3},
        {"seed": -1},
    ],
)
def test_wrong_options_are_refused(curve, options):
    with pytest.raises(sf.ScalingError):
        sf.stress.backtest(fitted(curve), **options)


def test_weights_and_groups_are_refused(curve):
    weighted = fitted(curve.with_columns(w=pl.lit(1.0)), weights="w")
    with pytest.raises(sf.errors.ParameterError, match="weights"):
        sf.stress.backtest(weighted)
    grouped = fitted(curve.with_columns(g=pl.int_range(20) % 2), by="g", loss=sf.Squared())
    with pytest.raises(sf.errors.ParameterError, match="a back-test"):
        sf.stress.backtest(grouped)
    with pytest.raises(sf.errors.ParameterError):
        sf.stress.backtest("chinchilla")


# -- the same everywhere ----------------------------------------------------------------------------


def test_threads_and_executors_change_no_bit(curve, tested):
    fit = fitted(curve)
    with ThreadPoolExecutor(2) as pool:
        others = [
            sf.stress.backtest(fit, n=99, threads=1),
            sf.stress.backtest(fit, n=99, threads=2),
            sf.stress.backtest(fit, n=99, executor=pool),
        ]
    for other in others:
        assert other.table.equals(tested.table)
        assert (other.p, other.statistic) == (tested.p, tested.statistic)


def test_another_process_gives_the_same_bits(curve, tested):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        other = sf.stress.backtest(fitted(curve), n=99, executor=pool)
    assert other.p == tested.p


def test_a_lost_worker_loses_nothing(curve, tested):
    class Lost:
        def submit(self, function, *args):
            from concurrent.futures import Future
            from concurrent.futures.process import BrokenProcessPool

            future = Future()
            future.set_exception(BrokenProcessPool("gone"))
            return future

    assert sf.stress.backtest(fitted(curve), n=99, executor=Lost()).p == tested.p


def test_the_order_of_rows_and_units_change_nothing(curve, tested):
    shuffled = curve.sample(fraction=1.0, shuffle=True, seed=3)
    scaled = curve.with_columns(x=pl.col("x") / 1e6, loss=pl.col("loss") / 2)
    for runs in (shuffled, scaled):
        other = sf.stress.backtest(fitted(runs), n=99)
        assert other.p == tested.p
        assert other.statistic == pytest.approx(tested.statistic, rel=1e-6)


def test_more_data_sets_begin_with_the_same(curve):
    from scaling_fast.stress.ladder import Ladder

    refit = refitted(curve)
    ladder = Ladder.of(refit, scale_of(refit.request), None, 5)
    np.testing.assert_array_equal(ladder.drawn(0, 30, 2)[20:], ladder.drawn(20, 10, 1))


def test_the_quick_form_is_the_same_test(curve, tested):
    quick = ladder_test(refitted(curve), n=99)
    assert (quick.p, quick.statistic) == (tested.p, tested.statistic)
    assert (quick.pairs, quick.origins) == (tested.pairs, tested.origins)
    assert quick.longest == pytest.approx(tested.table["decades"].max())


def test_it_is_written_pickled_and_printed(tested, tmp_path):
    tested.save(tmp_path / "b.json")
    read = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert read["p"] == tested.p
    assert len(read["table"]) == tested.table.height
    assert read["by_distance"][0]["forecasts"] > 0
    again = pickle.loads(pickle.dumps(tested))
    assert again.summary() == tested.summary()
    for words in ("error against distance", "skill", "T ", "green"):
        assert words in tested.summary()
    assert "<pre>" in tested._repr_html_()


def test_progress_is_told(curve):
    seen = []
    sf.stress.backtest(fitted(curve), n=19, progress=lambda done, total: seen.append((done, total)))
    assert seen
    assert all(done <= total for done, total in seen)


@pytest.fixture(scope="module")
def published():
    folder = os.environ.get("SCALING_FAST_DATA")
    if folder is None:
        pytest.skip("SCALING_FAST_DATA is not set: the 240 rows of Chinchilla are there")
    runs = pl.read_csv(Path(folder) / "chinchilla_epoch.csv").filter(pl.col("keep_240") == 1)
    return runs.with_columns(tokens=pl.col("flops") / (6 * pl.col("params")))


def test_the_runs_of_chinchilla_are_red(published):
    """No data set of 999 misses as badly as the fit to the smaller of the 240 runs."""
    test = ladder_test(
        refitted(published.rename({"params": "N", "tokens": "D"}), "chinchilla"), n=99
    )
    assert test.p <= 0.0025
