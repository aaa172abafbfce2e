"""Data that cannot be fitted, or only with care: a typed error that says where, or the right answer."""

from __future__ import annotations

import datetime as dt
import math
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

import scaling_fast as sf

LAW = "E + A*x**(-alpha)"
NAMES = ("E", "A", "alpha")
X = np.geomspace(1.0, 1e4, 12)
CLEAN = 1.5 + 3.0 * X**-0.4
Y = CLEAN * np.exp(0.01 * np.random.default_rng(1).normal(size=12))


def fit(y=Y, x=X, law=LAW, **options):
    return sf.fit({"x": x, "loss": y}, law, **options)


def put(values, row, value):
    out = np.array(values, dtype=float)
    out[row] = value
    return out


def listed(values, row, value):
    out = [float(one) for one in values]
    out[row] = value
    return out


def refusal(call, kind=sf.errors.DataError):
    """Return the error, which came within two seconds and is exactly of the class expected."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        call()
    assert time.monotonic() - began < 2.0
    error = caught.value
    assert type(error) is kind
    assert error.code
    assert len(str(error)) < 700
    assert str(error).replace("\n", "").isprintable()
    return error


def attempt(call):
    """Return (the typed error, None) or (None, the result)."""
    try:
        return None, call()
    except (sf.errors.DataError, sf.errors.ConvergenceError, sf.errors.ParameterError) as error:
        return error, None


def assert_same(got, want, tolerance=1e-9, **scales):
    assert got.converged
    for name, value in want.params.items():
        assert got.params[name] == pytest.approx(value * scales.get(name, 1.0), rel=tolerance), name


ROWS = [
    # D1-D4: what is missing or infinite, wherever it stands
    ("NaN in y", {"y": put(Y, 7, math.nan)}, "nan", "loss", 7, ["NaN", "row 7", 'nulls="drop"']),
    ("NaN in x", {"x": put(X, 2, math.nan)}, "nan", "x", 2, ["NaN", "row 2", "1 row"]),
    ("null in y", {"y": listed(Y, 5, None)}, "null", "loss", 5, ["null", "row 5", 'nulls="drop"']),
    ("null in x", {"x": listed(X, 0, None)}, "null", "x", 0, ["null", "row 0"]),
    ("+inf in y", {"y": put(Y, 3, math.inf)}, "infinite", "loss", 3, ["+inf", "row 3"]),
    ("-inf in y", {"y": put(Y, 3, -math.inf)}, "infinite", "loss", 3, ["-inf", "row 3"]),
    ("+inf in x", {"x": put(X, 11, math.inf)}, "infinite", "x", 11, ["+inf", "row 11"]),
    ("-inf in x", {"x": put(X, 0, -math.inf)}, "infinite", "x", 0, ["-inf", "row 0"]),
    ("NaN weight", {"weights": put(np.ones(12), 4, math.nan)}, "weight", "weights", 4, ["row 4"]),
    ("inf weight", {"weights": put(np.ones(12), 4, math.inf)}, "weight", "weights", 4, ["row 4"]),
    ("negative weight", {"weights": put(np.ones(12), 4, -1)}, "weight", "weights", 4, ["`-1`"]),
    ("null weight", {"weights": listed(np.ones(12), 4, None)}, "weight", "weights", 4, ["row 4"]),
    ("no weight", {"weights": np.zeros(12)}, "all_zero", "weights", None, ["every row"]),
    ("short weights", {"weights": np.ones(11)}, "length", "weights", None, ["11", "12"]),
    ("NaN sigma", {"sigma": put(np.ones(12), 4, math.nan)}, "nan", "sigma", 4, ["row 4"]),
    ("inf sigma", {"sigma": put(np.ones(12), 4, math.inf)}, "infinite", "sigma", 4, ["row 4"]),
    ("zero sigma", {"sigma": put(np.ones(12), 4, 0)}, "sigma", "sigma", 4, ["positive", "`0`"]),
    ("negative sigma", {"sigma": put(np.ones(12), 4, -2)}, "sigma", "sigma", 4, ["`-2`"]),
    ("short sigma", {"sigma": np.ones(3)}, "length", "sigma", None, ["3", "12"]),
    # D5-D7: outside a logarithm or a power
    ("zero x", {"x": put(X, 3, 0)}, "domain", "x", 3, ["positive", "x**", "row 3"]),
    ("negative x", {"x": put(X, 3, -2)}, "domain", "x", 3, ["positive", "`-2`"]),
    ("log of 0", {"x": put(X, 3, 0), "law": "E + A*log(x)"}, "domain", "x", 3, ["log(x)"]),
    ("sqrt of -1", {"x": put(X, 3, -1), "law": "E + A*sqrt(x)"}, "domain", "x", 3, ["sqrt(x)"]),
    ("1/0", {"x": put(X, 3, 0), "law": "E + A/x"}, "domain", "x", 3, ["row 3"]),
    ("y = 0", {"y": put(Y, 6, 0)}, "domain", "loss", 6, ["positive", 'residual="raw"']),
    ("y < 0", {"y": put(Y, 6, -1)}, "domain", "loss", 6, ["`-1`", 'residual="raw"']),
    ("y = 1 logit", {"y": put(Y / 9, 6, 1), "residual": "logit"}, "domain", "loss", 6, ["between"]),
    # D8, D10: too few rows
    ("n < p", {"y": Y[:2], "x": X[:2]}, "too_few_rows", None, None, ["n=2", "p=3", "alpha"]),
    ("one row", {"y": Y[:1], "x": X[:1]}, "too_few_rows", None, None, ["n=1", "p=3"]),
    ("no row", {"y": Y[:0], "x": X[:0]}, "empty", None, None, ["no rows"]),
    (
        "nothing left",
        {"y": np.full(12, math.nan), "nulls": "drop"},
        "empty",
        None,
        None,
        ["no row is left", "12"],
    ),
    (
        "weights leave two",
        {"weights": [1, 1] + [0] * 10},
        "too_few_rows",
        None,
        None,
        ["n=2", "p=3"],
    ),
    # D20-D23: what is no column of numbers
    ("bool", {"y": [True] * 12}, "dtype", "loss", 0, ["cast"]),
    ("numpy bool", {"y": np.ones(12, bool)}, "dtype", "loss", 0, ["Boolean", "cast"]),
    ("text", {"y": [*"123", "N/A", *"56789012"]}, "dtype", "loss", 3, ["N/A", "row 3", "cast"]),
    ("digits", {"y": ["1e9"] * 12}, "dtype", "loss", 0, ["1e9", "cast"]),
    ("long text", {"y": ["z" * 999] * 12}, "dtype", "loss", 0, ["z" * 40 + "…"]),
    ("complex", {"y": X * 1j}, "dtype", "loss", None, ["complex128", "real"]),
    ("complex list", {"y": [1j] * 12}, "dtype", "loss", 0, ["complex"]),
    ("date", {"y": [dt.date(2020, 1, 1)] * 12}, "dtype", "loss", 0, ["unit"]),
    ("datetime64", {"y": np.full(12, np.datetime64("2020"))}, "dtype", "loss", 0, ["Datetime"]),
    ("timedelta", {"y": [dt.timedelta(1)] * 12}, "dtype", "loss", 0, ["Duration"]),
    ("category", {"y": pl.Series(["a"] * 12, dtype=pl.Categorical)}, "dtype", "loss", 0, ["by="]),
    ("nested", {"y": [[1.0]] * 12}, "dtype", "loss", 0, ["one number a row"]),
    ("objects", {"y": [object()] * 12}, "dtype", "loss", 0, ["object", "row 0"]),
    ("mixed", {"y": [1.0, "a"] * 6}, "dtype", "loss", 1, ["'a'", "row 1"]),
    ("two-dimensional", {"y": np.ones((12, 2))}, "shape", "loss", None, ["one-dimensional", "(12, 2)"]),
    ("scalar", {"y": 3.0}, "not_an_array", "loss", None, ["float", "1-D"]),
    ("a word", {"y": "abc"}, "not_an_array", "loss", None, ["str"]),
    ("generator", {"y": iter([1.0] * 12)}, "not_an_array", "loss", None, ["iterator"]),
    ("huge int", {"y": [10**400] * 12}, "overflow", "loss", None, ["rescale"]),
    ("huge Decimal", {"y": [Decimal("1e400")] * 12}, "infinite", "loss", 0, ["+inf"]),
    ("all null", {"y": [None] * 12}, "null", "loss", 0, ["12 rows"]),
    ("lengths", {"y": Y[:5]}, "length", "loss", None, ["`x`", "`loss`", "12", "5"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code", "column", "row", "words"),
    [one[1:] for one in ROWS],
    ids=[one[0] for one in ROWS],
)
def test_refusals_name_the_place(given, code, column, row, words):
    error = refusal(lambda: fit(**given))
    assert (error.code, error.column, error.row) == (code, column, row)
    for word in words:
        assert word in str(error)


FRAMES = {
    "None": None,
    "path": "runs.csv",
    "array": np.ones((3, 2)),
    "list": [1, 2],
    "number": 3,
    "series": pl.Series([1.0]),
    "no columns": {},
    "empty frame": pl.DataFrame(),
    "header only": pl.DataFrame({"x": [], "loss": []}),
    "number as name": {1: X, "loss": Y},
    "None as name": {None: X, "loss": Y},
    "broken lazy": pl.LazyFrame({"x": [1.0]}).select("nope"),
    "generator": (one for one in [1]),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_what_is_no_frame_is_refused(frame):
    refusal(lambda: sf.fit(frame, LAW, columns={"x": "x"}))


def test_wrong_column_offers_the_nearest():
    error = refusal(lambda: sf.fit({"steps": X, "loss": Y}, LAW, columns={"x": "step"}))
    assert (error.code, error.column) == ("missing_column", "step")
    assert "did you mean `steps`" in str(error)


def test_missing_target_lists_at_most_twenty_columns():
    frame = {f"c{k}": X for k in range(100)} | {"x": X}
    error = refusal(lambda: sf.fit(frame, LAW, columns={"x": "x"}))
    assert error.column == "loss"
    assert str(error).count("`c") <= 20
    assert "more" in str(error)


@pytest.mark.parametrize("container", [dict, pl.DataFrame, pl.LazyFrame])
@pytest.mark.parametrize("value", [None, math.nan])
def test_dropped_rows_equal_rows_never_there(container, value):
    got = sf.fit(container({"x": X, "loss": listed(Y, 7, value)}), LAW, nulls="drop")
    want = fit(np.delete(Y, 7), np.delete(X, 7))
    assert got.objective == want.objective
    assert dict(got.params) == dict(want.params)
    assert "rows_dropped" in [one.code for one in got.findings]


@pytest.mark.parametrize("junk", [np.full(12, math.nan), ["a"] * 12, [None] * 12, [object()] * 12])
def test_unused_columns_are_nobodys_business(junk):
    got = sf.fit({"x": X, "loss": Y, "junk": junk}, LAW)
    assert dict(got.params) == dict(fit().params)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -5.0, None])
def test_rows_of_weight_zero_may_hold_anything(bad):
    weights = put(np.ones(12), 4, 0.0)
    got = fit(listed(Y, 4, bad), listed(X, 4, bad), weights=weights)
    assert_same(got, fit(np.delete(Y, 4), np.delete(X, 4)), 1e-12)


def test_as_many_rows_as_parameters_is_exact_and_says_so():
    got = fit(CLEAN[::4], X[::4])
    assert got.params["alpha"] == pytest.approx(0.4, rel=1e-9)
    assert "no_dof" in [one.code for one in got.findings]
    error = refusal(got.interval)
    assert error.code == "no_dof"


def test_constant_x_identifies_nothing():
    error = refusal(lambda: fit(x=np.full(12, 3.0)))
    assert error.code == "not_identified"
    for name in NAMES:
        assert name in str(error)


def test_constant_second_column_names_its_parameters():
    rng = np.random.default_rng(3)
    frame = {"N": np.geomspace(1e6, 1e9, 12), "D": np.full(12, 1e9)}
    frame["loss"] = 1.7 + 400 * frame["N"] ** -0.34 + rng.normal(size=12) * 1e-3
    got = sf.fit(frame, "E + A/N**alpha + B/D**beta")
    assert not got.converged
    assert not got.is_global
    lost = next(one for one in got.findings if one.code == "not_identified")
    assert {"B", "beta"} <= set(lost.evidence["parameters"])
    assert "alpha" not in lost.evidence["parameters"]


@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(1e-3), sf.Absolute()], ids=repr)
def test_constant_y_identifies_its_level_alone(loss):
    got = fit(np.full(12, 3.0), loss=loss)
    assert got.predict({"x": X})["prediction"].to_list() == pytest.approx([3.0] * 12, rel=1e-9)
    assert not got.converged, "alpha can be anything where A is 0"
    lost = next(one for one in got.findings if one.code == "not_identified")
    assert "alpha" in lost.evidence["parameters"]


@pytest.mark.parametrize("loss", [sf.Squared(), sf.Huber(1e-3)], ids=repr)
def test_constant_y_has_no_spread(loss):
    level = sf.fit({"x": X, "loss": np.full(12, 3.0)}, "E + 0.5*x**0*E", loss=loss)
    assert level.params["E"] == pytest.approx(2.0, rel=1e-12)
    draws = sf.bootstrap(level, n=200).draws
    assert draws["E"].std() <= 1e-12
    assert (draws["status"] == "converged").all()


LOSSES = (
    sf.Squared(),
    sf.Huber(1e-3),
    sf.Absolute(),
    sf.Cauchy(1e-2),
    sf.Tukey(1e-2),
    sf.SoftL1(1e-3),
    sf.LogCosh(1e-3),
    sf.Pinball(0.3),
)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("residual", ["log", "raw"])
def test_perfect_data_are_recovered_and_resampled(loss, residual):
    got = fit(CLEAN, loss=loss, residual=residual)
    assert got.converged
    for name, value in zip(NAMES, (1.5, 3.0, 0.4), strict=True):
        assert got.params[name] == pytest.approx(value, rel=1e-10)
    assert got.objective >= 0
    for one in (got.certificate.gradient, got.certificate.decrease, got.certificate.multiplier):
        assert math.isfinite(one)
    boot = sf.bootstrap(got, n=300)
    assert boot.failures.height == 0 or boot.failures["count"].sum() <= 3
    for method in ("percentile", "basic", "normal"):
        ends = boot.interval(method=method)
        assert (
            ends.select(pl.all_horizontal(pl.col("lower", "upper").is_finite())).to_series().all()
        )
        assert ((ends["upper"] - ends["lower"]).abs() <= 1e-9).all()


# -- weights and sigma: only their ratios count -------------------------------------------------


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-300, 1e-9, 1e9, 1e300, 1e308])
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared(), sf.Absolute()], ids=repr)
def test_weights_are_relative(scale, loss):
    refused, got = attempt(lambda: fit(weights=np.full(12, scale), loss=loss))
    if refused is not None:
        assert "weight" in str(refused), "the error must name what is too large or too small"
    else:
        assert_same(got, fit(loss=loss))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_uneven_weights_keep_their_ratios(scale):
    weights = np.arange(1.0, 13.0)
    assert_same(fit(weights=weights * scale), fit(weights=weights))


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e100, 1e300])
def test_sigma_scales_residuals_or_is_refused(scale):
    """A common sigma s under least squares changes the objective by s**-2 and nothing else."""
    refused, got = attempt(lambda: fit(sigma=np.full(12, scale), loss=sf.Squared()))
    if refused is not None:
        assert "sigma" in str(refused), "the error must name what is too large or too small"
    else:
        assert_same(got, fit(loss=sf.Squared()))


# -- magnitudes: the fit of the rescaled problem, or an error, never another number -------------

DECADES = (-300, -200, -100, -20, -8, 8, 20, 100, 200, 300)


def honest(run, want, scales):
    """Hold a fit to the exactly rescaled one, unless it says itself that it failed."""
    refused, got = attempt(run)
    if refused is None and got.converged:
        assert_same(got, want, **scales)


@pytest.mark.parametrize("power", DECADES)
@pytest.mark.parametrize(
    ("loss", "residual"),
    [(sf.Huber(1e-3), "log"), (sf.Squared(), "log"), (sf.Squared(), "raw"), (sf.Absolute(), "raw")],
    ids=str,
)
def test_scaled_y(power, loss, residual):
    c = 10.0**power
    want = fit(loss=loss, residual=residual)
    honest(lambda: fit(Y * c, loss=loss, residual=residual), want, {"E": c, "A": c})


@pytest.mark.parametrize("power", DECADES)
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared(), sf.Absolute()], ids=repr)
def test_scaled_x(power, loss):
    c = 10.0**power
    want = fit(loss=loss)
    honest(lambda: fit(x=X * c, loss=loss), want, {"A": c ** want.params["alpha"]})


@pytest.mark.parametrize("power", DECADES)
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Squared()], ids=repr)
def test_scaled_x_of_a_law_without_floor(power, loss):
    """Eleven rows: with twelve on a geometric grid the loss is flat along a line of optima."""
    c = 10.0**power
    x, y = X[:11], Y[:11]
    want = fit(y, x, law="A*x**(-alpha)", loss=loss)
    assert want.converged
    honest(
        lambda: fit(y, x * c, law="A*x**(-alpha)", loss=loss),
        want,
        {"A": c ** want.params["alpha"]},
    )


def test_a_line_of_optima_is_no_optimum():
    """Signs - - - + + + + + + - - - balance on a geometric grid: checked by hand on 12 rows."""
    got = fit(law="A*x**(-alpha)")
    assert not got.converged
    assert {"A", "alpha"} <= {
        name for one in got.findings for name in one.evidence.get("parameters", ())
    }


@pytest.mark.parametrize("px", [-250, -8, 25, 250])
@pytest.mark.parametrize("py", [-250, -8, 25, 250])
def test_both_scaled(px, py):
    want = fit(loss=sf.Squared())
    cx, cy = 10.0**px, 10.0**py
    honest(
        lambda: fit(Y * cy, X * cx, loss=sf.Squared()),
        want,
        {"E": cy, "A": cy * cx ** want.params["alpha"]},
    )


def test_half_the_magnitudes_in_one_column():
    x = np.geomspace(1e-8, 1e25, 30)
    got = fit(1.5 + 3.0 * x**-0.05, x)
    assert got.params["alpha"] == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("outlier", [1e10, 1e100, 1e300])
@pytest.mark.parametrize("residual", ["log", "raw"])
@pytest.mark.parametrize("loss", [sf.Huber(1e-3), sf.Absolute()], ids=repr)
def test_an_outlier_pulls_no_harder_than_the_loss_allows(outlier, residual, loss):
    """Beyond delta only the sign of a residual matters: 1e300 must fit as 100 does (P16)."""
    want = fit(put(Y, 4, 100.0), residual=residual, loss=loss)
    got = fit(put(Y, 4, outlier), residual=residual, loss=loss)
    assert want.converged
    assert_same(got, want, 1e-7)


# -- dtypes ------------------------------------------------------------------------------------

WHOLE = np.array([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 100, 120])
AT_WHOLE = 1.5 + 3.0 * WHOLE**-0.4


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">f8", ">i4", "f2", "g"]
)
def test_numbers_of_any_width_fit_alike(dtype):
    got = fit(AT_WHOLE, WHOLE.astype(dtype), law="E + A/(x*x)**alpha")
    assert dict(got.params) == dict(fit(AT_WHOLE, WHOLE * 1.0, law="E + A/(x*x)**alpha").params)


EXACT = [Decimal, Fraction, int, np.int64, float]


@pytest.mark.parametrize("kind", EXACT, ids=lambda kind: kind.__name__)
def test_python_numbers_fit_alike(kind):
    got = fit(AT_WHOLE, [kind(int(one)) for one in WHOLE])
    assert dict(got.params) == dict(fit(AT_WHOLE, WHOLE * 1.0).params)


def test_whole_numbers_beyond_doubles_are_announced():
    x = np.array([2**60 + 1 + k * 2**58 for k in range(12)], dtype=np.uint64)
    got = fit(x=x)
    found = next(one for one in got.findings if one.code == "inexact_integers")
    assert found.evidence["column"] == "x"


@pytest.mark.parametrize(
    "view",
    [
        lambda a: np.repeat(a, 2)[::2],
        lambda a: a[::-1].copy()[::-1],
        lambda a: np.asfortranarray(np.column_stack([a, a]))[:, 1],
        lambda a: np.column_stack([a, a])[:, 0],
        lambda a: a.astype(">f8"),
        lambda a: pl.concat([pl.Series([0.0]), pl.Series(a[:5]), pl.Series(a[5:])], rechunk=False)[1:],
    ],
    ids=["strided", "reversed", "fortran", "c-column", "swapped", "chunked slice"],
)  # fmt: skip
def test_layout_in_memory_changes_no_bit(view):
    got = fit(view(Y), view(X))
    assert dict(got.params) == dict(fit().params)


def test_read_only_arrays_are_fine_and_inputs_are_never_written():
    x, y = X.copy(), Y.copy()
    x.setflags(write=False)
    got = fit(y, x)
    y[:] = 0.0
    assert got.residuals() == pytest.approx(fit().residuals(), abs=0)


# -- names -------------------------------------------------------------------------------------

AWKWARD = [
    "данные", "N tokens", "🚀", "a\u202eb", "a\nb", "\x1b[31mred", "", " ", "1x", "x**2", "exp", "E", "alpha",
    "pi", "e", "sigma", "target", "weights", "n", "status", "objective", "gradient", "condition", "at_bound",
    "replicate", "prediction", "lower", "upper", "name", "estimate", "lambda", "import", "ｘ", "é", "e\u0301",
    "__group", "literal", "*", "^x$", "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD, ids=ascii)
def test_awkward_column_names_come_in_through_columns(name):
    got = sf.fit({name: X, "loss": Y}, LAW, columns={"x": name})
    assert dict(got.params) == dict(fit().params)
    assert sf.bootstrap(got, n=5).draws.height == 5


@pytest.mark.parametrize("name", [one for one in AWKWARD if one != ""], ids=ascii)
def test_awkward_names_serve_as_target_group_and_weight(name):
    frame = {"x": np.tile(X, 2), name: np.tile(Y, 2)}
    assert sf.fit(frame, LAW, target=name, columns={"x": "x"}).converged
    groups = {"x": np.tile(X, 2), "loss": np.tile(Y, 2), name: [0] * 12 + [1] * 12}
    if name in NAMES:
        error = refusal(
            lambda: sf.fit(groups, LAW, columns={"x": "x"}, by=name), sf.errors.ParameterError
        )
        assert error.code == "name_clash"
    else:
        got = sf.fit(groups, LAW, columns={"x": "x"}, by=name)
        assert got.table[name].to_list() == [0, 1]
        boot = sf.bootstrap(got, n=10)
        assert boot.draws.height == 20
        if name not in ("name", "estimate", "lower", "upper"):
            assert boot.interval().height == 6
    weighed = {"x": X, "loss": Y, name: np.full(12, 2.0)}
    got = sf.fit(weighed, LAW, columns={"x": "x"}, weights=name)
    assert_same(got, fit())


@pytest.mark.parametrize("name", ["name", "estimate", "lower", "upper"])
def test_group_names_that_clash_with_an_interval_are_mended_or_refused(name):
    groups = {"x": np.tile(X, 2), "loss": np.tile(Y, 2), name: [0] * 12 + [1] * 12}
    boot = sf.bootstrap(sf.fit(groups, LAW, by=name), n=10)
    refused, got = attempt(boot.interval)
    if refused is not None:
        assert name in str(refused)
    else:
        assert got.height == 6
        assert len(set(got.columns)) == 5


@pytest.mark.parametrize(
    "name", ["n", "status", "objective", "sigma", "weights", "target", "replicate", "prediction"]
)
def test_parameters_may_bear_the_packages_own_words(name):
    got = fit(law=f"{name} + A*x**(-alpha)")
    assert got.params[name] == pytest.approx(fit().params["E"], rel=1e-12)
    assert got.converged
    boot = sf.bootstrap(got, n=5)
    assert boot.draws[name].is_finite().all()
    assert boot.interval()["name"].to_list() == [name, "A", "alpha"]
    assert name in got.summary()


def test_a_column_called_like_a_function_does_not_clash():
    got = sf.fit({"exp": X, "log": X, "loss": Y}, "E + A*exp(-alpha*log(x))", columns={"x": "exp"})
    assert got.converged


def test_names_are_not_folded():
    """ＮＦＫＣ would turn the full-width letter into x; two columns must stay two."""
    got = sf.fit({"ｘ": X[::-1], "x": X, "loss": Y}, LAW)
    assert dict(got.params) == dict(fit().params)


def test_two_columns_of_one_name_are_refused():
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_arrays([pa.array(X), pa.array(X), pa.array(Y)], names=["x", "x", "loss"])
    error = refusal(lambda: sf.fit(table, LAW))
    assert (error.code, error.column) == ("duplicate_column", "x")


# -- groups: a bad group is a status, not an end --------------------------------------------------


def test_a_bad_group_does_not_hurt_the_others():
    frame = pl.DataFrame(
        {
            "g": ["good"] * 12 + ["flat"] * 12 + ["few"] * 2,
            "x": [*X, *[3.0] * 12, *X[:2]],
            "loss": [*Y, *Y, *Y[:2]],
        }
    )
    got = sf.fit(frame, LAW, by="g").table
    status = dict(got.select("g", "status").iter_rows())
    assert status == {"few": "too_few_rows", "flat": "not_identified", "good": "converged"}
    good = got.filter(pl.col("g") == "good").row(0, named=True)
    for name in NAMES:
        assert good[name] == fit().params[name]


def test_prediction_refuses_what_fitting_does():
    got = fit()
    for frame, code in (
        ({"z": [1.0]}, "missing_column"),
        ({"x": [math.nan]}, "nan"),
        ({"x": [None]}, "null"),
        ({"x": [1.0, math.inf]}, "infinite"),
        ({"x": [1.0, -1.0]}, "domain"),
        ({"x": ["a"]}, "dtype"),
        (3, "not_a_frame"),
    ):
        assert refusal(lambda frame=frame: got.predict(frame)).code == code


def test_infinity_of_a_derived_quantity_is_no_crash():
    law = sf.Law(LAW, derived={"bad": "1/(E-E)"})
    assert not math.isfinite(sf.fit({"x": X, "loss": Y}, law).derived["bad"])
