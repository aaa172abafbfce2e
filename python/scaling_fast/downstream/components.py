"""Principal components of benchmark scores, from the training rows alone, with gaps filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from scaling_fast.errors import ConvergenceError, DataError, ParameterError, quote
from scaling_fast.frames import as_frame, to_float64
from scaling_fast.runtime.memory import ask_first
from scaling_fast.validation import whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Components", "benchmark_components"]

TOLERANCE = 1e-10
"""Change of the filled-in scores, relative to the spread of the table, at which the filling ends."""

MOST_ROUNDS = 10_000
"""Rounds of filling in; tables that identify their component need a few hundred."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Principal components of benchmark scores.

    Attributes
    ----------
    columns
        The benchmarks.
    means
        Their means over the training rows, with gaps filled in, shape (benchmarks,).
    loadings
        One row of unit length per component, shape (components, benchmarks); the largest entry of
        each is positive.
    shares
        The share of each possible component in the variance, shape (benchmarks,).
    scores
        PC1, PC2, ... of the training rows.
    filled
        The training scores with gaps filled in.
    gaps
        Number of gaps.
    """

    columns: tuple[str, ...]
    means: NDArray[np.float64]
    loadings: NDArray[np.float64]
    shares: NDArray[np.float64]
    scores: pl.DataFrame
    filled: pl.DataFrame
    gaps: int

    def transform(self, frame: Any) -> pl.DataFrame:
        """Return PC1, PC2, ... of other rows, which do not affect means or loadings.

        Gaps are filled in from the first component, fitted to the scores that exist.

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
        known = np.isfinite(away)
        first = np.where(known, self.loadings[0], 0.0)
        undetermined = ~(first != 0).any(axis=1)
        if undetermined.any():
            row = int(np.argmax(undetermined))
            raise DataError(
                f"row {row} has no score that the first component depends on; leave it out",
                code="empty",
                row=row,
            )
        along = (np.where(known, away, 0.0) @ self.loadings[0]) / (first**2).sum(axis=1)
        away = np.where(known, away, along[:, None] * self.loadings[0])
        return _named(away @ self.loadings.T)


@ask_first
def benchmark_components(frame: Any, *, columns: Sequence[str], components: int = 3) -> Components:
    """Return principal components of benchmark scores, centred and not standardised.

    Parameters
    ----------
    frame
        Any frame of the training rows, one row per model. Null and NaN are gaps: they are filled in
        from one component, repeatedly until they no longer change.
    columns
        The benchmarks, at least two, on one scale.
    components
        Number of components, from 1 to the number of benchmarks.

    Returns
    -------
    Components
        `.shares`, `.loadings`, `.scores`, and `.transform(frame)` for other models.

    Raises
    ------
    DataError
        For a missing column, a row or benchmark without any score, or too few rows.
    ParameterError
        For illegal columns or components.
    ConvergenceError
        If filling in the gaps does not converge.

    Notes
    -----
    Source: Ruan et al. 2024, arXiv:2405.10938: components of the training models alone, so that a
    forecast uses nothing of the models it is tested on.

    Examples
    --------
    >>> table = {"mmlu": [0.3, 0.5, 0.7, 0.9], "arc": [0.2, 0.4, None, 0.8]}
    >>> found = benchmark_components(table, columns=["mmlu", "arc"], components=1)
    >>> round(found.filled["arc"][2], 6), found.gaps
    (0.6, 1)
    """
    listed: Any = columns
    names = () if isinstance(listed, str) or not isinstance(listed, Sequence) else tuple(listed)
    if len(names) < 2 or not all(isinstance(name, str) for name in names):
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
        filled=pl.DataFrame([pl.Series(name, filled[:, j]) for j, name in enumerate(names)]),
        gaps=int(gap.sum()),
    )


def _filled(values: NDArray[np.float64], gap: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the table with its gaps filled in from one component of the filled table itself."""
    filled = np.where(gap, np.nanmean(values, axis=0), values)
    if not gap.any():
        return filled
    spread = float(np.nanstd(values))
    for _ in range(MOST_ROUNDS):
        means = filled.mean(axis=0)
        left, singular, right = np.linalg.svd(filled - means, full_matrices=False)
        plane = means + singular[0] * np.outer(left[:, 0], right[0])
        change = float(np.abs(plane - filled)[gap].max())
        filled = np.where(gap, plane, values)
        if change <= TOLERANCE * spread:
            return filled
    raise ConvergenceError(
        f"filling in the {int(gap.sum())} gaps of the table does not converge; leave out rows or benchmarks "
        "with many gaps",
        code="not_settled",
    )


def _scores(frame: Any, names: Sequence[str]) -> NDArray[np.float64]:
    whole = as_frame(frame, names)
    values = np.column_stack(
        [
            np.array(to_float64(whole[name].alias("v"), name).to_numpy(), dtype=np.float64)
            for name in names
        ]
    )
    infinite = np.isinf(values)
    if infinite.any():
        row, column = (int(index) for index in np.argwhere(infinite)[0])
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
