"""Schemes given as tables or names: checked, copied, equal by content."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from outcomes import refusal

import scaling_fast as sf
from scaling_fast.errors import ParameterError
from scaling_fast.resampling import schemes

X = np.logspace(0, 4, 12)
Y = 1.8 + 4 * X**-0.35
LAW = "E+A*x**(-alpha)"
TRUTH = {"E": 1.8, "A": 4.0, "alpha": 0.35}


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-30, 1e30, 1e200])
def test_the_scale_of_the_weights_of_a_replicate_does_not_matter(size):
    noise = np.random.default_rng(0).normal(0, 0.01, 12)
    fit = sf.fit({"x": X, "loss": Y * np.exp(noise)}, LAW)
    usual = sf.bootstrap(fit, sf.Weights(np.ones((1, 12))))
    scaled = sf.bootstrap(fit, sf.Weights(np.full((1, 12), size)))
    assert scaled.draws["status"][0] == "converged"
    for name in TRUTH:
        assert scaled.draws[name][0] == pytest.approx(usual.draws[name][0], rel=1e-9)


P, D, F, R = (
    sf.errors.ParameterError,
    sf.errors.DataError,
    sf.errors.FormulaError,
    sf.errors.ResourceError,
)
SCHEMES = [
    (lambda: sf.Indices([]), "array"),
    (lambda: sf.Indices([[]]), "array"),
    (lambda: sf.Indices([0, 1]), "array"),
    (lambda: sf.Indices([[[0]]]), "array"),
    (lambda: sf.Indices(3), "array"),
    (lambda: sf.Indices(None), "array"),
    (lambda: sf.Indices("abc"), "array"),
    (lambda: sf.Indices([[0.5]]), "array"),
    (lambda: sf.Indices([[0, -1]]), "array"),
    (lambda: sf.Indices([[True, False]]), "array"),
    (lambda: sf.Indices([[0, 1], [2]]), "array"),
    (lambda: sf.Indices(np.array([[2**63]], dtype=np.uint64)), "array"),
    (lambda: sf.Weights([[1.0, -1.0]]), "array"),
    (lambda: sf.Weights([[1.0, math.nan]]), "array"),
    (lambda: sf.Weights([[1.0, math.inf]]), "array"),
    (lambda: sf.Weights([[1.0], [0.0]]), "array"),
    (lambda: sf.Weights([["a"]]), "array"),
    (lambda: sf.Weights([[1j]]), "array"),
    (lambda: sf.Weights([1.0]), "array"),
    (lambda: sf.Clusters(3), "by"),
    (lambda: sf.Clusters(None), "by"),
    (lambda: sf.Clusters(""), "by"),
    (lambda: sf.Clusters([]), "by"),
    (lambda: sf.Clusters([1]), "by"),
    (lambda: sf.Clusters(["a", "a"]), "by"),
    (lambda: sf.Bayesian(3), "cluster"),
    (lambda: sf.Jackknife([]), "cluster"),
]


@pytest.mark.parametrize(("make", "param"), SCHEMES)
def test_schemes_refuse_at_once(make, param):
    assert refusal(make, P).param == param


def test_one_column_or_several_name_the_clusters():
    assert schemes.Clusters("run") == schemes.Clusters(["run"])
    assert schemes.Clusters(["run", "seed"]).by == ("run", "seed")
    assert schemes.Bayesian(cluster="run").cluster == ("run",)
    assert schemes.Jackknife().cluster is None


@pytest.mark.parametrize("bad", ["", [], [""], 3, [3], None, ["a", "a"]])
def test_something_that_names_no_column_is_refused(bad):
    with pytest.raises(ParameterError) as caught:
        schemes.Clusters(bad)
    assert caught.value.param == "by"


@pytest.mark.parametrize("kind", [schemes.Indices, schemes.Weights])
def test_a_table_of_replicates_is_a_read_only_copy(kind):
    given = np.array([[0, 1, 1], [2, 2, 0]])
    scheme = kind(given)
    given[:] = 0
    assert np.asarray(scheme.array).tolist() == [[0, 1, 1], [2, 2, 0]]
    with pytest.raises(ValueError, match="read-only"):
        scheme.array[0, 0] = 5
    assert scheme.replicates == 2
    assert "2 replicates of 3 rows" in repr(scheme)


@pytest.mark.parametrize("kind", [schemes.Indices, schemes.Weights])
@pytest.mark.parametrize("again", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy])
def test_tables_of_replicates_are_equal_by_content_and_travel(kind, again):
    scheme = kind([[0, 1], [1, 1]])
    other = again(scheme)
    assert other == scheme
    assert not other.array.flags.writeable
    assert scheme != kind([[1, 1], [1, 1]])
    assert scheme != "pairs"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ([0, 1], "2-D"),
        ([[0.0, 1.0]], "dtype"),
        ([[True, False]], "dtype"),
        ([["a"]], "dtype"),
        ([[0, -1]], "replicate 0, place 1"),
        ([[], []], "2-D|dtype"),
        ([[0, 1], [0]], "array"),
        (np.array([[2**63]], dtype=np.uint64), "2\\*\\*63"),
    ],
)
def test_indices_are_a_2d_array_of_row_numbers(bad, said):
    with pytest.raises(ParameterError, match=said):
        schemes.Indices(bad)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ([1.0], "2-D"),
        ([[1.0, -0.5]], "`-0.5` in replicate 0, place 1"),
        ([[1.0, float("nan")]], "finite"),
        ([[float("inf"), 1.0]], "finite"),
        ([[1.0, 0.0], [0.0, 0.0]], "replicate 1 of array has no positive weight"),
        ([[True]], "dtype"),
        ([["1"]], "dtype"),
    ],
)
def test_weights_are_finite_non_negative_and_not_all_zero(bad, said):
    with pytest.raises(ParameterError, match=said):
        schemes.Weights(bad)


def test_every_integer_type_gives_the_same_indices():
    for dtype in (np.int8, np.uint16, np.int64, ">i4"):
        scheme = schemes.Indices(np.array([[0, 1]], dtype=dtype)[:, ::-1])
        assert scheme.array.dtype == np.int64
        assert scheme.array.flags.c_contiguous
        assert scheme.array.tolist() == [[1, 0]]
