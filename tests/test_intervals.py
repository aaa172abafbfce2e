"""Studentized and small-sample intervals, subsamples, replicates solved again, the uniformity of draws.

Oracles: the exact bootstrap distribution of a mean (a convolution), `Fit.cov`, Student's t.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

import scaling_fast as sf
from scaling_fast import _core
from scaling_fast.resampling.intervals.studentized import standard_errors

LAW = "E + A*x**(-alpha)"
NUMBERS = np.array([3, 5, 7, 18, 43, 85, 91, 98, 100, 130, 230, 487, 61, 55, 39, 12], dtype=float)


def runs_of(seed=0, rows=24, noise=0.01):
    rng = np.random.default_rng(seed)
    x = np.geomspace(1e7, 1e10, rows)
    y = (1.8 + 400 * x**-0.34) * np.exp(noise * rng.standard_normal(rows))
    frame = {"x": x, "loss": y, "run": np.arange(rows) // 2, "w": 1.0 + np.arange(rows) % 3}
    return pl.DataFrame(frame | {"budget": np.arange(rows) // 6})


def fitted(frame=None, law=LAW, **options):
    options = {"loss": sf.Squared(), "columns": {"x": "x"}} | options
    return sf.fit(runs_of() if frame is None else frame, law, **options)


@pytest.fixture(scope="module")
def fit():
    return fitted()


@pytest.fixture(scope="module")
def mean():
    return fitted({"x": np.ones(16), "loss": NUMBERS}, "m*x", residual="raw")


def exact_mean_quantiles(levels):
    """Quantiles of the mean of 16 draws from 16 whole numbers: the distribution of their sum, convolved."""
    single = np.bincount(NUMBERS.astype(int)) / 16
    every = np.array([1.0])
    for _ in range(16):
        every = np.convolve(every, single)
    return np.searchsorted(np.cumsum(every), levels) / 16


# -- the draws ------------------------------------------------------------------------------------


def test_intervals_of_a_mean_are_those_of_its_exact_distribution(mean):
    """B3: percentile, basic and normal of the exact bootstrap distribution, within the error of 200,000 draws."""
    boot = sf.bootstrap(mean, n=200_000, seed=1)
    spare = 5 * math.sqrt(0.025 * 0.975 / 200_000)
    low, high = ((level - spare, level + spare) for level in (0.025, 0.975))
    (a, b), (c, d) = exact_mean_quantiles(low), exact_mean_quantiles(high)
    assert d - c < 0.03 * c  # the band is narrow
    centre = NUMBERS.mean()
    percentile, basic, normal = (
        boot.interval(0.95, one) for one in ("percentile", "basic", "normal")
    )
    assert a <= percentile["lower"].item() <= b
    assert c <= percentile["upper"].item() <= d
    assert 2 * centre - d <= basic["lower"].item() <= 2 * centre - c
    assert 2 * centre - b <= basic["upper"].item() <= 2 * centre - a
    half = stats.norm.ppf(0.975) * NUMBERS.std() / 4
    assert normal["lower"].item() == pytest.approx(centre - half, rel=5e-3)
    assert normal["upper"].item() == pytest.approx(centre + half, rel=5e-3)


@pytest.mark.parametrize("rows", [7, 240, 1_000])
def test_every_row_is_drawn_alike(rows):
    """B5: chi-square of two million words of the stream, reduced to rows as numpy reduces them."""
    generators = (
        np.random.Generator(
            np.random.Philox(
                key=np.array([3, 1], dtype=np.uint64),
                counter=np.array([0, 0, replicate, 0], dtype=np.uint64),
            )
        )
        for replicate in range(2_000_000 // rows // 100)
    )
    counts = np.zeros(rows)
    for one in generators:
        counts += np.bincount(one.integers(0, rows, 100 * rows), minlength=rows)
    assert 1e-6 < stats.chisquare(counts).pvalue < 1 - 1e-6


def test_words_of_different_replicates_have_nothing_in_common():
    """B5: rank correlations of 40 replicates' streams of 2,000 words are those of independent ones."""
    words = np.array([_core.philox(9, one, 0, 2_000) for one in range(40)], dtype=np.float64)
    ranks = stats.spearmanr(words, axis=1).statistic[np.triu_indices(40, 1)]
    # 780 correlations of standard deviation 1/sqrt(1999)
    assert np.abs(ranks).max() < 5 / math.sqrt(1_999)
    assert abs(ranks.mean()) < 5 / math.sqrt(1_999 * 780)


def test_a_bounded_draw_has_no_modulo_bias():
    """B5: with n = 3 * 2^30 a remainder would hit its lowest third twice as often; rejection does not."""
    rng = np.random.Generator(np.random.Philox(key=np.array([5, 1], dtype=np.uint64)))
    drawn = rng.integers(0, 3 * 2**30, 300_000)
    counts = np.bincount(drawn // 2**30, minlength=3)
    assert stats.chisquare(counts).pvalue > 1e-6


# -- strata, blocks, subsamples ---------------------------------------------------------------------


def shares_of(scheme, rows=12, replicates=4_000, **more):
    """Return each row's share of the weight in every replicate: means of indicators on common draws."""
    found = []
    for row in range(rows):
        frame = {"x": np.ones(rows), "loss": (np.arange(rows) == row) * 1.0} | more
        one = fitted(frame, "m*x", residual="raw")
        found.append(sf.bootstrap(one, scheme, n=replicates, seed=1).draws["m"].to_numpy())
    return np.array(found).T


def test_strata_keep_their_size():
    stratum = np.array([0, 1, 1, 2, 2, 2, 0, 1, 2, 2, 2, 2])
    shares = shares_of(sf.Strata("s"), s=stratum)
    for one in range(3):
        inside = stratum == one
        assert shares[:, inside].sum(axis=1) == pytest.approx(np.full(4_000, inside.mean()))
        size = inside.sum()
        variance = (1 - 1 / size) / 12**2  # of a multinomial count over 12
        assert shares[:, inside].var(axis=0).mean() == pytest.approx(variance, rel=0.1)


def test_blocks_hold_neighbours_in_the_order_of_the_frame():
    """Runs of six rows that alternate in the frame: blocks of three are neighbours within a run."""
    run = np.arange(12) % 2
    counts = np.rint(12 * shares_of(sf.Blocks(3, within="run"), run=run, replicates=500)).astype(
        int
    )
    for one in (0, 1):
        inside = counts[:, run == one]
        assert (inside.sum(axis=1) == 6).all()
        starts = np.array([[*([1] * 3), *([0] * 3)]])
        every = {
            tuple(np.roll(starts, a)[0] + np.roll(starts, b)[0]) for a in range(4) for b in range(4)
        }
        assert {tuple(row) for row in inside.tolist()} == every


def test_a_subsample_is_a_set_of_rows_and_its_spread_is_rescaled(mean):
    """Half the rows: sqrt(m/(n - m)) = 1. Any m estimates the same standard error."""
    shares = shares_of(sf.Subsample(5), replicates=200)
    assert set(np.unique(np.rint(5 * shares))) == {0.0, 1.0}
    exact = NUMBERS.std(ddof=1) / 4  # of m draws without replacement, whatever m, once rescaled
    for m in (4, 8, 13):
        boot = sf.bootstrap(mean, sf.Subsample(m), n=20_000, seed=2)
        assert math.sqrt(boot.cov()["m"].item()) == pytest.approx(exact, rel=0.03)
        table = boot.interval(0.9, "normal")
        half = (table["upper"] - table["lower"]).item() / 2
        assert half == pytest.approx(stats.norm.ppf(0.95) * exact, rel=0.03)
        band = boot.predict({"x": [1.0]}, level=0.9)
        ends = boot.interval(0.9)
        assert band["lower"].item() == pytest.approx(ends["lower"].item(), rel=1e-12)


# -- studentized ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(0.01)])
def test_the_standard_errors_at_the_fit_are_those_of_its_covariance(loss, weights):
    fit = fitted(loss=loss, weights=weights)
    nothing = np.full((1, 1, 3), np.nan)
    formulas = {"E": "E", "A": "A", "alpha": "alpha"}

    def errors(scheme):
        return standard_errors(fit, scheme, 0, nothing, formulas)[0][0]

    def roots(**options):
        return np.sqrt(np.diag(fit.cov(**options).drop("parameter").to_numpy()))

    assert errors(sf.Pairs()) == pytest.approx(roots(kind="sandwich"), rel=1e-6)
    assert errors(sf.Clusters("run")) == pytest.approx(roots(cluster="run"), rel=1e-6)
    if loss == sf.Squared():
        assert errors(sf.Residuals()) == pytest.approx(roots(kind="hessian"), rel=1e-6)


def test_the_standard_error_of_a_formula_is_the_delta_methods(fit):
    formula = "E + A*1e12**(-alpha)"
    table = fit.interval(0.9, of=formula)
    half = (table["upper"] - table["lower"]).item() / 2
    error = standard_errors(fit, sf.Residuals(), 0, np.full((1, 1, 3), np.nan), {"f": formula})[0]
    assert error.item() * stats.t.ppf(0.95, 21) == pytest.approx(half, rel=1e-6)


def test_the_standard_errors_of_pairs_are_those_of_the_rows_drawn(fit):
    """Each replicate's, from a fit of its own rows."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 24, (5, 24))
    boot = sf.bootstrap(fit, sf.Indices(rows))
    draws = boot.draws.select("E", "A", "alpha").to_numpy()[None]
    found = standard_errors(fit, sf.Indices(rows), 0, draws, {"alpha": "alpha"})[1][0, :, 0]
    for one, drawn in zip(found, rows, strict=True):
        again = fitted(runs_of()[drawn])
        assert one == pytest.approx(math.sqrt(again.cov(kind="sandwich")["alpha"][2]), rel=1e-4)


def test_studentized_intervals_of_a_mean_are_those_of_its_pivots(mean):
    """Of (m* - m)/se*, by numpy on the same draws."""
    rows = np.random.default_rng(2).integers(0, 16, (2_000, 16))
    drawn = NUMBERS[rows]
    error = drawn.std(axis=1, ddof=1) / 4
    pivot = (drawn.mean(axis=1) - NUMBERS.mean()) / error
    low, high = np.quantile(pivot, [0.05, 0.95])
    own = NUMBERS.std(ddof=1) / 4
    table = sf.bootstrap(mean, sf.Indices(rows)).interval(0.9, "studentized")
    assert table["lower"].item() == pytest.approx(NUMBERS.mean() - high * own, rel=1e-9)
    assert table["upper"].item() == pytest.approx(NUMBERS.mean() - low * own, rel=1e-9)


def test_parametric_studentized_intervals_of_a_line_are_students():
    """Normal noise, least squares: the pivot has Student's t with n - p degrees of freedom exactly."""
    x = np.arange(7.0)
    fit = fitted(
        {"x": x, "loss": 1 + 2 * x + [0.3, -0.4, 0.2, 0.1, -0.5, 0.4, -0.1]},
        "a + b*x",
        residual="raw",
    )
    boot = sf.bootstrap(fit, sf.Parametric(), n=40_000, seed=1)
    ours, exact = boot.interval(0.9, "studentized", of="b"), fit.interval(0.9, of="b")
    half = (exact["upper"] - exact["lower"]).item() / 2
    for end in ("lower", "upper"):
        # five errors of a 5 % quantile of t5 from 40,000 draws: .03 of the half-width
        assert abs(ours[end].item() - exact[end].item()) < 0.03 * half


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        (sf.Jackknife(), "jackknife"),
        (sf.Bayesian(), "no counts"),
        (sf.Blocks(3), "neighbouring"),
        (sf.Weights(np.ones((3, 24))), "need not be counts"),
    ],
)
def test_schemes_without_standard_errors_say_why(fit, scheme, said):
    n = None if scheme.name in ("jackknife", "weights") else 20
    with pytest.raises(sf.errors.ParameterError, match=said):
        sf.bootstrap(fit, scheme, n=n).interval(method="studentized")


def test_losses_without_curvature_have_no_standard_errors():
    for loss in (sf.Absolute(), sf.Pinball(0.4)):
        with pytest.raises(sf.errors.ParameterError, match="kink"):
            sf.bootstrap(fitted(loss=loss), n=20).interval(method="studentized")
    nearly = sf.bootstrap(fitted(loss=sf.Huber(1e-7)), n=50)
    with pytest.raises(sf.errors.ConvergenceError, match="no standard error"):
        nearly.interval(method="studentized")


def test_a_fixed_parameter_has_no_error_and_groups_have_their_own():
    held = fitted(params={"E": sf.Param(fixed=1.8)})
    errors = standard_errors(held, sf.Pairs(), 0, np.full((1, 1, 3), np.nan), {"E": "E", "A": "A"})[
        0
    ][0]
    assert errors[0] == 0.0
    assert errors[1] > 0.0
    frame = pl.concat([runs_of(s).with_columns(g=pl.lit(f"g{s}")) for s in (1, 2)])
    both = sf.bootstrap(fitted(frame, by="g"), n=100, seed=3)
    table = both.interval(method="studentized", of="alpha")
    assert table["g"].to_list() == ["g1", "g2"]
    alone = sf.bootstrap(fitted(runs_of(1)), n=100, seed=3).interval(
        method="studentized", of="alpha"
    )
    assert table["lower"][0] == pytest.approx(alone["lower"].item(), rel=1e-6)


# -- small samples ----------------------------------------------------------------------------------


def test_small_sample_widens_to_students_t(mean):
    """normal: t with n - p and sqrt(n/(n - p)) times the deviation of the draws: nearly the t interval."""
    boot = sf.bootstrap(mean, n=20_000, seed=1)
    deviation = boot.draws["m"].std() * math.sqrt(16 / 15)
    table = boot.interval(0.9, "normal", small_sample=True)
    half = stats.t.ppf(0.95, 15) * deviation
    assert table["upper"].item() == pytest.approx(NUMBERS.mean() + half, rel=1e-9)
    # percentile: quantiles at the level whose normal interval is as wide
    tail = stats.norm.cdf(-stats.t.ppf(0.95, 15) * math.sqrt(16 / 15))
    low, high = np.quantile(boot.draws["m"].to_numpy(), [tail, 1 - tail])
    table = boot.interval(0.9, small_sample=True)
    assert (table["lower"].item(), table["upper"].item()) == pytest.approx((low, high), rel=1e-9)
    reflected = boot.interval(0.9, "basic", small_sample=True)
    assert reflected["lower"].item() == pytest.approx(2 * NUMBERS.mean() - high, rel=1e-9)


def test_few_clusters_take_their_own_degrees_of_freedom(fit):
    boot = sf.bootstrap(fit, sf.Clusters("run"), n=2_000)
    plain, wide = (boot.interval(0.9, "normal", of="E", small_sample=s) for s in (False, True))
    ratio = (wide["upper"] - wide["lower"]).item() / (plain["upper"] - plain["lower"]).item()
    exact = stats.t.ppf(0.95, 11) / stats.norm.ppf(0.95) * math.sqrt(12 / 11)
    assert ratio == pytest.approx(exact, rel=1e-9)
    residual = sf.bootstrap(fit, sf.Residuals(), n=500)
    plain, wide = (residual.interval(0.9, "normal", of="E", small_sample=s) for s in (False, True))
    ratio = (wide["upper"] - wide["lower"]).item() / (plain["upper"] - plain["lower"]).item()
    assert ratio == pytest.approx(stats.t.ppf(0.95, 21) / stats.norm.ppf(0.95), rel=1e-9)


@pytest.mark.parametrize("method", ["bc", "bca", "studentized"])
def test_methods_without_a_small_sample_form_say_so(fit, method):
    with pytest.raises(sf.errors.ParameterError, match="small_sample"):
        sf.bootstrap(fit, n=20).interval(method=method, small_sample=True)


def test_no_degree_of_freedom_is_a_typed_error():
    exact = fitted({"x": [1.0, 10.0, 100.0], "loss": [4.0, 3.0, 2.5]})
    boot = sf.bootstrap(exact, sf.Bayesian(), n=20)
    with pytest.raises(sf.errors.DataError, match="no degree of freedom"):
        boot.interval(small_sample=True)


# -- degenerate -------------------------------------------------------------------------------------


def test_a_quantity_that_does_not_vary_is_a_point_or_nothing(mean):
    """B9: a constant has standard error 0; no method crashes, and none invents a width."""
    boot = sf.bootstrap(mean, n=200)
    for method in ("percentile", "basic", "normal", "bc", "bca"):
        table = boot.interval(method=method, of="m - m + 2")
        ends = [table["lower"].item(), table["upper"].item()]
        assert all(one == 2.0 or math.isnan(one) for one in ends), method
    with pytest.raises(sf.errors.ConvergenceError, match="no standard error"):
        boot.interval(method="studentized", of="m - m + 2")


@pytest.mark.parametrize("method", ["studentized", "percentile", "basic", "normal"])
def test_levels_nest(fit, method):
    """B8 for the methods and the corrections added here."""
    boot = sf.bootstrap(fit, sf.Residuals(), n=999)
    options = {} if method == "studentized" else {"small_sample": True}
    ends = [boot.interval(level, method, of="alpha", **options) for level in (0.8, 0.9, 0.95)]
    lower, upper = ([one[end].item() for one in ends] for end in ("lower", "upper"))
    assert lower == sorted(lower, reverse=True)
    assert upper == sorted(upper)
    assert lower[0] < upper[0]


# -- replicates solved again ------------------------------------------------------------------------


def test_a_sample_is_solved_again_and_changes_no_draw(fit):
    boot = sf.bootstrap(fit, n=300, seed=5)
    before = boot.digest
    found = boot.disagreement
    assert (found.checked, found.starts) == (64, 9)
    assert found.lower == 0
    assert "0 of 64" in boot.summary()
    assert boot.digest == before == sf.bootstrap(fit, n=300, seed=5).digest
    assert sf.bootstrap(fit, n=300, seed=5).disagreement == found
    assert sf.bootstrap(fit, n=20).disagreement.checked == 20
    searched = sf.bootstrap(fit, n=20, starts=3)
    assert searched.disagreement is None
    assert "3 searched starts" in searched.summary()


def test_replicates_that_end_lower_elsewhere_are_counted_and_said():
    """A sine whose period has many valleys: the warm start stays in the fit's own."""
    rng = np.random.default_rng(1)
    x = np.linspace(0, 10, 40)
    y = np.sin(2.0 * x) + 2.0 * rng.standard_normal(40)
    law = sf.Law("sin(k*x)", params={"k": sf.Param(lower=0.1, upper=9.0)}, columns=["x"])
    fit = sf.fit({"x": x, "loss": y}, law, residual="raw", loss=sf.Squared(), starts=64)
    boot = sf.bootstrap(fit, n=400, seed=1)
    found = boot.disagreement
    assert found.share > 0.01
    assert found.gap > 1e-3
    doubt = next(one for one in boot.findings if one.code == "warm_start")
    assert doubt.severity in ("amber", "red")
    assert 'starts="multi"' in doubt.advice
    assert doubt.sentence in repr(boot)
    # The objectives it compares are those of the draws and of a multi-start bootstrap.
    multi = sf.bootstrap(fit, n=400, seed=1, starts="multi")
    gained = (boot.draws["objective"] - multi.draws["objective"]) / multi.draws["objective"]
    share = float((gained > 1e-8).mean())
    assert found.share == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / 64))


def test_unusable_replicates_are_a_finding():
    """More than 2 % is a doubt, more than 10 % a failure; none are dropped from the table."""
    frame = {"x": [1.0, 2.0, 4.0, 8.0], "loss": [4.0, 3.1, 2.5, 2.2]}
    boot = sf.bootstrap(fitted(frame), n=400)
    lost = int(boot.failures["count"].sum())
    assert lost > 40
    assert boot.draws.height == 400
    doubt = next(one for one in boot.findings if one.code == "unusable_replicates")
    assert doubt.severity == "red"
    assert doubt.statistic == lost / 400


@pytest.mark.parametrize(
    "scheme",
    [
        sf.Strata("budget"),
        sf.Blocks(3, within="budget"),
        sf.Subsample(12),
        sf.Residuals(),
        sf.Wild("webb", cluster="run", leverage="hc2"),
        sf.Parametric(sd=0.02),
    ],
)
def test_a_saved_bootstrap_keeps_its_scheme(fit, scheme, tmp_path):
    boot = sf.bootstrap(fit, scheme, n=50, starts=2)
    boot.save(tmp_path / "boot.scaling")
    again = sf.load(tmp_path / "boot.scaling")
    assert (again.scheme, again.digest, again.starts) == (scheme, boot.digest, 2)
    assert again.interval().equals(boot.interval())


def test_blocks_as_long_as_half_a_run_are_told():
    runs = {"x": np.geomspace(1, 1e4, 24), "run": np.arange(24) // 8}
    runs["loss"] = 1.5 + 3 * runs["x"] ** -0.4 + 0.01 * np.sin(np.arange(24) * 7.0)
    fit = sf.fit(runs, "power_offset", loss=sf.Squared())
    for length, told in ((4, False), (5, True)):
        boot = sf.bootstrap(fit, sf.Blocks(length, within="run"), n=50, progress=False)
        assert ("long_blocks" in [one.code for one in boot.findings]) == told


def test_a_loss_whose_rows_are_all_straight_is_nearly_absolute():
    x = np.geomspace(1, 1e4, 12)
    loss = 2 * x**-0.3 * np.exp(0.1 * np.sign(np.sin(np.arange(12) * 2.0)))
    fit = sf.fit({"x": x, "loss": loss}, "power", loss=sf.SoftL1(1e-6))
    with pytest.raises(sf.errors.ParameterError, match="nearly absolute"):
        sf.bootstrap(fit, sf.Wild("mammen"), n=10)
