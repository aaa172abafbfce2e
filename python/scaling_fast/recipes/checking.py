"""Numbers a recipe is given: one check, one sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scaling_fast.errors import ParameterError, shown

__all__ = ["number_between"]


def number_between(value: Any, name: str, *, above: float = 0.0, below: float = math.inf) -> float:
    """Return a number strictly between two limits.

    Raises
    ------
    ParameterError
        For anything else, naming the limits.
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not above < float(value) < below:
        limit = f"above {above:g}" if below == math.inf else f"between {above:g} and {below:g}"
        raise ParameterError(
            f"{name} must be a number {limit}, got {shown(value)}", code=name, param=name
        )
    return float(value)
