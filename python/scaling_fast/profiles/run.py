"""Profile likelihood: one quantity constrained, all else refitted, as far as the statistic allows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, ParameterError, ScalingError, quote
from scaling_fast.findings import Finding
from scaling_fast.fitting.result import Fit
from scaling_fast.laws.quantities import formula_gradient, named_formulas, require_written_out
from scaling_fast.profiles.constrained import ConstrainedRefits
from scaling_fast.profiles.result import Profile
from scaling_fast.profiles.statistic import Reference, profile_reference
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.validation import checked_level

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["profile"]

MOST_STEPS = 60
"""Doublings of a step after which an end counts as open, 1e18 first steps away."""

MOST_BASINS = 12
"""Basins through which an end is followed before it counts as open."""

REACHED = 1e-4
"""Relative distance from its threshold within which a statistic has reached it; refits agree far better."""

BETTER = 1e-8
"""Relative distance below the fit's objective at which a constrained refit has found another optimum."""


@ask_first
def profile(fit: Fit, of: str, *, level: float = 0.95, threads: int | None = None) -> Profile:
    """Return the profile likelihood interval of a parameter or of a formula of parameters.

    The quantity is constrained to one value after another, everything else is refitted, and the
    interval ends where the statistic reaches its quantile. Least squares use F(1, n - p), which is exact for a
    law that is linear in its parameters: the interval is then Student's. A likelihood with a scale
    of its own (ScaledHuber, StudentT, LogExcess with its Jacobian) has the ratio L of its
    likelihoods, and (exp(2 ln(L)/n) - 1)(n - p) is compared with the same F; for normal residuals this
    gives the least-squares result. `Absolute`, `Pinball` and `Huber` have no likelihood: how far the sum
    of losses S rises is scaled by what the residuals show, 2 (S - S_min) E psi'/E psi²,
    against F(1, n - p) (Schrader and Hettmansperger 1980; Koenker and Machado 1999). Near the
    absolute loss E psi' is the density of the residuals at 0, estimated from the middle ones with
    the bandwidth of Hall and Sheather (1988), which a finding states; a `Huber` with every row
    inside delta is least squares. Rows are taken to be independent: for clustered runs use
    `bootstrap`.

    Measured coverage of a nominal 90 % (Chinchilla's five parameters; normal, Laplace and Student
    noise with nu = 4; 300 to 500 draws each): `Absolute` and Huber(1e-3) 90 to 94 % with 20 rows and 89
    to 91 % with 80; a Huber delta near the noise 88 to 93 % and 89 to 91 %; StudentT(4) and
    ScaledHuber(1.345) 87 to 92 % and 88 to 91 %. A straight line under `Absolute`, 40 rows of normal
    noise: 87 %.

    Parameters
    ----------
    fit
        A single, converged fit.
    of
        Parameter, derived quantity, or formula such as "beta/(alpha+beta)" that can be solved for
        one of its parameters.
    level
        Confidence level, between 0 and 1: 0.95, not 95.
    threads
        Number of threads, from 1 to 1024; else SCALING_FAST_THREADS, else the cores of this process.

    Returns
    -------
    Profile
        `.lower`, `.upper`, `.table`, `.findings` ...

    Raises
    ------
    ParameterError
        For a loss without a likelihood, a fixed parameter, or a formula that cannot be solved for a
        parameter.
    DataError
        For a fit without residuals to measure an interval by.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> runs = {"x": [1.0, 2.0, 3.0, 4.0, 5.0], "y": [1.1, 1.9, 3.2, 3.9, 5.1]}
    >>> fit = sf.fit(runs, "a + b*x", target="y", residual="raw", loss=sf.Squared())
    >>> found = sf.profile(fit, "b")
    >>> f"{found.lower:.4f} {found.upper:.4f}"
    '0.8441 1.1559'
    """
    require_usable_process()
    level = checked_level(level)
    workers = checked_threads(threads)
    _require_profilable(fit, of)
    named = named_formulas(fit.law, fit.request.names, of, fit.request.minimum)
    formula = require_written_out(named[of], "profile").strip()
    estimate, slope = formula_gradient(formula, fit.params)
    reference = profile_reference(fit, level)
    refits = ConstrainedRefits(fit, formula, estimate, workers)
    findings = list(reference.findings)
    step = _first_step(fit, estimate, slope) * math.sqrt(reference.threshold)
    ends: list[float] = []
    for side, name in ((-1.0, "lower"), (1.0, "upper")):
        end = _end(refits, reference, estimate, side * step)
        if isinstance(end, str):
            findings.append(_finding("open_end", f"the {name} end is open: {end}"))
            ends.append(side * math.inf)
        else:
            ends.append(end)
    lower, upper = ends
    findings += _refit_findings(fit, of, refits, lower, upper)
    return Profile(
        of,
        level,
        estimate,
        lower,
        upper,
        reference.label,
        reference.threshold,
        _table_of_refits(refits, reference),
        tuple(findings),
    )


def _require_profilable(fit: Any, of: Any) -> None:
    if not isinstance(fit, Fit):
        raise ParameterError(f"profile needs a Fit, got {quote(fit)}", code="fit", param="fit")
    if not isinstance(of, str):
        raise ParameterError(
            f'of must be a formula such as "beta/(alpha+beta)", got {quote(of)}',
            code="of",
            param="of",
        )
    if fit.status == "degenerate" or not fit.objective - _least_objective(fit) > 0.0:
        raise DataError(
            "the curve passes through every row, so its error cannot be estimated; add rows",
            code="no_dof",
        )
    if not fit.converged:
        raise ParameterError(
            f"profile needs a converged fit, and this one is {quote(fit.status)}",
            code="status",
            param="fit",
        )


def _refit_findings(
    fit: Fit, of: str, refits: ConstrainedRefits, lower: float, upper: float
) -> list[Finding]:
    """Return findings for a refit that is better than the fit, and for refits that failed."""
    found = []
    lowest = min(refits.seen.values())
    if lowest < fit.objective - BETTER * max(abs(fit.objective), 1e-300):
        found.append(
            _finding(
                "better_optimum",
                f"a refit with {of} constrained reached {lowest:.9g}, below the fit's {fit.objective:.9g}; "
                "fit again with more starts",
                severity="red",
            )
        )
    # Beyond the ends a value may simply be impossible; between them a failed refit is a gap.
    failed = sum(
        lower < value < upper and not math.isfinite(objective)
        for value, objective in refits.seen.items()
    )
    if failed:
        found.append(_finding("refits_failed", f"{failed} of {len(refits.seen)} refits failed"))
    return found


def _table_of_refits(refits: ConstrainedRefits, reference: Reference) -> pl.DataFrame:
    values = sorted(refits.seen)
    objectives = [refits.seen[value] for value in values]
    return pl.DataFrame(
        {
            "value": values,
            "objective": objectives,
            "statistic": [reference.statistic(objective) for objective in objectives],
        },
        schema=dict.fromkeys(("value", "objective", "statistic"), pl.Float64),
    )


def _least_objective(fit: Fit) -> float:
    """Return the objective of a perfect fit."""
    return -math.inf if fit.request.is_likelihood else 0.0


def _finding(code: str, sentence: str, severity: Any = "amber") -> Finding:
    return Finding(code=code, check="profile", severity=severity, sentence=sentence)


def _first_step(fit: Fit, estimate: float, slope: Any) -> float:
    """Return about one standard error: a guess that saves refits and decides nothing."""
    try:
        with np.errstate(all="ignore"):
            matrix = fit.cov().drop("parameter").to_numpy()
            variance = float(slope @ matrix @ slope)
    except ScalingError:
        variance = math.nan
    error = math.sqrt(variance) if variance > 0.0 else math.nan
    small, large = 1e-8 * abs(estimate), 0.5 * abs(estimate)
    if math.isfinite(error) and error > small:
        return error
    return 0.1 * large if large > 0.0 else 0.1


def _end(
    refits: ConstrainedRefits,
    reference: Reference,
    estimate: float,
    step: float,
) -> float | str:
    """Return where the statistic reaches its threshold, or why it does not.

    Refits follow one basin from the estimate outwards. Where it seems to end the interval, a full
    search must agree; if another basin is lower there, the walk continues in it.
    """
    statistic, threshold = reference.statistic, reference.threshold
    inside = estimate
    for _ in range(MOST_BASINS):
        end = _crossing(refits, reference, inside, step)
        if isinstance(end, str):
            return end
        if _reached(statistic(refits.searched(end)), threshold):
            return end
        if statistic(refits.seen[end]) >= threshold:
            # The basin that was followed ends in a jump: no value has the statistic of an end.
            return (
                f"the statistic jumps past {threshold:.4g} at {end:.6g} and no search fills the gap"
            )
        refits.forget(end, above=step > 0)
        inside, step = end, math.copysign(max(abs(step), abs(end - estimate) / 8), step)
    return f"{MOST_BASINS} basins were followed to {inside:.6g} and the statistic is still below its threshold"


def _reached(value: float, threshold: float) -> bool:
    return abs(value - threshold) <= REACHED * threshold


def _crossing(
    refits: ConstrainedRefits,
    reference: Reference,
    inside: float,
    step: float,
) -> float | str:
    """Return where the statistic of the followed basin crosses its threshold, outwards of `inside`."""
    from scipy.optimize import brentq

    statistic, threshold = reference.statistic, reference.threshold
    goal = math.sqrt(threshold)

    def excess(value: float) -> float:
        # The square root of the statistic is nearly linear in the value, so the search is short.
        return math.sqrt(min(statistic(refits.objective(value)), 1e300)) - goal

    low, high = refits.limits
    for _ in range(MOST_STEPS):
        outside = inside + step
        bound = low if step < 0 else high
        beyond = outside <= bound if step < 0 else outside >= bound
        if beyond:
            outside = bound
            if inside == bound:
                return f"the bound {bound:g} is reached before the statistic is {threshold:.4g}"
        over = excess(outside)
        if over >= 0.0:
            if not math.isfinite(refits.objective(outside)):
                outside, found = _nearest_finite(refits, inside, outside, excess)
                if not found:
                    return f"no fit is found beyond {outside:g}"
            if excess(outside) == 0.0:
                return outside
            size = max(abs(inside), abs(outside), 1e-300)
            return float(brentq(excess, inside, outside, xtol=1e-12 * size, rtol=1e-10))
        if beyond:
            return f"the bound {bound:g} is reached before the statistic is {threshold:.4g}"
        # Steps double, so that a statistic that levels off is followed far; near the threshold they
        # grow slowly, so that the bracket is tight.
        inside, step = outside, step * (1.3 if over > -0.3 * goal else 2.0)
    return f"the statistic stays below {threshold:.4g} as far as {inside:.4g}"


def _nearest_finite(
    refits: ConstrainedRefits, inside: float, outside: float, excess: Callable[[float], float]
) -> tuple[float, bool]:
    """Return a value with a fit whose statistic is over the threshold, or the last one that has a fit."""
    for _ in range(MOST_STEPS):
        middle = 0.5 * (inside + outside)
        if not math.isfinite(refits.objective(middle)):
            outside = middle
        elif excess(middle) >= 0.0:
            return middle, True
        else:
            inside = middle
    return inside, False
