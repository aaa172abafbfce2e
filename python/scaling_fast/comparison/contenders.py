"""The laws that a comparison is of: fits of the caller, or a fit and its rivals on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_fast.comparison.candidates import Candidate, candidate_of, label_of, on_targets
from scaling_fast.comparison.likelihood import require_density
from scaling_fast.comparison.rivals import default_rivals, fitted, given_rivals
from scaling_fast.comparison.robust_refit import RobustRefit, robust_refit
from scaling_fast.errors import ConvergenceError, DataError, ParameterError, ScalingError, quote
from scaling_fast.findings import Finding
from scaling_fast.fitting.result import Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["FEWEST_LEFT", "Contenders", "contenders", "refit_of", "without_diverged"]

FEWEST_LEFT = 3
"""Rows that a law must leave beside its parameters; Akaike's criterion has no value with fewer."""

FAR = 10.0
"""Robust scales of most laws beyond which a run has diverged."""

MOST_DIVERGED = 10
"""Rows of which one may have diverged; where more lie as far off, it is the law that is wrong."""

SAME_LIKELIHOOD, SAME_CURVE = 1e-5, 1e-3
"""ln L per row, and share of the mean residual, within which two laws are one."""


@dataclass(slots=True, eq=False)
class Contenders:
    """Fitted laws, the headline first, and what was found while they were fitted."""

    laws: list[Candidate]
    findings: list[Finding] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.laws[0].request.table.rows


def contenders(fits: Any, laws: Any, threads: int) -> Contenders:
    """Return the laws that are compared.

    Parameters
    ----------
    fits
        A fit, or several on the same rows.
    laws
        Rivals of the first, or None for those that are known where there is one fit.
    threads
        Number of threads.

    Raises
    ------
    ParameterError
        For anything but single fits, a single law, weights or sigma, a loss without a likelihood.
    DataError
        For fits of unlike rows or targets, and too few rows.
    """
    several = _listed(fits)
    for fit in several:
        _require_comparable(fit)
    _require_same_rows(several)
    found = Contenders([])
    straight: dict[Any, bool] = {}
    for fit in several:
        _add(found, label_of(fit.law), fit, straight)
    if laws is not None or not isinstance(fits, Sequence):
        given = laws is not None
        rivals = given_rivals(several[0], laws) if given else default_rivals(several[0])
        for rival in rivals:
            label = label_of(rival[0])
            if not _has_room(found, label, several[0].n, _free(rival[0])):
                continue
            try:
                fit = fitted(rival, several[0], threads)
            except (DataError, ConvergenceError) as error:
                if given:
                    raise
                _left_out(found, label, str(error))
                continue
            _add(found, label, fit, straight, is_rival=True)
    if len(found.laws) < 2:
        message = "one law alone is compared with nothing; give two fits, or rivals with laws="
        reasons = "; ".join(finding.sentence for finding in found.findings)
        if reasons:
            raise DataError(f"{message} ({reasons})", code="one_law")
        raise ParameterError(message, code="one_law", param="fit")
    return found


def refit_of(law: Candidate) -> RobustRefit | None:
    """Return the robust refit of a law, None where it has none."""
    try:
        return robust_refit(law.fit)
    except ScalingError:
        return None


def without_diverged(found: Contenders, refit: RobustRefit | None) -> NDArray[np.intp]:
    """Pull in the targets of runs that most laws miss by far, fit all laws again, and return where the runs are.

    Parameters
    ----------
    found
        The laws; they are replaced.
    refit
        The headline, refitted robustly; None leaves all targets as they are.
    """
    nothing = np.zeros(0, dtype=np.intp)
    if refit is None:
        return nothing
    far = _far(refit)
    if not far.any():
        return nothing
    others = [other for law in found.laws[1:] if (other := refit_of(law)) is not None]
    votes = np.sum([_far(other) for other in others], axis=0) if others else far.astype(int)
    far &= 2 * votes >= len(others)
    if not far.any() or far.sum() > max(1, refit.rows // MOST_DIVERGED):
        return nothing
    target = np.where(far, refit.clipped, refit.request.table.target)
    found.laws = [
        on_targets(law, target) if np.isfinite(law.deviance) else law for law in found.laws
    ]
    return np.flatnonzero(far)


def _far(refit: RobustRefit) -> NDArray[np.bool_]:
    away = np.abs(np.log(refit.request.table.target) - np.log(refit.fitted))
    return np.asarray(away > FAR * refit.scale)


def _listed(fits: Any) -> list[Fit]:
    several = [fits] if isinstance(fits, Fit) else fits
    if not isinstance(several, list | tuple) or not all(isinstance(fit, Fit) for fit in several):
        raise ParameterError(
            f"compare needs a Fit, or a list of fits of the same rows, got {quote(fits)}",
            code="fit",
            param="fit",
        )
    if not several:
        raise ParameterError("compare got no fit", code="fit", param="fit")
    return list(several)


def _require_comparable(fit: Fit) -> None:
    fit.require_single("compare")
    request, table = fit.request, fit.request.table
    require_density(request.loss)
    for name, given in (
        ("weights", table.weights),
        ("sigma", table.sigma if table.sigma is not None else request.covariance),
    ):
        if given is not None:
            raise ParameterError(
                f"laws are compared by one noise for all rows, so a fit must not have {name}=; "
                "fit again without it",
                code=name,
                param="fit",
            )


def _require_same_rows(fits: list[Fit]) -> None:
    first = fits[0].request.table
    for fit in fits[1:]:
        table = fit.request.table
        same = table.rows == first.rows and np.array_equal(table.target, first.target)
        if not same or not np.array_equal(table.order, first.order):
            what = (
                f"{table.rows} rows and {first.rows}"
                if table.rows != first.rows
                else f"the targets {quote(table.target_name)} and {quote(first.target_name)}"
            )
            raise DataError(
                f"laws are compared on the same rows with the same targets, and these fits have {what}; "
                "fit all of them to one frame",
                code="unlike_rows",
            )


def _has_room(found: Contenders, label: str, rows: int, free: int) -> bool:
    if rows - free >= FEWEST_LEFT:
        return True
    found.findings.append(
        Finding(
            "few_rows",
            "compare",
            "grey",
            f"{label} is left out: {rows} rows leave {rows - free} beside its {free} parameters",
            statistic=float(rows - free),
            threshold=float(FEWEST_LEFT),
            evidence={"law": label, "rows": rows, "parameters": free},
            advice="add runs, or compare laws of fewer parameters",
        )
    )
    return False


def _left_out(found: Contenders, label: str, why: str) -> None:
    found.findings.append(
        Finding(
            "left_out",
            "compare",
            "grey",
            f"{label} is left out: {why}",
            evidence={"law": label},
            advice="a rival that the rows cannot take says nothing; the others are compared",
        )
    )


def _add(
    found: Contenders, label: str, fit: Fit, straight: dict[Any, bool], *, is_rival: bool = False
) -> None:
    """Add a fitted law, unless it leaves too few rows or is the headline under another spelling."""
    if not _has_room(found, label, fit.n, len(fit.request.free)):
        return
    law = candidate_of(label, fit, straight=straight.get(fit.loss))
    if np.isfinite(law.deviance):
        straight.setdefault(fit.loss, law.straight)
    if is_rival and found.laws and _is_same(found.laws[0], law):
        found.laws[0] = replace(found.laws[0], family=label)
        return
    taken = [other.label for other in found.laws]
    if label in taken:
        if is_rival:
            return
        number = sum(name == label or name.startswith(f"{label} (") for name in taken) + 1
        law = replace(law, label=f"{label} ({number})")
    found.laws.append(law)


def _is_same(headline: Candidate, rival: Candidate) -> bool:
    if headline.parameters != rival.parameters or not np.isfinite(headline.deviance):
        return False
    apart = abs(headline.deviance - rival.deviance)
    if not apart <= SAME_LIKELIHOOD * headline.request.table.rows:
        return False
    own, its = (law.fit.predict()["prediction"].to_numpy() for law in (headline, rival))
    size = float(np.mean(np.abs(own - headline.request.table.target)))
    return bool((np.abs(own - its) <= SAME_CURVE * size).all())


def _free(law: Any) -> int:
    return sum(param.fixed is None for param in law.params.values())
