"""Common draws: how often each run is in each replicate, the same for all three approaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Purpose
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.frames.clusters import cluster_columns, numbered_clusters
from scaling_fast.resampling.counts import drawn_units, unit_counts
from scaling_fast.resampling.schemes import Clusters, Indices, Pairs
from scaling_fast.runtime.memory import require_memory
from scaling_fast.runtime.streams import philox
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs

__all__ = ["row_counts"]

DEFAULT_N = 1000
"""Replicates unless the caller says how many."""

DOUBLES_A_ROW = 4
"""Arrays of doubles or row numbers that exist at once."""


def row_counts(runs: Runs, scheme: Any, *, n: int | None, seed: int) -> NDArray[np.float64]:
    """Return how often each run is in each replicate, shape (replicates, rows).

    Replicate i is replicate i of `scaling_fast.bootstrap` with the same scheme and seed: numpy's
    Philox with the key (seed, 1) and the counter (0, 0, i, 0).

    Parameters
    ----------
    runs
        The runs, sorted into budgets.
    scheme
        `Pairs()`, `Clusters(column)` or `Indices(array)`.
    n
        Number of replicates, from 2; 1,000 if None, or as many as `Indices` holds.
    seed
        From 0, below 2**64.

    Raises
    ------
    ParameterError
        For a scheme whose replicates are not sets of runs: the best run of a budget is the same
        whatever the weights are.
    """
    if isinstance(scheme, Indices):
        return _counts_of_indices(scheme, runs.rows, n)
    if not isinstance(scheme, Pairs | Clusters):
        raise ParameterError(
            f"the joint bootstrap draws whole runs: scheme must be Pairs(), Clusters(column) or "
            f"Indices(array), got {quote(scheme)}",
            code="scheme",
            param="scheme",
        )
    count = whole_number(DEFAULT_N if n is None else n, "n", 2)
    size = np.dtype(np.float64).itemsize
    require_memory(
        f"{count:,} replicates of {runs.rows:,} rows", DOUBLES_A_ROW * size * count * runs.rows
    )
    if isinstance(scheme, Pairs):
        return unit_counts(drawn_units(_streams(count, seed), runs.rows), runs.rows)
    cluster = numbered_clusters(runs.frame, runs.order, cluster_columns(scheme.by, "by"))
    clusters = int(cluster.max()) + 1
    if clusters < 2:
        raise DataError(
            f"{scheme!r} has one cluster only, so there is nothing to resample", code="one_cluster"
        )
    return unit_counts(drawn_units(_streams(count, seed), clusters), clusters)[:, cluster]


def _counts_of_indices(scheme: Indices, rows: int, n: int | None) -> NDArray[np.float64]:
    places = np.asarray(scheme.array)
    if n is not None and n != len(places):
        raise ParameterError(
            f"n={quote(n)} conflicts with {scheme!r}; leave n out", code="n", param="n"
        )
    if int(places.max()) >= rows:
        raise ParameterError(
            f"Indices holds row {int(places.max())}, and the frame has {rows} rows",
            code="index",
            param="scheme",
        )
    return unit_counts(places, rows)


def _streams(count: int, seed: int) -> Iterator[np.random.Generator]:
    """Return one stream per replicate: those that the core draws rows from."""
    for replicate in range(count):
        yield np.random.Generator(philox(seed, Purpose.ROWS, replicate=replicate))
