"""Standard errors in every replicate, for studentized intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import Program
from scaling_fast._core import errors as standard_errors_of
from scaling_fast.errors import ParameterError
from scaling_fast.laws.quantities import require_written_out
from scaling_fast.losses.residual import LogExcess
from scaling_fast.resampling.plan import plan_for
from scaling_fast.resampling.schemes import Subsample
from scaling_fast.runtime.resources import checked_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["require_errors", "standard_errors", "studentized_errors"]

WITHOUT: dict[str, str] = {
    "jackknife": "leaves out single rows, so its replicates are not draws of an estimate",
    "bayesian": "draws weights that are not counts of rows",
    "weights": "holds weights that need not be counts of rows",
    "blocks": "keeps the dependence of neighbouring rows, which a standard error from rows ignores",
}
"""Schemes without a standard error in each replicate -> why."""


def require_errors(estimates: Estimates, scheme: Scheme) -> None:
    """Refuse standard errors where a replicate has none.

    Raises
    ------
    ParameterError
        For a scheme, a loss or a residual without standard errors in each replicate.
    """
    if scheme.name in WITHOUT:
        raise ParameterError(
            f'method="studentized" needs a standard error in each replicate, and {scheme!r} '
            f'{WITHOUT[scheme.name]}; use "percentile"',
            code="method",
            param="method",
        )
    if estimates.request.loss.name in ("absolute", "pinball"):
        raise ParameterError(
            f"{estimates.request.loss!r} has no curvature at its kink, so derivatives give no standard "
            'error; use method="percentile"',
            code="kink",
            param="method",
        )
    if isinstance(estimates.request.residual, LogExcess):
        raise ParameterError(
            f"standard errors of a likelihood under {estimates.request.residual!r} are not computed within "
            'replicates; use method="percentile"',
            code="log_excess",
            param="method",
        )


def standard_errors(
    estimates: Estimates,
    scheme: Scheme,
    seed: int,
    draws: NDArray[np.float64],
    formulas: Mapping[str, str],
    threads: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return standard errors of formulas at the fits and at each replicate.

    By the delta method: from s² (J'WJ)⁻¹ under least squares where a scheme makes noise of equal size
    (`Residuals`, `Parametric`), else from the sandwich, with scores summed over the clusters of the
    scheme and times n/(n - p), or G/(G - 1).

    Parameters
    ----------
    estimates
        The question that was resampled, and the parameters of every group.
    scheme, seed
        As in `bootstrap`.
    draws
        Parameters of the replicates, shape (groups, replicates, parameters); NaN where a replicate is
        missing.
    formulas
        Name of the quantity -> formula of parameters.
    threads
        Number of threads, from 1 to 1024; None for the cores of this process.

    Returns
    -------
    tuple of arrays
        Shapes (groups, formulas) and (groups, replicates, formulas).
    """
    require_errors(estimates, scheme)
    plan = plan_for(estimates, scheme)
    names = estimates.request.names
    quantities = []
    for formula in formulas.values():
        program = Program(require_written_out(formula, "studentized"), [])
        quantities.append((program, [names.index(name) for name in program.params]))
    groups, count, width = draws.shape
    own, errors, interrupted = standard_errors_of(
        estimates.request.question,
        estimates.params,
        plan.resampling(seed=seed, count=count),
        np.ascontiguousarray(draws.reshape(groups * count, width)),
        quantities,
        threads=checked_threads(threads),
    )
    if interrupted:
        raise KeyboardInterrupt
    return own, errors.reshape(groups, count, len(formulas))


def studentized_errors(
    estimates: Estimates,
    scheme: Scheme,
    seed: int,
    n: int,
    formulas: Mapping[str, str],
    *,
    draws: NDArray[np.float64],
    group: NDArray[np.int64],
    replicate: NDArray[np.int64],
    good: NDArray[np.bool_],
) -> Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return a function from a group to the standard errors of its estimates and of its usable draws.

    Parameters
    ----------
    estimates, scheme, seed, formulas
        As in `standard_errors`.
    n
        Number of replicates per group; after Ctrl-C some have no row among `draws`.
    draws, group, replicate, good
        Parameters of each row of the table of draws, its group and replicate from 0, and whether it is
        usable.
    """
    require_errors(estimates, scheme)
    place = group * n + replicate
    table = np.full((estimates.groups * n, draws.shape[1]), np.nan)
    table[place] = draws
    own, each = standard_errors(
        estimates, scheme, seed, table.reshape(estimates.groups, n, draws.shape[1]), formulas
    )
    if isinstance(scheme, Subsample):
        # Estimates from m rows vary more than from n: both errors are put on the scale of n rows.
        rows = np.diff(estimates.request.table.offsets)
        each = each * np.sqrt(scheme.m / rows)[:, None, None]
    flat = each.reshape(estimates.groups * n, len(formulas))

    def of(wanted: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return own[wanted], flat[place[good & (group == wanted)]]

    return of
