"""Common draws: how often each run is in each replicate, the same for every pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.allocation.budgets import cluster_places
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.resampling.counts import drawn_units, unit_counts
from scaling_fast.resampling.schemes import Clusters, Indices, Pairs
from scaling_fast.runtime.resources import require_memory
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs

__all__ = ["row_counts"]

PURPOSE_ROWS = 1
"""The second word of the generator's key where rows are drawn, as in the core."""


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
        return unit_counts(places, runs.rows)
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
        return unit_counts(drawn_units(_streams(count, seed), runs.rows), runs.rows)
    by = scheme.by if isinstance(scheme.by, tuple) else (str(scheme.by),)
    cluster = cluster_places(runs.frame, runs.order, by)
    several = int(cluster.max()) + 1
    if several < 2:
        raise DataError(
            f"{scheme!r} has one cluster only, so there is nothing to resample", code="one_cluster"
        )
    return unit_counts(drawn_units(_streams(count, seed), several), several)[:, cluster]


def _streams(count: int, seed: int) -> Iterator[np.random.Generator]:
    """Return one stream per replicate: those that the core draws rows from."""
    key = np.array([seed, PURPOSE_ROWS], dtype=np.uint64)
    for replicate in range(count):
        counter = np.array([0, 0, replicate, 0], dtype=np.uint64)
        yield np.random.Generator(np.random.Philox(key=key, counter=counter))
