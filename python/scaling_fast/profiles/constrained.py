"""The best fit with one quantity constrained to a value: what a profile is made of."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ParameterError, ScalingError, quote
from scaling_fast.fitting.estimates import Estimates
from scaling_fast.fitting.request import Request
from scaling_fast.laws import Law, Param
from scaling_fast.laws.quantities import evaluate
from scaling_fast.losses.residual import LogExcess
from scaling_fast.profiles.inversion import solutions_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.fitting.result import Fit

__all__ = ["ConstrainedRefits"]

CONSTRAINED = "constrained_value"
"""The parameter that stands for the value of a formula while it is constrained."""


AGREES = 1e-8
"""Relative distance within which the quantity of a refit is the value it was constrained to."""


class ConstrainedRefits:
    """The objective of the best fit at constrained values, each refit begun from the nearest one before.

    A parameter is fixed at its value. Of a formula, one parameter is eliminated: the law is rewritten
    with the solution of formula = value in its place, so that every refit is an unconstrained fit.

    Parameters
    ----------
    fit
        A single, converged fit.
    formula
        Formula of parameters, derived quantities written out.
    estimate
        Value of the formula at the fit.
    threads
        Number of threads of a refit, from 1.

    Raises
    ------
    ParameterError
        For a fixed parameter, or a formula that cannot be solved for a free parameter.
    """

    def __init__(self, fit: Fit, formula: str, estimate: float, threads: int) -> None:
        self.fit, self.formula, self.threads = fit, formula, threads
        self.seen: dict[float, float] = {estimate: fit.objective}
        self.points: dict[float, Mapping[str, float]] = {estimate: fit.params}
        self.limits = (-math.inf, math.inf)
        law = fit.law
        # Every way to constrain it: the parameter eliminated, its solutions, and the laws they leave.
        self.eliminations: list[tuple[str | None, list[tuple[str, Law]]]] = []
        if formula in law.params:
            param = law.params[formula]
            if param.fixed is not None:
                raise ParameterError(
                    f"{quote(formula)} is fixed, so it has no profile", code="fixed", param=formula
                )
            self.limits = (param.lower, param.upper)
            self.eliminations.append((None, [(formula, law)]))
            return
        for name in law.params:
            solutions = self._solutions(formula, name, estimate)
            if solutions:
                params = {other: law.params[other] for other in law.params if other != name}
                params[CONSTRAINED] = Param()
                texts = [re.sub(rf"\b{name}\b", solution, law.formula) for solution in solutions]
                laws = [Law(text, params=params, columns=law.columns) for text in texts]
                self.eliminations.append((name, list(zip(solutions, laws, strict=True))))
        if not self.eliminations:
            raise ParameterError(
                f"the formula {quote(formula, 80)} cannot be solved for one of its free parameters; "
                "profile a parameter, or use bootstrap(fit).interval()",
                code="of",
                param="of",
            )

    def _solutions(self, formula: str, name: str, estimate: float) -> list[str]:
        """Return the solutions for a parameter, if one of them is the fitted value."""
        residual = self.fit.request.residual
        # The floor of a log-excess stands in the residual too, which keeps its name.
        is_floor = isinstance(residual, LogExcess) and residual.param == name
        if self.fit.law.params[name].fixed is not None or is_floor:
            return []
        found = solutions_for(formula, name, CONSTRAINED)
        own = self.fit.params[name]
        columns = {param: np.array([value]) for param, value in self.fit.params.items()}
        columns |= {CONSTRAINED: np.array([estimate])}
        if any(math.isclose(evaluate(text, columns)[0], own, rel_tol=1e-6) for text in found):
            return found
        return []

    def objective(self, value: float) -> float:
        """Return the objective with the quantity constrained to `value`; infinite where no fit is found."""
        if value not in self.seen:
            self._keep(value, *self._best(value, searched=False))
        return self.seen[value]

    def searched(self, value: float) -> float:
        """Return the same after a full search, which may find a lower basin than the nearest one."""
        self._keep(value, *self._best(value, searched=True))
        return self.seen[value]

    def forget(self, value: float, *, above: bool) -> None:
        """Drop what was found above, or below, a value: it belongs to a basin that is not the lowest."""
        for found in (self.seen, self.points):
            for other in [at for at in found if at != value and (at > value) == above]:
                del found[other]

    def _keep(self, value: float, point: Mapping[str, float] | None, objective: float) -> None:
        if objective < self.seen.get(value, math.inf) and point is not None:
            self.points[value] = point
        self.seen[value] = min(objective, self.seen.get(value, math.inf))

    def _best(self, value: float, *, searched: bool) -> tuple[Mapping[str, float] | None, float]:
        name, solutions = self.eliminations[0]
        refits = [
            self._refit(law, name, text, value, {}, searched=searched) for text, law in solutions
        ]
        point, objective = min(refits, key=lambda refit: refit[1])
        if name is None or point is None:
            return point, objective
        param = self.fit.law.params[name]
        bound = min(max(point[name], param.lower), param.upper)
        if bound == point[name]:
            return point, objective
        # The eliminated parameter left its bounds: it is fixed on the bound, and another is eliminated.
        for other, texts in self.eliminations[1:]:
            for text, bounded in texts:
                found = self._refit(bounded, other, text, value, {name: bound}, searched=searched)
                if found[0] is not None:
                    return found
        return None, math.inf

    def _refit(
        self,
        law: Law,
        name: str | None,
        solution: str,
        value: float,
        at: Mapping[str, float],
        *,
        searched: bool,
    ) -> tuple[Mapping[str, float] | None, float]:
        fixed = {solution if name is None else CONSTRAINED: value} | dict(at)
        changed = {param: Param(fixed=number) for param, number in fixed.items()}
        question = self.fit.request
        params = dict(law.params) | changed
        try:
            request = Request(
                replace(law, params=params),
                question.table,
                question.loss,
                question.residual,
                covariance=question.covariance,
            )
        except ScalingError:
            return None, math.inf
        near = sorted(self.points, key=lambda known: abs(known - value))[:2]
        starts = [
            [fixed.get(param, self.points[close].get(param, value)) for param in request.names]
            for close in near
        ]
        if all(request.law.params[param].fixed is not None for param in request.names):
            found = dict(zip(request.names, starts[0], strict=True))
            objective = request.objective(0, found)
            return self._completed(found, name, solution, value, objective)
        # One start alone would be a local fit from exactly there; of two, both are refined and the better kept.
        starts = (starts * 2)[:2]
        columns, interrupted = request.fit(
            None if searched else np.array(starts), threads=self.threads
        )
        if interrupted:
            raise KeyboardInterrupt
        objective = float(columns.objective[0])
        if not math.isfinite(objective):
            return None, math.inf
        found = Estimates(request, columns.params).point(0)
        return self._completed(found, name, solution, value, objective)

    def _completed(
        self,
        found: dict[str, float],
        name: str | None,
        solution: str,
        value: float,
        objective: float,
    ) -> tuple[Mapping[str, float] | None, float]:
        """Return a refit with the parameter that was eliminated; none where the quantity has another value."""
        if name is not None:
            known = {param: np.array([number]) for param, number in found.items()}
            found[name] = float(evaluate(solution, known)[0])
            del found[CONSTRAINED]
            if not self._meets(found, value):
                return None, math.inf
        return found, objective

    def _meets(self, point: Mapping[str, float], value: float) -> bool:
        """Return whether the quantity has the value: a square root is never negative, its inverse allows it."""
        columns = {param: np.array([number]) for param, number in point.items()}
        size = max(abs(value), max(abs(known) for known in self.points))
        with np.errstate(all="ignore"):
            return abs(float(evaluate(self.formula, columns)[0]) - value) <= AGREES * size
