"""Losses of a residual r: frozen values, each a kind with at most one parameter."""

from scaling_fast.losses.likelihoods import ScaledHuber, StudentT
from scaling_fast.losses.registry import LOSSES, WITH_SCALE, Loss
from scaling_fast.losses.residual import LogExcess
from scaling_fast.losses.sums import (
    Absolute,
    Cauchy,
    Huber,
    LogCosh,
    Pinball,
    SoftL1,
    Squared,
    Tukey,
)

__all__ = [
    "LOSSES",
    "WITH_SCALE",
    "Absolute",
    "Cauchy",
    "Huber",
    "LogCosh",
    "LogExcess",
    "Loss",
    "Pinball",
    "ScaledHuber",
    "SoftL1",
    "Squared",
    "StudentT",
    "Tukey",
]
