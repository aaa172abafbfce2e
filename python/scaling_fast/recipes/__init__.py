"""Recipes of the literature that are no law of a row: frames in, frames or frozen results out."""

from scaling_fast.recipes.bias import IsoflopBias, isoflop_bias
from scaling_fast.recipes.envelope import approach1, expected_best
from scaling_fast.recipes.frontiers import Frontier
from scaling_fast.recipes.isoflop import approach2
from scaling_fast.recipes.lines import PowerLine, power_line

__all__ = [
    "Frontier",
    "IsoflopBias",
    "PowerLine",
    "approach1",
    "approach2",
    "expected_best",
    "isoflop_bias",
    "power_line",
]
