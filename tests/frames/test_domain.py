"""Values outside the law's domain are named with the reason, before any solving."""

from __future__ import annotations

import pytest

from scaling_fast.errors import DataError
from scaling_fast.frames import read, require

X = [1.0, 2.0, 4.0, 8.0, 16.0]
Y = [5.0, 4.0, 3.5, 3.25, 3.125]
ASK = {"names": ["x"], "target": "y"}


def table(x=X, y=Y, /, *, frame=None, **options):
    return read({"x": x, "y": y} if frame is None else frame, **{**ASK, **options})


@pytest.mark.parametrize(
    ("kind", "value", "shows"),
    [
        ("positive", 0.0, "`0`"),
        ("positive", -2.5, "`-2.5`"),
        ("non-negative", -1.0, "`-1`"),
        ("non-zero", 0.0, "`0`"),
    ],
)
def test_a_value_outside_the_laws_domain_is_named_with_the_reason(kind, value, shows):
    """D5, D6: by analysis of the law, not a failure of the solver."""
    got = table([1.0, 2.0, 4.0, value, 16.0])
    with pytest.raises(DataError) as caught:
        require(got, [("x", kind, "x**alpha")])
    said = f"column `x` must be {kind} because the law uses x**alpha; row 3 holds {shows}"
    assert str(caught.value) == said
    assert (caught.value.column, caught.value.row) == ("x", 3)


def test_the_row_is_the_callers_and_so_is_the_columns_name():
    data = {"params": [0.0, 2.0, 0.0], "y": Y[:3], "g": ["b", "a", "a"]}
    got = read(data, names=["N"], target="y", columns={"N": "params"}, by="g")
    with pytest.raises(DataError) as caught:
        require(got, [("N", "positive", "log(N)")])
    assert (caught.value.column, caught.value.row) == ("params", 0)
    assert "`N` (`params` in the frame)" in str(caught.value)
    assert "and 1 more such" in str(caught.value)


def test_a_target_without_a_logarithm_is_told_of_raw_residuals():
    """D7."""
    got = table(X, [5.0, 4.0, 0.0, -1.0, 3.0])
    with pytest.raises(DataError, match=r'row 2 holds `0`.*residual="raw"'):
        require(got, [], "log")
    require(got, [], "raw")
    with pytest.raises(DataError, match=r"strictly between 0 and 1.*row 0 holds `5`"):
        require(got, [], "logit")


def test_a_law_within_its_domain_passes():
    require(table(), [("x", "positive", "log(x)"), ("elsewhere", "positive", "log")], "log")
