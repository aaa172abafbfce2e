"""The list of all losses: their union as a type, and each by the name that the core uses."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from scaling_fast.losses.likelihoods import ScaledHuber, StudentT
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

__all__ = ["DEFAULT_LOSS", "LOSSES", "WITH_SCALE", "Loss", "loss_from_spec"]

Loss = (
    Squared
    | Absolute
    | Huber
    | SoftL1
    | Cauchy
    | Tukey
    | LogCosh
    | Pinball
    | ScaledHuber
    | StudentT
)

LOSSES: dict[str, Any] = {loss.name: loss for loss in get_args(Loss)}
"""Name -> class of every loss."""

DEFAULT_LOSS = Huber(1e-3)
"""The loss of Hoffmann et al. (2022)."""

WITH_SCALE = (ScaledHuber.name, StudentT.name)
"""The losses whose scale is estimated with the law; their objective is a negative log-likelihood."""


def loss_from_spec(kind: str, value: float) -> Loss:
    """Return the loss whose `spec()` is (kind, value)."""
    known = LOSSES[kind]
    loss: Loss = known(value) if fields(known) else known()
    return loss
