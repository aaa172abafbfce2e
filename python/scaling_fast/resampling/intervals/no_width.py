"""Where replicates show no noise: a curve through every row, or replicates that are all such curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError
from scaling_fast.fitting.delta_method import curve_passes_through
from scaling_fast.fitting.interval_ends import exact_sentence
from scaling_fast.resampling.schemes import Parametric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["has_noise", "require_clusters", "require_noise", "require_noisy_replicates"]

EXACT_REPLICATE = 1e-9
"""Objective of a replicate, in those of the fit, below which its curve meets every row that was drawn."""


def has_noise(estimates: Estimates, scheme: Scheme, group: int) -> bool:
    """Return whether the rows of a group leave residuals to resample, or the scheme brings noise of its own."""
    if isinstance(scheme, Parametric) and scheme.sd is not None:
        return True
    request = estimates.request
    rows = int(request.table.offsets[group + 1] - request.table.offsets[group])
    if rows <= len(request.free) or not np.isfinite(estimates.params[group]).all():
        return False
    return not curve_passes_through(request, group, estimates.point(group))


def require_noise(estimates: Estimates, scheme: Scheme, group: int) -> None:
    """Refuse intervals of a group without residuals: they would have no width, whatever is resampled.

    Raises
    ------
    DataError
        For as many rows as free parameters (`code="no_dof"`), or a curve that meets every row (`"exact"`).
    """
    if has_noise(estimates, scheme, group) or not np.isfinite(estimates.params[group]).all():
        return
    request = estimates.request
    rows = int(request.table.offsets[group + 1] - request.table.offsets[group])
    if rows <= len(request.free):
        raise DataError(
            f"n = p: {rows} rows and {len(request.free)} free parameters leave no residual to resample, so every "
            "interval would have no width; add rows, fix a parameter, or give the noise with Parametric(sd=...)",
            code="no_dof",
        )
    raise DataError(exact_sentence(), code="exact")


def require_clusters(count: int) -> None:
    """Refuse intervals from a single cluster, which every replicate repeats.

    Raises
    ------
    DataError
        For fewer than two clusters (`code="one_cluster"`).
    """
    if count < 2:
        raise DataError(
            "there is only one cluster, so there is nothing to resample", code="one_cluster"
        )


def require_noisy_replicates(
    estimates: Estimates, group: int, objectives: NDArray[np.float64]
) -> None:
    """Refuse replicates of which each is an exact fit to the rows that it drew.

    Parameters
    ----------
    estimates, group
        The question that was resampled, and the number of a group.
    objectives
        Those of its usable replicates, shape (replicates,).

    Raises
    ------
    DataError
        If none of the replicates has a residual.
    """
    request = estimates.request
    if request.is_likelihood or not len(objectives):
        return
    least = request.objective(group, estimates.point(group))
    if least > 0.0 and bool((objectives <= EXACT_REPLICATE * least).all()):
        raise DataError(
            "every replicate is a curve through all of the rows that it drew, so the replicates say nothing about "
            "noise; draw more rows, or use Residuals() or Wild()",
            code="exact",
        )
