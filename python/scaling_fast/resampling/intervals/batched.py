"""The ends of every interval of many data sets: what `coverage` holds against the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.fitting.status import status_column
from scaling_fast.frames.clusters import cluster_numbers
from scaling_fast.laws.quantities import evaluate
from scaling_fast.resampling.intervals.methods import ends_of
from scaling_fast.resampling.intervals.small_sample import shrinkage, widening
from scaling_fast.resampling.intervals.studentized import standard_errors
from scaling_fast.resampling.plan import Plan, cluster_columns, cluster_counts, plan_of
from scaling_fast.resampling.schemes import Clusters, Pairs, Residuals, Subsample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every data set.

    Attributes
    ----------
    scheme, methods, n, level, small_sample, max_failures, threads
        As in `coverage`, checked.
    formulas
        Name -> formula of parameters.
    """

    scheme: Scheme
    methods: tuple[str, ...]
    n: int
    level: float
    formulas: Mapping[str, str]
    small_sample: bool
    max_failures: float
    threads: int

    def ends(self, sets: Fit, seed: int) -> NDArray[np.float64]:
        """Return the ends of every interval, shape (data sets, formulas, methods, 2); NaN where refused."""
        estimates = np.array(
            [evaluate(text, _columns(sets)) for text in self.formulas.values()]
        ).T.reshape(sets.groups, len(self.formulas))
        out = np.full((sets.groups, len(self.formulas), len(self.methods), 2), np.nan)
        if "delta" in self.methods:
            out[:, :, self.methods.index("delta")] = self._delta(sets, estimates)
        drawn = [one for one in self.methods if one != "delta"]
        if drawn:
            self._drawn(sets, seed, estimates, drawn, out)
        out[~sets._global] = np.nan
        return out

    def _delta(self, sets: Fit, estimates: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import stdtrit

        by = cluster_columns(self.scheme)
        like: Scheme = Clusters(by) if by is not None else Pairs()
        if by is None and sets.loss.name == "squared":
            like = Residuals()
        nothing = np.full((sets.groups, 1, len(sets.request.names)), np.nan)
        errors, _ = standard_errors(sets, like, 0, nothing, self.formulas, self.threads)
        freedom = np.array([free for _, free in widening(sets, like)])
        half = stdtrit(freedom, 0.5 + self.level / 2)[:, None] * errors
        return np.stack([estimates - half, estimates + half], axis=-1)

    def _drawn(
        self,
        sets: Fit,
        seed: int,
        estimates: NDArray[np.float64],
        methods: Sequence[str],
        out: NDArray[np.float64],
    ) -> None:
        good, draws = self._resampled(sets, seed, plan_of(sets, self.scheme), self.n)
        errors = left_out = None
        if "studentized" in methods:
            table = np.stack([draws[one] for one in sets.request.names], axis=-1)
            errors = standard_errors(sets, self.scheme, seed, table, self.formulas, self.threads)
            if isinstance(self.scheme, Subsample):
                errors = (
                    errors[0],
                    errors[1] * math.sqrt(self.scheme.m / sets.request.table.offsets[1]),
                )
        if "bca" in methods:
            by = cluster_columns(self.scheme)
            clusters = None if by is None else cluster_numbers(sets.request.table, by)
            size = int(sets.request.table.offsets[1] if by is None else cluster_counts(sets, by)[0])
            left_out = self._resampled(sets, seed, Plan("jackknife", clusters), size)
        widen = widening(sets, self.scheme) if self.small_sample else [None] * sets.groups
        shrink = shrinkage(sets, self.scheme)
        for place, text in enumerate(self.formulas.values()):
            values = _by_group(text, draws)
            without = None if left_out is None else _by_group(text, left_out[1])
            for g in range(sets.groups):
                if _too_few(good[g], self.max_failures):
                    continue
                jackknife = None
                if without is not None and left_out is not None:
                    usable = left_out[0][g]
                    jackknife = None if _too_few(usable, self.max_failures) else without[g][usable]
                for method in methods:
                    if method == "bca" and jackknife is None:
                        continue
                    pivot = None
                    kept = good[g]
                    if method == "studentized" and errors is not None:
                        each = errors[1][g, :, place]
                        kept = kept & np.isfinite(each) & (each > 0.0)
                        if kept.sum() < (1.0 - self.max_failures) * good[g].sum():
                            continue
                        pivot = (float(errors[0][g, place]), np.ascontiguousarray(each[kept]))
                    estimate = float(estimates[g, place])
                    out[g, place, self.methods.index(method)] = ends_of(
                        method,
                        self.level,
                        estimate,
                        estimate + shrink[g] * (values[g][kept] - estimate)
                        if shrink[g] != 1.0
                        else np.ascontiguousarray(values[g][kept]),
                        left_out=jackknife,
                        errors=pivot,
                        widen=widen[g],
                    )

    def _resampled(
        self, sets: Fit, seed: int, plan: Plan, count: int
    ) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.float64]]]:
        """Return which replicates are usable, and their parameters, each of shape (data sets, count)."""
        base = np.ascontiguousarray(sets.table.select(sets.request.names).to_numpy())
        status, _, params, interrupted = sets.request.resample(
            base, plan.resampling(seed=seed, count=count), threads=self.threads
        )
        if interrupted:
            raise KeyboardInterrupt
        shape = (sets.groups, count)
        good = (status_column(status) == "converged").to_numpy().reshape(shape)
        columns = zip(sets.request.names, params, strict=True)
        return good, {one: np.asarray(values).reshape(shape) for one, values in columns}


def _columns(sets: Fit) -> dict[str, NDArray[np.float64]]:
    return {one: sets.table[one].to_numpy() for one in sets.request.names}


def _by_group(text: str, draws: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    shape = next(iter(draws.values())).shape
    flat = {one: np.ascontiguousarray(values.ravel()) for one, values in draws.items()}
    return evaluate(text, flat).reshape(shape)


def _too_few(good: NDArray[np.bool_], max_failures: float) -> bool:
    usable = int(good.sum())
    return usable < 2 or good.size - usable > max_failures * good.size
