"""The value of an improvement in compute, and of a run in parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from scaling_fast.errors import DataError, ParameterError, quote
from scaling_fast.findings import Finding
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.run import fit
from scaling_fast.frames import read, require
from scaling_fast.frames.values import with_columns
from scaling_fast.laws.quantities import exp
from scaling_fast.losses.sums import Squared
from scaling_fast.resampling.result import MOST_FAILURES, Bootstrap
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import checked_level, non_negative_number, number_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ComputeGain", "compute_equivalent_gain", "effective_multiplier"]

NO_CHANGE = 1e-12
"""Change of the fitted score over the whole baseline, relative to the scores, that is rounding."""

BASELINE = "c0 + c1*log(C)"
"""Score from the logarithm of compute, in units of the compute of the improved run."""


@dataclass(frozen=True, slots=True)
class ComputeGain:
    """The factor by which the compute of a baseline would have to grow to reach a score.

    Attributes
    ----------
    estimate
        C_equivalent/C on the straight line of the baseline, beyond its compute too: a finding says so.
    lower, upper
        The confidence interval; 0 and infinity if the slope of the baseline may be 0. For a score that
        the line does not reach within the compute of the baseline it is one-sided: infinite above, or
        0 below.
    level, method
        Confidence level and method of the interval.
    own_error
        The standard error of the own score that the interval allows for.
    baseline
        The fit of c0 + c1 ln(C/C_own).
    findings
        Why a number is missing, or depends on extrapolation.
    """

    estimate: float
    lower: float
    upper: float
    level: float
    method: str
    own_error: float
    baseline: Fit
    findings: tuple[Finding, ...]


@ask_first
def compute_equivalent_gain(
    frame: Any,
    *,
    own_flops: float,
    own_score: float,
    flops: str = "flops",
    score: str = "score",
    own_error: float | None = None,
    level: float = 0.95,
    method: Literal["fieller", "delta"] = "fieller",
) -> ComputeGain:
    """Return the compute-equivalent gain of an improved run over a baseline, with an interval.

    The baseline is a straight line of the score in ln C. The gain is f^-1(own_score)/own_flops.

    Parameters
    ----------
    frame
        Any frame of baseline runs.
    own_flops, own_score
        Compute of the improved run, positive, in the unit of the baseline, and its score.
    flops, score
        Columns of the baseline: compute, and a score that rises or falls with it.
    own_error
        Standard error of `own_score`, not negative. If None, the noise of the baseline, s =
        sqrt(RSS/(n - 2)): the improved run is one run too. 0 only for a score that is known exactly.
    level
        Confidence level, between 0 and 1; t quantiles with n - 2 degrees of freedom.
    method
        "fieller" is exact for a ratio of normal estimates and unbounded if the slope may be 0;
        "delta" is symmetric in ln gain.

    Raises
    ------
    DataError, ParameterError
        For a frame that cannot be used, fewer than 3 runs, scores that do not change with compute, or an
        illegal option.

    Notes
    -----
    The distance of the own score from the line at compute x has the variance own_error^2 +
    s^2 x'(X'X)^-1 x, as in calibration. A score that the line does not reach within the compute of the
    baseline, by its noise or because it is better, has a one-sided interval: it ends at the bound of the
    two-sided one, and never claims compute that no baseline run had. Source: Davidson et al. 2023,
    arXiv:2312.07413; the interval: Fieller 1954.

    Examples
    --------
    >>> base = {"flops": [1e20, 1e21, 1e22, 1e23], "score": [0.2, 0.31, 0.39, 0.5]}
    >>> gain = compute_equivalent_gain(base, own_flops=1e21, own_score=0.45)
    >>> round(gain.estimate, 1), round(gain.lower, 1), round(gain.upper, 1)
    (33.1, 11.1, 117.6)
    """
    level = checked_level(level)
    if method not in ("fieller", "delta"):
        raise ParameterError(
            f'method must be "fieller" or "delta", got {quote(method)}',
            code="method",
            param="method",
        )
    own_flops = number_between(own_flops, "own_flops")
    own_score = number_between(own_score, "own_score", above=-math.inf)
    if own_error is not None:
        own_error = non_negative_number(own_error, "own_error")
    table = read(frame, names=[flops], target=score)
    require(table, [(flops, "positive", "its logarithm")])
    if table.rows < 3:
        raise DataError(
            f"an interval needs 3 baseline runs or more, got {table.rows}", code="too_few_rows"
        )
    baseline = fit(
        {"flops": table.arrays[flops], "score": np.array(table.target)},
        BASELINE,
        target="score",
        columns={"C": pl.col("flops") / own_flops},
        loss=Squared(),
        residual="raw",
    )
    ln_c = np.log(table.arrays[flops] / own_flops)
    slope = baseline.params["c1"]
    reach = slope * float(np.ptp(ln_c))
    if abs(reach) <= NO_CHANGE * float(np.abs(table.target).max()):
        raise DataError(
            f"column {quote(score)} does not change with compute, so no compute is equivalent to a score",
            code="no_slope",
            column=score,
        )
    if own_error is None:
        own_error = math.sqrt(2.0 * baseline.objective / (table.rows - 2))
    above = own_score - baseline.params["c0"]
    variance = baseline.cov().select("c0", "c1").to_numpy()
    # Variances and covariance of (own_score - c0, c1), whose ratio is the logarithm of the gain.
    top, cross, bottom = variance[0, 0] + own_error**2, -variance[0, 1], variance[1, 1]
    low, high = _ends(method, level, table.rows - 2, (above, slope), (top, cross, bottom))
    low, high, findings = _within(low, high, own_score, baseline, ln_c, level)
    return ComputeGain(
        estimate=exp(above / slope),
        lower=exp(low),
        upper=exp(high),
        level=level,
        method=method,
        own_error=own_error,
        baseline=baseline,
        findings=findings,
    )


def _within(
    low: float,
    high: float,
    own_score: float,
    baseline: Fit,
    ln_c: NDArray[np.float64],
    level: float,
) -> tuple[float, float, tuple[Finding, ...]]:
    """Return the interval of the logarithm, one-sided for a score out of range, and what is to say of it."""
    about = _about_interval(low, high, ln_c)
    least, most = float(ln_c.min()), float(ln_c.max())
    reached = baseline.params["c0"] + baseline.params["c1"] * np.array([least, most])
    if reached.min() <= own_score <= reached.max():
        return low, high, about
    if math.isinf(low) or math.isinf(high):
        return (
            low,
            high,
            (_out_of_range(own_score, reached, "no bound is known", by_noise=True), *about),
        )
    if (own_score - reached.mean()) * baseline.params["c1"] > 0:
        ends, by_noise, word = (min(low, most), math.inf), low < most, "above"
    else:
        ends, by_noise, word = (-math.inf, max(high, least)), high > least, "below"
    bound = exp(ends[0] if word == "above" else ends[1])
    says = f"the gain is {word} {bound:.3g}"
    says += f" ({100 * level:g} %)" if by_noise else ", the end of the baseline"
    return *ends, (_out_of_range(own_score, reached, says, by_noise=by_noise),)


def _ends(
    method: str,
    level: float,
    freedom: int,
    ratio: tuple[float, float],
    variance: tuple[float, float, float],
) -> tuple[float, float]:
    from scipy.special import stdtrit

    t = float(stdtrit(freedom, 0.5 + level / 2))
    (u, v), (uu, uv, vv) = ratio, variance
    if method == "delta":
        half = t * math.sqrt(max(uu - 2.0 * u / v * uv + (u / v) ** 2 * vv, 0.0)) / abs(v)
        return u / v - half, u / v + half
    # All r with (u - r v)^2 <= t^2 var(u - r v): a quadratic in r.
    a, b, c = v * v - t * t * vv, u * v - t * t * uv, u * u - t * t * uu
    if a <= 0.0:
        return -math.inf, math.inf
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def _out_of_range(
    own_score: float, reached: NDArray[np.float64], says: str, *, by_noise: bool
) -> Finding:
    where = "outside, by no more than noise" if by_noise else "outside"
    return Finding(
        "gain_out_of_range",
        "equivalents",
        "amber" if by_noise else "grey",
        f"the baseline reaches scores from {reached.min():.4g} to {reached.max():.4g} and "
        f"`{own_score:g}` lies {where}: {says}; the estimate extends its straight line",
        statistic=own_score,
        evidence={"lowest": float(reached.min()), "highest": float(reached.max())},
        advice="Run the baseline with more compute, or compare scores that both reach.",
    )


def _about_interval(low: float, high: float, ln_c: NDArray[np.float64]) -> tuple[Finding, ...]:
    if math.isinf(low) or math.isinf(high):
        return (
            Finding(
                "gain_unbounded",
                "equivalents",
                "amber",
                "the slope of the baseline may be 0 at this level, so the gain has no bounds",
                advice="Add baseline runs over more decades of compute.",
            ),
        )
    if low < ln_c.min() or high > ln_c.max():
        return (
            Finding(
                "gain_extrapolated",
                "equivalents",
                "amber",
                "the interval extends beyond the compute of the baseline runs",
                evidence={
                    "lowest": exp(float(ln_c.min())),
                    "highest": exp(float(ln_c.max())),
                },
                advice="Add baseline runs there, or report a one-sided bound.",
            ),
        )
    return ()


@ask_first
def effective_multiplier(
    fit: Fit | Bootstrap,
    frame: Any,
    *,
    size: str = "N",
    loss: str = "loss",
    level: float = 0.95,
) -> pl.DataFrame:
    """Return the factor by which a clean model would be larger or smaller than each run of equal loss.

    The fit E + A x^-alpha of clean runs is inverted at the loss of each run: the multiplier is
    ((L - E)/A)^(-1/alpha)/N.

    Parameters
    ----------
    fit
        A fit of the law `power_offset` to clean runs, or a bootstrap of one for intervals.
    frame
        Any frame of the runs to compare.
    size, loss
        Its columns: size in the unit of the fit, and loss.
    level
        Confidence level of the percentile intervals of a bootstrap, between 0 and 1.

    Returns
    -------
    polars.DataFrame
        The frame with effective_size, multiplier, inversion ("inside" the sizes that were fitted,
        "extrapolated", or "below_floor" where the loss is not above E, so that no size has it) and,
        for a bootstrap, lower and upper: null if the estimate or more than 5 % of the draws have no
        such size.

    Raises
    ------
    DataError, ParameterError
        For a fit of another law, a grouped fit, or a frame that cannot be used.

    Notes
    -----
    Source: Hernandez et al. 2022, arXiv:2205.10487 (repeated data).

    Examples
    --------
    >>> import scaling_fast as sf
    >>> clean = {
    ...     "x": [1e7, 1e8, 1e9, 1e10],
    ...     "loss": [1 + 100 * x**-0.25 for x in (1e7, 1e8, 1e9, 1e10)],
    ... }
    >>> repeated = {"N": [8e8], "loss": [1 + 100 * 4e8**-0.25]}
    >>> found = effective_multiplier(sf.fit(clean, "power_offset"), repeated)
    >>> round(found["multiplier"].item(), 6), found["inversion"].item()
    (0.5, 'inside')
    """
    level = checked_level(level)
    boot = fit if isinstance(fit, Bootstrap) else None
    base = boot.fit if boot is not None else fit
    if not isinstance(base, Fit) or set(base.law.params) != {"E", "A", "alpha"}:
        raise ParameterError(
            "the multiplier inverts the law E + A*x**(-alpha): pass a fit of `power_offset`, or its "
            f"bootstrap, got {quote(fit)}",
            code="law",
            param="fit",
        )
    params = base.params
    (fitted,) = base.request.table.arrays.values()
    table = read(frame, names=[size], target=loss)
    require(table, [(size, "positive", "a ratio of sizes")])
    ln_size, target = np.log(table.arrays[size]), np.array(table.target)
    ln_effective = _inverted(target, params["E"], params["A"], params["alpha"])
    inside = (ln_effective >= np.log(fitted.min())) & (ln_effective <= np.log(fitted.max()))
    word = np.where(
        np.isnan(ln_effective), "below_floor", np.where(inside, "inside", "extrapolated")
    )
    with np.errstate(over="ignore"):
        sizes, ratios = np.exp(ln_effective), np.exp(ln_effective - ln_size)
    columns = [
        pl.Series("effective_size", sizes).fill_nan(None),
        pl.Series("multiplier", ratios).fill_nan(None),
        pl.Series("inversion", word),
    ]
    if boot is not None:
        ends = _percentiles(boot, target, ln_size, level)
        ends[np.isnan(ln_effective)] = np.nan
        columns += [
            pl.Series("lower", ends[:, 0]).fill_nan(None),
            pl.Series("upper", ends[:, 1]).fill_nan(None),
        ]
    return with_columns(table.frame, columns)


def _inverted(loss: Any, floor: Any, scale: Any, exponent: Any) -> NDArray[np.float64]:
    """Return the logarithm of the size at which the law has this loss; NaN where it has none."""
    with np.errstate(all="ignore"):
        value = (np.log(scale) - np.log(loss - floor)) / exponent
    return np.where(np.isfinite(value), value, np.nan)


def _percentiles(
    boot: Bootstrap, loss: NDArray[np.float64], ln_size: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    draws = boot.draws.filter(pl.col("status") == "converged")
    floor, scale, exponent = (draws[name].to_numpy()[:, None] for name in ("E", "A", "alpha"))
    with np.errstate(over="ignore"):
        values = np.exp(_inverted(loss[None], floor, scale, exponent) - ln_size[None])
    tail = (1.0 - level) / 2.0
    out = np.full((len(loss), 2), np.nan)
    for row in range(len(loss)):
        usable = values[:, row][np.isfinite(values[:, row])]
        lost = boot.draws.height - len(usable)
        if len(usable) >= 2 and lost <= MOST_FAILURES * boot.draws.height:
            out[row] = np.quantile(usable, [tail, 1.0 - tail])
    return out
