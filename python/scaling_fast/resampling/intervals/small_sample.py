"""Small-sample corrections: how few rows, clusters and subsamples change the spread of replicates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError
from scaling_fast.resampling.plan import cluster_columns, cluster_counts
from scaling_fast.resampling.schemes import Subsample

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["shrinkage", "widening", "widening_of"]

CORRECTED = ("residuals", "wild", "parametric", "jackknife", "subsample")
"""Schemes whose spread allows for the fitted parameters already."""


def widening(estimates: Estimates, scheme: Scheme) -> list[tuple[float, float]]:
    """Return (factor on the standard error, degrees of freedom) of each group.

    Raises
    ------
    DataError
        For a group without a degree of freedom.
    """
    of = widening_of(estimates, scheme)
    return [of(group) for group in range(estimates.groups)]


def widening_of(estimates: Estimates, scheme: Scheme) -> Callable[[int], tuple[float, float]]:
    """Return a function from a group to (factor on the standard error, degrees of freedom).

    G - 1 degrees of freedom with clusters, else n - p. The factor is sqrt(G/(G - 1)) or
    sqrt(n/(n - p)) where replicates weight clusters or rows, and 1 for schemes that enlarge residuals
    before they are drawn and for the jackknife. The function raises a DataError for a group without a
    degree of freedom.
    """
    by = cluster_columns(scheme)
    if by is None:
        what, lost = "rows", len(estimates.request.free)
        counts = np.diff(estimates.request.table.offsets)
    else:
        what, lost = "clusters", 1
        counts = cluster_counts(estimates.request.table, by)

    def of(group: int) -> tuple[float, float]:
        count = int(counts[group])
        if count <= lost:
            raise DataError(
                f"{count} {what} leave no degree of freedom for a small-sample correction; "
                "leave small_sample out",
                code="no_dof",
            )
        is_corrected = scheme.name in CORRECTED
        return (1.0 if is_corrected else math.sqrt(count / (count - lost)), float(count - lost))

    return of


def shrinkage(estimates: Estimates, scheme: Scheme) -> list[float]:
    """Return the factor on the distance of a draw from the estimate, one per group.

    For m of n rows drawn without replacement it is sqrt(m/n) (Politis and Romano 1994) over
    sqrt(1 - m/n), the correction for a finite population: sqrt(m/(n - m)), which is 1 for half the
    rows. It is 1 for every other scheme.
    """
    sizes = np.diff(estimates.request.table.offsets).tolist()
    if not isinstance(scheme, Subsample):
        return [1.0] * len(sizes)
    return [math.sqrt(scheme.m / (size - scheme.m)) for size in sizes]
