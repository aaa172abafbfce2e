"""A sample of replicates solved again from several starts: how many a warm start leaves too high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import Purpose, selected
from scaling_fast.findings import Finding
from scaling_fast.fitting.status import status_column
from scaling_fast.resampling.plan import plan_for
from scaling_fast.runtime.resources import checked_threads
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["MULTI_STARTS", "MultistartCheck", "multistart_check"]

MULTI_STARTS = 9
"""Extra starts of `starts="multi"`: with nine, coverage on ridges rose from 33 to 78 % of a nominal 90."""

SAMPLE = 64
"""Replicates solved again: if 5 % of all end lower elsewhere, 96 of 100 samples show it."""

LOWER = 1e-8
"""Relative difference of objectives above which two optima are different, as for `agreement`."""

WORTH_SAYING, SERIOUS = 0.01, 0.1
"""Shares of replicates with a lower optimum elsewhere above which the finding is amber, and red."""


@dataclass(frozen=True, slots=True)
class MultistartCheck:
    """What a sample of replicates gained from more starts.

    Attributes
    ----------
    checked
        Number of replicates solved again, over all groups.
    lower
        Number of them that found a lower optimum than the warm start, by more than 1e-8 of the
        objective (per row, for a likelihood), or that the warm start did not solve.
    gap
        The largest such relative difference, 0 or more.
    starts
        Number of searched starts per replicate.
    """

    checked: int
    lower: int
    gap: float
    starts: int

    @property
    def share(self) -> float:
        """The share of the sample that found a lower optimum, from 0 to 1."""
        return self.lower / self.checked if self.checked else 0.0

    def __str__(self) -> str:
        text = (
            f"of {self.checked} replicates solved again from {self.starts} more starts, {self.lower} found "
            "a lower optimum"
        )
        return text + (f", by up to {self.gap:.2g}" if self.lower else "")

    def finding(self) -> Finding | None:
        """Return a finding if the share is worth knowing, else None."""
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
    """Return what more starts find in a sample of replicates, a pure function of its arguments.

    The replicates are drawn again from the same streams; no draw of the bootstrap is changed.

    Parameters
    ----------
    estimates
        The question, and the parameters from which the bootstrap began.
    scheme, seed
        As in `bootstrap`.
    n
        Number of replicates per group, 1 or more.
    """
    plan = plan_for(estimates, scheme)
    total = estimates.groups * n
    rng = np.random.Generator(philox(seed, Purpose.CHECKS))
    chosen = np.sort(rng.choice(total, size=min(SAMPLE, total), replace=False))
    picks = [(int(place // n), int(place % n)) for place in chosen]
    found = []
    for starts in (0, MULTI_STARTS):
        status, objective, interrupted = selected(
            estimates.request.question,
            estimates.params,
            plan.resampling(seed=seed, starts=starts),
            picks,
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
