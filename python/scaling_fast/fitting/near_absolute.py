"""Whether a loss is nearly absolute at a fit: most rows in its straight part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.fitting.request import Request

__all__ = ["NEARLY", "STRAIGHT", "is_nearly_absolute"]


NEARLY = 0.5
"""Share of rows where the loss is straight from which on a fit is, to its standard errors, an absolute one."""


STRAIGHT = ("huber", "scaled_huber", "soft_l1", "log_cosh")
"""Losses that are nearly absolute where their constant is far inside the noise."""


def is_nearly_absolute(request: Request, params: Mapping[str, float], group: int = 0) -> bool:
    """Return whether most rows lie where the loss is straight, so that covariances from derivatives mislead."""
    if request.loss.name in ("absolute", "pinball"):
        return True
    if request.loss.name not in STRAIGHT:
        return False
    curvature = request.rows(group, params)[2]
    straight = curvature <= 0.5 * curvature.max(initial=0.0)
    weights = request.table.weights  # frequencies: a row that counts twice is two rows
    if weights is None:
        return bool(np.mean(straight) >= NEARLY)
    counts = weights[slice(*request.table.offsets[group : group + 2])]
    return bool(np.sum(counts[straight]) >= NEARLY * np.sum(counts))
