"""Whether rows of one size share an error that neither a smooth law nor another column of the frame explains."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scaling_fast.fitting.mistakes.chance import variance_ratio_deviate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scaling_fast.fitting.mistakes.outliers import Cleaned
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["shares_errors"]

OUTCOME = re.compile(r"loss|ppl|perplexity|acc|bits|bpb|score|error|(^|_)(ce|nll|nats)($|_)", re.I)
"""Names of columns that are measured of a run, and explain nothing about it."""

FEWEST_LEVELS, MOST_LEVELS = 2, 4
"""Values of a column of words that may explain an error; more are names of the runs themselves."""

SHARED = 0.5
"""Share of the variance of residuals that rows of one size share, above which they are no separate runs."""

CERTAIN = 3.7
"""Deviate that noise passes in one of ten thousand fits."""


def shares_errors(sample: Sample, clean: Cleaned, size: str) -> bool:
    """Return whether rows of one size have most of their residual in common (analysis of variance).

    What the law misses is no error of runs: residuals that a smooth surface in its columns explains are left
    aside, and so are those that follow another column of the frame.

    Parameters
    ----------
    sample, clean
        The rows, and the residuals without outliers.
    size
        The column of the law that holds the sizes.
    """
    basis = np.column_stack([clean.basis, *_surface(sample, clean)])
    if not _is_shared(sample, clean, size, basis):
        return False
    return all(
        _is_shared(sample, clean, size, np.column_stack([basis, *terms]))
        for terms in _other_columns(sample, clean)
    )


def _is_shared(sample: Sample, clean: Cleaned, size: str, basis: Floats) -> bool:
    """Return whether rows of one size have most of what a basis leaves of the residuals in common."""
    basis = _orthonormal(basis)
    values, group = np.unique(sample.inputs[size][clean.kept], return_inverse=True)
    member = (group[:, None] == np.arange(len(values))).astype(np.float64)
    lengths = np.linalg.norm(member, axis=0)
    means = member / lengths
    means = _orthonormal(means - basis @ (basis.T @ means), 1e-6)
    between = means.shape[1]
    within = len(group) - basis.shape[1] - between
    if between < 3 or within < 2 * len(values):
        return False
    left = clean.residual - basis @ (basis.T @ clean.residual)
    square_between = float(np.sum((means.T @ left) ** 2))
    square_within = float(left @ left) - square_between
    if square_within <= 0.0:
        return False
    ratio = (square_between / between) / (square_within / within)
    middle = len(group) / len(values)
    shared = (ratio - 1.0) / (ratio - 1.0 + middle)
    return shared > SHARED and variance_ratio_deviate(ratio, between, within) > CERTAIN


def _orthonormal(columns: Floats, least: float = 1e-8) -> Floats:
    """Return an orthonormal basis of the span of columns of about length one."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, values > least])


def _surface(sample: Sample, clean: Cleaned) -> list[Floats]:
    """Return the terms up to the third order in the logarithms of the columns, each of length one."""
    logs = [_scaled(values[clean.kept]) for values in sample.inputs.values()]
    first = [values for values in logs if values is not None]
    second = [a * b for place, a in enumerate(first) for b in first[place:]]
    third = [a * a * b for a in first for b in first]
    terms = [np.ones(len(clean.residual)), *first, *second, *third]
    return [term / np.linalg.norm(term) for term in terms]


def _scaled(values: Floats) -> Floats | None:
    """Return values, or their logarithms if all are positive, between -1 and 1; None where they do not vary."""
    logs = np.log(values) if values.min() > 0.0 else values
    low, high = float(logs.min()), float(logs.max())
    return 2.0 * (logs - low) / (high - low) - 1.0 if low < high < np.inf else None


def _other_columns(sample: Sample, clean: Cleaned) -> Iterator[list[Floats]]:
    """Yield the terms, each of length one, of each column of the frame that may explain what the law does not."""
    table = sample.request.table
    used = {*table.sources.values(), table.target_name}
    for column in table.frame.get_columns():
        if column.name in used or OUTCOME.search(column.name):
            continue
        if column.dtype.is_numeric():
            values = column.cast(pl.Float64).to_numpy()[table.order][clean.kept]
            scaled = _scaled(values) if np.isfinite(values).all() else None
            terms = [] if scaled is None else [scaled, scaled**2]
        elif column.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
            words = column.cast(pl.String).fill_null("").to_numpy()[table.order][clean.kept]
            levels = np.unique(words)
            if not FEWEST_LEVELS <= len(levels) <= MOST_LEVELS:
                continue
            terms = [(words == level).astype(np.float64) for level in levels]
        else:
            continue
        if terms:
            yield [term / np.linalg.norm(term) for term in terms]
