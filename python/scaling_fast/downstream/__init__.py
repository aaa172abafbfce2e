"""From loss to task: two-step ladders, the components of a benchmark, pass@k."""

from scaling_fast.downstream._pass_at_k import expected_failure, pass_at_k
from scaling_fast.downstream.components import Components, benchmark_components
from scaling_fast.downstream.difficulty import BetaBinomial, beta_binomial
from scaling_fast.downstream.ladder import Ladder, two_step_ladder

__all__ = [
    "BetaBinomial",
    "Components",
    "Ladder",
    "benchmark_components",
    "beta_binomial",
    "expected_failure",
    "pass_at_k",
    "two_step_ladder",
]
