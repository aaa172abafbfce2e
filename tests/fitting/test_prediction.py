"""Questions that were once answered wrongly and are not any more: each from a reviewer's desk."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import scaling_fast as sf

X = np.geomspace(1e6, 1e10, 40)
Y = (1.7 + 400 / X**0.34) * np.exp(0.01 * np.random.default_rng(0).normal(size=40))
LAW = "E + A/N**alpha"


def test_a_mistyped_name_in_columns_is_refused():
    for law in (LAW, "power_offset"):
        with pytest.raises(sf.errors.ParameterError, match="does not have") as caught:
            sf.fit({"N": X, "x": X, "loss": Y}, law, columns={"N": "N", "zzz": "x", "x": "x"})
        assert caught.value.param in ("zzz", "x", "N")


def test_a_parameter_that_resembles_a_column_is_pointed_out():
    frame = {"N": X, "tokens": X[::-1].copy(), "loss": Y}
    fit = sf.fit(frame, "E + A/N**alpha + B/token", columns={"N": "N"})
    assert "parameter_like_column" in [one.code for one in fit.findings]


def test_predictions_read_the_columns_that_the_fit_read():
    frame = pl.DataFrame({"params": X, "N": X / 1e6, "loss": Y})
    renamed = sf.fit(frame, LAW, columns={"N": "params"})
    assert renamed.predict(frame)["prediction"].equals(renamed.predict()["prediction"])
    scaled = sf.fit(frame, LAW, columns={"N": pl.col("params") / 1e9})
    assert scaled.predict(frame)["prediction"].equals(scaled.predict()["prediction"])


def test_wide_bounds_only_forbid():
    free = sf.fit({"N": X, "loss": Y}, LAW)
    for bound in (1e2, 1e6, 1e100):
        param = sf.Param(lower=-bound, upper=bound)
        bounded = sf.fit({"N": X, "loss": Y}, LAW, params={"alpha": param})
        assert bounded.objective == pytest.approx(free.objective, rel=1e-9)


def test_extrapolation_is_measured_from_the_group():
    frame = {"N": np.tile(X, 2), "loss": np.tile(Y, 2), "g": np.repeat(["a", "b"], 40)}
    frame["N"][40:] *= 1e3
    fit = sf.fit(frame, LAW, by="g")
    beyond = fit.predict({"N": [1e12], "g": ["a"]})["decades_beyond"].item()
    assert beyond == pytest.approx(2.0)


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


def test_prediction_noise_is_not_centred():
    """Under Pinball(0.1) nine tenths of new runs lie above the curve, and the interval knows it."""
    fit = sf.fit({"N": X, "loss": Y}, LAW, loss=sf.Pinball(0.1))
    table = sf.bootstrap(fit, n=400).predict(interval="prediction", level=0.9)
    above = (table["upper"] - table["prediction"]).mean()
    below = (table["prediction"] - table["lower"]).mean()
    assert above > 2 * below


def test_groups_of_another_type_are_refused_rather_than_unknown():
    frame = {"N": np.tile(X, 2), "loss": np.tile(Y, 2), "g": np.repeat([1, 2], 40)}
    fit = sf.fit(frame, LAW, by="g")
    with pytest.raises(sf.errors.DataError, match="dtype"):
        fit.predict({"N": [1e9], "g": ["1"]})


# -- what a hostile user of resampling found ----------------------------------------------------------


@pytest.fixture(scope="module")
def decaying():
    x = np.geomspace(1e7, 1e10, 24)
    y = (1.8 + 400 * x**-0.34) * np.exp(0.01 * np.random.default_rng(3).normal(size=24))
    return sf.fit({"x": x, "loss": y}, "E + A*x**(-alpha)", loss=sf.Squared())


@pytest.mark.parametrize("method", ["percentile", "normal", "bca", "studentized"])
@pytest.mark.parametrize("of", ["nope", "x", "alpha + x"])
def test_every_method_refuses_an_unknown_name_alike(decaying, method, of):
    with pytest.raises(sf.errors.ParameterError) as raised:
        sf.bootstrap(decaying, n=50).interval(0.9, method, of=of)
    assert raised.value.code == "unknown_name"


@pytest.mark.parametrize("share", [float("nan"), -1.0, 1.5, float("inf"), "all", None, True])
def test_a_share_of_failures_lies_between_none_and_all(decaying, share):
    boot = sf.bootstrap(decaying, n=50)
    brief = sf.bootstrap(decaying, n=50, keep="summary")
    for ask in (
        lambda: boot.interval(0.9, max_failures=share),
        lambda: boot.cov(max_failures=share),
        lambda: brief.interval(0.9, max_failures=share),
        lambda: brief.cov(max_failures=share),
        lambda: sf.stress.coverage(decaying, n_sim=2, n=20, max_failures=share),
    ):
        with pytest.raises(sf.errors.ParameterError) as raised:
            ask()
        assert raised.value.code == "max_failures"


@pytest.mark.parametrize("n_sim", [10_000_001, 2**31, 2**63, 10**30])
def test_more_simulations_than_anybody_can_wait_for_are_refused(decaying, n_sim):
    with pytest.raises(sf.errors.ParameterError, match="n_sim must be at most 10,000,000"):
        sf.stress.coverage(decaying, n_sim=n_sim, n=20)


def test_decades_beyond_the_rows_are_those_of_the_logarithms(decaying):
    ahead = decaying.predict({"x": [1e308, 1e-308]})["decades_beyond"].to_numpy()
    assert np.abs(ahead - [298.0, 315.0]).max() < 1e-9


@pytest.fixture
def folder_of_curves(tmp_path):
    for number in range(20):
        x = np.geomspace(1.0, 100.0, 24)
        frame = pl.DataFrame({"task": [number] * 24, "x": x, "loss": 2.0 + number * x**-0.5})
        frame.write_parquet(tmp_path / f"{number:02d}.parquet")
    return tmp_path


def spoil(path, how):
    raw = bytearray(path.read_bytes())
    if how == "cut short":
        raw = raw[: len(raw) // 2]
    elif how == "altered":
        raw[60:90] = b"\xff" * 30
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("how", ["cut short", "altered"])
def test_a_damaged_file_among_good_ones_is_an_error_of_the_data(folder_of_curves, how):
    spoil(folder_of_curves / "07.parquet", how)
    scan = pl.scan_parquet(folder_of_curves / "*.parquet")
    for ask in (
        lambda: sf.arrow.fit_scan(scan, "power_offset", by="task"),
        lambda: sf.fit(scan, "power_offset", by="task"),
    ):
        with pytest.raises(sf.errors.DataError) as raised:
            ask()
        assert raised.value.code == "lazy", str(raised.value)


def test_files_of_another_schema_and_none_at_all_are_errors_of_the_data(folder_of_curves):
    pl.DataFrame({"task": ["a"], "x": ["b"]}).write_parquet(folder_of_curves / "30.parquet")
    for pattern in ("*.parquet", "nothing/*.parquet"):
        with pytest.raises(sf.errors.DataError):
            sf.arrow.fit_scan(
                pl.scan_parquet(folder_of_curves / pattern), "power_offset", by="task"
            )


def test_batches_are_matched_by_name_and_must_be_alike():
    x = [1.0, 2.0, 4.0, 8.0]
    one = pa.record_batch({"task": ["a"] * 4, "x": x, "loss": [3.0, 2.5, 2.2, 2.1]})
    two = pa.record_batch({"loss": [4.0, 3.0, 2.4, 2.2], "x": x, "task": ["b"] * 4})
    fitter = sf.arrow.batch_fitter("power_offset", by="task", rows=100)
    assert sum(batch.num_rows for batch in fitter([one, two])) == 2
    words = pa.record_batch({"task": ["c"], "x": ["1"], "loss": [1.0]})
    for odd in ([one, words], [one, 3], [one, "text"]):
        with pytest.raises(sf.errors.DataError) as raised:
            list(fitter(odd))
        assert raised.value.code in ("schema", "batches")


def test_what_belongs_to_one_fit_is_named_as_it_was_asked_for():
    frame = pl.DataFrame({"g": ["a"] * 40 + ["b"] * 40, "N": [*X, *X], "loss": [*Y, *Y]})
    fit = sf.fit(frame, LAW, by="g", loss=sf.Squared())
    with pytest.raises(sf.errors.ParameterError, match=r"`interval` belongs to one fit.*bootstrap"):
        fit.interval(0.9)
