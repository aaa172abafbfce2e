"""How runs are trained: batch size, schedules, and the compute that a change of recipe is worth."""

from scaling_fast.training._critical_batch import critical_batch, critical_batch_law, minimum_steps
from scaling_fast.training.compute_equivalents import (
    ComputeGain,
    compute_equivalent_gain,
    effective_multiplier,
)
from scaling_fast.training.schedules import annealing_columns

__all__ = [
    "ComputeGain",
    "annealing_columns",
    "compute_equivalent_gain",
    "critical_batch",
    "critical_batch_law",
    "effective_multiplier",
    "minimum_steps",
]
