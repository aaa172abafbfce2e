"""Resampling schemes: frozen values that say how a replicate's weights or targets are made."""

from __future__ import annotations

from scaling_fast.resampling.schemes.cases import (
    Bayesian,
    Blocks,
    Clusters,
    Jackknife,
    Pairs,
    Strata,
    Subsample,
)
from scaling_fast.resampling.schemes.external import Indices, Weights
from scaling_fast.resampling.schemes.model_based import Parametric, Residuals, Wild

__all__ = [
    "Bayesian",
    "Blocks",
    "Clusters",
    "Indices",
    "Jackknife",
    "Pairs",
    "Parametric",
    "Residuals",
    "Scheme",
    "Strata",
    "Subsample",
    "Weights",
    "Wild",
]

Drawn = Pairs | Clusters | Strata | Blocks | Bayesian | Subsample | Jackknife
Replaced = Residuals | Wild | Parametric
Given = Indices | Weights
Scheme = Drawn | Replaced | Given
