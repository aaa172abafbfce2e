"""Log-excess residuals: the floor stays below the target, and the Jacobian makes floors comparable."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from scipy import optimize, stats

import scaling_fast as sf

LAW = "power_offset"
COLUMNS = {"x": "seen_examples"}
LOSSES = [sf.Squared(), sf.ScaledHuber(1.345), sf.StudentT(4)]


def runs(n=30, seed=2):
    rng = np.random.default_rng(seed)
    x = np.geomspace(1e2, 1e7, n)
    excess = 40 * x**-0.35 * np.exp(0.1 * rng.standard_normal(n))
    return pl.DataFrame({"x": x, "loss": 1.7 + excess})


@pytest.fixture(scope="module")
def translation(reference):
    """The ten training runs of "6 Enc, 6 Dec" (Alabdulmohsin et al. 2022)."""
    table = pl.read_csv(reference("alabdulmohsin_curves.csv"))
    return table.filter(
        (pl.col("domain") == "NMT")
        & (pl.col("model") == "6 Enc, 6 Dec")
        & (pl.col("training") == 1)
    )


def fitted(frame, **options):
    return sf.fit(frame, LAW, columns=COLUMNS, loss=sf.Squared(), **options)


def test_without_the_jacobian_the_floor_of_a_published_curve_goes_to_zero(translation):
    """RSS(0) = .0768, although E = .308 is a minimum of its neighbourhood."""
    plain = sf.LogExcess("E", jacobian=False)
    fit = fitted(translation, residual=plain)
    assert fit.params["E"] == 0.0
    assert 2 * fit.objective == pytest.approx(0.0768, abs=5e-5)
    assert fit.scale is None
    local = fitted(translation, residual=plain, starts={"E": 0.31, "A": 1200.0, "alpha": 0.57})
    assert local.converged
    assert local.params["E"] == pytest.approx(0.308, abs=5e-4)
    assert local.objective > fit.objective


def test_with_the_jacobian_the_floor_is_sensible(translation):
    """E = .323 with the smallest target at .340."""
    fit = fitted(translation, residual=sf.LogExcess("E"))
    assert fit.is_global
    assert fit.params["E"] == pytest.approx(0.323, abs=5e-4)
    assert translation["loss"].min() == pytest.approx(0.340, abs=5e-4)


def test_the_objective_of_least_squares_is_as_documented():
    frame = runs()
    fit = sf.fit(frame, LAW, loss=sf.Squared(), residual=sf.LogExcess("E"))
    residual = fit.residuals()
    left = frame["loss"].to_numpy() - fit.params["E"]
    curve = fit.params["A"] * frame["x"].to_numpy() ** -fit.params["alpha"]
    assert residual == pytest.approx(np.log(curve) - np.log(left), rel=1e-9, abs=1e-12)
    squares = float(np.sum(residual**2))
    assert fit.objective == pytest.approx(15 * math.log(squares) + np.log(left).sum(), rel=1e-12)
    assert fit.scale == pytest.approx(math.sqrt(squares / 30), rel=1e-12)
    assert fit.objective_at(fit.params) == pytest.approx(fit.objective, rel=1e-12)


def student(frame, nu=4):
    x, y = frame["x"].to_numpy(), frame["loss"].to_numpy()

    def value(point):
        E, ln_A, alpha, ln_scale = point
        if y.min() <= E:
            return 1e300
        r = ln_A - alpha * np.log(x) - np.log(y - E)
        return float(np.sum(-stats.t.logpdf(r / math.exp(ln_scale), nu) + ln_scale + np.log(y - E)))

    return value


def test_student_t_agrees_with_scipy_on_the_exact_likelihood():
    frame = runs()
    fit = sf.fit(frame, LAW, loss=sf.StudentT(4), residual=sf.LogExcess("E"))
    value = student(frame)
    found = optimize.minimize(
        value,
        [1.69, math.log(40), 0.35, math.log(0.1)],
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 20000, "maxfev": 20000},
    )
    assert fit.converged
    assert fit.objective == pytest.approx(found.fun, rel=1e-9)
    assert fit.params["E"] == pytest.approx(found.x[0], rel=1e-6)
    assert fit.scale == pytest.approx(math.exp(found.x[3]), rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_hessian_covariance_is_the_inverse_of_the_profile_curvature(loss):
    frame = runs()
    fit = sf.fit(
        frame, "E + exp(a)*x**(-alpha)", columns={"x": "x"}, loss=loss, residual=sf.LogExcess("E")
    )
    names = list(fit.params)
    point = np.array([fit.params[name] for name in names])
    steps = np.array([1e-4, 1e-3, 1e-4])
    information = np.empty((3, 3))

    def value(where):
        return fit.objective_at(dict(zip(names, where, strict=True)))

    for i in range(3):
        for j in range(3):
            di, dj = np.eye(3)[i] * steps[i], np.eye(3)[j] * steps[j]
            around = value(point + di + dj) - value(point + di - dj)
            around += value(point - di - dj) - value(point - di + dj)
            information[i, j] = around / (4 * steps[i] * steps[j])
    expected = np.linalg.inv(information)
    assert fit.cov("hessian").drop("parameter").to_numpy() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("jacobian", [True, False])
def test_fits_are_saved_resampled_and_predicted(loss, jacobian, tmp_path):
    frame = runs()
    fit = sf.fit(frame, LAW, loss=loss, residual=sf.LogExcess("E", jacobian=jacobian))
    assert fit.params["E"] < frame["loss"].min()
    fit.save(tmp_path / "fit.scaling")
    assert sf.load(tmp_path / "fit.scaling").objective_at(fit.params) == fit.objective_at(
        fit.params
    )
    boot = sf.bootstrap(fit, n=40)
    assert boot.draws["E"].max() < frame["loss"].min()
    band = boot.predict(frame, interval="prediction")
    assert (band["lower"] < band["upper"]).all()


def test_other_losses_are_refused():
    for loss in (None, sf.Huber(1e-3), sf.Absolute(), sf.Cauchy(0.1)):
        with pytest.raises(sf.errors.ParameterError, match="Squared"):
            sf.fit(runs(), LAW, loss=loss, residual=sf.LogExcess("E"))


def test_the_floor_is_a_parameter_below_every_target():
    with pytest.raises(sf.errors.ParameterError, match="not a parameter"):
        sf.fit(runs(), LAW, loss=sf.Squared(), residual=sf.LogExcess("F"))
    with pytest.raises(sf.errors.DataError, match=r"lower bound 1\.7") as caught:
        sf.fit(
            {"x": [1.0, 2.0, 4.0, 8.0], "loss": [3.0, 2.0, 1.5, 1.8]},
            LAW,
            loss=sf.Squared(),
            residual=sf.LogExcess("E"),
            params={"E": sf.Param(lower=1.7)},
        )
    assert caught.value.row == 2
    assert caught.value.param == "E"
    fixed = sf.fit(
        runs(),
        LAW,
        loss=sf.Squared(),
        residual=sf.LogExcess("E"),
        params={"E": sf.Param(fixed=1.6)},
    )
    assert fixed.converged


@pytest.mark.parametrize("bad", [None, 3, "", ["E"]])
def test_a_log_excess_wants_a_name(bad):
    with pytest.raises(sf.errors.ParameterError):
        sf.LogExcess(bad)


def test_the_terminal_takes_a_log_excess(tmp_path):
    from click.testing import CliRunner

    from scaling_fast.cli.command import main

    runs().write_csv(tmp_path / "runs.csv")
    command = ["fit", str(tmp_path / "runs.csv"), LAW, "--loss", "squared", "--json", "--residual"]
    for word, jacobian in (("log_excess:E", True), ("log_excess:E:plain", False)):
        ran = CliRunner().invoke(main, [*command, word])
        assert ran.exit_code == 0, ran.output
        row = json.loads(ran.stdout)["table"][0]
        fit = sf.fit(runs(), LAW, loss=sf.Squared(), residual=sf.LogExcess("E", jacobian=jacobian))
        assert row["objective"] == pytest.approx(fit.objective, rel=1e-9)
    assert CliRunner().invoke(main, [*command, "log_excess"]).exit_code == 2


def test_a_likelihood_without_an_interior_optimum_says_so():
    """Five rows whose likelihood only grows towards the smallest target: nothing global, nothing to report."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = np.geomspace(1, 1e4, 5)
        y = (1.4 + 3 * x**-0.4) * np.exp(0.02 * rng.standard_normal(5))
        fit = sf.fit(
            {"x": x, "loss": y}, "power_offset", residual=sf.LogExcess("E"), loss=sf.Squared()
        )
        near = y.min() - fit.params["E"] < 3e-6 * np.ptp(y)
        codes = [finding.code for finding in fit.findings]
        assert ("no_interior_optimum" in codes) == near
        assert not (near and fit.is_global)
        if near:
            return
    pytest.fail("no such rows among forty")


def test_given_noise_belongs_to_the_hessian():
    runs = {"x": [1.0, 2.0, 4.0, 8.0, 16.0], "loss": [3.0, 2.4, 1.9, 1.6, 1.4]}
    fit = sf.fit(runs, "power", loss=sf.Squared(), sigma=[0.1] * 5)
    with pytest.raises(sf.errors.ParameterError, match="noise"):
        fit.cov("sandwich", noise="given")


def test_a_parameter_on_its_bound_has_no_delta_interval():
    x = np.geomspace(1, 1e4, 12)
    fit = sf.fit(
        {"x": x, "loss": 2 * x**-0.3 - 0.02}, "power_offset", residual="raw", loss=sf.Squared()
    )
    assert fit.params["E"] == 0.0
    found = fit.interval()
    on_bound = found.filter(found["name"] == "E")
    assert np.isnan(on_bound["lower"][0])
    assert np.isfinite(found.filter(found["name"] == "A")["lower"][0])
