"""Questions about training that cannot be answered say what is wrong."""

from __future__ import annotations

import pytest

import scaling_fast as sf


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: sf.training.annealing_columns({"lr": [1.0], "S1": [0.0]}),
            "already has a column `S1`",
        ),
        (
            lambda: sf.training.compute_equivalent_gain(
                {"flops": [1.0, 2.0], "score": [1.0, 2.0]}, own_flops=1.0, own_score=1.5
            ),
            "3 baseline runs",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(call, says):
    with pytest.raises(sf.ScalingError, match=says):
        call()
