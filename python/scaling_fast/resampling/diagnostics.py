"""What is worth knowing about a bootstrap before its intervals are used."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.findings import Finding
from scaling_fast.fitting.marked import named_groups
from scaling_fast.frames.clusters import cluster_numbers
from scaling_fast.resampling.plan import cluster_columns, cluster_counts, nearly_absolute
from scaling_fast.resampling.schemes import Blocks, Wild

if TYPE_CHECKING:
    import polars as pl

    from scaling_fast.fitting.estimates import Estimates
    from scaling_fast.resampling.schemes import Scheme

__all__ = ["failure_findings", "narrow_findings", "scheme_findings"]

MADE_UP = ("residuals", "wild", "parametric")
"""Schemes that make up targets around the fit."""

FEW_CLUSTERS = 12
"""Clusters below which intervals of whole clusters are too narrow (MacKinnon and Webb 2017)."""

LONG_BLOCK = 0.5
"""Length of a block, in runs, above which the ends of a run are drawn too rarely: with 3 rows of 4, replicates
are off by 0.8 of their own standard errors."""

DOUBT, FAILURE = 0.02, 0.10
"""Shares of unusable replicates above which the finding is amber, and red."""


def failure_findings(failures: pl.DataFrame, keys: pl.DataFrame, total: int) -> list[Finding]:
    """Return a finding if more than 2 % of the replicates are unusable; it is red above 10 %.

    Of groups it is amber where this is so in some, which it names, and red above 10 % of all.

    Parameters
    ----------
    failures
        Unusable replicates: group keys, status, count.
    keys
        The key of each group, one row per group; no columns for a single fit.
    total
        Number of replicates over all groups.
    """
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in failures.iter_rows():
        counts[row[: keys.width]] += row[-1]
    unusable = counts.total()
    share = unusable / total if total else 0.0
    sentence = f"{unusable:,} of {total:,} replicates are unusable"
    evidence = {}
    if keys.width and total:
        lost = np.array([counts[key] for key in keys.iter_rows()])
        many = lost > DOUBT * total / keys.height
        evidence = named_groups(many, keys)
        begin = f"in {evidence['count']:,} of {keys.height:,} groups more than {100 * DOUBT:g} %"
        sentence = f"{begin} of the replicates are unusable, {unusable:,} of {total:,} in all"
    if share <= DOUBT and not evidence.get("count"):
        return []
    return [
        Finding(
            "unusable_replicates",
            "bootstrap",
            "red" if share > FAILURE else "amber",
            f"{sentence}: `.failures` counts them, intervals leave them out",
            statistic=share,
            threshold=DOUBT,
            evidence=evidence,
            advice='look at their status; fix a parameter, add rows, or try starts="multi"',
        )
    ]


def narrow_findings(estimates: Estimates, scheme: Scheme) -> list[Finding]:
    """Return the finding that intervals of made-up targets are too narrow under a nearly absolute loss."""
    if scheme.name not in MADE_UP or not nearly_absolute(estimates):
        return []
    return [
        Finding(
            "narrow_near_l1",
            "bootstrap",
            "amber",
            f"under {estimates.request.loss!r}, which is nearly absolute on these rows, intervals of "
            f"{scheme!r} cover less than their level: 72 to 83 % of a nominal 90 % on 7 to 20 rows of one power",
            advice='use Pairs(), or a loss that fits the noise, such as Huber(1.345, scale="mad")',
        )
    ]


def scheme_findings(estimates: Estimates, scheme: Scheme) -> list[Finding]:
    """Return what is known about a scheme on these rows and under this loss."""
    found = []
    near = isinstance(scheme, Wild) and nearly_absolute(estimates)
    if near and isinstance(scheme, Wild) and scheme.signs == "webb":
        found.append(
            Finding(
                "webb_near_l1",
                "bootstrap",
                "amber",
                f"under {estimates.request.loss!r}, which is nearly absolute on these rows, intervals from "
                "Webb's signs are 7 % too narrow",
                advice='use Wild("rademacher")',
            )
        )
    if isinstance(scheme, Blocks):
        found += _block_findings(estimates, scheme)
    by = cluster_columns(scheme)
    if by is not None:
        fewest = int(cluster_counts(estimates.request.table, by).min())
        webb = isinstance(scheme, Wild) and scheme.signs == "webb"
        if fewest < FEW_CLUSTERS and not (webb and not near):
            advice = "small_sample=True widens the interval by t quantiles"
            if not near:
                advice += '; Wild("webb", cluster=...) is made for few clusters under smooth losses'
            found.append(
                Finding(
                    "few_clusters",
                    "bootstrap",
                    "amber",
                    f"{fewest} clusters are few: intervals from whole clusters cover less than their level",
                    statistic=float(fewest),
                    threshold=float(FEW_CLUSTERS),
                    advice=advice,
                )
            )
    return found


def _block_findings(estimates: Estimates, scheme: Blocks) -> list[Finding]:
    """Return a finding if blocks are so long that the ends of a run are rarely drawn: blocks do not wrap."""
    table = estimates.request.table
    group = np.repeat(np.arange(table.groups), np.diff(table.offsets))
    runs = [group]
    if scheme.within is not None:
        runs.append(cluster_numbers(table, scheme.within).astype(np.int64))
    _, sizes = np.unique(np.stack(runs), axis=1, return_counts=True)
    typical = float(np.median(sizes))
    if scheme.length <= LONG_BLOCK * typical:
        return []
    return [
        Finding(
            "long_blocks",
            "bootstrap",
            "amber",
            f"blocks of {scheme.length} rows are more than half of a run of {typical:g}: its ends are drawn "
            "less often than its middle, so replicates are shifted and vary too little",
            statistic=scheme.length / typical,
            threshold=LONG_BLOCK,
            advice="use a smaller length, or draw whole runs with Clusters(...)",
        )
    ]
