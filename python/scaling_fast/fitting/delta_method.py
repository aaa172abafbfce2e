"""The delta method: the covariance of a fit's parameters, and intervals of quantities of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.fitting.covariance import covariance, likelihood_covariance
from scaling_fast.fitting.interval_ends import exact_sentence, symmetric_ends, t_quantile
from scaling_fast.fitting.near_absolute import is_nearly_absolute, no_local_errors
from scaling_fast.laws.quantities import formula_gradient
from scaling_fast.laws.ranges import law_bounds, value_range
from scaling_fast.losses.residual import LogExcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request

__all__ = [
    "Optimum",
    "curve_passes_through",
    "degrees_of_freedom",
    "delta_ends",
    "parameter_covariance",
]

EXACT = 1e-12
"""Size of residuals, of logarithms or beside the largest target, at which they are the rounding of an exact fit."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """The optimum of one group: all that the delta method needs of a fit.

    Attributes
    ----------
    request
        The question.
    group
        Number of the group, from 0.
    params
        Parameter -> estimate.
    free
        Places of the parameters that moved, counted from 0: neither fixed nor on a bound.
    scale
        The scale of the residuals where it is estimated with the law, or measured, else None.
    """

    request: Request
    group: int
    params: Mapping[str, float]
    free: tuple[int, ...]
    scale: float | None = None

    @classmethod
    def of(
        cls,
        request: Request,
        group: int,
        params: Mapping[str, float],
        at_bound: Sequence[bool],
        scale: float | None = None,
    ) -> Optimum:
        """Return the optimum whose parameters moved unless they are fixed or ended on a bound."""
        free = tuple(
            place
            for place, name in enumerate(request.names)
            if request.law.params[name].fixed is None and not at_bound[place]
        )
        return cls(request, group, params, free, scale)

    @property
    def on_bound(self) -> list[bool]:
        """For each parameter whether it ended on a bound."""
        return [
            self.request.law.params[name].fixed is None and place not in self.free
            for place, name in enumerate(self.request.names)
        ]


def curve_passes_through(request: Request, group: int, params: Mapping[str, float]) -> bool:
    """Return whether the curve meets every row of a group to rounding, so that nothing tells its error."""
    table = request.table
    rows = slice(int(table.offsets[group]), int(table.offsets[group + 1]))
    residual = request.undivided(group, params)[0]
    unit = 1.0
    if request.residual == "raw":
        target = table.target[rows]
        if request.program.target is not None:
            target = np.asarray(request.program.transform_target(target))
        unit = float(np.abs(target).max(initial=0.0)) or 1.0
    return bool((np.abs(residual) <= EXACT * unit).all())


def degrees_of_freedom(
    optimum: Optimum, clusters: NDArray[np.uint32] | None, noise: str = "estimated"
) -> float:
    """Return n - p, or G - 1 with clusters; infinite where the noise is given.

    Parameters
    ----------
    optimum
        The optimum of one group.
    clusters, noise
        As in `parameter_covariance`.
    """
    if noise == "given":
        return math.inf
    if clusters is not None:
        return float(clusters.max())
    return float(optimum.request.counts(optimum.group).sum()) - len(optimum.free)


def parameter_covariance(
    optimum: Optimum,
    *,
    kind: str | None = None,
    clusters: NDArray[np.uint32] | None = None,
    noise: str = "estimated",
) -> NDArray[np.float64]:
    """Return the covariance in the law's order, shape (parameters, parameters); 0 for fixed parameters.

    Parameters
    ----------
    optimum
        The optimum of one group.
    kind, noise
        As in `Fit.cov`.
    clusters
        The cluster of each row of the group, from 0, or None.

    Raises
    ------
    ParameterError
        For a loss that is straight for most rows, which has no curvature to invert, or an unknown kind.
    DataError
        When no degree of freedom is left.
    """
    request, free = optimum.request, optimum.free
    if optimum.scale == 0.0:
        raise DataError(
            "the residuals have no scale, so there is no noise to compute a covariance from",
            code="no_scale",
        )
    if is_nearly_absolute(request, optimum.params, optimum.group):
        raise ParameterError(no_local_errors(request.loss), code="kink", param="loss")
    kind = _checked_kind(request, kind, clusters, noise)
    values = request.rows(optimum.group, optimum.params)
    weights = None if request.table.weights is None else request.counts(optimum.group)
    if clusters is not None and len(values.residual) <= len(free):
        # Scores of a curve that meets every row are zero, and so would be the errors.
        clusters = None
    if request.is_likelihood:
        block = likelihood_covariance(
            *values,
            free=free,
            weights=weights,
            kind=kind,
            clusters=clusters,
            floor=_floor(optimum, noise),
        )
    else:
        block = covariance(
            *values,
            free=free,
            weights=weights,
            kind=kind,
            clusters=clusters,
            given=noise == "given",
        )
    if request.loss.name != "squared" and block.size and np.isnan(block).all():
        raise DataError(
            f"too few rows lie where {request.loss!r} curves, so there is no curvature to compute a covariance "
            "from; use bootstrap(fit).interval() or profile(fit, of=...)",
            code="no_curvature",
        )
    out = np.zeros((len(request.names),) * 2)
    out[np.ix_(free, free)] = block
    return out


def _checked_kind(
    request: Request, kind: str | None, clusters: NDArray[np.uint32] | None, noise: str
) -> str:
    loss = request.loss
    plain = loss.name == "squared" and clusters is None
    kind = kind or ("hessian" if plain else "sandwich")
    if request.covariance is not None and (kind == "sandwich" or clusters is not None):
        raise ParameterError(
            "a fit with a covariance of the errors has no sandwich, which takes rows or clusters as "
            'independent; use kind="hessian"',
            code="covariance",
            param="kind",
        )
    if kind not in ("hessian", "sandwich"):
        raise ParameterError(
            f'kind must be "hessian" or "sandwich", got {quote(kind)}',
            code="kind",
            param="kind",
        )
    if kind == "hessian" and clusters is not None:
        raise ParameterError(
            'kind="hessian" takes the rows as independent, so it cannot have clusters; leave kind out, or '
            'use kind="sandwich"',
            code="kind",
            param="cluster",
        )
    if noise not in ("estimated", "given"):
        raise ParameterError(
            f'noise must be "estimated" or "given", got {quote(noise)}',
            code="noise",
            param="noise",
        )
    has_errors = request.table.sigma is not None or request.covariance is not None
    if noise == "given" and not has_errors and not request.is_likelihood:
        raise ParameterError(
            'noise="given" needs the standard deviations of the errors: give sigma= to the fit',
            code="noise",
            param="noise",
        )
    if noise == "given" and kind == "sandwich" and not request.is_likelihood:
        raise ParameterError(
            'noise="given" belongs to kind="hessian": a sandwich takes the noise from the residuals',
            code="noise",
            param="noise",
        )
    if kind == "hessian" and loss.name != "squared" and not request.is_likelihood:
        raise ParameterError(
            'kind="hessian" assumes least squares; for this loss use kind="sandwich" or '
            "bootstrap(fit).cov()",
            code="kind",
            param="kind",
        )
    return kind


def _floor(
    optimum: Optimum, noise: str
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the place of E, y - E and sigma of each row where ln(y - E) is part of the likelihood, else None."""
    request = optimum.request
    if noise == "given":
        raise ParameterError(
            f'noise="given" contradicts {request.loss!r}, whose scale is estimated; use Squared() '
            "with sigma=",
            code="noise",
            param="noise",
        )
    if not (isinstance(request.residual, LogExcess) and request.residual.jacobian):
        return None
    name, table = request.residual.param, request.table
    rows = slice(int(table.offsets[optimum.group]), int(table.offsets[optimum.group + 1]))
    target = table.target[rows]
    sigma = np.ones(len(target)) if table.sigma is None else table.sigma[rows]
    return request.names.index(name), target - optimum.params[name], sigma


def delta_ends(
    optimum: Optimum,
    formulas: Mapping[str, str],
    *,
    level: float,
    kind: str | None = None,
    clusters: NDArray[np.uint32] | None = None,
    noise: str = "estimated",
) -> NDArray[np.float64]:
    """Return the ends of estimate -+ t quantile x standard error, shape (formulas, 2).

    A quantity that is above zero wherever its parameters lie within their bounds has the interval of its
    logarithm. No end leaves the range that the bounds allow.

    Parameters
    ----------
    optimum
        The optimum of one group.
    formulas
        Name of the quantity -> formula of parameters.
    level
        Confidence level, between 0 and 1.
    kind, clusters, noise
        As in `parameter_covariance`.

    Raises
    ------
    ParameterError, DataError
        As `parameter_covariance`, and where the curve meets every row.
    """
    request = optimum.request
    bounds, on_bound = law_bounds(request.law), optimum.on_bound
    with np.errstate(all="ignore"):
        # An unknown name is refused before a fit that has no interval.
        slopes = [formula_gradient(formula, optimum.params) for formula in formulas.values()]
        matrix = parameter_covariance(optimum, kind=kind, clusters=clusters, noise=noise)
        if noise != "given" and curve_passes_through(request, optimum.group, optimum.params):
            raise DataError(exact_sentence(), code="exact")
        factor = t_quantile(level, degrees_of_freedom(optimum, clusters, noise))
        ends = np.empty((len(formulas), 2))
        for place, (formula, (value, slope)) in enumerate(
            zip(formulas.values(), slopes, strict=True)
        ):
            half = factor * math.sqrt(max(float(slope @ matrix @ slope), 0.0))
            if half == 0.0 and slope[on_bound].any():
                half = math.nan  # on a bound nothing is normal; a width of zero would be a claim
            ends[place] = symmetric_ends(value, half, value_range(formula, bounds))
    return ends
