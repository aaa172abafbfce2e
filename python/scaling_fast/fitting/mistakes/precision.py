"""What the rows hardly determine: exponents and floors, columns that move together, a single budget."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import quote
from scaling_fast.fitting.mistakes.chance import student_quantile
from scaling_fast.fitting.mistakes.sample import SINGULAR, amber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.findings import Finding
    from scaling_fast.fitting.mistakes.outliers import Cleaned
    from scaling_fast.fitting.mistakes.sample import Sample

    Floats = NDArray[np.float64]

__all__ = ["moving_together", "weak_parameters"]

WEAK_EXPONENT = 0.25
"""Half-width of the 95 % interval of an exponent over its estimate, above which its first digit is in doubt."""

WEAK_FLOOR = 0.06
"""Half-width of the 95 % interval of a floor over the smallest target, above which it is hardly known."""

FEWEST_ROWS = 5
"""Rows from which on a correlation of columns is no accident of their number."""

TOGETHER = 0.98
"""Correlation of two columns above which what one does cannot be told from what the other does.

The variance of what each does is 25 times that of columns that vary by themselves.
"""


def weak_parameters(sample: Sample, clean: Cleaned) -> list[Finding]:
    """Return the finding of exponents and floors whose 95 % interval is wide beside what they are."""
    errors = _standard_errors(sample, clean)
    quantile = student_quantile(0.025, max(clean.freedom, 1))
    free = sample.request.free
    program = sample.request.program
    # The slope of a logarithm is no exponent, and the height of a straight line no floor.
    exponents = {name for _, _, found in program.powers for name in found} - set(program.linear)
    if not exponents & set(free):
        return []
    least = float(np.min(np.abs(sample.request.table.target)))
    weak = {}
    for name, error in zip(free, errors.tolist(), strict=True):
        half, value = quantile * error, sample.estimate[name]
        if name in exponents:
            if not half <= WEAK_EXPONENT * abs(value):
                weak[name] = half
        elif _is_floor(sample, name) and not half <= WEAK_FLOOR * least:
            weak[name] = half
    if not weak:
        return []
    said = [
        f"{quote(name)} = {sample.estimate[name]:.3g} "
        + (f"+- {half:.2g}" if np.isfinite(half) else "without any bound")
        for name, half in weak.items()
    ]
    return [
        amber(
            "weak",
            f"the rows hardly determine {_listed(said)} (95 %, for normal noise)",
            "collect runs over more decades, fix the parameter, or report only what the rows determine",
            statistic=max(
                half / max(abs(sample.estimate[name]), 1e-300) for name, half in weak.items()
            ),
            threshold=WEAK_EXPONENT,
            evidence={"parameters": list(weak), "half_widths": weak},
        )
    ]


def _standard_errors(sample: Sample, clean: Cleaned) -> Floats:
    """Return the standard errors of the free parameters, infinite where the rows say nothing."""
    _, values, right, lengths = sample.decomposed
    seen = values > SINGULAR
    variance = np.einsum("ij,i->j", right[seen] ** 2, 1.0 / values[seen] ** 2)
    lost = np.einsum("ij->j", right[~seen] ** 2) > 1e-8
    with np.errstate(all="ignore"):
        errors = clean.sd * np.sqrt(variance) / lengths
    return np.where(lost | (lengths == 0.0) | (len(values) < len(lengths)), np.inf, errors)


def _is_floor(sample: Sample, name: str) -> bool:
    """Return whether a parameter is added to the law and nothing else: its derivative is that of the law itself."""
    request = sample.request
    if name not in request.program.linear:
        return False
    residual, jacobian = sample.at_point
    column = jacobian[:, request.free.index(name)]
    if request.table.sigma is not None:
        column, residual = column * request.table.sigma, residual * request.table.sigma
    if request.residual == "log":
        with np.errstate(all="ignore"):
            column = column * request.table.target * np.exp(residual)
    elif request.residual != "raw":
        return False
    return bool(np.abs(column - 1.0).max() < 1e-6)


def moving_together(sample: Sample, lines: Sequence[Finding]) -> list[Finding]:
    """Return the findings of columns that move together, and of runs of one budget.

    Parameters
    ----------
    sample
        The rows.
    lines
        The findings of the design, among them those of runs that lie along one line.
    """
    measures = {finding.evidence.get("measure"): finding for finding in lines}
    found = []
    if "budget" in measures and len(sample.inputs) >= 2:
        found += _one_budget(sample, measures["budget"])
    elif (fixed := _fixed_compute(sample)) is not None:
        found.append(_budget_finding(f"{fixed} has one value", fixed))
    enough = sample.rows >= FEWEST_ROWS
    for first, second in itertools.combinations(sample.inputs if enough else (), 2):
        correlation = _correlation(sample.inputs[first], sample.inputs[second])
        if correlation > TOGETHER or (found == [] and correlation < -TOGETHER):
            found.append(_collinear(sample, first, second, correlation))
    if "ray" in measures and not any(finding.code == "collinear" for finding in found):
        names = list(sample.inputs)
        if len(names) == 2:
            correlation = _correlation(*sample.inputs.values())
            # Columns of narrow range lie near a line whatever they do, as logarithms of a full grid do.
            if abs(correlation) > TOGETHER:
                found.append(_collinear(sample, names[0], names[1], correlation))
    return found


def _one_budget(sample: Sample, line: Finding) -> list[Finding]:
    product = str(line.evidence["of"])
    names = [sample.label(name) for name in product.split("*")]
    return [_budget_finding(f"all runs have about the same {' x '.join(names)}", " x ".join(names))]


def _budget_finding(begin: str, what: str) -> Finding:
    return amber(
        "one_budget",
        f"{begin}, so that what more compute does cannot be seen, however narrow an interval looks",
        f"add runs of other budgets, at least 1.5 decades of {what} apart",
        evidence={"of": what},
    )


def _fixed_compute(sample: Sample) -> str | None:
    """Return the label of a column of compute that does not vary, of a law that needs it to."""
    request = sample.request
    for name, scales, exponents in request.program.powers:
        free = set(scales) | set(exponents)
        is_compute = request.law.units.get(name) == "FLOP" or name == "C"
        if is_compute and name not in sample.inputs and free & set(request.free):
            return sample.label(name)
    return None


def _collinear(sample: Sample, first: str, second: str, correlation: float) -> Finding:
    leading, following = sample.label(first), sample.label(second)
    way = "together" if correlation > 0 else "against each other"
    inflation = 1.0 / max(1.0 - correlation**2, 1e-12)
    return amber(
        "collinear",
        f"{leading} and {following} move {way} (correlation {correlation:.4f}), so that what one does cannot be "
        "told from what the other does",
        f"add runs that vary {following} at equal {leading}, or fit a law of one of them",
        statistic=abs(correlation),
        threshold=TOGETHER,
        evidence={"columns": [first, second], "variance_inflation": inflation},
    )


def _correlation(first: Floats, second: Floats) -> float:
    """Return the correlation of two columns, of their logarithms where all values are positive."""
    centred = []
    for values in (first, second):
        logs = np.log(values) if values.min() > 0.0 else values
        centred.append(logs - logs.mean())
    scale = float(np.sqrt((centred[0] @ centred[0]) * (centred[1] @ centred[1])))
    return float(centred[0] @ centred[1]) / scale if scale > 0.0 else 0.0


def _listed(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
