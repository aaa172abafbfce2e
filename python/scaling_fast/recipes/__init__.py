"""Recipes of the literature that are no law of a row: frames in, frames or frozen results out."""

from scaling_fast.recipes.attempts import BetaBinomial, beta_binomial, expected_failure, pass_at_k
from scaling_fast.recipes.bias import IsoflopBias, isoflop_bias
from scaling_fast.recipes.components import Components, benchmark_components
from scaling_fast.recipes.counting import CountingSlope, counting_slope
from scaling_fast.recipes.critical import critical_batch, critical_batch_law, minimum_steps
from scaling_fast.recipes.curves import losses_at_budgets
from scaling_fast.recipes.envelope import approach1, expected_best
from scaling_fast.recipes.equivalents import (
    ComputeGain,
    compute_equivalent_gain,
    effective_multiplier,
)
from scaling_fast.recipes.frontiers import Frontier
from scaling_fast.recipes.isoflop import approach2
from scaling_fast.recipes.ladder import Ladder, two_step_ladder
from scaling_fast.recipes.lines import PowerLine, power_line
from scaling_fast.recipes.misallocation import misallocation_cost
from scaling_fast.recipes.schedules import annealing_columns

__all__ = [
    "BetaBinomial",
    "Components",
    "ComputeGain",
    "CountingSlope",
    "Frontier",
    "IsoflopBias",
    "Ladder",
    "PowerLine",
    "annealing_columns",
    "approach1",
    "approach2",
    "benchmark_components",
    "beta_binomial",
    "compute_equivalent_gain",
    "counting_slope",
    "critical_batch",
    "critical_batch_law",
    "effective_multiplier",
    "expected_best",
    "expected_failure",
    "isoflop_bias",
    "losses_at_budgets",
    "minimum_steps",
    "misallocation_cost",
    "pass_at_k",
    "power_line",
    "two_step_ladder",
]
