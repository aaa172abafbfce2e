"""How far the forecasts of rival laws that fit equally well lie apart: profile bands on one set of clipped rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.comparison.families import ONE_INPUT, SPECIAL_CASES, TWO_INPUTS, Reference
from scaling_fast.comparison.headline_band import best_curve, curve_ends, law_name
from scaling_fast.comparison.inputs import inputs_of
from scaling_fast.comparison.linear_given_shapes import Problem
from scaling_fast.comparison.profile_band import profile_band

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.comparison.families import Points
    from scaling_fast.comparison.headline_band import BestCurve
    from scaling_fast.comparison.robust_refit import RobustRefit

__all__ = ["AICC_KEPT", "FEWEST_LEFT", "Band", "bands", "corrected_aic", "kept_of", "widening"]

AICC_KEPT = 6.0
"""AICc above the mark up to which a law is kept: a likelihood e^3 times smaller (Burnham and Anderson 2002)."""

FEWEST_LEFT = 3
"""Rows that a rival must leave beside its parameters."""

SAME_SQUARES, SAME_FORECAST = 1e-5, 0.02
"""Relative difference of sums of squares, and share of the band by which forecasts differ, within which two laws
are one."""

QUADRATIC = "log_quadratic"


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Where the forecast of one law may lie.

    Attributes
    ----------
    name
        Of the law.
    parameters
        Their number k.
    squares
        Least sum of squared residuals of ln y on the clipped rows.
    aicc
        Akaike's criterion, corrected for few rows.
    forecast, lower, upper
        ln f at the targets: of the best curve, and the ends of its profile band; shape (targets,).
    is_headline
        Whether it is the law of the fit.
    kept
        Whether its AICc is at most 6 above the mark: the least among the law of the fit and the rivals
        that are not special cases of it.
    """

    name: str
    parameters: int
    squares: float
    aicc: float
    forecast: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    is_headline: bool = False
    kept: bool = False


def bands(
    refit: RobustRefit,
    targets: Mapping[str, NDArray[np.float64]],
    *,
    level: float = 0.9,
    counted: float = 1.0,
    independent: int | None = None,
) -> tuple[Band, ...]:
    """Return the band of the law of a fit, and of each of its rivals, at some points.

    Each law is fitted to the clipped rows by least squares of ln y (for laws linear in some parameters, of
    y relative to its row). Its band holds every forecast of a curve whose sum of squares is at most
    1 + F/(n - k) times the least, F the quantile of Fisher's F with 1 and n - k degrees of freedom.

    Parameters
    ----------
    refit
        The law of a fit, refitted.
    targets
        Column of the law -> its values, shape (targets,).
    level
        Confidence level, between 0 and 1.
    counted
        How many rows tell as much as one independent row, 1 or more: above 1 where the rows of a run
        share an error.
    independent
        Number of runs there; None for the number of rows.

    Returns
    -------
    tuple of Band
        The law of the fit first.
    """
    told = refit.rows if independent is None else independent
    inputs = inputs_of(refit.request)
    rows, at = inputs.points(refit.columns), inputs.points(targets)
    families = ONE_INPUT if inputs.count == 1 else TWO_INPUTS
    log_target = np.log(refit.fitted) + refit.residual
    reference = Reference.of(rows, log_target, inputs.count)
    found = []
    for family in families.values():
        left = told - family.parameters
        inside = (
            min(rows.size.min(), rows.data.min(), at.size.min(), at.data.min()) > family.from_above
        )
        if left < FEWEST_LEFT or not inside:
            continue
        problem = Problem(family, rows, at, log_target, reference)
        share = counted * _quantile(level, left) / _spare(refit.rows, family.parameters, counted)
        band = profile_band(problem, 1.0 + share)
        if band is not None:
            aicc = corrected_aic(band.log_squares, refit.rows, family.parameters, counted)
            ends = (band.forecast, band.lower, band.upper)
            found.append(Band(family.name, family.parameters, band.squares, aicc, *ends))
    quadratic = _quadratic(rows, at, log_target, reference, inputs.count, level, counted, told)
    if quadratic is not None:
        found.append(quadratic)
    return kept_of(_headline_first(refit, targets, found, level, counted, told))


def corrected_aic(squares: float, rows: int, parameters: int, counted: float = 1.0) -> float:
    """Return AICc of a least-squares fit: n ln(RSS/n) + 2 k' + 2 k'(k' + 1)/(n - k' - 1), k' = k + 1.

    Parameters
    ----------
    squares
        Sum of squared residuals, 0 or more.
    rows
        Their number n.
    parameters
        Number k of parameters; the scale is one more.
    counted
        How many rows tell as much as one independent row, 1 or more.
    """
    own = parameters + 1
    told = rows / counted
    left = max(told - own - 1, 1e-9)
    return float(told * np.log(max(squares, 1e-300) / rows) + 2 * own + 2 * own * (own + 1) / left)


def _headline_first(
    refit: RobustRefit,
    targets: Mapping[str, NDArray[np.float64]],
    found: list[Band],
    level: float,
    counted: float,
    told: int,
) -> tuple[Band, ...]:
    """Return the band of the law of the fit, maybe one of the rivals by another spelling, then the others."""
    relative, logarithmic = (
        best_curve(refit, targets, relative=relative) for relative in (True, False)
    )
    for place, band in enumerate(found):
        best = logarithmic if band.name == QUADRATIC else relative
        if band.parameters == refit.parameters and _same(band, best):
            others = found[:place] + found[place + 1 :]
            return (replace(band, is_headline=True), *others)
    lower, upper = curve_ends(logarithmic, targets, level, widening(refit, level, counted, told))
    aicc = corrected_aic(logarithmic.squares, refit.rows, refit.parameters, counted)
    own = Band(
        law_name(refit),
        refit.parameters,
        logarithmic.squares,
        aicc,
        logarithmic.forecast,
        lower,
        upper,
        is_headline=True,
    )
    # A rival of the same name is the same law, searched in a smaller domain.
    others = [band for band in found if band.name != own.name]
    return (own, *others)


def widening(refit: RobustRefit, level: float, counted: float, told: int) -> float:
    """Return how many times as wide a profile of independent rows must be: the root of the ratio of the cuts.

    Parameters
    ----------
    refit
        The law whose profile it is.
    level, counted
        As in `bands`.
    told
        Number of independent runs.
    """
    left = max(told - refit.parameters, 1)
    spare = refit.rows - refit.parameters
    ratio = _quantile(level, left) / _quantile(level, spare)
    return math.sqrt(counted * ratio * spare / _spare(refit.rows, refit.parameters, counted))


def _spare(rows: int, parameters: int, counted: float) -> float:
    """Return what a sum of squares is divided by: n - k, and less where parameters take up the errors of runs."""
    return max(rows - parameters * counted, 1.0)


def kept_of(found: tuple[Band, ...]) -> tuple[Band, ...]:
    """Return the bands, the law of the fit first, with `kept` filled in."""
    special = SPECIAL_CASES.get(found[0].name, frozenset())
    mark = min(band.aicc for band in found if band.name not in special)
    return tuple(replace(band, kept=band.aicc <= mark + AICC_KEPT) for band in found)


def _same(band: Band, best: BestCurve) -> bool:
    """Return whether a rival has the best curve of the law of the fit: it is that law under another spelling."""
    close = abs(band.squares - best.squares) <= SAME_SQUARES * best.squares
    apart = np.abs(band.forecast - best.forecast)
    return close and bool((apart <= SAME_FORECAST * (band.upper - band.lower)).all())


def _quantile(level: float, left: int) -> float:
    from scipy.stats import f as fisher

    return float(fisher.ppf(level, 1, left))


def _quadratic(
    rows: Points,
    at: Points,
    log_target: NDArray[np.float64],
    reference: Reference,
    inputs: int,
    level: float,
    counted: float,
    told: int,
) -> Band | None:
    """Return the band of a parabola of ln y in ln x, or of a quadratic surface in ln N and ln D."""

    def design(points: Points) -> NDArray[np.float64]:
        x, z = points.size - reference.size, points.data - reference.data
        if inputs == 1:
            return np.column_stack([np.ones_like(x), x, x * x])
        return np.column_stack([np.ones_like(x), x, z, x * x, x * z, z * z])

    matrix = design(rows)
    count, parameters = matrix.shape
    left = told - parameters
    if left < FEWEST_LEFT or np.linalg.matrix_rank(matrix) < parameters:
        return None
    orthogonal, triangle = np.linalg.qr(matrix)
    share = orthogonal.T @ log_target
    squares = float(((log_target - orthogonal @ share) ** 2).sum())
    directions = np.linalg.solve(triangle.T, design(at).T)
    forecast = directions.T @ share
    cut = counted * squares * _quantile(level, left) / _spare(count, parameters, counted)
    reach = np.sqrt(cut * (directions**2).sum(axis=0))
    aicc = corrected_aic(squares, count, parameters, counted)
    return Band(QUADRATIC, parameters, squares, aicc, forecast, forecast - reach, forecast + reach)
