"""A formula meets a frame: columns, parameters, and the transformed target."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from power_runs import COLUMNS, LAW, NAMES

import scaling_fast as sf


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


SIZES = np.geomspace(1e6, 1e10, 40)
LOSSES = (1.7 + 400 / SIZES**0.34) * np.exp(0.01 * np.random.default_rng(0).normal(size=40))
SIZE_LAW = "E + A/N**alpha"


def test_a_mistyped_name_in_columns_is_refused():
    for law in (SIZE_LAW, "power_offset"):
        with pytest.raises(sf.errors.ParameterError, match="does not have") as caught:
            sf.fit(
                {"N": SIZES, "x": SIZES, "loss": LOSSES},
                law,
                columns={"N": "N", "zzz": "x", "x": "x"},
            )
        assert caught.value.param in ("zzz", "x", "N")


def test_a_parameter_that_resembles_a_column_is_pointed_out():
    frame = {"N": SIZES, "tokens": SIZES[::-1].copy(), "loss": LOSSES}
    fit = sf.fit(frame, "E + A/N**alpha + B/token", columns={"N": "N"})
    assert "parameter_like_column" in [finding.code for finding in fit.findings]
