"""What approaches 1 and 2 get wrong on the runs of a frame: budgets left out, the best of several, parabolas."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_fast.allocation.agreement import line_quantity
from scaling_fast.allocation.envelope import grid_finding, grid_resolution, selection_findings
from scaling_fast.allocation.frontier import budget_findings, budget_table
from scaling_fast.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scaling_fast.allocation.budgets import Runs
    from scaling_fast.allocation.optima import Optima

__all__ = ["bias_on_surface", "optima_findings"]

SLOPE_TOLERANCE, SHIFT_TOLERANCE = 0.01, 0.05
"""Errors of the exponent a and of ln D* up to which an approach recovers a noise-free surface."""


def optima_findings(runs: Runs, optima: Sequence[Optima]) -> list[Finding]:
    """Return the findings about the budgets of approaches 1 and 2."""
    return [
        *(
            _of_approach(finding, place)
            for place, found in enumerate(optima, 1)
            for finding in budget_findings(runs, budget_table(runs, found))
        ),
        *selection_findings(runs, optima[0]),
        _of_approach(grid_finding(grid_resolution(runs, optima[0])), 1),
    ]


def _of_approach(finding: Finding, place: int) -> Finding:
    name = f"approach {place}"
    return replace(finding, check=name, sentence=f"{name}: {finding.sentence}")


def bias_on_surface(
    runs: Runs, quiet: NDArray[np.float64], surface: NDArray[np.float64]
) -> tuple[Finding, ...]:
    """Return how far approaches 1 and 2 miss the optimum of the fitted surface with this design and no noise.

    Parameters
    ----------
    runs
        The runs.
    quiet
        LINE_COLUMNS of approaches 1 and 2 on noise-free losses of the surface, shape (2, 4).
    surface
        LINE_COLUMNS of the surface itself, shape (4,).
    """
    found = []
    for place, line in enumerate(quiet, 1):
        if not np.isfinite(line).all() or not np.isfinite(surface).all():
            continue
        compute = math.exp(float(np.mean(runs.ln_c)))
        slope = float(line[0] - surface[0])
        ours, exact = (line_quantity(at, "d_star", compute) for at in (line, surface))
        shift = float(ours - exact)
        is_small = abs(shift) <= SHIFT_TOLERANCE and abs(slope) <= SLOPE_TOLERANCE
        found.append(
            Finding(
                "bias_on_surface",
                f"approach {place}",
                "green" if is_small else "amber",
                f"approach {place}: on noise-free losses of the fitted surface this design gives an "
                f"exponent a off by {slope:+.3g} and a D* off by {100 * math.expm1(shift):+.2g} % at "
                f"{compute:.2g} FLOP",
                statistic=slope,
                threshold=SLOPE_TOLERANCE,
                evidence={"a": slope, "ln_d": shift},
                advice="An interval does not include systematic errors: narrow and centre the sizes "
                "of each budget, or rely on approach 3.",
            )
        )
    return tuple(found)
