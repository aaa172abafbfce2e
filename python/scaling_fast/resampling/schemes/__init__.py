"""Resampling schemes: frozen values that say how the weights or targets of a replicate are made."""

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

Cases = Pairs | Clusters | Strata | Blocks | Bayesian | Subsample | Jackknife
ModelBased = Residuals | Wild | Parametric
External = Indices | Weights
Scheme = Cases | ModelBased | External
