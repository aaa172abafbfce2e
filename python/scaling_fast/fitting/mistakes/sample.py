"""What the checks of one fit look at: its rows by the caller's names, and the law made straight at the estimate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.errors import quote
from scaling_fast.findings import Finding
from scaling_fast.fitting.mistakes.roles import roles_of
from scaling_fast.fitting.robust_scale import MAD_TO_SIGMA
from scaling_fast.losses.sums import Huber

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.fitting.columns import FitColumns
    from scaling_fast.fitting.request import Request

    Floats = NDArray[np.float64]

__all__ = ["Sample", "amber", "listed_rows"]

NO_NOISE = 1e-10
"""Relative size of residuals that are rounding alone: nothing can be said about the noise of such rows."""

SINGULAR = 1e-10
"""Singular value, of columns of length one, below which a direction of the parameters moves nothing."""

GROSS = 8.0
"""Robust standard deviations beyond which a row is set aside before the others are looked at.

Half of normal rows lie within .67, so that up to a quarter of gross rows do not hide one another.
"""

PULLING = 5.0
"""Robust standard deviations of a row that moves least squares more than noise does."""

FOLLOWED = 0.999
"""Leverage of a row that the law turns aside for."""

HELD_BACK = 1.345
"""Delta of a Huber loss, in standard deviations, that costs 5 % under normal noise."""

ROUNDS = 6
"""Most rounds in which the scale and the estimate that is not pulled at follow each other."""

MOST_NAMED = 10
"""Rows that a finding names."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows of a single fit and its linearisation.

    Attributes
    ----------
    request
        The question.
    estimate
        Parameter -> estimate.
    point
        Parameter -> where the law is linearised: the estimate, or near it.
    converged
        Whether the certificate holds.
    """

    request: Request
    estimate: dict[str, float]
    point: dict[str, float]
    converged: bool

    @classmethod
    def of(cls, request: Request, columns: FitColumns) -> Sample:
        """Return the sample of a single fit from what the core answered.

        Where gross rows pull at the estimate, the sample looks from one that they do not pull at.
        """
        estimate = dict(zip(request.names, columns.params[0].tolist(), strict=True))
        sample = cls(request, estimate, estimate, bool(columns.converged[0]))
        if request.loss.name != "squared" or request.is_likelihood or not sample.has_residuals:
            return sample
        followed = sample.follows_a_row
        if not (followed or sample.pulled) or sample.scale <= sample.rounding:
            return sample
        # From a law that turned aside for one row no local search comes back.
        at = None if followed else columns.params[:1]
        for _ in range(ROUNDS):
            robust = replace(request, loss=Huber(HELD_BACK * sample.scale))
            at = robust.fit(at, threads=1)[0].params
            point = dict(zip(request.names, at[0].tolist(), strict=True))
            moved = cls(request, estimate, point, sample.converged)
            if not moved.has_residuals or not moved.rounding < moved.scale < sample.scale:
                break
            sample = moved
        return sample

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.request.table.rows

    @cached_property
    def inputs(self) -> dict[str, Floats]:
        """Column of the law -> values, shape (rows,), of the columns that vary."""
        arrays = self.request.table.arrays
        return {name: values for name, values in arrays.items() if values.min() < values.max()}

    @cached_property
    def roles(self) -> dict[str, str]:
        """Column of the law -> "size", "data" or "compute", of the columns that have such a meaning."""
        return roles_of(self.request)

    def label(self, name: str) -> str:
        """Return what messages call a column of the law: the caller's name for it."""
        return quote(self.request.table.sources.get(name, name))

    @cached_property
    def has_residuals(self) -> bool:
        """Whether the residuals say something about noise, at a finite point with degrees of freedom left."""
        if not all(np.isfinite(value) for value in self.point.values()):
            return False
        residual, jacobian = self.at_point
        return bool(
            np.isfinite(residual).all()
            and np.isfinite(jacobian).all()
            and self.rows >= jacobian.shape[1] + 3
            and np.abs(residual).max() > self.rounding
        )

    @cached_property
    def rounding(self) -> float:
        """Size of residuals that may be rounding alone."""
        table, raw = self.request.table, self.request.residual == "raw"
        target = table.target
        if self.request.program.target is not None:  # on the scale of the residuals
            target = np.asarray(self.request.program.transform_target(target))
        size = NO_NOISE * (float(np.abs(target).max()) if raw else 1.0)
        return size if table.sigma is None else size / float(table.sigma.min())

    @cached_property
    def at_point(self) -> tuple[Floats, Floats]:
        """Residuals over sigma, shape (rows,), and their derivatives by the free parameters, (rows, free)."""
        values = self.request.rows(0, self.point)
        places = [self.request.names.index(name) for name in self.request.free]
        return values.residual, values.jacobian[:, places]

    @cached_property
    def scale(self) -> float:
        """Robust standard deviation of the residuals.

        As many rows as there are parameters are passed through under a straight loss: they say nothing about noise.
        """
        residual, jacobian = self.at_point
        size = np.sort(np.abs(residual - self.centre))[jacobian.shape[1] :]
        return MAD_TO_SIGMA * float(size[len(size) // 2])

    @cached_property
    def centre(self) -> float:
        """The median residual."""
        return float(np.median(self.at_point[0]))

    @cached_property
    def gross(self) -> NDArray[np.intp]:
        """Rows beyond GROSS robust standard deviations."""
        residual = self.at_point[0]
        return np.flatnonzero(
            np.abs(residual - self.centre) > GROSS * max(self.scale, self.rounding)
        )

    @property
    def pulled(self) -> bool:
        """Whether a row is so far off that least squares follows it."""
        residual = self.at_point[0]
        return bool(np.abs(residual).max() > PULLING * self.scale > 0.0)

    @property
    def follows_a_row(self) -> bool:
        """Whether the law passes through some row whatever its value is, though there are rows enough."""
        leverage = np.einsum("ij,ij->i", self.basis, self.basis)
        return bool(self.rows > 2 * self.basis.shape[1] and leverage.max() > FOLLOWED)

    @cached_property
    def decomposed(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Singular values of the Jacobian with columns of length one: U, s, V', and the lengths."""
        jacobian = self.at_point[1]
        # First by the largest, whose square may be beyond a double.
        largest = np.abs(jacobian).max(axis=0)
        scaled = jacobian / np.where(largest > 0.0, largest, 1.0)
        with np.errstate(over="ignore"):  # a length beyond a double makes its column one of zeros
            lengths = largest * np.sqrt(np.einsum("ij,ij->j", scaled, scaled))
        left, values, right = np.linalg.svd(
            jacobian / np.where(lengths > 0.0, lengths, 1.0), full_matrices=False
        )
        return left, values, right, lengths

    @cached_property
    def basis(self) -> Floats:
        """An orthonormal basis of what the parameters move, shape (rows, rank)."""
        left, values, _, _ = self.decomposed
        return np.ascontiguousarray(left[:, values > SINGULAR])


def amber(code: str, sentence: str, advice: str, **more: Any) -> Finding:
    """Return a finding of a fit that a reader should know of before the numbers are used."""
    severity = more.pop("severity", "amber")
    return Finding(
        code=code, check="fit", severity=severity, sentence=sentence, advice=advice, **more
    )


def listed_rows(rows: list[int]) -> str:
    """Return rows of the caller's frame as a sentence names them: "row 3", "rows 3, 7 and 2 more"."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    shown = ", ".join(str(row) for row in rows[:MOST_NAMED])
    more = len(rows) - MOST_NAMED
    return f"rows {shown}" + (f" and {more} more" if more > 0 else "")
