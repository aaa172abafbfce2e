"""A sample of replicates solved again from several starts: what the warm start loses of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import again as refit_again
from scaling_fast.findings import Finding
from scaling_fast.fitting.status import status_column
from scaling_fast.resampling.plan import plan_for
from scaling_fast.runtime.resources import checked_threads

if TYPE_CHECKING:
    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["MULTI_STARTS", "MultistartCheck", "multistart_check"]

MULTI_STARTS = 9
"""Extra starts of `starts="multi"`: with nine, coverage on ridges rose from 33 to 78 % of a nominal 90."""

SAMPLE = 64
"""Replicates solved again: if 5 % of all end lower elsewhere, 96 of 100 samples show it."""

CHECKS = 4
"""Purpose of the random numbers that choose them (the core's `Purpose::Checks`)."""

LOWER = 1e-8
"""Relative difference of objectives from which on two optima are different ones, as for `agreement`."""

WORTH_SAYING, SERIOUS = 0.01, 0.1
"""Shares of replicates that end lower elsewhere: above the first a doubt, above the second a failure."""


@dataclass(frozen=True, slots=True)
class MultistartCheck:
    """What a sample of replicates gained from more starts.

    Attributes
    ----------
    checked
        Replicates solved again, over all groups.
    lower
        How many of them ended lower than from the warm start, by more than 1e-8 of the objective (of
        its value a row, for a likelihood), or had no solution from it.
    gap
        The largest such difference.
    starts
        Searched starts per replicate.
    """

    checked: int
    lower: int
    gap: float
    starts: int

    @property
    def share(self) -> float:
        """The share of the sample that ended lower."""
        return self.lower / self.checked if self.checked else 0.0

    def __str__(self) -> str:
        text = f"{self.lower} of {self.checked} solved again from {self.starts} more starts ended lower"
        return text + (f", by {self.gap:.2g}" if self.lower else "")

    def finding(self) -> Finding | None:
        """Return what is worth knowing, or None."""
        if self.share <= WORTH_SAYING:
            return None
        return Finding(
            "warm_start",
            "bootstrap",
            "red" if self.share > SERIOUS else "amber",
            f"{self}: replicates begun at the optimum of the fit miss lower ones, so intervals may be too narrow",
            statistic=self.share,
            threshold=WORTH_SAYING,
            evidence={"checked": self.checked, "lower": self.lower, "gap": self.gap},
            advice='bootstrap with starts="multi"',
        )


def multistart_check(estimates: Estimates, scheme: Scheme, seed: int, n: int) -> MultistartCheck:
    """Return what more starts find in a sample of replicates, a pure function of the bootstrap's question.

    The replicates are drawn anew, from the same streams: no draw of the bootstrap is touched.

    Parameters
    ----------
    n
        Replicates per group.
    """
    plan = plan_for(estimates, scheme)
    total = estimates.groups * n
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, CHECKS], dtype=np.uint64)))
    chosen = np.sort(rng.choice(total, size=min(SAMPLE, total), replace=False))
    picks = [(int(place // n), int(place % n)) for place in chosen]
    found = []
    for starts in (0, MULTI_STARTS):
        status, objective, interrupted = refit_again(
            estimates.request.question,
            estimates.params,
            plan.kind,
            plan.table,
            picks,
            seed=seed,
            starts=starts,
            threads=checked_threads(None),
        )
        if interrupted:
            raise KeyboardInterrupt
        good = (status_column(status) == "converged").to_numpy()
        found.append(np.where(good, objective, np.inf))
    warm, best = found
    size = np.abs(best)
    if estimates.request.is_likelihood:
        rows = np.diff(estimates.request.table.offsets)
        size = rows[[group for group, _ in picks]].astype(np.float64)
    with np.errstate(all="ignore"):
        gaps = np.where(size > 0, (warm - best) / size, 0.0)
    lower = np.isfinite(best) & ~(gaps <= LOWER)
    finite = gaps[lower & np.isfinite(gaps)]
    return MultistartCheck(
        len(picks), int(lower.sum()), float(finite.max(initial=0.0)), MULTI_STARTS
    )
