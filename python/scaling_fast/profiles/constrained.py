"""The best fit with one quantity held at a value: what a profile is made of."""

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

HELD = "held_value"
"""The parameter that stands for the value of a formula while it is held."""


AGREES = 1e-8
"""Relative distance within which the quantity of a refit is the value it was held at."""


class ConstrainedRefits:
    """The objective of the best fit at held values, each reached from the nearest one before."""

    def __init__(self, fit: Fit, formula: str, estimate: float, threads: int) -> None:
        self.fit, self.formula, self.threads = fit, formula, threads
        self.seen: dict[float, float] = {estimate: fit.objective}
        self.points: dict[float, Mapping[str, float]] = {estimate: fit.params}
        self.limits = (-math.inf, math.inf)
        law = fit.law
        # Every way to hold the quantity: the parameter that gives way, its solutions, the laws they leave.
        self.ways: list[tuple[str | None, list[tuple[str, Law]]]] = []
        if formula in law.params:
            param = law.params[formula]
            if param.fixed is not None:
                raise ParameterError(
                    f"{quote(formula)} is fixed, so it has no profile", code="fixed", param=formula
                )
            self.limits = (param.lower, param.upper)
            self.ways.append((None, [(formula, law)]))
            return
        for name in law.params:
            solutions = self._solutions(formula, name, estimate)
            if solutions:
                params = {k: v for k, v in law.params.items() if k != name} | {HELD: Param()}
                texts = [re.sub(rf"\b{name}\b", one, law.formula) for one in solutions]
                laws = [Law(text, params=params, columns=law.columns) for text in texts]
                self.ways.append((name, list(zip(solutions, laws, strict=True))))
        if not self.ways:
            raise ParameterError(
                f"the formula {quote(formula, 80)} cannot be solved for one of its free parameters; "
                "profile a parameter, or use bootstrap(fit).interval()",
                code="of",
                param="of",
            )

    def _solutions(self, formula: str, name: str, estimate: float) -> list[str]:
        """Return the solutions for a parameter, if one of them is the fitted one."""
        residual = self.fit.request.residual
        floor = isinstance(residual, LogExcess) and residual.param == name
        if self.fit.law.params[name].fixed is not None or floor:
            return []
        found = solutions_for(formula, name, HELD)
        own = self.fit.params[name]
        columns = {one: np.array([number]) for one, number in self.fit.params.items()}
        columns |= {HELD: np.array([estimate])}
        if any(math.isclose(evaluate(one, columns)[0], own, rel_tol=1e-6) for one in found):
            return found
        return []

    def objective(self, value: float) -> float:
        """Return the objective with the quantity held at `value`; infinite where no fit is found."""
        if value not in self.seen:
            self._keep(value, *self._best(value, searched=False))
        return self.seen[value]

    def searched(self, value: float) -> float:
        """Return the same after a search from everywhere, which may find a lower basin than the nearest."""
        self._keep(value, *self._best(value, searched=True))
        return self.seen[value]

    def forget(self, value: float, *, above: bool) -> None:
        """Drop what was found above, or below, a value: it belongs to a basin that is not the lowest."""
        for held in (self.seen, self.points):
            for one in [one for one in held if one != value and (one > value) == above]:
                del held[one]

    def _keep(self, value: float, point: Mapping[str, float] | None, objective: float) -> None:
        if objective < self.seen.get(value, math.inf) and point is not None:
            self.points[value] = point
        self.seen[value] = min(objective, self.seen.get(value, math.inf))

    def _best(self, value: float, *, searched: bool) -> tuple[Mapping[str, float] | None, float]:
        name, solutions = self.ways[0]
        refits = [
            self._refit(law, name, text, value, {}, searched=searched) for text, law in solutions
        ]
        point, objective = min(refits, key=lambda one: one[1])
        if name is None or point is None:
            return point, objective
        param = self.fit.law.params[name]
        bound = min(max(point[name], param.lower), param.upper)
        if bound == point[name]:
            return point, objective
        # The eliminated parameter left its bounds: it stands on one, and another is eliminated.
        for other, texts in self.ways[1:]:
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
        held = {solution if name is None else HELD: value} | dict(at)
        changed = {one: Param(fixed=number) for one, number in held.items()}
        question = self.fit.request
        params = {one: law.params[one] for one in law.params} | changed
        try:
            request = Request(
                replace(law, params=params), question.table, question.loss, question.residual
            )
        except ScalingError:
            return None, math.inf
        near = sorted(self.points, key=lambda one: abs(one - value))[:2]
        starts = [
            [held.get(one, self.points[close].get(one, value)) for one in request.names]
            for close in near
        ]
        if all(request.law.params[one].fixed is not None for one in request.names):
            found = dict(zip(request.names, starts[0], strict=True))
            return found, request.objective(0, found)
        # One point alone would be a local fit from exactly there; two are refined and the better one kept.
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
        if name is not None:
            known = {param: np.array([number]) for param, number in found.items()}
            found[name] = float(evaluate(solution, known)[0])
            del found[HELD]
            if not self._is_held(found, value):
                return None, math.inf
        return found, objective

    def _is_held(self, point: Mapping[str, float], value: float) -> bool:
        """Return whether the quantity has the value: a square root has none below zero, its inverse does."""
        columns = {one: np.array([number]) for one, number in point.items()}
        size = max(abs(value), max(abs(one) for one in self.points))
        with np.errstate(all="ignore"):
            return abs(float(evaluate(self.formula, columns)[0]) - value) <= AGREES * size
