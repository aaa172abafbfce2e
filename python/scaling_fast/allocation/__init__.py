"""How to split a compute budget: Chinchilla's three approaches, their biases, and what a wrong split costs."""

from scaling_fast.allocation._optimum import optimum
from scaling_fast.allocation.envelope import approach1, expected_best
from scaling_fast.allocation.frontier import Frontier
from scaling_fast.allocation.isoflop import approach2
from scaling_fast.allocation.isoflop_error import IsoflopBias, isoflop_bias
from scaling_fast.allocation.learning_curves import losses_at_budgets
from scaling_fast.allocation.lines import PowerLine, power_line
from scaling_fast.allocation.misallocation import misallocation_cost
from scaling_fast.allocation.parameter_counting import CountingSlope, counting_slope
from scaling_fast.allocation.three_approaches import Approaches, approaches

__all__ = [
    "Approaches",
    "CountingSlope",
    "Frontier",
    "IsoflopBias",
    "PowerLine",
    "approach1",
    "approach2",
    "approaches",
    "counting_slope",
    "expected_best",
    "isoflop_bias",
    "losses_at_budgets",
    "misallocation_cost",
    "optimum",
    "power_line",
]
