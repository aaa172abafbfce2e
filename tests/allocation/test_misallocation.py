"""What a model of the wrong size costs: published figures and the surface itself."""

from __future__ import annotations

import pytest
from isoflop import SURFACE, best_scale

import scaling_fast as sf


@pytest.mark.parametrize(
    ("alpha", "beta", "factor", "percent", "digits"),
    [
        (0.34, 0.28, 0.887, 0.45, 2),
        (0.684, 0.439, 0.6835, 8.0, 1),
        (0.710, 0.372, 0.649, 10.0, 1),
    ],
)
def test_the_published_costs_of_a_wrong_size(alpha, beta, factor, percent, digits):
    """Chinchilla, SODA, Sparse-NMM: compute lost, to the digits printed."""
    cost = sf.allocation.misallocation_cost({"alpha": alpha, "beta": beta}, factor=factor)
    assert round(100 * cost["lost_compute"].item(), digits) == percent


@pytest.mark.parametrize("factor", [0.2, 0.7, 1.5, 6.0])
def test_the_cost_of_a_wrong_size_is_that_of_the_surface(factor):
    alpha, beta, c = 0.34, 0.28, 1e21
    a, scale = beta / (alpha + beta), best_scale(alpha, beta)

    def excess(n, compute):
        return SURFACE["A"] * n**-alpha + SURFACE["B"] * (compute / 6 / n) ** -beta

    best = scale * (c / 6) ** a
    cost = sf.allocation.misallocation_cost({"alpha": alpha, "beta": beta}, factor=[factor])
    assert cost["excess"].item() == pytest.approx(
        excess(factor * best, c) / excess(best, c), rel=1e-12
    )
    less = c * (1 - cost["lost_compute"].item())
    assert excess(scale * (less / 6) ** a, less) == pytest.approx(
        excess(factor * best, c), rel=1e-12
    )
