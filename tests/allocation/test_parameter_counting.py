"""The exponent that counting without embeddings gives: published figures, the surface's minimum."""

from __future__ import annotations

import numpy as np
import pytest

import scaling_fast as sf


def test_kaplans_slope_out_of_chinchillas_surface():
    """Pearce and Song 2024: .7751 for Epoch's parameters, .7395 for Hoffmann's unrounded ones."""
    published = sf.laws.chinchilla().published
    epoch = sf.allocation.counting_slope(published["besiroglu2024"]["params"])
    hoffmann = sf.allocation.counting_slope(published["hoffmann2022_source"]["params"])
    assert epoch.slope == pytest.approx(0.7751, abs=5e-5)
    assert hoffmann.slope == pytest.approx(0.7395, abs=5e-5)
    assert epoch.asymptote == pytest.approx(0.513, abs=5e-4)
    assert hoffmann.asymptote == pytest.approx(0.456, abs=6e-4)


def test_the_frontier_without_embeddings_is_the_minimum_of_the_surface():
    params = sf.laws.chinchilla().published["besiroglu2024"]["params"]
    for c, best in (
        sf.allocation.counting_slope(params, points=5).table.select("flops", "n_star").iter_rows()
    ):
        n = best * np.geomspace(0.99, 1.01, 2001)
        total = n + 47491 * n ** (1 / 3)
        loss = (
            params["A"] * total ** -params["alpha"] + params["B"] * (c / 6 / n) ** -params["beta"]
        )
        assert n[np.argmin(loss)] == pytest.approx(best, rel=2e-5)


def test_counting_no_embedding_gives_the_surfaces_own_exponent():
    params = sf.laws.chinchilla().published["besiroglu2024"]["params"]
    found = sf.allocation.counting_slope(params, embedding=0.0)
    assert found.slope == pytest.approx(found.asymptote, rel=1e-9)
