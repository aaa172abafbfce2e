"""Properties that hold for every fit: P1 to P30, on random problems.

Three laws, three losses. The tolerance is 1e-9 of a parameter's own standard scale unless a
comment says why not. Absolute is checked by its objective: its optimum can be a flat edge.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import os

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy import optimize

import scaling_fast as sf

DEEP = os.environ.get("SCALING_FAST_DEEP") == "1"
"""`make deep`: fifteen times as many examples of every property."""

settings.register_profile(
    "fits",
    deadline=None,
    derandomize=True,
    max_examples=300 if DEEP else 20,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
fits = settings.get_profile("fits")

LAWS = {
    "power": ("A*x**(-alpha)", {"x"}),
    "power_offset": ("E + A*x**(-alpha)", {"x"}),
    "chinchilla": ("E + A/N**alpha + B/D**beta", {"N", "D"}),
}
SCALED = {"E", "A", "B"}
"""Parameters in the target's own unit: multiplied by c when the target is."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """Runs of a law, and the question asked of them."""

    law: str
    frame: pl.DataFrame
    truth: dict[str, float]
    loss: object
    residual: str

    @property
    def formula(self):
        return LAWS[self.law][0]

    def fit(self, frame=None, **options):
        given = {"loss": self.loss, "residual": self.residual} | options
        frame = self.frame if frame is None else frame
        columns = {name: name for name in LAWS[self.law][1]}
        return sf.fit(frame, given.pop("law", self.formula), **{"columns": columns} | given)


def problem(law, seed, loss, residual, noise=0.01, rows=40):
    """A design that identifies the law: four decades of each input, none a function of another."""
    rng = np.random.default_rng(seed)
    truth = {"A": rng.uniform(2, 8), "alpha": rng.uniform(0.25, 0.6)}
    columns = {}
    if law == "chinchilla":
        columns = {"N": 10 ** rng.uniform(0, 4, rows), "D": 10 ** rng.uniform(0, 4, rows)}
        truth |= {"B": rng.uniform(2, 8), "beta": rng.uniform(0.25, 0.6), "E": rng.uniform(1, 2)}
        f = truth["E"] + truth["A"] / columns["N"] ** truth["alpha"]
        f = f + truth["B"] / columns["D"] ** truth["beta"]
    else:
        columns = {"x": 10 ** rng.uniform(0, 4, rows)}
        truth |= {"E": rng.uniform(1, 2)} if law == "power_offset" else {}
        f = truth.get("E", 0.0) + truth["A"] * columns["x"] ** -truth["alpha"]
    y = f * np.exp(noise * rng.standard_t(4, rows))
    return Problem(law, pl.DataFrame(columns | {"loss": y}), truth, loss, residual)


SEEDS = st.integers(0, 10_000)
SMOOTH = [sf.Squared(), sf.Huber(5e-3)]
LOSSES = [*SMOOTH, sf.Absolute()]


def problems(losses=LOSSES, residuals=("log", "raw"), laws=tuple(LAWS), **fixed):
    return st.builds(
        functools.partial(problem, **fixed),
        law=st.sampled_from(laws),
        seed=SEEDS,
        loss=st.sampled_from(losses),
        residual=st.sampled_from(residuals),
    )


def assert_same(one, other, factors=None, objective=1.0, relative=1e-9):
    """The second fit is the first with its parameters multiplied by `factors`."""
    assert one.converged
    assert other.converged
    assert other.objective == pytest.approx(one.objective * objective, rel=1e-9, abs=1e-25)
    if isinstance(one.loss, sf.Absolute):
        return
    expected = {name: value * (factors or {}).get(name, 1.0) for name, value in one.params.items()}
    assert dict(other.params) == pytest.approx(expected, rel=relative)


def errors(fit, **options):
    return np.sqrt(np.diag(fit.cov(**options).drop("parameter").to_numpy()))


@given(problems(), st.randoms(use_true_random=False))
@fits
def test_p1_the_order_of_rows_does_not_matter(one, random):
    order = list(range(one.frame.height))
    random.shuffle(order)
    assert_same(one.fit(), one.fit(one.frame[order]))


@given(problems(), SEEDS)
@example(problem("power", 530, sf.Absolute(), "raw"), 2333)
@fits
def test_p2_a_weight_of_k_is_k_rows(one, seed):
    weights = np.random.default_rng(seed).integers(1, 4, one.frame.height)
    repeated = one.frame[np.repeat(np.arange(one.frame.height), weights).tolist()]
    assert_same(one.fit(weights=weights), one.fit(repeated))


@given(problems(), SEEDS)
@fits
def test_p3_a_weight_of_zero_removes_the_row(one, seed):
    """Including a row whose target is NaN."""
    weights = np.ones(one.frame.height)
    weights[np.random.default_rng(seed).integers(0, one.frame.height, 4)] = 0
    holed = one.frame.with_columns(
        loss=pl.when(pl.Series(weights == 0)).then(np.nan).otherwise("loss")
    )
    rest = one.frame.filter(pl.Series(weights > 0))
    for frame in (one.frame, holed):
        assert_same(one.fit(rest), one.fit(frame, weights=weights), relative=1e-12)


@given(problems(), st.sampled_from([1e-6, 0.1, 3.0, 1e6]))
@fits
def test_p4_the_scale_of_weights_does_not_matter(one, c):
    """And P19, sum against mean: parameters same, objective x c."""
    base = one.fit()
    scaled = one.fit(weights=np.full(one.frame.height, c))
    assert_same(base, scaled, objective=c)


@given(problems(losses=[sf.Squared()]), st.sampled_from([0.25, 4.0]))
@fits
def test_p4_standard_errors_under_scaled_sigma(one, c):
    """Estimated noise: standard errors the same; given noise: divided by sqrt(c)."""
    rows = one.frame.height
    base, scaled = (one.fit(sigma=np.full(rows, s)) for s in (1.0, c**-0.5))
    assert errors(scaled) == pytest.approx(errors(base), rel=1e-7)
    assert errors(scaled, noise="given") == pytest.approx(
        errors(base, noise="given") / c**0.5, rel=1e-7
    )


@given(problems(residuals=["raw"]), st.sampled_from([1e-3, 0.3, 7.0, 1e4]))
@fits
def test_p5_raw_residuals_follow_the_unit_of_the_target(one, c):
    scaled = one.frame.with_columns(pl.col("loss") * c)
    loss, objective = one.loss, c**2
    if isinstance(loss, sf.Huber):
        loss = sf.Huber(loss.delta * c)
    if isinstance(loss, sf.Absolute):
        objective = c
    assert_same(one.fit(), one.fit(scaled, loss=loss), dict.fromkeys(SCALED, c), objective)


@given(problems(residuals=["log"]), st.sampled_from([1e-3, 0.3, 7.0, 1e4]))
@fits
def test_p6_log_residuals_do_not_see_the_unit_of_the_target(one, c):
    scaled = one.frame.with_columns(pl.col("loss") * c)
    assert_same(one.fit(), one.fit(scaled), dict.fromkeys(SCALED, c))


@given(problems(), st.sampled_from([1e-6, 0.2, 1e3, 1e9]))
@fits
def test_p7_the_unit_of_an_input_moves_its_own_scale_only(one, k):
    name = "N" if one.law == "chinchilla" else "x"
    base = one.fit()
    scaled = one.fit(one.frame.with_columns(pl.col(name) * k))
    # A k^alpha carries the error of alpha times log k.
    tolerance = 1e-9 * max(1, abs(np.log(k)))
    assert_same(base, scaled, {"A": k ** base.params["alpha"]}, relative=tolerance)
    assert scaled.predict()["prediction"].to_numpy() == pytest.approx(
        base.predict()["prediction"].to_numpy(),
        rel=1e-6 if isinstance(one.loss, sf.Absolute) else 1e-9,
    )


@given(
    problems(residuals=["raw"], laws=("power_offset", "chinchilla")),
    st.sampled_from([-0.5, 0.7, 20.0]),
)
@fits
def test_p8_a_shift_of_the_target_shifts_the_floor(one, shift):
    base = one.fit()
    moved = one.fit(one.frame.with_columns(pl.col("loss") + shift))
    factors = {"E": (base.params["E"] + shift) / base.params["E"]}
    # Adding 20 to the target rounds it to 20 eps: absolute 4e-15 of residuals of 1e-2.
    assert moved.objective == pytest.approx(base.objective, rel=1e-9)
    if not isinstance(one.loss, sf.Absolute):
        expected = {name: value * factors.get(name, 1.0) for name, value in base.params.items()}
        assert dict(moved.params) == pytest.approx(expected, rel=1e-9)


def test_p8_fails_for_log_residuals():
    """The negative test: a shift is no symmetry of log residuals."""
    one = problem("power_offset", 1, sf.Squared(), "log")
    moved = one.fit(one.frame.with_columns(pl.col("loss") + 5))
    assert abs(moved.params["alpha"] - one.fit().params["alpha"]) > 1e-5


@given(problems(noise=0.0))
@fits
def test_p9_noise_free_data_are_recovered(one):
    fit = one.fit()
    assert fit.converged
    assert dict(fit.params) == pytest.approx(one.truth, rel=1e-9)


@given(problems(losses=[sf.Squared()]))
@fits
def test_p10_a_huber_wider_than_every_residual_is_least_squares(one):
    base = one.fit()
    wide = sf.Huber(1.001 * np.abs(base.residuals()).max())
    assert_same(base, one.fit(loss=wide))


@given(problems(), SEEDS)
@fits
def test_p11_no_point_is_below_the_optimum(one, seed):
    """Not the truth, nor any of 200 perturbations from 1e-6 to a half."""
    fit = one.fit()
    limit = fit.objective * (1 - 1e-11)
    assert fit.objective_at(one.truth) >= limit
    rng = np.random.default_rng(seed)
    for size in 10 ** rng.uniform(-6, -0.3, 200):
        point = {
            name: value * np.exp(size * rng.standard_normal()) for name, value in fit.params.items()
        }
        assert fit.objective_at(point) >= limit


@given(problems(laws=("power_offset",)))
@fits
def test_p12_rewritten_forms_have_the_same_optimum(one):
    base = one.fit()
    for formula in ("E + A*exp(-alpha*log(x))", "E + A/x**alpha", "E + exp(a - alpha*log(x))"):
        other = one.fit(law=formula)
        assert other.objective == pytest.approx(
            base.objective, rel=1e-12 if one.loss in SMOOTH else 1e-10
        )
        assert other.predict()["prediction"].to_numpy() == pytest.approx(
            base.predict()["prediction"].to_numpy(), rel=1e-9 if one.loss in SMOOTH else 1e-6
        )
    if isinstance(one.loss, sf.Squared):
        # other is the logarithmic form: SE(A) = A SE(log A)
        assert errors(other)[1] * base.params["A"] == pytest.approx(errors(base)[1], rel=1e-6)


@given(problems(laws=("power_offset", "chinchilla")))
@fits
def test_p13_a_nested_law_never_fits_better(one):
    whole = one.fit()
    nested = "A*x**(-alpha)" if one.law == "power_offset" else "E + A/N**alpha + B/D**alpha"
    assert whole.objective <= one.fit(law=nested).objective * (1 + 1e-10)


@given(problems(), st.floats(0.9, 1.1), st.booleans())
@example(problem("power", 1, sf.Absolute(), "log"), 1.0, False)
@example(problem("power_offset", 1, sf.Squared(), "log"), 1.0, True)
@fits
def test_p14_bounds_never_lower_the_objective(one, share, above):
    base = one.fit()
    edge = base.params["alpha"] * share
    bound = {"alpha": sf.Param(lower=edge) if above else sf.Param(upper=edge)}
    tight = one.fit(params=bound)
    assert tight.objective >= base.objective * (1 - 1e-11)
    assert tight.params["alpha"] >= edge if above else tight.params["alpha"] <= edge
    idle = (share < 1) == above
    if idle:
        assert_same(base, tight)


@given(problems(losses=SMOOTH))
@fits
def test_p15_a_point_on_the_surface_changes_nothing(one):
    base = one.fit()
    point = base.predict().head(1).select(*sorted(LAWS[one.law][1]), loss="prediction")
    more = one.fit(pl.concat([one.frame.select(point.columns), point]))
    assert_same(base, more)
    if isinstance(one.loss, sf.Squared):
        dof = one.frame.height - len(base.params)
        # the sum of squares is the same and one degree of freedom is gained
        assert (errors(more) <= errors(base) * np.sqrt(dof / (dof + 1)) * (1 + 1e-7)).all()


@given(problems(losses=[sf.Huber(5e-3)]), st.floats(1.01, 3.0))
@fits
def test_p16_an_outlier_pulls_with_bounded_force(one, further):
    base = one.fit()
    residual = base.residuals()
    worst = int(np.argmax(np.abs(residual)))
    f = base.predict()["prediction"].to_numpy()
    moved = one.frame["loss"].to_numpy().copy()
    if one.residual == "log":
        moved[worst] = f[worst] * np.exp(-further * residual[worst])
    else:
        moved[worst] = f[worst] - further * residual[worst]
    again = one.fit(one.frame.with_columns(loss=moved))
    assert dict(again.params) == pytest.approx(dict(base.params), rel=1e-9)


@given(problems(laws=("chinchilla",)))
@fits
def test_p17_swapped_inputs_swap_their_terms(one):
    base = one.fit()
    swapped = one.fit(one.frame.rename({"N": "D", "D": "N"}))
    assert swapped.objective == pytest.approx(base.objective, rel=1e-9)
    if not isinstance(one.loss, sf.Absolute):
        pairs = {"A": "B", "B": "A", "alpha": "beta", "beta": "alpha", "E": "E"}
        expected = {name: base.params[other] for name, other in pairs.items()}
        assert dict(swapped.params) == pytest.approx(expected, rel=1e-9)


@given(problems(), st.sampled_from(["A", "alpha"]))
@fits
def test_p18_fixing_a_parameter_at_its_optimum_changes_nothing(one, name):
    base = one.fit()
    held = one.fit(params={name: sf.Param(fixed=base.params[name])})
    assert held.params[name] == base.params[name]
    assert_same(base, held)
    off = one.fit(params={name: sf.Param(fixed=base.params[name] * 1.05)})
    assert off.objective >= base.objective * (1 - 1e-11)


@given(problems(losses=[sf.Squared()]), st.floats(0.8, 1.25))
@fits
def test_p20_derivatives_are_those_of_the_complex_step(one, share):
    """Exact to rounding: f at theta + i h, h = 1e-30; 1e-10 relative to each column's size."""
    fit = one.fit()
    point = {name: value * share for name, value in fit.params.items()}
    columns = {name: one.frame[name].to_numpy() for name in LAWS[one.law][1]}
    y = one.frame["loss"].to_numpy()

    def residual(values):
        if one.law == "chinchilla":
            f = values["E"] + values["A"] * np.exp(-values["alpha"] * np.log(columns["N"]))
            f = f + values["B"] * np.exp(-values["beta"] * np.log(columns["D"]))
        else:
            f = values.get("E", 0) + values["A"] * np.exp(-values["alpha"] * np.log(columns["x"]))
        return np.log(f) - np.log(y) if one.residual == "log" else f - y

    exact = np.column_stack(
        [residual(point | {name: point[name] + 1e-30j}).imag / 1e-30 for name in point]
    )
    got = fit.jacobian(point)
    assert (np.abs(got - exact) <= 1e-10 * np.abs(exact).max(axis=0)).all()
    assert fit.residuals(point) == pytest.approx(residual(point).real, abs=1e-13)


@given(problems(), st.sampled_from(["list", "numpy", "pandas", "arrow", "reversed"]))
@fits
def test_p21_every_container_gives_the_same_bits(one, kind):
    frames = {
        "list": lambda frame: {name: frame[name].to_list() for name in frame.columns},
        "numpy": lambda frame: {name: frame[name].to_numpy() for name in frame.columns},
        "pandas": lambda frame: frame.to_pandas(),
        "arrow": lambda frame: frame.to_arrow(),
        "reversed": lambda frame: frame.select(frame.columns[::-1]),
    }
    if kind in ("pandas", "arrow"):
        pytest.importorskip("pyarrow")
    assert one.fit(frames[kind](one.frame)).table.equals(one.fit().table)


@given(problems(losses=SMOOTH), SEEDS)
@fits
def test_p22_replicates_are_a_prefix_and_do_not_see_threads(one, seed):
    fit = one.fit()
    many = sf.bootstrap(fit, n=60, seed=seed, threads=2)
    few = sf.bootstrap(fit, n=20, seed=seed, threads=1)
    assert many.draws.head(20).equals(few.draws)
    rng = np.random.default_rng(seed)
    order = rng.permutation(one.frame.height)
    rows = rng.integers(0, one.frame.height, (5, one.frame.height))
    moved = sf.bootstrap(
        one.fit(one.frame[order.tolist()]), sf.Indices(np.argsort(order)[rows])
    ).draws
    base = sf.bootstrap(fit, sf.Indices(rows)).draws
    names = list(fit.params)
    assert moved.select(names).to_numpy() == pytest.approx(base.select(names).to_numpy(), rel=1e-9)


@pytest.mark.parametrize("residual", ["log", "raw"])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("k", [4, 9])
def test_p23_repeated_rows_narrow_an_interval(law, residual, k):
    """As 1/sqrt(k) in expectation over data sets.

    The mean of 30 ratios of widths varies by .02. It lies somewhat below 1: drawing 40 rows leaves
    out the ends of the design more often than drawing 40 k, and so the smaller set's interval is
    wider than asymptotics say, by terms of order p/n.
    """

    def width(one, frame):
        ends = sf.bootstrap(one.fit(frame), n=199, seed=5).interval(0.8, of="alpha", max_failures=1)
        return ends["upper"][0] - ends["lower"][0]

    ratios = [
        width(tried, pl.concat([tried.frame] * k)) / width(tried, tried.frame)
        for tried in (problem(law, seed, sf.Squared(), residual) for seed in range(30))
    ]
    assert 0.8 < np.exp(np.mean(np.log(ratios))) * np.sqrt(k) < 1.1


@given(problems(losses=SMOOTH), SEEDS)
@fits
def test_p24_intervals_are_nested_and_follow_monotone_maps(one, seed):
    """Percentile ends: a lower level lies inside a higher one; those of exp(alpha) are exp of alpha's."""
    boot = sf.bootstrap(one.fit(), n=199, seed=seed)

    def ends(level, of):
        row = boot.interval(level, of=of, max_failures=1)
        return np.array([row["lower"][0], row["upper"][0]])

    inner, outer = ends(0.5, "alpha"), ends(0.9, "alpha")
    assert outer[0] <= inner[0] <= inner[1] <= outer[1]
    # At these levels 198 p is whole: quantiles are order statistics, which a monotone map carries along.
    level = 1 - 2 * 22 / 198
    assert ends(level, "exp(alpha)") == pytest.approx(np.exp(ends(level, "alpha")), rel=1e-9)


@given(problems(losses=[sf.Squared()], residuals=["raw"], laws=("power_offset", "chinchilla")))
@fits
def test_p25_intervals_of_the_floor_follow_the_target(one):
    def ends(frame):
        return np.array(
            sf.bootstrap(one.fit(frame), n=41, seed=3)
            .interval(0.9, of="E", max_failures=1)
            .row(0)[2:]
        )

    base = ends(one.frame)
    assert ends(one.frame.with_columns(pl.col("loss") + 2)) == pytest.approx(base + 2, rel=1e-9)
    assert ends(one.frame.with_columns(pl.col("loss") * 3)) == pytest.approx(base * 3, rel=1e-9)


@given(problems(losses=SMOOTH), SEEDS)
@fits
def test_p26_the_jackknife_is_n_refits(one, seed):
    jackknife = sf.bootstrap(one.fit(), sf.Jackknife()).draws
    assert jackknife.height == one.frame.height
    row = seed % one.frame.height
    again = one.fit(one.frame.with_row_index("row").filter(pl.col("row") != row).drop("row"))
    assert jackknife["objective"][row] == pytest.approx(again.objective, rel=1e-9)
    got = {name: jackknife[name][row] for name in again.params}
    assert got == pytest.approx(dict(again.params), rel=1e-9)


@given(problems())
@fits
def test_p27_predictions_are_the_target_plus_residuals(one):
    fit, y = one.fit(), one.frame["loss"].to_numpy()
    predicted = fit.predict()["prediction"].to_numpy()
    expected = y * np.exp(fit.residuals()) if one.residual == "log" else y + fit.residuals()
    assert predicted == pytest.approx(expected, rel=1e-13)


@given(problems(losses=SMOOTH, laws=("chinchilla",)), st.sampled_from([1e-6, 6.0, 1e9]))
@fits
def test_p27_the_allocation_exponent_does_not_see_units(one, k):
    base, scaled = one.fit(), one.fit(one.frame.with_columns(pl.col("N") * k, pl.col("D") / k))
    a = [fit.params["beta"] / (fit.params["alpha"] + fit.params["beta"]) for fit in (base, scaled)]
    assert a[1] == pytest.approx(a[0], rel=1e-9)


@given(problems(losses=[sf.Huber(5e-3)], residuals=["log"]))
@fits
def test_p28_base_ten_residuals_are_a_rescaled_delta(one):
    base = one.fit()
    tens = one.fit(
        law=f"log10(loss) ~ log10({one.formula})", residual=None, loss=sf.Huber(5e-3 / np.log(10))
    )
    assert tens.objective == pytest.approx(base.objective / np.log(10) ** 2, rel=1e-9)
    assert dict(tens.params) == pytest.approx(dict(base.params), rel=1e-9)


@given(problems())
@fits
def test_p29_names_and_unused_columns_change_nothing(one):
    base = one.fit()
    more = one.frame.with_columns(unused=pl.lit("text"), zz=pl.Series(range(one.frame.height)))
    assert one.fit(more).table.equals(base.table)
    renamed = more.rename({name: f"the {name}" for name in LAWS[one.law][1]})
    other = one.fit(renamed, columns={name: f"the {name}" for name in LAWS[one.law][1]})
    assert other.table.equals(base.table)


@given(problems())
@example(problem("power", 0, sf.Absolute(), "log"))
@fits
def test_p30_repeated_data(one):
    """Three times the rows: parameters same, SE' = SE sqrt((n - p)/(3n - p))."""
    base, three = one.fit(), one.fit(pl.concat([one.frame] * 3))
    assert_same(base, three, objective=3)
    if isinstance(one.loss, sf.Squared):
        n, p = one.frame.height, len(base.params)
        assert errors(three) == pytest.approx(
            errors(base) * np.sqrt((n - p) / (3 * n - p)), rel=1e-7
        )


@given(problems())
@fits
def test_every_fit_of_an_identified_design_is_certified_and_global(one):
    """Searched starts ("auto") find the global optimum on every design that identifies the law."""
    fit = one.fit()
    assert fit.converged
    assert fit.is_global
    assert fit.certificate.gradient <= 1e-8
    assert fit.certificate.decrease <= 1e-14
    assert fit.certificate.multiplier <= 1
    assert copy.copy(fit).table.equals(fit.table)


NARROW = {
    "squared": (sf.Squared(), "linear", 1.0),
    "soft_l1": (sf.SoftL1(0.01), "soft_l1", 0.01),
    "huber": (sf.Huber(5e-3), "huber", 5e-3),
    "cauchy": (sf.Cauchy(0.02), "cauchy", 0.02),
}


@pytest.mark.parametrize("residual", ["log", "raw"])
@pytest.mark.parametrize("loss", NARROW)
def test_a_global_optimum_is_not_contradicted_by_scipy(loss, residual):
    """`is_global`. Fifteen short noisy curves, eight bounded scipy starts each.

    Where scipy ends lower, the point it found is shown to our own objective.
    """
    ours, theirs, scale = NARROW[loss]
    contradicted = []
    for seed in range(15):
        rng = np.random.default_rng([seed, residual == "raw"])
        rows = int(rng.integers(6, 25))
        x = 10 ** np.sort(rng.uniform(6, 9.5, rows))
        floor, size, alpha = rng.uniform(0.3, 2.5), 10 ** rng.uniform(1, 3.5), rng.uniform(0.1, 0.5)
        y = (floor + size * x**-alpha) * np.exp(
            rng.choice([0.003, 0.03, 0.1]) * rng.standard_normal(rows)
        )
        runs = {"x": x, "loss": y}
        try:
            fit = sf.fit(runs, "power_offset", loss=ours, residual=residual)
        except sf.errors.DataError:  # says that nothing is identified; certifies nothing
            continue
        if not fit.is_global:
            continue
        middle = np.exp(np.log(x).mean())

        def residuals(theta, x=x, y=y, middle=middle):
            with np.errstate(over="ignore", divide="ignore"):
                f = theta[0] + np.exp(np.minimum(theta[1] - theta[2] * np.log(x / middle), 600))
                return np.log(np.maximum(f, 1e-300)) - np.log(y) if residual == "log" else f - y

        for _ in range(8):
            start = [
                rng.uniform(0, y.min()),
                np.log(y.mean()) + rng.normal() - 0.5,
                rng.uniform(0.05, 1.5),
            ]
            found = optimize.least_squares(
                residuals,
                start,
                loss=theirs,
                f_scale=scale,
                bounds=([0, -60, 0], [np.inf, 60, 60]),
                x_scale=[1, 1, 0.3],
                max_nfev=150,
            ).x
            point = {
                "E": found[0],
                "A": float(np.exp(found[1]) * middle ** found[2]),
                "alpha": found[2],
            }
            if fit.objective_at(point) < fit.objective * (1 - 1e-6):
                contradicted.append((seed, fit.objective_at(point) / fit.objective - 1))
                break
    assert contradicted == []


@pytest.mark.parametrize(
    ("seed", "residual", "point"),
    [
        (
            107,
            "raw",
            {"E": 2.0272780314869627, "A": 27.13314971881421, "alpha": 0.16552260893812906},
        ),
        (
            330,
            "log",
            {"E": 1.2883614355794453, "A": 511.47931768307944, "alpha": 0.46317113805726395},
        ),
    ],
)
def test_a_global_optimum_is_not_above_a_known_point(seed, residual, point):
    """`is_global`. Short noisy curves where scipy's best of forty starts ended lower.

    Two of 520 random curves, kept because a search that stops at three agreeing starts missed them.
    """
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(6, 25))
    x = 10 ** np.sort(rng.uniform(6, 9.5, rows))
    floor, size, alpha = rng.uniform(0.3, 2.5), 10 ** rng.uniform(1, 3.5), rng.uniform(0.1, 0.5)
    y = (floor + size * x**-alpha) * np.exp(
        rng.choice([0.003, 0.03, 0.1]) * rng.standard_normal(rows)
    )
    fit = sf.fit({"x": x, "loss": y}, "power_offset", loss=sf.Huber(5e-3), residual=residual)
    assert fit.objective <= fit.objective_at(point) * (1 + 1e-9)
