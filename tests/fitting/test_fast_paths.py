"""Warm refits by the short cuts of a known law reach what a search of the plain law reaches."""

from __future__ import annotations

import numpy as np

import scaling_fast as sf

PLAIN = "abs(E) + A/N**alpha + B/D**beta"
TRUTH = {"E": 1.817, "A": 478.0, "B": 2143.0, "alpha": 0.347, "beta": 0.367}
NAMES = ("E", "A", "B", "alpha", "beta")
DELTA = 1e-3


def recomputed(draws, runs, index):
    """Return the objective of every replicate from its parameters, in numpy alone."""
    floor, a, b, alpha, beta = draws.select(NAMES).to_numpy().T[:, :, None]
    n, d, loss = (runs[name].to_numpy()[None] for name in ("N", "D", "loss"))
    r = np.abs(np.log(np.abs(floor) + a * n**-alpha + b * d**-beta) - np.log(loss))
    terms = np.where(r <= DELTA, 0.5 * r * r, DELTA * (r - 0.5 * DELTA))
    return np.take_along_axis(terms, index, axis=1).sum(axis=1)


def test_warm_pairs_refits_reach_what_nine_starts_of_the_plain_law_reach():
    rng = np.random.default_rng(3)
    design = {"N": 10 ** rng.uniform(7.5, 10.2, 240), "D": 10 ** rng.uniform(8.5, 11.5, 240)}
    runs = sf.datasets.simulate(sf.laws.get("chinchilla"), TRUTH, design, 0.01, seed=5)
    loss = sf.Huber(DELTA)
    params = dict(sf.laws.get("chinchilla").params)
    quick = sf.fit(runs, "chinchilla", loss=loss)
    slow = sf.fit(runs, PLAIN, target="loss", loss=loss, residual="log", params=params)
    index = np.random.default_rng(7).integers(0, runs.height, (1_500, runs.height))
    scheme = sf.Indices(index)
    warm = sf.bootstrap(quick, scheme, progress=False).draws
    searched = sf.bootstrap(slow, scheme, starts=9, progress=False).draws
    assert (warm["status"] == "converged").all()
    ours, theirs = (recomputed(draws, runs, index) for draws in (warm, searched))
    best = np.fmin(ours, theirs)
    gap = (ours - best) / best
    assert np.mean(gap <= 1e-9) >= 0.999
    assert gap.max() <= 1e-3
    np.testing.assert_allclose(warm["objective"].to_numpy(), ours, rtol=1e-11)


def test_bayesian_refits_that_move_far_agree_with_the_plain_law():
    rng = np.random.default_rng(3)
    design = {"N": 10 ** rng.uniform(7.5, 10.2, 14), "D": 10 ** rng.uniform(8.5, 11.5, 14)}
    runs = sf.datasets.simulate(sf.laws.get("chinchilla"), TRUTH, design, 0.05, seed=5)
    loss = sf.Huber(DELTA)
    params = dict(sf.laws.get("chinchilla").params)
    quick = sf.fit(runs, "chinchilla", loss=loss)
    slow = sf.fit(runs, PLAIN, target="loss", loss=loss, residual="log", params=params)
    weights = np.random.default_rng(7).dirichlet(np.ones(14), 300) * 14
    ours, plain = (
        sf.bootstrap(fit, sf.Weights(weights), progress=False).draws for fit in (quick, slow)
    )
    for draws in (ours, plain):
        assert (draws["status"] == "converged").all()
    far = np.abs(ours["alpha"].to_numpy() / quick.table["alpha"][0] - 1)
    assert np.median(far) > 0.3
    np.testing.assert_allclose(
        ours["objective"].to_numpy(), plain["objective"].to_numpy(), rtol=1e-9
    )
