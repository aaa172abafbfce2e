"""Whether a loss is nearly absolute at a fit: most rows lie in its straight part."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.fitting.request import Request
    from scaling_fast.losses.registry import Loss

__all__ = ["STRAIGHT", "is_nearly_absolute", "no_local_errors", "straight_share"]


NEARLY = 0.5
"""Share of rows in the straight part of a loss above which standard errors are those of an absolute loss; of as
many rows as there are parameters the curve may pass through, which says nothing of the loss."""


STRAIGHT = ("huber", "scaled_huber", "soft_l1", "log_cosh")
"""Losses that become absolute where their constant is far inside the noise."""


def straight_share(request: Request, params: Mapping[str, float], group: int = 0) -> float:
    """Return the share of rows, each counted with its weight, where the loss is straight; from 0 to 1.

    A row is in the straight part where the loss has at most half of the largest curvature of any row:
    beyond delta for the Huber losses, on the slope for the smooth ones.

    Parameters
    ----------
    request
        The question.
    params
        Parameter -> value, the point at which the residuals are taken.
    group
        Number of the group, from 0.
    """
    curvature = request.rows(group, params).curvature
    counts = request.counts(group)
    is_straight = curvature <= 0.5 * curvature.max(initial=0.0)
    return float(np.sum(counts * is_straight) / counts.sum())


def is_nearly_absolute(request: Request, params: Mapping[str, float], group: int = 0) -> bool:
    """Return whether most rows lie where the loss is straight, so that covariances from derivatives mislead.

    Parameters
    ----------
    request, params, group
        As in `straight_share`.
    """
    if request.loss.name in ("absolute", "pinball"):
        return True
    if request.loss.name not in STRAIGHT:
        return False
    rows = len(request.rows(group, params).curvature)
    return straight_share(request, params, group) > NEARLY * max(
        1.0 - len(request.free) / rows, 0.0
    )


def no_local_errors(loss: Loss) -> str:
    """Return the sentence that says why a fit under a loss has no standard errors, and what has.

    Examples
    --------
    >>> from scaling_fast.losses.sums import Huber
    >>> no_local_errors(Huber(1e-3))
    'Huber(1e-3) has no local standard errors; sf.bootstrap(fit) gives intervals'
    """
    values = [_short(getattr(loss, field.name)) for field in fields(loss)]
    label = f"{type(loss).__name__}({', '.join(value for value in values if value)})"
    return f"{label} has no local standard errors; sf.bootstrap(fit) gives intervals"


def _short(value: object) -> str:
    """Return a constant of a loss as a person writes it: 0.02, 1e-3; nothing for one that is left out."""
    if not isinstance(value, float):
        return ""
    plain, power = f"{value:g}", f"{value:.5e}".replace("e-0", "e-").replace("e+0", "e")
    digits, _, exponent = power.partition("e")
    power = f"{digits.rstrip('0').rstrip('.')}e{exponent}"
    return power if len(power) < len(plain) else plain
