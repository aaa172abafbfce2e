"""Replicates and intervals against scipy's, on given index sets; seeds against wide bands.

The fixture was computed with scipy; the seeds are numpy's.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from scipy import stats

import scaling_fast as sf
from scaling_fast import _core

NAMES = ("E", "A", "alpha")
LEVELS = ("0.8", "0.9", "0.95")
ENDS = {
    "percentile": "percentile_scipy_arch_type7",
    "basic": "basic_scipy_arch",
    "bca": "BCa_scipy",
}
CASES = [(level, name, method) for level in LEVELS for name in NAMES for method in ENDS]

TYPE_7_E_90 = {
    "percentile": (1.437207, 1.512427),
    "basic": (1.448470, 1.523690),
    "bca": (1.444300, 1.518323),
}
"""E at 90 % in the type-7 convention, as printed."""

SEED_42 = {
    "A": 124.494,
    "B": 1293.17,
    "E": 0.0256570,
    "alpha": 0.0153975,
    "beta": 0.0205942,
    "a": 0.0199731,
}
"""Standard deviations (ddof 1) of 4,000 legacy draws, to 1e-5 relative."""

ANY_SEED = {"A": 0.254, "B": 0.424, "E": 0.0140, "alpha": 0.0151, "beta": 0.0208}
"""Those of (a, b, e, alpha, beta), within 6 % for any draws."""


@pytest.fixture(scope="module")
def fixture(reference):
    return json.loads(reference("bootstrap_ci_fixture.json").read_text())


@pytest.fixture(scope="module")
def fit(fixture):
    runs = {"x": np.array(fixture["x"]), "y": np.array(fixture["y"])}
    return sf.fit(runs, fixture["model"], target="y", loss=sf.Squared(), residual="raw")


@pytest.fixture(scope="module")
def boot(fit, fixture):
    return sf.bootstrap(fit, sf.Indices(fixture["index"]))


@pytest.fixture(scope="module")
def replicates(fixture):
    return np.array(fixture["replicates"])


@pytest.fixture(scope="module")
def left_out(fixture):
    return np.array(fixture["jackknife"])


def test_the_estimate(fit, fixture):
    """B1: the point the replicates surround, 1e-9."""
    assert [fit.params[name] for name in NAMES] == pytest.approx(fixture["theta_hat"], rel=1e-9)


def test_the_file_holds_the_indices_its_rule_says(fixture):
    index = np.random.default_rng(11).integers(0, 20, (499, 20))
    assert (index == np.array(fixture["index"])).all()


def test_replicates_of_given_indices(boot, replicates):
    """B1: 499 replicates, 1e-9 relative."""
    assert boot.n == boot.draws.height == len(replicates) == 499
    assert boot.failures.height == 0
    got = boot.draws.select(NAMES).to_numpy()
    assert np.abs(got / replicates - 1).max() <= 1e-9


def test_the_jackknife(fit, left_out):
    """B1: twenty refits without one row, 1e-9 relative."""
    jackknife = sf.bootstrap(fit, sf.Jackknife())
    assert jackknife.n == 20
    assert np.abs(jackknife.draws.select(NAMES).to_numpy() / left_out - 1).max() <= 1e-9


@pytest.mark.parametrize(("level", "name", "method"), CASES)
def test_interval_ends_given_the_replicates(fixture, replicates, left_out, level, name, method):
    """B1: percentile, basic and BCa at 80, 90, 95 % equal scipy's to 1e-12."""
    place = NAMES.index(name)
    got = _core.interval(
        method,
        float(level),
        fixture["theta_hat"][place],
        np.ascontiguousarray(replicates[:, place]),
        np.ascontiguousarray(left_out[:, place]) if method == "bca" else None,
    )
    assert got == pytest.approx(fixture["ci"][level][name][ENDS[method]], rel=1e-12, abs=0)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_the_bias_corrected_interval_is_bca_without_acceleration(replicates, fixture, name, level):
    """Efron's BC, from scipy's normal distribution: quantiles at Phi(2 z0 +- z)."""
    place = NAMES.index(name)
    values, estimate = np.ascontiguousarray(replicates[:, place]), fixture["theta_hat"][place]
    z0 = stats.norm.ppf((values < estimate).mean())
    assert z0 == pytest.approx(fixture["ci"][level][name]["z0_arch_strict"], rel=1e-9)
    tails = stats.norm.cdf(
        2 * z0 + stats.norm.ppf([0.5 - float(level) / 2, 0.5 + float(level) / 2])
    )
    got = _core.interval("bc", float(level), estimate, values, None)
    assert got == pytest.approx(np.quantile(values, tails), rel=1e-12)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_the_normal_interval_is_a_documented_one(fixture, replicates, name, level):
    """R's bias-corrected normal interval, 2 t - mean +- z se, or the plain one about the estimate.

    The fixture holds R's; the plain one with ddof 1 follows from its `se_ddof1`.
    """
    place, row = NAMES.index(name), fixture["ci"][level][name]
    estimate = fixture["theta_hat"][place]
    values = np.ascontiguousarray(replicates[:, place])
    got = _core.interval("normal", float(level), estimate, values, None)
    half = stats.norm.ppf(0.5 + float(level) / 2) * row["se_ddof1"]
    plain = (estimate - half, estimate + half)
    assert any(
        got == pytest.approx(ends, rel=1e-12, abs=0)
        for ends in (plain, row["normal_R_biascorrected"])
    )


@pytest.mark.parametrize(("level", "name", "method"), CASES)
def test_interval_ends_through_the_bootstrap(boot, fixture, level, name, method):
    """The same through `sf.bootstrap(...).interval`, to what replicates known to 1e-9 allow."""
    table = boot.interval(float(level), method, of=name)
    expected = fixture["ci"][level][name][ENDS[method]]
    assert table["name"].to_list() == [name]
    assert table["estimate"].item() == pytest.approx(
        fixture["theta_hat"][NAMES.index(name)], rel=1e-9
    )
    assert [table["lower"].item(), table["upper"].item()] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("method", TYPE_7_E_90)
def test_the_figures_of_the_type_7_convention(boot, method):
    """B2: E at 90 % as printed, six decimals."""
    table = boot.interval(0.9, method, of="E")
    assert (table["lower"].item(), table["upper"].item()) == pytest.approx(
        TYPE_7_E_90[method], abs=1e-6
    )


@pytest.mark.parametrize("tail", [0.0, 0.001, 0.025, 0.1, 0.5, 0.9, 0.975, 1.0])
def test_quantiles_are_type_7(replicates, tail):
    """As numpy and scipy."""
    values = np.ascontiguousarray(replicates[:, 1])
    assert _core.quantiles(values, [tail])[0] == pytest.approx(np.quantile(values, tail), rel=1e-14)


@pytest.mark.parametrize("method", ENDS)
def test_scipys_own_bootstrap_agrees(fixture, replicates, left_out, method):
    """B1: the replicates fed through scipy.stats.bootstrap itself give the same ends, 1e-12."""
    known = {tuple(row): values for row, values in zip(fixture["index"], replicates, strict=True)}
    known[tuple(range(20))] = np.array(fixture["theta_hat"])
    for place in range(20):
        known[tuple(row for row in range(20) if row != place)] = left_out[place]

    for place, name in enumerate(NAMES):

        def statistic(rows, place=place, axis=-1):
            looked_up = [
                known[tuple(drawn)][place] for drawn in rows.reshape(-1, rows.shape[-1]).tolist()
            ]
            return np.array(looked_up).reshape(rows.shape[:-1])

        ends = stats.bootstrap(
            (np.arange(20),),
            statistic,
            n_resamples=499,
            confidence_level=0.9,
            method=method,
            vectorized=True,
            rng=np.random.default_rng(11),
        ).confidence_interval
        point, values = fixture["theta_hat"][place], np.ascontiguousarray(replicates[:, place])
        jackknife = np.ascontiguousarray(left_out[:, place]) if method == "bca" else None
        got = _core.interval(method, 0.9, point, values, jackknife)
        assert got == pytest.approx((ends.low, ends.high), rel=1e-12, abs=0), name


# -- figures that depend on draws --------------------------------------------------------------


@pytest.fixture(scope="module")
def chinchilla(reference):
    runs = pl.read_csv(reference("chinchilla_epoch.csv")).filter(pl.col("keep_240") == 1)
    return sf.fit(runs, "chinchilla", columns={"N": "params", "D": "tokens"})


@pytest.fixture(scope="module")
def seed_42(chinchilla):
    rng = np.random.RandomState(42)
    rows = np.array([rng.choice(240, 240, replace=True) for _ in range(4_000)])
    return sf.bootstrap(chinchilla, sf.Indices(rows))


def test_standard_deviations_of_the_seed_42_draws(seed_42):
    """Ddof 1, 1e-5 relative."""
    assert seed_42.failures.height == 0
    got = {name: seed_42.draws[name].std(ddof=1) for name in SEED_42}
    assert got == pytest.approx(SEED_42, rel=1e-5)


def test_the_80_per_cent_interval_of_converged_refits_is_05_wide(seed_42):
    """Converged refits give beta/(alpha+beta) a width of .051."""
    table = seed_42.interval(0.8, of="beta/(alpha+beta)")
    assert table["upper"].item() - table["lower"].item() == pytest.approx(0.051, abs=0.001)


def test_every_replicate_is_within_1e_9_of_its_own_optimum(chinchilla, seed_42):
    """T1: refit 100 of the 4,000 from many starts and compare objectives."""
    rng = np.random.RandomState(42)
    rows = np.array([rng.choice(240, 240, replace=True) for _ in range(4_000)])[::40]
    many = sf.bootstrap(chinchilla, sf.Indices(rows), starts="multi")
    warm = seed_42.draws["objective"].to_numpy()[::40]
    searched = many.draws["objective"].to_numpy()
    assert (np.abs(warm / searched - 1) <= 1e-9).all()


@pytest.mark.parametrize("seed", [0, 1, 2**63 + 5])
def test_standard_deviations_of_any_seed(chinchilla, seed):
    """(a, b, e, alpha, beta) within 6 % for any draws."""
    boot = sf.bootstrap(chinchilla, sf.Pairs(), n=4_000, seed=seed)
    logs = boot.draws.with_columns(pl.col("A", "B", "E").log())
    got = {name: logs[name].std(ddof=1) for name in ANY_SEED}
    assert got == pytest.approx(ANY_SEED, rel=0.06)
    cov = boot.cov(log=True)
    for place, name in enumerate(cov["parameter"]):
        if name in "ABE":
            assert cov[name][place] ** 0.5 == pytest.approx(got[name], rel=1e-9)


@pytest.fixture(scope="module")
def kinked(chinchilla):
    """Fits of the same runs whose replicates have real local minima."""
    runs, columns = chinchilla.request.table.frame, {"N": "params", "D": "tokens"}
    losses = {"1e-4": sf.Huber(1e-4), "1e-5": sf.Huber(1e-5), "absolute": sf.Absolute()}
    return {
        name: sf.fit(runs, "chinchilla", columns=columns, loss=loss)
        for name, loss in losses.items()
    }


@pytest.mark.parametrize("name", ["1e-4", "1e-5", "absolute"])
def test_a_search_that_includes_the_warm_start_never_ends_above_it(kinked, name):
    """resampling.bootstrap: "multi" refits from the optimum *and* from searched starts."""
    warm = sf.bootstrap(kinked[name], n=300, seed=1).draws["objective"].to_numpy()
    multi = sf.bootstrap(kinked[name], n=300, seed=1, starts="multi").draws["objective"].to_numpy()
    assert (multi <= warm * (1 + 1e-9)).all()
    # 0.8 % of warm replicates in a local minimum at 1e-4, 8 % at 1e-6
    assert (warm > multi * (1 + 1e-9)).mean() <= 0.08


@pytest.mark.parametrize("name", ["1e-4", "1e-5", "absolute"])
def test_replicates_of_kinked_losses_are_certified(kinked, name):
    """B7: an identified design has no unusable replicates; a sample against `sf.fit` with weights."""
    rows = np.random.default_rng(2).integers(0, 240, (200, 240))
    boot = sf.bootstrap(kinked[name], sf.Indices(rows))
    assert boot.failures.height == 0
    runs = kinked[name].request.table.frame
    for place in range(0, 200, 50):
        again = sf.fit(
            runs,
            "chinchilla",
            columns={"N": "params", "D": "tokens"},
            loss=kinked[name].loss,
            weights=np.bincount(rows[place], minlength=240),
        )
        # a warm replicate may rest in a local minimum: above the search's optimum, never below
        assert boot.draws["objective"][place] >= again.objective * (1 - 1e-9)
