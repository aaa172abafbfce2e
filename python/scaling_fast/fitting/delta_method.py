"""The delta method: the covariance of a fit's parameters, and intervals of quantities of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.fitting.covariance import covariance, likelihood_covariance
from scaling_fast.fitting.interval_table import interval_table
from scaling_fast.laws.quantities import formula_gradient
from scaling_fast.losses.residual import LogExcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.fitting.request import Request

__all__ = ["delta_intervals", "parameter_covariance"]


def parameter_covariance(
    request: Request,
    params: Mapping[str, float],
    *,
    free: Sequence[int],
    scale: float | None,
    kind: str | None,
    clusters: NDArray[np.uint32] | None,
    noise: str,
) -> NDArray[np.float64]:
    """Return the covariance in the law's order, shape (parameters, parameters); 0 for fixed parameters.

    Parameters
    ----------
    request, params
        The question of a single fit, and parameter -> estimate.
    free
        Places of the parameters that moved, counted from 0.
    scale
        The scale of the residuals where it is estimated with the law, else None.
    kind, clusters, noise
        As in `Fit.cov`; `clusters` holds the cluster of each row, from 0.

    Raises
    ------
    ParameterError
        For a loss with a kink, which has no curvature to invert, or an unknown kind.
    DataError
        When no degree of freedom is left, or no curvature under a loss that is nearly absolute.
    """
    kind = _checked_kind(request, kind, clusters, noise)
    values = request.rows(0, params)
    weights = request.table.weights
    if request.is_likelihood:
        block = likelihood_covariance(
            *values,
            free=free,
            weights=weights,
            kind=kind,
            clusters=clusters,
            floor=_floor(request, params, scale, noise),
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
    if noise == "given" and kind == "sandwich" and not request.is_likelihood:
        raise ParameterError(
            'noise="given" belongs to kind="hessian": a sandwich takes the noise from the residuals',
            code="noise",
            param="noise",
        )
    if loss.name in ("absolute", "pinball"):
        raise ParameterError(
            f"{loss!r} has no curvature at its kink, so its covariance cannot be computed "
            "from derivatives; use bootstrap(fit).cov()",
            code="kink",
            param="kind",
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
    request: Request, params: Mapping[str, float], scale: float | None, noise: str
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the place of E, y - E and sigma of each row where ln(y - E) is part of the likelihood, else None."""
    if noise == "given":
        raise ParameterError(
            f'noise="given" contradicts {request.loss!r}, whose scale is estimated; use Squared() '
            "with sigma=",
            code="noise",
            param="noise",
        )
    if scale == 0.0:
        raise DataError(
            "the residuals have no scale, so there is no noise to compute a covariance from",
            code="no_scale",
        )
    if not (isinstance(request.residual, LogExcess) and request.residual.jacobian):
        return None
    name, table = request.residual.param, request.table
    sigma = np.ones(table.rows) if table.sigma is None else table.sigma
    return request.names.index(name), table.target - params[name], sigma


def delta_intervals(
    estimates: Estimates,
    formulas: Mapping[str, str],
    matrix: NDArray[np.float64],
    *,
    freedom: float,
    level: float,
    on_bound: Sequence[bool],
) -> pl.DataFrame:
    """Return estimate -+ t quantile x standard error: columns name, estimate, lower, upper.

    Parameters
    ----------
    estimates
        The question and the parameters of a single fit.
    formulas
        Name of the quantity -> formula of parameters.
    matrix
        Covariance of the parameters in the law's order, shape (parameters, parameters).
    freedom
        Degrees of freedom of the t quantile, above 0.
    level
        Confidence level, between 0 and 1.
    on_bound
        For each parameter whether it ended on a bound.
    """
    from scipy.special import stdtrit

    factor = float(stdtrit(freedom, 0.5 + level / 2))
    ends = np.empty((1, len(formulas), 2))
    for place, formula in enumerate(formulas.values()):
        value, slope = formula_gradient(formula, estimates.point(0))
        half = factor * math.sqrt(max(float(slope @ matrix @ slope), 0.0))
        if half == 0.0 and slope[list(on_bound)].any():
            half = math.nan  # on a bound nothing is normal; a width of zero would be a claim
        ends[0, place] = value - half, value + half
    return interval_table(estimates, formulas, ends)
