"""The ends of every interval of many data sets, which `coverage` compares with the truth."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ScalingError
from scaling_fast.fitting.delta_method import Optimum, delta_ends
from scaling_fast.fitting.interval_table import estimates_of
from scaling_fast.fitting.status import status_code
from scaling_fast.frames.clusters import cluster_numbers
from scaling_fast.laws.optima.formula import OptimumFormula
from scaling_fast.laws.quantities import evaluate
from scaling_fast.laws.ranges import law_bounds, value_range
from scaling_fast.resampling.execution.jobs import Job
from scaling_fast.resampling.intervals.methods import METHODS, ends_of
from scaling_fast.resampling.intervals.no_width import has_noise
from scaling_fast.resampling.intervals.small_sample import shrinkage, widening
from scaling_fast.resampling.intervals.studentized import standard_errors
from scaling_fast.resampling.plan import Plan, cluster_columns, cluster_counts, plan_for
from scaling_fast.resampling.schemes import Subsample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["COVERED", "IntervalQuestion"]

COVERED = ("delta", *METHODS)
"""Methods whose intervals are computed here: those of a bootstrap, and the delta method of `Fit.interval`."""


@dataclass(frozen=True, slots=True)
class IntervalQuestion:
    """Which intervals are computed for every data set.

    Attributes
    ----------
    scheme, methods, n, level, small_sample, max_failures, threads
        As in `coverage`, already checked.
    formulas
        Name of the quantity -> formula of parameters.
    """

    scheme: Scheme
    methods: tuple[str, ...]
    n: int
    level: float
    formulas: Mapping[str, str]
    small_sample: bool
    max_failures: float
    threads: int

    def ends(
        self, sets: Estimates, at_bound: NDArray[np.bool_], scale: NDArray[np.float64], seed: int
    ) -> NDArray[np.float64]:
        """Return the ends of every interval, shape (data sets, formulas, methods, 2); NaN where refused.

        Parameters
        ----------
        sets
            The data sets as groups of one question, and their parameters.
        at_bound
            For each parameter whether it ended on a bound, shape (data sets, parameters).
        scale
            The scale of the residuals where the loss estimates it, shape (data sets,).
        seed
            Seed of the bootstraps, from 0 to 2**64 - 1.
        """
        middle = estimates_of(sets, self.formulas)
        out = np.full((sets.groups, len(self.formulas), len(self.methods), 2), np.nan)
        if "delta" in self.methods:
            out[:, :, self.methods.index("delta")] = self._delta(sets, at_bound, scale)
        drawn = [method for method in self.methods if method != "delta"]
        if drawn:
            self._drawn(sets, seed, middle, drawn, out)
        return out

    def _delta(
        self, sets: Estimates, at_bound: NDArray[np.bool_], scale: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the ends of `Fit.interval` of each data set, shape (data sets, formulas, 2)."""
        request, by = sets.request, cluster_columns(self.scheme)
        every = None if by is None else cluster_numbers(request.table, by)
        offsets = request.table.offsets
        ends = np.full((sets.groups, len(self.formulas), 2), np.nan)
        for group in np.flatnonzero(np.isfinite(sets.params).all(axis=1)).tolist():
            own = float(scale[group]) if request.is_likelihood else None
            optimum = Optimum.of(request, group, sets.point(group), at_bound[group].tolist(), own)
            clusters = None if every is None else every[offsets[group] : offsets[group + 1]]
            with suppress(ScalingError):  # what `Fit.interval` refuses has no ends
                ends[group] = delta_ends(
                    optimum, self.formulas, level=self.level, clusters=clusters
                )
        return ends

    def _drawn(
        self,
        sets: Estimates,
        seed: int,
        middle: NDArray[np.float64],
        methods: Sequence[str],
        out: NDArray[np.float64],
    ) -> None:
        """Write the ends of every bootstrap interval into `out`; those of a refused interval stay NaN."""
        draws = self._resampled(sets, seed, plan_for(sets, self.scheme), self.n)
        errors = self._errors(sets, seed, draws) if "studentized" in methods else None
        without = self._left_out(sets, seed) if "bca" in methods else None
        widen = widening(sets, self.scheme) if self.small_sample else [None] * sets.groups
        shrink = shrinkage(sets, self.scheme)
        noisy = [has_noise(sets, self.scheme, group) for group in range(sets.groups)]
        bounds = law_bounds(sets.request.law)
        for place, text in enumerate(self.formulas.values()):
            values = draws.evaluated(text)
            known = ~np.isnan(values) if isinstance(text, OptimumFormula) else draws.good
            inside = value_range(text, bounds)
            jackknives = None if without is None else without.evaluated(text)
            for group in range(sets.groups):
                good = draws.good[group]
                estimate = float(middle[group, place])
                if not noisy[group] or _too_few(good, self.max_failures) or math.isnan(estimate):
                    continue
                for method in methods:
                    jackknife = studentized = None
                    kept = good & known[group]
                    if kept.sum() < max(2.0, (1.0 - self.max_failures) * good.sum()):
                        continue  # too many draws have their optimum at an edge
                    if method == "bca" and without is not None and jackknives is not None:
                        if _too_few(without.good[group], self.max_failures):
                            continue
                        jackknife = jackknives[group][without.good[group]]
                        jackknife = jackknife[~np.isnan(jackknife)]
                    if method == "studentized" and errors is not None:
                        each = errors[1][group, :, place]
                        kept = kept & np.isfinite(each) & (each > 0.0)
                        if kept.sum() < (1.0 - self.max_failures) * good.sum():
                            continue
                        studentized = (
                            float(errors[0][group, place]),
                            np.ascontiguousarray(each[kept]),
                        )
                    out[group, place, self.methods.index(method)] = ends_of(
                        method,
                        self.level,
                        estimate,
                        np.ascontiguousarray(values[group][kept]),
                        left_out=jackknife,
                        errors=studentized,
                        widen=widen[group],
                        shrink=shrink[group],
                        inside=inside,
                    )

    def _errors(
        self, sets: Estimates, seed: int, draws: _Resampled
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the standard errors of the estimates and of every replicate."""
        table = np.stack([draws.params[name] for name in sets.request.names], axis=-1)
        own, each = standard_errors(sets, self.scheme, seed, table, self.formulas, self.threads)
        if isinstance(self.scheme, Subsample):
            # Estimates from m rows vary more than from n: both errors are put on the scale of n rows.
            each = each * math.sqrt(self.scheme.m / sets.request.table.offsets[1])
        return own, each

    def _left_out(self, sets: Estimates, seed: int) -> _Resampled:
        """Return the refits without each row, or each cluster."""
        table = sets.request.table
        by = cluster_columns(self.scheme)
        clusters = None if by is None else cluster_numbers(table, by)
        size = int(table.offsets[1] if by is None else cluster_counts(table, by)[0])
        return self._resampled(sets, seed, Plan("jackknife", clusters), size)

    def _resampled(self, sets: Estimates, seed: int, plan: Plan, count: int) -> _Resampled:
        answer = Job(sets, plan, seed=seed, starts=0).here(0, count, threads=self.threads)
        if answer.interrupted:
            raise KeyboardInterrupt
        params = zip(sets.request.names, answer.params, strict=True)
        return _Resampled(
            answer.status == status_code("converged"),
            {name: np.asarray(values) for name, values in params},
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Resampled:
    """Which replicates are usable, and their parameters, each of shape (data sets, replicates)."""

    good: NDArray[np.bool_]
    params: Mapping[str, NDArray[np.float64]]

    def evaluated(self, text: str) -> NDArray[np.float64]:
        """Return a formula of parameters, shape (data sets, replicates)."""
        flat = {name: np.ascontiguousarray(values.ravel()) for name, values in self.params.items()}
        return evaluate(text, flat).reshape(self.good.shape)


def _too_few(good: NDArray[np.bool_], max_failures: float) -> bool:
    usable = int(good.sum())
    return usable < 2 or good.size - usable > max_failures * good.size
