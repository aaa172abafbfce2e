"""The best fit with one quantity held at a value: what a profile is made of."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.errors import ParameterError, ScalingError, shown
from scaling_fast.inversion import solved_for
from scaling_fast.laws import Law, Param
from scaling_fast.request import Request, evaluate
from scaling_fast.residuals import LogExcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaling_fast.fitted import Fit

__all__ = ["HeldRefits"]

HELD = "held_value"
"""The parameter that stands for the value of a formula while it is held."""


class HeldRefits:
    """The objective of the best fit at held values, each reached from the nearest one before."""

    def __init__(self, fit: Fit, formula: str, estimate: float, threads: int) -> None:
        self.fit, self.threads = fit, threads
        self.seen: dict[float, float] = {estimate: fit.objective}
        self.points: dict[float, Mapping[str, float]] = {estimate: fit.params}
        self.limits = (-math.inf, math.inf)
        law = fit.law
        self.ways: list[tuple[str | None, str, Law]] = []
        if formula in law.params:
            param = law.params[formula]
            if param.fixed is not None:
                raise ParameterError(
                    f"{shown(formula)} is fixed, so it has no profile", code="fixed", param=formula
                )
            self.limits = (param.lower, param.upper)
            self.ways.append((None, formula, law))
            return
        for name in law.params:
            solution = self._solution(formula, name)
            if solution is not None:
                text = re.sub(rf"\b{name}\b", solution, law.formula)
                params = {k: v for k, v in law.params.items() if k != name} | {HELD: Param()}
                bound = Law(text, params=params, columns=law.columns)
                self.ways.append((name, solution, bound))
        if not self.ways:
            raise ParameterError(
                f"the formula {shown(formula, 80)} cannot be solved for one of its free parameters; "
                "profile a parameter, or use bootstrap(fit).interval()",
                code="of",
                param="of",
            )

    def _solution(self, formula: str, name: str) -> str | None:
        residual = self.fit.request.residual
        floor = isinstance(residual, LogExcess) and residual.param == name
        if self.fit.law.params[name].fixed is not None or floor:
            return None
        return solved_for(formula, name, HELD)

    def objective(self, value: float) -> float:
        """Return the objective with the quantity held at `value`; infinite where no fit is found."""
        if value not in self.seen:
            point, objective = self._best(value)
            self.seen[value] = objective
            if point is not None:
                self.points[value] = point
        return self.seen[value]

    def _best(self, value: float) -> tuple[Mapping[str, float] | None, float]:
        name, solution, law = self.ways[0]
        point, objective = self._refit(law, name, solution, value, {})
        if name is None or point is None:
            return point, objective
        param = self.fit.law.params[name]
        bound = min(max(point[name], param.lower), param.upper)
        if bound == point[name]:
            return point, objective
        # The eliminated parameter left its bounds: it stands on one, and another is eliminated.
        for other, text, bounded in self.ways[1:]:
            found = self._refit(bounded, other, text, value, {name: bound})
            if found[0] is not None:
                return found
        return None, math.inf

    def _refit(
        self, law: Law, name: str | None, solution: str, value: float, at: Mapping[str, float]
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
        numbers, interrupted = request.fit(np.array(starts), threads=self.threads)
        if interrupted:
            raise KeyboardInterrupt
        objective = float(numbers["objective"][0])
        if not math.isfinite(objective):
            return None, math.inf
        found = dict(zip(request.names, numbers["params"][0].tolist(), strict=True))
        if name is not None:
            columns = {one: np.array([number]) for one, number in found.items()}
            found[name] = float(evaluate(solution, columns)[0])
            del found[HELD]
        return found, objective
