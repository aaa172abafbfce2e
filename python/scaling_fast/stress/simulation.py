"""Simulated data sets of one design, as groups of one question: the fitted law plus noise of a known kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast._core import Purpose
from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.fitting.estimates import Estimates
from scaling_fast.fitting.prediction_band import with_noise
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.robust_scale import noise_scale, scaled_by_mad
from scaling_fast.frames.table import read_only
from scaling_fast.losses.sums import Huber
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.result import Fit

__all__ = ["NOISES", "Design", "Simulated", "checked_noise", "spread"]

NOISES = ("normal", "t3", "clustered")
"""Kinds of noise: normal, Student's t with 3 degrees of freedom, normal with a shared part per cluster."""


@dataclass(frozen=True, slots=True)
class Design:
    """The rows of a fit, a truth, and the noise of observations around it.

    Attributes
    ----------
    fit
        A single fit; its rows, law, loss and residual are those of every simulated data set.
    truth
        Parameter -> true value, natural units.
    sd
        Standard deviation of the residuals, above 0; over sigma where that is given.
    noise
        "normal", "t3" (Student's with 3 degrees of freedom, scaled to `sd`) or "clustered".
    clusters
        Cluster of each row, from 0, for "clustered"; else None.
    icc
        Share of the variance that the rows of a cluster have in common, from 0 to 1.
    seed
        Seed, from 0 to 2**64 - 1; data set i is a pure function of it and of i.
    """

    fit: Fit
    truth: Mapping[str, float]
    sd: float
    noise: str
    clusters: NDArray[np.uint32] | None
    icc: float
    seed: int

    def errors(self, number: int) -> NDArray[np.float64]:
        """Return the residuals of one data set, shape (rows,)."""
        rng = np.random.Generator(philox(self.seed, Purpose.SIMULATION, replicate=number))
        rows = self.fit.request.table.rows
        if self.noise == "t3":
            # The variance of Student's t with 3 degrees of freedom is 3.
            return np.asarray(self.sd / math.sqrt(3.0) * rng.standard_t(3, rows))
        drawn = rng.standard_normal(rows)
        if self.noise == "clustered" and self.clusters is not None:
            shared = rng.standard_normal(int(self.clusters.max()) + 1)[self.clusters]
            drawn = math.sqrt(self.icc) * shared + math.sqrt(1.0 - self.icc) * drawn
        return np.asarray(self.sd * drawn)

    def sets(self, first: int, count: int, threads: int) -> Simulated:
        """Return data sets `first` to `first + count - 1`, each fitted with `starts="auto"`.

        Raises
        ------
        DataError
            When noise takes a target out of the range that the residual allows.
        """
        request = self._request(first, count)
        if isinstance(self.fit.loss, Huber) and self.fit.measured_scale is not None:
            # Huber(c, scale="mad") was asked for: each data set measures its own scale.
            delta = self.fit.loss.delta / self.fit.measured_scale
            request = scaled_by_mad(request, delta, threads)
        columns, interrupted = request.fit(None, threads=threads)
        if interrupted:
            raise KeyboardInterrupt
        params = np.ascontiguousarray(columns.params, dtype=np.float64)
        return Simulated(
            Estimates(request, params), columns.converged, columns.at_bound, columns.scale
        )

    def _request(self, first: int, count: int) -> Request:
        """Return one question with `count` data sets as its groups."""
        request, table = self.fit.request, self.fit.request.table

        def tiled(values: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
            return None if values is None else read_only(np.tile(values, count))

        label = "simulation"
        while label in (*request.names, *request.law.derived):
            label += "_"
        rows = table.frame[pl.Series(table.order)]
        sets = replace(
            table,
            arrays={
                name: read_only(np.tile(values, count)) for name, values in table.arrays.items()
            },
            target=read_only(self._targets(first, count)),
            weights=tiled(table.weights),
            sigma=tiled(table.sigma),
            offsets=read_only(np.arange(count + 1, dtype=np.int64) * table.rows),
            keys=pl.DataFrame({label: np.arange(first, first + count)}),
            order=read_only(np.arange(count * table.rows, dtype=np.int64)),
            frame=pl.concat([rows] * count),
            findings=(),
        )
        return Request(request.law, sets, request.loss, request.residual)

    def _targets(self, first: int, count: int) -> NDArray[np.float64]:
        """Return the fitted law plus noise, one data set after the other."""
        request, table = self.fit.request, self.fit.request.table
        program = request.program
        inputs = [table.arrays[name] for name in program.columns]
        values = program.evaluate(inputs, [self.truth[name] for name in request.names])
        curve = np.asarray(program.invert_target(np.asarray(values)))
        sigma = 1.0 if table.sigma is None else table.sigma
        truth = {name: np.full(table.rows, value) for name, value in self.truth.items()}
        with np.errstate(all="ignore"):
            targets = [
                with_noise(request, curve, self.errors(first + place) * sigma, truth)
                for place in range(count)
            ]
        target = np.ascontiguousarray(np.concatenate(targets))
        if not np.isfinite(target).all():
            raise DataError(
                "the fitted law plus noise is not finite at every row, so no data can be simulated; give "
                "truth= and sd= that the residual allows",
                code="simulation",
            )
        return target


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """Fitted data sets of one design.

    Attributes
    ----------
    estimates
        Question and parameters, one group per data set.
    converged
        Whether the certificate of each data set's fit holds, shape (data sets,).
    at_bound
        For each parameter whether it ended on a bound, shape (data sets, parameters).
    scale
        The scale of the residuals where the loss estimates it, shape (data sets,).
    """

    estimates: Estimates
    converged: NDArray[np.bool_]
    at_bound: NDArray[np.bool_]
    scale: NDArray[np.float64]


def spread(fit: Fit) -> float:
    """Return the standard deviation of the noise around a fit, over sigma, from its robust scale.

    Raises
    ------
    DataError
        Without a degree of freedom.
    """
    if fit.request.table.weight_sum <= fit.free_parameters:
        raise DataError(
            "as many parameters as rows leave no residual to simulate from; give sd=", code="no_dof"
        )
    own = None if fit.loss.name == "squared" else fit.scale
    return noise_scale(fit.request, 0, fit.params, fit.free_parameters, own)


def checked_noise(noise: object) -> str:
    """Return a kind of noise.

    Raises
    ------
    ParameterError
        For a kind that does not exist.
    """
    if not isinstance(noise, str) or noise not in NOISES:
        raise ParameterError(
            f"noise must be one of {quote(list(NOISES), 200)}, got {quote(noise)}",
            code="noise",
            param="noise",
        )
    return noise
