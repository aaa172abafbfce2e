"""Schemes are values: checked once, copied, equal by content."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from scaling_fast.errors import ParameterError
from scaling_fast.resampling import schemes


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
