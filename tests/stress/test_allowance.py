"""The allowance of a forecast: its parts, its gates, its sentences, and what it refuses."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf
from scaling_fast.comparison.robust_refit import robust_refit
from scaling_fast.stress.beyond_the_runs import outlook, steady_path
from scaling_fast.stress.drift import integrated
from scaling_fast.stress.gates import GATES

X = np.geomspace(1e7, 1e10, 20)
PARTS = ["noise", "drift", "form", "lower", "upper"]


def runs(seed: int = 1, noise: float = 0.005, x: np.ndarray = X) -> dict[str, np.ndarray]:
    error = noise * np.random.default_rng(seed).standard_normal(len(x))
    return {"x": x, "loss": (1.8 + 480.0 * x**-0.35) * np.exp(error)}


def surface(seed: int, noise: float = 0.005) -> dict[str, np.ndarray]:
    size, data = (
        axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 3e9, 6), np.geomspace(1e9, 1e11, 10))
    )
    error = noise * np.random.default_rng(seed).standard_normal(60)
    loss = (1.8 + 480.0 * size**-0.35 + 2100.0 * data**-0.37) * np.exp(error)
    return {"N": size, "D": data, "loss": loss}


def fitted(data=None, law="power_offset", **options):
    return sf.fit(runs() if data is None else data, law, **({"loss": sf.Squared()} | options))


def test_the_frame_holds_the_columns_and_the_parts():
    answer = sf.stress.allowance(fitted(), [1e11, 1e12])
    assert answer.columns == ["x", "prediction", *PARTS, "decades_beyond", "status", "sentence"]
    assert answer["decades_beyond"].to_list() == pytest.approx([1.0, 2.0])
    half = np.log1p(np.maximum(answer["drift"].to_numpy(), answer["form"].to_numpy()))
    assert answer["upper"].to_numpy() == pytest.approx(
        answer["prediction"].to_numpy() * np.exp(half)
    )
    assert answer["lower"].to_numpy() == pytest.approx(
        answer["prediction"].to_numpy() * np.exp(-half)
    )
    assert (answer["noise"] <= answer["drift"]).all()
    assert (answer["noise"] < answer["form"] * 1.05).all()


def test_a_level_widens_every_part():
    narrow, wide = (sf.stress.allowance(fitted(), 1e11, level=level) for level in (0.5, 0.95))
    for part in ("noise", "drift", "form"):
        assert narrow[part][0] < wide[part][0]


def test_nothing_is_allowed_further_beyond_the_runs_than_they_span():
    """The limit is inclusive, to a millionth of a decade."""
    answer = sf.stress.allowance(fitted(), [1e13, 1e13 * 10**9e-7, 1e13 * 1.001, 1e20])
    assert answer["status"].to_list()[2:] == ["beyond", "beyond"]
    assert "beyond" not in answer["status"].to_list()[:2]
    for part in ("drift", "form", "lower", "upper"):
        assert answer[part].null_count() == 2
    assert answer["noise"].null_count() == answer["prediction"].null_count() == 0
    assert "beyond what these runs can say" in answer["sentence"][3]
    assert "furthest they can speak of" in answer["sentence"][3]


def test_a_point_inside_the_runs_has_its_allowance_too():
    answer = sf.stress.allowance(fitted(), 3e8)
    assert answer["decades_beyond"][0] == 0.0
    assert answer["sentence"][0].startswith("Inside the runs: allow for")


def test_points_are_numbers_mappings_or_frames_under_either_name():
    data = runs()
    fit = sf.fit(
        {"steps": data["x"], "loss": data["loss"]},
        "power_offset",
        columns={"x": "steps"},
        loss=sf.Squared(),
    )
    asked = [
        1e11,
        [1e11],
        np.array([1e11]),
        {"x": 1e11},
        {"steps": [1e11]},
        pl.DataFrame({"steps": [1e11]}),
    ]
    answers = [sf.stress.allowance(fit, at) for at in asked]
    assert all(answer.equals(answers[0]) for answer in answers)


def test_two_inputs_go_by_compute():
    fit = fitted(surface(1), "chinchilla")
    answer = sf.stress.allowance(fit, {"N": [1e10, 1e11], "D": [2e11, 2e14]})
    largest = 6.0 * 3e9 * 1e11
    assert answer["decades_beyond"][1] == pytest.approx(np.log10(6.0 * 1e11 * 2e14 / largest))
    assert answer["status"].to_list() == ["supported", "beyond"]
    own = sf.stress.allowance(fit, {"N": [1e10], "D": [2e11]})
    assert own.equals(answer[:1])


def test_a_budget_is_spent_as_the_law_itself_would():
    fit = fitted(surface(1), "chinchilla")
    answer = sf.stress.allowance(fit, [1e22, 1e23])
    best = sf.optimum(fit, [1e22, 1e23])
    for column, quantity in (("N", "N_opt"), ("D", "D_opt")):
        asked = best.filter(pl.col("quantity") == quantity)["estimate"].to_list()
        assert answer[column].to_list() == pytest.approx(asked, rel=1e-9)
    own = fitted(surface(1), "floor + a/p**u + b/t**v", columns={"p": "N", "t": "D"})
    assert sf.stress.allowance(own, 1e22)["p"][0] == pytest.approx(answer["N"][0], rel=1e-4)


def test_the_path_beyond_keeps_the_tokens_per_parameter_of_the_largest_runs():
    fit = fitted(surface(1), "chinchilla")
    table = fit.request.table
    at = steady_path(
        outlook(fit, {"N": [1e10], "D": [2e11]}, level=0.9).inputs,
        table.arrays,
        np.array([0.0, 1.0]),
    )
    compute = table.arrays["N"] * table.arrays["D"]
    near = compute >= compute.max() / 10.0 * (1 - 1e-9)
    ratio = np.median((table.arrays["D"] / table.arrays["N"])[near])
    assert at["D"] / at["N"] == pytest.approx([ratio, ratio])
    assert at["N"] * at["D"] == pytest.approx(compute.max() * np.array([1.0, 10.0]))


def test_each_gate_is_shut_by_what_it_names():
    few = fitted(runs(x=X[::3]))
    short = fitted(runs(x=np.geomspace(1e8, 1e9, 20)))
    local = fitted(starts={"E": 1.8, "A": 480.0, "alpha": 0.35})
    bent = runs(noise=0.001)
    plateau = bent | {"loss": np.where(X > 4e9, bent["loss"][15], bent["loss"])}
    curve = runs(noise=0.0) | {
        "loss": 3.0 * np.exp(-0.1 * np.log(X / 1e7) + 0.004 * np.log(X / 1e7) ** 2)
    }
    noisy = curve | {"loss": curve["loss"] * runs(noise=0.001)["loss"] / runs(noise=0.0)["loss"]}
    wide = surface(2, noise=0.002)
    compute = np.log(wide["N"] * wide["D"])
    kink = np.maximum(compute - np.median(compute), 0.0)
    bend = wide | {"loss": 1.8 + (wide["loss"] - 1.8) * np.exp(-0.08 * kink)}
    at = {"N": [1e10], "D": [2e11]}
    crowded = runs(x=np.r_[1e7, 3e7, 1e8, np.geomspace(4e9, 1e10, 7)])
    seen = {
        "few_rows": sf.stress.allowance(few, 1e11),
        "untested": sf.stress.allowance(fitted(crowded), 1e11),
        "short_range": sf.stress.allowance(short, 1e10),
        "not_global": sf.stress.allowance(local, 1e11),
        "end_of_sample": sf.stress.allowance(fitted(plateau), 1e11),
        "not_kept": sf.stress.allowance(fitted(noisy, "power"), 1e11),
        "backtest": sf.stress.allowance(fitted(noisy, "power"), 1e11),
        "bend": sf.stress.allowance(fitted(bend, "chinchilla"), at),
    }
    assert set(seen) == set(GATES)
    for code, answer in seen.items():
        assert code in answer["status"][0].split(", "), (code, answer["status"][0])
        assert "No extrapolation is supported: " in answer["sentence"][0]


def test_the_constant_is_an_axis_of_the_forecast():
    said = sf.stress.allowance(fitted(), 1e12)["sentence"][0]
    assert " With E 1.7" in said
    assert "/ free: " in said
    kept = sf.stress.allowance(fitted(params={"E": 1.8}), 1e12)
    assert " With E" not in kept["sentence"][0]
    assert kept["status"][0] == "supported"


def test_a_fixed_constant_is_no_fault_of_the_design():
    fit = fitted(params={"E": 1.8})
    assert [finding.code for finding in fit.findings] == []
    assert (
        sf.stress.allowance(fit, 1e12)["noise"][0] < sf.stress.allowance(fitted(), 1e12)["noise"][0]
    )


def test_a_diverged_run_is_named_and_moves_little():
    data = runs(3)
    plain = sf.stress.allowance(fitted(data, loss=sf.Huber(1e-3)), 1e11)
    wrong = data["loss"].copy()
    wrong[7] = 9.7
    found = sf.stress.allowance(fitted(data | {"loss": wrong}, loss=sf.Huber(1e-3)), 1e11)
    assert found["prediction"][0] == pytest.approx(plain["prediction"][0], rel=0.005)
    assert found["drift"][0] < 2.0 * plain["drift"][0]
    assert " Row 7 lies " in found["sentence"][0]
    assert "pulled in to three" in found["sentence"][0]


@pytest.mark.parametrize(
    "loss", [sf.Huber(1.345, scale="mad"), sf.Squared(), sf.Huber(1e-3)], ids=str
)
def test_a_run_that_diverged_at_an_end_captures_no_curve(loss):
    for place in (0, -1):
        data = runs(4, noise=0.004, x=np.geomspace(1e7, 1e11, 20))
        plain = sf.stress.allowance(fitted(data, loss=loss), 1e12)
        data["loss"][place] *= 8.0
        found = sf.stress.allowance(fitted(data, loss=loss), 1e12)
        assert found["prediction"][0] == pytest.approx(plain["prediction"][0], rel=0.01)
        assert found["upper"][0] < 1.1 * plain["upper"][0]
        assert f" Row {place % 20} lies " in found["sentence"][0]


def test_few_sizes_are_few_rows_however_often_they_were_run():
    data = runs(x=np.repeat([1e8, 1e9, 1e10], 6))
    assert "few_rows" in sf.stress.allowance(fitted(data), 1e11)["status"][0]


def test_a_column_keeps_its_name_whatever_it_is():
    data = runs()
    fit = sf.fit({"noise": data["x"], "loss": data["loss"]}, "E + A/noise**alpha", loss=sf.Squared(),
                 params=dict.fromkeys(["E", "A", "alpha"], sf.Param(lower=0)))  # fmt: skip
    answer = sf.stress.allowance(fit, 1e11)
    assert answer["noise"][0] == 1e11
    assert answer.width == 10


def test_a_dead_executor_and_a_wrong_answer_change_nothing():
    from concurrent.futures import Future, ThreadPoolExecutor

    class Wrong:
        def submit(self, *_):
            future = Future()
            future.set_result(np.zeros(3))
            return future

    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    fit = fitted()
    plain = sf.stress.allowance(fit, 1e11)
    for executor in (closed, Wrong()):
        assert sf.stress.allowance(fit, 1e11, executor=executor).equals(plain)


def test_rows_of_a_run_count_as_one_where_they_share_an_error():
    x = np.repeat(np.geomspace(1e7, 1e10, 15), 6) * np.tile(np.linspace(0.8, 1.25, 6), 15)
    draw = np.random.default_rng(5)
    error = np.repeat(0.006 * draw.standard_normal(15), 6) + 0.001 * draw.standard_normal(90)
    data = {
        "x": x,
        "loss": (1.8 + 480.0 * x**-0.35) * np.exp(error),
        "run": np.repeat(np.arange(15), 6),
    }
    fit = fitted(data)
    apart, together = sf.stress.allowance(fit, 1e11), sf.stress.allowance(fit, 1e11, run="run")
    assert together["noise"][0] > 1.25 * apart["noise"][0]
    # The error that a run's rows share looks like drift while they count as many.
    assert together["drift"][0] < 0.1 * apart["drift"][0]
    with pytest.raises(sf.DataError, match="2 runs for 3 parameters") as refused:
        sf.stress.allowance(fitted(data | {"run": np.arange(90) % 2}), 1e11, run="run")
    assert refused.value.code == "no_dof"


def test_drift_is_an_integrated_wiener_process():
    """k(a, b) = m^2 (3M - m)/6 is the covariance of the integral of a Wiener process, by simulation."""
    steps = np.random.default_rng(1).standard_normal((40_000, 400)) * np.sqrt(0.01)
    path = np.cumsum(np.cumsum(steps, axis=1), axis=1) * 0.01
    assert np.mean(path[:, 199] * path[:, 399]) == pytest.approx(
        float(integrated(np.array(2.0), np.array(4.0))), rel=0.05
    )


def test_the_refit_forgets_the_loss_of_the_fit():
    """Every later step uses one robust refit: two losses give one allowance."""
    squared, huber = (robust_refit(fitted(loss=loss)) for loss in (sf.Squared(), sf.Huber(1e-3)))
    assert squared.scale == pytest.approx(huber.scale, rel=0.05)
    assert squared.log_forecast({"x": np.array([1e12])})[0] == pytest.approx(
        huber.log_forecast({"x": np.array([1e12])})[0], abs=1e-3
    )


def test_the_fits_own_forecast_is_named_where_its_loss_decides():
    data = runs(noise=0.002)
    data["loss"][-4:] *= 1.2
    answer = sf.stress.allowance(fitted(data), 1e11)
    own = fitted(data).predict({"x": [1e11]})["prediction"][0]
    if abs(np.log(own / answer["prediction"][0])) > 0.5 * np.log(
        answer["upper"][0] / answer["prediction"][0]
    ):
        assert "its loss decides" in answer["sentence"][0]
    else:
        assert "its loss decides" not in answer["sentence"][0]


def test_forms_are_those_that_the_caller_names():
    fit = fitted(runs(11))
    default = sf.stress.allowance(fit, 1e12)
    alone = sf.stress.allowance(fit, 1e12, laws=["power_offset"])
    pair = sf.stress.allowance(fit, 1e12, laws=["power_offset", "log_power"])
    own = sf.stress.allowance(fit, 1e12, laws=["E + A/(1 + x/s)**alpha"])
    assert alone["form"][0] < pair["form"][0] <= default["form"][0]
    assert own["form"][0] > 0.0
    assert alone["form"][0] == pytest.approx(alone["noise"][0], rel=0.15)
    with pytest.raises(sf.ParameterError, match="no rival"):
        sf.stress.allowance(fit, 1e12, laws=["step_law_lr"])


def test_an_executor_and_threads_change_nothing():
    from concurrent.futures import ThreadPoolExecutor

    seen = []
    fit = fitted()
    plain = sf.stress.allowance(fit, 1e11, threads=1)
    with ThreadPoolExecutor(2) as pool:
        other = sf.stress.allowance(
            fit, 1e11, executor=pool, progress=lambda *done: seen.append(done)
        )
    assert other.equals(plain)
    assert seen


def test_seven_degrees_of_freedom_are_the_fewest():
    for count, is_shut in ((9, True), (10, False)):
        answer = sf.stress.allowance(fitted(runs(seed=2, x=np.geomspace(1e7, 1e10, count))), 1e11)
        assert ("few_rows" in answer["status"][0]) == is_shut, count


def test_the_last_rows_are_doubted_below_one_in_ten():
    from scaling_fast.stress.end_of_sample import end_of_sample

    seen = set()
    for seed in range(60):
        fit = fitted(runs(seed=seed))
        p = end_of_sample(robust_refit(fit)).p
        if 0.03 < p < 0.25 and len(seen) < 2:
            shut = "end_of_sample" in sf.stress.allowance(fit, 1e11)["status"][0]
            assert shut == (p < 0.10), p
            seen.add(shut)
    assert seen == {True, False}


def test_forms_widen_by_how_few_independent_rows_there_are():
    """Kish's design effect: fifteen runs of six rows that share nearly all their error count as fifteen rows."""
    x = np.repeat(np.geomspace(1e7, 1e10, 15), 6)
    draw = np.random.default_rng(9)
    error = np.repeat(0.006 * draw.standard_normal(15), 6) + 0.0005 * draw.standard_normal(90)
    fit = fitted({"x": x, "loss": (1.8 + 480.0 * x**-0.35) * np.exp(error)})
    at, run = {"x": np.array([1e11])}, np.repeat(np.arange(15), 6)
    apart, together = outlook(fit, at, level=0.9), outlook(fit, at, level=0.9, runs=run)
    for first, second in zip(apart.bands, together.bands, strict=True):
        if first.name in ("power_offset", "log_power"):
            ratio = (second.upper - second.lower) / (first.upper - first.lower)
            assert 2.2 < ratio[0] < 3.2, first.name  # about the root of six, and a wider quantile


def test_the_spelling_of_a_law_does_not_matter():
    bounds = dict.fromkeys(["E", "A", "alpha"], sf.Param(lower=0))
    plain = sf.stress.allowance(fitted(), 1e11)
    for text in ("loss ~ E + A*x**(-alpha)", "log(loss) ~ log(E + A/x**alpha)"):
        answer = sf.stress.allowance(fitted(law=text, params=bounds), 1e11)
        assert answer["status"][0] == plain["status"][0], text
        for part in ("prediction", *PARTS):
            assert answer[part][0] == pytest.approx(plain[part][0], rel=0.01), (text, part)


def test_neither_the_order_of_rows_nor_equal_sizes_change_the_answer():
    data = runs(seed=1, x=np.repeat(np.geomspace(1e7, 1e10, 13), 3))
    turned = {name: values[::-1] for name, values in data.items()}
    one, other = (sf.stress.allowance(fitted(rows), 1e11) for rows in (data, turned))
    assert one["status"].to_list() == other["status"].to_list()
    assert one["form"][0] == pytest.approx(other["form"][0], rel=1e-3)


def test_a_point_below_the_runs_is_outside_them():
    answer = sf.stress.allowance(fitted(), [1e6, 1e2])
    assert answer["decades_beyond"].to_list() == pytest.approx([1.0, 5.0])
    assert answer["status"].to_list() == ["supported", "beyond"]
    assert answer["drift"][0] > 2.0 * sf.stress.allowance(fitted(), 1e7)["drift"][0]
    assert answer["sentence"][0].startswith("1.0 decades outside the runs")
    far = sf.stress.allowance(fitted(surface(1), "chinchilla"), {"N": [1e3], "D": [1e17]})
    assert far["status"][0] == "beyond"


def test_one_free_parameter_is_enough():
    for kept in ({"A": 480.0, "alpha": 0.35}, {"E": 1.8, "alpha": 0.35}):
        answer = sf.stress.allowance(fitted(params=kept), 1e11)
        assert np.isfinite(answer["form"][0])


def test_unequal_runs_count_by_what_they_share():
    """Two runs of twenty rows beside twelve of one: the truth lies outside in few of twenty sets."""
    missed = 0
    for seed in range(20):
        rng = np.random.default_rng([7, seed])
        sizes = np.array([1] * 6 + [20] + [1] * 6 + [20])
        run = np.repeat(np.arange(14), sizes)
        x = np.geomspace(1e7, 1e10, 14)[run] * np.exp(0.02 * rng.uniform(-1, 1, len(run)))
        error = 0.006 * rng.standard_normal(14)[run] + 0.001 * rng.standard_normal(len(run))
        data = {"x": x, "loss": (1.8 + 480.0 * x**-0.35) * np.exp(error), "run": run}
        found = sf.stress.allowance(fitted(data), 1e10, run="run")
        truth = 1.8 + 480.0 * 1e10**-0.35
        missed += not found["lower"][0] <= truth <= found["upper"][0]
    assert missed <= 6  # the 99.9 % quantile of Binomial(20, 0.1)


def test_many_rows_take_no_cube_of_their_number():
    """The process is linear between knots where rows are many; the answer is that of all rows."""
    from scaling_fast.stress import drift

    rng = np.random.default_rng(3)
    decades = np.sort(rng.uniform(0.0, 3.0, 400))
    exact = integrated(decades[:, None], decades[None])
    factor = drift.process_factor(decades)
    assert factor.shape[1] <= drift.KNOTS
    assert np.abs(factor @ factor.T - exact).max() < 2e-3 * exact.max()


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda: sf.stress.allowance(fitted(), None), "at"),
        (lambda: sf.stress.allowance(fitted(), -1.0), "at"),
        (lambda: sf.stress.allowance(fitted(), [np.nan]), "at"),
        (lambda: sf.stress.allowance(fitted(), {"x": []}), None),
        (lambda: sf.stress.allowance(fitted(), {"z": [1e11]}), "missing_column"),
        (lambda: sf.stress.allowance(fitted(), "1e11"), None),
        (lambda: sf.stress.allowance(fitted(), 1e11, level=90), "level"),
        (lambda: sf.stress.allowance(fitted(), 1e11, run="shard"), "missing_column"),
        (lambda: sf.stress.allowance("fit", 1e11), "fit"),
        (lambda: sf.stress.allowance(fitted(sigma=np.full(20, 0.01)), 1e11), "sigma"),
        (lambda: sf.stress.allowance(fitted(weights=np.arange(1.0, 21.0)), 1e11), "weights"),
        (lambda: sf.stress.allowance(fitted(runs(x=X[[0, 9, 19]])), 1e11), "no_dof"),
    ],
)
def test_a_question_without_an_answer_is_refused_by_name(ask, code):
    with pytest.raises(sf.ScalingError) as refused:
        ask()
    if code is not None:
        assert refused.value.code == code, str(refused.value)


def test_laws_of_three_inputs_and_groups_are_refused_by_name():
    rng = np.random.default_rng(0)
    data = {name: np.exp(rng.uniform(0.0, 5.0, 40)) for name in ("a", "b", "c")}
    data["loss"] = (
        1.0
        + data["a"] ** -0.3
        + data["b"] ** -0.2
        + data["c"] ** -0.1
        + 0.01 * rng.uniform(size=40)
    )
    law = "E + a**(-p) + b**(-q) + c**(-r)"
    with pytest.raises(sf.ScalingError, match="one or two inputs"):
        sf.stress.allowance(
            sf.fit(data, law, columns={"a": "a", "b": "b", "c": "c"}),
            {"a": [9.0], "b": [9.0], "c": [9.0]},
        )
    two = {
        "x": np.tile(X, 2),
        "loss": np.tile(runs()["loss"], 2),
        "curve": np.repeat(["p", "q"], 20),
    }
    grouped = sf.fit(two, "power_offset", by="curve", loss=sf.Squared())
    with pytest.raises(sf.ParameterError, match="select"):
        sf.stress.allowance(grouped, 1e11)
    assert sf.stress.allowance(grouped.select(curve="p"), 1e11).height == 1


def test_inputs_without_decades_are_refused_by_name():
    data = runs() | {"x": np.arange(20.0)}
    data["loss"] = (
        2.0 + np.exp(-0.2 * data["x"]) + 0.001 * np.random.default_rng(0).standard_normal(20)
    )
    with pytest.raises(sf.DataError, match="decades"):
        sf.stress.allowance(fitted(data, "exp_saturation"), 30.0)
