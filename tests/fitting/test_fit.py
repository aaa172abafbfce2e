"""`sf.fit` and what a Fit answers: groups, weights, starts, bounds, predictions, covariances.

Covariances against written-out formulas and scipy's curve_fit.
"""

from __future__ import annotations

import copy

import numpy as np
import polars as pl
import pytest
from scipy import optimize, stats

import scaling_fast as sf

LAW = "E + A*x**(-alpha)"
NAMES = ["E", "A", "alpha"]
COLUMNS = {"x": "x"}


def runs_of(seed=0, rows=30, noise=0.01, truth=(1.8, 400.0, 0.34)):
    rng = np.random.default_rng(seed)
    x = np.geomspace(1e7, 1e10, rows)
    offset, scale, alpha = truth
    y = (offset + scale * x**-alpha) * np.exp(noise * rng.standard_normal(rows))
    return pl.DataFrame({"x": x, "loss": y, "run": np.arange(rows) // 3})


def curve(x, offset, scale, alpha):
    return offset + scale * x**-alpha


@pytest.fixture(scope="module")
def runs():
    return runs_of()


@pytest.fixture(scope="module")
def fit(runs):
    return sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared())


@pytest.fixture(scope="module")
def curves():
    """Three curves of different lengths, rows shuffled, keys that do not come sorted."""
    parts = [
        runs_of(1, 12, truth=(1.8, 400.0, 0.34)).with_columns(key=pl.lit("c"), part=pl.lit(2)),
        runs_of(2, 30, truth=(2.5, 90.0, 0.25)).with_columns(key=pl.lit("a"), part=pl.lit(1)),
        runs_of(3, 17, truth=(0.4, 900.0, 0.4)).with_columns(key=pl.lit("b"), part=pl.lit(1)),
    ]
    every = pl.concat(parts)
    return every[np.random.default_rng(0).permutation(every.height).tolist()]


# -- groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(1e-3), sf.Absolute()])
def test_groups_are_the_separate_fits(curves, loss):
    """One fit a group, one row a group, in sorted order of the key; 1e-12."""
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by="key", loss=loss)
    assert grouped.table["key"].to_list() == ["a", "b", "c"]
    assert grouped.groups == 3
    for row in grouped.table.iter_rows(named=True):
        alone = sf.fit(curves.filter(key=row["key"]), LAW, columns=COLUMNS, loss=loss)
        assert row["status"] == alone.status == "converged"
        assert row["n"] == alone.n
        assert row["objective"] == pytest.approx(alone.objective, rel=1e-12, abs=0)
        assert [row[name] for name in NAMES] == pytest.approx(
            list(alone.params.values()), rel=1e-12
        )


def test_groups_do_not_depend_on_threads_or_the_order_of_rows(curves):
    one = sf.fit(curves, LAW, columns=COLUMNS, by="key", threads=1)
    two = sf.fit(curves, LAW, columns=COLUMNS, by="key", threads=2)
    assert one.table.equals(two.table)
    ordered = sf.fit(curves.sort("key", "x"), LAW, columns=COLUMNS, by="key")
    assert ordered.table["objective"].to_list() == pytest.approx(
        one.table["objective"].to_list(), rel=1e-12
    )


def test_several_keys(curves):
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by=["part", "key"])
    assert grouped.table.select("part", "key").rows() == [(1, "a"), (1, "b"), (2, "c")]
    assert grouped.table["n"].to_list() == [30, 17, 12]


def test_a_failing_group_has_a_status_and_disturbs_no_other(curves):
    """A status for a group where one fit would raise."""
    short = pl.DataFrame(
        {"x": [1e8, 1e9], "loss": [2.0, 1.9], "run": [0, 0], "key": "aa", "part": 1}
    )
    flat = pl.DataFrame(
        {"x": [1e8] * 5, "loss": [2.0, 1.9, 2.1, 2.0, 1.8], "run": 0, "key": "bb", "part": 1}
    )
    columns = curves.columns
    more = pl.concat([curves, short.select(columns), flat.select(columns)], how="vertical_relaxed")
    alone = sf.fit(curves, LAW, columns=COLUMNS, by="key", loss=sf.Squared()).table
    table = sf.fit(more, LAW, columns=COLUMNS, by="key", loss=sf.Squared()).table
    assert table["key"].to_list() == ["a", "aa", "b", "bb", "c"]
    assert table.filter(pl.col("key").str.len_chars() == 1).equals(alone)
    status = dict(table.select("key", "status").iter_rows())
    assert status["aa"] == "too_few_rows"
    assert status["bb"] == "not_identified"
    with pytest.raises(sf.errors.DataError, match="n=2"):
        sf.fit(short, LAW, columns=COLUMNS)
    with pytest.raises(sf.errors.DataError):
        sf.fit(flat, LAW, columns=COLUMNS)


def test_scalar_answers_of_a_grouped_fit_name_the_table(curves):
    """On a grouped fit the scalar ones raise and name `.table`."""
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by="key")
    for name in (
        "params",
        "objective",
        "status",
        "converged",
        "is_global",
        "certificate",
        "derived",
    ):
        with pytest.raises(sf.errors.ParameterError, match=r"\.table"):
            getattr(grouped, name)
    for name in ("cov", "interval", "jacobian"):
        with pytest.raises(sf.errors.ParameterError, match=r"\.table"):
            getattr(grouped, name)()


def test_residuals_and_predictions_follow_the_callers_rows(curves):
    """P27 with by=: prediction at training points is y - residual, in the caller's row order."""
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by="key", residual="raw", loss=sf.Squared())
    residual = grouped.residuals()
    params = {
        row["key"]: [row[name] for name in NAMES] for row in grouped.table.iter_rows(named=True)
    }
    expected = [
        curve(x, *params[key]) - y for x, y, key in curves.select("x", "loss", "key").iter_rows()
    ]
    assert residual == pytest.approx(np.array(expected), abs=1e-13)
    predicted = grouped.predict(curves.select("key", "x"))
    assert predicted["key"].to_list() == curves["key"].to_list()
    assert predicted["prediction"].to_numpy() == pytest.approx(
        curves["loss"].to_numpy() + residual, rel=1e-12
    )


def test_a_key_the_fit_has_not_seen_predicts_nothing(curves):
    grouped = sf.fit(curves, LAW, columns=COLUMNS, by="key")
    predicted = grouped.predict({"key": ["z", "a"], "x": [1e8, 1e8]})["prediction"].to_list()
    assert np.isnan(predicted[0]) if predicted[0] is not None else True
    assert predicted[1] > 0


def test_residuals_follow_the_callers_rows_where_some_are_left_out(runs):
    """A row of weight 0 is absent before anything else sees it."""
    weights = np.ones(30)
    weights[[3, 20]] = 0
    order = np.random.default_rng(1).permutation(30)
    fit = sf.fit(
        runs[order.tolist()], LAW, columns=COLUMNS, weights=weights[order], loss=sf.Squared()
    )
    kept = runs[order.tolist()].filter(pl.Series(weights[order] > 0))
    assert fit.n == 28
    expected = (
        np.log(curve(kept["x"].to_numpy(), *fit.params.values())) - kept["loss"].log().to_numpy()
    )
    assert fit.residuals() == pytest.approx(expected, abs=1e-14)


# -- weights and sigma -------------------------------------------------------------------------


def test_sigma_divides_the_residual_before_the_loss(runs):
    """Sum of w rho(r / sigma); for squares sigma is weight 1/sigma^2, and scipy's sigma."""
    sigma = np.linspace(0.5, 2, 30)
    by_sigma = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), sigma=sigma)
    by_weight = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), weights=sigma**-2)
    assert by_sigma.objective == pytest.approx(by_weight.objective, rel=1e-12)
    assert list(by_sigma.params.values()) == pytest.approx(
        list(by_weight.params.values()), rel=1e-9
    )
    delta = 5e-3
    huber = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Huber(delta), sigma=sigma, weights=1 / sigma)
    size = np.abs(huber.residuals()) / sigma
    rho = np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))
    assert huber.objective == pytest.approx((rho / sigma).sum(), rel=1e-12)


def test_weights_and_sigma_as_columns_or_arrays(runs):
    weighted = runs.with_columns(w=pl.col("run") + 1.0, s=pl.col("run") / 10 + 1.0)
    named = sf.fit(weighted, LAW, columns=COLUMNS, weights="w", sigma="s")
    given = sf.fit(
        weighted, LAW, columns=COLUMNS, weights=weighted["w"], sigma=weighted["s"].to_numpy()
    )
    assert named.table.equals(given.table)


# -- starts ------------------------------------------------------------------------------------


def test_a_mapping_is_a_local_fit_from_exactly_there():
    """All its values used. Two valleys: each start ends in its own, neither is global."""
    x = np.linspace(0, 6, 60)
    data = {"x": x, "y": np.sin(2.0 * x) + 3}
    law = "3 + sin(w*x)"
    options = {"columns": COLUMNS, "target": "y", "residual": "raw", "loss": sf.Squared()}
    near = sf.fit(data, law, starts={"w": 1.9}, **options)
    far = sf.fit(data, law, starts={"w": 5.0}, **options)
    assert near.params["w"] == pytest.approx(2.0, rel=1e-9)
    assert far.objective > 1
    assert far.objective <= far.objective_at({"w": 5.0})
    for one in (near, far):
        assert one.converged
        assert not one.is_global
        assert one.table["n_starts"].item() == 1
    grid = sf.fit(data, law, starts=sf.Grid({"w": np.linspace(0.5, 6, 23)}), **options)
    assert grid.params["w"] == pytest.approx(2.0, rel=1e-9)
    assert grid.table["n_starts"].item() == 23


def test_a_start_at_the_optimum_stays(runs, fit):
    again = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), starts=dict(fit.params))
    assert again.objective == pytest.approx(fit.objective, rel=1e-12)
    assert list(again.params.values()) == pytest.approx(list(fit.params.values()), rel=1e-9)


@pytest.mark.parametrize(
    ("starts", "count"),
    [
        (sf.Grid({"E": [1.0, 2.0], "A": [100.0, 500.0], "alpha": [0.2, 0.4]}), 8),
        (
            pl.DataFrame(
                {"alpha": [0.2, 0.3, 0.4], "A": [100.0, 200.0, 300.0], "E": [1.0, 1.5, 2.0]}
            ),
            3,
        ),
        ({"E": [1.0, 2.0], "A": [100.0, 300.0], "alpha": [0.2, 0.4]}, 2),
        (7, 7),
        (1, 1),
    ],
)
def test_every_kind_of_starts_reaches_the_optimum(runs, fit, starts, count):
    """A Grid, a frame of starts (columns in any order), a number of automatic ones."""
    other = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), starts=starts)
    assert other.converged
    assert other.table["n_starts"].item() == count
    assert other.objective == pytest.approx(fit.objective, rel=1e-10)
    agreement = other.table["agreement"].item()
    assert 1 <= agreement <= count
    assert other.is_global == (agreement >= 3)


@pytest.mark.parametrize(
    ("starts", "param"),
    [
        ({"E": 1.0, "A": 2.0}, "alpha"),
        ({"E": 1.0, "A": 2.0, "alpha": 0.3, "beta": 1.0}, "beta"),
        ({"E": 1.0, "A": 2.0, "alpha": float("nan")}, None),
        ({"E": -1.0, "A": 2.0, "alpha": 0.3}, "E"),
        ("best", "starts"),
        (0, "starts"),
        (2.5, "starts"),
        (pl.DataFrame({"E": [], "A": [], "alpha": []}), "starts"),
    ],
)
def test_malformed_starts_are_refused_by_name(runs, starts, param):
    """The user's parameter is named."""
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.fit(runs, LAW, columns=COLUMNS, starts=starts, params={"E": sf.Param(lower=0)})
    if param is not None:
        assert caught.value.param == param


# -- params ------------------------------------------------------------------------------------


def test_a_fixed_parameter_is_fixed(runs, fit):
    """P18: at its optimum it changes nothing; elsewhere the objective is higher."""
    at = {"E": sf.Param(fixed=fit.params["E"])}
    same = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), params=at)
    assert same.params["E"] == fit.params["E"]
    assert same.objective == pytest.approx(fit.objective, rel=1e-12)
    assert list(same.params.values()) == pytest.approx(list(fit.params.values()), rel=1e-8)
    off = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), params={"E": sf.Param(fixed=1.0)})
    assert off.params["E"] == 1.0
    assert off.objective > fit.objective
    assert off.cov().row(0)[1:] == (0, 0, 0), "what is fixed does not vary"


def test_bounds_hold_and_are_reported(runs, fit):
    """P14; certificate: box KKT at bounds ."""
    cap = fit.params["alpha"] - 0.05
    bounded = sf.fit(
        runs,
        LAW,
        columns=COLUMNS,
        loss=sf.Squared(),
        params={"alpha": sf.Param(lower=0.1, upper=cap)},
    )
    assert bounded.converged
    assert bounded.params["alpha"] == cap
    assert bounded.table["at_bound"].item().to_list() == ["alpha"]
    assert bounded.objective > fit.objective
    fixed = sf.fit(
        runs, LAW, columns=COLUMNS, loss=sf.Squared(), params={"alpha": sf.Param(fixed=cap)}
    )
    assert bounded.objective == pytest.approx(fixed.objective, rel=1e-10)
    assert any(one.code == "at_bound" for one in bounded.findings)
    # scipy's bounded solver ends at the same place
    x, y = runs["x"].to_numpy(), runs["loss"].to_numpy()
    peer = optimize.least_squares(
        lambda t: np.log(curve(x, *t)) - np.log(y),
        [1.5, 200, 0.2],
        bounds=([0, 0, 0.1], [np.inf, np.inf, cap]),
        x_scale=[1, 100, 0.1],
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
        max_nfev=2_000,
    )
    assert bounded.objective <= peer.cost * (1 + 1e-9)


def test_bounds_away_from_the_optimum_change_nothing(runs, fit):
    """P14."""
    wide = {"E": sf.Param(lower=0, upper=10), "alpha": sf.Param(lower=0.01, upper=3)}
    same = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), params=wide)
    assert same.objective == pytest.approx(fit.objective, rel=1e-12)
    assert list(same.params.values()) == pytest.approx(list(fit.params.values()), rel=1e-8)


def test_params_override_those_of_a_catalogue_law(runs):
    law = sf.fit(runs, "power_offset", params={"alpha": sf.Param(fixed=0.5)})
    assert law.params["alpha"] == 0.5
    assert law.law.params["E"].lower == 0
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.fit(runs, "power_offset", params={"alhpa": sf.Param(fixed=0.5)})
    assert caught.value.param == "alhpa"
    assert "alpha" in str(caught.value)


@pytest.mark.parametrize(
    "bad", [{"lower": 2, "upper": 1}, {"fixed": 1, "lower": 2}, {"start": 5, "upper": 1}]
)
def test_contradictory_params_are_refused(runs, bad):
    with pytest.raises(sf.errors.ParameterError):
        sf.fit(runs, LAW, columns=COLUMNS, params={"E": sf.Param(**bad)})


# -- formulas ----------------------------------------------------------------------------------


def test_a_transformed_target_is_fitted_raw_and_predicts_in_its_own_units(runs):
    """G(column) ~ ...; log(y) ~ log(f) raw is f with log residuals."""
    plain = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared())
    logged = sf.fit(runs, f"log(loss) ~ log({LAW})", columns=COLUMNS, loss=sf.Squared())
    assert logged.objective == pytest.approx(plain.objective, rel=1e-12)
    assert list(logged.params.values()) == pytest.approx(list(plain.params.values()), rel=1e-9)
    new = {"x": [1e6, 1e9, 1e12]}
    assert logged.predict(new)["prediction"].to_list() == pytest.approx(
        plain.predict(new)["prediction"].to_list(), rel=1e-12
    )
    boot = sf.bootstrap(logged, n=100, seed=2)
    other = sf.bootstrap(plain, n=100, seed=2)
    for interval in ("confidence", "prediction"):
        one, two = (each.predict(new, interval=interval) for each in (boot, other))
        assert one["upper"].to_list() == pytest.approx(two["upper"].to_list(), rel=1e-7)


@pytest.mark.parametrize(
    ("transform", "inverse"),
    [
        ("log", np.exp),
        ("log10", lambda z: 10**z),
        ("log2", np.exp2),
        ("sqrt", np.square),
        ("exp", np.log),
    ],
)
def test_other_transforms_of_the_target(runs, transform, inverse):
    """The residual is g(f) - g(y) on the transformed scale; predictions are in y's units."""
    forward = {"log": np.log, "log10": np.log10, "log2": np.log2, "sqrt": np.sqrt, "exp": np.exp}[
        transform
    ]
    fit = sf.fit(runs, f"{transform}(loss) ~ a + b*log(x)", columns=COLUMNS, loss=sf.Squared())
    design = np.column_stack([np.ones(30), np.log(runs["x"].to_numpy())])
    exact, *_ = np.linalg.lstsq(design, forward(runs["loss"].to_numpy()), rcond=None)
    assert list(fit.params.values()) == pytest.approx(exact, rel=1e-9)
    assert fit.predict()["prediction"].to_numpy() == pytest.approx(
        inverse(design @ exact), rel=1e-9
    )
    with pytest.raises(sf.errors.ParameterError):
        sf.fit(runs, f"{transform}(loss) ~ a + b*log(x)", columns=COLUMNS, residual="log")


def test_the_split_of_a_formula_is_shown(runs):
    """`.law.columns`, `.law.params` and `summary()` show it."""
    fit = sf.fit(runs, LAW, columns=COLUMNS)
    assert fit.law.columns == ("x",)
    assert list(fit.law.params) == NAMES
    summary = fit.summary()
    assert "x" in summary.split("columns")[1].splitlines()[0]
    assert "E, A, alpha" in summary
    bare = sf.fit(runs.select("x", "loss"), LAW)
    assert bare.law.columns == ("x",)
    assert "<pre>" in bare._repr_html_()
    taken = sf.fit(runs, "E + A*x**(-run)", columns={"x": "x"})
    assert list(taken.law.params) == ["E", "A", "run"], "with columns=, other names are parameters"


@pytest.mark.parametrize(
    ("law", "options"),
    [
        ("E + A", {}),
        ("x + 1", {}),
        ("E*loss", {}),
        ("loss ~ E*loss", {}),
        ("E + A*", {}),
    ],
)
def test_formulas_that_ask_nothing_are_refused(runs, law, options):
    """No column, no parameter, the target on the right side."""
    with pytest.raises(sf.errors.FormulaError):
        sf.fit(runs.select("x", "loss"), law, **options)


def test_columns_may_be_expressions(runs):
    """`columns={"N": "params", "D": pl.col("tokens")/1e9}`; P7 says what units do."""
    plain = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared())
    scaled = sf.fit(runs, LAW, columns={"x": pl.col("x") / 1e6}, loss=sf.Squared())
    alpha = plain.params["alpha"]
    assert scaled.params["A"] == pytest.approx(plain.params["A"] * 1e6**-alpha, rel=1e-8)
    assert scaled.objective == pytest.approx(plain.objective, rel=1e-12)


# -- what a Fit answers ------------------------------------------------------------------------


def test_decades_beyond_is_the_largest_distance_outside(runs):
    """Outside the fitted range of any column, in log10 units."""
    runs = runs.with_columns(D=10 ** pl.Series(np.random.default_rng(0).uniform(9, 11, 30)))
    fit = sf.fit(runs, "E + A/x**alpha + B/D**beta", columns={"x": "x", "D": "D"})
    low, high = runs["D"].min(), runs["D"].max()
    new = {"x": [1e9, 1e11, 1e6, 1e12], "D": [high, high, low / 1000, high * 10]}
    assert fit.predict(new)["decades_beyond"].to_list() == pytest.approx([0, 1, 3, 2], abs=1e-9)
    assert fit.predict()["decades_beyond"].to_list() == [0] * 30
    assert fit.predict(new).columns == ["x", "D", "prediction", "decades_beyond"]


def test_predictions_are_the_laws(runs, fit):
    new = np.geomspace(1e5, 1e14, 40)
    predicted = fit.predict({"x": new})["prediction"].to_numpy()
    assert predicted == pytest.approx(curve(new, *fit.params.values()), rel=1e-13)
    assert fit.predict()["prediction"].to_numpy() == pytest.approx(
        runs["loss"].to_numpy() * np.exp(fit.residuals()), rel=1e-13
    )


def test_derived_quantities(runs):
    law = sf.Law(LAW, derived={"half": "2**(-alpha)", "big": "E + A"})
    fit = sf.fit(runs, law, columns=COLUMNS)
    assert fit.derived["half"] == pytest.approx(2 ** -fit.params["alpha"], rel=1e-15)
    assert fit.table["big"].item() == pytest.approx(fit.params["E"] + fit.params["A"], rel=1e-15)
    interval = fit.interval(of="big")
    assert interval["estimate"].item() == fit.derived["big"]


def test_the_columns_of_the_table(fit):
    """Keys, parameters, derived, objective, status, n, n_starts, agreement, gradient ..."""
    assert fit.table.columns == [
        *NAMES,
        *("objective", "status", "n", "n_starts", "agreement", "gradient", "condition", "at_bound"),
    ]
    assert fit.table["gradient"].item() == fit.certificate.gradient
    assert fit.table["condition"].item() >= 1


def test_a_fit_keeps_the_frame_it_was_given(runs):
    """The caller's data is copied once, on entry."""
    x, y = runs["x"].to_numpy().copy(), runs["loss"].to_numpy().copy()
    fit = sf.fit({"x": x, "loss": y}, LAW, loss=sf.Squared())
    before = fit.residuals()
    x[:], y[:] = 1, 1
    np.testing.assert_array_equal(fit.residuals(), before)
    assert sf.bootstrap(fit, n=20).failures.height == 0


def test_a_fit_cannot_be_changed(fit):
    with pytest.raises(TypeError):
        fit.params["E"] = 3.0
    with pytest.raises(AttributeError):
        fit.seed = 4
    assert copy.deepcopy(fit).table.equals(fit.table)


def test_exchangeable_terms_come_back_in_ascending_order():
    """Same-variable sums in ascending order of their exponent, whatever the start."""
    x = np.geomspace(1, 1e4, 60)
    y = 3 * x**-0.2 + 5 * x**-0.9
    law = "A*x**(-a) + B*x**(-b)"
    fits = [
        sf.fit({"x": x, "loss": y}, law, loss=sf.Squared()),
        sf.fit(
            {"x": x, "loss": y},
            law,
            loss=sf.Squared(),
            starts=sf.Grid({"A": [5.0, 3.0], "a": [0.2, 0.9], "B": [3.0, 5.0], "b": [0.2, 0.9]}),
        ),
    ]
    for fit in fits:
        expected = {"A": 3.0, "a": 0.2, "B": 5.0, "b": 0.9}
        assert dict(fit.params) == pytest.approx(expected, rel=1e-8)


# -- covariances -------------------------------------------------------------------------------


def matrix(cov):
    assert cov["parameter"].to_list() == cov.columns[1:]
    return cov.drop("parameter").to_numpy()


def test_hessian_covariance_is_curve_fits(runs):
    """scipy.optimize.curve_fit with a tight tolerance, raw residuals, 1e-6 (its own accuracy)."""
    x, y = runs["x"].to_numpy(), runs["loss"].to_numpy()
    fit = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), residual="raw")

    def jacobian(x, offset, scale, alpha):
        power = x**-alpha
        return np.column_stack([np.ones_like(x), power, -scale * power * np.log(x)])

    point, cov = optimize.curve_fit(
        curve,
        x,
        y,
        list(fit.params.values()),
        jac=jacobian,
        xtol=1e-15,
        ftol=1e-15,
        gtol=0,
    )
    assert list(fit.params.values()) == pytest.approx(point, rel=1e-6)
    assert matrix(fit.cov()) == pytest.approx(cov, rel=1e-6)


@pytest.mark.parametrize("noise", ["estimated", "given"])
def test_given_noise_is_absolute_sigma(runs, noise):
    """P4: `noise="given"` is curve_fit's absolute_sigma."""
    x, y = runs["x"].to_numpy(), runs["loss"].to_numpy()
    sigma = np.linspace(0.01, 0.04, 30)
    fit = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Squared(), residual="raw", sigma=sigma)
    _, cov = optimize.curve_fit(
        curve,
        x,
        y,
        list(fit.params.values()),
        sigma=sigma,
        absolute_sigma=noise == "given",
        jac=lambda x, e, a, g: np.column_stack([np.ones_like(x), x**-g, -a * x**-g * np.log(x)]),
        xtol=1e-15,
        ftol=1e-15,
        gtol=0,
    )
    assert matrix(fit.cov(noise=noise)) == pytest.approx(cov, rel=1e-6)


def written_out(fit, weights, cluster=None, kind="sandwich"):
    """The formulas of `Fit.cov` in plain numpy, from residuals and Jacobian."""
    residual, jacobian = fit.residuals(), fit.jacobian()
    n, p = weights.sum(), jacobian.shape[1]
    if fit.loss.name == "squared":
        psi, slope = residual, np.ones_like(residual)
    else:
        delta = fit.loss.delta
        psi, slope = np.clip(residual, -delta, delta), (np.abs(residual) <= delta).astype(float)
    scale = np.linalg.norm(jacobian, axis=0)
    unit = jacobian / scale
    bread = np.linalg.inv((unit * (weights * slope)[:, None]).T @ unit) / np.outer(scale, scale)
    if kind == "hessian":
        return (weights * residual**2).sum() / (n - p) * bread
    if cluster is None:
        meat = (jacobian * (weights * psi**2)[:, None]).T @ jacobian
        return n / (n - p) * bread @ meat @ bread
    scores = jacobian * (weights * psi)[:, None]
    sums = np.array([scores[cluster == one].sum(axis=0) for one in np.unique(cluster)])
    return len(sums) / (len(sums) - 1) * bread @ sums.T @ sums @ bread


@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(0.01)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sandwich_covariances_are_the_written_out_ones(runs, loss, weighted):
    """Frequency weights, so that w rows count as w; HC1 and its clustered form, 1e-7."""
    weights = np.where(np.arange(30) % 4 == 0, 2.0, 1.0) if weighted else np.ones(30)
    given = weights if weighted else None
    fit = sf.fit(runs, LAW, columns=COLUMNS, loss=loss, weights=given)
    assert matrix(fit.cov("sandwich")) == pytest.approx(written_out(fit, weights), rel=1e-7)
    cluster = runs["run"].to_numpy()
    assert matrix(fit.cov("sandwich", cluster="run")) == pytest.approx(
        written_out(fit, weights, cluster), rel=1e-7
    )
    if isinstance(loss, sf.Squared):
        assert matrix(fit.cov("hessian")) == pytest.approx(
            written_out(fit, weights, kind="hessian"), rel=1e-7
        )


def test_frequency_weights_have_the_covariance_of_repeated_rows(runs):
    """P2 for every kind of covariance."""
    weights = np.where(np.arange(30) % 3 == 0, 3, 1)
    once = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Huber(0.01), weights=weights)
    often = sf.fit(
        runs[np.repeat(np.arange(30), weights).tolist()], LAW, columns=COLUMNS, loss=sf.Huber(0.01)
    )
    assert matrix(once.cov()) == pytest.approx(matrix(often.cov()), rel=1e-6)
    assert matrix(once.cov(cluster="run")) == pytest.approx(
        matrix(often.cov(cluster="run")), rel=1e-6
    )


def test_the_default_covariance_is_honest(runs):
    """Sandwich under a robust loss; none at a kink."""
    huber = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Huber(0.01))
    assert huber.cov().equals(huber.cov("sandwich"))
    with pytest.raises(sf.errors.ParameterError, match="sandwich"):
        huber.cov("hessian")
    lad = sf.fit(runs, LAW, columns=COLUMNS, loss=sf.Absolute())
    with pytest.raises(sf.errors.ParameterError, match="bootstrap"):
        lad.cov()


def test_clusters_of_one_row_are_the_plain_sandwich(runs):
    numbered = runs.with_row_index("row")
    fit = sf.fit(numbered, LAW, columns=COLUMNS, loss=sf.Squared())
    plain, clustered = matrix(fit.cov("sandwich")), matrix(fit.cov("sandwich", cluster="row"))
    assert clustered == pytest.approx(plain * (27 / 30) * (30 / 29), rel=1e-10)


def test_delta_method_intervals(runs, fit):
    """T with n - p degrees of freedom; of any formula of parameters."""
    table = fit.interval(0.9)
    error = np.sqrt(np.diag(matrix(fit.cov())))
    half = stats.t.ppf(0.95, 27) * error
    point = np.array(list(fit.params.values()))
    assert table["name"].to_list() == NAMES
    assert table["lower"].to_numpy() == pytest.approx(point - half, rel=1e-9)
    assert table["upper"].to_numpy() == pytest.approx(point + half, rel=1e-9)
    logged = fit.interval(0.9, of="log(A)")
    half = stats.t.ppf(0.95, 27) * error[1] / point[1]
    assert logged["upper"].item() - logged["estimate"].item() == pytest.approx(half, rel=1e-9)
    clustered = fit.interval(0.9, of="E", kind="sandwich", cluster="run")
    spread = np.sqrt(matrix(fit.cov("sandwich", cluster="run"))[0, 0])
    half = stats.t.ppf(0.95, 9) * spread
    assert clustered["upper"].item() == pytest.approx(point[0] + half, rel=1e-9)


def test_no_degree_of_freedom_is_an_error():
    x = np.array([1.0, 10.0, 100.0])
    fit = sf.fit({"x": x, "loss": 1 + 2 * x**-0.4}, LAW, loss=sf.Squared())
    assert fit.converged
    with pytest.raises(sf.errors.DataError, match="degree"):
        fit.cov()
    assert any(one.code == "no_dof" for one in fit.findings)


def test_the_jacobian_is_that_of_the_residual(runs, fit):
    """Derivatives of ln f - ln y, in the caller's row order, against the written-out one."""
    x = runs["x"].to_numpy()
    offset, scale, alpha = fit.params.values()
    f = curve(x, offset, scale, alpha)
    exact = np.column_stack([np.ones(30), x**-alpha, -scale * x**-alpha * np.log(x)]) / f[:, None]
    assert fit.jacobian() == pytest.approx(exact, rel=1e-11)


# -- questions that cannot be asked ------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"loss": "huber"}, "loss"),
        ({"loss": 1e-3}, "loss"),
        ({"residual": "cubic"}, "residual"),
        ({"target": 3}, "target"),
        ({"threads": 0}, "threads"),
        ({"seed": -1}, "seed"),
        ({"params": ["E"]}, "params"),
    ],
)
def test_absurd_options_are_refused_by_name(runs, options, param):
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.fit(runs, LAW, columns=COLUMNS, **options)
    assert caught.value.param == param


def test_a_key_that_is_a_parameter_is_refused(curves):
    with pytest.raises(sf.errors.ParameterError) as caught:
        sf.fit(curves.rename({"key": "alpha"}), LAW, columns=COLUMNS, by="alpha")
    assert caught.value.param == "alpha"


def test_dropped_rows_are_counted(runs):
    """The fit without them, 1e-12, and a finding with the count."""
    holed = runs.with_columns(loss=pl.when(pl.col("run") == 2).then(float("nan")).otherwise("loss"))
    with pytest.raises(sf.errors.DataError) as caught:
        sf.fit(holed, LAW, columns=COLUMNS)
    assert caught.value.column == "loss"
    assert caught.value.row == 6
    fit = sf.fit(holed, LAW, columns=COLUMNS, nulls="drop")
    manual = sf.fit(runs.filter(pl.col("run") != 2), LAW, columns=COLUMNS)
    assert fit.n == 27
    assert fit.objective == pytest.approx(manual.objective, rel=1e-12)
    assert any("3 rows" in one.sentence for one in fit.findings)
