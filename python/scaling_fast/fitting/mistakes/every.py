"""Every check of the rows of a single fit, in the order in which their findings matter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import Purpose
from scaling_fast.fitting.mistakes.checkpoints import checkpoint_finding
from scaling_fast.fitting.mistakes.outliers import cleaned, outlier_finding
from scaling_fast.fitting.mistakes.overflow import wrapped
from scaling_fast.fitting.mistakes.precision import moving_together, weak_parameters
from scaling_fast.fitting.mistakes.replicates import copies, disagreeing
from scaling_fast.fitting.mistakes.sample import Sample
from scaling_fast.fitting.mistakes.shape import autocorrelation, curvature
from scaling_fast.fitting.mistakes.units import exchanged, other_units
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request

__all__ = ["mistakes"]

MOST_ROWS = 10_000
"""Rows that are looked at; of more a sample, in which what is typical of them shows as well."""

MANY_COPIES = 0.1
"""Share of the rows from which on copies make residuals of neighbours go together."""


def mistakes(request: Request, columns: FitColumns, design: Sequence[Finding]) -> list[Finding]:
    """Return what a careful colleague would say about the rows of a single fit.

    Parameters
    ----------
    request, columns
        The question of one group, and what the core answered.
    design
        The findings of the design, which the findings of columns that move together go by.
    """
    sample = Sample.of(_thinned(request), columns)
    with np.errstate(all="ignore"):
        clean = cleaned(sample) if sample.has_residuals else None
        found = wrapped(request)
        swapped = exchanged(sample)
        found += swapped or other_units(sample)
        copied = copies(sample if sample.request is request else Sample.of(request, columns))
        repeated = checkpoint_finding(sample, clean)
        disagree = disagreeing(sample) if clean is not None and not repeated else []
        found += [*copied, *repeated, *disagree, *moving_together(sample, design)]
        if clean is None:
            return found
        found += weak_parameters(sample, clean)
        found += outlier_finding(sample, clean)
        # Rows that repeat have residuals that go together for that reason.
        explained = repeated or disagree or _are_many(sample, copied)
        if sample.converged and not explained:
            found += autocorrelation(sample, clean)
            found += curvature(sample, clean, copied=bool(copied))
    return found


def _thinned(request: Request) -> Request:
    """Return the question of a sample of its rows, where looking at all takes longer than fitting."""
    table = request.table
    if table.rows <= MOST_ROWS:
        return request
    # At random: a period of the file must not become one of the sample.
    drawn = np.random.Generator(philox(0, Purpose.FINDINGS)).permutation(table.rows)[:MOST_ROWS]
    drawn.sort()
    few = replace(
        table,
        arrays={name: values[drawn] for name, values in table.arrays.items()},
        target=table.target[drawn],
        weights=None if table.weights is None else table.weights[drawn],
        sigma=None if table.sigma is None else table.sigma[drawn],
        offsets=np.array([0, MOST_ROWS]),
        order=table.order[drawn],
    )
    return replace(request, table=few)


def _are_many(sample: Sample, copied: Sequence[Finding]) -> bool:
    """Return whether copies are so many that they alone make neighbours equal."""
    return bool(copied) and copied[0].evidence["count"] > MANY_COPIES * sample.rows
