"""Questions about downstream scores that cannot be answered say what is wrong."""

from __future__ import annotations

import pytest

import scaling_fast as sf


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sf.downstream.benchmark_components({"a": [1.0]}, columns="a"), "at least two"),
        (
            lambda: sf.downstream.benchmark_components(
                {"a": [1.0], "b": [1.0]}, columns=["a", "b"]
            ),
            "do not exist",
        ),
        (
            lambda: sf.downstream.pass_at_k({"successes": [1], "attempts": [2]}, k=[]),
            "at least one number of attempts",
        ),
        (
            lambda: sf.downstream.benchmark_components(
                {"a": [1.0, 2.0], "b": [3.0, 3.0]}, columns=["a", "b"], components=1
            ).transform({"a": [None], "b": [1.0]}),
            "row 0 has no score that the first component depends on",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(call, says):
    with pytest.raises(sf.ScalingError, match=says):
        call()
