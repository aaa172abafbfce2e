"""Laws fitted to one set of rows, as they are compared: optimum, parameters and likelihood."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.comparison.likelihood import deviances
from scaling_fast.fitting.near_absolute import is_nearly_absolute
from scaling_fast.fitting.status import status_column
from scaling_fast.frames.table import read_only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scaling_fast.fitting.request import Request
    from scaling_fast.fitting.result import Fit
    from scaling_fast.laws import Law

    Floats = NDArray[np.float64]

__all__ = ["Candidate", "candidate_of", "label_of", "on_targets"]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A law at its optimum.

    Attributes
    ----------
    label
        Name of the law, or its formula, with the parameters that it keeps.
    fit
        The fit.
    request
        Its question; the targets may be pulled in.
    params
        Parameters in the law's order, shape (parameters,).
    at_bound
        Whether each ended on a bound.
    status
        How the fit ended.
    straight
        Whether the loss is straight for most rows.
    deviance
        -2 ln L, as a density of the target.
    family
        Name of the rival that it is under another spelling; else its label.
    """

    label: str
    fit: Fit
    request: Request
    params: Floats
    at_bound: NDArray[np.bool_]
    status: str
    straight: bool
    deviance: float
    family: str

    @property
    def converged(self) -> bool:
        """Whether its certificate holds."""
        return self.status == "converged"

    @property
    def parameters(self) -> int:
        """The number of parameters k that are not fixed."""
        return len(self.request.free)

    @property
    def log_likelihood(self) -> float:
        """The logarithm of the likelihood of the targets."""
        return -0.5 * self.deviance

    def point(self) -> Mapping[str, float]:
        """Return parameter -> value."""
        return dict(zip(self.request.names, self.params.tolist(), strict=True))

    def is_straight(self) -> bool:
        """Return whether the loss is straight for most rows at this optimum."""
        return is_nearly_absolute(self.request, self.point())


def label_of(law: Law) -> str:
    """Return the name of a law, with the parameters that it keeps: "chinchilla, E = 1.6"."""
    fixed = [
        f"{name} = {param.fixed:g}" for name, param in law.params.items() if param.fixed is not None
    ]
    return ", ".join([law.name or law.formula, *fixed])


def candidate_of(label: str, fit: Fit, *, straight: bool | None = None) -> Candidate:
    """Return the law of a fit as it is compared.

    Parameters
    ----------
    label
        How it is called.
    fit
        A single fit, converged or not.
    straight
        Whether its loss is straight for most rows; None to look.
    """
    request = fit.request
    params = np.array([fit.params[name] for name in request.names])
    bound = np.array([not fit.is_free(name) for name in request.names])
    made = Candidate(
        label, fit, request, params, bound, fit.status, straight is True, np.nan, label
    )
    if not np.isfinite(params).all():
        return made
    if straight is None:
        made = replace(made, straight=made.is_straight())
    return _judged(made, fit.objective)


def on_targets(law: Candidate, target: Floats) -> Candidate:
    """Return a law fitted again to other targets of its rows, from where it ended."""
    table = replace(law.request.table, target=read_only(np.array(target)))
    request = replace(law.request, table=table)
    ends = []
    for starts in (np.ascontiguousarray(law.params[None]), None):
        columns, interrupted = request.fit(starts, threads=1)
        if interrupted:
            raise KeyboardInterrupt
        ends.append(columns)
    best = min(ends, key=lambda end: end.objective[0] if end.converged[0] else np.inf)
    status = status_column(best.status)[0]
    moved = replace(
        law,
        request=request,
        params=np.array(best.params[0]),
        at_bound=np.array(best.at_bound[0], dtype=bool),
        status=status,
    )
    return _judged(moved, float(best.objective[0]))


def _judged(law: Candidate, objective: float) -> Candidate:
    found = deviances(law.request, law.params[None], np.array([objective]), straight=law.straight)
    return replace(law, deviance=float(found[0]))
