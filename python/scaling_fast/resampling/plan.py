"""A scheme as the core takes it: clusters numbered, row numbers translated, impossible ones refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Resampling
from scaling_fast._core import Scheme as CoreScheme
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.fitting.near_absolute import is_nearly_absolute
from scaling_fast.frames.clusters import cluster_numbers
from scaling_fast.losses.residual import LogExcess
from scaling_fast.resampling.schemes import (
    Bayesian,
    Blocks,
    Clusters,
    Indices,
    Jackknife,
    Pairs,
    Parametric,
    Residuals,
    Strata,
    Subsample,
    Weights,
    Wild,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.fitting.request import Request
    from scaling_fast.frames import Table
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["Plan", "cluster_columns", "cluster_counts", "nearly_absolute", "plan_for"]


ROW_PER_REPLICATE = frozenset({"indices", "weights"})
"""Schemes whose table has one row per replicate: a shard carries its own rows alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A scheme on the rows of a question, as the core takes it.

    Attributes
    ----------
    kind
        The core's name of the scheme.
    table
        The cluster, stratum or run of each row; or one row per replicate, of row numbers or weights.
    constants
        What else the scheme says, in the order of the core.
    replicates
        The number of replicates that the scheme fixes, or None.
    """

    kind: str
    table: NDArray[Any] | None = None
    constants: tuple[str | float, ...] = ()
    replicates: int | None = None

    def resampling(
        self, *, seed: int, first: int = 0, count: int = 0, starts: int = 0
    ) -> Resampling:
        """Return the core's handle of the replicates `first` to `first + count`."""
        scheme = CoreScheme(self.kind, self.table, self.constants)
        return Resampling(scheme, first=first, count=count, seed=seed, starts=starts)

    @property
    def lists_replicates(self) -> bool:
        """Whether the table has one row per replicate."""
        return self.kind in ROW_PER_REPLICATE


def plan_for(estimates: Estimates, scheme: Any) -> Plan:
    """Return the plan of refits around estimates.

    Raises
    ------
    ParameterError, DataError
        For a scheme that the rows, the loss or the residual do not allow.
    """
    table = estimates.request.table
    match scheme:
        case Pairs():
            return Plan("pairs")
        case Clusters():
            return Plan("clusters", _several_clusters(table, scheme, scheme.by))
        case Bayesian():
            return Plan("bayesian", _clusters_of(table, scheme))
        case Strata():
            return Plan("strata", cluster_numbers(table, scheme.by))
        case Blocks():
            return Plan("blocks", _runs(table, scheme), (scheme.length,))
        case Subsample():
            return Plan("subsample", constants=(_rows_per_draw(estimates.request, scheme),))
        case Residuals():
            _require_targets(estimates.request, scheme)
            return Plan("residuals", constants=("hc2",))
        case Wild():
            _require_targets(estimates.request, scheme)
            _require_signs(estimates, scheme)
            return Plan("wild", _clusters_of(table, scheme), (scheme.signs, scheme.leverage))
        case Parametric():
            _require_targets(estimates.request, scheme)
            return Plan("parametric", constants=() if scheme.sd is None else (scheme.sd,))
        case Jackknife():
            _require_single(table, scheme)
            clusters = _clusters_of(table, scheme)
            count = table.rows if clusters is None else int(clusters.max()) + 1
            return Plan("jackknife", clusters, replicates=count)
        case Indices():
            _require_single(table, scheme)
            rows = _places(table, np.asarray(scheme.array))
            return Plan("indices", rows, replicates=scheme.replicates)
        case Weights():
            _require_single(table, scheme)
            weights = _weights_of_rows(table, scheme)
            return Plan("weights", weights, replicates=scheme.replicates)
        case _:
            raise ParameterError(
                f"scheme must be a scheme such as Pairs(), got {quote(scheme)}",
                code="scheme",
                param="scheme",
            )


def cluster_columns(scheme: Scheme) -> tuple[str, ...] | None:
    """Return the columns whose equal values are drawn, weighted, signed or left out together, or None."""
    by = (
        getattr(scheme, "by", None)
        if isinstance(scheme, Clusters)
        else getattr(scheme, "cluster", None)
    )
    return None if by is None else tuple(by)


def cluster_counts(table: Table, by: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of clusters in each group, shape (groups,)."""
    groups = np.split(cluster_numbers(table, by).astype(np.int64), table.offsets[1:-1])
    return np.array([int(numbers.max(initial=-1)) + 1 for numbers in groups], dtype=np.int64)


def _require_single(table: Table, scheme: Scheme) -> None:
    if table.groups != 1:
        raise ParameterError(
            f"{scheme!r} works for a single fit, not for groups; fit and bootstrap one group",
            code="grouped",
            param="scheme",
        )


def _weights_of_rows(table: Table, scheme: Weights) -> NDArray[np.float64]:
    """Return the weights of the rows that count, shape (replicates, rows)."""
    weights = np.asarray(scheme.array, dtype=np.float64)
    if weights.shape[1] == table.frame.height:
        weights = weights[:, table.order]
    elif weights.shape[1] != table.rows:
        raise ParameterError(
            f"Weights has {weights.shape[1]} columns and the frame {table.frame.height} rows",
            code="shape",
            param="scheme",
        )
    return np.ascontiguousarray(weights)


def _places(table: Table, rows: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return row numbers of the caller's frame as places among the rows that count."""
    height = table.frame.height
    if rows.size and int(rows.max()) >= height:
        raise ParameterError(
            f"Indices holds row {int(rows.max())}, and the frame has {height} rows (0 to {height - 1})",
            code="index",
            param="scheme",
            row=int(np.argmax(rows.max(axis=1))),
        )
    place = np.full(height, -1, dtype=np.int64)
    place[table.order] = np.arange(table.rows)
    moved = place[rows]
    if (moved < 0).any():
        lost = int(rows[moved < 0][0])
        raise ParameterError(
            f"Indices holds row {lost}, which the fit left out",
            code="index",
            param="scheme",
            row=lost,
        )
    return np.ascontiguousarray(moved, dtype=np.uint32)


def _runs(table: Table, scheme: Blocks) -> NDArray[np.uint32]:
    """Return the run of each row, from 0; at least one run must be longer than a block."""
    runs = (
        np.zeros(table.rows, np.uint32)
        if scheme.within is None
        else cluster_numbers(table, scheme.within)
    )
    group = np.repeat(np.arange(table.groups), np.diff(table.offsets))
    _, sizes = np.unique(np.stack([group, runs]), axis=1, return_counts=True)
    longest = int(sizes.max(initial=0))
    if scheme.length >= longest:
        raise ParameterError(
            f"blocks of {scheme.length} rows leave nothing to draw: the longest run has {longest}; "
            "give a smaller length",
            code="length",
            param="length",
        )
    return runs


def _rows_per_draw(request: Request, scheme: Subsample) -> int:
    sizes = np.diff(request.table.offsets)
    free = len(request.free)
    if scheme.m < free:
        raise ParameterError(
            f"{scheme.m} rows cannot determine the {free} free parameters of the law; give a larger m",
            code="m",
            param="m",
        )
    if scheme.m >= int(sizes.min()):
        holder = "the fit" if len(sizes) == 1 else "the smallest group"
        raise ParameterError(
            f"Subsample draws fewer rows than there are, and {holder} has {int(sizes.min())}; "
            f"m={scheme.m} must be less",
            code="m",
            param="m",
        )
    return scheme.m


def _require_targets(request: Request, scheme: Scheme) -> None:
    """Refuse residuals whose scale depends on a parameter: their targets cannot be replaced."""
    if isinstance(request.residual, LogExcess):
        raise ParameterError(
            f"{scheme!r} adds residuals to fitted values, and under {request.residual!r} both are "
            "measured from a parameter whose range ends at the smallest target, so every replicate "
            "would have different bounds; use Pairs() or Clusters(...)",
            code="log_excess",
            param="scheme",
        )


def _require_signs(estimates: Estimates, scheme: Wild) -> None:
    if scheme.signs == "mammen" and nearly_absolute(estimates):
        raise ParameterError(
            f'Wild("mammen") makes intervals 33 % too narrow under {estimates.request.loss!r}, which is nearly '
            'absolute on these rows; use Wild("rademacher")',
            code="near_l1",
            param="scheme",
        )


def nearly_absolute(estimates: Estimates) -> bool:
    """Return whether the loss is straight for most rows of any of the first 20 groups."""
    return any(
        is_nearly_absolute(estimates.request, estimates.point(group), group)
        for group in range(min(estimates.groups, LOOKED_AT))
        if np.isfinite(estimates.params[group]).all()
    )


LOOKED_AT = 20
"""Groups that are examined to see whether a loss is nearly absolute on its rows."""


def _clusters_of(table: Table, scheme: Bayesian | Wild | Jackknife) -> NDArray[np.uint32] | None:
    if scheme.cluster is None:
        return None
    return _several_clusters(table, scheme, scheme.cluster)


def _several_clusters(table: Table, scheme: Scheme, by: str | Sequence[str]) -> NDArray[np.uint32]:
    clusters = cluster_numbers(table, by)
    if table.groups == 1 and int(clusters.max()) == 0:
        raise DataError(
            f"{scheme!r} has only one cluster, so there is nothing to resample", code="one_cluster"
        )
    return clusters
