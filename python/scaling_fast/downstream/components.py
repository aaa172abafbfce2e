"""Principal components of a benchmark table, from the training rows alone, gaps filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ConvergenceError, DataError, ParameterError, quote
from scaling_fast.frames import as_frame, to_float64
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Components", "benchmark_components"]

SETTLED = 1e-10
"""Largest change of a filled-in score, relative to the spread of the table, that ends the filling."""

MOST_ROUNDS = 10_000
"""Rounds of filling in; tables that identify their component settle within some hundred."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Principal components of benchmark scores.

    Attributes
    ----------
    columns
        The benchmarks.
    means
        Their means over the training rows, gaps filled in, shape (benchmarks,).
    loadings
        One row a component of unit length, shape (components, benchmarks); the largest entry of
        each is positive.
    shares
        The share of the variance of each component, all of them, shape (benchmarks,).
    scores
        PC1, PC2, ... of the training rows.
    filled
        The training scores with gaps filled in.
    gaps
        How many there were.
    """

    columns: tuple[str, ...]
    means: NDArray[np.float64]
    loadings: NDArray[np.float64]
    shares: NDArray[np.float64]
    scores: pl.DataFrame
    filled: pl.DataFrame
    gaps: int

    def transform(self, frame: Any) -> pl.DataFrame:
        """Return PC1, PC2, ... of other rows; nothing of them enters means or loadings.

        Gaps are filled in from the first component, fitted to the scores that are there.

        Parameters
        ----------
        frame
            Any frame with the benchmarks.

        Raises
        ------
        DataError
            For a row without any score, or none that the first component depends on.
        """
        values = _scores(frame, self.columns)
        away = values - self.means
        there = np.isfinite(away)
        first = np.where(there, self.loadings[0], 0.0)
        silent = ~(first != 0).any(axis=1)
        if silent.any():
            row = int(np.argmax(silent))
            raise DataError(
                f"row {row} has no score that the first component depends on; leave it out",
                code="empty",
                row=row,
            )
        along = (np.where(there, away, 0.0) @ self.loadings[0]) / (first**2).sum(axis=1)
        away = np.where(there, away, along[:, None] * self.loadings[0])
        return _named(away @ self.loadings.T)


def benchmark_components(frame: Any, *, columns: Sequence[str], components: int = 3) -> Components:
    """Return principal components of benchmark scores, centred and not standardised.

    Parameters
    ----------
    frame
        Any frame of the training rows, a row a model. Null and NaN are gaps: they are filled in from one
        component, again and again until they no longer move.
    columns
        The benchmarks, at least two, on one scale.
    components
        How many scores are wanted.

    Returns
    -------
    Components
        `.shares`, `.loadings`, `.scores`, and `.transform(frame)` for models held out.

    Raises
    ------
    DataError
        For a missing column, a row or benchmark without any score, or too few rows.
    ParameterError
        For columns or components outside what is legal.
    ConvergenceError
        When the gaps do not settle.

    Notes
    -----
    Source: Ruan et al. 2024, arXiv:2405.10938: components of the training models alone, so that a
    forecast knows nothing of the models it is tested on.

    Examples
    --------
    >>> table = {"mmlu": [0.3, 0.5, 0.7, 0.9], "arc": [0.2, 0.4, None, 0.8]}
    >>> found = benchmark_components(table, columns=["mmlu", "arc"], components=1)
    >>> round(found.filled["arc"][2], 6), found.gaps
    (0.6, 1)
    """
    said: Any = columns
    names = () if isinstance(said, str) or not isinstance(said, Sequence) else tuple(said)
    if len(names) < 2 or not all(isinstance(one, str) for one in names):
        raise ParameterError(
            f"columns must name at least two benchmarks, got {quote(columns)}",
            code="columns",
            param="columns",
        )
    components = whole_number(components, "components", 1)
    if components > len(names):
        raise ParameterError(
            f"{components} components of {len(names)} benchmarks do not exist",
            code="components",
            param="components",
        )
    values = _scores(frame, names)
    if len(values) <= components:
        raise DataError(
            f"{components} components need more than {components} rows, got {len(values)}",
            code="too_few_rows",
        )
    gap = ~np.isfinite(values)
    if gap.all(axis=0).any():
        name = names[int(np.argmax(gap.all(axis=0)))]
        raise DataError(f"column {quote(name)} has no score at all", code="empty", column=name)
    filled = _filled(values, gap)
    means = filled.mean(axis=0)
    _, singular, loadings = np.linalg.svd(filled - means, full_matrices=False)
    if singular[0] == 0.0:
        raise DataError("all rows have the same scores, so there is no component", code="constant")
    sign = np.sign(loadings[np.arange(len(loadings)), np.abs(loadings).argmax(axis=1)])
    loadings = (loadings * sign[:, None])[:components]
    shares = np.zeros(len(names))
    shares[: len(singular)] = singular**2 / (singular**2).sum()
    return Components(
        columns=names,
        means=means,
        loadings=loadings,
        shares=shares,
        scores=_named((filled - means) @ loadings.T),
        filled=pl.DataFrame([pl.Series(one, filled[:, j]) for j, one in enumerate(names)]),
        gaps=int(gap.sum()),
    )


def _filled(values: NDArray[np.float64], gap: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the table with its gaps on the plane of one component through the table itself."""
    filled = np.where(gap, np.nanmean(values, axis=0), values)
    if not gap.any():
        return filled
    spread = float(np.nanstd(values))
    for _ in range(MOST_ROUNDS):
        means = filled.mean(axis=0)
        left, singular, right = np.linalg.svd(filled - means, full_matrices=False)
        plane = means + singular[0] * np.outer(left[:, 0], right[0])
        moved = float(np.abs(plane - filled)[gap].max())
        filled = np.where(gap, plane, values)
        if moved <= SETTLED * spread:
            return filled
    raise ConvergenceError(
        f"the {int(gap.sum())} gaps of the table do not settle; leave out rows or benchmarks with many",
        code="not_settled",
    )


def _scores(frame: Any, names: Sequence[str]) -> NDArray[np.float64]:
    whole = as_frame(frame, names)
    values = np.column_stack(
        [
            np.array(to_float64(whole[one].alias("v"), one).to_numpy(), dtype=np.float64)
            for one in names
        ]
    )
    infinite = np.isinf(values)
    if infinite.any():
        row, column = (int(one) for one in np.argwhere(infinite)[0])
        raise DataError(
            f"column {quote(names[column])} holds an infinite score in row {row}",
            code="infinite",
            column=names[column],
            row=row,
        )
    empty = np.isnan(values).all(axis=1)
    if empty.any():
        row = int(np.argmax(empty))
        raise DataError(f"row {row} has no score at all; leave it out", code="empty", row=row)
    return values


def _named(scores: NDArray[np.float64]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            pl.Series(f"PC{j + 1}", np.ascontiguousarray(scores[:, j]))
            for j in range(scores.shape[1])
        ]
    )
