"""Rows that the others do not predict: found by deleting them, so that a row at an end cannot hide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.fitting.mistakes.chance import student_quantile
from scaling_fast.fitting.mistakes.roles import is_called_loss
from scaling_fast.fitting.mistakes.sample import amber, listed_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["Cleaned", "cleaned", "outlier_finding"]

FEWEST_SPARE = 3
"""Degrees of freedom that are left when rows are set aside."""

CHANCE = 0.003
"""Probability that rows of normal noise have an outlier."""

MOST_STEPS = 4
"""Rows deleted one after the other beyond the gross ones, the worst first (generalised ESD, Rosner 1983)."""

MODEST = 2.5
"""Studentised distance below which the worst row hides no other."""

PINNED = 1e-6
"""1 - leverage of a row that the law passes through whatever its value is."""


@dataclass(frozen=True, slots=True, eq=False)
class Cleaned:
    """The residuals of least squares in the linearised law, without the outliers.

    Attributes
    ----------
    kept
        Whether each row is kept, shape (rows,).
    residual
        Residuals of the kept rows after the parameters moved to fit them best, shape (kept,).
    basis
        Orthonormal basis of what the parameters move, shape (kept, rank).
    sd
        Residual standard deviation with the degrees of freedom of the kept rows.
    deviation
        Studentised distance of each row from what the other kept rows predict, shape (rows,).
    """

    kept: NDArray[np.bool_]
    residual: Floats
    basis: Floats
    sd: float
    deviation: Floats

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the kept rows."""
        return len(self.residual) - int(self.basis.shape[1])


def cleaned(sample: Sample) -> Cleaned:
    """Return the residuals without the rows that the others do not predict."""
    start, whole = sample.at_point[0], sample.basis
    rows, rank = whole.shape
    spare = rows - rank
    gross = sample.gross
    if gross.size > rows // 4 or spare - gross.size < FEWEST_SPARE:
        gross = gross[:0]
    now = _Deleted.of(start, whole, gross)
    out = len(now.gone)
    for _ in range(min(MOST_STEPS, rows // 6, spare - gross.size - FEWEST_SPARE)):
        size = np.where(now.kept, np.abs(now.deviation), -1.0)
        worst = int(np.argmax(size))
        is_out = size[worst] > _threshold(rows, now.freedom - 1)
        if not is_out and size[worst] < MODEST:
            break
        now = now.without(worst)
        if is_out:
            out = len(now.gone)
    gone = now.gone[:out]
    final = (
        now
        if len(gone) == len(now.gone)
        else _Deleted.of(start, whole, np.array(gone, dtype=np.intp))
    )
    # A gross row may be one that the others, fitted without it, predict well.
    limit = _threshold(rows, final.freedom)
    far = [row for row in gone if abs(float(final.deviation[row])) > limit]
    if len(far) < len(gone):
        final = _Deleted.of(start, whole, np.array(far, dtype=np.intp))
    return final.cleaned()


def outlier_finding(sample: Sample, clean: Cleaned) -> list[Finding]:
    """Return the finding that names the rows set aside."""
    out = np.flatnonzero(~clean.kept)
    if not out.size:
        return []
    worst = out[np.argsort(-np.abs(clean.deviation[out]), kind="stable")]
    rows = [int(sample.request.table.order[place]) for place in worst]
    far = float(clean.deviation[worst[0]])
    side = "below" if far > 0 else "above"
    what = f"{abs(far):.3g} standard deviations {side} what the other rows predict"
    if len(rows) == 1:
        begin = f"{listed_rows(rows)} lies {what}"
    else:
        begin = f"{listed_rows(rows)} lie off the law, the first {what}"
    end = _end(sample, clean)
    if end:
        guess = f"the law does not hold at the {end}"
        advice = f"leave out the {end}, as warm-up, or fit a law that has a part for them"
    else:
        diverged = far < 0 and is_called_loss(sample.request.table.target_name)
        guess = "a diverged run?" if diverged else "runs of another kind, or wrong numbers?"
        these = (
            "this run, and leave it out if it"
            if len(rows) == 1
            else "these runs, and leave out those that"
        )
        advice = f"look at {these} failed"
        if _reaches_an_end(sample, clean):
            advice += "; a robust loss does not protect the ends"
    return [
        amber(
            "outliers",
            f"{begin}: {guess}",
            advice,
            statistic=abs(far),
            threshold=_threshold(len(clean.kept), clean.freedom),
            evidence={"rows": rows, "deviations": clean.deviation[worst].tolist()},
        )
    ]


def _end(sample: Sample, clean: Cleaned) -> str:
    """Return which end of the only column the rows set aside are, in words; nothing where they are not one."""
    out = ~clean.kept
    count = int(out.sum())
    if len(sample.inputs) != 1 or count < 2:
        return ""
    ((name, values),) = sample.inputs.items()
    order = np.argsort(values, kind="stable")
    for word, places in (("smallest", order[:count]), ("largest", order[-count:])):
        if out[places].all():
            return f"{word} values of {sample.label(name)}"
    return ""


def _reaches_an_end(sample: Sample, clean: Cleaned) -> bool:
    """Return whether a row set aside has the smallest or largest value of a column."""
    return any(
        bool(((values == values.min()) | (values == values.max()))[~clean.kept].any())
        for values in sample.inputs.values()
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Deleted:
    """The linearised fit without some rows.

    Attributes
    ----------
    start, whole
        Residuals at the estimate, shape (rows,), and the basis of all rows, (rows, rank).
    gone
        Rows that were deleted, in that order.
    kept
        Whether a row is left, shape (rows,).
    inverse
        Inverse of the Gram matrix of the basis of the kept rows, shape (rank, rank).
    error
        Distance of each row from the fit of the kept rows, shape (rows,).
    deviation
        The same over its standard deviation, from the other kept rows, shape (rows,).
    """

    start: Floats
    whole: Floats
    gone: list[int]
    kept: NDArray[np.bool_]
    inverse: Floats
    error: Floats
    deviation: Floats

    @classmethod
    def of(cls, start: Floats, whole: Floats, gone: NDArray[np.intp]) -> _Deleted:
        """Return the fit without these rows."""
        inverse: Floats = np.eye(whole.shape[1])
        if gone.size:
            inverse = np.asarray(
                np.linalg.pinv(inverse - whole[gone].T @ whole[gone]), dtype=np.float64
            )
        return cls._with(start, whole, gone.tolist(), inverse)

    def without(self, row: int) -> _Deleted:
        """Return the fit without one more row (Sherman and Morrison 1950)."""
        reach = self.inverse @ self.whole[row]
        left = max(1.0 - float(self.whole[row] @ reach), 1e-300)
        return self._with(
            self.start, self.whole, [*self.gone, row], self.inverse + np.outer(reach, reach) / left
        )

    @classmethod
    def _with(cls, start: Floats, whole: Floats, gone: list[int], inverse: Floats) -> _Deleted:
        kept = np.ones(len(start), dtype=bool)
        kept[gone] = False
        moment = whole.T @ start - whole[gone].T @ start[gone]
        error = start - whole @ (inverse @ moment)
        reach = np.einsum("ij,ij->i", whole @ inverse, whole)
        left = np.where(kept, 1.0 - reach, 1.0 + reach)
        freedom = max(len(start) - len(gone) - whole.shape[1], 1)
        square = float(error[kept] @ error[kept])
        # A kept row is judged by the others alone.
        others = np.where(kept, (square - error**2 / left) / max(freedom - 1, 1), square / freedom)
        scale = np.sqrt(np.maximum(left * others, 0.0))
        usable = (left > PINNED) & (scale > 0.0)
        deviation = np.where(usable, error / np.where(usable, scale, 1.0), 0.0)
        return cls(start, whole, gone, kept, inverse, error, deviation)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the kept rows."""
        return max(len(self.start) - len(self.gone) - int(self.whole.shape[1]), 1)

    def cleaned(self) -> Cleaned:
        """Return what is left as the other checks take it."""
        basis = self.whole
        if self.gone:
            basis = np.linalg.qr(basis[self.kept])[0]
        residual = self.error[self.kept]
        sd = float(np.sqrt(residual @ residual / self.freedom))
        return Cleaned(self.kept, residual, basis, sd, self.deviation)


def _threshold(rows: int, freedom: int) -> float:
    """Return the distance that the worst of normal rows passes with the probability CHANCE (Bonferroni)."""
    return student_quantile(CHANCE / (2 * rows), max(freedom, 1))
