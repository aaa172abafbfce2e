"""A scheme as the core takes it: clusters numbered, row numbers moved, what cannot be asked refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast._core import Resampling, Scheme
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

    from scaling_fast.fitting.result import Fit
    from scaling_fast.resampling import schemes

__all__ = ["Plan", "cluster_columns", "cluster_counts", "nearly_absolute", "plan_of"]


LISTED = frozenset({"indices", "weights"})
"""Schemes whose table has one row per replicate: a shard carries its own rows alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A scheme as the core takes it, bound to the rows of a fit.

    Attributes
    ----------
    kind
        The core's name of the scheme.
    table
        The cluster, stratum or run of each row; or one row per replicate, of row numbers or weights.
    constants
        What else the scheme says, in the order of the core.
    replicates
        Number of replicates that the scheme fixes; None where the caller chooses.
    """

    kind: str
    table: NDArray[Any] | None = None
    constants: tuple[str | float, ...] = ()
    replicates: int | None = None

    def resampling(
        self, *, seed: int, first: int = 0, count: int = 0, starts: int = 0
    ) -> Resampling:
        """Return the core's replicates `first` to `first + count` of this plan."""
        scheme = Scheme(self.kind, self.table, self.constants)
        return Resampling(scheme, first=first, count=count, seed=seed, starts=starts)

    @property
    def is_listed(self) -> bool:
        """Whether the table has one row per replicate."""
        return self.kind in LISTED

    def part(self, first: int, count: int) -> Plan:
        """Return the plan of the replicates from `first` on, numbered from 0, where the table lists them."""
        if not self.is_listed or self.table is None:
            return self
        return replace(self, table=self.table[first : first + count])

    def without_list(self) -> Plan:
        """Return what the parts of a plan share."""
        return replace(self, table=None) if self.is_listed else self


def plan_of(fit: Fit, scheme: Any) -> Plan:
    """Return the plan of a scheme for the rows of a fit.

    Raises
    ------
    ParameterError, DataError
        For a scheme that the rows, the loss or the residual of the fit do not allow.
    """
    table = fit.request.table
    match scheme:
        case Pairs():
            return Plan("pairs")
        case Clusters():
            return Plan("clusters", _several_clusters(fit, scheme, scheme.by))
        case Bayesian():
            return Plan("bayesian", _clusters_or_none(fit, scheme))
        case Strata():
            return Plan("strata", cluster_numbers(table, scheme.by))
        case Blocks():
            return Plan("blocks", _runs(fit, scheme), (scheme.length,))
        case Subsample():
            return Plan("subsample", constants=(_rows_a_draw(fit, scheme),))
        case Residuals():
            _require_targets(fit, scheme)
            return Plan("residuals", constants=("hc2",))
        case Wild():
            _require_targets(fit, scheme)
            _require_signs(fit, scheme)
            return Plan("wild", _clusters_or_none(fit, scheme), (scheme.signs, scheme.leverage))
        case Parametric():
            _require_targets(fit, scheme)
            return Plan("parametric", constants=() if scheme.sd is None else (scheme.sd,))
        case Jackknife():
            _single(fit, scheme)
            clusters = _clusters_or_none(fit, scheme)
            count = table.rows if clusters is None else int(clusters.max()) + 1
            return Plan("jackknife", clusters, replicates=count)
        case Indices():
            _single(fit, scheme)
            rows = _places(fit, np.asarray(scheme.array))
            return Plan("indices", rows, replicates=scheme.replicates)
        case Weights():
            _single(fit, scheme)
            return Plan("weights", _row_weights(fit, scheme), replicates=scheme.replicates)
        case _:
            raise ParameterError(
                f"scheme must be a scheme such as Pairs(), got {quote(scheme)}",
                code="scheme",
                param="scheme",
            )


def cluster_columns(scheme: schemes.Scheme) -> tuple[str, ...] | None:
    """Return the columns whose equal values are drawn, weighed, signed or left out together, or None."""
    by = (
        getattr(scheme, "by", None)
        if isinstance(scheme, Clusters)
        else getattr(scheme, "cluster", None)
    )
    return None if by is None else tuple(by)


def cluster_counts(fit: Fit, by: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of clusters in each group."""
    table = fit.request.table
    index = cluster_numbers(fit.request.table, by).astype(np.int64)
    parts = np.split(index, table.offsets[1:-1])
    return np.array([int(one.max(initial=-1)) + 1 for one in parts], dtype=np.int64)


def _single(fit: Fit, scheme: schemes.Scheme) -> None:
    if fit.request.table.groups != 1:
        raise ParameterError(
            f"{scheme!r} belongs to one fit, not to groups", code="grouped", param="scheme"
        )


def _row_weights(fit: Fit, scheme: Weights) -> NDArray[np.float64]:
    """Return the weights of the rows that count, one row per replicate."""
    table = fit.request.table
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


def _places(fit: Fit, rows: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the caller's row numbers as places among the rows that count."""
    table = fit.request.table
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


def _runs(fit: Fit, scheme: Blocks) -> NDArray[np.uint32]:
    """Return the run of each row; at least one run must be longer than a block."""
    table = fit.request.table
    runs = (
        np.zeros(table.rows, np.uint32)
        if scheme.within is None
        else cluster_numbers(fit.request.table, scheme.within)
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


def _rows_a_draw(fit: Fit, scheme: Subsample) -> int:
    sizes = np.diff(fit.request.table.offsets)
    free = sum(fit.law.params[one].fixed is None for one in fit.request.names)
    if scheme.m < free:
        raise ParameterError(
            f"{scheme.m} rows cannot determine the {free} free parameters of the law; give a larger m",
            code="m",
            param="m",
        )
    if scheme.m >= int(sizes.min()):
        whose = "the fit" if len(sizes) == 1 else "the smallest group"
        raise ParameterError(
            f"Subsample draws fewer rows than there are, and {whose} has {int(sizes.min())}; "
            f"m={scheme.m} must be less",
            code="m",
            param="m",
        )
    return scheme.m


def _require_targets(fit: Fit, scheme: schemes.Scheme) -> None:
    """Refuse residuals whose scale moves with a parameter: their targets cannot be replaced."""
    if isinstance(fit.request.residual, LogExcess):
        raise ParameterError(
            f"{scheme!r} adds residuals to fitted values, and under {fit.request.residual!r} both are "
            "measured from a parameter whose range ends at the smallest target, so every replicate "
            "would be another question; use Pairs() or Clusters(...)",
            code="log_excess",
            param="scheme",
        )


def _require_signs(fit: Fit, scheme: Wild) -> None:
    if scheme.signs == "mammen" and nearly_absolute(fit):
        raise ParameterError(
            f'Wild("mammen") makes intervals 33 % short under {fit.loss!r}, which is nearly absolute '
            'on these rows; use Wild("rademacher")',
            code="near_l1",
            param="scheme",
        )


def nearly_absolute(fit: Fit) -> bool:
    """Return whether the loss is straight for most rows of any of the first groups."""
    points = [fit._point(group) for group in range(min(fit.groups, LOOKED_AT))]
    return any(
        is_nearly_absolute(fit.request, point, group)
        for group, point in enumerate(points)
        if all(np.isfinite(one) for one in point.values())
    )


LOOKED_AT = 20
"""Groups looked at to see whether a loss is nearly absolute on its rows."""


def _clusters_or_none(fit: Fit, scheme: Bayesian | Jackknife | Wild) -> NDArray[np.uint32] | None:
    return None if scheme.cluster is None else _several_clusters(fit, scheme, scheme.cluster)


def _several_clusters(fit: Fit, scheme: schemes.Scheme, by: Sequence[str]) -> NDArray[np.uint32]:
    clusters = cluster_numbers(fit.request.table, by)
    if fit.request.table.groups == 1 and int(clusters.max()) == 0:
        raise DataError(
            f"{scheme!r} has one cluster only, so there is nothing to resample", code="one_cluster"
        )
    return clusters
