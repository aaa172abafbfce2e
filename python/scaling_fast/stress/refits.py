"""Least squares of parts of the rows of a robust refit, many at once, and their forecasts of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from scaling_fast.comparison.robust_refit import PER_LOG
from scaling_fast.frames.table import read_only
from scaling_fast.losses.sums import Squared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.robust_refit import RobustRefit
    from scaling_fast.fitting.request import Request

    Floats = NDArray[np.float64]

__all__ = ["Forecasts", "Part", "Refits"]

FLAT = 1e-12
"""Share of a derivative's length below which rounding decides what is left of it."""


class Part(NamedTuple):
    """Which rows are fitted, and which are asked for; places in the table."""

    fitted: NDArray[np.intp]
    held_out: NDArray[np.intp]


class Forecasts(NamedTuple):
    """What fits of one part of the rows say of the others, one row per data set.

    Attributes
    ----------
    log_forecast
        ln f at the rows held out, shape (data sets, held out).
    scale
        sqrt(RSS/(n - k)) of each fit on ln y, shape (data sets,).
    widening
        sqrt(1 + c'(J'J)^-1 c) of each row held out, c its derivatives; shape (data sets, held out).
    """

    log_forecast: Floats
    scale: Floats
    widening: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Refits:
    """Fits of parts of the rows by least squares on ln y, all as one question.

    Attributes
    ----------
    request
        The law and its rows, under the loss of the robust refit.
    start
        Where every fit begins: the robust refit, shape (1, parameters).
    """

    request: Request
    start: Floats

    @classmethod
    def of(cls, refit: RobustRefit) -> Refits:
        """Return the fits that start from a robust refit."""
        start = np.array([[refit.params[name] for name in refit.request.names]])
        return cls(replace(refit.request, loss=Squared()), start)

    def fit(
        self, parts: Sequence[NDArray[np.intp]], targets: Floats, *, search: bool, threads: int
    ) -> tuple[Floats, NDArray[np.bool_], Floats]:
        """Return the fits of each part of the rows to each data set.

        Parameters
        ----------
        parts
            Places of the rows of each part.
        targets
            Values of y, shape (data sets, rows).
        search
            Whether the usual starts are tried too, and the better end taken.
        threads
            Number of threads.

        Returns
        -------
        tuple
            Parameters of shape (data sets, parts, parameters), whether each ended on a bound or is fixed,
            and the sum of squared residuals of ln y; NaN where a fit failed.
        """
        request, shape = self._question(parts, targets), (len(targets), len(parts))
        params, bound, objective = _fitted(request, self.start, threads)
        if search:
            others = _fitted(request, None, threads)
            better = others[2] < np.where(np.isnan(objective), np.inf, objective)
            params[better], bound[better], objective[better] = (other[better] for other in others)
        fixed = [self.request.law.params[name].fixed is not None for name in self.request.names]
        bound |= np.array(fixed)
        # The objective is half the sum of squares, on the scale of the law's own target.
        squares = 2.0 * objective / self._unit**2
        return params.reshape(*shape, -1), bound.reshape(*shape, -1), squares.reshape(shape)

    def forecasts(
        self, part: Part, params: Floats, bound: NDArray[np.bool_], squares: Floats
    ) -> Forecasts:
        """Return the forecasts of fits of one part.

        Parameters
        ----------
        part
            The rows fitted and held out.
        params, bound, squares
            Of one part, as `fit` returns them: one row per data set.
        """
        curves = self._curves()
        values = [curves.question.rows(0, point) for point in params.tolist()]
        curve = np.array([residual for residual, *_ in values]) / self._unit
        jacobian = np.array([derivatives for *_, derivatives in values]) / self._unit
        jacobian = np.where(bound[:, None, :] | ~np.isfinite(jacobian), 0.0, jacobian)
        spare = len(part.fitted) - len(self.request.free)
        return Forecasts(
            curve[:, part.held_out],
            np.sqrt(squares / spare),
            np.sqrt(1.0 + _leverage(jacobian[:, part.fitted], jacobian[:, part.held_out])),
        )

    @property
    def _unit(self) -> float:
        return PER_LOG[self.request.program.transform]

    def _question(self, parts: Sequence[NDArray[np.intp]], targets: Floats) -> Request:
        """Return one question with a group for each part of each data set."""
        table, sets = self.request.table, len(targets)
        places = np.concatenate(list(parts))
        sizes = np.tile([len(part) for part in parts], sets)
        whole = np.tile(places, sets)
        groups = replace(
            table,
            arrays={name: read_only(values[whole]) for name, values in table.arrays.items()},
            target=read_only(np.ascontiguousarray(targets[:, places]).reshape(-1)),
            offsets=read_only(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)),
            keys=pl.DataFrame({"part": np.arange(sizes.size)}),
            order=read_only(np.arange(whole.size, dtype=np.int64)),
            findings=(),
        )
        return replace(self.request, table=groups)

    def _curves(self) -> Request:
        """Return the question whose residuals are ln f at every row, times the unit."""
        table = self.request.table
        # The logarithm of 1 is 0.
        return replace(self.request, table=replace(table, target=read_only(np.ones(table.rows))))


def _fitted(
    request: Request, start: Floats | None, threads: int
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    columns, interrupted = request.fit(start, threads=threads)
    if interrupted:
        raise KeyboardInterrupt
    params = np.array(columns.params, dtype=np.float64)
    objective = np.array(columns.objective, dtype=np.float64)
    objective[~np.isfinite(params).all(axis=1)] = np.nan
    return params, np.array(columns.at_bound, dtype=bool), objective


def _leverage(fitted: Floats, asked: Floats) -> Floats:
    """Return c'(J'J)^-1 c of each row asked for.

    Parameters
    ----------
    fitted, asked
        Derivatives, shape (data sets, rows, parameters); a parameter that stays where it is has zeros.
    """
    with np.errstate(over="ignore", under="ignore"):
        length = np.sqrt((fitted**2).sum(axis=1, keepdims=True))
    length = np.where(length > 0.0, length, 1.0)
    triangle: Floats = np.asarray(np.linalg.qr(fitted / length, mode="r"))
    corner = np.arange(triangle.shape[2])
    diagonal = triangle[:, corner, corner]
    still = (fitted == 0.0).all(axis=1)
    small = np.abs(diagonal) < FLAT
    # A parameter that the rows cannot tell from others widens the forecast without end, one at rest not at all.
    triangle[:, corner, corner] = np.where(still, 1.0, np.where(small, FLAT, diagonal))
    asked = np.where(still[:, None, :], 0.0, asked / length)
    root = np.linalg.solve(np.swapaxes(triangle, 1, 2), np.swapaxes(asked, 1, 2))
    return np.asarray((root**2).sum(axis=1))
