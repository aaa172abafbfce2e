"""Any name may be a column's, and parameters may be called what the package calls its columns."""

from __future__ import annotations

import numpy as np
import pytest
from decaying import X, Y, assert_same, attempt, fit
from outcomes import refusal
from power_runs import LAW, NAMES

import scaling_fast as sf

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


@pytest.mark.parametrize("name", [name for name in AWKWARD if name != ""], ids=ascii)
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
def test_group_names_that_clash_with_an_interval_are_renamed_or_refused(name):
    groups = {"x": np.tile(X, 2), "loss": np.tile(Y, 2), name: [0] * 12 + [1] * 12}
    boot = sf.bootstrap(sf.fit(groups, LAW, by=name), n=10)
    refused, got = attempt(boot.interval)
    if refused is not None:
        assert name in str(refused)
    else:
        assert got.height == 6
        assert len(set(got.columns)) == 6


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
