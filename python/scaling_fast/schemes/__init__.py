"""Resampling schemes: frozen values that say how a replicate's weights or targets are made."""

from __future__ import annotations

from scaling_fast.schemes.given import Indices, Weights
from scaling_fast.schemes.replaced import Parametric, Residuals, Wild
from scaling_fast.schemes.weighed import (
    Bayesian,
    Blocks,
    Clusters,
    Jackknife,
    Pairs,
    Strata,
    Subsample,
)

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
