"""Coverage by simulation: the reference table is reproduced, and a known interval covers what it should.

`coverage_reference.json` was made with 600 or 300 simulations a cell; its own error is .012 or .017: a cell agrees
within .05 or .065. benches/interval_coverage.py shows the whole table.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

TRUTH = {"E": 1.8, "A": 400.0, "alpha": 0.34}
QUANTITIES = ["E", "alpha", "E + A*1e12**(-alpha)"]
PAIRS = {
    "delta-t": "delta",
    "pairs percentile": "percentile",
    "pairs basic": "basic",
    "pairs normal": "normal",
    "pairs BCa": "bca",
}


def design(rows, **options):
    x = np.geomspace(1e7, 1e10, rows)
    frame = {"x": x, "loss": 1.8 + 400 * x**-0.34, "run": np.arange(rows) // 3}
    options = {"loss": sf.Squared(), "columns": {"x": "x"}} | options
    return sf.fit(frame, "E + A*x**(-alpha)", **options)


@pytest.fixture(scope="module")
def mean():
    rng = np.random.default_rng(0)
    return sf.fit({"x": np.ones(10), "y": 5 + rng.standard_normal(10), "run": np.arange(10) // 2}, "m*x",
                  target="y", columns={"x": "x"}, residual="raw", loss=sf.Squared())  # fmt: skip


@pytest.fixture(scope="module")
def reference():
    folder = os.environ.get("SCALING_FAST_DATA")
    if folder is None:
        pytest.skip("SCALING_FAST_DATA is not set: the reference table of coverages is there")
    return json.loads((Path(folder) / "coverage_reference.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("noise", "rows"), [("normal", 12), ("t3", 8), ("normal", 30)])
def test_the_reference_table_is_reproduced(reference, noise, rows):
    """600 simulations, 499 replicates: each cell within .05, each median width within 12 %."""
    expected = reference[f"{noise}/n={rows}/S=600"]
    options = {"n_sim": 600, "noise": noise, "truth": TRUTH, "sd": 0.01, "of": QUANTITIES}
    pairs = sf.stress.coverage(design(rows), method=list(PAIRS.values()), **options).table
    residuals = sf.stress.coverage(design(rows), sf.Residuals(), "percentile", **options).table
    for label, (coverages, widths) in expected.items():
        if label == "resid normal":
            continue
        method = PAIRS.get(label)
        table = residuals if method is None else pairs.filter(pl.col("method") == method)
        assert table["name"].to_list() == QUANTITIES
        assert table["coverage"].to_list() == pytest.approx(coverages, abs=0.05), label
        assert table["width"].to_list() == pytest.approx(widths, rel=0.12), label


def test_a_t_interval_of_a_mean_covers_exactly(mean):
    """Normal noise: 90 % is 90 %, its misses are even, its width that of Student's t."""
    table = sf.stress.coverage(mean, method="delta", n_sim=2000, sd=1.0).table
    error = math.sqrt(0.9 * 0.1 / 2000)
    assert table["coverage"].item() == pytest.approx(0.9, abs=4 * error)
    assert table["coverage_error"].item() == pytest.approx(error, rel=0.1)
    assert table["below"].item() == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 2000))
    assert table["below"].item() + table["above"].item() + table[
        "coverage"
    ].item() == pytest.approx(1)
    # 2 t_9 E[s]/sqrt(10), the median of s being .96 of sigma at 9 degrees of freedom
    assert table["width"].item() == pytest.approx(2 * 1.8331 * 0.9628 / math.sqrt(10), rel=0.03)


def test_studentized_and_widened_intervals_cover_where_percentiles_are_short(mean):
    """Ten rows: percentile intervals of a mean cover 85 % of a nominal 90; t-like ones 90."""
    plain = sf.stress.coverage(mean, method=["percentile", "studentized"], n_sim=1000, sd=1.0).table
    short, pivot = plain["coverage"].to_list()
    assert short < 0.885
    assert pivot == pytest.approx(0.9, abs=0.03)
    wide = sf.stress.coverage(mean, n_sim=1000, sd=1.0, small_sample=True).table["coverage"].item()
    assert wide == pytest.approx(0.9, abs=0.035)


def test_clustered_noise_is_covered_by_clusters_and_not_by_rows():
    fit = design(36)
    options = {"n_sim": 300, "n": 199, "noise": "clustered", "sd": 0.01, "icc": 0.8, "of": "E"}
    rows = sf.stress.coverage(fit, sf.Clusters("run"), "percentile", **options)
    assert rows.settings["noise"] == "clustered"
    covered = rows.table["coverage"].item()
    # The same noise, which these rows take for independent: signs a row instead of a cluster.
    delta = sf.stress.coverage(fit, sf.Clusters("run"), "delta", **options).table["coverage"].item()
    assert covered > 0.78
    assert delta > 0.78
    from scaling_fast.stress.simulation import Design

    noise = Design(fit, TRUTH, 1.0, "clustered", (np.arange(36) // 3).astype(np.uint32), 0.8, 0)
    every = np.array([noise.errors(i) for i in range(2000)]).reshape(2000, 12, 3)
    assert every.var() == pytest.approx(1.0, rel=0.05)
    assert np.mean(every[:, :, 0] * every[:, :, 1]) == pytest.approx(0.8, abs=0.05)
    assert np.mean(every[:, 0, 0] * every[:, 1, 0]) == pytest.approx(0.0, abs=0.12)


def test_t3_noise_has_the_same_standard_deviation(mean):
    from scaling_fast.stress.simulation import Design

    noise = Design(mean, {"m": 5.0}, 2.0, "t3", None, 0.0, 1)
    every = np.concatenate([noise.errors(i) for i in range(20_000)])
    # its fourth moment is infinite, so quantiles are compared: t3 over sqrt(3), times 2
    assert np.quantile(np.abs(every), [0.5, 0.9]) == pytest.approx(
        np.array([0.76489, 2.35336]) * 2 / math.sqrt(3), rel=0.02
    )


def test_data_set_i_depends_on_nothing_but_the_seed(mean):
    """Chunks, threads and n_sim change no interval; another seed does."""
    from scaling_fast.stress.simulation import Design

    noise = Design(mean, {"m": 5.0}, 1.0, "normal", None, 0.0, 7)
    one = noise.sets(3, 1, 1)
    several = noise.sets(0, 6, 1)
    assert (
        several.estimates.request.table.target[30:40].tolist()
        == one.estimates.request.table.target.tolist()
    )
    options = {"n_sim": 30, "n": 99, "sd": 1.0}
    first = sf.stress.coverage(mean, threads=1, **options)
    assert first.table.equals(sf.stress.coverage(mean, threads=2, **options).table)
    assert not first.table.equals(sf.stress.coverage(mean, seed=8, **options).table)


@pytest.mark.parametrize(
    "scheme",
    [sf.Strata("run"), sf.Blocks(3), sf.Bayesian(), sf.Subsample(15), sf.Wild(), sf.Parametric()],
)
def test_every_scheme_that_draws_can_be_measured(scheme):
    stress = sf.stress.coverage(design(24), scheme, n_sim=40, n=99, sd=0.01, of="alpha")
    assert stress.table["refused"].item() == 0
    assert 0.5 < stress.table["coverage"].item() <= 1.0


@pytest.mark.parametrize(
    "options",
    [
        {"loss": sf.Huber(1e-2)},
        {"loss": sf.StudentT(4)},
        {"residual": "raw"},
        {"residual": sf.LogExcess("E"), "loss": sf.Squared()},
    ],
)
def test_other_losses_and_residuals_are_simulated_on_their_own_scale(options):
    fit = design(24, **({"loss": sf.Squared()} | options))
    stress = sf.stress.coverage(fit, n_sim=40, n=99, sd=0.01, truth=TRUTH, of="alpha")
    assert stress.table["coverage"].item() > 0.6


def test_intervals_that_are_refused_are_counted():
    """Four rows for three parameters: most pairs replicates hold too few different rows."""
    stress = sf.stress.coverage(design(4), n_sim=50, n=99, truth=TRUTH, sd=0.01, of="E")
    assert stress.table["refused"].item() == 50
    assert math.isnan(stress.table["coverage"].item())
    assert [finding.code for finding in stress.findings] == ["intervals_refused"]


def test_a_stress_is_shown_saved_and_pickled(mean, tmp_path):
    import pickle

    stress = sf.stress.coverage(mean, method="delta", n_sim=60, sd=1.0)
    assert "coverage" in stress.summary()
    assert "<Stress>" in repr(stress)
    assert stress._repr_html_().startswith("<pre>")
    stress.save(tmp_path / "stress.json")
    held = json.loads((tmp_path / "stress.json").read_text(encoding="utf-8"))
    assert held["table"][0]["coverage"] == stress.table["coverage"].item()
    with pytest.raises(sf.errors.CheckpointError, match="force=True"):
        stress.save(tmp_path / "stress.json")
    again = pickle.loads(pickle.dumps(stress))
    assert again.table.equals(stress.table)
    assert again.findings == stress.findings


def test_ctrl_c_keeps_the_data_sets_that_were_finished(mean):
    def stop(done, total):
        if done >= 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        sf.stress.coverage(mean, method="delta", n_sim=500, sd=1.0, progress=stop)
    assert caught.value.partial.settings["n_sim"] == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scheme": sf.Jackknife()}, "draws"),
        ({"scheme": sf.Indices([[0, 1, 2]])}, "draws"),
        ({"method": "exact"}, "method must be one of"),
        ({"method": []}, "needs one method"),
        ({"noise": "cauchy"}, "noise must be one of"),
        ({"noise": "clustered"}, "names none"),
        ({"level": 90}, "did you mean 0.9"),
        ({"n_sim": 0}, "n_sim"),
        ({"sd": -1.0}, "sd must be positive"),
        ({"icc": 2}, "icc must lie between"),
        ({"truth": {"k": 1.0}}, "not a parameter"),
        ({"method": "bca", "small_sample": True}, "small_sample"),
    ],
)
def test_questions_that_cannot_be_asked_say_why(mean, options, said):
    scheme = options.pop("scheme", sf.Pairs())
    with pytest.raises(sf.errors.ParameterError, match=said):
        sf.stress.coverage(mean, scheme, **({"n_sim": 10} | options))


def test_grouped_fits_and_fits_without_residuals_are_refused(mean):
    frame = {"x": [1.0, 2.0] * 4, "loss": [3.0, 5.0] * 4, "g": [0, 0, 0, 0, 1, 1, 1, 1]}
    grouped = sf.fit(frame, "a + b*x", by="g", columns={"x": "x"}, residual="raw")
    with pytest.raises(sf.errors.ParameterError, match="groups"):
        sf.stress.coverage(grouped, n_sim=5)
    exact = sf.fit({"x": [1.0, 2.0], "loss": [3.0, 5.0]}, "a + b*x", residual="raw")
    with pytest.raises(sf.errors.DataError, match="sd="):
        sf.stress.coverage(exact, n_sim=5)
    with pytest.raises(sf.errors.ParameterError, match="needs a Fit"):
        sf.stress.coverage("fit", n_sim=5)


def each_set(fit, count, sd, seed=0):
    """Give the simulated data sets of a design as frames."""
    from scaling_fast.stress.simulation import Design

    sets = Design(fit, fit.params, sd, "normal", None, 0.0, seed).sets(0, count, 1)
    request, rows = sets.estimates.request, fit.n
    for number in range(count):
        part = slice(number * rows, (number + 1) * rows)
        yield {"x": request.table.arrays["x"][part], "loss": request.table.target[part]}, sets


@pytest.mark.parametrize(
    "loss",
    [sf.Squared(), sf.Huber(0.01), sf.Huber(1.345, scale="mad"), sf.StudentT(5), sf.Huber(3e-3)],
    ids=repr,
)
def test_delta_is_the_interval_of_each_data_set_counted(loss):
    """`fit.interval` of every simulated frame, one after the other: what it refuses is not covered."""
    x = np.geomspace(1e7, 1e10, 12)
    noise = np.exp(0.01 * np.random.default_rng(3).standard_normal(12))
    fit = sf.fit({"x": x, "loss": (1.8 + 400 * x**-0.34) * noise}, "power_offset", loss=loss)
    formulas = ["alpha", "E + A*1e12**(-alpha)"]
    table = sf.stress.coverage(
        fit, method="delta", n_sim=40, sd=0.01, of=formulas, truth=fit.params
    ).table
    covered, refused, widths = np.zeros(2), 0, []
    for frame, _ in each_set(fit, 40, 0.01):
        try:
            ends = sf.fit(frame, "power_offset", loss=loss).interval(0.9, of=formulas)
        except sf.ScalingError:
            refused += 1
            continue
        truth = table["truth"].to_numpy()
        covered += (ends["lower"].to_numpy() <= truth) & (truth <= ends["upper"].to_numpy())
        widths.append((ends["upper"] - ends["lower"]).to_numpy())
    assert table["refused"].to_list() == [refused, refused]
    assert table["width"].to_list() == pytest.approx(np.median(widths, axis=0), rel=1e-5)
    if refused > 0.05 * 40:
        assert table["coverage"].is_nan().all()
    else:
        assert table["coverage"].to_list() == pytest.approx(covered / 40)


def test_every_data_set_measures_its_own_scale():
    """`Huber(c, scale="mad")`: the loss of a data set is that of its own fit, not of the one simulated from."""
    loss = sf.Huber(1.345, scale="mad")
    fit = sf.fit(
        {
            "x": (x := np.geomspace(1e7, 1e10, 12)),
            "loss": (1.8 + 400 * x**-0.34) * (1 + 0.01 * np.sin(7 * np.arange(12))),
        },
        "power_offset",
        loss=loss,
    )
    scales = []
    for number, (frame, sets) in enumerate(each_set(fit, 5, 0.01)):
        own = sf.fit(frame, "power_offset", loss=loss)
        scales.append(own.scale)
        assert sets.estimates.request.table.sigma[number * 12] == pytest.approx(own.scale, rel=1e-5)
        assert sets.estimates.params[number] == pytest.approx(list(own.params.values()), rel=1e-5)
    assert max(scales) > 1.2 * min(scales)


def test_the_delta_method_under_a_straight_loss_is_refused_set_by_set():
    fit = design(30, loss=sf.Huber(1e-4))
    stress = sf.stress.coverage(
        fit, method=["delta", "percentile"], n_sim=20, n=99, sd=0.01, truth=TRUTH, of="alpha"
    )
    refused = dict(stress.table.select("method", "refused").iter_rows())
    assert refused == {"delta": 20, "percentile": 0}
    assert "intervals_refused" in [finding.code for finding in stress.findings]
    assert stress.table["coverage"].is_nan().to_list() == [True, False]


def test_as_many_rows_as_parameters_cover_nothing():
    stress = sf.stress.coverage(design(3), sf.Residuals(), ["percentile", "delta"], n_sim=10, n=49,
                                sd=0.01, truth=TRUTH, of="E")  # fmt: skip
    assert stress.table["refused"].to_list() == [10, 10]
