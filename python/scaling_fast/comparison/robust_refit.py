"""One robust refit of a fitted law on the logarithm of its target: where every question of a forecast begins."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ConvergenceError, DataError, ParameterError, quote
from scaling_fast.fitting.request import Request
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.robust_scale import MAD_TO_SIGMA
from scaling_fast.fitting.status import status_column, status_sentence
from scaling_fast.frames.table import read_only
from scaling_fast.losses.sums import Huber, Squared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast._core import Program

__all__ = [
    "PER_LOG",
    "RobustRefit",
    "log_curve",
    "require_usable",
    "residual_of_log",
    "robust_refit",
]

TURN = 1.345
"""Scales at which the loss turns straight: 95 % efficient for normal noise (Huber 1981)."""

CLIP = 3.0
"""Scales beyond which a residual is pulled in: one diverged run counts as three scales."""

CAPTURED = 0.5
"""Times smaller that the scale must be without a row at an end of the design, for the refit to start without it."""

MOST_ROUNDS, SAME_SCALE = 6, 0.01
"""Most rounds of fit and scale in turn, and the relative change of the scale that ends them."""

PER_LOG = {
    None: 1.0,
    "log": 1.0,
    "ln": 1.0,
    "log10": 1.0 / math.log(10.0),
    "log2": 1.0 / math.log(2.0),
}
"""Transform of a law's target -> what a unit of ln y is on its scale."""


@dataclass(frozen=True, slots=True, eq=False)
class RobustRefit:
    """A law refitted to ln y with Huber(1.345 s), s the robust scale of its own residuals.

    Everything that asks how far a forecast may be trusted works with `clipped`, never with the raw rows.

    Attributes
    ----------
    fit
        The fit that it started from.
    request
        The law, its rows and the loss of the last round.
    params
        Parameter -> estimate of the refit.
    free
        Places of the parameters that are neither fixed nor on a bound.
    scale
        s = 1.4826 x median |r| x sqrt(n/(n - k)), about zero.
    residual
        ln y - ln f, pulled in to 3 s; shape (rows,), in the order of the table.
    fitted
        f at the rows, shape (rows,).
    jacobian
        d ln f / d parameter at the rows, of the free parameters; shape (rows, len(free)).
    """

    fit: Fit
    request: Request
    params: Mapping[str, float]
    free: tuple[int, ...]
    scale: float
    residual: NDArray[np.float64]
    fitted: NDArray[np.float64]
    jacobian: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """The number of rows n."""
        return int(self.residual.size)

    @property
    def parameters(self) -> int:
        """The number of parameters k that are not fixed."""
        return len(self.request.free)

    @property
    def columns(self) -> Mapping[str, NDArray[np.float64]]:
        """Column of the law -> its values at the rows, in the order of the table."""
        return self.request.table.arrays

    @property
    def clipped(self) -> NDArray[np.float64]:
        """The targets with their residuals pulled in, f exp(r); shape (rows,)."""
        return np.asarray(self.fitted * np.exp(self.residual))

    @property
    def constant(self) -> str | None:
        """The parameter that is the constant E of the law, by which f changes one to one; None without one."""
        slopes = log_curve(self.request, self.columns, self.params)[1] * self.fitted[:, None]
        alike = np.all(np.isclose(slopes, 1.0, rtol=1e-9, atol=0.0), axis=0).tolist()
        return next((name for name, alone in zip(self.params, alike, strict=True) if alone), None)

    @property
    def reducible(self) -> NDArray[np.float64]:
        """The share of f that is not its constant E, shape (rows,): all of it for laws without one."""
        constant = 0.0 if self.constant is None else self.params[self.constant]
        return np.asarray(1.0 - constant / self.fitted)

    def log_forecast(
        self, columns: Mapping[str, NDArray[np.float64]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ln f and its derivatives by the free parameters at other points.

        Parameters
        ----------
        columns
            Column of the law -> its values, shape (points,).

        Returns
        -------
        tuple
            ln f of shape (points,), and the derivatives of shape (points, len(free)).
        """
        value, jacobian = log_curve(self.request, columns, self.params)
        return value, jacobian[:, self.free]


def residual_of_log(program: Program) -> str:
    """Return the residual that is ln f - ln y: "raw" for a law that explains a logarithm, else "log"."""
    return "log" if program.transform is None else "raw"


def robust_refit(fit: Fit) -> RobustRefit:
    """Refit the law of a single fit robustly on ln y, from the optimum that the fit has.

    Fit and scale alternate until the scale moves by less than 1 %, at most six times.

    Parameters
    ----------
    fit
        A single, converged fit with positive targets, without weights, sigma or a covariance of the errors.

    Raises
    ------
    ParameterError
        For a fit of groups or with weights, a transform of the target that is not a logarithm, and a fit
        that did not converge.
    DataError
        For targets that are not positive, no degree of freedom, or residuals without a scale.
    ConvergenceError
        When the refit leaves the finite numbers.
    """
    require_usable(fit)
    # Huber's delta changes from round to round; the first question only measures residuals.
    asked = fit.request
    residual = residual_of_log(asked.program)
    request = Request(asked.law, asked.table, Huber(1.0), residual, dict(asked.columns))
    params = dict(fit.params)
    rows, free = request.table.rows, len(request.free)
    if rows <= free:
        raise DataError(
            f"{rows} rows for {free} parameters leave no degree of freedom, so nothing tells how far the curve "
            "may be off; add rows, or fix a parameter",
            code="no_dof",
        )
    unit = PER_LOG[request.program.transform]
    params = _not_captured(request, params, unit, free)
    scale = _scale(request, params, unit, free)
    at_bound = np.zeros(len(request.names), dtype=bool)
    for _ in range(MOST_ROUNDS):
        if not scale > 0.0:
            raise DataError(
                "the curve meets more than half of the rows, so their noise cannot be measured; "
                "give rows with more digits, or more rows",
                code="no_scale",
            )
        request = replace(request, loss=Huber(TURN * scale * unit))
        start = np.array([[params[name] for name in request.names]])
        columns, interrupted = request.fit(start, threads=1)
        if interrupted:
            raise KeyboardInterrupt
        if not np.isfinite(columns.params[0]).all():
            status = status_column(columns.status)[0]
            raise ConvergenceError(status_sentence(status), code=status)
        params = dict(zip(request.names, columns.params[0].tolist(), strict=True))
        at_bound = columns.at_bound[0]
        last, scale = scale, _scale(request, params, unit, free)
        if abs(scale / last - 1.0) < SAME_SCALE:
            break
    places = tuple(
        place
        for place, name in enumerate(request.names)
        if request.law.params[name].fixed is None and not at_bound[place]
    )
    value, jacobian = log_curve(request, request.table.arrays, params)
    away = np.clip(np.log(request.table.target) - value, -CLIP * scale, CLIP * scale)
    return RobustRefit(
        fit, request, params, places, scale, away, np.exp(value), jacobian[:, places]
    )


def log_curve(
    request: Request, columns: Mapping[str, NDArray[np.float64]], params: Mapping[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ln f and its derivatives by every parameter at any points.

    Parameters
    ----------
    request
        A question with residuals of ln y, or of the logarithm that its law explains.
    columns
        Column of the law -> its values, shape (points,).
    params
        Parameter -> value.

    Returns
    -------
    tuple
        ln f of shape (points,), and the derivatives of shape (points, parameters).
    """
    names = list(request.law.columns or ())
    arrays = {
        name: read_only(np.ascontiguousarray(columns[name], dtype=np.float64)) for name in names
    }
    points = len(next(iter(arrays.values())))
    table = replace(
        request.table,
        arrays=arrays,
        target=read_only(np.ones(points)),
        offsets=read_only(np.array([0, points], dtype=np.int64)),
        order=read_only(np.arange(points, dtype=np.int64)),
    )
    # Against a target of 1, whose logarithm is 0, the residual is the law's own value.
    values = replace(request, table=table).rows(0, params)
    unit = PER_LOG[request.program.transform]
    return values.residual / unit, values.jacobian / unit


def _not_captured(
    request: Request, params: dict[str, float], unit: float, free: int
) -> dict[str, float]:
    """Return where to start: the fit, unless a row at an end of the design has drawn the curve to itself.

    A run that diverged at the smallest or the largest size may be met by a curve that misses all others a
    little. The law is fitted without each of these rows in turn; where the rows then lie much closer to it,
    the refit starts from there.
    """
    columns = request.table.arrays
    ends = {
        int(place)
        for values in columns.values()
        for place in (np.argmin(values), np.argmax(values))
    }
    rows = request.table.rows
    if len(columns) > 1:
        product = np.sum([np.log(np.abs(values) + 1e-300) for values in columns.values()], axis=0)
        ends |= {int(np.argmin(product)), int(np.argmax(product))}
    if rows - 1 <= free + 1:
        return params
    best, least = params, CAPTURED * _scale(request, params, unit, free)
    for place in sorted(ends):
        kept = np.delete(np.arange(rows), place)
        table = request.table
        others = replace(
            table,
            arrays={name: read_only(values[kept]) for name, values in columns.items()},
            target=read_only(table.target[kept]),
            offsets=read_only(np.array([0, rows - 1], dtype=np.int64)),
            order=read_only(np.arange(rows - 1, dtype=np.int64)),
        )
        answer, interrupted = replace(request, table=others, loss=Squared()).fit(None, threads=1)
        if interrupted:
            raise KeyboardInterrupt
        if not np.isfinite(answer.params[0]).all():
            continue
        found = dict(zip(request.names, answer.params[0].tolist(), strict=True))
        scale = _scale(request, found, unit, free)
        if 0.0 < scale < least:
            best, least = found, scale
    return best


def _scale(request: Request, params: Mapping[str, float], unit: float, free: int) -> float:
    """Return 1.4826 x median |r| x sqrt(n/(n - k)) of ln y; about zero, not about the median."""
    residual = request.rows(0, params).residual / unit
    rows = residual.size
    return float(MAD_TO_SIGMA * np.median(np.abs(residual)) * math.sqrt(rows / (rows - free)))


def require_usable(fit: object) -> None:
    """Refuse anything but a single, converged fit of positive targets, with one noise for all rows.

    Raises
    ------
    ParameterError, DataError
        As `robust_refit`.
    """
    if not isinstance(fit, Fit):
        raise ParameterError(f"a Fit is needed, got {quote(fit)}", code="fit", param="fit")
    fit.require_single("a forecast's allowance")
    request, table = fit.request, fit.request.table
    if not fit.converged:
        raise ParameterError(
            f"a converged fit is needed, and this one is {quote(fit.status)}: {status_sentence(fit.status)}",
            code="status",
            param="fit",
        )
    for name, given in (
        ("weights", table.weights),
        ("sigma", table.sigma if table.sigma is not None else request.covariance),
    ):
        if given is not None:
            raise ParameterError(
                f"one noise is measured for all rows, so the fit must not have {name}=; fit again without it",
                code=name,
                param="fit",
            )
    if request.program.transform not in PER_LOG:
        raise ParameterError(
            f"the law explains {quote(request.program.transform)} of its target, and forecasts are judged on "
            "ln y; write the law for the target itself, or for its logarithm",
            code="transform",
            param="fit",
        )
    if not (table.target > 0.0).all():
        row = int(table.order[int(np.argmin(table.target))])
        raise DataError(
            f"row {row} has the target {table.target.min():g}, and forecasts are judged on ln y, which needs "
            "positive targets",
            code="not_positive",
            row=row,
        )
