"""Whether what is left over is noise: neighbours that go together, curvature, and replicates that agree better."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast._core import Purpose
from scaling_fast.fitting.mistakes.chance import variance_ratio_deviate
from scaling_fast.fitting.mistakes.replicates import set_numbers
from scaling_fast.fitting.mistakes.sample import amber
from scaling_fast.runtime.streams import philox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.mistakes.outliers import Cleaned
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["autocorrelation", "curvature"]

CORRELATED = 3.1
"""Deviate of the correlation of neighbours, or of the number of runs, that noise passes in .1 % of fits."""

CURVED = 3.0
"""Deviate of the share of a curve that the law has not, which noise passes in .13 % of fits."""

FEWEST = 8
"""Rows below which neighbours say nothing."""


def _neighbours(sample: Sample, clean: Cleaned) -> list[tuple[str, NDArray[np.intp]]]:
    """Return the orders in which rows are neighbours: along the only column, or within equal values of one.

    Each is what the order is called, and the kept rows in it.
    """
    inputs = {name: values[clean.kept] for name, values in sample.inputs.items()}
    if len(inputs) > 2:
        return []
    # Equal rows are neighbours in no order: that of a file, which may be sorted by the target, is none.
    tie = _shuffled(len(clean.residual))
    if len(inputs) == 1:
        ((name, values),) = inputs.items()
        return [(f"along {sample.label(name)}", np.lexsort((tie, values)))]
    orders = []
    for name, other in itertools.permutations(inputs, 2):
        said = f"in the order of {sample.label(name)} and {sample.label(other)}"
        orders.append((said, np.lexsort((tie, inputs[other], inputs[name]))))
    return orders


@lru_cache(maxsize=64)
def _shuffled(rows: int) -> NDArray[np.intp]:
    """Return the numbers of rows in an order that is the same every time and has nothing to do with them."""
    return np.random.Generator(philox(0, Purpose.FINDINGS)).permutation(rows)


def autocorrelation(sample: Sample, clean: Cleaned) -> list[Finding]:
    """Return the finding of residuals whose neighbours go together."""
    best: tuple[float, str, float, int, float] | None = None
    if len(clean.residual) < FEWEST or clean.freedom < FEWEST - 3:
        return []
    for where, order in _neighbours(sample, clean):
        lag, deviate = _lag_one(clean.residual[order], clean.basis[order])
        runs, expected, of_runs = _runs(clean.residual[order])
        worst = max(deviate, of_runs)
        if best is None or worst > best[0]:
            best = (worst, where, lag, runs, expected)
    if best is None or best[0] < CORRELATED:
        return []
    deviate, where, lag, runs, expected = best
    return [
        amber(
            "autocorrelated",
            f"the residuals of neighbours {where} go together: their correlation is {lag:.2f}, with "
            f"{runs} changes of sign where noise has {expected:.0f}, so that the rows say less than their number",
            "fit a law of another shape, or thin the rows until neighbours are independent",
            statistic=lag,
            threshold=CORRELATED,
            evidence={"lag_one": lag, "runs": runs, "expected": expected, "deviate": deviate},
        )
    ]


def _lag_one(residual: Floats, basis: Floats) -> tuple[float, float]:
    """Return the correlation of neighbours, and its deviate from what the fit itself makes of noise.

    With M the projection on what the parameters do not move and A half the sum of both shifts, the
    correlation is e'MAMe/e'Me, whose mean and variance are traces (Durbin and Watson 1950).
    """
    total = float(residual @ residual)
    freedom = len(residual) - basis.shape[1]
    if total <= 0.0:
        return 0.0, 0.0
    lag = float(residual[1:] @ residual[:-1]) / total
    shifted = np.zeros_like(basis)
    shifted[1:] = basis[:-1] / 2
    shifted[:-1] += basis[1:] / 2
    inner = basis.T @ shifted
    trace = -float(np.trace(inner))
    # The trace of the square of A is half the number of neighbours.
    square = (len(residual) - 1) / 2 - 2 * float(np.sum(shifted**2)) + float(np.sum(inner**2))
    mean = trace / freedom
    variance = 2 * (freedom * square - trace**2) / (freedom**2 * (freedom + 2))
    return lag, (lag - mean) / max(variance, 1e-12) ** 0.5


def _runs(residual: Floats) -> tuple[int, float, float]:
    """Return the number of changes of sign, what noise has, and the deviate of too few (Wald and Wolfowitz)."""
    sign = residual > 0.0
    above, below = int(sign.sum()), int((~sign).sum())
    changes = int(np.count_nonzero(sign[1:] != sign[:-1]))
    count = above + below
    expected = 2 * above * below / count
    variance = expected * (expected - 1.0) / max(count - 1, 1) if expected > 1 else 0.0
    return changes, expected, (expected - changes) / variance**0.5 if variance > 0.0 else 0.0


def curvature(sample: Sample, clean: Cleaned, *, copied: bool) -> list[Finding]:
    """Return the finding of a law that misses a curve, or more than replicates disagree by.

    Parameters
    ----------
    sample, clean
        The rows, and the residuals without outliers.
    copied
        Whether rows are copies of others, whose agreement says nothing.
    """
    found = [] if copied else _against_replicates(sample, clean)
    return found or _against_curves(sample, clean)


def _against_curves(sample: Sample, clean: Cleaned) -> list[Finding]:
    """Return the finding of a smooth curve in the logarithms of the columns that the residuals follow."""
    extra = _curves(sample, clean)
    if extra is None:
        return []
    extra = extra - clean.basis @ (clean.basis.T @ extra)
    left, values, _ = np.linalg.svd(extra, full_matrices=False)
    # A curve that the law all but makes itself is no test of it.
    left = left[:, values > 1e-4]
    spare = clean.freedom - left.shape[1]
    if not left.shape[1] or spare < 4:
        return []
    explained = float(np.sum((left.T @ clean.residual) ** 2))
    rest = float(clean.residual @ clean.residual) - explained
    if rest <= 0.0:
        return []
    ratio = (explained / left.shape[1]) / (rest / spare)
    deviate = variance_ratio_deviate(ratio, left.shape[1], spare)
    if deviate < CURVED:
        return []
    names = " and ".join(sample.label(name) for name in sample.inputs)
    share = explained / (explained + rest)
    return [
        amber(
            "lack_of_fit",
            f"the residuals follow a smooth curve in {names}: it explains {100 * share:.0f} % of them, more than "
            "noise leaves, so that the law misses the shape of the rows",
            "fit a law of another shape, and do not extrapolate this one",
            statistic=ratio,
            threshold=CURVED,
            evidence={"share": share, "terms": int(left.shape[1]), "deviate": deviate},
        )
    ]


def _curves(sample: Sample, clean: Cleaned) -> Floats | None:
    """Return smooth terms in the columns, each of length one, shape (kept, terms)."""
    scaled = []
    for values in sample.inputs.values():
        kept = values[clean.kept]
        logs = np.log(kept) if kept.min() > 0.0 else kept
        low, high = logs.min(), logs.max()
        if not high > low:
            return None
        scaled.append(2.0 * (logs - low) / (high - low) - 1.0)
    terms: list[Floats] = []
    if len(scaled) == 1:
        terms = [np.polynomial.legendre.legval(scaled[0], np.eye(6)[k]) for k in range(2, 6)]
    elif len(scaled) == 2:
        first, second = scaled
        terms = [first**2, second**2, first * second, first**3, second**3]
    if not terms or clean.freedom < len(terms) + 4:
        return None
    stacked = np.column_stack([np.ones(len(scaled[0])), *scaled, *terms])
    return np.asarray(stacked / np.linalg.norm(stacked, axis=0))


def _against_replicates(sample: Sample, clean: Cleaned) -> list[Finding]:
    """Return the finding of rows of equal columns that agree better with one another than with the law."""
    number = set_numbers(sample, clean.kept)
    if number is None:
        return []
    counts = np.bincount(number)
    means = np.bincount(number, clean.residual) / counts
    pure = float(np.sum((clean.residual - means[number]) ** 2))
    freedom = len(number) - len(counts)
    target = sample.request.table.target[clean.kept]
    order = np.lexsort((target, number))
    equal = (np.diff(number[order]) == 0) & (np.diff(target[order]) == 0.0)
    if 2 * int(equal.sum()) > freedom:
        return []  # copies, or numbers of few digits
    missing = clean.freedom - freedom
    lack = float(clean.residual @ clean.residual) - pure
    if freedom < 3 or missing < 1 or pure <= 0.0 or lack <= 0.0:
        return []
    ratio = (lack / missing) / (pure / freedom)
    deviate = variance_ratio_deviate(ratio, missing, freedom)
    if deviate < CURVED:
        return []
    return [
        amber(
            "lack_of_fit",
            f"the law misses the means of equal rows by {ratio**0.5:.2g} times what equal rows disagree by: "
            "it does not have the shape of the rows",
            "fit a law of another shape, and do not extrapolate this one",
            statistic=ratio,
            threshold=CURVED,
            evidence={"pure_error": (pure / freedom) ** 0.5, "deviate": deviate},
        )
    ]
