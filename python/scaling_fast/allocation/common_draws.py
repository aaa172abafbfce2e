"""Common draws: how often each run is in each replicate, the same for every pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Purpose
from scaling_fast.allocation.budgets import cluster_places
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.resampling.schemes import Clusters, Indices, Pairs
from scaling_fast.runtime.resources import require_memory
from scaling_fast.runtime.streams import philox
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs

__all__ = ["row_counts"]


def row_counts(runs: Runs, scheme: Any, *, n: int | None, seed: int) -> NDArray[np.float64]:
    """Return how often each run is in each replicate, shape (replicates, rows).

    Replicate i is replicate i of `scaling_fast.bootstrap` with the same scheme and seed: numpy's
    Philox with the key (seed, 1) and the counter (0, 0, i, 0).

    Raises
    ------
    ParameterError
        For a scheme whose replicates are no sets of runs: the best run of a budget is the same
        whatever the weights are.
    """
    if isinstance(scheme, Indices):
        places = np.asarray(scheme.array)
        if n is not None and n != len(places):
            raise ParameterError(
                f"n={quote(n)} conflicts with {scheme!r}; leave n out", code="n", param="n"
            )
        if int(places.max()) >= runs.rows:
            raise ParameterError(
                f"Indices holds row {int(places.max())}, and the frame has {runs.rows} rows",
                code="index",
                param="scheme",
            )
        return _counted(places, runs.rows)
    if not isinstance(scheme, Pairs | Clusters):
        raise ParameterError(
            f"the joint bootstrap draws whole runs: scheme must be Pairs(), Clusters(column) or "
            f"Indices(array), got {quote(scheme)}",
            code="scheme",
            param="scheme",
        )
    count = whole_number(1000 if n is None else n, "n", 2)
    require_memory(f"{count:,} replicates of {runs.rows:,} rows", 4 * 8 * count * runs.rows)
    if isinstance(scheme, Pairs):
        return _counted(_drawn(count, runs.rows, seed), runs.rows)
    by = scheme.by if isinstance(scheme.by, tuple) else (str(scheme.by),)
    cluster = cluster_places(runs.frame, runs.order, by)
    several = int(cluster.max()) + 1
    if several < 2:
        raise DataError(
            f"{scheme!r} has one cluster only, so there is nothing to resample", code="one_cluster"
        )
    return _counted(_drawn(count, several, seed), several)[:, cluster]


def _drawn(count: int, among: int, seed: int) -> NDArray[np.int64]:
    """Return which of `among` are in each replicate, as many as there are, with repetition."""
    out = np.empty((count, among), dtype=np.int64)
    for replicate in range(count):
        stream = np.random.Generator(philox(seed, Purpose.ROWS, replicate=replicate))
        out[replicate] = stream.integers(0, among, among)
    return out


def _counted(places: NDArray[np.int64], among: int) -> NDArray[np.float64]:
    shifted = places + among * np.arange(len(places))[:, None]
    counts = np.bincount(shifted.ravel(), minlength=among * len(places))
    return counts.reshape(len(places), among).astype(np.float64)
