"""Coverage: how often intervals contain the truth, measured by simulating the design of a fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast._core import Purpose
from scaling_fast.errors import ParameterError, quote
from scaling_fast.findings import Finding
from scaling_fast.fitting.estimates import Estimates
from scaling_fast.fitting.interval_table import estimates_of
from scaling_fast.fitting.result import Fit
from scaling_fast.frames.clusters import cluster_numbers
from scaling_fast.laws.quantities import named_formulas
from scaling_fast.resampling.intervals.batched import COVERED, IntervalQuestion
from scaling_fast.resampling.intervals.methods import EXPANDED, MOST_FAILURES
from scaling_fast.resampling.intervals.studentized import require_errors
from scaling_fast.resampling.plan import cluster_columns, plan_for
from scaling_fast.resampling.schemes import Pairs
from scaling_fast.resampling.schemes.words import as_scheme
from scaling_fast.runtime.memory import ask_first
from scaling_fast.runtime.process import require_usable_process
from scaling_fast.runtime.progress import watched
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.runtime.streams import philox
from scaling_fast.stress.covered import REFUSED, covered
from scaling_fast.stress.result import Stress
from scaling_fast.stress.simulation import Design, checked_noise, spread
from scaling_fast.validation import (
    checked_failures,
    checked_level,
    checked_seed,
    non_negative_number,
    positive_number,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from scaling_fast.resampling.schemes import Scheme

__all__ = ["coverage"]

CHUNK = 100
"""Data sets per call of the core: enough to keep threads busy, few enough for Ctrl-C and progress."""

MOST_SIMULATIONS = 10_000_000
"""Most data sets of one call; more can only be a typing error."""

AMBER, RED = 0.01, 0.10
"""How far below its level a coverage may lie, beyond its Monte-Carlo error, before it is amber, or red."""

FEW_REFUSED = 0.01
"""Share of data sets without an interval above which there is a finding."""


@ask_first
def coverage(
    fit: Fit,
    scheme: Scheme | str = Pairs(),  # noqa: B008 (a frozen value)
    method: str | Sequence[str] = "percentile",
    *,
    n_sim: int = 2000,
    n: int = 499,
    level: float = 0.9,
    noise: str = "normal",
    seed: int | None = 0,
    of: str | Sequence[str] | None = None,
    truth: Mapping[str, float] | None = None,
    sd: float | None = None,
    icc: float = 0.3,
    small_sample: bool = False,
    max_failures: float = MOST_FAILURES,
    threads: int | None = None,
    progress: bool | Callable[[int, int], object] | None = None,
) -> Stress:
    """Return how often intervals of this design contain the truth, and how wide they are.

    The fitted law plus noise makes `n_sim` data sets with the rows of the fit; each is fitted from
    automatic starts under the same loss and bootstrapped, and its intervals are compared with the
    truth that it was made from. Under `Huber(c, scale="mad")` each data set measures its own scale, which
    its replicates hold.

    Parameters
    ----------
    fit
        A single fit; its rows are the design.
    scheme
        A resampling scheme that draws: not `Jackknife`, `Indices` or `Weights`.
    method
        A method of `Bootstrap.interval`, or "delta" for `Fit.interval` (t quantiles, no bootstrap); the
        methods of a list share their simulations.
    n_sim, n
        Number of data sets, 1 or more, and of replicates of each, 2 or more.
    level
        Confidence level, between 0 and 1.
    noise
        "normal"; "t3": Student's t with 3 degrees of freedom, of the same standard deviation;
        "clustered": normal, with part of its variance shared by the rows of a cluster of the scheme.
    seed
        Seed, from 0 to 2**64 - 1; None draws one. Data set i does not depend on `n_sim`.
    of
        Formulas of parameters, such as "E + A/1e12**alpha"; every parameter and derived quantity by
        default.
    truth
        Parameter -> true value, natural units; the estimates of the fit by default.
    sd
        Standard deviation of the residuals, above 0 (over sigma where that is given); by default the robust
        scale of the fit, which one diverged run does not move.
    icc
        For "clustered": the share of variance that rows of a cluster have in common, from 0 to 1.
    small_sample, max_failures
        As in `Bootstrap.interval`. A data set whose interval is refused is counted in `refused`.
    threads, progress
        As in `bootstrap`.

    Returns
    -------
    Stress
        `.table`: name, method, truth, coverage and its Monte-Carlo error (one standard deviation), the
        shares of intervals wholly below and above the truth, the median width and its error, and the
        data sets refused, which count as not covered. Where more than 5 % are, the shares are NaN.

    Raises
    ------
    ParameterError, DataError
        For a question that cannot be asked.
    KeyboardInterrupt
        On Ctrl-C; its `.partial` is the `Stress` of the data sets that were finished.

    Examples
    --------
    >>> import scaling_fast as sf
    >>> runs = sf.datasets.simulate(
    ...     "power", {"A": 5.0, "alpha": 0.1}, {"x": [1e6, 1e7, 1e8, 1e9]}, noise=0.01, seed=1
    ... )
    >>> fit = sf.fit(runs, "power", loss=sf.Squared())
    >>> stress = sf.stress.coverage(fit, method="delta", n_sim=200, of="alpha")
    >>> bool(abs(stress.table["coverage"][0] - 0.9) < 0.1)
    True
    """
    require_usable_process()
    _require_single(fit)
    methods = _methods(method)
    level = checked_level(level)
    noise = checked_noise(noise)
    n_sim, n = _simulations(n_sim), whole_number(n, "n", 2)
    max_failures = checked_failures(max_failures)
    seed = checked_seed(seed)
    drawn: Scheme = as_scheme(scheme)
    _require_scheme(fit, drawn, methods, small_sample=small_sample)
    formulas = named_formulas(fit.law, fit.request.names, of, fit.request.minimum)
    point = dict(fit.request.complete(truth) if truth is not None else fit.params)
    design = Design(
        fit,
        point,
        spread(fit) if sd is None else positive_number(sd, "sd"),
        noise,
        _clusters(fit, drawn, noise),
        _share(icc),
        seed,
    )
    question = IntervalQuestion(
        drawn, methods, n, level, formulas, small_sample, max_failures, checked_threads(threads)
    )
    settings = {
        "scheme": repr(drawn), "n_sim": n_sim, "n": n, "level": level, "noise": noise,
        "sd": design.sd, "seed": seed, "small_sample": small_sample,
    }  # fmt: skip
    ends: list[NDArray[np.float64]] = []
    with watched(progress, "simulating") as callback:
        try:
            for chunk in _chunks(design, question, n_sim):
                ends.append(chunk)
                if callback is not None:
                    callback(min(len(ends) * CHUNK, n_sim), n_sim)
        except KeyboardInterrupt as stop:
            if ends:
                stop.partial = _stress(ends, question, design, settings)  # type: ignore[attr-defined]
            raise
    return _stress(ends, question, design, settings)


def _chunks(
    design: Design, question: IntervalQuestion, n_sim: int
) -> Iterator[NDArray[np.float64]]:
    """Give the ends of the intervals of `CHUNK` data sets at a time; NaN where the fit did not converge."""
    for first in range(0, n_sim, CHUNK):
        sets = design.sets(first, min(CHUNK, n_sim - first), question.threads)
        seed = _seed(design.seed, first // CHUNK)
        ends = question.ends(sets.estimates, sets.at_bound, sets.scale, seed)
        ends[~sets.converged] = np.nan
        yield ends


def _seed(seed: int, chunk: int) -> int:
    """Return the seed of the bootstraps of one chunk, so that no two data sets share draws."""
    # Group 0 makes the data sets.
    return int(philox(seed, Purpose.SIMULATION, replicate=chunk, group=1).random_raw())


def _stress(
    chunks: Sequence[NDArray[np.float64]],
    question: IntervalQuestion,
    design: Design,
    settings: Mapping[str, Any],
) -> Stress:
    """Return the table and findings of the intervals found."""
    ends = np.concatenate(chunks)
    request = design.fit.request
    point = np.array([[design.truth[name] for name in request.names]])
    truths = estimates_of(Estimates(request, point), question.formulas)[0].tolist()
    rows = [
        {"name": name, "method": method, "truth": truth}
        | covered(ends[:, quantity, place, 0], ends[:, quantity, place, 1], truth)
        for quantity, (name, truth) in enumerate(zip(question.formulas, truths, strict=True))
        for place, method in enumerate(question.methods)
    ]
    table = pl.DataFrame(rows)
    settings = dict(settings) | {"n_sim": len(ends)}
    return Stress("coverage", table, _findings(table, question.level, len(ends)), settings)


def _findings(table: pl.DataFrame, level: float, n_sim: int) -> tuple[Finding, ...]:
    found = []
    for row in table.iter_rows(named=True):
        label = f"{row['method']} intervals of {row['name']}"
        evidence = {key: row[key] for key in ("coverage", "coverage_error", "width", "refused")}
        if row["refused"] > FEW_REFUSED * n_sim:
            hidden = row["refused"] > REFUSED * n_sim
            found.append(
                Finding(
                    "intervals_refused",
                    "coverage",
                    "amber",
                    f"{row['refused']} of {n_sim} data sets have no {label}: "
                    + ("no coverage is given" if hidden else "they count as not covered"),
                    statistic=row["refused"] / n_sim,
                    threshold=FEW_REFUSED,
                    evidence=evidence,
                    advice="the interval of one data set says why: failed replicates, or a straight loss",
                )
            )
        if not math.isfinite(row["coverage"]):
            continue
        # Judged as a test of the level: by the error that the share has if the level is true.
        shortfall = level - row["coverage"] - 2.0 * math.sqrt(level * (1.0 - level) / n_sim)
        severity: Any = "green"
        if shortfall > AMBER:
            severity = "red" if shortfall > RED else "amber"
        only = "" if severity == "green" else "only "
        found.append(
            Finding(
                "coverage" if severity == "green" else "undercoverage",
                "coverage",
                severity,
                f"{label} at {100 * level:g} % contain the truth in {only}{100 * row['coverage']:.1f} % "
                f"(+- {100 * row['coverage_error']:.1f}) of the data sets",
                statistic=row["coverage"],
                threshold=level - AMBER,
                evidence=evidence,
                advice=""
                if severity == "green"
                else 'compare method="delta" and small_sample=True',
            )
        )
    return tuple(found)


# -- what may be asked ------------------------------------------------------------------------------


def _require_single(fit: Any) -> None:
    if not isinstance(fit, Fit):
        raise ParameterError(f"coverage needs a Fit, got {quote(fit)}", code="fit", param="fit")
    fit.require_single("coverage")
    if fit.request.covariance is not None:
        raise ParameterError(
            "coverage simulates independent errors, and those of this fit have a covariance",
            code="covariance",
            param="fit",
        )


def _simulations(n_sim: Any) -> int:
    count = whole_number(n_sim, "n_sim", 1)
    if count > MOST_SIMULATIONS:
        raise ParameterError(
            f"n_sim must be at most {MOST_SIMULATIONS:,}, got `{count}`: 10,000 measure a coverage to half a "
            "percent",
            code="too_large",
            param="n_sim",
        )
    return count


def _methods(method: Any) -> tuple[str, ...]:
    methods = (method,) if isinstance(method, str) else tuple(method)
    for name in methods:
        if name not in COVERED:
            raise ParameterError(
                f"method must be one of {quote(list(COVERED), 200)}, got {quote(name)}",
                code="method",
                param="method",
            )
    if not methods or len(set(methods)) != len(methods):
        raise ParameterError(
            f"method needs one method or several different ones, got {quote(method)}",
            code="method",
            param="method",
        )
    return methods


def _require_scheme(
    fit: Fit, scheme: Scheme, methods: tuple[str, ...], *, small_sample: bool
) -> None:
    plan_for(fit.estimates, scheme)
    if scheme.name in ("jackknife", "indices", "weights"):
        raise ParameterError(
            f"{scheme!r} holds one set of replicates, and every simulated data set needs its own; use a "
            "scheme that draws, such as Pairs()",
            code="scheme",
            param="scheme",
        )
    if "studentized" in methods:
        require_errors(fit.estimates, scheme)
    unwidened = [name for name in methods if name not in (*EXPANDED, "delta")]
    if small_sample and unwidened:
        raise ParameterError(
            f"small_sample=True widens {quote(list(EXPANDED), 200)}, and {quote(unwidened[0])} has no "
            "such correction",
            code="small_sample",
            param="small_sample",
        )


def _clusters(fit: Fit, scheme: Scheme, noise: str) -> NDArray[np.uint32] | None:
    if noise != "clustered":
        return None
    by = cluster_columns(scheme)
    if by is None:
        raise ParameterError(
            f'noise="clustered" takes its clusters from the scheme, and {scheme!r} names none; use '
            'Clusters("run") or Wild(cluster="run")',
            code="noise",
            param="noise",
        )
    return cluster_numbers(fit.request.table, by)


def _share(icc: Any) -> float:
    value = non_negative_number(icc, "icc")
    if value > 1.0:
        raise ParameterError(
            f"icc must lie between 0 and 1, got {quote(icc)}", code="icc", param="icc"
        )
    return value
