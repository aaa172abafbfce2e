"""Covariances against scipy's curve_fit, written-out formulas and simulation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from power_runs import COLUMNS, LAW, NAMES, curve
from scipy import optimize, stats

import scaling_fast as sf
import scaling_fast.datasets
from scaling_fast.errors import ParameterError


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
    sums = np.array([scores[cluster == label].sum(axis=0) for label in np.unique(cluster)])
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
    assert any(finding.code == "no_dof" for finding in fit.findings)


@pytest.mark.parametrize("loss", [sf.Cauchy(0.02), sf.Tukey(0.09)], ids=repr)
def test_sandwich_errors_of_redescending_losses_are_those_of_simulation(loss):
    """A location: the standard deviation over 400 samples, within 12 %."""
    rng = np.random.default_rng(3)
    noise = 0.02 * rng.standard_t(3, (400, 80))
    column = np.ones(80) + np.arange(80) * 1e-9
    estimates, errors = [], []
    for sample in noise:
        fit = sf.fit({"x": column, "loss": 1 + sample}, "m + 0*x", loss=loss, residual="raw")
        estimates.append(fit.params["m"])
        errors.append(float(fit.cov()["m"].item()) ** 0.5)
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.12)


RUNS = {"x": [1.0, 10.0, 100.0, 1000.0] * 2, "loss": [3.0, 2.01, 1.49, 1.25, 3.02, 2.0, 1.5, 1.26]}


@pytest.fixture(scope="module")
def fitted():
    return sf.fit(RUNS, "power_offset", loss=sf.Squared())


@pytest.mark.parametrize("cluster", [[], (), {}])
def test_clusters_are_of_at_least_one_column(fitted, cluster):
    for ask in (
        lambda: fitted.cov("sandwich", cluster=cluster),
        lambda: fitted.interval(cluster=cluster),
    ):
        with pytest.raises(ParameterError, match="cluster must name") as caught:
            ask()
        assert caught.value.param == "cluster"


RNG = np.random.default_rng(8)
X = np.geomspace(1e1, 1e4, 60)
RUN = np.repeat(np.arange(12), 5)
Y = (1.5 + 4.0 * X**-0.4) * np.exp(0.02 * RNG.normal(size=12)[RUN] + 0.004 * RNG.normal(size=60))
FRAME = pl.DataFrame({"x": X, "loss": Y, "run": RUN})


@pytest.fixture(scope="module")
def squared():
    return sf.fit(FRAME, LAW, loss=sf.Squared(), columns={"x": "x"})


def test_clusters_count_under_least_squares(squared):
    """The default kind with clusters is the sandwich, and its errors are those of whole runs."""
    clustered = squared.cov(cluster="run")
    assert clustered.equals(squared.cov("sandwich", cluster="run"))
    assert not clustered.equals(squared.cov())
    with pytest.raises(sf.errors.ParameterError, match="cannot have clusters"):
        squared.cov("hessian", cluster="run")
    with pytest.raises(sf.errors.ParameterError, match="cannot have clusters"):
        squared.interval(kind="hessian", cluster="run")


def test_a_null_belongs_to_no_cluster():
    frame = FRAME.with_columns(run=pl.when(pl.col("run") > 0).then("run"))
    fit = sf.fit(frame, LAW, loss=sf.Squared(), columns={"x": "x"})
    with pytest.raises(sf.errors.DataError, match="holds a null") as caught:
        fit.cov(cluster="run")
    assert caught.value.column == "run"


def test_weights_that_are_not_frequencies_have_no_covariance():
    fit = sf.fit(FRAME, LAW, loss=sf.Squared(), columns={"x": "x"}, weights=np.full(60, 1 / 60))
    with pytest.raises(sf.errors.DataError, match="weights are frequencies"):
        fit.cov()
