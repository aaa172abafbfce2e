"""Recipes: published figures, closed forms, and refusals that say how to mend."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

import scaling_fast as sf

SURFACE = {"E": 1.69, "A": 406.4, "B": 410.7}
BUDGETS = np.logspace(17, 21, 5)


def best_scale(alpha, beta):
    return (alpha * SURFACE["A"] / (beta * SURFACE["B"])) ** (1 / (alpha + beta))


def isoflop_runs(alpha, beta, *, factor=8.0, points=15, centre=lambda c: 1.0, budgets=BUDGETS):
    """Noise-free runs of sizes from N*/factor to N* factor, times `centre` of the budget."""
    a, scale = beta / (alpha + beta), best_scale(alpha, beta)
    rows = []
    for c in budgets:
        middle = scale * (c / 6) ** a * centre(c)
        for n in middle * np.geomspace(1 / factor, factor, points):
            d = c / 6 / n
            loss = SURFACE["E"] + SURFACE["A"] * n**-alpha + SURFACE["B"] * d**-beta
            rows.append((n, d, c, loss))
    return pl.DataFrame(rows, schema=["N", "D", "flops", "loss"], orient="row")


def codes(result):
    return [one.code for one in result.findings]


# -- approach 2 and its bias -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "beta", "factor", "percent"),
    [
        (0.34, 0.28, 2, -0.327),
        (0.34, 0.28, 4, -1.301),
        (0.34, 0.28, 8, -2.903),
        (0.34, 0.28, 16, -5.100),
        (0.465, 0.155, 2, -1.67),
        (0.465, 0.155, 4, -6.50),
        (0.465, 0.155, 8, -13.91),
        (0.465, 0.155, 16, -23.12),
    ],
)
def test_the_known_bias_of_a_grid_of_fifteen_sizes(alpha, beta, factor, percent):
    """Errors of D*, to the digits printed, from the formula and from whole pipelines alike."""
    digits = 5e-4 if alpha < 0.4 else 5e-3
    said = sf.allocation.isoflop_bias({"alpha": alpha, "beta": beta}, factor=factor, points=15)
    assert 100 * said.d_star == pytest.approx(percent, abs=digits)
    assert (1 + said.n_star) * (1 + said.d_star) == pytest.approx(1.0, rel=1e-14)
    found = sf.allocation.approach2(isoflop_runs(alpha, beta, factor=factor))
    true = (1e24 / 6) ** (alpha / (alpha + beta)) / best_scale(alpha, beta)
    assert found.tokens.at(1e24) / true - 1 == pytest.approx(said.d_star, abs=1e-11)
    # Equal windows leave the exponents alone.
    assert found.exponents["b"] == pytest.approx(alpha / (alpha + beta), abs=1e-12)
    assert found.exponents["a"] == pytest.approx(beta / (alpha + beta), abs=1e-12)


@pytest.mark.parametrize("factor", [1.001, 1.5, 2, 8, 30, 1000])
def test_the_closed_form_is_the_limit_of_many_sizes(factor):
    surface = {"alpha": 0.34, "beta": 0.28}
    limit = sf.allocation.isoflop_bias(surface, factor=factor)
    # An evenly spaced grid converges on the integral as 1/points.
    coarse, fine = (
        sf.allocation.isoflop_bias(surface, factor=factor, points=n).ln_n for n in (10_001, 20_001)
    )
    assert 2 * fine - coarse == pytest.approx(limit.ln_n, rel=1e-6, abs=1e-12)
    # Leading order: (alpha - beta)/10 of the square of half the window.
    if factor < 2:
        assert limit.ln_n == pytest.approx(0.06 / 10 * math.log(factor) ** 2, rel=1e-2)


def test_equal_exponents_have_no_bias():
    assert sf.allocation.isoflop_bias({"alpha": 0.3, "beta": 0.3}, factor=8).ln_n == 0.0


def test_windows_off_the_optimum_bias_even_a_symmetric_surface():
    """Alpha = beta = .31, factor 8: centred at N*/3 D* is +2.65 % off, with a drift to N*/3 b too."""
    true = (1e24 / 6) ** 0.5 / best_scale(0.31, 0.31)
    found = sf.allocation.approach2(isoflop_runs(0.31, 0.31, centre=lambda c: 1 / 3))
    assert 100 * (found.tokens.at(1e24) / true - 1) == pytest.approx(2.65, abs=5e-3)
    drift = sf.allocation.approach2(
        isoflop_runs(0.31, 0.31, centre=lambda c: 3 ** -((math.log10(c) - 17) / 4))
    )
    assert drift.exponents["b"] == pytest.approx(0.50268, abs=5e-6)
    assert 100 * (drift.tokens.at(1e24) / true - 1) == pytest.approx(3.70, abs=5e-3)


def test_approach_2_reports_its_bias_for_the_given_surface():
    found = sf.allocation.approach2(
        isoflop_runs(0.34, 0.28, points=201), surface={"alpha": 0.34, "beta": 0.28}
    )
    bias = found.table["bias"].to_numpy()
    assert bias == pytest.approx(
        sf.allocation.isoflop_bias(SURFACE | {"alpha": 0.34, "beta": 0.28}, factor=8).d_star
    )
    (finding,) = [one for one in found.findings if one.code == "parabola_bias"]
    assert finding.severity == "amber"
    assert finding.statistic == pytest.approx(bias[0])


def test_every_budget_without_a_minimum_is_reported_and_left_out():
    good = isoflop_runs(0.34, 0.28, budgets=[1e18, 1e19, 1e20])
    n = np.array([1e8, 2e8, 4e8, 8e8])
    extra = [
        pl.DataFrame({"N": n[:2], "loss": [3.0, 2.9]}).with_columns(flops=pl.lit(1e21)),
        pl.DataFrame({"N": n, "loss": [3.0, 3.2, 3.2, 3.0]}).with_columns(flops=pl.lit(1e22)),
        pl.DataFrame({"N": n, "loss": [4.0, 3.5, 3.2, 3.05]}).with_columns(flops=pl.lit(1e23)),
    ]
    more = pl.concat(extra).with_columns(D=pl.col("flops") / 6 / pl.col("N"))
    runs = pl.concat([good, more.select(good.columns)])
    found = sf.allocation.approach2(runs, flops="flops")
    assert found.table["status"].to_list() == ["used"] * 3 + ["few_sizes", "no_minimum", "outside"]
    assert {"budget_few_sizes", "budget_no_minimum", "budget_outside"} <= set(codes(found))
    clean = sf.allocation.approach2(good, flops="flops")
    assert found.exponents == pytest.approx(clean.exponents, rel=1e-12)
    envelope = sf.allocation.approach1(runs, flops="flops")
    assert envelope.table["status"].to_list()[3:] == ["few_sizes", "edge", "edge"]
    assert "budget_edge" in codes(envelope)


def test_too_few_budgets_are_refused_with_the_reasons():
    with pytest.raises(sf.errors.DataError, match=r"1 with fewer than 3 different sizes.*budget="):
        sf.allocation.approach2(
            isoflop_runs(0.3, 0.3, budgets=[1e18]).vstack(
                isoflop_runs(0.3, 0.3, budgets=[1e20], points=2)
            )
        )


def test_the_vertex_is_numpys_polyfit():
    rng = np.random.default_rng(3)
    runs = isoflop_runs(0.34, 0.28, factor=4).with_columns(
        loss=pl.col("loss") * np.exp(0.002 * rng.standard_normal(75))
    )
    found = sf.allocation.approach2(runs, flops="flops", weights="precision")
    left, vertices, slopes = 0.0, [], []
    for _, rows in runs.group_by("flops", maintain_order=True):
        x = np.log(rows["N"].to_numpy())
        p, residual = np.polyfit(x - x.mean(), rows["loss"].to_numpy(), 2, full=True)[:2]
        vertices.append(x.mean() - p[1] / 2 / p[0])
        left += float(residual[0])
        slopes.append(p[0])
    assert np.log(found.table["n_star"].to_numpy()) == pytest.approx(vertices, abs=1e-10)
    assert found.table["curvature"].to_numpy() == pytest.approx(2 * np.array(slopes), rel=1e-9)
    # The delta method, written out for the first budget in numpy's own coordinates.
    x = np.log(runs["N"].to_numpy()[:15]) - vertices[0]
    inverse = np.linalg.inv(np.vander(x, 3).T @ np.vander(x, 3))
    expected = math.sqrt(left / (75 - 15) * inverse[1, 1]) / (2 * slopes[0])
    assert found.table["ln_n_error"][0] == pytest.approx(expected, rel=1e-8)


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(4)
    runs = isoflop_runs(0.34, 0.28).with_columns(
        loss=pl.col("loss") * np.exp(0.01 * rng.standard_normal(75))
    )
    for recipe in (sf.allocation.approach1, sf.allocation.approach2):
        one, two = recipe(runs), recipe(runs.sample(fraction=1.0, shuffle=True, seed=1))
        assert one.exponents == pytest.approx(two.exponents, rel=1e-10)


def test_a_budget_column_is_taken_as_it_is():
    runs = isoflop_runs(0.34, 0.28).with_columns(
        name=pl.col("flops").log10().round().cast(pl.Int64).cast(pl.String)
    )
    assert sf.allocation.approach2(runs, budget="name").exponents == pytest.approx(
        sf.allocation.approach2(runs).exponents, rel=1e-12
    )


def test_another_way_of_counting_is_said_and_kept():
    runs = isoflop_runs(0.3, 0.3).with_columns(flops=pl.col("flops") * 1.2)
    found = sf.allocation.approach2(runs, flops="flops")
    assert "flops_not_6nd" in codes(found)
    assert found.size.at(1e20) * found.tokens.at(1e20) * 7.2 == pytest.approx(1e20, rel=1e-10)


@pytest.mark.parametrize("unit", [1e-150, 1.0, 1e150])
def test_the_unit_of_the_loss_changes_no_optimum(unit):
    rng = np.random.default_rng(14)
    runs = isoflop_runs(0.34, 0.28).with_columns(
        loss=pl.col("loss") * np.exp(0.002 * rng.standard_normal(75))
    )
    scaled = runs.with_columns(loss=pl.col("loss") * unit)
    one, two = (sf.allocation.approach2(frame, weights="precision") for frame in (runs, scaled))
    assert one.exponents == pytest.approx(two.exponents, rel=1e-10)
    errors = (frame.table["ln_n_error"].to_numpy() for frame in (one, two))
    assert next(errors) == pytest.approx(next(errors), rel=1e-9)


def test_sizes_over_many_decades_are_no_parabola():
    found = sf.allocation.approach2(isoflop_runs(0.34, 0.28, factor=1e7))
    assert [one.severity for one in found.findings if one.code == "parabola_too_wide"] == ["red"]
    assert found.table["bias"].null_count() == 5


# -- approach 1 --------------------------------------------------------------------------------


def test_expected_best_of_several():
    """.85, 1.16, 1.54, 1.87, 2.25 for 3, 5, 10, 20, 50 (David and Nagaraja, order statistics)."""
    assert [round(sf.allocation.expected_best(m), 2) for m in (3, 5, 10, 20, 50)] == [
        0.85,
        1.16,
        1.54,
        1.87,
        2.25,
    ]
    assert sf.allocation.expected_best(2) == pytest.approx(1 / math.sqrt(math.pi), rel=1e-9)


def test_the_winners_curse_is_that_of_a_simulation():
    """With ever more equally good runs a budget the frontier tilts by -sigma d e_m / d ln C."""
    rng = np.random.default_rng(5)
    sigma, counts = 0.01, np.array([4, 8, 16, 32, 64])
    ln_c = np.log(BUDGETS)
    e_m = np.array([sf.allocation.expected_best(int(m)) for m in counts])
    expected = -sigma * np.polyfit(ln_c, e_m, 1)[0]
    slopes = [
        np.polyfit(ln_c, [(sigma * rng.standard_normal(m)).min() for m in counts], 1)[0]
        for _ in range(4000)
    ]
    assert np.mean(slopes) == pytest.approx(expected, abs=4 * np.std(slopes) / math.sqrt(4000))
    # The finding's number, on runs with that noise: sigma from parabolas, e_m from the counts.
    rows = []
    for c, m in zip(BUDGETS, counts.tolist(), strict=True):
        n = best_scale(0.3, 0.3) * (c / 6) ** 0.5 * np.geomspace(0.9, 1 / 0.9, m)
        loss = 2.0 * np.exp(sigma * rng.standard_normal(m))
        loss[m // 2] = 1.9  # a winner inside, so that every budget is used
        rows.append(pl.DataFrame({"N": n, "D": c / 6 / n, "loss": loss}))
    found = sf.allocation.approach1(pl.concat(rows))
    (curse,) = [one for one in found.findings if one.code == "winners_curse"]
    assert curse.evidence["growth_of_e_m"] == pytest.approx(np.polyfit(ln_c, e_m, 1)[0], rel=1e-9)
    assert curse.statistic == -curse.evidence["sigma"] * curse.evidence["growth_of_e_m"]
    assert curse.severity == "amber"


def test_without_repeats_the_winners_curse_is_grey():
    found = sf.allocation.approach1(isoflop_runs(0.3, 0.3, points=3))
    (grey,) = [one for one in found.findings if one.severity == "grey"]
    assert grey.code == "winners_curse_unknown"


# -- lines -------------------------------------------------------------------------------------


def test_a_power_line_is_scipys_regression():
    rng = np.random.default_rng(6)
    x = np.geomspace(1, 1e4, 12)
    y = 3 * x**0.4 * np.exp(0.1 * rng.standard_normal(12))
    line = sf.allocation.power_line({"x": x, "y": y}, x="x", y="y")
    said = stats.linregress(np.log(x), np.log(y))
    assert line.exponent == pytest.approx(said.slope, rel=1e-12)
    assert line.exponent_error == pytest.approx(said.stderr, rel=1e-10)
    assert line.ln_scale == pytest.approx(said.intercept, rel=1e-10)
    assert line.ln_scale_error == pytest.approx(said.intercept_stderr, rel=1e-10)
    assert line.r2 == pytest.approx(said.rvalue**2, rel=1e-10)


def test_whole_weights_of_a_power_line_are_repeated_rows():
    x, y, times = [1.0, 2.0, 5.0, 9.0], [2.0, 3.0, 9.0, 11.0], [1, 3, 2, 1]
    weighted = sf.allocation.power_line({"x": x, "y": y}, x="x", y="y", weights=times)
    repeated = sf.allocation.power_line(
        {"x": np.repeat(x, times), "y": np.repeat(y, times)}, x="x", y="y"
    )
    assert weighted.exponent == pytest.approx(repeated.exponent, rel=1e-12)
    with pytest.raises(sf.errors.DataError, match="two different values of `x`"):
        sf.allocation.power_line({"x": [2.0, 2.0], "y": [1.0, 3.0]}, x="x", y="y")


# -- misallocation and counting ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "beta", "factor", "percent", "digits"),
    [
        (0.34, 0.28, 0.887, 0.45, 2),
        (0.684, 0.439, 0.6835, 8.0, 1),
        (0.710, 0.372, 0.649, 10.0, 1),
    ],
)
def test_the_published_costs_of_a_wrong_size(alpha, beta, factor, percent, digits):
    """Chinchilla, SODA, Sparse-NMM: compute lost, to the digits printed."""
    cost = sf.allocation.misallocation_cost({"alpha": alpha, "beta": beta}, factor=factor)
    assert round(100 * cost["lost_compute"].item(), digits) == percent


@pytest.mark.parametrize("factor", [0.2, 0.7, 1.5, 6.0])
def test_the_cost_of_a_wrong_size_is_that_of_the_surface(factor):
    alpha, beta, c = 0.34, 0.28, 1e21
    a, scale = beta / (alpha + beta), best_scale(alpha, beta)

    def excess(n, compute):
        return SURFACE["A"] * n**-alpha + SURFACE["B"] * (compute / 6 / n) ** -beta

    best = scale * (c / 6) ** a
    cost = sf.allocation.misallocation_cost({"alpha": alpha, "beta": beta}, factor=[factor])
    assert cost["excess"].item() == pytest.approx(
        excess(factor * best, c) / excess(best, c), rel=1e-12
    )
    less = c * (1 - cost["lost_compute"].item())
    assert excess(scale * (less / 6) ** a, less) == pytest.approx(
        excess(factor * best, c), rel=1e-12
    )


def test_kaplans_slope_out_of_chinchillas_surface():
    """Pearce and Song 2024: .7751 for Epoch's parameters, .7395 for Hoffmann's unrounded ones."""
    published = sf.laws.chinchilla().published
    epoch = sf.allocation.counting_slope(published["besiroglu2024"]["params"])
    hoffmann = sf.allocation.counting_slope(published["hoffmann2022_source"]["params"])
    assert epoch.slope == pytest.approx(0.7751, abs=5e-5)
    assert hoffmann.slope == pytest.approx(0.7395, abs=5e-5)
    assert epoch.asymptote == pytest.approx(0.513, abs=5e-4)
    assert hoffmann.asymptote == pytest.approx(0.456, abs=6e-4)


def test_the_frontier_without_embeddings_is_the_minimum_of_the_surface():
    params = sf.laws.chinchilla().published["besiroglu2024"]["params"]
    for c, best in (
        sf.allocation.counting_slope(params, points=5).table.select("flops", "n_star").iter_rows()
    ):
        n = best * np.geomspace(0.99, 1.01, 2001)
        total = n + 47491 * n ** (1 / 3)
        loss = (
            params["A"] * total ** -params["alpha"] + params["B"] * (c / 6 / n) ** -params["beta"]
        )
        assert n[np.argmin(loss)] == pytest.approx(best, rel=2e-5)


def test_counting_no_embedding_gives_the_surfaces_own_exponent():
    params = sf.laws.chinchilla().published["besiroglu2024"]["params"]
    found = sf.allocation.counting_slope(params, embedding=0.0)
    assert found.slope == pytest.approx(found.asymptote, rel=1e-9)


# -- critical batch size -----------------------------------------------------------------------


def test_the_critical_batch_of_each_loss_and_its_law():
    levels = np.array([3.5, 3.0, 2.5])
    critical = 2e8 * levels**-5.0
    rows = [
        {"loss": level, "batch": b, "steps": 3000 / level * (1 + crit / b)}
        for level, crit in zip(levels, critical, strict=True)
        for b in crit * np.geomspace(0.1, 10, 6)
    ]
    fit = sf.training.critical_batch(pl.DataFrame(rows), by="loss")
    table = fit.table.sort("loss", descending=True)
    assert table["B_crit"].to_numpy() == pytest.approx(critical, rel=1e-8)
    assert table["S_min"].to_numpy() == pytest.approx(3000 / levels, rel=1e-8)
    assert table["E_min"].to_numpy() == pytest.approx(3000 / levels * critical, rel=1e-8)
    # (S/S_min - 1)(E/E_min - 1) = 1, the trade-off of McCandlish et al.
    one = rows[2]
    s, e = one["steps"] / (3000 / 3.5), one["steps"] * one["batch"] / (3000 / 3.5 * critical[0])
    assert (s - 1) * (e - 1) == pytest.approx(1.0, rel=1e-9)
    law = sf.training.critical_batch_law(table)
    assert law.params["B_star"] == pytest.approx(2e8, rel=1e-6)
    assert law.params["alpha_B"] == pytest.approx(0.2, rel=1e-7)


def test_minimum_steps_and_compute():
    """Kaplan et al. 2020: S_min = S/(1 + B_crit/B), C_min = C/(1 + B/B_crit)."""
    out = sf.training.minimum_steps({"steps": [900.0], "batch": [1e6], "loss": [2.0]}).row(
        0, named=True
    )
    critical = 2.1e8 * 2.0 ** (-1 / 0.21)
    assert out["critical_batch"] == pytest.approx(critical, rel=1e-12)
    assert out["s_min"] == pytest.approx(900 / (1 + critical / 1e6), rel=1e-12)
    assert out["compute_ratio"] == pytest.approx(1 / (1 + 1e6 / critical), rel=1e-12)
    with pytest.raises(sf.errors.DataError, match="`loss` must be positive"):
        sf.training.minimum_steps({"steps": [9.0], "batch": [1.0], "loss": [0.0]})


# -- annealing ---------------------------------------------------------------------------------


def test_annealed_area_is_the_double_sum():
    rng = np.random.default_rng(7)
    rate, decay = rng.uniform(0.0, 1.0, 40), 0.9
    out = sf.training.annealing_columns({"lr": rate}, decay=decay)
    fall = -np.diff(rate, prepend=rate[0])
    double = [
        sum(fall[k] * decay ** (i - k) for i in range(s + 1) for k in range(i + 1))
        for s in range(40)
    ]
    assert out["S2"].to_numpy() == pytest.approx(double, abs=1e-12)
    assert out["S1"].to_numpy() == pytest.approx(np.cumsum(rate), rel=1e-14)


def test_each_run_is_a_schedule_of_its_own():
    frame = pl.DataFrame({"run": ["b", "a", "b", "a"], "lr": [2.0, 1.0, 1.0, 1.0]})
    out = sf.training.annealing_columns(frame, by="run", decay=0.5)
    assert out["S1"].to_list() == [2.0, 1.0, 3.0, 2.0]
    assert out["S2"].to_list() == [0.0, 0.0, 1.0, 0.0]
    with pytest.raises(sf.errors.DataError, match="negative learning rate in row 1"):
        sf.training.annealing_columns({"lr": [1.0, -1.0]})
    with pytest.raises(sf.errors.ParameterError, match="decay must be a number between 0 and 1"):
        sf.training.annealing_columns(frame, decay=1.0)


def test_the_annealing_law_is_found_again_from_its_columns():
    steps = np.arange(1, 401)
    cosine = 0.5 * (1 + np.cos(np.pi * steps / 400))
    drop = np.where(steps < 300, 1.0, 0.2)
    frame = pl.DataFrame({"run": np.repeat(["c", "d"], 400), "lr": np.concatenate([cosine, drop])})
    out = sf.training.annealing_columns(frame, by="run", decay=0.99).with_columns(
        loss=2.5 + 0.6 * pl.col("S1") ** -0.4 - 0.01 * pl.col("S2")
    )
    fit = sf.fit(
        out, "L0 + A*S1**(-alpha) - C*S2", columns={"S1": "S1", "S2": "S2"}, loss=sf.Squared()
    )
    assert fit.params["alpha"] == pytest.approx(0.4, rel=1e-6)
    assert fit.params["C"] == pytest.approx(0.01, rel=1e-6)


# -- repeated attempts -------------------------------------------------------------------------


def test_expected_failures_of_a_beta_distribution():
    """Alpha .3, beta 1.5 at k = 10, 100, 1000, 10000."""
    expected = [0.5097551, 0.2630834, 0.1322617, 0.0663084]
    found = [sf.downstream.expected_failure(k, alpha=0.3, beta=1.5) for k in (10, 100, 1e3, 1e4)]
    assert found == pytest.approx(expected, abs=5e-8)


def test_pass_at_k_is_the_share_of_subsets_with_a_success():
    won, tried = np.array([0, 1, 3, 7, 10]), np.full(5, 10)
    for k in (1, 2, 5, 10):
        exact = np.mean([1 - math.comb(10 - c, k) / math.comb(10, k) for c in won.tolist()])
        out = sf.downstream.pass_at_k({"successes": won, "attempts": tried}, k=k)
        assert out["pass_at_k"].item() == pytest.approx(exact, rel=1e-14)
    with pytest.raises(sf.errors.DataError, match=r"row 0 has 10; ask beta_binomial"):
        sf.downstream.pass_at_k({"successes": won, "attempts": tried}, k=11)


@pytest.fixture(scope="module")
def problems():
    rng = np.random.default_rng(8)
    tried = rng.choice([50, 100, 200], 400)
    return pl.DataFrame(
        {"successes": rng.binomial(tried, rng.beta(0.3, 1.5, 400)), "attempts": tried}
    )


def test_the_beta_binomial_optimum_is_scipys_likelihood(problems):
    found = sf.downstream.beta_binomial(problems)
    won, tried = problems["successes"].to_numpy(), problems["attempts"].to_numpy()

    def likelihood(a, b):
        return stats.betabinom.logpmf(won, tried, a, b).sum()

    best = likelihood(found.alpha, found.beta)
    step = 1e-3
    for a, b in ((1 + step, 1), (1 - step, 1), (1, 1 + step), (1, 1 - step)):
        assert likelihood(found.alpha * a, found.beta * b) < best
    # The observed information by second differences of scipy's likelihood.
    h = 1e-3
    value = [
        [
            likelihood(found.alpha * math.exp(i * h), found.beta * math.exp(j * h))
            for j in (-1, 0, 1)
        ]
        for i in (-1, 0, 1)
    ]
    aa = (value[2][1] - 2 * value[1][1] + value[0][1]) / h**2
    bb = (value[1][2] - 2 * value[1][1] + value[1][0]) / h**2
    ab = (value[2][2] - value[2][0] - value[0][2] + value[0][0]) / (4 * h**2)
    errors = np.sqrt(np.diag(np.linalg.inv(-np.array([[aa, ab], [ab, bb]]))))
    assert [found.ln_alpha_error, found.ln_beta_error] == pytest.approx(errors, rel=1e-4)
    assert found.exponent == found.alpha


def test_intervals_of_the_tail_exponent_cover():
    """Nominal 95 % of 100 tables: fewer than 89 would happen once in 250 (binomial)."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        tried = rng.choice([50, 100, 200], 300)
        won = rng.binomial(tried, rng.beta(0.3, 1.5, 300))
        found = sf.downstream.beta_binomial({"successes": won, "attempts": tried})
        lower, upper = found.interval().filter(name="alpha").select("lower", "upper").row(0)
        covered += lower < 0.3 < upper
    assert covered >= 89


def test_the_tail_exponent_beats_the_curve(problems):
    """Log-log slope of expected failures at large k is -alpha."""
    found = sf.downstream.beta_binomial(problems)
    one, two = (math.log(1 - found.pass_at_k(k)) for k in (1e6, 1e8))
    assert (one - two) / math.log(100) == pytest.approx(found.exponent, rel=1e-4)


def test_problems_without_spread_are_refused():
    even = {"successes": [5] * 20, "attempts": [10] * 20}
    with pytest.raises(sf.errors.ConvergenceError, match="equally hard"):
        sf.downstream.beta_binomial(even)
    with pytest.raises(sf.errors.ConvergenceError, match="several attempts"):
        sf.downstream.beta_binomial({"successes": [0, 1, 1], "attempts": [1, 1, 1]})
    with pytest.raises(sf.errors.DataError, match="every attempt failed"):
        sf.downstream.beta_binomial({"successes": [0, 0], "attempts": [9, 9]})
    with pytest.raises(sf.errors.DataError, match=r"got `7` in row 1"):
        sf.downstream.beta_binomial({"successes": [1, 7], "attempts": [5, 5]})
    easy = sf.downstream.beta_binomial({"successes": [1, 2, 9, 5, 8, 4], "attempts": [10] * 6})
    assert codes(easy) == ["few_unsolved"]


# -- compute-equivalent gain, effective size ---------------------------------------------------


@pytest.fixture(scope="module")
def baseline():
    rng = np.random.default_rng(9)
    c = np.geomspace(1e20, 1e24, 14)
    return pl.DataFrame(
        {"flops": c, "score": 0.05 * np.log(c / 1e20) + 0.01 * rng.standard_normal(14)}
    )


def test_fiellers_interval_holds_the_values_a_t_test_does_not_reject(baseline):
    gain = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e21, own_score=0.3, own_error=0.004
    )
    x = np.log(baseline["flops"].to_numpy() / 1e21)
    design = np.column_stack([np.ones(14), x])
    answer, left = np.linalg.lstsq(design, baseline["score"].to_numpy())[:2]
    cov = left[0] / 12 * np.linalg.inv(design.T @ design)
    t = stats.t.ppf(0.975, 12)
    for end in (gain.lower, gain.upper):
        at = np.array([1.0, math.log(end)])
        gap = abs(0.3 - at @ answer) / math.sqrt(at @ cov @ at + 0.004**2)
        assert gap == pytest.approx(t, rel=1e-7)
    assert math.log(gain.estimate) == pytest.approx((0.3 - answer[0]) / answer[1], rel=1e-9)
    delta = sf.training.compute_equivalent_gain(
        baseline, own_flops=1e21, own_score=0.3, own_error=0.004, method="delta"
    )
    assert math.log(delta.upper * delta.lower) == pytest.approx(
        2 * math.log(gain.estimate), rel=1e-9
    )
    assert delta.upper == pytest.approx(gain.upper, rel=0.05)


def test_scores_beyond_the_baseline_have_no_equivalent_and_a_bound(baseline):
    for score, word in ((0.9, "above 1e+03"), (-0.5, "below 0.1")):
        gain = sf.training.compute_equivalent_gain(baseline, own_flops=1e21, own_score=score)
        assert math.isnan(gain.estimate)
        assert math.isnan(gain.upper)
        (finding,) = gain.findings
        assert finding.severity == "grey"
        assert word in finding.sentence


def test_a_baseline_without_slope_bounds_nothing():
    flat = {"flops": [1e20, 1e21, 1e22, 1e23], "score": [0.3, 0.2, 0.3, 0.25]}
    gain = sf.training.compute_equivalent_gain(flat, own_flops=1e21, own_score=0.265)
    assert (gain.lower, gain.upper) == (0.0, math.inf)
    assert codes(gain) == ["gain_unbounded"]


def test_the_effective_multiplier_is_the_factor_that_was_put_in():
    x = np.geomspace(1e7, 1e10, 10)
    clean = {"x": x, "loss": 1.5 + 90 * x**-0.28}
    fit = sf.fit(clean, "power_offset")
    n = np.array([1e8, 1e9, 1e10, 1e9])
    factor = np.array([0.5, 1.0, 3.0, 1.0])
    loss = 1.5 + 90 * (n * factor) ** -0.28
    loss[3] = 1.4
    out = sf.training.effective_multiplier(fit, {"N": n, "loss": loss})
    assert out["multiplier"].to_numpy()[:3] == pytest.approx(factor[:3], rel=1e-6)
    assert out["inversion"].to_list() == ["inside", "inside", "extrapolated", "below_floor"]
    assert out["multiplier"][3] is None


def test_the_effective_multiplier_has_an_interval_from_a_bootstrap():
    rng = np.random.default_rng(10)
    x = np.geomspace(1e7, 1e10, 30)
    clean = {"x": x, "loss": (1.5 + 90 * x**-0.28) * np.exp(0.003 * rng.standard_normal(30))}
    boot = sf.bootstrap(sf.fit(clean, "power_offset", loss=sf.Squared()), n=300)
    out = sf.training.effective_multiplier(boot, {"N": [8e8], "loss": [1.5 + 90 * 4e8**-0.28]})
    row = out.row(0, named=True)
    assert row["lower"] < row["multiplier"] < row["upper"]
    assert row["lower"] < 0.5 < row["upper"]
    with pytest.raises(sf.errors.ParameterError, match="power_offset"):
        sf.training.effective_multiplier(sf.fit(clean, "power"), {"N": [1.0], "loss": [1.0]})


# -- principal components ----------------------------------------------------------------------


def test_components_of_complete_rows_are_an_eigenvalue_decomposition():
    rng = np.random.default_rng(11)
    table = rng.standard_normal((40, 1)) @ [[3.0, 2.0, 1.0]] + 0.3 * rng.standard_normal((40, 3))
    frame = pl.DataFrame(table, schema=["a", "b", "c"])
    found = sf.downstream.benchmark_components(frame, columns=["a", "b", "c"], components=2)
    values = np.sort(np.linalg.eigvalsh(np.cov(table.T)))[::-1]
    assert found.shares == pytest.approx(values / values.sum(), rel=1e-10)
    assert found.loadings @ found.loadings.T == pytest.approx(np.eye(2), abs=1e-12)
    again = found.transform(frame)
    assert again.to_numpy() == pytest.approx(found.scores.to_numpy(), abs=1e-12)


def test_held_out_rows_touch_no_loading_and_gaps_follow_the_first_component():
    line = np.linspace(0.1, 0.9, 9)
    frame = {"a": line, "b": 0.5 * line, "c": 1 - line}
    found = sf.downstream.benchmark_components(frame, columns=["a", "b", "c"], components=1)
    whole = found.transform({"a": [0.45], "b": [0.225], "c": [0.55]})
    gap = found.transform({"a": [None], "b": [0.225], "c": [None]})
    assert gap["PC1"].item() == pytest.approx(whole["PC1"].item(), abs=1e-12)


def test_filled_gaps_lie_on_the_component_of_the_filled_table():
    rng = np.random.default_rng(12)
    table = rng.standard_normal((30, 1)) @ [[1.0, 2.0, 1.5, 0.5]] + 0.2 * rng.standard_normal(
        (30, 4)
    )
    table[rng.uniform(size=table.shape) < 0.15] = np.nan
    table[np.isnan(table).all(axis=1), 0] = 0.0
    found = sf.downstream.benchmark_components(
        pl.DataFrame(table, schema=list("abcd")), columns=list("abcd"), components=1
    )
    plane = found.means + found.scores["PC1"].to_numpy()[:, None] * found.loadings[0]
    gap = np.isnan(table)
    assert found.gaps == gap.sum() > 0
    assert found.filled.to_numpy()[gap] == pytest.approx(plane[gap], abs=1e-8)
    assert (found.filled.to_numpy()[~gap] == table[~gap]).all()
    with pytest.raises(sf.errors.DataError, match="row 1 has no score at all"):
        sf.downstream.benchmark_components(
            {"a": [1.0, None], "b": [2.0, None]}, columns=["a", "b"], components=1
        )


# -- the ladder --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rungs():
    rng = np.random.default_rng(13)
    grid = [(n, n * m) for n in (1.9e8, 3.7e8, 7.6e8, 1.3e9) for m in (20, 40, 100, 200)]
    n, d = (np.array(one) for one in zip(*grid, strict=True))
    task = (0.6 + 300 / n**0.3 + 700 / d**0.32) * np.exp(0.002 * rng.standard_normal(16))
    score = 0.25 + 0.7 / (1 + np.exp(4 * (task - 1.6))) + 0.003 * rng.standard_normal(16)
    return pl.DataFrame({"N": n, "D": d, "task_loss": task, "accuracy": score})


def test_the_ladder_is_one_step_after_the_other(rungs):
    ladder = sf.downstream.two_step_ladder(rungs, floor=0.25)
    out = ladder.predict({"N": [7e9], "D": [4e12]}, n=200)
    p, q = ladder.loss_fit.params, ladder.score_fit.params
    task = p["E"] + p["A"] * 7e9 ** -p["alpha"] + p["B"] * 4e12 ** -p["beta"]
    score = q["floor"] + q["height"] / (1 + math.exp(q["steepness"] * (task - q["L0"])))
    row = out.row(0, named=True)
    assert row["task_loss"] == pytest.approx(task, rel=1e-12)
    assert row["prediction"] == pytest.approx(score, rel=1e-12)
    assert row["lower"] < row["prediction"] < row["upper"]
    assert row["decades_beyond"] > 0.7
    true = 0.25 + 0.7 / (1 + math.exp(4 * (0.6 + 300 / 7e9**0.3 + 700 / 4e12**0.32 - 1.6)))
    assert row["prediction"] == pytest.approx(true, abs=0.05)


def test_both_steps_of_the_ladder_see_the_same_draws(rungs):
    """The interval is that of draws taken by hand from the two bootstraps with one seed."""
    ladder = sf.downstream.two_step_ladder(rungs, floor=0.25)
    out = ladder.predict({"N": [7e9], "D": [4e12]}, n=100, seed=4, level=0.8)
    one, two = (
        sf.bootstrap(fit, n=100, seed=4).draws for fit in (ladder.loss_fit, ladder.score_fit)
    )
    task = (
        one["E"]
        + one["A"] * 7e9 ** (-one["alpha"].to_numpy())
        + one["B"] * 4e12 ** (-one["beta"].to_numpy())
    )
    score = two["floor"] + two["height"] / (1 + (two["steepness"] * (task - two["L0"])).exp())
    ends = np.quantile(score.to_numpy(), [0.1, 0.9])
    assert [out["lower"].item(), out["upper"].item()] == pytest.approx(ends, rel=1e-12)


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sf.allocation.isoflop_bias({"alpha": 0.3}, factor=2), "beta must be a number"),
        (
            lambda: sf.allocation.isoflop_bias({"alpha": 1, "beta": 1}, factor=1),
            "factor must be a number between 1",
        ),
        (
            lambda: sf.allocation.isoflop_bias({"alpha": 1, "beta": 1}, factor=2, points=2),
            "at least 3",
        ),
        (lambda: sf.allocation.isoflop_bias(3, factor=2), "a mapping with alpha and beta"),
        (
            lambda: sf.allocation.misallocation_cost({"alpha": 1, "beta": 1}, factor=-1),
            "factor must be",
        ),
        (
            lambda: sf.allocation.approach2({"N": [1.0], "D": [1.0], "loss": [1.0]}, width=0),
            "width must be",
        ),
        (
            lambda: sf.allocation.approach2(
                {"N": [1.0], "D": [1.0], "loss": [1.0]}, columns={"C": "x"}
            ),
            "flops=",
        ),
        (
            lambda: sf.allocation.approach2({"N": [1.0], "D": [0.0], "loss": [1.0]}),
            "`D` must be positive",
        ),
        (
            lambda: sf.allocation.approach2({"n": [1.0], "D": [1.0], "loss": [1.0]}),
            "did you mean `n`",
        ),
        (
            lambda: sf.allocation.approach2({"N": [1.0], "D": [1.0], "loss": [1.0]}, weights="x"),
            "precision",
        ),
        (lambda: sf.downstream.benchmark_components({"a": [1.0]}, columns="a"), "at least two"),
        (
            lambda: sf.downstream.benchmark_components(
                {"a": [1.0], "b": [1.0]}, columns=["a", "b"]
            ),
            "do not exist",
        ),
        (lambda: sf.allocation.counting_slope({"alpha": 0.3, "beta": 0.3, "A": 1.0}), "B must be"),
        (
            lambda: sf.allocation.counting_slope(
                {"alpha": 0.3, "beta": 0.3, "A": 1.0, "B": 1.0}, flops=(2.0, 1.0)
            ),
            "from low to high",
        ),
        (
            lambda: sf.downstream.pass_at_k({"successes": [1], "attempts": [2]}, k=[]),
            "no number of attempts",
        ),
        (
            lambda: sf.training.annealing_columns({"lr": [1.0], "S1": [0.0]}),
            "already has a column `S1`",
        ),
        (
            lambda: sf.allocation.approach2(isoflop_runs(0.3, 0.3, points=3), weights="precision"),
            'use weights="equal"',
        ),
        (
            lambda: sf.downstream.benchmark_components(
                {"a": [1.0, 2.0], "b": [3.0, 3.0]}, columns=["a", "b"], components=1
            ).transform({"a": [None], "b": [1.0]}),
            "row 0 has no score that the first component depends on",
        ),
        (
            lambda: sf.training.compute_equivalent_gain(
                {"flops": [1.0, 2.0], "score": [1.0, 2.0]}, own_flops=1.0, own_score=1.5
            ),
            "3 baseline runs",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(call, says):
    with pytest.raises(sf.ScalingError, match=says):
        call()


# -- learning curves ---------------------------------------------------------------------------


def test_curves_are_read_off_between_their_checkpoints_only():
    """A power law in compute is a straight line in logarithms: interpolation is exact."""
    rows = [
        {"run": name, "N": n, "D": d, "loss": 40 * (6 * n * d) ** -0.06}
        for name, n, first in (("b", 1e8, 1e9), ("a", 4e8, 4e9))
        for d in first * np.array([8.0, 1.0, 3.0])
    ]
    budgets = [1e18, 3e18, 2e19, 1e22]
    out = sf.allocation.losses_at_budgets(pl.DataFrame(rows), run="run", budgets=budgets)
    assert out.select("run", pl.col("flops").log10().round(6)).rows() == [
        ("a", round(math.log10(2e19), 6)),
        ("b", 18.0),
        ("b", round(math.log10(3e18), 6)),
    ]
    assert out["loss"].to_numpy() == pytest.approx(40 * out["flops"].to_numpy() ** -0.06, rel=1e-12)
    assert (6 * out["N"] * out["D"]).to_numpy() == pytest.approx(out["flops"].to_numpy(), rel=1e-12)
    with pytest.raises(sf.errors.DataError, match=r"two losses at 6e\+17 FLOP"):
        sf.allocation.losses_at_budgets(pl.DataFrame(rows[1:2] * 2), run="run", budgets=budgets)


def test_an_envelope_of_curves_is_that_of_the_surface():
    """Curves of a Chinchilla surface at constant rate: the best size of a budget is the nearest to N*."""
    sizes = best_scale(0.3, 0.3) * (1e19 / 6) ** 0.5 * np.geomspace(0.05, 20, 25)
    rows = [
        {
            "N": n,
            "D": c / 6 / n,
            "loss": SURFACE["E"] + SURFACE["A"] * n**-0.3 + SURFACE["B"] * (c / 6 / n) ** -0.3,
        }
        for n in sizes
        for c in np.geomspace(1e18, 1e20, 60)
    ]
    at = sf.allocation.losses_at_budgets(
        pl.DataFrame(rows), run="N", budgets=np.geomspace(1.01e18, 0.99e20, 9), columns={"N": "N"}
    )
    found = sf.allocation.approach1(at, flops="flops", budget="flops")
    assert found.exponents["a"] == pytest.approx(0.5, abs=0.02)
    assert (found.table["status"] == "used").all()
