"""Small-sample corrections: what few rows and subsamples do to the spread of replicates, and the remedy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError
from scaling_fast.resampling.plan import cluster_columns, cluster_counts
from scaling_fast.resampling.schemes import Subsample

if TYPE_CHECKING:
    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["shrinkage", "widening"]

CORRECTED = ("residuals", "wild", "parametric", "jackknife", "subsample")
"""Schemes whose spread already pays for the parameters that were fitted."""


def widening(estimates: Estimates, scheme: Scheme) -> list[tuple[float, float]]:
    """Return (factor on the standard error, degrees of freedom) of each group.

    G - 1 degrees of freedom with clusters, else n - p; and sqrt(G/(G - 1)) or sqrt(n/(n - p)) where
    replicates weigh clusters or rows: residuals enlarged before they are drawn, and the jackknife,
    have paid for that.

    Raises
    ------
    DataError
        For a group without a degree of freedom.
    """
    sizes = np.diff(estimates.request.table.offsets)
    by = cluster_columns(scheme)
    if by is None:
        counts, lost = sizes, len(estimates.request.free)
    else:
        counts, lost = cluster_counts(estimates.request.table, by), 1
    too_few = counts <= lost
    if too_few.any():
        what = "clusters" if by is not None else "rows"
        raise DataError(
            f"{int(counts[too_few][0])} {what} leave no degree of freedom for a small-sample correction; "
            "leave small_sample out",
            code="no_dof",
        )
    keeps = scheme.name in CORRECTED
    return [
        (1.0 if keeps else math.sqrt(count / (count - lost)), float(count - lost))
        for count in counts.tolist()
    ]


def shrinkage(estimates: Estimates, scheme: Scheme) -> list[float]:
    """Return what the distance of a draw from the estimate is multiplied by, one factor per group.

    For m of n rows drawn without replacement it is sqrt(m/n) of Politis and Romano (1994) over
    sqrt(1 - m/n), the correction for a finite set: sqrt(m/(n - m)), which is 1 for half the rows.
    """
    sizes = np.diff(estimates.request.table.offsets).tolist()
    if not isinstance(scheme, Subsample):
        return [1.0] * len(sizes)
    return [math.sqrt(scheme.m / (size - scheme.m)) for size in sizes]
