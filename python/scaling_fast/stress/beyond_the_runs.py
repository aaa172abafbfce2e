"""How far the forecast of a fitted law may be off: noise, drift and form together, at any points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.comparison.forecast_range import Band, bands
from scaling_fast.comparison.inputs import Inputs, inputs_of
from scaling_fast.comparison.rival_bands import named_bands
from scaling_fast.comparison.robust_refit import RobustRefit, robust_refit
from scaling_fast.errors import DataError
from scaling_fast.stress.drift import ONE_INPUT_LEVEL, TWO_INPUT_LEVEL, Drift, drift_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.comparison.rivals import Rival
    from scaling_fast.fitting.result import Fit

__all__ = ["REACH", "Outlook", "outlook", "steady_path"]

REACH = 1e-6
"""Decades by which a target may exceed a limit and still count as on it."""

TOP = 1.0
"""Decades below the largest compute whose rows set the tokens per parameter of the path beyond."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What a fit says of some points, and how far it may be off there: half-widths of ln f, shape (targets,).

    Attributes
    ----------
    refit
        The law, refitted robustly on ln y.
    inputs
        Its inputs.
    level
        Confidence level of the half-widths.
    targets
        Column of the law -> its values at the points, shape (targets,).
    decades
        How far each target lies outside the runs, in decades: the largest distance of the only input, or of N, D
        and compute; inside them how far below the largest, negative.
    span
        Decades that the runs span.
    log_forecast
        ln f of the refit.
    noise, drift, form
        Half-widths: of noise alone; with drift; and over the forms that fit as well.
    drift_ratio
        Twice the log of the REML ratio of drift and none.
    bands
        The law and its rivals, the law first.
    """

    refit: RobustRefit
    inputs: Inputs
    level: float
    targets: Mapping[str, NDArray[np.float64]]
    decades: NDArray[np.float64]
    span: float
    log_forecast: NDArray[np.float64]
    noise: NDArray[np.float64]
    drift: NDArray[np.float64]
    form: NDArray[np.float64]
    drift_ratio: float
    bands: tuple[Band, ...]

    @property
    def half_width(self) -> NDArray[np.float64]:
        """The allowance b: the larger of drift and form, which hold the noise; shape (targets,)."""
        return np.asarray(np.maximum(self.drift, self.form))

    @property
    def ahead(self) -> NDArray[np.float64]:
        """Decades of each target beyond the largest scale of the runs, negative below it; shape (targets,)."""
        largest = self.inputs.decades(self.refit.columns).max()
        return np.asarray(self.inputs.decades(self.targets) - largest)

    @property
    def is_beyond(self) -> NDArray[np.bool_]:
        """Whether each target lies further outside the runs than they span, shape (targets,)."""
        return np.asarray(self.decades > self.span + REACH)

    @property
    def kept(self) -> list[str]:
        """The names of the laws that fit as well as the best."""
        return [band.name for band in self.bands if band.kept]


def outlook(
    fit: Fit,
    targets: Mapping[str, NDArray[np.float64]],
    *,
    level: float,
    limit: float | None = None,
    runs: NDArray[np.int64] | None = None,
    rivals: Sequence[Rival] | None = None,
) -> Outlook:
    """Return what a fit says of some points.

    Parameters
    ----------
    fit
        A single, converged fit of a law of one input, or of a size and an amount of data.
    targets
        Column of the law -> its values, above 0, shape (targets,).
    level
        Confidence level, between 0 and 1.
    limit
        One-sided level of the upper limit of the drift; 0.65 for one input and 0.80 for two by default.
    runs
        The run of each row, from 0; None where every row is a run.
    rivals
        The laws that count as forms beside the law of the fit; None for all that are known.

    Raises
    ------
    ParameterError, DataError, ConvergenceError
        For fits that cannot be judged, of which `robust_refit` and `inputs_of` tell.
    """
    inputs = inputs_of(fit.request)
    refit = robust_refit(fit)
    if not refit.free:
        raise DataError(
            "every parameter is fixed or on a bound, so nothing was fitted", code="nothing_free"
        )
    value, slopes = refit.log_forecast(targets)
    limit = limit or (ONE_INPUT_LEVEL if inputs.count == 1 else TWO_INPUT_LEVEL)
    drift = _drift(refit, inputs, targets, slopes, level, limit, runs)
    counted = _design_effect(runs, drift.shared)
    independent = None if runs is None else int(runs.max()) + 1
    if rivals is None:
        found = bands(refit, targets, level=level, counted=counted, independent=independent)
    else:
        found = named_bands(
            refit, targets, rivals, level=level, counted=counted, independent=independent
        )
    kept = [band for band in found if band.kept]
    reach = [np.maximum(np.abs(band.lower - value), np.abs(band.upper - value)) for band in kept]
    return Outlook(
        refit,
        inputs,
        level,
        targets,
        inputs.outside(fit.request.table.arrays, targets),
        float(np.ptp(inputs.decades(fit.request.table.arrays))),
        value,
        drift.noise,
        drift.drift,
        np.max(reach, axis=0),
        drift.ratio,
        found,
    )


def _design_effect(runs: NDArray[np.int64] | None, shared: float) -> float:
    """Return how many rows tell as much as one independent row: 1 + (m - 1) rho (Kish 1965).

    m is the mean size of the run of a row, which large runs hold more of.
    """
    if runs is None:
        return 1.0
    sizes = np.bincount(runs)
    per_run = float((sizes**2).sum() / sizes.sum())
    return 1.0 + (per_run - 1.0) * shared / (1.0 + shared)


def _drift(
    refit: RobustRefit,
    inputs: Inputs,
    targets: Mapping[str, NDArray[np.float64]],
    slopes: NDArray[np.float64],
    level: float,
    limit: float,
    runs: NDArray[np.int64] | None,
) -> Drift:
    """Return the half-widths from noise and drift: one kernel for one input, two for two.

    The process begins at the smallest value of each scale; for a point below it, at the largest.
    """
    scales = inputs.scales(refit.columns, targets)
    below = np.column_stack([there < own.min() - REACH for own, there in scales])
    noise, drift = np.empty(len(slopes)), np.empty(len(slopes))
    ratio = shared = 0.0
    for sides in np.unique(below, axis=0):
        which = np.flatnonzero((below == sides).all(axis=1))
        rows, at = [], []
        for (own, there), is_below in zip(scales, sides, strict=True):
            start, sign = (own.max(), -1.0) if is_below else (own.min(), 1.0)
            rows.append(sign * (own - start))
            at.append(np.maximum(sign * (there[which] - start), 0.0))
        every = (np.column_stack(rows), np.column_stack(at))
        # Compute is crossed with nothing: drift along it alone is the second kernel.
        kernels = [every] if inputs.count == 1 else [every, (every[0][:, 2:], every[1][:, 2:])]
        found = drift_of(
            refit.jacobian,
            refit.residual,
            slopes[which],
            kernels,
            limit=limit,
            level=level,
            runs=runs,
        )
        noise[which], drift[which] = found.noise, found.drift
        ratio, shared = max(ratio, found.ratio), max(shared, found.shared)
    return Drift(noise, drift, ratio, shared)


def steady_path(
    inputs: Inputs, columns: Mapping[str, NDArray[np.float64]], decades: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the points some decades beyond the largest scale of the runs.

    With two inputs the tokens per parameter are constant: the median of the rows within a decade of the
    largest compute. The path need not meet a run.

    Parameters
    ----------
    inputs, columns
        The inputs, and their values at the rows.
    decades
        Decades of scale beyond the largest, shape (points,).
    """
    scale = inputs.decades(columns)
    beyond = 10.0 ** (scale.max() + np.asarray(decades, dtype=np.float64))
    if inputs.count == 1:
        return {inputs.names[0]: beyond}
    size, data = (columns[name] for name in inputs.names)
    ratio = float(np.median((data / size)[scale >= scale.max() - TOP - REACH]))
    return dict(
        zip(
            inputs.names,
            (np.sqrt(beyond / (6.0 * ratio)), np.sqrt(beyond * ratio / 6.0)),
            strict=True,
        )
    )
