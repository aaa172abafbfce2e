"""What is worth knowing of a bootstrap before its intervals are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_fast.drawing import cluster_columns, cluster_counts, nearly_absolute
from scaling_fast.findings import Finding
from scaling_fast.schemes import Wild

if TYPE_CHECKING:
    from scaling_fast.fitted import Fit
    from scaling_fast.schemes import Scheme

__all__ = ["of_failures", "of_scheme"]

FEW_CLUSTERS = 12
"""Clusters below which intervals of whole clusters are short (MacKinnon and Webb 2017)."""

DOUBT, FAILURE = 0.02, 0.10
"""Shares of unusable replicates: above the first a doubt, above the second a failure."""


def of_failures(unusable: int, total: int) -> list[Finding]:
    """Return a finding for more than 2 % unusable replicates; red above 10 %."""
    share = unusable / total if total else 0.0
    if share <= DOUBT:
        return []
    return [
        Finding(
            "unusable_replicates",
            "bootstrap",
            "red" if share > FAILURE else "amber",
            f"{unusable:,} of {total:,} replicates are unusable: counted in `.failures`, in no interval",
            statistic=share,
            threshold=DOUBT,
            advice='look at their status; fix a parameter, take more rows, or try starts="multi"',
        )
    ]


def of_scheme(fit: Fit, scheme: Scheme) -> list[Finding]:
    """Return what is known of a scheme on these rows and under this loss."""
    found = []
    near = isinstance(scheme, Wild) and nearly_absolute(fit)
    if near and isinstance(scheme, Wild) and scheme.signs == "webb":
        found.append(
            Finding(
                "webb_near_l1",
                "bootstrap",
                "amber",
                f"under {fit.loss!r}, which is nearly absolute on these rows, intervals from Webb's signs "
                "are 7 % short",
                advice='use Wild("rademacher")',
            )
        )
    by = cluster_columns(scheme)
    if by is not None:
        fewest = int(cluster_counts(fit, by).min())
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
                    f"{fewest} clusters are few: intervals of whole clusters cover less than they say",
                    statistic=float(fewest),
                    threshold=float(FEW_CLUSTERS),
                    advice=advice,
                )
            )
    return found
